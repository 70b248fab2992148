//! A whole installation for one test: private servers, one ingress, one monitor and workers.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use crate::client::Client;
use crate::fleet::{Fleet, Replica, Role};
use crate::load::{Chance, Load, Record};
use crate::oracle;
use crate::servers::{MariaDb, RabbitMq};
use crate::wait::until;

/// How long what waits in the lanes may take to be posted once the load has ended.
const DRAIN_WITHIN: Duration = Duration::from_secs(60);

/// An installation whose servers a test may kill.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: the fleet before what it stands on.
    /// The workers.
    pub workers: Vec<Replica>,
    /// The monitor.
    pub monitor: Replica,
    /// The ingress.
    pub api: Replica,
    /// What all of them are started from.
    pub fleet: Fleet,
    /// Where the ingress and the monitor are.
    pub client: Client,
    /// The private broker.
    pub broker: RabbitMq,
    /// The private database server.
    pub database: MariaDb,
}

impl Cluster {
    /// Starts servers, makes the schema, and starts the fleet.
    ///
    /// # Errors
    /// Something did not start; with the tail of its log.
    pub async fn start(workers: usize) -> anyhow::Result<Cluster> {
        let (broker, database) = tokio::try_join!(RabbitMq::start(), MariaDb::start())?;
        let fleet = Fleet::new(&database.url(), &broker.url())?;
        fleet.run_ok(&["migrate"]).await?;
        let (api, monitor) = tokio::try_join!(fleet.start(Role::Api), fleet.start(Role::Monitor))?;
        let client = Client::new(&api.url(""))?;
        let mut cluster = Cluster { workers: Vec::new(), monitor, api, fleet, client, broker, database };
        for _ in 0..workers {
            cluster.add_worker().await?;
        }
        Ok(cluster)
    }

    /// Starts one more worker.
    ///
    /// # Errors
    /// It did not start; with the tail of its log.
    pub async fn add_worker(&mut self) -> anyhow::Result<()> {
        self.workers.push(self.fleet.start(Role::Worker).await?);
        Ok(())
    }

    /// A client of the monitor.
    pub fn monitor_client(&self) -> anyhow::Result<Client> {
        Client::new(&self.monitor.url(""))
    }

    /// The load of a test: up to 2,000 transfers a second between so many accounts. It stays below what a
    /// build without optimisations can post, so that a fault's backlog is soon worked off.
    pub fn load(name: &str, accounts: u32) -> Load {
        Load {
            name: name.to_owned(),
            accounts,
            clients: 4,
            batch_jobs: 100,
            batch_every: Duration::from_millis(200),
            seed: Chance::seed(),
        }
    }

    /// Submits a job to each lane, again until it is accepted, and waits until all have their outcomes.
    ///
    /// # Errors
    /// One has none `within` that time from now.
    pub async fn resumes(&self, probe: &str, within: Duration) -> anyhow::Result<()> {
        /// Accounts enough that some are on each of 16 lanes.
        const PROBES: u32 = 100;
        let started = Instant::now();
        let jobs: Vec<_> = (0..PROBES)
            .map(|n| {
                let account = format!("{probe}-{n}").replace(' ', "-");
                json!({"kind": "open_account", "account": account, "currency": "XTS", "reference": account})
            })
            .collect();
        let answer = until(&format!("jobs are accepted after {probe}"), within, async || {
            let answer = self.client.batch(&jobs).await?;
            ensure!(answer.refused == 0, "{answer:?}");
            Ok(answer)
        })
        .await?;
        let mut ids: Vec<_> = answer.results.into_iter().filter_map(|result| result.id).collect();
        let left = within.saturating_sub(started.elapsed());
        until(&format!("jobs on every lane are posted after {probe}"), left, async || {
            while let Some(id) = ids.last() {
                let job = self.client.job(id, Duration::ZERO).await?;
                ensure!(job.status == "posted", "{} jobs wait; {job:?}", ids.len());
                ids.pop();
            }
            Ok(())
        })
        .await?;
        eprintln!("after {probe}, the fleet resumed in {:?}", started.elapsed());
        Ok(())
    }

    /// Holds the oracle over the ledger: see [`oracle::hold`].
    pub async fn hold_oracle(&self, record: &Record) -> anyhow::Result<()> {
        oracle::hold(&self.fleet, &self.client, &self.database.url(), record, DRAIN_WITHIN).await
    }
}
