// A key of the fleet, where a change or a look at dead letters takes one. It is kept until the tab is closed.
import { h } from "./dom.js";

const NAME = "tellers-api-key";

/** The key that was given; null before one was. */
export const givenKey = () => sessionStorage.getItem(NAME) || null;

/** The headers that present it. */
export function keyHeaders() {
  const key = givenKey();
  return key ? { "X-API-Key": key } : {};
}

/** Asks for a key, saying why. Resolves to whether one was given. */
export function askForKey(why) {
  const field = h("input", { id: "key", type: "password", autocomplete: "off", autofocus: true });
  const use = h("button.primary", { type: "button", id: "key-use" }, "Use it");
  const no = h("button", { type: "button" }, "Cancel");
  const dialog = h("dialog", { "aria-labelledby": "key-title" },
    h("h2", { id: "key-title" }, "A key is needed"),
    h("p", null, why),
    h("label", { for: "key" }, "API key with the scopes operate and read"),
    field,
    h("div.buttons", null, no, use));
  document.body.append(dialog);
  return new Promise((resolve) => {
    const given = () => {
      const key = field.value.trim();
      if (key) sessionStorage.setItem(NAME, key);
      dialog.close(key ? "given" : "");
    };
    use.addEventListener("click", given);
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") given();
    });
    no.addEventListener("click", () => dialog.close(""));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "given");
    });
    dialog.showModal();
  });
}
