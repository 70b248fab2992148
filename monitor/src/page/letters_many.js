// What is done with all dead letters that a filter wants: tried first, and then replayed or discarded after a question.
import { jobLink, link } from "./address.js";
import { confirm } from "./dialog.js";
import { h } from "./dom.js";
import { request } from "./request.js";
import { table } from "./table.js";
import { count, sentence, spaced } from "./words.js";

/** Tried at once, as many as the monitor takes. */
const TRIED = 500;
/** Of each answer so many letters are shown. */
const SHOWN_OF_EACH = 5;

const ANSWERS = {
  would_post: "would be posted", would_reject: "would be rejected", already_posted: "are posted already", already_rejected: "were rejected already",
  cancelled: "were cancelled already", scheduled: "would wait for their day", conflict: "have the id of another job", still_fails: "would fail again", unknown: "could not be tried",
};
/** What a deed means, for the question before it. */
export const WORDS = {
  replay: "The jobs go on their lanes again, behind those that wait there. None takes effect twice. What fails again comes back here.",
  discard: "The dead letters are deleted for good: their jobs will not be posted, and their clients are not notified.",
};

/** Tries them page by page and shows what would become of them, with the buttons for the deed. */
export async function preview(filter, place) {
  const answers = new Map();
  let [exact, matched, tried, cursor] = [null, 0, 0, null];
  try {
    do {
      const page = await request("POST", "dead-letters/preview", { filter: exact ?? filter, limit: TRIED, cursor });
      // The first page fixes which letters these are: what is given up meanwhile is not among them.
      exact ??= page.filter;
      matched ||= page.matched;
      for (const letter of page.letters) answers.set(letter.answer, [...(answers.get(letter.answer) ?? []), letter]);
      tried += page.letters.length;
      cursor = page.next;
      place.replaceChildren(...found(answers, tried, matched, cursor !== null));
    } while (cursor !== null);
    place.append(deeds(exact, matched, place));
  } catch (refused) {
    place.replaceChildren(h("p.refusal", { role: "alert" }, refused.message));
  }
}

function found(answers, tried, matched, goesOn) {
  const order = Object.keys(ANSWERS).filter((answer) => answers.has(answer));
  const examples = order.flatMap((answer) => answers.get(answer).slice(0, SHOWN_OF_EACH));
  return [
    h("p", { id: "tried", "data-done": goesOn ? null : true }, goesOn ? `${count(tried)} of ${count(matched)} tried…` : `${count(tried)} tried:`),
    table("What a replay would do now", ["Answer", "#Letters", "Why"], order.map((answer) => [sentence(ANSWERS[answer]), count(answers.get(answer).length), why(answers.get(answer))])),
    table("Some of them", ["Job", "Answer", "Cause so far"], examples.map((letter) => [
      letter.job ? jobLink(letter.job, letter.reference ?? h("code", null, letter.job)) : h("code", null, letter.id), [sentence(spaced(letter.answer)), letter.reason && `: ${spaced(letter.reason)}`, letter.why && `: ${letter.why}`], letter.cause,
    ])),
  ];
}

/** The reasons, each once. */
function why(letters) {
  const reasons = [...new Set(letters.map(({ reason, why: cause }) => (reason ? spaced(reason) : cause)).filter(Boolean))];
  return reasons.length > 0 ? `${reasons.slice(0, 3).join("; ")}${reasons.length > 3 ? " and others" : ""}` : "–";
}

function deeds(filter, matched, place) {
  const button = (deed, kind) => {
    const one = h(kind, { type: "button", id: `${deed}-tried` }, `${sentence(deed)} ${matched === 1 ? "it" : `all ${count(matched)}`}`);
    one.addEventListener("click", () => act(deed, filter, matched, place));
    return one;
  };
  return h("div.buttons", null, button("replay", "button.primary"), button("discard", "button.danger"));
}

/** Asks, does it, and shows what was done. */
export async function act(deed, filter, matched, place) {
  const number = matched === 1 ? "1 dead letter" : `${count(matched)} dead letters`;
  const acted = await confirm({
    title: `${sentence(deed)} ${number}?`, text: WORDS[deed], button: `${sentence(deed)} ${number}`, danger: deed === "discard",
    action: () => request("POST", `dead-letters/${deed}`, { filter, matched }),
  });
  if (!acted) return;
  place.replaceChildren(
    h("p", { id: "acted", role: "status", tabindex: -1 }, h("strong", null, `${sentence(acted.done)}: ${count(acted.letters)} dead letters, ${count(acted.jobs)} jobs. `), acted.kept > 0 && `${count(acted.kept)} stay. `, link("dead-letters", {}, "What is left"), " · ", link("audit", { text: "dead_letters" }, "Audit log")),
    ...(acted.kept > 0 ? [table("What stays", ["Letter", "Why"], acted.kept_letters.map(({ id, why: reason }) => [h("code", null, id), reason]))] : []));
  // The buttons that had the focus are gone.
  document.getElementById("acted").focus();
}
