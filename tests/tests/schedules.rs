//! Jobs that wait for the day on which they are to be executed.

use std::time::{Duration, Instant};

use anyhow::ensure;
use jiff::Timestamp;
use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::servers::{fresh_database, fresh_vhost};
use tests::wait::until;

const WITHIN: Duration = Duration::from_secs(60);
/// How late a fleet that has nothing else to do may execute a job: it looks each second.
const LATE_MAX: Duration = Duration::from_secs(5);
/// Jobs that are due at the same moment.
const MANY: i64 = 2_000;
/// How long a single job may take meanwhile: a lane posts what may be on it before.
const SINGLE_WITHIN: Duration = Duration::from_secs(15);

fn open(account: &str) -> Value {
    json!({"kind": "open_account", "account": account, "currency": "EUR"})
}

fn deposit(account: &str, amount: i64, execute_at: Option<Timestamp>) -> Value {
    let mut job = json!({"kind": "deposit", "account": account, "amount": amount, "currency": "EUR"});
    if let Some(at) = execute_at {
        job["execute_at"] = at.to_string().into();
    }
    job
}

fn in_seconds(seconds: u64) -> Timestamp {
    Timestamp::now() + Duration::from_secs(seconds)
}

async fn balance(client: &Client, account: &str) -> anyhow::Result<i64> {
    Ok(client.account(account).await?["balance"].as_i64().unwrap_or_default())
}

async fn shown(client: &Client, id: &str) -> anyhow::Result<Value> {
    Ok(client.get(&format!("/api/jobs/{id}")).await?.json()?)
}

async fn ids(client: &Client, path: &str) -> anyhow::Result<Vec<Value>> {
    let answer: Value = client.get(path).await?.json()?;
    let jobs = answer["jobs"].as_array().cloned().unwrap_or_default();
    Ok(jobs.into_iter().map(|job| job["id"].clone()).collect())
}

async fn becomes(client: &Client, id: &str, status: &str) -> anyhow::Result<Value> {
    until(&format!("the job is {status}"), WITHIN, async || {
        let job = shown(client, id).await?;
        ensure!(job["status"] == status, "{job}");
        Ok(job)
    })
    .await
}

async fn a_job_waits_for_its_day(client: &Client) -> anyhow::Result<()> {
    client.outcome(&client.submit(&open("a")).await?, WITHIN).await?;
    let at = in_seconds(3);
    let asked = Instant::now();
    let answer =
        client.post("/api/jobs?wait=30", "application/json", deposit("a", 5, Some(at)).to_string()).await?;
    let job: Value = answer.json()?;
    ensure!(answer.status == 200 && job["status"] == "scheduled", "{answer:?}");
    ensure!(asked.elapsed() < Duration::from_secs(3), "the answer waited for the day");
    let id = job["id"].as_str().unwrap_or_default();
    let execute_at = format!("{at:.6}");
    ensure!(job["execute_at"] == execute_at.as_str() && job["posted_at"].is_null(), "{job}");
    ensure!(shown(client, id).await?["scheduled_at"].is_string());
    for path in
        ["/api/jobs?outcome=scheduled", "/api/scheduled-jobs", "/api/scheduled-jobs?account=a&kind=deposit"]
    {
        ensure!(ids(client, path).await? == [json!(id)], "{path}");
    }
    for path in ["/api/scheduled-jobs?account=b", "/api/scheduled-jobs?from=2999-01-01"] {
        ensure!(ids(client, path).await?.is_empty(), "{path}");
    }
    ensure!(balance(client, "a").await? == 0);

    let job = becomes(client, id, "posted").await?;
    ensure!(balance(client, "a").await? == 5);
    let posted_at: Timestamp = job["posted_at"].as_str().unwrap_or_default().parse()?;
    ensure!(posted_at >= at && posted_at <= at + LATE_MAX, "{job}");
    ensure!(job["execute_at"] == execute_at.as_str() && job["scheduled_at"].is_string(), "{job}");
    let timeline: Value = client.get(&format!("/api/jobs/{id}/timeline")).await?.json()?;
    let events: Vec<_> =
        timeline["events"].as_array().into_iter().flatten().map(|event| &event["event"]["type"]).collect();
    ensure!(events == ["accepted", "scheduled", "posted", "entry", "entry"], "{timeline}");
    ensure!(ids(client, "/api/jobs").await?.first() == Some(&json!(id)), "it is not where it was posted");
    ensure!(ids(client, "/api/scheduled-jobs").await?.is_empty());
    Ok(())
}

async fn what_is_scheduled_is_cancelled_or_refused(client: &Client) -> anyhow::Result<()> {
    let answer =
        client.post("/api/jobs", "application/json", deposit("a", 7, Some(in_seconds(3_600))).to_string());
    let accepted: Value = answer.await?.json()?;
    ensure!(accepted["status"] == "queued" && accepted["execute_at"].is_string(), "{accepted}");
    let id = accepted["id"].as_str().unwrap_or_default();
    becomes(client, id, "scheduled").await?;
    for _ in 0..2 {
        let answer = client.delete(&format!("/api/jobs/{id}?reason=wrong%20day")).await?;
        ensure!(answer.status == 200 && answer.json::<Value>()?["status"] == "cancelled", "{answer:?}");
        // At once, whatever the ledger has recorded by then.
        let job = shown(client, id).await?;
        ensure!(job["status"] == "cancelled" && job["cancelled"]["reason"] == "wrong day", "{job}");
    }
    ensure!(ids(client, "/api/scheduled-jobs").await?.is_empty());
    until("the ledger records it", WITHIN, async || {
        ensure!(ids(client, "/api/jobs?outcome=cancelled").await? == [json!(id)]);
        Ok(())
    })
    .await?;
    let timeline: Value = client.get(&format!("/api/jobs/{id}/timeline")).await?.json()?;
    let events: Vec<_> =
        timeline["events"].as_array().into_iter().flatten().map(|event| &event["event"]["type"]).collect();
    ensure!(events == ["accepted", "scheduled", "cancelled"], "{timeline}");

    let far = client.post(
        "/api/jobs",
        "application/json",
        deposit("a", 7, Some(in_seconds(4_000 * 86_400))).to_string(),
    );
    let refused = far.await?;
    ensure!(refused.status == 422 && refused.body.contains("\"execute_at\""), "{refused:?}");
    let past = client.submit(&deposit("a", 1, Some("2001-01-01T00:00:00Z".parse()?))).await?;
    ensure!(client.outcome(&past, WITHIN).await?.status == "posted");
    Ok(())
}

/// A file with a row of a day to come is done when that is scheduled, and counts it by its outcome later.
async fn a_row_of_a_file_waits_for_its_day(client: &Client) -> anyhow::Result<()> {
    let rows = [deposit("a", 1, None), deposit("a", 2, Some(in_seconds(4)))].map(|row| row.to_string());
    let answer = client.post("/api/imports?format=ndjson", "application/x-ndjson", rows.join("\n")).await?;
    let import: Value = answer.json()?;
    let path = format!("/api/imports/{}", import["id"]);
    let before = balance(client, "a").await?;
    let counts = async |posted: u64, scheduled: u64| {
        until("the rows are counted", WITHIN, async || {
            let import: Value = client.get(&path).await?.json()?;
            let is_done = import["state"] == "done" && import["accepted"] == 2;
            ensure!(is_done && import["posted"] == posted && import["scheduled"] == scheduled, "{import}");
            Ok(())
        })
        .await
    };
    counts(1, 1).await?;
    counts(2, 0).await?;
    ensure!(balance(client, "a").await? >= before + 2);
    Ok(())
}

async fn adds_up(monitor: &Client) -> anyhow::Result<()> {
    until("every job is accounted for", WITHIN, async || {
        let status: Value = monitor.get("/api/scalability/status").await?.json()?;
        let count = &status["reconciliation"];
        ensure!(count["holds"] == true && count["unaccounted"] == 0, "{count}");
        ensure!(status["ledger"]["scheduled"] == 1, "{status}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_waits_for_its_day_on_one_machine() -> anyhow::Result<()> {
    let fleet = Fleet::embedded()?;
    let mut dev = fleet.start(Role::Dev).await?;
    let client = Client::new(&dev.url(""))?;
    a_job_waits_for_its_day(&client).await?;
    what_is_scheduled_is_cancelled_or_refused(&client).await?;
    a_row_of_a_file_waits_for_its_day(&client).await?;
    client.submit(&deposit("a", 1, Some(in_seconds(3_600)))).await?;
    adds_up(&Client::new(&dev.url_as(Role::Monitor, "").unwrap_or_default())?).await?;
    // Killed with a job that is due while nobody is there.
    let waits = client.submit(&deposit("a", 100, Some(in_seconds(2)))).await?;
    becomes(&client, &waits, "scheduled").await?;
    dev.kill9()?;
    fleet.run_ok(&["verify"]).await?;
    let mut dev = fleet.start(Role::Dev).await?;
    becomes(&Client::new(&dev.url(""))?, &waits, "posted").await?;
    dev.terminate().await?;
    fleet.run_ok(&["verify"]).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_waits_for_its_day_on_servers() -> anyhow::Result<()> {
    let (database, vhost) = (fresh_database().await?, fresh_vhost().await?);
    let fleet = Fleet::new(&database, &vhost.url)?;
    fleet.run_ok(&["migrate"]).await?;
    let mut replicas = [fleet.start(Role::Api).await?, fleet.start(Role::Worker).await?];
    let client = Client::new(&replicas[0].url(""))?;
    a_job_waits_for_its_day(&client).await?;
    what_is_scheduled_is_cancelled_or_refused(&client).await?;
    a_row_of_a_file_waits_for_its_day(&client).await?;
    for replica in &mut replicas {
        replica.terminate().await?;
    }
    fleet.run_ok(&["verify"]).await.map(drop)
}

/// A fleet that posts slowly, so that much is on its way when it is killed, and that puts lost jobs on their lanes again soon.
async fn slow(database: &str, vhost: &str) -> anyhow::Result<Fleet> {
    let fleet = Fleet::new(database, vhost)?
        .with("BATCH_PROCESSING_SIZE", "2")
        .with("POSTING_CONCURRENCY", "1")
        .with("SCHEDULE_RETRY_SECONDS", "2");
    fleet.run_ok(&["migrate"]).await?;
    Ok(fleet)
}

/// Waits until so much has come in on an account.
async fn comes_in(client: &Client, account: &str, least: i64) -> anyhow::Result<i64> {
    until(&format!("{least} have come in"), WITHIN, async || {
        let balance = balance(client, account).await?;
        ensure!(balance >= least, "{balance}");
        Ok(balance)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_at_once_is_executed_once_whatever_is_killed_and_lost() -> anyhow::Result<()> {
    let (database, vhost) = (fresh_database().await?, fresh_vhost().await?);
    let fleet = slow(&database, &vhost.url).await?;
    let mut api = fleet.start(Role::Api).await?;
    let mut workers: Vec<Replica> = vec![fleet.start(Role::Worker).await?, fleet.start(Role::Worker).await?];
    let client = Client::new(&api.url(""))?;
    for account in ["due", "other"] {
        client.outcome(&client.submit(&open(account)).await?, WITHIN).await?;
    }
    let at = in_seconds(8);
    let batch: Vec<_> = (0..MANY).map(|_| deposit("due", 1, Some(at)).to_string()).collect();
    let answer = client.post("/api/jobs/batch", "application/x-ndjson", batch.join("\n")).await?;
    ensure!(answer.status == 202, "{answer:?}");

    let executed = comes_in(&client, "due", 1).await?;
    ensure!(executed < MANY, "all were executed at once: this shows nothing");
    ensure!(Timestamp::now() >= at, "some were executed before their time");
    // A single job of another account, and one of the same, meanwhile.
    for account in ["other", "due"] {
        let (id, asked) = (client.submit(&deposit(account, 1_000_000, None)).await?, Instant::now());
        ensure!(client.outcome(&id, SINGLE_WITHIN).await?.status == "posted");
        eprintln!("a single job on {account} took {:?}", asked.elapsed());
    }
    workers.remove(0).kill9()?;
    workers.push(fleet.start(Role::Worker).await?);
    comes_in(&client, "due", 1_000_000 + MANY / 4).await?;
    for mut worker in workers.drain(..) {
        worker.kill9()?;
    }
    // The broker comes back with nothing of what was on its way.
    vhost.empty().await?;
    workers.push(fleet.start(Role::Worker).await?);
    comes_in(&client, "due", 1_000_000 + MANY).await?;
    until("nothing waits", WITHIN, async || {
        ensure!(ids(&client, "/api/scheduled-jobs").await?.is_empty());
        Ok(())
    })
    .await?;
    ensure!(balance(&client, "due").await? == 1_000_000 + MANY);
    for worker in &mut workers {
        worker.terminate().await?;
    }
    api.terminate().await?;
    fleet.run_ok(&["verify"]).await.map(drop)
}
