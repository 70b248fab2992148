//! `tellers config`: the settings in force, where each comes from, and changing them while the fleet runs.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::output::{self, Misused};
use crate::remote::Service;
use crate::remote::args::{JsonArgs, KeyArgs, MonitorArgs};
use crate::remote::cells::{text, time};
use crate::remote::table::{Table, left, right};

const CONFIG: &str = "/api/scalability/config";
/// How long a change may take to reach every replica before the command stops to wait for that, and how often it looks.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(4);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Which settings, and where they are asked for.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
    #[command(flatten)]
    monitor: MonitorArgs,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Clone, Subcommand)]
enum ConfigCommand {
    /// Show settings, each with its value and where that comes from
    Show {
        /// Settings by name; by default, all
        names: Vec<String>,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Change settings while the fleet runs: all of them, or none if one is wrong
    Set {
        /// Settings and their values, such as BATCH_PROCESSING_SIZE=50
        #[arg(required = true, value_name = "NAME=VALUE", value_parser = assignment)]
        changes: Vec<(String, Value)>,
        #[command(flatten)]
        about: AboutArgs,
    },
    /// Take back what was changed while running: the settings go by flags, environment and defaults again
    Reset {
        /// Settings by name
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        about: AboutArgs,
    },
    /// Undo a change: its settings get the values from before
    Undo {
        /// The version that the change made, as `history` lists it; by default, the newest that is not undone
        version: Option<u64>,
        #[command(flatten)]
        about: AboutArgs,
    },
    /// List the changes, the newest first, with who made them and why
    History {
        #[command(flatten)]
        json: JsonArgs,
    },
}

/// What the audit log says about a change.
#[derive(Debug, Clone, Args)]
struct AboutArgs {
    /// Why, for the audit log
    #[arg(long)]
    reason: Option<String>,

    /// On whose behalf, for the audit log
    #[arg(long, value_name = "NAME")]
    by: Option<String>,

    #[command(flatten)]
    json: JsonArgs,
}

const EXAMPLES: &str = "\
Examples:
  export MONITOR_URL=https://monitor.bank.example API_KEY=...
  tellers config show
  tellers config set BATCH_PROCESSING_SIZE=50 LINGER_MS=10 --reason 'try smaller batches'
  tellers config reset LINGER_MS
  tellers config undo

Reading takes a key with the scope read, audit or operate; changing, one with operate for all accounts.";

/// A number is a number, and all else a text.
fn assignment(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, such as BATCH_PROCESSING_SIZE=50")?;
    let number = serde_json::from_str::<Value>(value).ok().filter(Value::is_number);
    Ok((name.trim().to_owned(), number.unwrap_or_else(|| value.into())))
}

pub(crate) async fn run(args: ConfigArgs) -> anyhow::Result<ExitCode> {
    let monitor = args.monitor.service(&args.key)?;
    match args.command {
        ConfigCommand::Show { names, json } => {
            let answer = monitor.get(CONFIG).await?;
            if json.json {
                output::line(answer.body.trim_end())?;
            } else {
                show(&answer.json()?, &names)?;
            }
        }
        ConfigCommand::Set { changes, about } => {
            let mut named = Map::new();
            for (name, value) in changes {
                if named.insert(name.clone(), value).is_some() {
                    return Err(Misused(format!("{name} is given twice; leave one of them")).into());
                }
            }
            change(&monitor, named, &about).await?;
        }
        ConfigCommand::Reset { names, about } => {
            change(&monitor, names.into_iter().map(|name| (name, Value::Null)).collect(), &about).await?;
        }
        ConfigCommand::Undo { version, about } => {
            let body = about.with(json!({ "version": version }));
            let request = monitor.request(Method::POST, &format!("{CONFIG}/undo")).json(&body);
            let answer = monitor.ask(request).await?;
            if about.json.json {
                output::line(answer.body.trim_end())?;
            } else {
                let config = followed(&monitor, answer.json()?).await?;
                print_version(&config)?;
                history(&config, 1)?;
            }
        }
        ConfigCommand::History { json } => {
            let answer = monitor.get(CONFIG).await?;
            if json.json {
                output::line(answer.body.trim_end())?;
            } else {
                history(&answer.json()?, usize::MAX)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl AboutArgs {
    fn with(&self, mut body: Value) -> Value {
        if let Some(fields) = body.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
            let about = [("reason", &self.reason), ("by", &self.by)];
            fields.extend(
                about.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into()))),
            );
        }
        body
    }
}

async fn change(monitor: &Service, changes: Map<String, Value>, about: &AboutArgs) -> anyhow::Result<()> {
    let names: Vec<_> = changes.keys().cloned().collect();
    let body = about.with(json!({ "changes": changes }));
    let answer = monitor.ask(monitor.request(Method::PATCH, CONFIG).json(&body)).await?;
    if about.json.json {
        return output::line(answer.body.trim_end());
    }
    let config = followed(monitor, answer.json()?).await?;
    print_version(&config)?;
    show(&config, &names)
}

/// The settings once every replica runs with them, which takes a second or two; or as they are by then.
async fn followed(monitor: &Service, mut config: Value) -> anyhow::Result<Value> {
    let began = Instant::now();
    while config["convergence"]["converged"] == false && began.elapsed() < FOLLOWED_WITHIN {
        tokio::time::sleep(LOOK_EVERY).await;
        config = monitor.read(CONFIG).await?;
    }
    Ok(config)
}

/// Which version is in force, and who does not run with it yet.
fn print_version(config: &Value) -> anyhow::Result<()> {
    let replicas = config["convergence"]["replicas"].as_array().into_iter().flatten();
    let behind: Vec<_> = replicas
        .filter(|replica| replica["converged"] == false)
        .map(|replica| text(&replica["replica"]))
        .collect();
    let who = match behind.as_slice() {
        [] => "every replica runs with it".to_owned(),
        behind => format!("{} do not run with it yet", behind.join(", ")),
    };
    output::line(format!("version {} of the settings is in force: {who}", text(&config["version"])))
}

fn show(config: &Value, names: &[String]) -> anyhow::Result<()> {
    let settings = config["settings"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is = |setting: &Value, name: &str| {
        setting["name"].as_str().is_some_and(|is| is.eq_ignore_ascii_case(name))
    };
    if let Some(unknown) = names.iter().find(|name| !settings.iter().any(|setting| is(setting, name))) {
        bail!("there is no setting {unknown}; `tellers config show` lists the settings");
    }
    let mut table = Table::new(&[
        left("setting"),
        right("value"),
        left("unit"),
        left("source"),
        right("default"),
        left("limits"),
        left("while running"),
        left("what"),
    ]);
    for setting in
        settings.iter().filter(|setting| names.is_empty() || names.iter().any(|name| is(setting, name)))
    {
        let differs = setting["differs"].as_object().filter(|differs| !differs.is_empty());
        let value = match differs {
            Some(differs) => differs
                .iter()
                .map(|(replica, value)| format!("{}={}", text(&replica.as_str().into()), text(value)))
                .collect::<Vec<_>>()
                .join(" "),
            None => text(&setting["value"]),
        };
        let limits = match (setting["minimum"].as_f64(), setting["maximum"].as_f64()) {
            (Some(minimum), Some(maximum)) => format!("{minimum} to {maximum}"),
            _ => String::new(),
        };
        let changes = if setting["changes_while_running"] == true { "yes" } else { "" };
        table.row([
            text(&setting["name"]),
            value,
            text(&setting["unit"]),
            text(&setting["source"]),
            text(&setting["default"]),
            limits,
            changes.to_owned(),
            text(&setting["description"]),
        ]);
    }
    table.write_all()
}

fn history(config: &Value, most: usize) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        right("version"),
        left("at (UTC)"),
        left("by"),
        left("changed"),
        left("undoes"),
        left("reason"),
    ]);
    let value = |value: &Value| if value.is_null() { "unset".to_owned() } else { text(value) };
    for change in config["audit"].as_array().into_iter().flatten().take(most) {
        let changed = change["changed"].as_array().into_iter().flatten();
        let changed = changed.map(|one| {
            format!("{} {} to {}", text(&one["name"]), value(&one["before"]), value(&one["after"]))
        });
        table.row([
            text(&change["version"]),
            time(&change["at"]),
            text(&change["by"]),
            changed.collect::<Vec<_>>().join(", "),
            text(&change["undoes"]),
            text(&change["reason"]),
        ]);
    }
    if let Some(trouble) = config["audit_trouble"].as_str() {
        bail!("the changes cannot be read: {trouble}");
    }
    if table.is_empty() {
        output::beside("no setting was changed while running");
    }
    table.write_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_number_where_it_is_one() {
        assert_eq!(assignment("A=50").unwrap(), ("A".to_owned(), json!(50)));
        assert_eq!(assignment("A=0.5").unwrap().1, json!(0.5));
        assert_eq!(assignment("A=https://a.example/?b=c").unwrap().1, json!("https://a.example/?b=c"));
        assert_eq!(assignment("A=").unwrap().1, json!(""));
        assert!(assignment("A").unwrap_err().contains("NAME=VALUE"));
    }
}
