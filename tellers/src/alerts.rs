//! `tellers alerts`: what needs someone, and what did.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::output;
use crate::remote::args::{JsonArgs, KeyArgs, MonitorArgs};
use crate::remote::cells::{text, time};
use crate::remote::table::{Table, left, right};

const ALERTS: &str = "/api/scalability/alerts";

/// Which alerts, and where they are asked for.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AlertsArgs {
    #[command(subcommand)]
    command: AlertsCommand,
    #[command(flatten)]
    monitor: MonitorArgs,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Clone, Subcommand)]
enum AlertsCommand {
    /// List the alerts that fire or are about to; exit status 1 if one fires
    List {
        #[command(flatten)]
        json: JsonArgs,
    },
    /// List every alert with its threshold and the value now
    Rules {
        #[command(flatten)]
        json: JsonArgs,
    },
    /// List the latest occasions on which an alert fired, the newest first
    History {
        #[command(flatten)]
        json: JsonArgs,
    },
}

const EXAMPLES: &str = "\
Examples:
  export MONITOR_URL=https://monitor.bank.example API_KEY=...
  tellers alerts list
  tellers alerts rules
  tellers alerts history --json | jq '.history[0]'

A threshold is a setting: `tellers alerts rules` names it, and `tellers config set` changes it.";

pub(crate) async fn run(args: AlertsArgs) -> anyhow::Result<ExitCode> {
    let monitor = args.monitor.service(&args.key)?;
    let (AlertsCommand::List { json } | AlertsCommand::Rules { json } | AlertsCommand::History { json }) =
        args.command;
    let answer = monitor.get(ALERTS).await?;
    let alerts: Value = answer.json()?;
    let firing = alerts["firing"].as_array().is_some_and(|firing| !firing.is_empty());
    if json.json {
        output::line(answer.body.trim_end())?;
    } else {
        match args.command {
            AlertsCommand::List { .. } => list(&alerts)?,
            AlertsCommand::Rules { .. } => rules(&alerts)?,
            AlertsCommand::History { .. } => history(&alerts)?,
        }
    }
    let is_list = matches!(args.command, AlertsCommand::List { .. });
    Ok(if firing && is_list { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn rows<'v>(alerts: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    alerts[name].as_array().into_iter().flatten()
}

/// A value with its unit.
fn measured(value: &Value, unit: &Value) -> String {
    match value.as_f64() {
        Some(number) => format!("{} {}", shortest(number), text(unit)),
        None => String::new(),
    }
}

/// A number to the thousandth, without zeros at its end.
fn shortest(number: f64) -> String {
    let thousandths = format!("{number:.3}");
    thousandths.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn list(alerts: &Value) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        left("alert"),
        left("state"),
        left("severity"),
        left("since (UTC)"),
        right("value"),
        right("threshold"),
        left("what"),
        left("runbook"),
    ]);
    for alert in rows(alerts, "firing").chain(rows(alerts, "pending")) {
        let unit = &alert["unit"];
        table.row([
            text(&alert["alert"]),
            text(&alert["state"]),
            text(&alert["severity"]),
            time(&alert["since"]),
            measured(&alert["value"], unit),
            measured(&alert["threshold"], unit),
            text(&alert["sentence"]),
            text(&alert["runbook"]),
        ]);
    }
    if table.is_empty() {
        output::beside("no alert fires or is about to");
    }
    table.write_all()
}

fn rules(alerts: &Value) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        left("alert"),
        left("state"),
        left("severity"),
        right("value"),
        right("threshold"),
        right("for"),
        left("setting"),
    ]);
    for alert in rows(alerts, "rules") {
        let unit = &alert["unit"];
        table.row([
            text(&alert["alert"]),
            text(&alert["state"]),
            text(&alert["severity"]),
            measured(&alert["value"], unit),
            measured(&alert["threshold"], unit),
            measured(&alert["for_seconds"], &"s".into()),
            text(&alert["threshold_setting"]),
        ]);
    }
    table.write_all()
}

fn history(alerts: &Value) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        left("alert"),
        left("severity"),
        left("fired (UTC)"),
        left("resolved (UTC)"),
        right("peak"),
        right("threshold"),
        left("what"),
    ]);
    for record in rows(alerts, "history") {
        let unit = &record["unit"];
        let resolved =
            if record["resolved_at"].is_null() { "not yet".to_owned() } else { time(&record["resolved_at"]) };
        table.row([
            text(&record["alert"]),
            text(&record["severity"]),
            time(&record["fired_at"]),
            resolved,
            measured(&record["peak"], unit),
            measured(&record["threshold"], unit),
            text(&record["sentence"]),
        ]);
    }
    if table.is_empty() {
        output::beside("no alert has fired");
    }
    table.write_all()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_has_its_unit_and_no_idle_digits() {
        assert_eq!(measured(&json!(61.5), &json!("seconds")), "61.5 seconds");
        assert_eq!(measured(&json!(2.0), &json!("percent")), "2 percent");
        assert_eq!(measured(&json!(null), &json!("seconds")), "");
    }
}
