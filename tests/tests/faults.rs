//! What is accepted takes effect once and in order, whatever is killed meanwhile.

use std::time::Duration;

use tests::cluster::Cluster;
use tokio::time::{MissedTickBehavior, interval};

/// How soon the fleet posts jobs again after the end of a fault.
const RESUME_WITHIN: Duration = Duration::from_secs(10);
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
