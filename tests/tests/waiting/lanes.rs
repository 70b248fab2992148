//! Lanes that an operator pauses.

use anyhow::{Context as _, ensure};
use domain::lane::{Lane, Lanes};
use reqwest::Method;
use serde_json::{Value, json};
use tests::client::{Answer, Client};
use tests::fleet::{Fleet, Role};
use tests::wait::until;

use super::{WITHIN, deposit, open, posted, without_workers};

/// Jobs that wait on the paused lane: more than a batch.
const WAITING: i64 = 150;

/// Two accounts on different lanes, with that of the first.
async fn accounts(client: &Client) -> anyhow::Result<(String, String, Lane)> {
    let lanes = Lanes::DEFAULT;
    let held = "held".to_owned();
    let lane = lanes.of(&held);
    let mut others = (0..).map(|number| format!("free-{number}"));
    let free = others.find(|account| lanes.of(account) != lane).context("an account of another lane")?;
    for account in [&held, &free] {
        posted(client, &open(account)).await?;
    }
    Ok((held, free, lane))
}

async fn put(monitor: &Client, path: &str, body: Value) -> anyhow::Result<Answer> {
    monitor.ask(Method::PUT, path, &[("content-type", "application/json")], body.to_string()).await
}

/// Waits until every replica runs with the settings in force.
async fn converged(monitor: &Client) -> anyhow::Result<()> {
    until("every replica knows the pause", WITHIN, async || {
        let config: Value = monitor.read("/api/scalability/config").await?;
        ensure!(config["convergence"]["converged"] == true, "{}", config["convergence"]);
        Ok(())
    })
    .await
}

async fn all_wait(client: &Client, ids: &[String]) -> anyhow::Result<()> {
    for id in ids {
        let job: Value = client.get(&format!("/api/jobs/{id}")).await?.json()?;
        ensure!(job["status"] == "pending", "{job}");
    }
    Ok(())
}

/// Pauses the lane, and has jobs wait on it while others are posted.
async fn pause(client: &Client, monitor: &Client) -> anyhow::Result<(String, String, Lane, Vec<String>)> {
    let (held, free, lane) = accounts(client).await?;
    let path = format!("/api/scalability/lanes/{}/pause", lane.0);
    let paused = put(monitor, &path, json!({"reason": "a bad file", "by": "ann"})).await?;
    ensure!(paused.status == 200, "{paused:?}");
    let paused: Value = paused.json()?;
    ensure!(paused["paused"]["by"] == "ann" && paused["paused"]["reason"] == "a bad file", "{paused}");
    converged(monitor).await?;
    let mut waiting = Vec::new();
    for amount in 1..=WAITING {
        waiting.push(client.submit(&deposit(&held, amount)).await?);
    }
    posted(client, &deposit(&free, 1)).await?;
    all_wait(client, &waiting).await?;
    Ok((held, free, lane, waiting))
}

/// Resumes the lane: all that waited is posted, in its order.
async fn resume(
    client: &Client,
    monitor: &Client,
    lane: Lane,
    held: &str,
    waiting: &[String],
) -> anyhow::Result<()> {
    let path = format!("/api/scalability/lanes/{}/pause", lane.0);
    let resumed: Value = monitor.delete(&path).await?.json()?;
    ensure!(resumed["paused"].is_null(), "{resumed}");
    for id in waiting {
        ensure!(client.outcome(id, WITHIN).await?.status == "posted");
    }
    let amounts: Vec<_> = client.entries(held).await?.iter().map(|entry| entry.amount).collect();
    ensure!(amounts.into_iter().rev().eq(1..=WAITING), "they were posted in another order");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_lane_keeps_its_jobs_until_somebody_resumes_it() -> anyhow::Result<()> {
    let (fleet, mut api, _vhost) = without_workers().await?;
    let mut worker = fleet.start(Role::Worker).await?;
    let monitor_replica = fleet.start(Role::Monitor).await?;
    let (client, monitor) = (Client::new(&api.url(""))?, Client::new(&monitor_replica.url(""))?);
    let (held, free, lane, waiting) = pause(&client, &monitor).await?;

    let path = format!("/api/scalability/lanes/{}/pause", lane.0);
    for (path, body, status) in [
        (path.as_str(), json!({}), 422),
        (&path, json!({"reason": ""}), 422),
        ("/api/scalability/lanes/99/pause", json!({"reason": "r"}), 404),
        ("/api/scalability/lanes/x/pause", json!({"reason": "r"}), 404),
    ] {
        let refused = put(&monitor, path, body).await?;
        ensure!(refused.status == status, "{path}: {refused:?}");
    }
    until("the status tells of it", WITHIN, async || {
        let status: Value = monitor.read("/api/scalability/status").await?;
        let problems = status["problems"].as_array().context("no problems")?;
        let told = problems.iter().find(|problem| problem["kind"] == "lane_paused");
        ensure!(told.is_some_and(|told| told["what"].to_string().contains("by ann")), "{problems:?}");
        let view = &status["lanes"][usize::from(lane.0)];
        ensure!(view["paused"]["reason"] == "a bad file" && view["depth_jobs"].as_i64() > Some(0), "{view}");
        ensure!(
            status["queue"]["lag_seconds"].as_f64() < Some(1.0),
            "what is paused is not late: {status:#}"
        );
        Ok(())
    })
    .await?;

    // A worker that comes later knows before it takes a lane, whether or not a monitor is there to tell it.
    drop(monitor_replica);
    worker.kill9()?;
    let worker = fleet.start(Role::Worker).await?;
    posted(&client, &deposit(&free, 1)).await?;
    all_wait(&client, &waiting).await?;
    let monitor_replica = fleet.start(Role::Monitor).await?;
    let monitor = Client::new(&monitor_replica.url(""))?;
    resume(&client, &monitor, lane, &held, &waiting).await?;
    let lanes: Value = monitor.read("/api/scalability/lanes").await?;
    let paused = |lane: &Value| !lane["paused"].is_null();
    ensure!(!lanes["lanes"].as_array().context("no lanes")?.iter().any(paused), "{lanes}");
    let config: Value = monitor.read("/api/scalability/config").await?;
    let log = config["audit"].to_string();
    ensure!(log.contains("PAUSED_LANES") && log.contains("a bad file") && log.contains("ann"), "{log}");
    fleet.run_ok(&["verify"]).await?;
    drop((worker, monitor_replica));
    api.terminate().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_lane_stays_paused_when_its_process_starts_again() -> anyhow::Result<()> {
    let fleet = Fleet::embedded()?;
    let clients = |dev: &tests::fleet::Replica| -> anyhow::Result<(Client, Client)> {
        let monitor = dev.url_as(Role::Monitor, "").context("no monitor")?;
        Ok((Client::new(&dev.url(""))?, Client::new(&monitor)?))
    };
    let mut dev = fleet.start(Role::Dev).await?;
    let (client, monitor) = clients(&dev)?;
    let (held, free, lane, waiting) = pause(&client, &monitor).await?;
    dev.kill9()?;
    let dev = fleet.start(Role::Dev).await?;
    let (client, monitor) = clients(&dev)?;
    posted(&client, &deposit(&free, 1)).await?;
    all_wait(&client, &waiting).await?;
    resume(&client, &monitor, lane, &held, &waiting).await
}
