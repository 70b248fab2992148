// The live feed: a dashboard a second by Server-Sent Events, and a badge that says how old what is shown is.
import { askForKey } from "./key.js";
import { get, wantsKey } from "./request.js";

const STALE_AFTER_MS = 3000;
const RETRY_MS = [500, 1000, 2000, 4000];

/** Calls `onDashboard(dashboard, history)` for each snapshot; `history` has the points of 15 minutes. */
export function follow(onDashboard, onAge) {
  const history = new Map();
  let seenAt = performance.now();
  let ever = false;
  let answers = true;
  let locked = false;
  let failures = 0;
  let source = null;

  const take = (dashboard) => {
    seenAt = performance.now();
    ever = true;
    answers = true;
    locked = false;
    failures = 0;
    const point = dashboard.metrics.point;
    if (point?.at) history.set(point.at, point);
    for (const at of history.keys()) {
      if (at >= point.at - 900) break;
      history.delete(at);
    }
    onDashboard(dashboard, [...history.values()]);
    tell();
  };

  const backfill = async () => {
    const { points } = await get("history?span=15m");
    const newer = [...history.values()].filter((point) => point.at > (points.at(-1)?.at ?? 0));
    history.clear();
    for (const point of [...points, ...newer]) history.set(point.at, point);
  };

  const retry = () => {
    source?.close();
    source = null;
    answers = false;
    const wait = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
    failures += 1;
    tell();
    setTimeout(open, wait);
  };

  // Asked for first by plain requests: they tell a monitor that is away from one that is only slow, and what was
  // missed comes with them.
  const open = async () => {
    try {
      await backfill();
      take(await get("dashboard"));
    } catch (refused) {
      if (wantsKey(refused)) {
        locked = true;
        tell();
        // Who says no is asked again when the page is loaded, or something is to be changed.
        if (await askForKey(refused.message)) open();
      } else retry();
      return;
    }
    source = new EventSource("api/scalability/dashboard");
    source.addEventListener("dashboard", (event) => take(JSON.parse(event.data)));
    source.onerror = retry;
  };

  const tell = () => {
    const seconds = Math.floor((performance.now() - seenAt) / 1000);
    if (locked) onAge("locked", "A key is needed");
    else if (!answers) onAge("away", ever ? `The monitor does not answer · shown is ${seconds} s old` : "The monitor does not answer");
    else if (performance.now() - seenAt > STALE_AFTER_MS) onAge("stale", `Stale for ${seconds} s`);
    else if (ever) onAge("live", "Live");
  };
  setInterval(tell, 1000);
  open();
}
