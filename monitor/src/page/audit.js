// The audit log: who was turned away, and who changed what. The page filters what it reads, the newest first.
import { asked, filters, jobLink } from "./address.js";
import { h } from "./dom.js";
import { read } from "./request.js";
import { cursorOf, pages, table } from "./table.js";
import { moment } from "./when.js";
import { count, sentence, spaced } from "./words.js";

export const title = "Audit log";

const ACTIONS = [
  "dead_letters_replayed", "dead_letters_discarded", "dead_letter_replayed", "dead_letter_discarded", "settings_changed", "settings_undone", "settings_optimized",
  "job_cancelled", "lane_paused", "lane_resumed",
  "webhook_created", "webhook_changed", "webhook_rotated", "webhook_tested", "webhook_resend", "webhook_enabled", "webhook_disabled", "webhook_removed",
  "load_test_started", "load_test_stopped", "key_created", "key_rotated", "key_revoked", "authentication_failed", "scope_refused", "grant_refused", "stranger_refused",
];
const PAGE = 100;
/** What is read at once, and how often before the reader is asked. */
const READ = 1_000;
const READS_MAX = 20;
const JOBS_SHOWN = 20;

export async function view() {
  const { action, client, text, before } = asked();
  const wants = (event) => (!action || event.action === action) && (!client || (event.client ?? "").toLowerCase().includes(client.toLowerCase())) && (!text || JSON.stringify(event).toLowerCase().includes(text.toLowerCase()));
  const isFiltered = Boolean(action || client || text);
  const found = [];
  let next = before ?? null;
  for (let reads = 0; reads < READS_MAX; reads += 1) {
    const limit = isFiltered ? READ : PAGE;
    const page = await read(`api/audit?limit=${limit}${next ? `&before=${encodeURIComponent(next)}` : ""}`);
    const wanted = page.events.filter(wants);
    found.push(...wanted);
    next = cursorOf(page.next, "before");
    if (!next || found.length >= PAGE) break;
  }
  // What does not fit comes on the next page.
  if (found.length > PAGE) next = found[PAGE - 1].number;
  const shown = found.slice(0, PAGE);
  return [
    filters({
      page: "audit", label: "Search the audit log", button: "Show",
      fields: [
        { name: "action", label: "What", options: [["", "anything"], ...ACTIONS.map((name) => [name, spaced(name)])] },
        { name: "client", label: "Who" },
        { name: "text", label: "With this text", hint: "a job, an address", type: "search" },
      ],
    }),
    shown.length > 0
      ? table("Audit log, the newest first", ["When (UTC)", "What", "Who", "From", "#Times", "More"], shown.map((event) => [
          moment(event.at), sentence(spaced(event.action)), [event.client ?? "nobody known", event.key && event.key !== event.client && h("span.why", null, ` key ${event.key}`)], event.address ?? "–", count(event.times), more(event),
        ]))
      : h("p.empty", null, next ? "None so far." : "There is no such event."),
    pages("audit", next === null ? null : String(next), { name: "before", older: shown.length < PAGE ? "Go on" : "Older" }),
  ];
}

/** The detail by name; jobs as links. */
function more({ detail, request_id: request }) {
  const pairs = Object.entries(detail ?? {});
  return [
    pairs.map(([name, value]) => h("p", null, h("span.soft", null, `${spaced(name)}: `), name === "jobs" || name === "job" ? jobs(String(value).split(" ")) : String(value))),
    request && h("p.why", null, `request ${request}`),
  ];
}

function jobs(ids) {
  const links = ids.slice(0, JOBS_SHOWN).flatMap((id, at) => [at ? " " : "", jobLink(id)]);
  return ids.length <= JOBS_SHOWN ? links : h("details", null, h("summary", null, `${count(ids.length)} jobs`), ids.flatMap((id) => [jobLink(id), " "]));
}
