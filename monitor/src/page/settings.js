// Settings with their sources; a change is refused beside its field.
import { confirm } from "./dialog.js";
import { h, say, show } from "./dom.js";
import { get, request } from "./request.js";
import { known, unknown } from "./words.js";

const note = (words) => say("settings-note", words);
let shownState;
let asking = false;

export function showSettings({ status, settings_version: version, settings_converged: converged }) {
  note(version === 0 ? "No setting was changed while running." : `Version ${version}; ${converged ? "every replica runs with it" : "not every replica runs with it yet"}.`);
  // The value in force is what replicas report, which follows a change, or their start, by a moment.
  const live = status.replicas.filter((replica) => replica.state === "live").map((replica) => replica.replica);
  const state = `${version} ${converged} ${live.sort().join(" ")}`;
  if (state !== shownState && !asking && !isEdited()) refresh(state);
}

/** A field holds what is not saved yet. */
const isEdited = () => [...document.querySelectorAll("#settings-list input")].some((field) => field.value !== field.defaultValue);

async function refresh(state) {
  asking = true;
  try {
    const config = await get("config");
    shownState = state;
    // Made anew, so that fields show the value in force.
    const focused = document.activeElement?.id;
    show("settings-list");
    show("settings-list", table(config));
    if (focused?.startsWith("setting-")) document.getElementById(focused)?.focus({ preventScroll: true });
  } catch (refused) {
    show("settings-list", h("p.refusal", null, refused.message));
  } finally {
    asking = false;
  }
}

function table(config) {
  const changeable = config.settings.filter((setting) => setting.changes_while_running);
  const fixed = config.settings.filter((setting) => !setting.changes_while_running);
  const head = (names) => h("thead", null, h("tr", null, names.map((name) => h("th", { scope: "col" }, name))));
  return [
    h("table.rows.cards.settings", null,
      h("caption.visually-hidden", null, "Settings that change while running"),
      head(["Setting", "Value", "Source", "Default"]),
      h("tbody", null, changeable.map(row))),
    config.version > 0 && h("div.buttons", null, h("button", { type: "button", "data-undo": config.version }, `Undo version ${config.version}`),
      config.audit[0] && h("span.note", null, `${config.audit[0].by}: ${config.audit[0].changed.map(({ name, before, after }) => `${name} ${before ?? "default"} → ${after ?? "default"}`).join(", ")}`)),
    fixed.length > 0 && h("details", null, h("summary", null, `${fixed.length} settings that are fixed at start`),
      h("table.rows.cards.settings", null, h("caption.visually-hidden", null, "Settings that are fixed at start"), head(["Setting", "Value", "Source"]),
        h("tbody", null, fixed.map((setting) => h("tr", null,
          h("th", { scope: "row" }, h("code", null, setting.name)),
          h("td", { "data-label": "Value" }, known(setting.value) ? shown(setting.value) : unknown()),
          h("td", { "data-label": "Source" }, setting.source ?? unknown())))))),
  ];
}

const shown = (value) => (value === "" ? "(empty)" : String(value));

function row(setting) {
  const id = `setting-${setting.name}`;
  return h("tr", null,
    h("th", { scope: "row" }, h("label", { for: id }, h("code", null, setting.name)), h("span.why", null, setting.description)),
    h("td", { "data-label": "Value" },
      h("form.setting", { "data-setting": setting.name, "data-kind": setting.kind },
        h("input", { id, value: known(setting.value) ? String(setting.value) : "", placeholder: known(setting.value) ? null : "not known",
          inputmode: setting.kind === "integer" ? "numeric" : setting.kind === "decimal" ? "decimal" : null, autocomplete: "off", "aria-describedby": `${id}-refusal` }),
        h("span.unit", null, setting.unit ?? ""),
        h("button", { type: "submit" }, "Save", h("span.visually-hidden", null, ` ${setting.name}`)),
        h("span.refusal", { id: `${id}-refusal`, role: "alert" }))),
    h("td", { "data-label": "Source" }, setting.source ?? unknown()),
    h("td", { "data-label": "Default" }, known(setting.default) ? shown(setting.default) : unknown()));
}

const list = document.getElementById("settings-list");
list.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const { setting: name, kind } = form.dataset;
  const [field, place] = [form.querySelector("input"), form.querySelector(".refusal")];
  const text = field.value.trim();
  const value = kind === "text" ? text : text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
  place.textContent = "";
  field.removeAttribute("aria-invalid");
  try {
    await request("PATCH", "config", { [name]: value });
    field.focus({ preventScroll: true });
    await refresh();
  } catch (refused) {
    place.textContent = refused.fields?.get(name) ?? refused.message;
    field.setAttribute("aria-invalid", "true");
  }
});

list.addEventListener("click", async (event) => {
  const version = event.target.closest?.("button")?.dataset.undo;
  if (!version) return;
  const undone = await confirm({
    title: `Undo version ${version}?`,
    text: "The settings get back their values from before that version.",
    button: "Undo",
    action: () => request("POST", "config/undo", { version: Number(version) }),
  });
  if (undone) await refresh();
});
