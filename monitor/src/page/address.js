// What a page shows is in its address, so that it can be sent to a colleague, kept, and gone back to. A form is filled from
// the address, and sending it goes to another.
import { h } from "./dom.js";

/** What the address asks for: the values that are there, by name. */
export const asked = () => Object.fromEntries([...new URLSearchParams(location.search)].filter(([, value]) => value.trim() !== ""));

/** The address of a page with these values; what is empty is left out. */
export function to(page, values = {}) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && String(value).trim() !== "");
  return given.length ? `${page}?${new URLSearchParams(given)}` : page;
}

/** Whether a text is the id of a job. */
export const isJobId = (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text ?? "");

/** A link to a page. */
export const link = (page, values, ...text) => h("a", { href: to(page, values) }, text);

export const jobLink = (id, ...text) => link("job", { id }, text.length ? text : h("code", null, id));
export const accountLink = (number) => link("account", { number }, number);
export const importLink = (number, row) => link("import", { number }, row ? `import ${number}, row ${row}` : `import ${number}`);

/**
 * A form of `fields`: `{name, label, value, options, type, hint, list, ...attributes}`. `extra` are fields that are folded away unless one
 * has a value. `check` returns what is wrong by the names of the fields, or nothing.
 */
export function filters({ page, fields, extra = [], button, check = () => ({}), label }) {
  const given = asked();
  const form = h("form.filters", { role: "search", "aria-label": label, novalidate: true },
    fields.map((field) => labelled(field, given)),
    h("button.primary", { type: "submit" }, button),
    extra.length > 0 && h("details.more", { open: extra.some(({ name }) => given[name]) }, h("summary", null, "More to search by"), h("div.filters", null, extra.map((field) => labelled(field, given)))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
    const wrong = check(values);
    refuse(form, wrong);
    if (Object.keys(wrong).length === 0) location.assign(to(page, values));
  });
  return form;
}

/** Says beside each field what is wrong with it. */
export function refuse(form, wrong) {
  for (const place of form.querySelectorAll("[data-field]")) {
    const found = wrong[place.dataset.field];
    const field = place.parentElement.querySelector("input, select");
    place.replaceChildren(...[found ?? ""].flat());
    if (found) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    if (found) place.closest("details")?.setAttribute("open", "");
  }
  form.querySelector("[aria-invalid]")?.focus();
}

function labelled({ name, label, value = "", options, hint, ...attributes }, given) {
  const id = `field-${name}`;
  const chosen = given[name] ?? value;
  const field = options
    ? h("select", { id, name, "aria-describedby": `${id}-refusal` }, options.map(([of, text]) => h("option", { value: of, selected: of === chosen }, text)))
    : h("input", { id, name, value: chosen, autocomplete: "off", "aria-describedby": `${id}-refusal`, ...attributes });
  return h("div.field", null, h("label", { for: id }, label, hint && h("span.why", null, ` ${hint}`)), field, h("span.refusal", { id: `${id}-refusal`, "data-field": name, role: "alert" }));
}
