// The dashboard: what comes from the live feed is shown once a second, each part by a module of its own.
import { showAdvice } from "./advice.js";
import { showCharts } from "./flow.js";
import { showBooks } from "./books.js";
import { showLanes } from "./lanes.js";
import { showLetters } from "./letters.js";
import { follow } from "./live.js";
import { startLoadTests } from "./load_test.js";
import { showPools, showReplicas } from "./replicas.js";
import { showSettings } from "./settings.js";
import { showAlerts, showAway, showVerdict } from "./verdict.js";
import { clock } from "./words.js";
import { say } from "./dom.js";
import { showWho } from "./who.js";

const SHOWERS = [showVerdict, showAlerts, showBooks, showCharts, showReplicas, showPools, showLanes, showLetters, showAdvice, showSettings];

follow(
  (dashboard, history) => {
    for (const show of SHOWERS) show(dashboard, history);
    showWho();
    say("taken", `Figures of ${clock(new Date(dashboard.status.taken_at), true)}`);
  },
  (state, words) => {
    document.body.dataset.feed = state;
    say("badge", words);
    if (state === "away") showAway();
  },
);
startLoadTests();
