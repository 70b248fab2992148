// One job: what it is now in a sentence, how it came to that, and what else there is to it.
import { accountLink, asked, importLink, isJobId, jobLink, link, to } from "./address.js";
import { h } from "./dom.js";
import { amountOf, explained, kindInWords, outcome, parties, party } from "./explain.js";
import { money, signed } from "./money.js";
import { get, read } from "./request.js";
import { facts, part, table } from "./table.js";
import { day, moment } from "./when.js";
import { spaced } from "./words.js";

export const title = "Job";

export async function view() {
  const { id } = asked();
  if (!id) return h("p.empty", null, "No job is named. ", link("find", {}, "Find one"), ".");
  const path = `api/jobs/${encodeURIComponent(id)}`;
  const [job, timeline] = await Promise.all([read(path), read(`${path}/timeline`)]);
  const letters = job.status === "dead" ? await lettersOf(id) : null;
  const { body = {} } = job;
  return [
    h("div", { class: `result ${job.status}` },
      h("p.action", null, outcome(job), job.kind && ` · ${kindInWords(job.kind)}`),
      h("p", { id: "explained" }, explained(job)),
      letters),
    part("The job", facts(
      ["Id", h("code", null, job.id)],
      ["Amount", amountOf(body) && money(amountOf(body).minor, body.currency)],
      ["Payer", ...sides(body).payer],
      ["Payee", ...sides(body).payee],
      ["Reference", job.reference],
      ["Memo", body.memo],
      ["Value date", body.value_date && day(body.value_date)],
      ["Client", job.client && link("find", { client: job.client }, job.client)],
      ["Import", job.import && importLink(job.import.import, job.import.row)],
      ["Reversed by", job.reversed_by && jobLink(job.reversed_by)],
      ["Accepted", job.accepted_at && `${moment(job.accepted_at)} UTC`],
      ["To be executed", job.execute_at && `${moment(job.execute_at)} UTC`],
      ["Scheduled", job.scheduled_at && `${moment(job.scheduled_at)} UTC`],
      ["Outcome", job.posted_at && `${moment(job.posted_at)} UTC`],
      ["Other bodies", job.conflicts && `${job.conflicts.count} came under its reference or key, the latest on ${moment(job.conflicts.last_accepted_at)}; none took effect`],
      ...Object.entries(body.payment ?? {}).map(([name, value]) => [NAMES[name] ?? spaced(name), value]),
      ["Metadata", body.metadata && h("code", null, JSON.stringify(body.metadata))],
      ["Lane", job.lane !== undefined && String(job.lane)])),
    entries(timeline, body.currency ?? job.hold?.currency),
    timeline.events.length > 0 && part("What happened", h("ol.timeline", null, timeline.events.map(happened))),
    job.body && h("details", null, h("summary", null, "The job as it was sent"), h("pre", null, JSON.stringify(job.body, null, 2))),
  ];
}

const NAMES = { end_to_end_id: "End-to-end id", uetr: "UETR", debtor_name: "Name of the payer", creditor_name: "Name of the payee" };

/** Nobody where the body says nobody. */
function sides(body) {
  const { payer, payee } = body.kind ? parties(body) : {};
  return { payer: [party(payer)], payee: [party(payee)] };
}

function entries({ events }, currency) {
  const moved = events.map(({ event }) => event).filter(({ type }) => type === "entry");
  if (moved.length === 0) return null;
  return part("Entries", table("Entries of the job", ["Account", "#Amount", "#Balance before", "#Balance after", "#Entry"], moved.map((entry) => [
    accountLink(entry.account), signed(entry.amount, currency), money(entry.balance_before, currency), money(entry.balance_after, currency), String(entry.seq),
  ])));
}

/** An event as its sentence, with links to what it names. */
function happened({ at, text, event }) {
  const links = new Map();
  // Who cancelled a job is `by` as well, and no job.
  for (const name of ["by", "job", "hold"]) if (isJobId(event[name])) links.set(event[name], to("job", { id: event[name] }));
  if (event.account) links.set(event.account, to("account", { number: event.account }));
  if (event.import) links.set(`import ${event.import}`, to("import", { number: event.import }));
  return h("li", null, h("span.at", null, at ? moment(at) : "–"), h("span", null, linked(text, links)));
}

function linked(text, links) {
  for (const [name, href] of links) {
    const [before, ...behind] = text.split(name);
    if (behind.length > 0) return [before, h("a", { href }, name), linked(behind.join(name), new Map([...links].filter(([other]) => other !== name)))];
  }
  return [text];
}

async function lettersOf(id) {
  try {
    const { letters } = await get(`dead-letters?${new URLSearchParams({ job: id })}`);
    return letters.length > 0
      ? h("p", null, link("dead-letters", { job: id }, "Look at its dead letter"), ", try it, and replay or discard it.")
      : h("p.note", null, "Its dead letter is gone: it was discarded, or is on its way again.");
  } catch (refused) {
    return h("p.note", null, `Its dead letter cannot be looked at: ${refused.message}`);
  }
}
