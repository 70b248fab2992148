// Find a job: by what it is called, or by what is known of it.
import { accountLink, asked, filters, isJobId, jobLink, link, refuse, to } from "./address.js";
import { h, show } from "./dom.js";
import { KINDS, REASONS, amountOf, kindInWords, outcome, parties, party } from "./explain.js";
import { money, parseAmount, plain } from "./money.js";
import { read } from "./request.js";
import { cursorOf, pages, part, table } from "./table.js";
import { day, daysAgo, moment } from "./when.js";
import { count, spaced } from "./words.js";

export const title = "Find a job";

const ACCOUNT = /^[A-Za-z0-9._:-]{1,34}$/;
const SHOWN = 50;
/** So long a search goes on by itself. */
const SEARCH_MS = 10_000;
const DAYS = 7;

const any = (names, words = spaced) => [["", "any"], ...names.map((name) => [name, words(name)])];
const FIELDS = [
  { name: "q", label: "Id, reference, end-to-end id or account", type: "search" },
  { name: "amount", label: "Amount", hint: "125.50 or 125,50", inputmode: "decimal" },
  { name: "currency", label: "Currency", value: "EUR", size: 4, maxlength: 3 },
  { name: "name", label: "Part of a name", hint: "payer or payee" },
  { name: "from", label: "From", type: "date", hint: "UTC" },
  { name: "to", label: "To", type: "date", hint: "UTC" },
];
const EXTRA = [
  { name: "account", label: "Account" },
  { name: "kind", label: "Kind", options: any(KINDS, kindInWords) },
  { name: "outcome", label: "Outcome", options: any(["posted", "rejected", "dead", "cancelled", "scheduled"]) },
  { name: "reason", label: "Reason of a rejection", options: any(Object.keys(REASONS)) },
  { name: "client", label: "Client" },
  { name: "import", label: "Import", inputmode: "numeric" },
  { name: "amount_to", label: "Amount up to" },
  { name: "memo", label: "Memo begins with" },
  { name: "counterparty_account", label: "Account outside" },
  { name: "metadata_key", label: "Metadata: name" },
  { name: "metadata_value", label: "Metadata: value" },
];
/** What the services take by the same name. */
const SAME = ["account", "kind", "outcome", "reason", "client", "import", "memo", "counterparty_account", "metadata_key", "metadata_value", "from", "to"];

export async function view() {
  const given = asked();
  if (isJobId(given.q)) return location.replace(to("job", { id: given.q.toLowerCase() }));
  const days = { from: daysAgo(DAYS), to: daysAgo(0) };
  const form = filters({
    page: "find", label: "Find a job", button: "Find",
    fields: FIELDS.map((field) => ({ ...field, value: days[field.name] ?? field.value })), extra: EXTRA,
    check: (values) => {
      if (!values.amount && !values.amount_to) delete values.currency;
      // A name of the job's own needs no days.
      if (values.q) for (const name of Object.keys(values)) if (name !== "q") delete values[name];
      return query(values).wrong;
    },
  });
  const found = h("div", { id: "found" });
  if (Object.keys(given).length === 0) found.append(h("p.note", null, "Type what is known: an amount, the day, a part of the name. Jobs that have an outcome are found, the newest first."));
  else if (given.q) searchByName(given.q).then((parts) => show("found", parts), (refused) => show("found", h("p.refusal", null, refused.message)));
  else search(form, given);
  return [form, found];
}

/** The query for the services, or what is wrong with a field. */
function query(values) {
  const wanted = new URLSearchParams();
  const wrong = {};
  const currency = (values.currency ?? "").toUpperCase();
  const amounts = ["amount", "amount_to"].map((name) => {
    if (!values[name]) return null;
    const { minor, readings, wrong: why } = parseAmount(values[name], currency);
    if (readings) wrong[name] = ["may be ", ...readings.flatMap((reading, at) => [at ? " or " : "", link("find", { ...values, [name]: plain(reading, currency) }, money(reading, currency))]), ": choose one"];
    else if (why) wrong[name] = why;
    return minor;
  });
  if ((values.amount || values.amount_to) && !/^[A-Z]{3}$/.test(currency)) wrong.currency = "must be a code such as EUR";
  const [from, upTo] = amounts;
  if (upTo) {
    if (from) wanted.set("amount_min", from);
    wanted.set("amount_max", upTo);
  } else if (from) wanted.set("amount", from);
  if (from || upTo) wanted.set("currency", currency);
  if (values.name) wanted.set("counterparty", values.name);
  for (const name of SAME) if (values[name]) wanted.set(name, values[name]);
  return { wanted, wrong };
}

async function search(form, given) {
  const { wanted, wrong } = query(given);
  queueMicrotask(() => refuse(form, wrong));
  if (Object.keys(wrong).length > 0) return;
  wanted.set("limit", SHOWN);
  try {
    const jobs = [];
    let next = given.cursor ?? null;
    const end = Date.now() + SEARCH_MS;
    for (;;) {
      const page = await read(`api/jobs?${wanted}${next ? `&cursor=${encodeURIComponent(next)}` : ""}`);
      jobs.push(...page.jobs);
      next = cursorOf(page.next);
      const goesOn = next && jobs.length < SHOWN && Date.now() < end;
      show("found", shown(jobs, page, goesOn), !goesOn && pages("find", next, { older: jobs.length < SHOWN ? "Go on" : "Older" }));
      if (!goesOn) return;
    }
  } catch (refused) {
    const own = { amount: "amount", amount_min: "amount", amount_max: "amount_to", counterparty: "name" };
    refuse(form, Object.fromEntries([...refused.fields ?? []].map(([field, remedy]) => [own[field] ?? field, remedy])));
    show("found", h("p.refusal", null, refused.message));
  }
}

function shown(jobs, page, goesOn) {
  const { from, to: until } = asked();
  const place = page.looked_back_to && `back to ${moment(page.looked_back_to)} UTC`;
  const whole = !page.next && (from || until) && `${from ? `from ${day(from)} ` : ""}${until ? `to ${day(until)}` : ""}`.trim();
  const many = jobs.length === 1 ? "1 job" : `${count(jobs.length)} jobs`;
  return [
    h("p.note", { role: "status" }, goesOn ? `Searching… ${many} so far; searched ${place}.` : `${jobs.length ? many : "No job"}${place && jobs.length < SHOWN ? ` so far; searched ${place}.` : whole ? `, ${whole}.` : "."}`),
    jobs.length > 0 && jobsTable(jobs),
    !goesOn && !page.next && jobs.length === 0 && wider(),
  ];
}

/** Where else to look. */
function wider() {
  const { cursor, ...given } = asked();
  const ways = [
    given.from && given.from > daysAgo(31) && ["the last 31 days", { ...given, from: daysAgo(31), to: "" }],
    given.from && ["the last year", { ...given, from: daysAgo(366), to: "" }],
    given.name && ["any name", { ...given, name: "" }],
    given.amount && ["any amount", { ...given, amount: "", amount_to: "", currency: "" }],
  ].filter(Boolean);
  return h("p", null, "A job without an outcome is not found by search. ", ways.length > 0 && ["Look in: ", ways.flatMap(([words, values], at) => [at ? " · " : "", link("find", values, words)])]);
}

/** By a name of its own: a reference, an end-to-end id, or an account that is called so. */
async function searchByName(name) {
  const quiet = (promise) => promise.catch((refused) => { if ([400, 404].includes(refused.status)) return null; throw refused; });
  const wanted = (values) => `api/jobs?${new URLSearchParams({ ...values, limit: SHOWN })}`;
  const [named, ended, accounts] = await Promise.all([
    quiet(read(wanted({ reference: name }))),
    quiet(read(wanted({ end_to_end_id: name, from: daysAgo(31) }))),
    ACCOUNT.test(name) ? read(`api/accounts?${new URLSearchParams({ prefix: name, limit: 1 })}`) : null,
  ]);
  const account = accounts?.accounts.find(({ number }) => number === name);
  const parts = [
    named?.jobs.length > 0 && part("By reference", jobsTable(named.jobs)),
    ended?.jobs.length > 0 && part("By end-to-end id", jobsTable(ended.jobs)),
    account && part("Account", h("p", null, accountLink(account.number), account.holder && ` of ${account.holder}`, `, ${money(account.balance, account.currency)}`)),
  ].filter(Boolean);
  const note = `End-to-end ids are looked for ${ended?.next ? `back to ${moment(ended.looked_back_to)} UTC` : "in the last 31 days"}.`;
  if (parts.length === 0) return h("p.empty", null, `Nothing is called ${name}: no id, no reference, no account. ${note}`);
  return [parts, h("p.note", null, note)];
}

/** Jobs, each with a link to what became of it. */
export function jobsTable(jobs) {
  return table("Jobs, the newest first", ["When (UTC)", "Kind", "#Amount", "Payer", "Payee", "Memo or reference", "Outcome"], jobs.map((job) => {
    const body = job.body ?? {};
    const amount = amountOf(body);
    const { payer, payee } = body.kind ? parties(body) : {};
    return [
      jobLink(job.id, job.posted_at ?? job.execute_at ? moment(job.posted_at ?? job.execute_at) : job.id), job.kind ? kindInWords(job.kind) : "–", amount ? money(amount.minor, amount.currency) : "–",
      party(payer) ?? "–", party(payee) ?? "–", body.memo ?? job.reference ?? "–", outcome(job),
    ];
  }));
}
