//! `tellers lanes`: what waits where; pause a lane, and resume it.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use crate::output;
use crate::remote::args::{JsonArgs, KeyArgs, MonitorArgs};
use crate::remote::cells::{count, decimal, text, time};
use crate::remote::table::{Table, left, right};

const LANES: &str = "/api/scalability/lanes";

/// Which lane, and where it is asked for.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LanesArgs {
    #[command(subcommand)]
    command: LanesCommand,
    #[command(flatten)]
    monitor: MonitorArgs,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Clone, Subcommand)]
enum LanesCommand {
    /// List the lanes: who serves each, what waits on it, and who paused it
    List {
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Pause a lane: its worker finishes the batch in hand, and what waits keeps its order
    Pause {
        /// The lane's number
        lane: u16,
        /// Why, for everybody who asks why jobs wait
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Resume a lane that is paused
    Resume {
        /// The lane's number
        lane: u16,
        #[command(flatten)]
        json: JsonArgs,
    },
}

const EXAMPLES: &str = "\
Examples:
  export MONITOR_URL=https://monitor.bank.example API_KEY=...
  tellers lanes list
  tellers lanes pause 3 --reason 'a file with wrong amounts'
  tellers lanes resume 3

The lane of an account is in the answer that accepts a job for it. Other accounts share it, and wait too.";

pub(crate) async fn run(args: LanesArgs) -> anyhow::Result<ExitCode> {
    let monitor = args.monitor.service(&args.key)?;
    let (answer, json) = match args.command {
        LanesCommand::List { json } => (monitor.get(LANES).await?, json),
        LanesCommand::Pause { lane, reason, json } => {
            let request = monitor.request(Method::PUT, &pause_of(lane));
            (monitor.ask(request.json(&json!({ "reason": reason }))).await?, json)
        }
        LanesCommand::Resume { lane, json } => {
            (monitor.ask(monitor.request(Method::DELETE, &pause_of(lane))).await?, json)
        }
    };
    let said: Value = answer.json()?;
    if json.json {
        output::line(answer.body.trim_end())?;
    } else if let Some(lanes) = said["lanes"].as_array() {
        table(lanes)?;
    } else {
        output::line(format!("lane {}: {}", said["lane"], pause(&said["paused"])))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn pause_of(lane: u16) -> String {
    format!("{LANES}/{lane}/pause")
}

fn table(lanes: &[Value]) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        right("lane"),
        left("worker"),
        right("jobs waiting"),
        right("oldest, s"),
        left("paused"),
    ]);
    for lane in lanes {
        let paused = &lane["paused"];
        table.row([
            text(&lane["lane"]),
            text(&lane["holder"]),
            count(&lane["depth_jobs"]),
            decimal(&lane["lag_seconds"], 1),
            if paused.is_null() { String::new() } else { pause(paused) },
        ]);
    }
    table.write_all()
}

fn pause(paused: &Value) -> String {
    if paused.is_null() {
        return "goes on".to_owned();
    }
    let (since, by, reason) = (time(&paused["since"]), text(&paused["by"]), text(&paused["reason"]));
    format!("paused since {since} UTC by {by}: {reason}")
}
