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
  const state = STATES[status.state] ?? STATES.attention;
  const what = named(status);
  document.getElementById("verdict").dataset.state = status.state;
  document.title = `${state.word} · Tellers`;
  say("verdict-glyph", state.glyph);
  say("verdict-word", state.word);
  show("verdict-sentence", prose(sentence(what)));
  const next = whatToDo(status, alerts, recommendations);
  show("next", next);
  show("score", score(status.health));
  // Spoken when it turns, not each second.
  const turn = `${status.state} ${alerts.map((alert) => alert.alert).join(" ")}`;
  if (turn !== spoken) {
    spoken = turn;
    say("spoken", `${state.word}: ${what}`);
  }
}

/** The monitor is away: what it said last is no verdict on now. */
export function showAway() {
  const verdict = document.getElementById("verdict");
  if (verdict.dataset.state === "away") return;
  const last = document.getElementById("verdict-word").textContent;
  verdict.dataset.state = "away";
  document.title = "Not known · Tellers";
  say("verdict-glyph", "?");
  say("verdict-word", "Not known");
  show("verdict-sentence", "The monitor does not answer", last === "Waiting" ? "." : `; the last it said was: ${last.toLowerCase()}.`);
  show("next", h("p.action", null, "Start the monitor again: ", h("code", null, "tellers monitor"), "."), h("p", null, "Jobs are accepted and posted without it. What is shown below is old."));
  show("score", score({ score: null, parts: [] }));
  spoken = "away";
  say("spoken", "Not known: the monitor does not answer");
}

/** What is wrong, without what to do about it, and how the jobs flow: "1 dead letter (nothing waits, idle)". */
function named({ state, problems: [problem, ...others], flow }) {
  if (problem) return `${problem.what}${others.length ? `, and ${others.length} more` : ""} (${flow})`;
  return state === "starting" ? "not every replica has reported yet" : flow;
}

/** Text with what stands in backticks as code. */
const prose = (text) => text.split("`").map((part, at) => (at % 2 ? h("code", null, part) : part));

function whatToDo(status, alerts, recommendations) {
  const [alert] = alerts;
  const [problem, ...others] = status.problems;
  if (problem || alert) {
    const letters = status.dead_letters > 0 && (!problem || problem.kind === "dead_letters");
    const page = alert ? { href: alert.runbook, name: alert.alert } : problem.runbook && { href: problem.runbook, name: problem.alert };
    const runbook = page && [h("a", { href: page.href }, `Runbook: ${spaced(page.name)}`), " says how to check it and what to do."];
    const remedy = problem?.remedy;
    return [
      letters
        ? h("p.action", null, h("a", { href: "dead-letters" }, "Look at the causes"), ", then replay or discard.")
        : h("p.action", null, remedy ? [...prose(sentence(remedy)), "."] : runbook || prose(`${sentence(problem.what)}.`)),
      (letters || remedy) && runbook && h("p", null, runbook),
      others.slice(0, 2).map((other) => h("p", null, "Also: ", prose(other.what), ".")),
    ];
  }
  const [advice] = recommendations;
  if (advice) {
    return [h("p.action", null, `${sentence(advice.action)}.`), h("p", null, `${sentence(advice.reason)}. `, h("a", { href: "#advice" }, "Evidence"))];
  }
  return h("p.action.calm", null, status.state === "well" ? "Nothing. All is as it should be." : "Nothing but wait.");
}

function score(health) {
  const lower = health.parts.filter((part) => known(part.score) && part.score < 100);
  if (!health.parts.length) return h("p.number", null, h("strong", null, "–"), h("span", null, "health not known"));
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
    h("a", { href: alert.runbook }, "Runbook", h("span.visually-hidden", null, ` of ${spaced(alert.alert)}`)))));
}
