// One webhook endpoint: how it is, what came back of it, and what can be done with it.
import { asked, jobLink, link } from "./address.js";
import { confirm } from "./dialog.js";
import { h, show } from "./dom.js";
import { ask, read } from "./request.js";
import { cursorOf, facts, pages, part, table } from "./table.js";
import { stateOf } from "./webhooks.js";
import { moment } from "./when.js";
import { count } from "./words.js";

export const title = "Webhook";

const RESULTS = { delivered: ["good", "✓ Delivered"], retry: ["soft", "… Comes again"], given_up: ["bad", "! Given up"] };

export async function view() {
  const { id, before } = asked();
  if (!id) return h("p.empty", null, "No endpoint is named. ", link("webhooks", {}, "All webhooks"), ".");
  const path = `api/webhooks/${encodeURIComponent(id)}`;
  const [one, { attempts, next }] = await Promise.all([read(path), read(`${path}/attempts?limit=50${before ? `&before=${encodeURIComponent(before)}` : ""}`)]);
  return [
    h("div", { class: `result ${one.state === "active" && !one.failing_since ? "posted" : "rejected"}` },
      h("p.action", null, stateOf(one), ` · ${one.name}`),
      one.missed_at && h("p.refusal", null, `Events were gone from the event stream at ${moment(one.missed_at)} UTC before they were read for it. What became of the jobs is under Find a job.`),
      facts(
        ["Sent to", h("code", null, one.url)], ["Client", one.client], ["Waiting", count(one.waiting ?? 0)], ["Catches up", one.catching_up && "what happened before is read for it"],
        ["Types", one.types.length > 0 ? one.types.join(", ") : "all"], ["Accounts", one.accounts.join(", ")],
        ["Disabled", one.disabled_at && `${moment(one.disabled_at)} UTC`], ["Made", `${moment(one.created_at)} UTC by ${one.created_by}`]),
      h("div.buttons", null, button("Send a test", () => test(path)), button("Send again…", () => again(path, one)), button(one.state === "active" ? "Try what waits now" : "Enable", () => enable(path, one))),
      h("p", { id: "came-back", role: "status" })),
    part("Attempts, the newest first",
      attempts.length > 0
        ? table("Attempts to deliver events", ["When (UTC)", "Event", "Result", "#Status", "#ms", "What came back", "Again"], attempts.map((attempt) => [
            moment(attempt.at), [jobLink(attempt.event.split(".")[0]), h("span.why", null, ` ${attempt.type}, attempt ${attempt.attempt}`)], resultOf(attempt), attempt.status === undefined ? "–" : String(attempt.status), count(attempt.took_ms),
            attempt.error ?? attempt.answer, one.state === "active" && button("Send again", () => resend(path, { event: attempt.event })),
          ]))
        : h("p.empty", null, "None yet."),
      pages("webhook", cursorOf(next, "before"), { name: "before" })),
  ];
}

function resultOf({ result }) {
  const [kind, words] = RESULTS[result] ?? ["soft", result];
  return h(`span.${kind}`, null, words);
}

function button(words, action) {
  const it = h("button", { type: "button" }, words);
  it.addEventListener("click", async () => {
    it.disabled = true;
    try {
      await action();
    } catch (refused) {
      show("came-back", refused.message);
    }
    it.disabled = false;
  });
  return it;
}

async function test(path) {
  show("came-back", "A test is on its way; it takes 15 seconds at the most.");
  const { delivered, status, error, answer, took_ms: took } = await ask("POST", `${path}/test`, {});
  show("came-back", `${delivered ? "✓ The endpoint took the test" : "! The endpoint did not take the test"}: ${[status, error ?? answer].filter(Boolean).join(", ") || "no words"} (${count(took)} ms)`);
}

async function resend(path, what) {
  await ask("POST", `${path}/resend`, what);
  show("came-back", "It comes again within seconds, behind what waits.");
}

async function again(path, one) {
  const since = h("input", { type: "datetime-local", step: "1", value: new Date(Date.now() - 3_600_000).toISOString().slice(0, 19) });
  await confirm({
    title: `Send events again to ${one.name}`,
    text: [h("label", null, "All events since (UTC) ", since), "They have the ids that they had, so that whoever has them already knows them. The event stream keeps a week, or as long as it is set to."],
    button: "Send again",
    action: () => resend(path, { since: `${since.value}Z` }),
  });
}

async function enable(path, one) {
  if (one.state === "active") {
    await ask("POST", `${path}/enable`, {});
    return show("came-back", "What waits for its next attempt is sent now.");
  }
  const done = await confirm({
    title: `Enable ${one.name}`,
    text: ["What waits is sent at once, and then what happened while it was disabled, as far as the event stream has it."],
    button: "Enable",
    action: () => ask("POST", `${path}/enable`, {}),
  });
  if (done) location.reload();
}
