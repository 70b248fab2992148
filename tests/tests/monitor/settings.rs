//! Settings change on every replica at once, are kept, and can be taken back.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tests::client::Client;
use tests::cluster::Cluster;
use tests::status::spread;
use tests::wait::until;

const SPREAD_WITHIN: Duration = Duration::from_secs(20);
const CONVERGED_WITHIN: Duration = Duration::from_secs(2);
/// The window of the figures has to pass before only the new batches are in it.
const SEEN_WITHIN: Duration = Duration::from_secs(20);
const CONFIG: &str = "/api/scalability/config";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_smaller_batch_is_in_force_everywhere_within_two_seconds_and_loses_nothing() {
    let cluster = Cluster::start(3).await.unwrap();
    let monitor = cluster.monitor_client().unwrap();
    spread(&monitor, 3, SPREAD_WITHIN).await.unwrap();
    let load = Cluster::load("settings", 200);
    let mut record = load.open(&cluster.client).await.unwrap();
    let running = load.start(&cluster.client);

    let refused = monitor.patch(CONFIG, &json!({"BATCH_PROCESSING_SIZE": 0, "LINGER_MS": 5})).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.header("content-type")), (422, "application/problem+json"));
    let problem: Value = refused.json().unwrap();
    assert_eq!(problem["errors"][0]["field"], "BATCH_PROCESSING_SIZE", "{problem}");

    let change = json!({"changes": {"BATCH_PROCESSING_SIZE": 7}, "by": "ann", "reason": "a test"});
    let changed = monitor.patch(CONFIG, &change).await.unwrap();
    assert_eq!(changed.status, 200, "{changed:?}");
    let config: Value = changed.json().unwrap();
    let version = config["version"].as_u64().unwrap();
    assert_eq!(config["audit"][0]["by"], "ann", "{config}");
    converged(&monitor, version, 5).await.unwrap();
    until("no batch is larger", SEEN_WITHIN, async || {
        let realtime: Value = monitor.get("/api/scalability/metrics/realtime").await?.json()?;
        let batches = &realtime["last_10_s"]["batch_jobs"];
        ensure!(batches["max_jobs"].as_u64().context("no batches")? <= 7, "{batches}");
        Ok(())
    })
    .await
    .unwrap();

    let undone = monitor.post("/api/scalability/config/undo", "application/json", "{}").await.unwrap();
    assert_eq!(undone.status, 200, "{undone:?}");
    let config: Value = undone.json().unwrap();
    assert_eq!(
        (&config["audit"][0]["undoes"], &config["overrides"]),
        (&json!(version), &json!({})),
        "{config}"
    );
    converged(&monitor, config["version"].as_u64().unwrap(), 5).await.unwrap();

    record.join(running.stop().await.unwrap());
    cluster.hold_oracle(&record).await.unwrap();
}

async fn converged(monitor: &Client, version: u64, replicas: usize) -> anyhow::Result<()> {
    until("every replica runs with the new settings", CONVERGED_WITHIN, async || {
        let config: Value = monitor.get(CONFIG).await?.json()?;
        let convergence = &config["convergence"];
        ensure!(config["version"].as_u64() == Some(version), "{config}");
        ensure!(convergence["converged"] == true, "{convergence}");
        let told = convergence["replicas"].as_array().context("no replicas")?.len();
        ensure!(told == replicas, "{told} of {replicas} replicas are heard: {convergence}");
        Ok(())
    })
    .await
}
