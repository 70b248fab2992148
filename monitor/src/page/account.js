// One account: what it has, its entries, statements, holds, and what recurs on it.
import { accountLink, asked, jobLink, link } from "./address.js";
import { h } from "./dom.js";
import { REASONS, kindInWords, recurrence } from "./explain.js";
import { money, signed } from "./money.js";
import { patternsOf } from "./patterns.js";
import { read } from "./request.js";
import { cursorOf, facts, pages, part, table } from "./table.js";
import { day, daysAgo, moment } from "./when.js";
import { count, sentence, spaced } from "./words.js";

export const title = "Account";

export async function view() {
  const { number, cursor, holds: holdsCursor, orders: ordersCursor } = asked();
  if (!number) return h("p.empty", null, "No account is named. ", link("accounts", {}, "Find one"), ".");
  const path = `api/accounts/${encodeURIComponent(number)}`;
  const after = (cursor) => (cursor ? `&cursor=${encodeURIComponent(cursor)}` : "");
  const [account, { entries, next }, holds, orders] = await Promise.all([
    read(path),
    read(`${path}/entries?limit=50${after(cursor)}`),
    read(`api/holds?${new URLSearchParams({ account: number, limit: 50 })}${after(holdsCursor)}`),
    read(`api/standing-orders?${new URLSearchParams({ account: number, limit: 50 })}${after(ordersCursor)}`),
  ]);
  const { currency } = account;
  return [
    h("div.result.posted", null,
      h("p.action", null, h("code", null, account.number), account.holder && ` · ${account.holder}`),
      facts(
        ["Balance", h("strong", null, money(account.balance, currency))],
        ["Held", money(account.held, currency)],
        ["Available", account.available === undefined ? "no limit: it is the system's own" : money(account.available, currency)],
        ["Overdraft limit", money(account.overdraft_limit, currency)],
        ["Status", sentence(account.status)],
        ["Entries", count(account.entries)]),
      h("p", null, link("find", { account: number, from: daysAgo(31) }, "Jobs of this account"), " (also what was rejected) · ", link("dead-letters", { account: number }, "Dead letters"))),
    part("Entries", entriesTable(entries, currency), pages("account", cursorOf(next))),
    part("Statement", statement(path)),
    part("Holds", holds.holds.length > 0 ? holdsTable(holds.holds) : h("p.empty", null, "None."), pages("account", cursorOf(holds.next), { name: "holds", older: "More", label: "Pages of the holds" })),
    part("Standing orders", orders.standing_orders.length > 0 ? ordersTable(orders.standing_orders) : h("p.empty", null, "None."), pages("account", cursorOf(orders.next), { name: "orders", older: "More", label: "Pages of the standing orders" })),
    part("Patterns", patternsOf(account)),
  ];
}

function entriesTable(entries, currency) {
  if (entries.length === 0) return h("p.empty", null, "None so far.");
  return table("Entries, the newest first", ["Posted (UTC)", "Value date", "#Amount", "#Balance", "Other side", "Kind", "Memo"], entries.map((entry) => {
    const { name, account } = entry.counterparty ?? {};
    return [
      jobLink(entry.job, moment(entry.posted_at)), day(entry.value_date), signed(entry.amount, currency), money(entry.balance_after, currency),
      [name, name && account && " ", account, !name && !account && "–"], kindInWords(entry.kind), entry.memo ?? entry.payment?.end_to_end_id ?? entry.end_to_end_id ?? "–",
    ];
  }));
}

function holdsTable(holds) {
  return table("Holds", ["Hold", "#Amount", "Status", "Expires (UTC)"], holds.map((hold) => [
    jobLink(hold.id), money(hold.amount, hold.currency),
    hold.captured === undefined ? sentence(hold.status) : `${sentence(hold.status)}: ${money(hold.captured, hold.currency)}`, hold.expires_at ? moment(hold.expires_at) : "never",
  ]));
}

function ordersTable(orders) {
  return table("Standing orders", ["Order", "#Amount", "To", "Rule", "Status", "Next", "Last payment"], orders.map((order) => [
    jobLink(order.id, ...[order.memo ?? order.reference].filter(Boolean)), order.amount === undefined ? `all above ${money(order.keep, order.currency)}` : money(order.amount, order.currency), accountLink(order.to),
    recurrence(order.rule), sentence(order.status), order.next_dates[0] ?? "–", lastPayment(order.last_payment),
  ]));
}

function lastPayment(last) {
  if (!last) return "None so far";
  return [jobLink(last.job, last.due), `: ${last.reason ? `rejected, because ${REASONS[last.reason] ?? spaced(last.reason)}` : last.outcome}`];
}

/** A period, and the same statement in each form. */
function statement(path) {
  const from = h("input", { type: "date", id: "statement-from", value: `${daysAgo(0).slice(0, 8)}01` });
  const until = h("input", { type: "date", id: "statement-to", value: daysAgo(0) });
  const ways = [["csv", "CSV"], ["camt.053", "camt.053 (XML)"], ["json", "JSON"]].map(([format, words]) => [format, h("a", { download: true, "data-format": format }, words)]);
  const aim = () => {
    const period = [["from", from.value], ["to", until.value]].filter(([, value]) => value);
    for (const [format, way] of ways) way.href = `${path}/statement?${new URLSearchParams([...period, ["format", format]])}`;
  };
  for (const field of [from, until]) field.addEventListener("input", aim);
  aim();
  return h("div.filters", null,
    h("div.field", null, h("label", { for: from.id }, "From ", h("span.why", null, "UTC")), from),
    h("div.field", null, h("label", { for: until.id }, "To ", h("span.why", null, "UTC")), until),
    h("p.ways", null, "Download: ", ways.flatMap(([, way], at) => [at ? " · " : "", way])));
}

