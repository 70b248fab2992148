// Whose key the page is used with, and the way out.
import { h, show } from "./dom.js";
import { ask } from "./request.js";

let asked = false;

/** Shows it, once there is somebody to show. */
export async function showWho() {
  if (asked) return;
  asked = true;
  try {
    const { client, scopes, accounts } = await ask("GET", "api/session");
    if (client === null) return;
    show("who",
      h("span.client", { title: `${scopes.join(", ")}; accounts ${accounts}` }, client),
      h("button", { type: "button", id: "log-out" }, "Log out"));
    document.getElementById("log-out").addEventListener("click", leave);
  } catch {
    asked = false;
  }
}

// Another key may be another client's.
document.addEventListener("key-taken", () => {
  asked = false;
  showWho();
});

async function leave() {
  await ask("DELETE", "api/session").catch(() => {});
  location.reload();
}
