// The page's login. The key goes to the monitor once, which answers with a cookie that no script reads; nothing of it is
// kept here.
import { h } from "./dom.js";

let asking = null;

/** Asks for a key, saying why, unless somebody is asked already. Resolves to whether one was taken. */
export const askForKey = (why) => (asking ??= ask(why).finally(() => (asking = null)));

/** Sends a key to the monitor. Throws what it says against it. */
async function begin(key) {
  const body = JSON.stringify({ key });
  const headers = { "Content-Type": "application/json" };
  const response = await fetch("api/session", { method: "POST", headers, body, cache: "no-store" });
  if (response.ok) return;
  const answer = await response.json().catch(() => ({}));
  throw new Error(answer.detail ?? `the monitor answered ${response.status}`);
}

function ask(why) {
  const field = h("input", { id: "key", type: "password", autocomplete: "off", autofocus: true, required: true, "aria-describedby": "key-why key-refused" });
  const refused = h("p.refusal", { id: "key-refused", role: "alert", hidden: true });
  const use = h("button.primary", { type: "submit", id: "key-use" }, "Use it");
  const no = h("button", { type: "button" }, "Cancel");
  const form = h("form", null,
    h("label", { for: "key" }, "API key"),
    field,
    refused,
    h("div.buttons", null, no, use));
  const dialog = h("dialog", { "aria-labelledby": "key-title" },
    h("h2", { id: "key-title" }, "A key is needed"),
    h("p", { id: "key-why" }, why),
    form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      use.disabled = true;
      try {
        await begin(field.value.trim());
        document.dispatchEvent(new Event("key-taken"));
        dialog.close("taken");
      } catch (error) {
        refused.textContent = error.message;
        refused.hidden = false;
        use.disabled = false;
        field.select();
      }
    });
    no.addEventListener("click", () => dialog.close(""));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "taken");
    });
    dialog.showModal();
  });
}
