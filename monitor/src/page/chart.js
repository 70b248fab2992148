// A line chart in SVG, drawn in real pixels. Seconds that nobody measured are gaps, not zeros.
import { h } from "./dom.js";
import { clock, known } from "./words.js";

const HEIGHT = 132;
const TOP = 10;
const BOTTOM = 20;
const RIGHT = 2;
// Points further apart than this many steps have a gap between them.
const GAP_STEPS = 3;

// Where the pointer is, as a share of the time shown; null: nowhere.
let pointed = null;

/** A figure with the chart of `series` (name, field, style), its figures now, a summary and a table. */
export function chart({ key, title, unit, format, least, series }, points, { from, to, step, width }) {
  const values = (field) => points.map((point) => point[field]).filter(known);
  const highest = Math.max(least, ...series.flatMap(([, field]) => values(field)));
  const top = niceTop(highest);
  const left = 8 + 6.4 * Math.max(...[top, top / 2].map((value) => format(value).length));
  const x = (at) => left + ((at - from) / (to - from)) * (width - left - RIGHT);
  const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const at = pointed === null ? null : from + pointed * (to - from);
  const shown = at === null ? points.at(-1) : nearest(points, at, step);
  const summary = summarize(title, unit, format, series, points);
  return h("figure", { "data-key": key },
    h("figcaption", null,
      h("span.title", null, title, unit && h("span.unit", null, ` ${unit}`)),
      h("span.keys", null, [...series].reverse().map(([name, field, style]) => h(`span.key.${style}`, null,
        h("svg.dash", { viewBox: "0 0 18 6", width: 18, height: 6, "aria-hidden": "true" }, h("path", { d: "M0 3H18" })),
        `${name} `, h("span.now", null, known(shown?.[field]) ? format(shown[field]) : "–"))))),
    h("svg.chart", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": summary, "data-left": left },
      [0, top / 2, top].map((value) => h("g", null,
        h("line.grid", { x1: left, x2: width - RIGHT, y1: y(value), y2: y(value) }),
        h("text.axis", { x: left - 6, y: y(value) + 3.5, "text-anchor": "end" }, value === 0 ? "0" : format(value)))),
      h("text.axis", { x: left, y: HEIGHT - 4 }, clock(new Date(from * 1000))),
      h("text.axis", { x: width - RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, at === null ? "now" : clock(new Date(at * 1000), step === 1)),
      series.map(([, field, style]) => h(`path.line.${style}`, { d: line(points, field, x, y, step) })),
      at !== null && h("line.pointer", { x1: x(at), x2: x(at), y1: TOP, y2: HEIGHT - BOTTOM }),
      points.length === 0 && h("text.axis", { x: (left + width) / 2, y: HEIGHT / 2, "text-anchor": "middle" }, "nothing measured yet")),
    h("details.table", null, h("summary", null, "As a table"), table(title, unit, format, series, points)));
}

/** Redraws with a pointer where the mouse is over a chart. */
export function follow(holder, redraw) {
  holder.addEventListener("pointermove", (event) => {
    const svg = event.target.closest?.("svg.chart");
    if (!svg) return;
    const box = svg.getBoundingClientRect();
    const left = Number(svg.dataset.left);
    pointed = Math.min(1, Math.max(0, (event.clientX - box.left - left) / (box.width - left - RIGHT)));
    redraw();
  });
  holder.addEventListener("pointerleave", () => {
    pointed = null;
    redraw();
  });
}

function line(points, field, x, y, step) {
  let path = "";
  let last = null;
  for (const point of points) {
    if (!known(point[field])) {
      last = null;
      continue;
    }
    const joined = last !== null && point.at - last <= GAP_STEPS * step;
    // A point with gaps on both sides still shows: round caps make a dot of a line without length.
    path += `${joined ? "L" : "M"}${x(point.at).toFixed(1)} ${y(point[field]).toFixed(1)}`;
    if (!joined) path += "h0.01";
    last = point.at;
  }
  return path;
}

/** The smallest of 1, 2, 4, 6, 8 and 10 times a power of ten that is not below. */
function niceTop(highest) {
  const power = 10 ** Math.floor(Math.log10(highest));
  return power * [1, 2, 4, 6, 8, 10].find((step) => highest <= step * power * 1.0001);
}

function nearest(points, at, step) {
  let best = null;
  for (const point of points) {
    if (best === null || Math.abs(point.at - at) < Math.abs(best.at - at)) best = point;
  }
  return best && Math.abs(best.at - at) <= GAP_STEPS * step ? best : null;
}

function summarize(title, unit, format, series, points) {
  const parts = [...series].reverse().map(([name, field]) => {
    const all = points.map((point) => point[field]).filter(known);
    if (!all.length) return `${name} not known`;
    return `${name} now ${known(points.at(-1)[field]) ? format(points.at(-1)[field]) : "not known"}, at most ${format(Math.max(...all))}`;
  });
  return `${title}${unit && ` in ${unit}`}: ${parts.join("; ")}`;
}

/** The last twelve samples, ten steps apart. */
function table(title, unit, format, series, points) {
  const rows = points.filter((_, index) => (points.length - 1 - index) % 10 === 0).slice(-12).reverse();
  const columns = [...series].reverse();
  return h("table.rows", null,
    h("caption.visually-hidden", null, `${title} ${unit}`),
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "Time"), columns.map(([name]) => h("th.number", { scope: "col" }, name)))),
    h("tbody", null, rows.map((point) => h("tr", null,
      h("th", { scope: "row" }, clock(new Date(point.at * 1000), true)),
      columns.map(([, field]) => h("td.number", null, known(point[field]) ? format(point[field]) : "not known"))))));
}
