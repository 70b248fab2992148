// Dead letters with their causes; replay and discard, each after a question.
import { jobLink } from "./address.js";
import { confirm } from "./dialog.js";
import { h, show } from "./dom.js";
import { get, request } from "./request.js";
import { ago, count, known, sentence, unknown } from "./words.js";

// How many there were when they were read; undefined: they are to be read again.
let shownCount;
let found = null;
let asking = false;
let waiting = 0;
let taken = new Date().toISOString();

export function showLetters({ status }) {
  taken = status.taken_at;
  waiting = status.dead_letters;
  if (asking) return;
  if (!waiting) {
    shownCount = undefined;
    show("letters-list", h("p.empty", null, known(waiting) ? NONE : unknown()));
  } else if (waiting !== shownCount) refresh(waiting);
  // Only the ages change.
  else show("letters-list", list(found));
}

async function refresh(expected) {
  asking = true;
  try {
    found = await get("dead-letters");
    shownCount = expected;
    show("letters-list", list(found));
  } catch (refused) {
    show("letters-list", h("p.refusal", null, refused.message));
  } finally {
    asking = false;
  }
}

const NONE = "None. Jobs that cannot be posted wait here, with the cause.";

const list = ({ letters, count: all }) => letters.length === 0 ? [h("p.empty", null, NONE)] : [
  h("ul.letters", null, letters.map((letter) => h("li", { "data-key": letter.id },
    h("p.cause", null, sentence(letter.cause)),
    h("p.note", null, `${letter.lane === null ? "Analysis" : `Lane ${letter.lane}`} · ${ago(letter.at, taken)} · `, h("code", null, letter.id), letter.job && [" · job ", jobLink(letter.job)]),
    h("div.buttons", null,
      h("button", { type: "button", "data-replay": letter.id }, "Replay", h("span.visually-hidden", null, ` ${letter.id}`)),
      h("button", { type: "button", "data-discard": letter.id }, "Discard", h("span.visually-hidden", null, ` ${letter.id}`))),
    h("details", null, h("summary", null, "Payload"), h("pre", null, letter.payload))))),
  all > letters.length && h("p.note", null, `The oldest ${count(letters.length)} of ${count(all)}. `, h("a", { href: "dead-letters" }, "Find, try, replay or discard all"), "."),
];

document.getElementById("letters-list").addEventListener("click", async (event) => {
  const { replay, discard } = event.target.closest?.("button")?.dataset ?? {};
  const id = replay ?? discard;
  if (!id) return;
  const path = `dead-letters/${encodeURIComponent(id)}`;
  const done = await confirm(replay
    ? {
        title: "Replay this dead letter?",
        text: "The job goes on its lane again, behind the jobs that wait there. Replay it once its cause is repaired, or else it comes back here. It never takes effect twice.",
        button: "Replay", action: () => request("POST", `${path}/replay`),
      }
    : {
        title: "Discard this dead letter?",
        text: "The dead letter is deleted for good: its job will not be posted, and its client is not notified.",
        button: "Discard for good", danger: true, action: () => request("DELETE", path),
      });
  if (done) await refresh(undefined);
});
