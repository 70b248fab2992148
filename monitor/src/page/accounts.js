// Accounts by how their numbers begin, their currency and status.
import { accountLink, asked, filters } from "./address.js";
import { h } from "./dom.js";
import { money } from "./money.js";
import { read } from "./request.js";
import { cursorOf, pages, table } from "./table.js";
import { sentence } from "./words.js";

export const title = "Accounts";

const STATUS = [["", "any"], ["open", "open"], ["frozen", "frozen"], ["closed", "closed"]];
const BALANCE = [["", "any"], ["overdrawn", "below zero"], ["credit", "above zero"]];

export async function view() {
  const { prefix, currency, status, balance, cursor } = asked();
  const wanted = new URLSearchParams({ limit: 50 });
  for (const [name, value] of Object.entries({ prefix, currency: currency?.toUpperCase(), status, cursor })) if (value) wanted.set(name, value);
  if (balance === "overdrawn") wanted.set("balance_max", -1);
  if (balance === "credit") wanted.set("balance_min", 1);
  const { accounts, next } = await read(`api/accounts?${wanted}`);
  return [
    filters({
      page: "accounts", label: "Find accounts", button: "Find",
      fields: [
        { name: "prefix", label: "Number begins with", type: "search" },
        { name: "currency", label: "Currency", size: 4, maxlength: 3 },
        { name: "status", label: "Status", options: STATUS },
        { name: "balance", label: "Balance", options: BALANCE },
      ],
    }),
    accounts.length > 0
      ? table("Accounts", ["Number", "Holder", "#Balance", "#Held", "#Available", "Status"], accounts.map((account) => [
          accountLink(account.number), account.holder ?? "–", money(account.balance, account.currency), money(account.held, account.currency),
          account.available === undefined ? "no limit" : money(account.available, account.currency), sentence(account.status),
        ]))
      : h("p.empty", null, next ? "None so far." : "No account is like that."),
    pages("accounts", cursorOf(next), { older: accounts.length < 50 ? "Go on" : "Next" }),
  ];
}
