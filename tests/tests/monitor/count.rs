//! accepted = posted + rejected + dead + in flight, whatever became of the replicas meanwhile.

use std::time::Duration;

use tests::cluster::Cluster;
use tests::fleet::Role;
use tests::status::spread;

use crate::{drained, status};

const SPREAD_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_count_holds_after_workers_were_stopped_and_killed_under_load() {
    let mut cluster = Cluster::start(3).await.unwrap();
    let monitor = cluster.monitor_client().unwrap();
    spread(&monitor, 3, SPREAD_WITHIN).await.unwrap();
    drained(&monitor).await.unwrap();
    let load = Cluster::load("counted", 100);
    let mut record = load.open(&cluster.client).await.unwrap();
    let running = load.start(&cluster.client);

    // One drains, and what it posts meanwhile counts; another takes its last second with it.
    cluster.workers.remove(0).terminate().await.unwrap();
    spread(&monitor, 2, SPREAD_WITHIN).await.unwrap();
    cluster.workers.remove(0).kill9().unwrap();
    spread(&monitor, 1, SPREAD_WITHIN).await.unwrap();
    let line = status(&monitor).await.unwrap()["reconciliation"].clone();
    let count = |name: &str| line[name].as_u64().unwrap();
    let settled =
        ["posted", "rejected", "dead", "cancelled", "duplicates", "conflicts"].map(count).iter().sum::<u64>();
    assert_eq!(count("accepted"), settled + count("in_flight"), "{line}");
    assert!(count("posted") > 0, "{line}");

    record.join(running.stop().await.unwrap());
    cluster.hold_oracle(&record).await.unwrap();
    let reconciliation = drained(&monitor).await.unwrap()["reconciliation"].clone();
    assert_eq!(
        (&reconciliation["unaccounted"], &reconciliation["holds"]),
        (&0.into(), &true.into()),
        "{reconciliation}"
    );

    // An ingress that stops has told of all that it accepted.
    cluster.api.terminate().await.unwrap();
    cluster.api = cluster.fleet.start(Role::Api).await.unwrap();
    let reconciliation = drained(&monitor).await.unwrap()["reconciliation"].clone();
    assert_eq!(reconciliation["holds"], true, "{reconciliation}");
}
