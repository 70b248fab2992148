// What the latest analysis of an account found: payments that recur, what stands out, and a forecast.
import { jobLink } from "./address.js";
import { h } from "./dom.js";
import { money, signed } from "./money.js";
import { ask, read } from "./request.js";
import { facts, table } from "./table.js";
import { day, moment } from "./when.js";
import { sentence, spaced } from "./words.js";

const LOOK_EVERY_MS = 500;
const LOOK_MAX_MS = 60_000;

/** Read when somebody wants to see it: it is more than all the rest of the page. */
export function patternsOf(account) {
  const place = h("div", { "aria-live": "polite" });
  const path = `api/accounts/${encodeURIComponent(account.number)}/patterns`;
  const button = (words, action) => {
    const one = h("button", { type: "button" }, words);
    one.addEventListener("click", async () => {
      one.disabled = true;
      try {
        place.replaceChildren(...(await action()));
      } catch (refused) {
        place.replaceChildren(h("p.refusal", null, refused.message), one);
        one.disabled = false;
      }
    });
    return one;
  };
  const analyse = () => button("Analyse the account now", async () => {
    await analysed(account.number, place);
    return [found(await read(path), account.currency), analyse()];
  });
  const show = button("Show what the latest analysis found", async () => {
    try {
      return [found(await read(path), account.currency), analyse()];
    } catch (refused) {
      if (!refused.type?.endsWith("/not-analysed")) throw refused;
      return [h("p", null, "The account has not been analysed yet."), analyse()];
    }
  });
  place.append(show);
  return place;
}

/** Starts an analysis and waits for its end. */
async function analysed(number, place) {
  const { id } = await ask("POST", "api/analyses", { accounts: [number] });
  const end = Date.now() + LOOK_MAX_MS;
  for (;;) {
    const { state, cause } = await read(`api/analyses/${id}`);
    if (state === "done") return;
    if (state === "cancelled" || Date.now() > end) throw new Error(cause ?? `The analysis ${id} is ${spaced(state)}; look again later.`);
    place.replaceChildren(h("p", null, `Analysing: ${spaced(state)}…`));
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

const named = ({ name, account }) => [name, account].filter(Boolean).join(" ") || "–";

function found({ patterns, analysed_at: at }, currency) {
  const { recurring, anomalies, forecast, movements } = patterns;
  return h("div", null,
    h("p.note", null, `Analysed on ${moment(at)} UTC, over ${movements} movements.`),
    recurring.length > 0
      ? table("Payments that recur", ["With", "How often", "#Amount", "Next", "Evidence"], recurring.map((one) => [
          named(one.party), spaced(one.period), `${one.amount.fixed ? "" : "about "}${signed(one.direction === "in" ? one.amount.typical : -one.amount.typical, currency)}`,
          one.next_expected ? day(one.next_expected) : "ended", one.evidence,
        ]))
      : h("p.empty", null, "Nothing recurs."),
    anomalies.length > 0 && table("What stands out", ["Date", "What", "#Amount", "With", "Why"], anomalies.map((one) => [
      one.job ? jobLink(one.job, day(one.date)) : day(one.date), sentence(spaced(one.kind)), signed(one.amount, currency), named(one.party), one.reason,
    ])),
    forecast && facts(["Forecast", `${forecast.month}: ${money(forecast.in, currency)} in, ${money(forecast.out, currency)} out, ${signed(forecast.net, currency)} net`]));
}
