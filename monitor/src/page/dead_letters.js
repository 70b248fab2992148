// Dead letters: found by what they have in common, tried, and then replayed or discarded.
import { accountLink, asked, filters, jobLink, link, to } from "./address.js";
import { confirm } from "./dialog.js";
import { h, show } from "./dom.js";
import { KINDS, kindInWords } from "./explain.js";
import { WORDS, act, preview } from "./letters_many.js";
import { money } from "./money.js";
import { read, request } from "./request.js";
import { pages, part, table } from "./table.js";
import { moment } from "./when.js";
import { count, sentence } from "./words.js";

export const title = "Dead letters";

const SHOWN = 50;
const FIELDS = [
  { name: "cause_contains", label: "Cause contains", type: "search" },
  { name: "client", label: "Client" },
  { name: "kind", label: "Kind", options: [["", "any"], ...KINDS.map((kind) => [kind, kindInWords(kind)])] },
  { name: "account", label: "Account" },
  { name: "from", label: "Given up from", type: "date", hint: "UTC" },
  { name: "to", label: "To", type: "date", hint: "UTC" },
];
const EXTRA = [{ name: "cause", label: "Cause, to the letter" }, { name: "job", label: "Job" }, { name: "lane", label: "Lane", inputmode: "numeric" }];

/** The filter as the monitor takes it. */
function filterOf({ from, to: until, lane, cursor, ...rest }) {
  const filter = { ...rest };
  if (lane) filter.lane = Number(lane);
  if (from) filter.since = `${from}T00:00:00Z`;
  if (until) filter.until = `${until}T23:59:59.999999Z`;
  return filter;
}

export async function view() {
  const given = asked();
  const filter = filterOf(given);
  const { count: all, by_cause: causes, letters, next } = await read(`api/scalability/dead-letters?${new URLSearchParams({ ...filter, limit: SHOWN, ...(given.cursor && { cursor: given.cursor }) })}`);
  return [
    filters({ page: "dead-letters", label: "Search dead letters", button: "Show", fields: FIELDS, extra: EXTRA }),
    all === 0
      ? h("p.empty", null, Object.keys(filter).length > 0 ? ["No dead letter is like that. ", link("dead-letters", {}, "All dead letters")] : "None. Jobs that cannot be posted wait here, with the cause.")
      : [
          part(all === 1 ? "1 dead letter" : `${count(all)} dead letters`, byCause(causes, given)),
          part("All of these at once", many(filter, all)),
          part("One by one", selection(letters), pages("dead-letters", next, { older: "Newer" })),
        ],
    h("p.note", null, link("audit", { text: "dead_letter" }, "Who replayed or discarded what"), " is in the audit log. ", h("a", { href: "docs/runbooks/dead_letters.md" }, "Runbook")),
  ];
}

const byCause = (causes, { cursor, ...given }) => table("Causes, the most frequent first", ["Cause", "#Letters"], causes.map(({ cause, count: letters }) => [
  cause === null ? "Others" : given.cause === cause ? sentence(cause) : link("dead-letters", { ...given, cause }, sentence(cause)), count(letters),
]));

/** A look at what a replay would do, and then the deed. */
function many(filter, all) {
  const place = h("div", { id: "many", "aria-live": "polite" });
  const look = h("button.primary", { type: "button", id: "preview" }, `Try ${all === 1 ? "it" : `all ${count(all)}`} without posting`);
  look.addEventListener("click", () => preview(filter, place));
  const discard = h("button.danger", { type: "button", id: "discard-all" }, `Discard ${all === 1 ? "it" : `all ${count(all)}`}`);
  discard.addEventListener("click", async () => {
    // The preview says which letters these are, and keeps out those that come meanwhile.
    const { filter: exact, matched } = await request("POST", "dead-letters/preview", { filter, limit: 1 }).catch((refused) => {
      show("many", h("p.refusal", null, refused.message));
      return {};
    });
    if (exact) await act("discard", exact, matched, place);
  });
  return [h("p.note", null, "A worker posts the jobs as a replay would, and takes that back: it shows which would pass now."), h("div.buttons", null, look, discard), place];
}

/** The letters of the page, each with its buttons and a box to choose it. */
function selection(letters) {
  const boxes = letters.map(({ id }) => h("input", { type: "checkbox", value: id, "aria-label": `Choose the letter ${id}` }));
  const place = h("p", { role: "status" });
  const chosen = () => boxes.filter((box) => box.checked).map((box) => box.value);
  const buttons = [["replay", "Replay the chosen", "button"], ["discard", "Discard the chosen", "button.danger"]].map(([deed, words, kind]) => {
    const button = h(kind, { type: "button", disabled: true, id: `${deed}-chosen` }, words);
    button.addEventListener("click", () => actOnEach(deed, chosen(), place));
    return button;
  });
  const every = h("input", { type: "checkbox", "aria-label": "Choose all of this page" });
  const update = () => buttons.forEach((button) => { button.disabled = chosen().length === 0; });
  every.addEventListener("change", () => { for (const box of boxes) box.checked = every.checked; update(); });
  for (const box of boxes) box.addEventListener("change", update);
  return [
    h("div.buttons", null, h("label.choice", null, every, "all of this page"), buttons), place,
    table("Dead letters, the oldest first", ["Letter", "Job", "What", "Accounts", "Client", "Cause", "Given up (UTC)"], letters.map((letter, at) => [
      h("label.choice", null, boxes[at], h("code", null, letter.id)), letter.job ? jobLink(letter.job, letter.reference ?? h("code", null, letter.job)) : "–", what(letter),
      letter.accounts.length > 0 ? letter.accounts.flatMap((number, place) => [place ? ", " : "", accountLink(number)]) : "–", letter.client ?? "–",
      h("div", null, sentence(letter.cause), h("details", null, h("summary", null, "Payload"), h("pre", null, letter.payload))),
      [moment(letter.at), letter.attempts > 1 && h("span.why", null, ` ${letter.attempts} times since ${moment(letter.first_failed_at)}`)],
    ])),
  ];
}

const what = ({ kind, amount, currency, jobs }) => [kind ? kindInWords(kind) : jobs === 0 ? "cannot be read" : "–", amount !== null && ` ${money(amount, currency)}`, jobs > 1 && ` and ${jobs - 1} more`];

/** One after the other: what was done stays done where a later one is refused. */
async function actOnEach(deed, ids, place) {
  const number = ids.length === 1 ? "1 dead letter" : `${ids.length} dead letters`;
  let done = 0;
  await confirm({
    title: `${sentence(deed)} ${number}?`, text: WORDS[deed], button: `${sentence(deed)} ${number}`, danger: deed === "discard",
    action: async () => {
      for (const id of ids.slice(done)) {
        const path = `dead-letters/${encodeURIComponent(id)}`;
        await (deed === "replay" ? request("POST", `${path}/replay`) : request("DELETE", path));
        done += 1;
        place.textContent = `${done} of ${number} done.`;
      }
    },
  });
  if (done > 0) location.assign(to("dead-letters", { ...asked(), cursor: "" }));
}
