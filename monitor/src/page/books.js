// accepted = posted + rejected + dead + … + in flight; debits = credits.
import { h, show } from "./dom.js";
import { clock, count, known, unknown } from "./words.js";

export function showBooks({ status: { reconciliation } }) {
  if (!reconciliation) {
    show("books", h("p", null, "Not known yet."));
    return;
  }
  const term = (sign, name, value, always) =>
    !(always || value) ? null : h(sign ? "div.term" : "div.term.whole", { "data-key": name },
      sign && h("span.sign", { "aria-hidden": "true" }, sign),
      h("span.value", null, known(value) ? count(value) : unknown()),
      h("span.label", null, name));
  show("books",
    h("div.equation", { role: "group", "aria-label": reconciliation.sentence },
      term(null, "accepted", reconciliation.accepted, true),
      term("=", "posted", reconciliation.posted, true),
      term("+", "rejected", reconciliation.rejected, true),
      term("+", "dead", reconciliation.dead, true),
      term("+", "cancelled", reconciliation.cancelled),
      term("+", "scheduled", reconciliation.scheduled),
      term("+", "duplicates", reconciliation.duplicates),
      term("+", "conflicts", reconciliation.conflicts),
      term("+", "in flight", reconciliation.in_flight, true),
      h("div.checks", null, holds(reconciliation), balanced(reconciliation))),
    h("p.note", null, `Counted since ${clock(new Date(reconciliation.since), true)}.`));
}

const check = (state, glyph, words) => h(`span.check.${state}`, null, h("span", { "aria-hidden": "true" }, glyph), ` ${words}`);

function holds({ holds, unaccounted }) {
  if (holds === true) return check("good", "✓", "every job accounted for");
  if (holds === false) return check("bad", "✕", surplus(unaccounted));
  return check("soft", "…", "every job accounted for: known once nothing moves");
}

function surplus(unaccounted) {
  if (!known(unaccounted)) return "the sides differ";
  return unaccounted > 0 ? `${count(unaccounted)} accepted without an outcome` : `${count(-unaccounted)} more outcomes than accepted`;
}

function balanced({ debits_equal_credits: equal }) {
  if (equal === true) return check("good", "✓", "debits = credits");
  if (equal === false) return check("bad", "✕", "debits ≠ credits");
  return check("soft", "…", "debits = credits: not known");
}
