//! Dead letters over HTTP: by the monitor's URL and a key, without any credentials of the broker.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use client::{Answer, Client, Problem};
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::args::{ActArgs, DeadLettersArgs, DeadLettersCommand, FilterArgs};
use crate::output;

const LETTERS: &str = "/api/scalability/dead-letters";
/// How long the monitor may take to accept a connection, and to replay tens of thousands of letters.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);
/// Letters of one page, listed and tried.
const LISTED_AT_ONCE: usize = 1_000;
const TRIED_AT_ONCE: usize = 500;

pub(super) async fn run(url: &str, args: &DeadLettersArgs) -> anyhow::Result<()> {
    let http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(ANSWER_TIMEOUT);
    let monitor = Monitor(Client::through(http, url, args.monitor.key.read()?.as_deref())?);
    match &args.command {
        DeadLettersCommand::List { filter, limit, json } => monitor.list(filter, *limit, *json).await,
        DeadLettersCommand::Show { id } => monitor.show(id).await,
        DeadLettersCommand::Preview { filter, limit, json } => {
            let preview = monitor.preview(&serde_json::to_value(filter)?, *limit).await?;
            if *json { print_lines(&preview.letters) } else { preview.print() }
        }
        DeadLettersCommand::Replay(act) => monitor.act("replay", act).await,
        DeadLettersCommand::Discard(act) => monitor.act("discard", act).await,
    }
}

struct Monitor(Client);

impl Monitor {
    /// The JSON of an answer that is no problem.
    async fn ask(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer = Answer::to(request).await;
        let answer = answer.with_context(|| format!("the monitor at {} does not answer", self.0.base()))?;
        ensure!(answer.status.is_success(), "{}", Problem::of(answer.status, &answer.body));
        Ok(answer.json()?)
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(self.0.request(Method::POST, &format!("{LETTERS}{path}")).json(body)).await
    }

    async fn list(&self, filter: &FilterArgs, limit: usize, json: bool) -> anyhow::Result<()> {
        let mut letters: Vec<Value> = Vec::new();
        let mut cursor = Value::Null;
        let count = loop {
            let mut query = serde_json::to_value(filter)?;
            query["limit"] = (limit - letters.len()).clamp(1, LISTED_AT_ONCE).into();
            if !cursor.is_null() {
                query["cursor"] = cursor;
            }
            let page = self.ask(self.0.request(Method::GET, LETTERS).query(&query)).await?;
            letters.extend(page["letters"].as_array().into_iter().flatten().cloned());
            cursor = page["next"].clone();
            if cursor.is_null() || letters.len() >= limit {
                break page["count"].clone();
            }
        };
        letters.truncate(limit);
        if json {
            return print_lines(&letters);
        }
        let mut table =
            table(&["id", "last failure", "attempts", "client", "kind", "account", "amount", "cause"]);
        for letter in &letters {
            let [id, at, attempts, client, kind] =
                ["id", "at", "attempts", "client", "kind"].map(|name| text(&letter[name]));
            let [account, amount, cause] =
                [text(&letter["accounts"][0]), amount(letter), text(&letter["cause"])];
            table.add_row([id, at, attempts, client, kind, account, amount, cause]);
        }
        print(&format!("{table}\n{} of {count} dead letters", letters.len()))
    }

    async fn show(&self, id: &str) -> anyhow::Result<()> {
        let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
        let mut letter = self.ask(self.0.request(Method::GET, &format!("{LETTERS}/{id}"))).await?;
        // What is JSON is shown as JSON.
        if let Some(payload) = letter["payload"].as_str().and_then(|text| serde_json::from_str(text).ok()) {
            letter["payload"] = payload;
        }
        print(&format!("{letter:#}"))
    }

    /// Tries the oldest `limit` letters that are wanted.
    async fn preview(&self, filter: &Value, limit: usize) -> anyhow::Result<Preview> {
        let mut body = json!({ "filter": filter });
        let mut found: Option<Preview> = None;
        loop {
            let tried = found.as_ref().map_or(0, |found| found.letters.len());
            body["limit"] = limit.saturating_sub(tried).clamp(1, TRIED_AT_ONCE).into();
            let page = self.post("/preview", &body).await?;
            let letters = page["letters"].as_array().cloned().unwrap_or_default();
            match &mut found {
                Some(found) => found.letters.extend(letters),
                None => found = Some(Preview { page: page.clone(), letters }),
            }
            let tried = found.as_ref().map_or(0, |found| found.letters.len());
            if page["next"].is_null() || tried >= limit {
                break;
            }
            body["cursor"] = page["next"].clone();
            // What was given up since the first page is on none.
            if let Some(first) = &found {
                body["filter"] = first.page["filter"].clone();
            }
        }
        found.context("the monitor has tried nothing")
    }

    async fn act(&self, deed: &str, act: &ActArgs) -> anyhow::Result<()> {
        let filter = match &act.id {
            Some(id) => json!({ "id": id }),
            None => serde_json::to_value(&act.filter)?,
        };
        let preview = self.preview(&filter, TRIED_AT_ONCE).await?;
        let matched = preview.page["matched"].as_u64().unwrap_or_default();
        match (&act.id, matched) {
            (Some(id), 0) => {
                bail!("there is no dead letter {id}; `tellers dead-letters list` lists the dead letters")
            }
            (None, 0) => return print(&format!("no dead letter is wanted, so there is none to {deed}")),
            _ => {}
        }
        preview.print()?;
        if !act.yes && !is_agreed(&format!("{deed} these {matched} dead letters?"))? {
            bail!("nothing was done");
        }
        let body = json!({ "filter": preview.page["filter"], "matched": matched });
        let done = self.post(&format!("/{deed}"), &body).await?;
        for letter in done["kept_letters"].as_array().into_iter().flatten() {
            output::done(format_args!("kept {}: {}", text(&letter["id"]), text(&letter["why"])));
        }
        let deed = text(&done["done"]);
        output::done(format_args!("{deed} {} dead letters, {} jobs", done["letters"], done["jobs"]));
        let kept = done["kept"].as_u64().unwrap_or_default();
        ensure!(kept == 0, "{kept} dead letters stay; `show` them, and `discard` those that are of no use");
        Ok(())
    }
}

/// What would become of letters.
struct Preview {
    /// The first page.
    page: Value,
    /// Those that were tried.
    letters: Vec<Value>,
}

impl Preview {
    fn print(&self) -> anyhow::Result<()> {
        let mut by_cause_and_answer: BTreeMap<(String, String), (usize, String)> = BTreeMap::new();
        for letter in &self.letters {
            let mut answer = text(&letter["answer"]);
            if let Some(reason) = letter["reason"].as_str() {
                answer = format!("{answer}: {reason}");
            }
            let entry = by_cause_and_answer.entry((text(&letter["cause"]), answer)).or_default();
            *entry = (entry.0 + 1, text(&letter["why"]));
        }
        let mut table = table(&["dead letters", "cause", "if replayed now", "why"]);
        for ((cause, answer), (count, why)) in by_cause_and_answer {
            table.add_row([count.to_string(), cause, answer, why]);
        }
        let (tried, matched) = (self.letters.len(), &self.page["matched"]);
        print(&format!("{table}\n{tried} of {matched} dead letters were tried; nothing was changed"))
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header);
    table
}

/// A value without quotes; nothing, where it is not known.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn amount(letter: &Value) -> String {
    format!("{} {}", text(&letter["amount"]), text(&letter["currency"])).trim().to_owned()
}

fn print_lines(letters: &[Value]) -> anyhow::Result<()> {
    letters.iter().try_for_each(|letter| print(&letter.to_string()))
}

/// The command's answer.
fn print(text: &str) -> anyhow::Result<()> {
    output::line(text)
}

/// Asks whoever sits at the terminal.
fn is_agreed(question: &str) -> anyhow::Result<bool> {
    ensure!(std::io::stdin().is_terminal(), "{question} Nobody is there to ask: say --yes");
    output::bytes(format!("{question} [y/N] ").as_bytes())?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
