// Depth and lag of each lane, with its holder.
import { h, show } from "./dom.js";
import { count, known, or, time, unknown } from "./words.js";
import { bar, shortName } from "./replicas.js";

export function showLanes({ status }) {
  const deepest = Math.max(1, ...status.lanes.map(depth));
  show("lanes", h("table.rows.lanes", null,
    h("caption.visually-hidden", null, "Lanes with holder, depth and lag"),
    h("thead", null, h("tr", null,
      h("th", { scope: "col" }, "Lane"), h("th", { scope: "col" }, "Holder"),
      h("th.number", { scope: "col" }, "Jobs waiting"), h("th", { scope: "col" }, h("span.visually-hidden", null, "Share of the deepest lane")),
      h("th.number", { scope: "col", title: "Of them, in its worker's hands" }, "In hand"), h("th.number", { scope: "col" }, "Oldest"))),
    h("tbody", null, status.lanes.map((lane) => h("tr", { "data-key": lane.lane },
      h("th", { scope: "row" }, String(lane.lane)),
      h("td", null, holder(lane)),
      h("td.number", null, waiting(lane)),
      h("td.gauge", null, bar(depth(lane) / deepest, false)),
      h("td.number", { title: known(lane.unacknowledged_messages) ? `${count(lane.unacknowledged_messages)} messages` : null }, or(lane.jobs_in_hand, count)),
      h("td.number", null, or(lane.lag_seconds, (lag) => (lag < 0.05 ? "–" : time(lag)))))))));
}

const depth = (lane) => lane.depth_jobs ?? lane.depth_messages ?? 0;

function holder(lane) {
  if (lane.paused) return h("span", { title: `${lane.paused.by}: ${lane.paused.reason}` }, "⏸ paused");
  if (lane.served === false) return h("span.bad", null, "✕ nobody");
  if (!lane.holder) return unknown();
  return h("span", { title: lane.holder }, shortName(lane.holder));
}

function waiting(lane) {
  if (known(lane.depth_jobs)) return `${lane.depth_jobs_estimated && lane.depth_jobs ? "≈ " : ""}${count(lane.depth_jobs)}`;
  if (known(lane.depth_messages)) return `${count(lane.depth_messages)} messages`;
  return unknown();
}
