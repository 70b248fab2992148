// Whether the fleet is well, in words, and what to do: what a person reads first.
import { h, say, show } from "./dom.js";
import { ago, inUnit, known, or, sentence, spaced, unknown } from "./words.js";

const STATES = {
  well: { glyph: "✓", word: "Well" },
  draining: { glyph: "↓", word: "Draining" },
  starting: { glyph: "…", word: "Starting" },
  attention: { glyph: "!", word: "Attention" },
};
let spoken = "";

export function showVerdict({ status, alerts, recommendations }) {
  const [, name, rest] = status.verdict.match(/^(\w+): (.*)$/s) ?? [null, "attention", status.verdict];
  const state = STATES[name] ?? STATES.attention;
  document.getElementById("verdict").dataset.state = name;
  document.title = `${state.word} · Tellers`;
  say("verdict-glyph", state.glyph);
  say("verdict-word", state.word);
  say("verdict-sentence", sentence(rest));
  const next = whatToDo(status, alerts, recommendations);
  show("next", next);
  show("score", score(status.health));
  // Spoken when it turns, not each second.
  const turn = `${name} ${alerts.map((alert) => alert.alert).join(" ")}`;
  if (turn !== spoken) {
    spoken = turn;
    say("spoken", `${state.word}: ${rest}`);
  }
}

function whatToDo(status, alerts, recommendations) {
  const [alert] = alerts;
  const [problem, ...others] = status.problems;
  if (problem || alert) {
    const what = problem ?? alert.sentence;
    return [
      h("p.action", null, `${sentence(what)}.`),
      others.slice(0, 2).map((other) => h("p", null, `${sentence(other)}.`)),
      alert && h("p", null, h("a", { href: `/${alert.runbook}` }, `Runbook: ${spaced(alert.alert)}`), " says how to check it and what to do."),
    ];
  }
  if (status.dead_letters > 0) {
    return h("p.action", null, h("a", { href: "#letters" }, "Look at the dead letters"), ": replay or discard each.");
  }
  const [advice] = recommendations;
  if (advice) {
    return [h("p.action", null, `${sentence(advice.action)}.`), h("p", null, `${sentence(advice.reason)}. `, h("a", { href: "#advice" }, "Evidence"))];
  }
  return h("p.action.calm", null, status.verdict.startsWith("well") ? "Nothing. All is as it should be." : "Nothing but wait.");
}

function score(health) {
  const lower = health.parts.filter((part) => known(part.score) && part.score < 100);
  return [
    h("p.number", null, h("strong", null, known(health.score) ? String(health.score) : "–"), h("span", null, known(health.score) ? "health of 100" : "health not known")),
    h("details", null,
      h("summary", null, lower.length ? lower.map((part) => `${spaced(part.name)} ${part.score}`).slice(0, 3).join(", ") : "every part at its best"),
      h("table.parts", null,
        h("caption.visually-hidden", null, "Parts of the health score"),
        h("tbody", null, health.parts.map((part) => h("tr", null,
          h("th", { scope: "row" }, spaced(part.name)),
          h("td.number", null, or(part.score, String)),
          h("td", null, part.reason)))))),
  ];
}

export function showAlerts({ status, alerts }) {
  document.getElementById("alerts").hidden = alerts.length === 0;
  show("alerts-firing", alerts.map((alert) => h(`li.${alert.severity}`, { "data-key": alert.alert },
    h("span.mark", null, alert.severity === "critical" ? "▲ Critical" : "△ Warning"),
    h("strong", null, sentence(spaced(alert.alert))),
    h("span.what", null, alert.sentence),
    h("span.figure", null, or(alert.value, (value) => inUnit(value, alert.unit)), ` (fires above ${inUnit(alert.threshold, alert.unit)})`),
    h("span.since", null, alert.since ? `since ${ago(alert.since, status.taken_at).replace(" ago", "")}` : unknown()),
    h("a", { href: `/${alert.runbook}` }, "Runbook", h("span.visually-hidden", null, ` of ${spaced(alert.alert)}`)))));
}
