//! `tellers webhooks`: endpoints that events are posted to.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use client::Answer;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::output;
use crate::remote::Service;
use crate::remote::args::{IngressArgs, JsonArgs, KeyArgs, ListArgs};
use crate::remote::cells::{text, time};
use crate::remote::listing::Listing;
use crate::remote::table::{Column, Table, facts, left, right};

/// Which endpoint, what is done with it, and where it is asked for.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WebhooksArgs {
    #[command(subcommand)]
    command: WebhooksCommand,
    #[command(flatten)]
    ingress: IngressArgs,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Clone, Subcommand)]
enum WebhooksCommand {
    /// List endpoints, the oldest first
    List {
        /// Those of this client, with a key that shows them
        #[arg(long)]
        client: Option<String>,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Make an endpoint; prints its secret, which is shown once
    Create {
        /// Where events are posted to: an https:// URL
        url: String,
        #[command(flatten)]
        more: EndpointArgs,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Show an endpoint: whether it is sent events, since when it fails, how many wait
    Show {
        /// The endpoint's id
        id: String,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Change an endpoint; what is not given stays
    Change {
        /// The endpoint's id
        id: String,
        /// Where events are posted to
        #[arg(long)]
        url: Option<String>,
        #[command(flatten)]
        more: EndpointArgs,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Replace the secret of an endpoint; prints the new one, which is shown once
    Rotate {
        /// The endpoint's id
        id: String,
        /// Seconds for which messages are signed with the old secret too
        #[arg(long, default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(0..=7_776_000))]
        overlap: u32,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Send an endpoint a test event and show what came back; exit status 1 if it was not taken
    Test {
        /// The endpoint's id
        id: String,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// List the attempts to deliver events, the newest first
    Attempts {
        /// The endpoint's id
        id: String,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Send events again, as far as the event stream has them: one, or all of a time
    Resend {
        /// The endpoint's id
        id: String,
        /// The id of an event
        #[arg(long, required_unless_present = "since", conflicts_with_all = ["since", "until"])]
        event: Option<String>,
        /// From this time on, as 2026-11-24T08:00:00Z
        #[arg(long)]
        since: Option<Timestamp>,
        /// Up to this time; until now by default
        #[arg(long)]
        until: Option<Timestamp>,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Enable an endpoint, and send what waits for it at once
    Enable {
        /// The endpoint's id
        id: String,
        /// Leave out what happened while it was disabled
        #[arg(long)]
        skip: bool,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Stop sending events to an endpoint; `enable` goes on where it stopped
    Disable {
        /// The endpoint's id
        id: String,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Remove an endpoint, with what waits for it
    Delete {
        /// The endpoint's id
        id: String,
        #[command(flatten)]
        json: JsonArgs,
    },
}

/// What an endpoint is besides its URL.
#[derive(Debug, Clone, Args)]
struct EndpointArgs {
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// Types of events, separated by commas, such as tellers.job.posted; all of them by default
    #[arg(long, value_delimiter = ',')]
    types: Option<Vec<String>>,
    /// Accounts whose events and entries it gets, separated by commas, such as acme:*; those of the key by default
    #[arg(long, value_delimiter = ',')]
    accounts: Option<Vec<String>>,
}

const EXAMPLES: &str = "\
Examples:
  export API_URL=https://api.bank.example API_KEY=...
  tellers webhooks create https://hooks.acme.example/tellers --types tellers.job.posted,tellers.job.rejected
  tellers webhooks test 1f0c6a2be9d84573
  tellers webhooks attempts 1f0c6a2be9d84573
  tellers webhooks resend 1f0c6a2be9d84573 --since 2026-11-24T08:00:00Z";

const COLUMNS: [Column; 6] =
    [left("endpoint"), left("client"), left("name"), left("state"), left("failing since (UTC)"), left("url")];

const ATTEMPTS: [Column; 8] = [
    right("attempt"),
    left("at (UTC)"),
    left("event"),
    right("of it"),
    left("result"),
    right("status"),
    right("ms"),
    left("what came back"),
];

pub(crate) async fn run(args: WebhooksArgs) -> anyhow::Result<ExitCode> {
    let ingress = args.ingress.service(&args.key)?;
    let path = |id: &str| format!("/api/webhooks/{id}");
    match args.command {
        WebhooksCommand::List { client, json } => list(&ingress, client, json).await?,
        WebhooksCommand::Create { url, more, json } => {
            let body = more.body(Some(url));
            let answer = post(&ingress, "/api/webhooks", &body).await?;
            show_secret(&answer, json)?;
        }
        WebhooksCommand::Show { id, json } => show(&ingress.get(&path(&id)).await?, json)?,
        WebhooksCommand::Change { id, url, more, json } => {
            show(&change(&ingress, &path(&id), &more.body(url)).await?, json)?;
        }
        WebhooksCommand::Rotate { id, overlap, json } => {
            let body = json!({ "overlap_seconds": overlap });
            show_secret(&post(&ingress, &format!("{}/rotate", path(&id)), &body).await?, json)?;
        }
        WebhooksCommand::Test { id, json } => {
            return test(&post(&ingress, &format!("{}/test", path(&id)), &json!({})).await?, json);
        }
        WebhooksCommand::Attempts { id, list } => {
            let path = format!("{}/attempts", path(&id));
            let listing = Listing {
                service: &ingress,
                path: &path,
                list: "attempts",
                columns: &ATTEMPTS,
                row: &attempt,
            };
            let nothing: [(&str, &str); 0] = [];
            listing.show(&nothing, &list).await?;
        }
        WebhooksCommand::Resend { id, event, since, until, json } => {
            let body = without_nulls(json!({ "event": event, "since": since, "until": until }));
            let answer = post(&ingress, &format!("{}/resend", path(&id)), &body).await?;
            if json.json {
                output::line(answer.body.trim_end())?;
            } else {
                output::line(format!(
                    "endpoint {id} will be sent this again, within seconds, behind what waits for it"
                ))?;
            }
        }
        WebhooksCommand::Enable { id, skip, json } => {
            show(&post(&ingress, &format!("{}/enable", path(&id)), &json!({ "skip": skip })).await?, json)?;
        }
        WebhooksCommand::Disable { id, json } => {
            show(&change(&ingress, &path(&id), &json!({ "enabled": false })).await?, json)?;
        }
        WebhooksCommand::Delete { id, json } => {
            let answer = ingress.ask(ingress.request(Method::DELETE, &path(&id))).await?;
            if json.json {
                output::line(answer.body.trim_end())?;
            } else {
                output::line(format!("endpoint {id} is removed, with what waited for it"))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl EndpointArgs {
    fn body(self, url: Option<String>) -> Value {
        without_nulls(
            json!({ "url": url, "name": self.name, "types": self.types, "accounts": self.accounts }),
        )
    }
}

fn without_nulls(body: Value) -> Value {
    let members = match body {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

async fn post(ingress: &Service, path: &str, body: &Value) -> anyhow::Result<Answer> {
    ingress.ask(ingress.request(Method::POST, path).json(body)).await
}

async fn change(ingress: &Service, path: &str, body: &Value) -> anyhow::Result<Answer> {
    ingress.ask(ingress.request(Method::PATCH, path).json(body)).await
}

async fn list(ingress: &Service, client: Option<String>, json: JsonArgs) -> anyhow::Result<()> {
    let request = ingress.request(Method::GET, "/api/webhooks");
    let answer = ingress.ask(request.query(&client.map(|client| [("client", client)]))).await?;
    if json.json {
        return output::line(answer.body.trim_end());
    }
    let page: Value = answer.json()?;
    let endpoints = page["webhooks"].as_array().context("an unexpected answer without `webhooks`")?;
    let mut table = Table::new(&COLUMNS);
    for endpoint in endpoints {
        table.add(vec![
            text(&endpoint["id"]),
            text(&endpoint["client"]),
            text(&endpoint["name"]),
            state(endpoint),
            time(&endpoint["failing_since"]),
            text(&endpoint["url"]),
        ]);
    }
    table.write_all()?;
    if endpoints.is_empty() {
        output::beside("no webhooks");
    }
    Ok(())
}

fn state(endpoint: &Value) -> String {
    match endpoint["reason"].as_str() {
        Some(reason) => format!("{} ({reason})", text(&endpoint["state"])),
        None => text(&endpoint["state"]),
    }
}

fn show(answer: &Answer, json: JsonArgs) -> anyhow::Result<()> {
    if json.json {
        return output::line(answer.body.trim_end());
    }
    let endpoint: Value = answer.json()?;
    let words = |value: &Value| {
        let words = value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
        words.join(" ")
    };
    facts(&[
        ("endpoint", text(&endpoint["id"])),
        ("client", text(&endpoint["client"])),
        ("name", text(&endpoint["name"])),
        ("url", text(&endpoint["url"])),
        ("types", words(&endpoint["types"])),
        ("accounts", words(&endpoint["accounts"])),
        ("state", state(&endpoint)),
        ("disabled (UTC)", time(&endpoint["disabled_at"])),
        ("failing since (UTC)", time(&endpoint["failing_since"])),
        ("waiting", text(&endpoint["waiting"])),
        ("catches up", if endpoint["catching_up"] == true { "yes".to_owned() } else { String::new() }),
        ("missed events (UTC)", time(&endpoint["missed_at"])),
        ("made (UTC)", time(&endpoint["created_at"])),
        ("made by", text(&endpoint["created_by"])),
        ("old secret until (UTC)", time(&endpoint["old_secret_until"])),
    ])
}

/// The secret alone goes to the output, so that a script can take it.
fn show_secret(answer: &Answer, json: JsonArgs) -> anyhow::Result<()> {
    if json.json {
        return output::line(answer.body.trim_end());
    }
    let endpoint: Value = answer.json()?;
    output::beside(format!("endpoint {}; its secret, which is shown this once:", text(&endpoint["id"])));
    output::line(text(&endpoint["secret"]))
}

fn test(answer: &Answer, json: JsonArgs) -> anyhow::Result<ExitCode> {
    let result: Value = answer.json()?;
    if json.json {
        output::line(answer.body.trim_end())?;
    } else {
        facts(&[
            ("delivered", if result["delivered"] == true { "yes".to_owned() } else { "no".to_owned() }),
            ("status", text(&result["status"])),
            ("error", text(&result["error"])),
            ("answer", text(&result["answer"])),
            ("milliseconds", text(&result["took_ms"])),
        ])?;
    }
    Ok(if result["delivered"] == true { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn attempt(attempt: &Value) -> Vec<String> {
    let came_back = if attempt["error"].is_null() { &attempt["answer"] } else { &attempt["error"] };
    vec![
        text(&attempt["number"]),
        time(&attempt["at"]),
        text(&attempt["event"]),
        text(&attempt["attempt"]),
        text(&attempt["result"]),
        text(&attempt["status"]),
        text(&attempt["took_ms"]),
        text(came_back).chars().take(80).collect(),
    ]
}
