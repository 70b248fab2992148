// A question before something is changed. The browser's own modal dialog keeps the focus inside, closes on
// Escape, and gives the focus back.
import { h } from "./dom.js";

/** Asks, and calls `action` on consent; a refusal is shown in the dialog. Resolves to what it returned, or null. */
export function confirm({ title, text, button, danger, action }) {
  const problem = h("p.refusal", { role: "alert", hidden: true });
  const yes = h(danger ? "button.danger" : "button.primary", { type: "button" }, button);
  const no = h("button", { type: "button", autofocus: true }, "Cancel");
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" },
    h("h2", { id: "dialog-title" }, title),
    [text].flat().map((line) => (line instanceof Node ? line : h("p", null, line))),
    problem,
    h("div.buttons", null, no, yes));
  document.body.append(dialog);
  return new Promise((resolve) => {
    let result = null;
    no.addEventListener("click", () => dialog.close());
    yes.addEventListener("click", async () => {
      yes.disabled = true;
      try {
        result = (await action()) ?? true;
        dialog.close();
      } catch (refused) {
        problem.textContent = refused.message;
        problem.hidden = false;
        yes.disabled = false;
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result);
    });
    dialog.showModal();
  });
}
