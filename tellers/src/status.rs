//! `tellers status`: the fleet on one screen.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use crate::output;
use crate::remote::args::{JsonArgs, KeyArgs, MonitorArgs};
use crate::remote::cells::{count, decimal, text, time};
use crate::remote::table::{Table, facts, left, right};

/// Everything at a glance, taken within the last second.
const DASHBOARD: &str = "/api/scalability/dashboard";

/// Where the monitor is.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    /// Show every lane, not only those where jobs wait or that nobody serves
    #[arg(long)]
    all_lanes: bool,
    #[command(flatten)]
    monitor: MonitorArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    json: JsonArgs,
}

const EXAMPLES: &str = "\
Examples:
  export MONITOR_URL=https://monitor.bank.example API_KEY=...
  tellers status
  watch tellers status

Exit status 0: the fleet is well, or draining or starting; 1: something is wrong, or nobody answers.";

pub(crate) async fn run(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let monitor = args.monitor.service(&args.key)?;
    let answer = monitor.get(DASHBOARD).await?;
    let dashboard: Value = answer.json()?;
    if args.json.json {
        output::line(answer.body.trim_end())?;
    } else {
        show(&dashboard, args.all_lanes)?;
    }
    let is_wrong = dashboard["status"]["state"] == "attention";
    Ok(if is_wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn show(dashboard: &Value, all_lanes: bool) -> anyhow::Result<()> {
    let status = &dashboard["status"];
    let verdict = text(&status["verdict"]);
    output::line(&verdict)?;
    let problems: Vec<_> = rows(&status["problems"]).map(problem).collect();
    for problem in problems.iter().filter(|problem| !verdict.contains(problem.as_str())) {
        output::line(format!("  - {problem}"))?;
    }
    output::line("")?;
    facts(&[
        ("taken (UTC)", time(&status["taken_at"])),
        ("health", health(&status["health"])),
        ("queue", queue(&status["queue"])),
        ("pace", pace(&dashboard["metrics"]["last_10_s"])),
        ("response", times(&dashboard["metrics"]["last_10_s"]["response_times"])),
        ("accepted to posted", times(&dashboard["metrics"]["last_10_s"]["accepted_to_posted"])),
        ("ledger", ledger(&status["ledger"])),
        ("reconciliation", text(&status["reconciliation"]["sentence"])),
        ("dead letters", count(&status["dead_letters"])),
        ("alerts firing", rows(&status["alerts_firing"]).map(text).collect::<Vec<_>>().join(", ")),
        ("workers wanted", wanted(&status["workers_wanted"])),
        ("settings", settings(dashboard)),
    ])?;
    output::line("")?;
    replicas(&status["replicas"])?;
    lanes(&status["lanes"], all_lanes)
}

/// What is wrong, and what to do about it.
pub(crate) fn problem(problem: &Value) -> String {
    let what = text(&problem["what"]);
    match (problem["remedy"].as_str(), problem["runbook"].as_str()) {
        (Some(remedy), _) => format!("{what}; {}", crate::remote::cells::printable(remedy)),
        (None, Some(runbook)) => format!("{what}; see {}", crate::remote::cells::printable(runbook)),
        (None, None) => what,
    }
}

fn health(health: &Value) -> String {
    let parts =
        rows(&health["parts"]).filter(|part| part["score"].as_f64().is_some_and(|score| score < 100.0));
    let parts: Vec<_> = parts
        .map(|part| format!("{} {}: {}", text(&part["name"]), text(&part["score"]), text(&part["reason"])))
        .collect();
    let score = format!("{} of 100", text(&health["score"]));
    if parts.is_empty() { score } else { format!("{score} ({})", parts.join("; ")) }
}

fn queue(queue: &Value) -> String {
    let Some(jobs) = queue["depth_jobs"].as_u64() else { return "not known".to_owned() };
    let about = if queue["depth_jobs_estimated"] == true { "about " } else { "" };
    let mut said = format!("{about}{} jobs without an outcome", count(&jobs.into()));
    if jobs > 0 {
        said += &format!(
            ", {} of them in the workers' hands; the oldest waits for {} s",
            count(&queue["jobs_in_hand"]),
            decimal(&queue["lag_seconds"], 1)
        );
    }
    if queue["clear_in_seconds"].is_number() {
        said += &format!("; clear in {} s", decimal(&queue["clear_in_seconds"], 0));
    }
    if queue["analyses_waiting"].as_u64().is_some_and(|waiting| waiting > 0) {
        said += &format!("; {} messages of analyses", count(&queue["analyses_waiting"]));
    }
    said
}

fn pace(last: &Value) -> String {
    let per_second = |name: &str| decimal(&last["throughput"][name], 1);
    let failed = match last["errors"]["failed_requests_percent"].as_f64() {
        Some(percent) => format!("; {percent:.1} % of requests failed"),
        None => String::new(),
    };
    format!(
        "{} accepted, {} posted, {} rejected, {} refused jobs a second{failed} (10 s)",
        per_second("accepted_jobs_per_second"),
        per_second("posted_jobs_per_second"),
        per_second("rejected_jobs_per_second"),
        per_second("refused_jobs_per_second")
    )
}

fn times(times: &Value) -> String {
    if times.is_null() || times["count"] == 0 {
        return String::new();
    }
    let ms = |name: &str| {
        times[name].as_f64().map_or_else(|| "?".to_owned(), |seconds| format!("{:.1}", seconds * 1e3))
    };
    format!(
        "half within {} ms, 95 % within {} ms, 99 % within {} ms",
        ms("p50_seconds"),
        ms("p95_seconds"),
        ms("p99_seconds")
    )
}

fn ledger(ledger: &Value) -> String {
    if ledger.is_null() {
        return "not known".to_owned();
    }
    let balance =
        if ledger["balanced"] == true { "debits equal credits" } else { "DEBITS AND CREDITS DIFFER" };
    format!(
        "{} accounts; {} jobs posted, {} rejected, {} dead; {balance}",
        count(&ledger["accounts"]),
        count(&ledger["posted"]),
        count(&ledger["rejected"]),
        count(&ledger["dead"])
    )
}

fn wanted(wanted: &Value) -> String {
    format!("{}, {} now: {}", text(&wanted["workers"]), text(&wanted["now"]), text(&wanted["reason"]))
}

fn settings(dashboard: &Value) -> String {
    let converged = if dashboard["settings_converged"] == true {
        "every replica runs with it"
    } else {
        "not every replica runs with it yet"
    };
    format!("version {}: {converged}", text(&dashboard["settings_version"]))
}

fn replicas(replicas: &Value) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        left("replica"),
        left("state"),
        left("address"),
        left("version"),
        right("up"),
        right("jobs/s"),
        right("lanes"),
        right("cpu %"),
        right("memory %"),
        right("clock s"),
        left("trouble"),
    ]);
    for replica in rows(replicas) {
        let resources = &replica["resources"];
        let known =
            |value: &Value, decimals| if value.is_null() { String::new() } else { decimal(value, decimals) };
        let lanes = replica["lanes"].as_array().map_or(0, Vec::len);
        table.row([
            text(&replica["replica"]),
            text(&replica["state"]),
            text(&replica["address"]),
            text(&replica["version"]),
            span(replica["uptime_seconds"].as_f64().unwrap_or_default()),
            known(&replica["jobs_per_second"], 1),
            if replica["role"] == "worker" { lanes.to_string() } else { String::new() },
            known(&resources["cpu_percent"], 0),
            known(&resources["memory_percent"], 0),
            known(&replica["clock_ahead_seconds"], 3),
            text(&replica["trouble"]),
        ]);
    }
    table.write_all()
}

fn lanes(lanes: &Value, all: bool) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        right("lane"),
        left("worker"),
        left("served"),
        right("jobs"),
        right("in hand"),
        right("messages"),
        right("oldest s"),
    ]);
    let is_shown = |lane: &&Value| all || lane["served"] == false || lane["depth_jobs"].as_u64() != Some(0);
    for lane in rows(lanes).filter(is_shown) {
        let served = match lane["served"].as_bool() {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "not known",
        };
        let lag = &lane["lag_seconds"];
        table.row([
            text(&lane["lane"]),
            text(&lane["holder"]),
            served.to_owned(),
            count(&lane["depth_jobs"]),
            count(&lane["jobs_in_hand"]),
            count(&lane["depth_messages"]),
            if lag.is_null() { String::new() } else { decimal(lag, 1) },
        ]);
    }
    if !table.is_empty() {
        output::line("")?;
    }
    table.write_all()
}

/// A time in its two largest units.
fn span(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // A number of seconds that a process has lived.
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_its_two_largest_units() {
        assert_eq!([7.9, 61.0, 3_725.0, 90_000.0].map(span), ["7s", "1m01s", "1h02m", "1d01h"]);
    }
}
