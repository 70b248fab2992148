//! Jobs that wait, and whoever stops them.

#[path = "waiting/lanes.rs"]
mod lanes;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use domain::id::{Identity, JobId};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tests::client::{Answer, Client};
use tests::fleet::{Fleet, Replica, Role};
use tests::servers::{Vhost, fresh_database, fresh_vhost};
use tests::wait::until;

const WITHIN: Duration = Duration::from_secs(60);
/// Jobs that are cancelled as soon as they are accepted.
const RACES: usize = 1_000;
/// How many clients do that at once.
const CLIENTS: usize = 16;

/// A fleet on servers, with an ingress and no worker yet.
async fn without_workers() -> anyhow::Result<(Fleet, Replica, Vhost)> {
    let (database, vhost) = (fresh_database().await?, fresh_vhost().await?);
    let fleet = Fleet::new(&database, &vhost.url)?;
    fleet.run_ok(&["migrate"]).await?;
    let api = fleet.start(Role::Api).await?;
    Ok((fleet, api, vhost))
}

async fn client(
    fleet: &Fleet,
    api: &str,
    name: &str,
    scopes: &str,
    accounts: &str,
) -> anyhow::Result<Client> {
    let arguments = ["keys", "create", "--client", name, "--scopes", scopes, "--accounts", accounts];
    let client = Client::with_key(api, fleet.run_ok(&arguments).await?.trim())?;
    until("the key is taken", WITHIN, async || {
        // Before the first key is known the fleet asks nobody for one.
        let answer = client.get("/api/keys/self").await?;
        ensure!(answer.status == 200 && answer.json::<Value>()?["client"] == name, "{answer:?}");
        Ok(())
    })
    .await?;
    Ok(client)
}

fn deposit(account: &str, amount: i64) -> Value {
    json!({"kind": "deposit", "account": account, "amount": amount, "currency": "EUR"})
}

fn open(account: &str) -> Value {
    json!({"kind": "open_account", "account": account, "currency": "EUR"})
}

async fn cancel(client: &Client, id: &str) -> anyhow::Result<Answer> {
    client.delete(&format!("/api/jobs/{id}")).await
}

async fn posted(client: &Client, job: &Value) -> anyhow::Result<String> {
    let id = client.submit(job).await?;
    let outcome = client.outcome(&id, WITHIN).await?;
    ensure!(outcome.status == "posted", "{job}: {outcome:?}");
    Ok(id)
}

/// An answer without the id that was asked for and without the time.
fn said(answer: &Answer, id: &str) -> anyhow::Result<(u16, Value)> {
    let mut body: Value = serde_json::from_str(&answer.body.replace(id, "ASKED"))?;
    if let Some(problem) = body.as_object_mut() {
        problem.remove("request_id");
    }
    if let Some(at) = body.pointer_mut("/cancelled/at") {
        *at = Value::Null;
    }
    Ok((answer.status.as_u16(), body))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_cancelled_before_any_worker_comes_never_posts() -> anyhow::Result<()> {
    let (fleet, mut api, _vhost) = without_workers().await?;
    let url = api.url("");
    let acme = client(&fleet, &url, "acme", "submit,read", "acme:*").await?;
    let beta = client(&fleet, &url, "beta", "submit,read,operate", "beta:*").await?;
    let ops = client(&fleet, &url, "ops", "read,operate", "*").await?;
    let auditor = client(&fleet, &url, "auditor", "audit", "*").await?;

    acme.submit(&open("acme:1")).await?;
    let mut waiting = Vec::new();
    for amount in [1, 10, 100, 1_000] {
        waiting.push(acme.submit(&deposit("acme:1", amount)).await?);
    }
    let [own, operators, foreign, _untouched] = waiting.as_slice() else { anyhow::bail!("{waiting:?}") };
    let answer = acme.delete(&format!("/api/jobs/{own}?reason=wrong%20amount")).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let job: Value = answer.json()?;
    ensure!(job["status"] == "cancelled" && job["cancelled"]["reason"] == "wrong amount", "{job}");
    ensure!(job["cancelled"]["by"] == "acme" && job["cancelled"]["client"] == "acme", "{job}");
    let again = acme.delete(&format!("/api/jobs/{own}?reason=another")).await?;
    ensure!(again.json::<Value>()? == job, "the first one stands: {again:?}");
    let of_operators: Value = cancel(&ops, operators).await?.json()?;
    ensure!(of_operators["cancelled"]["by"] == "ops", "{of_operators}");

    // Of what another client has waiting beta learns nothing, and stops nothing.
    let unknown = JobId::from_chance(1_795_453_200_000, [9, 8, 7, 6, 5, 4]).to_string();
    let (theirs, nobodys) = (cancel(&beta, foreign).await?, cancel(&beta, &unknown).await?);
    ensure!(said(&theirs, foreign)? == said(&nobodys, &unknown)?, "{theirs:?}, {nobodys:?}");
    // Before it was sent, by the id that it will have.
    let name = domain::text::Client::parse("acme")?;
    let sent_later = JobId::derived(&name, Identity::Reference(&"later".parse()?)).to_string();
    for client in [&acme, &beta] {
        ensure!(cancel(client, &sent_later).await?.status == 200);
    }
    let mut later = deposit("acme:1", 10_000);
    later["reference"] = "later".into();
    ensure!(acme.submit(&later).await? == sent_later);

    for (client, id, status) in [
        (&acme, own, "cancelled"),
        // Whether it is that client's shows when it comes.
        (&auditor, own, "pending"),
        (&auditor, operators, "cancelled"),
        (&beta, own, "pending"),
        (&acme, operators, "pending"),
        (&acme, foreign, "pending"),
    ] {
        let shown = client.get(&format!("/api/jobs/{id}")).await?.json::<Value>()?;
        ensure!(shown["status"] == status, "{shown}");
        let timeline = client.get(&format!("/api/jobs/{id}/timeline")).await?.json::<Value>()?;
        ensure!(timeline["status"] == status, "{timeline}");
    }
    ensure!(acme.get("/api/jobs").await?.json::<Value>()?["jobs"] == json!([]), "it has not come");
    let odd = acme.delete(&format!("/api/jobs/{own}?reason=")).await?;
    ensure!(odd.status == 400 && odd.body.contains("reason"), "{odd:?}");
    ensure!(acme.delete("/api/jobs/0").await?.status == 404);
    ensure!(cancel(&auditor, own).await?.status == 403);

    let mut worker = fleet.start(Role::Worker).await?;
    for id in [own, operators, &sent_later] {
        let job = acme.outcome(id, WITHIN).await?;
        ensure!(job.status == "cancelled", "{job:?}");
    }
    ensure!(acme.outcome(foreign, WITHIN).await?.status == "posted");
    ensure!(auditor.outcome(own, WITHIN).await?.status == "cancelled");
    // Who may only submit is not told by cancelling what another client's jobs are.
    let submitter = client(&fleet, &url, "submitter", "submit", "*").await?;
    for id in [foreign, own] {
        let (theirs, nobodys) = (cancel(&submitter, id).await?, cancel(&submitter, &unknown).await?);
        ensure!(said(&theirs, id)? == said(&nobodys, &unknown)?, "{theirs:?}, {nobodys:?}");
    }
    posted(&acme, &deposit("acme:1", 100_000)).await?;
    let account = acme.account("acme:1").await?;
    ensure!(account["balance"] == 101_100, "{account}");

    // What is recorded outlives the worker, and so does the next redelivery.
    worker.kill9()?;
    let worker = fleet.start(Role::Worker).await?;
    ensure!(acme.submit(&later).await? == sent_later);
    posted(&acme, &deposit("acme:1", 1)).await?;
    let shown: Value = acme.get(&format!("/api/jobs/{own}")).await?.json()?;
    ensure!(shown["status"] == "cancelled" && shown["body"]["amount"] == 1, "{shown}");
    ensure!(shown["cancelled"]["reason"] == "wrong amount", "{shown}");
    let shown: Value = acme.get(&format!("/api/jobs/{operators}")).await?.json()?;
    ensure!(shown["cancelled"]["by"] == "ops", "{shown}");
    let timeline: Value = acme.get(&format!("/api/jobs/{own}/timeline")).await?.json()?;
    let events = timeline["events"].as_array().context("no events")?;
    ensure!(events.iter().any(|event| event["event"]["type"] == "cancelled"), "{timeline:#}");
    let listed: Value = acme.get("/api/jobs?outcome=cancelled&amount_min=1").await?.json()?;
    ensure!(listed["jobs"].as_array().is_some_and(|jobs| jobs.len() == 3), "{listed}");
    // Whoever cancelled it in vain sees what they were told.
    for id in [foreign, &unknown] {
        let shown = said(&beta.get(&format!("/api/jobs/{id}")).await?, id)?;
        ensure!(shown.1["status"] == "cancelled" && shown.1["body"].is_null(), "{shown:?}");
        ensure!(said(&cancel(&beta, id).await?, id)? == said(&nobodys, &unknown)?);
    }

    let too_late = cancel(&acme, foreign).await?;
    ensure!(too_late.status == 409 && too_late.body.contains("/problems/too-late"), "{too_late:?}");
    ensure!(too_late.body.contains("reversal"), "{too_late:?}");
    ensure!(cancel(&acme, own).await?.status == 200);
    until("the audit log has it", WITHIN, async || {
        let log = auditor.get("/api/audit").await?;
        ensure!(log.body.contains("job_cancelled") && log.body.contains("wrong amount"), "{log:?}");
        Ok(())
    })
    .await?;
    fleet.run_ok(&["verify"]).await?;
    drop(worker);
    api.terminate().await
}

/// Submits jobs and cancels each at once: what the answers say of them is what becomes of them.
async fn race(client: &Client, account: &str) -> anyhow::Result<()> {
    posted(client, &open(account)).await?;
    let tried = stream::iter(0..RACES).map(async |_| -> anyhow::Result<(String, u16)> {
        let id = client.submit(&deposit(account, 1)).await?;
        Ok((id.clone(), cancel(client, &id).await?.status.as_u16()))
    });
    let tried: Vec<_> = tried.buffer_unordered(CLIENTS).try_collect().await?;
    let mut late = 0;
    for (id, answered) in &tried {
        let outcome = client.outcome(id, WITHIN).await?.status;
        match (answered, outcome.as_str()) {
            (200, "cancelled") => {}
            (409, "posted") => late += 1,
            both => anyhow::bail!("{id}: {both:?}"),
        }
    }
    eprintln!("{late} of {RACES} were posted before they were cancelled");
    let found = client.account(account).await?;
    ensure!(found["balance"] == late, "{found}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_cancelling_and_posting_exactly_one_has_its_way() -> anyhow::Result<()> {
    let (fleet, mut api, _vhost) = without_workers().await?;
    let client = Client::new(&api.url(""))?;
    let mut workers = vec![fleet.start(Role::Worker).await?, fleet.start(Role::Worker).await?];
    let kills = async {
        for _ in 0..3 {
            tests::wait::next_look().await;
            workers.remove(0).kill9()?;
            workers.push(fleet.start(Role::Worker).await?);
        }
        anyhow::Ok(())
    };
    let (raced, killed) = tokio::join!(race(&client, "a"), kills);
    raced?;
    killed?;
    fleet.run_ok(&["verify"]).await?;
    drop(workers);
    api.terminate().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_cancelling_and_posting_exactly_one_has_its_way_in_one_process() -> anyhow::Result<()> {
    let fleet = Fleet::embedded()?;
    let mut dev = fleet.start(Role::Dev).await?;
    let monitor = Client::new(&dev.url_as(Role::Monitor, "").context("no monitor")?)?;
    let adds_up = async |cancelled: u64| {
        until("every job is accounted for", WITHIN, async || {
            let status: Value = monitor.read("/api/scalability/status").await?;
            let count = &status["reconciliation"];
            ensure!(count["holds"] == true && count["cancelled"].as_u64() >= Some(cancelled), "{count}");
            Ok(())
        })
        .await
    };
    adds_up(0).await?;
    race(&Client::new(&dev.url(""))?, "a").await?;
    adds_up(1).await?;
    dev.kill9()?;
    let dev = fleet.start(Role::Dev).await?;
    posted(&Client::new(&dev.url(""))?, &deposit("a", 1)).await?;
    drop(dev);
    fleet.run_ok(&["verify"]).await?;
    Ok(())
}
