//! `tellers imports`: files of jobs that were sent to a fleet. `tellers import` sends one.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use futures::StreamExt as _;
use reqwest::Method;
use serde_json::Value;

use crate::import::table;
use crate::output;
use crate::remote::Service;
use crate::remote::args::{IngressArgs, JsonArgs, KeyArgs, ListArgs};
use crate::remote::cells::{count, text, time};
use crate::remote::listing::Listing;
use crate::remote::table::{Column, facts, left, right};

/// Which import, and where it is asked for.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ImportsArgs {
    #[command(subcommand)]
    command: ImportsCommand,
    #[command(flatten)]
    ingress: IngressArgs,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Clone, Subcommand)]
enum ImportsCommand {
    /// List imports, the newest first
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show an import: its progress, the outcomes of its rows, the first refused ones
    Show {
        /// The import's number
        number: u64,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Write the refused rows of an import, each with its line and the reason, in the form of the file
    #[command(visible_alias = "rows")]
    Refused {
        /// The import's number
        number: u64,
    },
    /// Stop an import; rows that are queued stay queued
    Cancel {
        /// The import's number
        number: u64,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Write the outcomes of the payments of a pain.001 as pain.002
    Report {
        /// The import's number
        number: u64,
    },
}

const EXAMPLES: &str = "\
Examples:
  export API_URL=https://api.bank.example API_KEY=...
  tellers imports list
  tellers imports show 17
  tellers imports refused 17 > to-correct.csv
  tellers imports report 17 > pain.002.xml
  tellers jobs find --import 17 --outcome rejected";

const COLUMNS: [Column; 15] = [
    right("import"),
    left("state"),
    left("created (UTC)"),
    left("client"),
    left("file"),
    right("rows"),
    right("accepted"),
    right("refused"),
    right("posted"),
    right("rejected"),
    right("duplicates"),
    right("conflicts"),
    right("dead"),
    right("cancelled"),
    right("scheduled"),
];

pub(crate) async fn run(args: ImportsArgs) -> anyhow::Result<ExitCode> {
    let ingress = args.ingress.service(&args.key)?;
    match args.command {
        ImportsCommand::List { list } => {
            let listing = Listing {
                service: &ingress,
                path: "/api/imports",
                list: "imports",
                columns: &COLUMNS,
                row: &row,
            };
            let nothing: [(&str, &str); 0] = [];
            listing.show(&nothing, &list).await?;
        }
        ImportsCommand::Show { number, json } => {
            let answer = ingress.get(&format!("/api/imports/{number}")).await?;
            if json.json { output::line(answer.body.trim_end())? } else { show(&answer.json()?)? }
        }
        ImportsCommand::Refused { number } => {
            copy(&ingress, &format!("/api/imports/{number}/refused")).await?
        }
        ImportsCommand::Report { number } => copy(&ingress, &format!("/api/imports/{number}/report")).await?,
        ImportsCommand::Cancel { number, json } => {
            let answer =
                ingress.ask(ingress.request(Method::DELETE, &format!("/api/imports/{number}"))).await?;
            if json.json {
                output::line(answer.body.trim_end())?;
            } else {
                let import: Value = answer.json()?;
                let state = text(&import["state"]);
                output::line(format!(
                    "import {number} was asked to stop; it is {state} now. Rows that are queued stay queued"
                ))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is at a path, to its end, as it comes.
async fn copy(ingress: &Service, path: &str) -> anyhow::Result<()> {
    let mut pieces = ingress.stream(ingress.request(Method::GET, path)).await?;
    while let Some(piece) = pieces.next().await {
        output::bytes(&piece?)?;
    }
    Ok(())
}

fn row(import: &Value) -> Vec<String> {
    let counts = [
        "rows_read",
        "accepted",
        "refused",
        "posted",
        "rejected",
        "duplicates",
        "conflicts",
        "dead",
        "cancelled",
        "scheduled",
    ];
    let facts = [
        text(&import["id"]),
        state(import),
        time(&import["created_at"]),
        text(&import["client"]),
        text(&import["name"]),
    ];
    facts.into_iter().chain(counts.map(|name| count(&import[name]))).collect()
}

fn state(import: &Value) -> String {
    let dry = if import["dry_run"] == true { " (dry run)" } else { "" };
    format!("{}{dry}", text(&import["state"]))
}

fn show(import: &Value) -> anyhow::Result<()> {
    let percent = match (import["bytes_read"].as_f64(), import["bytes"].as_f64()) {
        (Some(read), Some(all)) if all > 0.0 => format!("{:.0} %", read / all * 100.0),
        _ => String::new(),
    };
    facts(&[
        ("import", text(&import["id"])),
        ("state", state(import)),
        ("file", text(&import["name"])),
        ("client", text(&import["client"])),
        ("created (UTC)", time(&import["created_at"])),
        ("updated (UTC)", time(&import["updated_at"])),
        ("read", percent),
        ("waits", text(&import["waits"])),
        (
            "cancel requested",
            if import["cancel_requested"] == true { "yes".to_owned() } else { String::new() },
        ),
    ])?;
    output::line(table::of(import))
}
