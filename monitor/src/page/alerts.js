// Alerts: what fires, what fired, and every rule.
import { asked, filters, link } from "./address.js";
import { h } from "./dom.js";
import { read } from "./request.js";
import { part, table } from "./table.js";
import { moment } from "./when.js";
import { inUnit, or, sentence, spaced, time } from "./words.js";

export const title = "Alerts";

const severity = (name) => (name === "critical" ? h("span.bad", null, "▲ Critical") : h("span", null, "△ Warning"));
const runbook = ({ alert, runbook: page }) => h("a", { href: page }, sentence(spaced(alert)));
const lasted = ({ fired_at: from, resolved_at: end }) => (end ? time((Date.parse(end) - Date.parse(from)) / 1000) : "still fires");

export async function view() {
  const { alert, severity: only } = asked();
  const { firing, pending, rules, history } = await read("api/scalability/alerts");
  const wanted = history.filter((one) => (!alert || one.alert === alert) && (!only || one.severity === only));
  return [
    part("Firing", firing.length > 0 ? states(firing) : h("p.empty", null, "None.")),
    pending.length > 0 && part("About to fire", states(pending)),
    part("What fired", filters({
      page: "alerts", label: "Search what fired", button: "Show",
      fields: [
        { name: "alert", label: "Alert", options: [["", "any"], ...rules.map((rule) => [rule.alert, spaced(rule.alert)])] },
        { name: "severity", label: "Severity", options: [["", "any"], ["critical", "critical"], ["warning", "warning"]] },
      ],
    }),
    wanted.length > 0
      ? table("What fired, the newest first", ["Fired (UTC)", "Alert", "Severity", "#Lasted", "#Worst", "#Threshold", "What was wrong"], wanted.map((one) => [
          moment(one.fired_at), runbook(one), severity(one.severity), lasted(one), or(one.peak, (peak) => inUnit(peak, one.unit)), inUnit(one.threshold, one.unit), sentence(one.sentence),
        ]))
      : h("p.empty", null, "Nothing, as far back as is kept: the latest 100."),
    ),
    part("Every rule", table("Rules", ["Alert", "State", "#Fires above", "#For", "#Clears after", "Setting"], rules.map((rule) => [
      runbook(rule), [sentence(rule.state), " ", link("alerts", { alert: rule.alert }, "history", h("span.visually-hidden", null, ` of ${spaced(rule.alert)}`))], inUnit(rule.threshold, rule.unit), time(rule.for_seconds), time(rule.clear_seconds), rule.threshold_setting ? h("code", null, rule.threshold_setting) : "fixed",
    ]))),
  ];
}

const states = (alerts) => table("Alerts", ["Alert", "Severity", "Since (UTC)", "#Value", "#Fires above", "What is wrong"], alerts.map((one) => [
  runbook(one), severity(one.severity), one.since ? moment(one.since) : "–", or(one.value, (value) => inUnit(value, one.unit)), inUnit(one.threshold, one.unit), sentence(one.sentence),
]));
