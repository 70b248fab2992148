// The charts: throughput, latencies and depth over time.
import { chart, follow } from "./chart.js";
import { show } from "./dom.js";
import { get } from "./request.js";
import { count, rate, time } from "./words.js";

const CHARTS = [
  {
    key: "throughput", title: "Throughput", unit: "jobs/s", format: rate, least: 10,
    series: [["accepted", "accepted_jobs_per_second", "second"], ["settled", "settled_jobs_per_second", "first"]],
  },
  {
    key: "response", title: "Ingress response", unit: "", format: time, least: 0.01,
    series: [["p99", "response_p99_seconds", "third"], ["p95", "response_p95_seconds", "second"], ["p50", "response_p50_seconds", "first"]],
  },
  {
    key: "posted", title: "Accepted to posted", unit: "", format: time, least: 0.01,
    series: [["p99", "posted_p99_seconds", "third"], ["p95", "posted_p95_seconds", "second"], ["p50", "posted_p50_seconds", "first"]],
  },
  {
    key: "depth", title: "Jobs waiting", unit: "jobs", format: count, least: 10,
    series: [["waiting", "depth_jobs", "first"]],
  },
];
const SPANS = { "5m": { seconds: 300, step: 1 }, "15m": { seconds: 900, step: 1 }, "24h": { seconds: 86_400, step: 60 } };

let span = "5m";
let day = { points: [], asked: 0 };
let latest = null;

export function showCharts(dashboard, history) {
  latest = { now: dashboard.metrics.point.at, history };
  draw();
}

function draw() {
  if (!latest) return;
  if (span === "24h" && performance.now() - day.asked > 60_000) refreshDay();
  const { seconds, step } = SPANS[span];
  const from = latest.now - seconds;
  const points = (span === "24h" ? day.points : latest.history).filter((point) => point.at >= from);
  const width = chartWidth();
  show("charts", CHARTS.map((description) => chart(description, points, { from, to: latest.now, step, width })));
}

async function refreshDay() {
  day.asked = performance.now();
  try {
    day.points = (await get("history?span=24h")).points;
    draw();
  } catch { /* The badge tells of a monitor that is away. */ }
}

function chartWidth() {
  const holder = document.getElementById("charts");
  const columns = getComputedStyle(holder).gridTemplateColumns.split(" ").length;
  const gap = Number.parseFloat(getComputedStyle(holder).columnGap) || 0;
  return Math.max(200, Math.floor((holder.clientWidth - gap * (columns - 1)) / columns));
}

for (const button of document.querySelectorAll("[data-span]")) {
  button.addEventListener("click", () => {
    span = button.dataset.span;
    for (const other of document.querySelectorAll("[data-span]")) other.setAttribute("aria-pressed", String(other === button));
    draw();
  });
}
addEventListener("resize", draw);
follow(document.getElementById("charts"), draw);
