//! What breaks shows within seconds, and what is mended is well again by itself.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};
use tests::cluster::Cluster;
use tests::status::spread;
use tests::wait::until;

use crate::status;

const SPREAD_WITHIN: Duration = Duration::from_secs(20);
const LOST_WITHIN: Duration = Duration::from_secs(5);
const FIRES_WITHIN: Duration = Duration::from_secs(15);
const RESOLVED_WITHIN: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_and_a_stopped_database_show_and_are_over_by_themselves() {
    let mut cluster = Cluster::start(3).await.unwrap();
    let monitor = cluster.monitor_client().unwrap();
    spread(&monitor, 3, SPREAD_WITHIN).await.unwrap();
    let load = Cluster::load("shown", 100);
    let mut record = load.open(&cluster.client).await.unwrap();
    let running = load.start(&cluster.client);

    let killed = Instant::now();
    let mut worker = cluster.workers.remove(0);
    worker.kill9().unwrap();
    until("the killed worker is lost, and others hold its lanes", LOST_WITHIN, async || {
        let status = status(&monitor).await?;
        let replicas = status["replicas"].as_array().context("no replicas")?;
        let lost = replicas.iter().find(|replica| replica["state"] == "lost").context("none is lost")?;
        ensure!(lost["resources"].is_null(), "what it used is not what it uses: {lost}");
        for lane in status["lanes"].as_array().context("no lanes")? {
            let holder = lane["holder"].as_str().context("a lane without a holder")?;
            ensure!(lost["replica"] != holder, "it holds lane {lane}");
        }
        let lost = &status["problems"][0];
        let what = lost["what"].as_str().unwrap_or_default();
        ensure!(lost["kind"] == "replica_lost" && what.contains("its lanes are served again"), "{lost}");
        Ok(())
    })
    .await
    .unwrap();
    eprintln!("a killed worker showed and was replaced within {:?}", killed.elapsed());

    let stopped = Instant::now();
    cluster.database.stop().await.unwrap();
    until("an alert fires since the ledger is away", FIRES_WITHIN, async || {
        let status = status(&monitor).await?;
        ensure!(status["problems"][0]["kind"] == "ledger_away", "{status}");
        ensure!(status["state"] == "attention", "{}", status["verdict"]);
        ensure!(status["ledger"].is_null(), "books that cannot be read are shown: {}", status["ledger"]);
        let firing = status["alerts_firing"].as_array().context("no alerts")?;
        ensure!(firing.iter().any(|alert| alert == "ledger_away"), "{firing:?}");
        ensure!(status["health"]["score"].as_u64() <= Some(25), "{}", status["health"]);
        Ok(())
    })
    .await
    .unwrap();
    eprintln!("the alert fired {:?} after the database was stopped", stopped.elapsed());

    cluster.database.restart().await.unwrap();
    until("the alert is resolved", RESOLVED_WITHIN, async || {
        let alerts: Value = monitor.get("/api/scalability/alerts").await?.json()?;
        let history = alerts["history"].as_array().context("no history")?;
        let ledger =
            history.iter().find(|alert| alert["alert"] == "ledger_away").context("not in the history")?;
        ensure!(ledger["resolved_at"].is_string(), "it fires: {ledger}");
        ensure!(ledger["runbook"] == "docs/runbooks/ledger_away.md", "{ledger}");
        Ok(())
    })
    .await
    .unwrap();

    record.join(running.stop().await.unwrap());
    cluster.hold_oracle(&record).await.unwrap();
}

/// Another release, or somebody by hand, gave an account a status that this one does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_that_waits_is_shown_with_its_reason_until_it_goes_on() {
    let cluster = Cluster::start(1).await.unwrap();
    let monitor = cluster.monitor_client().unwrap();
    let submit = async |job: Value| cluster.client.submit(&job).await;
    let set_status = async |status: &str| {
        let mut connection = MySqlConnection::connect(&cluster.database.url()).await?;
        let update = format!("UPDATE accounts SET status = '{status}' WHERE number = 'alice'");
        connection.execute(AssertSqlSafe(update)).await?;
        connection.close().await?;
        anyhow::Ok(())
    };
    let is_posted = async |id: &str| {
        let job = cluster.client.job(id, Duration::ZERO).await?;
        ensure!(job.status == "posted", "{job:?}");
        Ok(())
    };
    let opened =
        submit(json!({ "kind": "open_account", "account": "alice", "currency": "EUR" })).await.unwrap();
    until("the account is open", SPREAD_WITHIN, async || is_posted(&opened).await).await.unwrap();
    set_status("blocked").await.unwrap();
    let deposit = json!({ "kind": "deposit", "account": "alice", "amount": 1, "currency": "EUR" });
    let waiting = submit(deposit).await.unwrap();

    until("its worker tells which lane waits, and why", FIRES_WITHIN, async || {
        let status = status(&monitor).await?;
        let replicas = status["replicas"].as_array().context("no replicas")?;
        let worker = replicas.iter().find(|replica| replica["role"] == "worker").context("no worker")?;
        let trouble = worker["trouble"].as_str().with_context(|| format!("no trouble: {worker}"))?;
        for said in ["lane ", "no job of it is lost", "blocked"] {
            ensure!(trouble.contains(said), "{trouble}");
        }
        let verdict = status["verdict"].as_str().unwrap_or_default();
        ensure!(verdict.contains(trouble), "{verdict}");
        let dead = &status["dead_letters"];
        ensure!(dead.is_null() || *dead == 0, "{dead}");
        Ok(())
    })
    .await
    .unwrap();

    set_status("open").await.unwrap();
    until("the job is posted", RESOLVED_WITHIN, async || is_posted(&waiting).await).await.unwrap();
    until("nothing is told any more", RESOLVED_WITHIN, async || {
        let status = status(&monitor).await?;
        let replicas = status["replicas"].as_array().context("no replicas")?;
        ensure!(replicas.iter().all(|replica| replica["trouble"].is_null()), "{replicas:?}");
        Ok(())
    })
    .await
    .unwrap();
}
