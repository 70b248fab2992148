// What to change, with evidence; applying it, and taking it back.
import { confirm } from "./dialog.js";
import { h, say, show } from "./dom.js";
import { request } from "./request.js";
import { inUnit, or, sentence, spaced } from "./words.js";

let appliable = [];

export function showAdvice({ status, bottleneck, recommendations }) {
  const wanted = status.workers_wanted;
  show("advice-list",
    h("dl.facts", null,
      h("div", null, h("dt", null, "Bottleneck"), h("dd", null, sentence(bottleneck.sentence), evidence(bottleneck.evidence))),
      h("div", null, h("dt", null, "Workers"), h("dd", null, h("strong", null, or(wanted.workers, (workers) => `${workers} wanted, ${wanted.now} live`)), h("span.why", null, ` ${sentence(wanted.reason)}.`)))),
    recommendations.length
      ? h("ol.advice", null, recommendations.map((advice) => h("li", { "data-key": advice.subject },
          h("p.action", null, `${sentence(advice.action)}.`),
          h("p", null, `${sentence(advice.reason)}. `, h("span.why", null, `${sentence(advice.expected_effect)}.`)),
          evidence(advice.evidence))))
      : h("p.empty", null, "Nothing to change."));
  appliable = recommendations.filter((advice) => advice.applies_while_running);
  document.getElementById("advice-apply").hidden = appliable.length === 0;
}

/** `batch_jobs_avg` 12.1 as "batch jobs avg 12.1". */
function evidence(figures) {
  if (!figures.length) return null;
  const shown = figures.map(({ name, value }) => {
    const unit = name.endsWith("_seconds") ? "seconds" : name.endsWith("_percent") ? "percent" : "";
    return `${spaced(name.replace(/_(seconds|percent)$/, ""))} ${inUnit(value, unit).trim()}`;
  });
  return h("p.evidence", null, shown.join(" · "));
}

document.getElementById("advice-apply").addEventListener("click", async () => {
  const answer = await confirm({
    title: "Apply this advice?",
    text: h("ul", null, appliable.map((advice) => h("li", null, `${sentence(advice.action)}.`))),
    button: "Apply",
    action: () => request("POST", "optimize", {}),
  });
  if (!answer) return;
  say("advice-done", answer.applied.length ? `Applied: ${answer.applied.join(", ")} (version ${answer.settings_version}).` : "Nothing was left to apply.");
  document.getElementById("advice-undo").hidden = answer.applied.length === 0;
});

document.getElementById("advice-undo").addEventListener("click", async () => {
  const answer = await confirm({
    title: "Undo the last advice?",
    text: "The settings get back their values from before the advice.",
    button: "Undo",
    action: () => request("POST", "optimize", { undo: true }),
  });
  if (!answer) return;
  say("advice-done", `Undone: version ${answer.undone}.`);
  document.getElementById("advice-undo").hidden = true;
});
