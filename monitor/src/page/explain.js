// What a job is, and what became of it, as a sentence for whoever asks about a payment.
import { accountLink, jobLink } from "./address.js";
import { h } from "./dom.js";
import { money } from "./money.js";
import { momentInWords } from "./when.js";
import { sentence, spaced } from "./words.js";

export const KINDS = ["transfer", "deposit", "withdrawal", "journal", "hold", "capture", "release", "reversal", "open_account", "close_account", "freeze_account", "unfreeze_account", "set_overdraft_limit", "set_holder", "open_standing_order", "pause_standing_order", "resume_standing_order", "close_standing_order", "standing_payment"];

/** Why the ledger turns a job down, for the person who asks about it. */
export const REASONS = {
  known_by_former_id: "the ledger has the same job under an earlier id, and what became of it there stands",
  account_not_found: "an account that it names does not exist",
  account_exists: "the account exists already",
  account_closed: "an account that it names is closed",
  account_frozen: "an account that it names is frozen",
  currency_mismatch: "an account that it names holds another currency",
  insufficient_funds: "the account does not have enough funds: its balance, less what is held, plus its overdraft limit is below the amount",
  amount_overflow: "a balance would become larger than any account may hold",
  hold_not_found: "there is no such hold on the account",
  hold_not_active: "the hold was captured, released or had expired before",
  hold_exceeded: "more was to be captured than is held",
  job_not_found: "the job to reverse does not exist, was not posted, or did not touch the account",
  job_not_reversible: "the job to reverse cannot be reversed, or its reversal debits another account than the one that it names",
  already_reversed: "the job was reversed before",
  account_not_empty: "the account to close still has a balance or holds",
  standing_order_not_found: "there is no such standing order on the account",
  standing_order_ended: "the standing order was closed, or has come to its end",
  standing_payment_not_due: "the standing order was paused or closed meanwhile, or the payment came before its day",
  nothing_to_sweep: "the account had nothing above what the standing order leaves on it",
};

export const kindInWords = (kind) => sentence(spaced(kind));

/** A short outcome, with a mark that does not need a colour. */
export function outcome({ status, reason }) {
  const marks = { posted: ["span.good", "✓ Posted"], rejected: ["span.bad", `✕ Rejected: ${spaced(reason ?? "")}`], dead: ["span.bad", "! Dead letter"], cancelled: ["span.soft", "– Cancelled"], scheduled: ["span.soft", "… Scheduled"] };
  const [kind, text] = marks[status] ?? ["span.soft", sentence(status)];
  return h(kind, null, text);
}

/** What a body moves, where it says so: of a journal, the sum of its credits, which may be more than a number holds exactly. */
export function amountOf(body) {
  if (!body) return null;
  const minor = body.legs ? body.legs.filter(({ amount }) => amount > 0).reduce((sum, { amount }) => sum + BigInt(amount), 0n) : body.amount;
  return minor === undefined ? null : { minor, currency: body.currency };
}

/** Who pays and who is paid, as far as a body says; each is `{account, name}`. */
export function parties(body) {
  const { counterparty: other = {}, payment = {} } = body;
  const here = body.account && { account: body.account };
  const outside = (name) => (other.name || other.account || name) && { outside: other.account, name: other.name ?? name };
  switch (body.kind) {
    case "transfer":
      // The counterparty of a transfer is the payee, unless the payment names another.
      return { payer: { account: body.from, name: payment.debtor_name }, payee: { account: body.to, name: payment.creditor_name ?? other.name, outside: other.account } };
    case "deposit": return { payer: outside(payment.debtor_name), payee: here };
    case "withdrawal": return { payer: here, payee: outside(payment.creditor_name) };
    case "open_standing_order":
    case "standing_payment": return { payer: here, payee: { account: body.to, name: payment.creditor_name ?? other.name } };
    case "capture": return { payer: here, payee: body.to ? { account: body.to } : outside(payment.creditor_name) };
    case "journal": {
      const [debits, credits] = [body.legs.filter(({ amount }) => amount < 0), body.legs.filter(({ amount }) => amount > 0)];
      const side = (legs) => ({ account: legs[0].account, more: legs.length - 1 });
      return { payer: side(debits), payee: side(credits) };
    }
    default: return { payer: here };
  }
}

/** A party, with a link to its account. */
export function party(of) {
  if (!of) return null;
  return [of.account && accountLink(of.account), of.name && `${of.account ? " (" : ""}${of.name}${of.account ? ")" : ""}`, of.outside && !of.account && ` ${of.outside}`, of.more > 0 && ` and ${of.more} more`];
}

/** "125.50 EUR from a to b": what a job does, as it follows "Posted on …: ". */
export function deed(body) {
  const amount = amountOf(body);
  const much = amount && h("strong", null, money(amount.minor, amount.currency));
  const { payer, payee } = parties(body);
  const account = accountLink(body.account ?? "");
  switch (body.kind) {
    case "deposit": return [much, " came in to ", account, payer && [" from ", party(payer)]];
    case "withdrawal": return [much, " went out from ", account, payee && [" to ", party(payee)]];
    case "hold": return [much, " reserved on ", account];
    case "capture": return [much ?? "All of the funds", " reserved by the hold ", jobLink(body.hold), " moved from ", account, payee && [" to ", party(payee)]];
    case "release": return ["the funds reserved by the hold ", jobLink(body.hold), " on ", account, " given back"];
    case "reversal": return ["the job ", jobLink(body.job), " undone"];
    case "open_account": return ["account ", account, ` opened in ${body.currency}`, body.holder && ` for ${body.holder}`];
    case "close_account": return ["account ", account, " closed"];
    case "freeze_account": return ["account ", account, " frozen"];
    case "unfreeze_account": return ["account ", account, " takes entries again"];
    case "set_overdraft_limit": return ["the overdraft limit of account ", account, ` set to ${body.overdraft_limit ?? 0} minor units`];
    case "set_holder": return ["the holder of account ", account, body.holder ? ` set to ${body.holder}` : " removed"];
    case "open_standing_order": return ["a standing order to pay ", sum(body, much), " from ", party(payer), " to ", party(payee), ` ${recurrence(body.rule)}`];
    case "standing_payment": return [sum(body, much), " from ", party(payer), " to ", party(payee), `, due on ${body.due} by the standing order `, jobLink(body.order)];
    case "pause_standing_order": return ["the standing order ", jobLink(body.order), " on ", account, " paused"];
    case "resume_standing_order": return ["the standing order ", jobLink(body.order), " on ", account, " resumed"];
    case "close_standing_order": return ["the standing order ", jobLink(body.order), " on ", account, " closed"];
    default: return [much, " from ", party(payer), " to ", party(payee)];
  }
}

/** What a standing order pays. */
const sum = (body, much) => much ?? ["all above ", h("strong", null, money(body.keep, body.currency))];

/** "every 3 months on day 31, from 2027-01-31 until 2028-01-31": the rule of a standing order. */
export function recurrence({ unit, every = 1, day, missing_day: missing, from, until, count }) {
  const missed = { last: "else the last day of the month", next: "else the first of the next month", skip: "and not in months without it" }[missing];
  const on = day ? ` on day ${day}${missed ? `, ${missed},` : ""}` : "";
  return `every ${every === 1 ? unit.slice(0, -1) : `${every} ${unit}`}${on} from ${from}${until ? ` until ${until}` : ""}${count ? `, ${count} times` : ""}`;
}

/** What a job is now, in one sentence or two. */
export function explained(job) {
  const at = job.posted_at && momentInWords(job.posted_at);
  const what = job.body && deed(job.body);
  switch (job.status) {
    case "posted": return [`Posted on ${at}: `, what, ".", job.reversed_by && [" It was undone by the reversal ", jobLink(job.reversed_by), "."], ofHold(job)];
    case "rejected": return [`Rejected on ${at}, because ${REASONS[job.reason] ?? spaced(job.reason)}. Nothing was moved. It asked for: `, what, "."];
    case "dead": return [`Not posted: it was given up on ${at}. Nothing was moved. It asked for: `, what, ". The cause: ", job.cause ?? "not known", "."];
    case "cancelled": return [cancelled(job), what && [" It asked for: ", what, "."]];
    case "scheduled": return [`Scheduled for ${momentInWords(job.execute_at)}: `, what, ". Nothing was moved yet. The ledger decides then, by the funds of that moment; until then the job can be cancelled."];
    case "pending": return ["No outcome is known for this id. If the job was accepted (its sender got a 202), it waits on its lane; if not, it was never accepted, or this key is not shown it. It is always safe to send it again with the same reference."];
    default: return [`It is an analysis, and is ${spaced(job.status)}.`];
  }
}

function cancelled({ cancelled: of }) {
  if (!of) return "Cancelled before it was posted. Nothing was moved.";
  return `Cancelled on ${momentInWords(of.at)} by ${of.by}${of.reason ? `: ${of.reason}` : ""}. Nothing was moved, and it never posts.`;
}

function ofHold({ hold }) {
  if (!hold) return null;
  if (hold.status === "active") return ` The funds are still reserved${hold.expires_at ? ` until ${momentInWords(hold.expires_at)}` : ""}.`;
  const by = hold.ended_by && [" by ", jobLink(hold.ended_by)];
  if (hold.status === "captured") return [" Since then ", money(hold.captured, hold.currency), " of it were moved", by, "; the rest was given back."];
  return [hold.expired ? " The hold has expired, and the funds were given back" : " The funds were given back", by, "."];
}
