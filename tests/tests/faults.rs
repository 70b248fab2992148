//! What is accepted takes effect once and in order, whatever is killed meanwhile.

#[path = "faults/rolling.rs"]
mod rolling;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::client::Client;
use tests::cluster::Cluster;
use tests::wait::until;
use tokio::time::{MissedTickBehavior, interval};

/// How soon the fleet posts jobs again after the end of a fault, on a machine that has other work too. (Alone it is back
/// within a few seconds; the log says in how many.)
const RESUME_WITHIN: Duration = Duration::from_secs(30);
/// How soon an alert fires about jobs that are nowhere.
const ALERT_WITHIN: Duration = Duration::from_secs(30);
/// How soon a worker that is told to stop has stopped.
const DRAIN_WITHIN: Duration = Duration::from_secs(3);
const KILL_EVERY: Duration = Duration::from_secs(2);

/// The worst first: workers die all the time, and then a server as well. Everything under load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_overtaken_when_processes_are_killed() {
    let mut cluster = Cluster::start(3).await.unwrap();
    let load = Cluster::load("faults", 10_000);
    let mut record = load.open(&cluster.client).await.unwrap();
    let running = load.start(&cluster.client);

    kill_workers(&mut cluster, 10).await.unwrap();
    cluster.resumes("workers were killed", RESUME_WITHIN).await.unwrap();

    cluster.broker.restart().await.unwrap();
    cluster.resumes("the broker was restarted", RESUME_WITHIN).await.unwrap();

    cluster.database.kill().unwrap();
    // Long enough that batches fail and lanes pause.
    kill_workers(&mut cluster, 1).await.unwrap();
    cluster.database.restart().await.unwrap();
    cluster.resumes("the database was killed", RESUME_WITHIN).await.unwrap();

    cluster.broker.kill().unwrap();
    kill_workers(&mut cluster, 1).await.unwrap();
    cluster.broker.restart().await.unwrap();
    cluster.resumes("the broker was killed", RESUME_WITHIN).await.unwrap();

    let accepted = running.accepted();
    assert!(accepted > 40_000, "only {accepted} transfers were accepted: this shows little");
    record.join(running.stop().await.unwrap());
    cluster.hold_oracle(&record).await.unwrap();
    for worker in &mut cluster.workers {
        worker.terminate().await.unwrap();
    }
    cluster.api.terminate().await.unwrap();
    cluster.monitor.terminate().await.unwrap();
}

async fn read(client: &Client, path: &str) -> anyhow::Result<Value> {
    Ok(client.get(path).await?.json()?)
}

/// House-keeping of the broker's operators, on every queue: what waits for longer than a second goes, from the dead
/// letters too, which have no way out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_a_policy_of_the_broker_let_expire_are_an_alert() {
    let cluster = Cluster::start(0).await.unwrap();
    let monitor = cluster.monitor_client().unwrap();
    let status = async || read(&monitor, "/api/scalability/status").await;
    until("the monitor counts from a quiet moment on", ALERT_WITHIN, async || {
        let count = status().await?["reconciliation"].clone();
        anyhow::ensure!(count["missing_jobs"] == 0, "{count}");
        Ok(())
    })
    .await
    .unwrap();
    let policy = ["set_policy", "ttl", ".*", r#"{"message-ttl":1000}"#, "--apply-to", "queues"];
    cluster.broker.control(&policy).await.unwrap();
    for number in 0..5 {
        let job = json!({ "kind": "open_account", "account": format!("a{number}"), "currency": "EUR" });
        let accepted = cluster.client.post("/api/jobs", "application/json", job.to_string()).await.unwrap();
        assert_eq!(accepted.status, 202, "{}", accepted.body);
    }
    until("the alert fires", ALERT_WITHIN, async || {
        let status = status().await?;
        let fires = status["alerts_firing"].as_array().into_iter().flatten();
        let is_told = fires.clone().any(|alert| alert == "jobs_missing");
        anyhow::ensure!(is_told, "{status}");
        anyhow::ensure!(status["reconciliation"]["missing_jobs"] == 5, "{status}");
        let lanes = status["reconciliation"]["missing_lanes"].as_array().into_iter().flatten();
        anyhow::ensure!(lanes.filter_map(|lane| lane["jobs"].as_u64()).sum::<u64>() == 5, "{status}");
        anyhow::ensure!(status["state"] == "attention", "{}", status["outcome"]);
        Ok(())
    })
    .await
    .unwrap();
}

/// A worker with a backlog of full envelopes stops after the batch in hand: it drains within seconds, and what it left
/// is posted by the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_drains_in_time_whatever_waits() {
    const JOBS: usize = 10_000;
    const BATCHES: usize = 6;
    let mut cluster = Cluster::start(1).await.unwrap();
    let client = cluster.client.clone();
    let post = async |lines: String| {
        let accepted = client.post("/api/jobs/batch", "application/x-ndjson", lines).await.unwrap();
        assert_eq!(accepted.status, 202, "{}", accepted.body);
    };
    let open = |account: &str| json!({ "kind": "open_account", "account": account, "currency": "EUR", "overdraft_limit": 1_000_000 });
    post(format!("{}\n{}", open("hot"), open("sink"))).await;
    for batch in 0..BATCHES {
        let transfer = |number: usize| {
            let reference = format!("{batch}/{number}");
            let job = json!({ "kind": "transfer", "from": "hot", "to": "sink", "amount": 1, "currency": "EUR",
                              "reference": reference });
            job.to_string()
        };
        post((0..JOBS).map(transfer).collect::<Vec<_>>().join("\n")).await;
    }
    let entries = async || {
        let account = read(&client, "/api/accounts/sink").await?;
        account["balance"].as_u64().ok_or_else(|| anyhow::anyhow!("{account}"))
    };
    until("the worker posts", RESUME_WITHIN, async || {
        let posted = entries().await?;
        anyhow::ensure!(posted > 0, "nothing is posted");
        Ok(())
    })
    .await
    .unwrap();
    let took = stop_a_worker(&mut cluster).await.unwrap();
    assert!(took < DRAIN_WITHIN, "it took {took:?}");
    let all = (JOBS * BATCHES) as u64;
    let posted = entries().await.unwrap();
    assert!(posted < all, "nothing was left to hand over: this shows little");
    cluster.add_worker().await.unwrap();
    until("the next one posts the rest", Duration::from_secs(120), async || {
        let posted = entries().await?;
        anyhow::ensure!(posted == all, "{posted} of {all} are posted");
        Ok(())
    })
    .await
    .unwrap();
}

/// Ends the first worker, and tells how long it took.
async fn stop_a_worker(cluster: &mut Cluster) -> anyhow::Result<Duration> {
    let mut worker = cluster.workers.remove(0);
    let stopped = Instant::now();
    worker.terminate().await?;
    Ok(stopped.elapsed())
}

/// Batches are in hand, and their transactions hang: the worker gives them up, and they come again at the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_drains_in_time_whatever_the_database_does() {
    let mut cluster = Cluster::start(1).await.unwrap();
    let load = Cluster::load("frozen", 1_000);
    let mut record = load.open(&cluster.client).await.unwrap();
    let running = load.start(&cluster.client);
    cluster.resumes("the load began", RESUME_WITHIN).await.unwrap();
    cluster.database.freeze().unwrap();
    let accepted = running.accepted();
    until("jobs wait for the database", RESUME_WITHIN, async || {
        anyhow::ensure!(running.accepted() > accepted + 500, "few were accepted");
        Ok(())
    })
    .await
    .unwrap();
    let took = stop_a_worker(&mut cluster).await.unwrap();
    cluster.database.thaw().unwrap();
    assert!(took < DRAIN_WITHIN, "it took {took:?}");
    cluster.add_worker().await.unwrap();
    record.join(running.stop().await.unwrap());
    cluster.hold_oracle(&record).await.unwrap();
}

/// Kills a worker with -9 every two seconds, one after the other, and starts another in its place.
async fn kill_workers(cluster: &mut Cluster, times: usize) -> anyhow::Result<()> {
    let mut pace = interval(KILL_EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..times {
        pace.tick().await;
        let mut worker = cluster.workers.remove(0);
        worker.kill9()?;
        cluster.add_worker().await?;
    }
    // The last one gets its two seconds too.
    pace.tick().await;
    Ok(())
}
