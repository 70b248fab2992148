//! Workers come and go under load: the lanes follow, and no job overtakes another.

use std::time::Duration;

use tests::cluster::Cluster;
use tests::status::spread;

const SPREAD_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_follow_the_workers_and_keep_their_order() {
    let mut cluster = Cluster::start(3).await.unwrap();
    let monitor = cluster.monitor_client().unwrap();
    let load = Cluster::load("scaling", 200);
    let mut record = load.open(&cluster.client).await.unwrap();
    let running = load.start(&cluster.client);

    spread(&monitor, 3, SPREAD_WITHIN).await.unwrap();

    let mut leaves = cluster.workers.remove(0);
    leaves.terminate().await.unwrap();
    spread(&monitor, 2, SPREAD_WITHIN).await.unwrap();

    cluster.add_worker().await.unwrap();
    cluster.add_worker().await.unwrap();
    spread(&monitor, 4, SPREAD_WITHIN).await.unwrap();

    // One that dies without a word.
    let mut dies = cluster.workers.remove(0);
    dies.kill9().unwrap();
    spread(&monitor, 3, SPREAD_WITHIN).await.unwrap();

    record.join(running.stop().await.unwrap());
    cluster.hold_oracle(&record).await.unwrap();
}
