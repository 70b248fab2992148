// Starts a load test, follows it, and shows its verdict.
import { h, show } from "./dom.js";
import { get, request } from "./request.js";
import { ago, count, inUnit, known, percent, rate, sentence, spaced, time, unknown } from "./words.js";

const LOOK_EVERY_MS = 500;
const KEPT_SHOWN = 5;
const byId = (id) => document.getElementById(id);

export function startLoadTests() {
  const form = byId("load-form");
  const fields = () => [...form.querySelectorAll("label[data-modes]")].filter((label) => !label.hidden).map((label) => label.querySelector("input"));
  byId("load-mode").addEventListener("change", () => {
    for (const label of form.querySelectorAll("label[data-modes]")) label.hidden = !label.dataset.modes.split(" ").includes(byId("load-mode").value);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    refuse(null);
    const asked = { mode: byId("load-mode").value, wait_seconds: 0 };
    for (const { name, value } of fields()) asked[name] = value.trim() === "" || Number.isNaN(Number(value)) ? value : Number(value);
    running(true);
    try {
      await watch(await request("POST", "load-test", asked));
    } catch (refused) {
      running(false);
      refuse(refused);
    }
  });
  byId("load-stop").addEventListener("click", async () => {
    byId("load-stop").disabled = true;
    await request("DELETE", `load-test/${byId("load-stop").dataset.id}`).catch(refuse);
    byId("load-stop").disabled = false;
  });
  resume();
}

/** Another page, or this one before it was loaded again, may have started one. */
async function resume() {
  try {
    const [newest] = await kept();
    if (newest?.state === "running") await watch(await get(`load-test/${newest.id}`));
  } catch { /* The badge tells of a monitor that is away. */ }
}

async function kept() {
  const { load_tests: tests } = await get(`load-test?limit=${KEPT_SHOWN}`);
  const now = new Date().toISOString();
  show("load-kept", tests.length > 0 && h("table.rows.kept", null,
    h("caption", null, "Latest load tests"),
    h("tbody", null, tests.map((test) => h("tr", { "data-key": test.id },
      h("th", { scope: "row" }, `#${test.id}`),
      h("td", null, outcome(test)),
      h("td", null, planned(test.plan)),
      h("td.wide", null, test.sentence ?? ""),
      h("td.number", null, ago(test.requested_at, now)),
      h("td", null, known(test.passed) && h("a", { href: `api/scalability/load-test/${test.id}/report` }, "Report", h("span.visually-hidden", null, ` of load test ${test.id}`))))))));
  return tests;
}

function outcome(test) {
  if (test.passed === true) return h("span.good", null, "✓ passed");
  if (test.passed === false) return h("span.bad", null, "✕ failed");
  return spaced(test.state);
}

function planned(plan) {
  if (plan.mode === "closed") return `${count(plan.concurrent_users)} × ${count(plan.requests_per_user)}`;
  if (plan.mode === "open") return `${count(plan.rate)}/s for ${time(plan.duration_seconds)}`;
  if (plan.mode === "sustained") return `${count(plan.concurrent_users)} for ${time(60 * plan.minutes)}`;
  return "10 × 20, 100 × 20";
}

async function watch(run) {
  running(true);
  byId("load-stop").dataset.id = run.id;
  while (run.state === "running") {
    show("load-progress", progress(run));
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    // A monitor that does not answer for a moment is asked again; the badge tells of it.
    run = await get(`load-test/${run.id}`).catch((refused) => {
      if (refused.status === 0) return run;
      throw refused;
    });
  }
  show("load-progress");
  show("load-result", result(run));
  running(false);
  await kept().catch(() => {});
}

function running(is) {
  byId("load-start").disabled = is;
  byId("load-stop").hidden = !is;
  if (is) show("load-result");
  else show("load-progress");
}

function progress({ progress: now }) {
  if (!now) return h("p", null, "Starting …");
  return h("div.progress", null,
    h("progress", { max: 100, value: known(now.stage_percent) ? now.stage_percent : null, "aria-label": now.stage }),
    h("span", null, `${sentence(now.stage)} · ${count(now.requests)} requests${now.failed ? `, ${count(now.failed)} failed` : ""}`));
}

function result({ id, state, reason, result: found }) {
  if (!found) return h("p.refusal", null, `Load test ${id}: ${spaced(state)}. ${sentence(reason ?? "")}`);
  const { verdict, load, proof, resources } = found;
  return h(verdict.passed ? "div.result.passed" : "div.result.failed", { "data-state": verdict.passed ? "passed" : "failed" },
    h("p.action", null, verdict.passed ? "✓ Passed" : "✕ Failed", ` · load test ${id}`),
    h("p", null, `${sentence(verdict.sentence)}.`),
    h("dl.figures", null,
      figure("Accepted", `${rate(load.accepted_per_second)} jobs/s`),
      figure("Posted", known(load.posted_per_second) ? `${rate(load.posted_per_second)} jobs/s` : unknown()),
      figure("Response p50, p95, p99", times(load.response)),
      figure("Accepted to posted p50, p95, p99", times(load.accepted_to_posted)),
      known(resources?.host_cpu_percent_avg) && figure("Busiest host, on average", `CPU ${percent(resources.host_cpu_percent_avg)}, memory ${percent(resources.host_memory_percent_avg)}`),
      figure("Proof", `${count(proof.accepted)} accepted, ${count(proof.posted)} posted, ${count(proof.lost)} lost, ${count(proof.doubled)} doubled`)),
    h("table.rows.criteria", null,
      h("caption.visually-hidden", null, "Criteria"),
      h("thead", null, h("tr", null, ["Criterion", "", "Measured", "Limit"].map((head, at) => h(at > 1 ? "th.number" : "th", { scope: "col" }, head || h("span.visually-hidden", null, "Met"))))),
      h("tbody", null, verdict.criteria.map((criterion) => h("tr", null,
        h("th", { scope: "row", title: criterion.sentence }, sentence(spaced(criterion.name))),
        h("td", null, met(criterion.passed)),
        h("td.number", null, known(criterion.measured) ? inUnit(criterion.measured, criterion.unit) : unknown()),
        h("td.number", null, inUnit(criterion.limit, criterion.unit)))))),
    h("p", null, h("a", { href: `api/scalability/load-test/${id}/report` }, "Full report with charts")));
}

const figure = (name, value) => h("div", null, h("dt", null, name), h("dd", null, value));
const times = (found) => (found ? [found.p50_seconds, found.p95_seconds, found.p99_seconds].map(time).join(", ") : unknown());

function met(passed) {
  if (passed === true) return h("span.good", null, "✓ met");
  if (passed === false) return h("span.bad", null, "✕ not met");
  return h("span.soft", null, "not judged");
}

function refuse(refused) {
  const fields = refused?.fields ?? new Map();
  for (const place of byId("load-form").querySelectorAll("[data-field]")) {
    const remedy = fields.get(place.dataset.field) ?? "";
    place.textContent = remedy;
    place.previousElementSibling.toggleAttribute("aria-invalid", remedy !== "");
  }
  byId("load-refusal").hidden = !refused;
  byId("load-refusal").textContent = refused?.message ?? "";
}
