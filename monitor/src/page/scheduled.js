// The jobs that wait for the day on which they are to be executed, the next one first.
import { asked, filters, jobLink } from "./address.js";
import { h } from "./dom.js";
import { KINDS, amountOf, kindInWords, parties, party } from "./explain.js";
import { money } from "./money.js";
import { read } from "./request.js";
import { cursorOf, pages, table } from "./table.js";
import { moment } from "./when.js";

export const title = "Scheduled jobs";

const SHOWN = 50;

export async function view() {
  const wanted = new URLSearchParams({ limit: SHOWN });
  for (const name of ["from", "to", "account", "client", "kind", "cursor"]) if (asked()[name]) wanted.set(name, asked()[name]);
  const { jobs, next } = await read(`api/scheduled-jobs?${wanted}`);
  return [
    filters({
      page: "scheduled", label: "Find scheduled jobs", button: "Find",
      fields: [
        { name: "from", label: "Due from", type: "date", hint: "UTC" },
        { name: "to", label: "Due to", type: "date", hint: "UTC" },
        { name: "account", label: "Account" },
        { name: "client", label: "Client" },
        { name: "kind", label: "Kind", options: [["", "any"], ...KINDS.map((kind) => [kind, kindInWords(kind)])] },
      ],
    }),
    jobs.length > 0
      ? table("Scheduled jobs, the next one first", ["Due (UTC)", "Kind", "#Amount", "Payer", "Payee", "Memo or reference", "Client"], jobs.map((job) => {
          const { body } = job;
          const amount = amountOf(body);
          const { payer, payee } = parties(body);
          return [
            jobLink(job.id, moment(job.execute_at)), kindInWords(job.kind), amount ? money(amount.minor, amount.currency) : "–",
            party(payer) ?? "–", party(payee) ?? "–", body.memo ?? job.reference ?? "–", job.client,
          ];
        }))
      : h("p.empty", null, next ? "None so far." : "Nothing is scheduled that is like that."),
    pages("scheduled", cursorOf(next), { older: jobs.length < SHOWN ? "Go on" : "Later" }),
  ];
}
