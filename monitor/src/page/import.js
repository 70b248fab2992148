// One file: how far it is, what became of its rows, and which were refused.
import { asked, link } from "./address.js";
import { h, show } from "./dom.js";
import { jobsTable } from "./find.js";
import { read } from "./request.js";
import { cursorOf, facts, pages, part, table } from "./table.js";
import { moment } from "./when.js";
import { bytes, count, sentence, time } from "./words.js";

export const title = "Import";

const LOOK_EVERY_MS = 1_000;
const ENDED = new Set(["done", "refused", "cancelled", "failed"]);
const OUTCOMES = [["", "any"], ["posted", "posted"], ["rejected", "rejected"], ["dead", "dead"], ["cancelled", "cancelled"], ["scheduled", "scheduled"]];

/** Whether rows of a file are not in the books, however it ended. */
const lacksRows = ({ refused, rejected, dead, cancelled = 0, conflicts, duplicates_not_posted: notPosted = 0 }) => refused + rejected + dead + cancelled + conflicts + notPosted > 0;

/** The state in words, with a mark that does not need a colour. */
export function stateOf(one) {
  const { state, dry_run: dry } = one;
  const words = { queued: "Waits", reading: "Is read", draining: "Is read; rows wait for their outcome", done: "Done", refused: "Refused as a whole", cancelled: "Cancelled", failed: "Failed" }[state] ?? sentence(state);
  const bad = state === "refused" || state === "failed" || (state === "done" && lacksRows(one));
  return h(bad ? "span.bad" : state === "done" ? "span.good" : "span.soft", null, `${bad ? "!" : state === "done" ? "✓" : "…"} ${words}${dry ? " (dry run)" : ""}`);
}

export async function view() {
  const { number, cursor, outcome, refused: refusedFrom } = asked();
  if (!number) return h("p.empty", null, "No import is named. ", link("imports", {}, "All imports"), ".");
  const path = `api/imports/${encodeURIComponent(number)}`;
  const wanted = new URLSearchParams({ import: number, limit: 50 });
  for (const [name, value] of Object.entries({ outcome, cursor })) if (value) wanted.set(name, value);
  const one = await read(path);
  const [rows, refused] = await Promise.all([
    read(`api/jobs?${wanted}`),
    one.refused_rows ? read(`${path}/refused?${new URLSearchParams({ format: "json", limit: 50, ...(refusedFrom && { from: refusedFrom }) })}`) : null,
  ]);
  const progress = h("div", { id: "progress" }, progressOf(one, path));
  if (!ENDED.has(one.state)) follow(path);
  return [
    progress,
    refused && part("Refused rows", refused.rows.length > 0
      ? table("Rows that are no jobs", ["Row", "Line", "Field", "What is wrong"], refused.rows.map((row) => [String(row.row), `${row.line}${row.column ? `:${row.column}` : ""}`, row.field ? h("code", null, row.field) : "–", row.reason]))
      : h("p.empty", null, "None behind this one."), pages("import", cursorOf(refused.next, "from"), { name: "refused", older: "Next", label: "Pages of the refused rows" })),
    part("Rows with an outcome", h("p.note", null, "The last row comes first. ", OUTCOMES.flatMap(([value, words], at) => [at ? " · " : "", value === (outcome ?? "") ? h("strong", null, words) : link("import", { number, outcome: value }, words)])),
      rows.jobs.length > 0 ? jobsTable(rows.jobs) : h("p.empty", null, "None."), pages("import", cursorOf(rows.next))),
  ];
}

/** The import as it is, each second until the end. */
async function follow(path) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    const one = await read(path).catch(() => null);
    if (!one) continue;
    if (ENDED.has(one.state)) return location.reload();
    show("progress", progressOf(one, path));
  }
}

function progressOf(one, path) {
  const left = one.seconds_left !== undefined ? `, about ${time(one.seconds_left)} left` : "";
  return h("div", { class: `result ${one.state !== "done" ? one.state : lacksRows(one) ? "lacks-rows" : "posted"}` },
    h("p.action", null, stateOf(one), ` · ${one.name ?? `import ${one.id}`}`),
    one.error && h("p.refusal", null, one.error.detail),
    one.waits && h("p", null, `It waits: ${one.waits}`),
    !ENDED.has(one.state) && h("div.progress", null, h("progress", { max: one.bytes, value: one.bytes_read, "aria-label": "Read" }), h("span", null, `${bytes(one.bytes_read)} of ${bytes(one.bytes)} read${left}`)),
    facts(
      ["Client", link("find", { client: one.client }, one.client)],
      ["Rows read", count(one.rows_read)], ["Accepted", count(one.accepted)], ["Refused", count(one.refused)],
      ["Posted", count(one.posted)], ["Rejected", count(one.rejected)],
      ["Duplicates", `${count(one.duplicates)}${one.duplicates_not_posted ? `, ${count(one.duplicates_not_posted)} of them not posted` : ""}`],
      ["Conflicts", count(one.conflicts)], ["Dead", count(one.dead)], ["Cancelled", count(one.cancelled ?? 0)], ["Scheduled", count(one.scheduled ?? 0)],
      ["Shares rows with", one.shares?.length > 0 && one.shares.flatMap(({ import: other, rows }, at) => [at ? ", " : "", link("import", { number: other }, `import ${other}`), ` (${count(rows)})`])],
      ["Came", `${moment(one.created_at)} UTC`], ["Size", bytes(one.bytes)]),
    h("p", null, one.refused_rows && [h("a", { href: `${path}/refused`, download: true }, "Download the refused rows"), " to correct and send them again · "],
      h("a", { href: `${path}/report`, download: true }, "Payment status report (pain.002)"), h("span.why", null, " of a pain.001")));
}
