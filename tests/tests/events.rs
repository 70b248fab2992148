//! The event stream, from end to end: nothing is missing, whoever dies, and those who follow go on where they were.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::servers::{fresh_database, fresh_vhost};
use tests::wait::until;

const WITHIN: Duration = Duration::from_secs(60);
const JOBS: usize = 2_000;
const BATCH: usize = 100;

fn jobs(from: usize) -> Vec<Value> {
    let job = |number: usize| {
        // Some are turned down.
        let (kind, amount) = if number % 10 == 9 { ("withdrawal", 1_000_000_000) } else { ("deposit", 1) };
        json!({"kind": kind, "account": format!("a{}", number % 7), "amount": amount, "currency": "EUR", "reference": format!("R{number}")})
    };
    (from..from + BATCH).map(job).collect()
}

async fn open(client: &Client) -> anyhow::Result<()> {
    let accounts: Vec<_> = (0..7)
        .map(|number| json!({"kind": "open_account", "account": format!("a{number}"), "currency": "EUR"}))
        .collect();
    let answer = client.batch(&accounts).await?;
    ensure!(answer.refused == 0, "{answer:?}");
    Ok(())
}

/// Reads a stream of server-sent events from behind `after` until `enough`, and returns (id, event) of each.
async fn follow(
    client: &Client,
    after: Option<&str>,
    mut enough: impl FnMut(&Value) -> bool,
) -> anyhow::Result<Vec<(String, Value)>> {
    let request = client.request(Method::GET, "/api/events").timeout(2 * WITHIN);
    let mut request = request.header("accept", "text/event-stream");
    if let Some(after) = after {
        request = request.header("last-event-id", after);
    }
    let answer = request.send().await?.error_for_status()?;
    let (mut parts, mut rest, mut seen) = (answer.bytes_stream(), String::new(), Vec::new());
    let mut id = String::new();
    while let Some(part) = parts.next().await {
        rest.push_str(std::str::from_utf8(&part?)?);
        while let Some((line, behind)) = rest.split_once('\n') {
            if let Some(value) = line.strip_prefix("id: ") {
                value.clone_into(&mut id);
            } else if let Some(data) = line.strip_prefix("data: ") {
                let event: Value = serde_json::from_str(data)?;
                let is_enough = enough(&event);
                seen.push((id.clone(), event));
                if is_enough {
                    return Ok(seen);
                }
            }
            rest = behind.to_owned();
        }
    }
    Ok(seen)
}

fn reference(event: &Value) -> Option<&str> {
    event["data"]["reference"].as_str()
}

/// A consumer that is cut off again and again goes on where it was and has everything.
async fn everything_comes(client: &Client, wanted: usize) -> anyhow::Result<Vec<Value>> {
    let (mut seen, mut events, mut after) = (BTreeSet::new(), Vec::new(), Some("0.0".to_owned()));
    let mut cut = 0;
    while seen.len() < wanted {
        cut += 1;
        let mut in_this = 0;
        let followed = follow(client, after.as_deref(), |event| {
            seen.extend(reference(event).map(str::to_owned));
            in_this += 1;
            // Cut off after some hundred.
            seen.len() == wanted || in_this == 300
        });
        match tokio::time::timeout(WITHIN, followed).await.context("the stream stands still")? {
            Ok(followed) => {
                after = followed.last().map(|(id, _)| id.clone()).or(after);
                events.extend(followed.into_iter().map(|(_, event)| event));
            }
            // An ingress that is away is back in a moment.
            Err(_) => tests::wait::next_look().await,
        }
        ensure!(cut < 1_000, "it does not go on");
    }
    Ok(events)
}

/// # Errors
/// What comes is not what the ledger holds.
async fn are_right(client: &Client, events: &[Value]) -> anyhow::Result<()> {
    let mut last = BTreeMap::new();
    let mut firsts = BTreeSet::new();
    for event in events {
        let Some(reference) = reference(event) else { continue };
        let number: usize = reference[1..].parse()?;
        let expected = if number % 10 == 9 { "tellers.job.rejected" } else { "tellers.job.posted" };
        ensure!(event["type"] == expected, "{event}");
        if firsts.insert(number) {
            let account = event["data"]["account"].as_str().context("an account")?;
            let before = last.insert(account, number);
            ensure!(
                before.is_none_or(|before| before < number),
                "{number} of {account} came behind {before:?}"
            );
        }
    }
    let posted = events
        .iter()
        .rev()
        .find(|event| event["type"] == "tellers.job.posted" && event["data"]["entries"].is_array());
    let posted = posted.context("no event of a posted job with its entries")?;
    let id = posted["data"]["job"].as_str().context("an id")?;
    let timeline: Value = client.read(&format!("/api/jobs/{id}/timeline")).await?;
    let balance = &posted["data"]["entries"][0]["balance_after"];
    let entries = timeline["events"].as_array().context("events")?.iter();
    ensure!(
        entries
            .clone()
            .any(|entry| entry["event"]["type"] == "entry" && entry["event"]["balance_after"] == *balance),
        "{posted} against {timeline}"
    );
    Ok(())
}

async fn all_outcomes_come(fleet: Fleet, dies: Role) -> anyhow::Result<()> {
    let mut replicas = match dies {
        Role::Dev => vec![fleet.start(Role::Dev).await?],
        _ => vec![fleet.start(Role::Worker).await?, fleet.start(Role::Api).await?],
    };
    let api = |replicas: &[Replica]| -> String {
        let last = &replicas[replicas.len() - 1];
        last.url_as(Role::Api, "").unwrap_or_default()
    };
    let mut client = Client::new(&api(&replicas))?;
    open(&client).await?;
    for (round, from) in (0..JOBS).step_by(BATCH).enumerate() {
        let answer = client.batch(&jobs(from)).await?;
        ensure!(answer.refused == 0, "{answer:?}");
        if round % 7 == 6 {
            replicas.remove(0).kill9()?;
            replicas.insert(0, fleet.start(dies).await?);
            client = Client::new(&api(&replicas))?;
        }
    }
    let events = everything_comes(&client, JOBS).await?;
    are_right(&client, &events).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_has_every_outcome_while_the_process_is_killed() {
    all_outcomes_come(Fleet::embedded().unwrap(), Role::Dev).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_has_every_outcome_while_workers_are_killed() {
    let (database, vhost) = (fresh_database().await.unwrap(), fresh_vhost().await.unwrap());
    let fleet = Fleet::new(&database, &vhost.url).unwrap();
    fleet.run_ok(&["migrate"]).await.unwrap();
    all_outcomes_come(fleet, Role::Worker).await.unwrap();
}

/// What is no longer kept is said, with the way to catch up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_too_late_learns_how_to_catch_up() {
    let fleet = Fleet::embedded().unwrap().with("EVENTS_MB_MAX", "1");
    let dev = fleet.start(Role::Dev).await.unwrap();
    let client = Client::new(&dev.url_as(Role::Api, "").unwrap()).unwrap();
    open(&client).await.unwrap();
    // An event takes some 600 bytes, and memos do not count.
    let mut sent = 0;
    until("the oldest events are gone", Duration::from_secs(120), async || {
        for _ in 0..20 {
            let from = sent;
            sent += BATCH;
            ensure!(client.batch(&jobs(from)).await?.refused == 0);
        }
        let answer = client.get("/api/events?after=1.1").await?;
        ensure!(answer.status == 410, "{} after {sent} jobs", answer.status);
        Ok(())
    })
    .await
    .unwrap();
    // It goes on while jobs are still posted: what was the oldest may be gone with the next request.
    until("what is kept is read on", WITHIN, async || {
        let gone = client.get("/api/events?after=1.1").await?;
        let problem: Value = serde_json::from_str(&gone.body)?;
        let detail = problem["detail"].as_str().context("a detail")?;
        ensure!(
            detail.contains("/api/jobs?from=") && problem["type"] == "/problems/events-gone",
            "{problem}"
        );
        let oldest = detail.rsplit("after=").next().context("a cursor")?;
        let on: Value = client.read(&format!("/api/events?after={oldest}&limit=1")).await?;
        ensure!(on["events"].as_array().is_some_and(|events| events.len() == 1), "{on}");
        Ok(())
    })
    .await
    .unwrap();
}
