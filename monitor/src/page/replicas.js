// Who runs: state, work, CPU, memory; and the pools of connections and of threads.
import { h, show } from "./dom.js";
import { bytes, count, known, or, percent, rate, time, unknown } from "./words.js";

/** `worker-1f2e3d4c` , enough to distinguish replicas; the title has the rest. */
export const shortName = (name) => (name.length > 22 ? `${name.slice(0, 21)}…` : name);

/** A bar for a share of 0 to 1, with a mark if it is beyond what is healthy. */
export function bar(share, over) {
  const width = Math.round(100 * Math.min(1, Math.max(0, share)));
  return h(over ? "svg.gaugebar.over" : "svg.gaugebar", { viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
    h("rect.track", { width: 100, height: 6, rx: 1 }), h("rect.fill", { width, height: 6, rx: 1 }));
}

const cell = (label, content, kind = "td.number") => h(kind, { "data-label": label }, content);

export function showReplicas({ status }) {
  if (!status.replicas.length) {
    show("replicas", h("p.empty", null, "No replica has reported yet. Start one: ", h("code", null, "tellers worker"), "."));
    return;
  }
  const heads = ["Replica", "State", "Jobs/s", "Batch fill", "CPU", "Memory", "Lanes", "Uptime"];
  show("replicas", h("table.rows.replicas.cards", null,
    h("caption.visually-hidden", null, "Replicas"),
    h("thead", null, h("tr", null, heads.map((head, at) => h(at > 1 ? "th.number" : "th", { scope: "col" }, head)))),
    h("tbody", null, status.replicas.map(row))));
}

function row(replica) {
  const used = replica.resources;
  return h(replica.state === "lost" ? "tr.lost" : "tr", { "data-key": replica.replica },
    h("th", { scope: "row" }, h("span", { title: `${replica.host}, process ${replica.process_id}, version ${replica.version}` }, shortName(replica.replica)),
      replica.trouble && h("span.bad.trouble", null, replica.trouble), clock(replica)),
    cell("State", state(replica), "td"),
    cell("Jobs/s", replica.role === "monitor" ? "–" : or(replica.jobs_per_second, rate)),
    cell("Batch fill", known(replica.batch_jobs_avg) ? `${rate(replica.batch_jobs_avg)} jobs` : "–"),
    cell("CPU", or(used?.cpu_cores, (cores) => percent(100 * cores))),
    cell("Memory", or(used?.memory_bytes, bytes)),
    cell("Lanes", replica.role !== "worker" ? "–" : replica.state !== "live" ? unknown() : h("span", { title: replica.lanes.join(", ") }, String(replica.lanes.length))),
    cell("Uptime", or(replica.uptime_seconds, time)));
}

// A second apart, the alert is about it too.
function clock({ clock_ahead_seconds: ahead }) {
  if (!known(ahead) || Math.abs(ahead) <= 1) return null;
  return h("span.bad.trouble", null, `its clock is ${time(Math.abs(ahead))} ${ahead > 0 ? "ahead" : "behind"}`);
}

function state(replica) {
  if (replica.state === "lost") return h("span.bad", null, `✕ lost ${time(replica.silent_seconds)} ago`);
  if (replica.state === "not_known") return h("span", null, `… silent for ${time(replica.silent_seconds)}`);
  if (replica.trouble) return h("span.bad", null, "! in trouble");
  return h("span.good", null, "● live");
}

// Threads for blocking work: files, and computing. The others hold connections to the database.
const THREADS = new Set(["io", "cpu"]);

export function showPools({ metrics }) {
  const pools = metrics.pools ?? [];
  if (!pools.length) {
    show("pools", h("p.empty", null, "No replica reports its pools."));
    return;
  }
  show("pools", h("table.rows", null,
    h("caption.visually-hidden", null, "Pools of database connections and of threads"),
    h("thead", null, h("tr", null, ["Pool", "In use", "", "Waiting", "Timeouts"].map((head, at) =>
      h(at === 0 || at === 2 ? "th" : "th.number", { scope: "col" }, head || h("span.visually-hidden", null, "Share in use"))))),
    h("tbody", null, pools.map((pool) => h("tr", { "data-key": pool.name },
      h("th", { scope: "row" }, pool.name, h("span.why", null, THREADS.has(pool.name) ? " threads" : " connections")),
      h("td.number", null, `${count(pool.in_use)} of ${count(pool.size_max)}`),
      h("td.gauge", null, bar(pool.in_use / Math.max(1, pool.size_max), pool.waiting > 0)),
      h("td.number", null, count(pool.waiting)),
      h("td.number", null, count(pool.timeouts)))))));
}
