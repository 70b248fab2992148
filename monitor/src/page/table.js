// Tables of what was found, facts about one thing, and the way to the next page.
import { asked, to } from "./address.js";
import { h } from "./dom.js";

/**
 * A table: `columns` are names, with `#` before those of figures; each row is a list of cells, the first of which names it. On a narrow
 * screen each row is a card.
 */
export function table(caption, columns, rows) {
  const heads = columns.map((name) => ({ name: name.replace(/^#/, ""), kind: name.startsWith("#") ? ".number" : "" }));
  return h("table.rows.cards.found", null,
    h("caption.visually-hidden", null, caption),
    h("thead", null, h("tr", null, heads.map(({ name, kind }) => h(`th${kind}`, { scope: "col" }, name)))),
    h("tbody", null, rows.map((cells) => h("tr", null, cells.map((cell, at) =>
      at === 0 ? h("th", { scope: "row" }, cell) : h(`td${heads[at].kind}`, { "data-label": heads[at].name }, h("div", null, cell)))))));
}

/** Names with what they are; those that are not there are left out. */
export const facts = (...pairs) => h("dl.facts.of-one", null, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false).map(([name, ...value]) => h("div", null, h("dt", null, name), h("dd", null, value))));

/** A part of a page with a heading. */
export const part = (title, ...content) => h("section", null, h("h2", null, title), content);

/** The cursor in a `next` of the services, which is a path with a query. */
export const cursorOf = (next, name = "cursor") => (next ? new URLSearchParams(next.split("?")[1]).get(name) : null);

/** The ways to the other pages of a list, which `label` names: `next` is the cursor of the page behind this one. */
export function pages(page, next, { name = "cursor", older = "Older", label = "Pages of the list" } = {}) {
  const { [name]: here, ...rest } = asked();
  if (!here && !next) return null;
  return h("nav.pages-of", { "aria-label": label },
    here && h("a", { href: to(page, rest) }, "From the beginning"),
    next && h("a", { href: to(page, { ...rest, [name]: next }), rel: "next" }, older));
}
