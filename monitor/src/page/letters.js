// Dead letters with their causes; replay and discard, each after a question.
import { confirm } from "./dialog.js";
import { h, show } from "./dom.js";
import { get, request } from "./request.js";
import { ago, count, known, sentence, unknown } from "./words.js";

let shownCount;
let asking = false;
let found = null;
let taken = new Date().toISOString();

export function showLetters({ status }) {
  taken = status.taken_at;
  if (status.dead_letters === shownCount || asking) {
    // Only the ages change.
    if (found && status.dead_letters > 0) show("letters-list", list(found));
    return;
  }
  if (!known(status.dead_letters)) {
    shownCount = status.dead_letters;
    show("letters-list", h("p.empty", null, unknown()));
  } else if (status.dead_letters === 0) {
    shownCount = 0;
    show("letters-list", h("p.empty", null, NONE));
  } else {
    refresh(status.dead_letters);
  }
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

const NONE = "None. Jobs that can not be posted wait here, with the cause.";

const list = ({ letters, count: all }) => letters.length === 0 ? [h("p.empty", null, NONE)] : [
  h("ul.letters", null, letters.map((letter) => h("li", { "data-key": letter.id },
    h("p.cause", null, sentence(letter.cause)),
    h("p.note", null, `${letter.lane === null ? "Analysis" : `Lane ${letter.lane}`} · ${ago(letter.at, taken)} · `, h("code", null, letter.id)),
    h("div.buttons", null,
      h("button", { type: "button", "data-replay": letter.id }, "Replay", h("span.visually-hidden", null, ` ${letter.id}`)),
      h("button", { type: "button", "data-discard": letter.id }, "Discard", h("span.visually-hidden", null, ` ${letter.id}`))),
    h("details", null, h("summary", null, "Payload"), h("pre", null, letter.payload))))),
  all > letters.length && h("p.note", null, `The oldest ${count(letters.length)} of ${count(all)}.`),
];

document.getElementById("letters-list").addEventListener("click", async (event) => {
  const { replay, discard } = event.target.closest?.("button")?.dataset ?? {};
  const id = replay ?? discard;
  if (!id) return;
  const path = `dead-letters/${encodeURIComponent(id)}`;
  const done = await confirm(replay
    ? {
        title: "Replay this dead letter?",
        text: "It goes on its lane again, behind what waits there. Replay it once its cause is mended; else it comes back here. It never takes effect twice.",
        button: "Replay", action: () => request("POST", `${path}/replay`),
      }
    : {
        title: "Discard this dead letter?",
        text: "It is gone for good: its job will not be posted, and nobody will be told.",
        button: "Discard for good", danger: true, action: () => request("DELETE", path),
      });
  if (done) await refresh(undefined);
});
