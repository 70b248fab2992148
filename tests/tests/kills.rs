//! What is accepted takes effect once and in order whatever becomes of processes and connections, on servers that live on:
//! this runs on shared ones too (`TEST_DATABASE_URL`, `TEST_AMQP_URL`). Servers that are killed are in `faults`.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tests::client::Client;
use tests::cluster::Cluster;
use tests::fleet::{Fleet, Replica, Role};
use tests::load::Running;
use tests::oracle;
use tests::relay::Relay;
use tests::servers::{fresh_database, fresh_vhost};
use tests::wait::until;

/// How soon the fleet posts again after a fault, on a machine that has other work too.
const RESUME_WITHIN: Duration = Duration::from_secs(60);
/// What the faults have left, and what is handed out again, at the pace of a debug build that shares its machine.
const DRAIN_WITHIN: Duration = Duration::from_secs(300);
/// Jobs that show that the fleet is back, once they are accepted and posted: more than were on their way before.
const RESUMED_JOBS: u32 = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_overtaken_on_servers_that_live_on() -> anyhow::Result<()> {
    let database_url = fresh_database().await?;
    let vhost = fresh_vhost().await?;
    let (database, broker) = (Relay::start(&database_url).await?, Relay::start(&vhost.url).await?);
    let fleet = Fleet::new(&database.url(&database_url)?, &broker.url(&vhost.url)?)?;
    fleet.run_ok(&["migrate"]).await?;
    let mut api = fleet.start(Role::Api).await?;
    let mut workers = vec![fleet.start(Role::Worker).await?, fleet.start(Role::Worker).await?];

    let client = Client::new(&api.url(""))?;
    let load = Cluster::load("kills", 2_000);
    let mut record = load.open(&client).await?;
    let running = load.start(&client);
    resumes(&running, &workers, "the load began").await?;

    for _ in 0..3 {
        workers.remove(0).kill9()?;
        workers.push(fleet.start(Role::Worker).await?);
        resumes(&running, &workers, "a worker was killed").await?;
    }
    database.silence();
    resumes(&running, &workers, "the connections to the database fell silent").await?;
    broker.silence();
    resumes(&running, &workers, "the connections to the broker fell silent").await?;
    workers.remove(0).kill9()?;
    database.silence();
    workers.push(fleet.start(Role::Worker).await?);
    resumes(&running, &workers, "both happened at once").await?;

    let accepted = running.accepted();
    ensure!(accepted > 5_000, "only {accepted} transfers were accepted: this shows little");
    record.join(running.stop().await?);
    oracle::hold(&fleet, &client, &database_url, &record, DRAIN_WITHIN).await?;
    for worker in &mut workers {
        worker.terminate().await?;
    }
    api.terminate().await
}

/// Waits until the fleet has accepted and posted some more.
async fn resumes(running: &Running, workers: &[Replica], after: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    let before = (running.accepted(), posted(workers).await?);
    until(&format!("jobs are accepted and posted after {after}"), RESUME_WITHIN, async || {
        let (accepted, posted) = (running.accepted() - before.0, posted(workers).await? - before.1);
        ensure!(accepted >= RESUMED_JOBS && posted >= u64::from(RESUMED_JOBS), "{accepted}, and {posted}");
        Ok(())
    })
    .await?;
    eprintln!("after {after}, the fleet resumed in {:?}", started.elapsed());
    Ok(())
}

/// Jobs with an outcome, as the workers count them since each began.
async fn posted(workers: &[Replica]) -> anyhow::Result<u64> {
    let mut posted = 0;
    for worker in workers {
        let metrics = Client::new(&worker.url(""))?.get("/metrics").await?.body;
        let of_outcomes = metrics.lines().filter(|line| line.starts_with("tellers_jobs_settled_total{"));
        posted += of_outcomes.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum::<u64>();
    }
    Ok(posted)
}
