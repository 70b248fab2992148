// Starts the page that the address names: each is a module with its `title` and its `view`.
import { asked } from "./address.js";
import { h } from "./dom.js";
import { askForKey } from "./key.js";
import { wantsKey } from "./request.js";
import { showWho } from "./who.js";

const PAGES = {
  find: () => import("./find.js"),
  job: () => import("./job.js"),
  scheduled: () => import("./scheduled.js"),
  accounts: () => import("./accounts.js"),
  account: () => import("./account.js"),
  imports: () => import("./imports.js"),
  import: () => import("./import.js"),
  "dead-letters": () => import("./dead_letters.js"),
  webhooks: () => import("./webhooks.js"),
  webhook: () => import("./webhook.js"),
  alerts: () => import("./alerts.js"),
  audit: () => import("./audit.js"),
};
/** Under which entry of the bar a page stands that has none of its own. */
const ENTRY = { job: "find", account: "accounts", import: "imports", webhook: "webhooks" };

const name = location.pathname.split("/").at(-1);
const { title, view } = await PAGES[name]();
const { number, id } = asked();
document.title = `${[title, number ?? id?.slice(0, 8)].filter(Boolean).join(" ")} · Tellers`;
document.getElementById("title").textContent = title;
document.querySelector(`nav a[href="${ENTRY[name] ?? name}"]`).setAttribute("aria-current", name in ENTRY ? "true" : "page");
await start();

async function start() {
  try {
    put(await view());
    document.body.dataset.view = "shown";
    showWho();
  } catch (refused) {
    put(refusal(refused));
    document.body.dataset.view = "refused";
    if (refused.status !== 401) showWho();
  }
}

/** In place of what is there: forms and buttons come with what they do. */
function put(content) {
  document.getElementById("view").replaceWith(h("div", { id: "view" }, content));
}

/** Why there is nothing to show, and what helps. */
function refusal(refused) {
  const again = h("button", { type: "button" }, wantsKey(refused) ? "Use another key" : "Try again");
  again.addEventListener("click", async () => {
    if (!wantsKey(refused) || (await askForKey(refused.message))) await start();
  });
  const words = refused.status === 404 ? "Not found." : null;
  return [h("div", { role: "alert" }, words && h("p", null, h("strong", null, words)), h("p.refusal", null, refused.message)), h("div.buttons", null, again)];
}
