//! Settings change while the fleet runs, under load: at once, on every replica, and no job is lost.

#[path = "settings/inside.rs"]
mod inside;

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use fleet::Bus;
use fleet::rabbitmq::RabbitMqBus;
use serde_json::json;
use tests::client::Client;
use tests::cluster::Cluster;
use tests::load::{Chance, Load, Record, Running};
use tests::oracle;
use tests::reports::Reports;
use tests::wait::until;

use inside::Inside;

/// What every replica promises.
const CONVERGE_WITHIN: Duration = Duration::from_secs(2);
/// For two cores with a load on them.
const WITHIN: Duration = Duration::from_secs(60);
/// More transfers that are accepted under each of the settings.
const TRANSFERS: u32 = 500;

/// A fleet under load whose settings change.
struct Changing<'a> {
    reports: Reports,
    running: &'a Running,
    /// How many report.
    replicas: usize,
    workers: usize,
}

impl Changing<'_> {
    /// Tells new settings, which every replica has to run with in time.
    async fn to(&mut self, changes: serde_json::Value) -> anyhow::Result<()> {
        self.reports.tell(&changes).await?;
        let took = self.reports.converge(self.replicas, CONVERGE_WITHIN).await?;
        eprintln!("{} replicas run with {changes} after {took:?}", self.replicas);
        Ok(())
    }

    async fn load_goes_on(&self) -> anyhow::Result<()> {
        let before = self.running.accepted();
        until("more transfers are accepted", WITHIN, async || {
            let more = self.running.accepted() - before;
            ensure!(more >= TRANSFERS, "{more} are");
            Ok(())
        })
        .await
    }

    /// Changes everything that a worker and an ingress can be told, forth and back.
    async fn all(&mut self) -> anyhow::Result<()> {
        let small = 7;
        self.to(json!({"BATCH_PROCESSING_SIZE": small})).await?;
        let (batches, largest) = self.reports.batches(self.workers, 2).await?;
        ensure!(batches > 0 && largest <= small, "{batches} batches, the largest of {largest} jobs");

        self.to(json!({"BATCH_PROCESSING_SIZE": 100, "LINGER_MS": 200, "POSTING_CONCURRENCY": 1})).await?;
        let (_, largest) = self.reports.batches(self.workers, 2).await?;
        ensure!(largest > small, "batches grow again; the largest has {largest} jobs");

        // Each takes the subscriptions of all lanes down and up again.
        for prefetch in [1, 1_000, 2, 500, 3] {
            self.to(json!({"PREFETCH": prefetch, "LINGER_MS": 0, "POSTING_CONCURRENCY": 16})).await?;
            self.load_goes_on().await?;
        }
        self.to(json!({"MAX_CONCURRENT_USERS": 1, "CLIENT_RATE_LIMIT": 50})).await?;
        self.load_goes_on().await?;
        self.to(json!({})).await?;
        self.load_goes_on().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_change_under_load_on_real_servers_and_no_job_is_lost() {
    let cluster = Cluster::start(2).await.unwrap();
    let load = Cluster::load("settings", 200);
    let mut record = load.open(&cluster.client).await.unwrap();
    let running = load.start(&cluster.client);

    let bus: Arc<dyn Bus> = Arc::new(RabbitMqBus::new(&cluster.broker.url()).unwrap());
    let reports = Reports::listen(bus.clone()).await;
    let mut changing = Changing { reports, running: &running, replicas: 4, workers: 2 };
    changing.all().await.unwrap();
    drop(changing);

    record.join(running.stop().await.unwrap());
    cluster.hold_oracle(&record).await.unwrap();
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_change_under_load_in_one_process_and_no_job_is_lost() {
    let inside = Inside::start().await.unwrap();
    let client = Client::new(&inside.api).unwrap();
    let load = Load {
        name: "inside".to_owned(),
        accounts: 40,
        clients: 2,
        batch_jobs: 100,
        batch_every: Duration::from_millis(200),
        seed: Chance::seed(),
    };
    let mut record: Record = load.open(&client).await.unwrap();
    let running = load.start(&client);
    let reports = Reports::listen(inside.bus.clone()).await;
    let mut changing = Changing { reports, running: &running, replicas: 2, workers: 1 };
    changing.all().await.unwrap();
    drop(changing);

    record.join(running.stop().await.unwrap());
    oracle::hold_seen(&inside.fleet, &client, "XTS", &record, WITHIN).await.unwrap();
    inside.stop().await.unwrap();
}
