//! What replicas report on the fleet bus, and settings told to them there: the monitor's part, played by a test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use contract::report::{HistogramName, Report, Role, new_histogram};
use fleet::settings::{Overrides, Patch};
use fleet::{Bus, Topic};
use serde_json::{Map, Value};
use tokio::sync::broadcast;
use tokio::time::timeout;

/// A replica reports each second; this is for two cores with a load on them.
const REPORT_WITHIN: Duration = Duration::from_secs(10);

/// Hears reports and tells settings.
pub struct Reports {
    bus: Arc<dyn Bus>,
    heard: broadcast::Receiver<Bytes>,
    version: u64,
}

impl Reports {
    /// Hears what is reported on `bus` from now on.
    pub async fn listen(bus: Arc<dyn Bus>) -> Reports {
        let heard = bus.listen(Topic::Report).await;
        Reports { bus, heard, version: 0 }
    }

    /// The next report of any replica.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub async fn next(&mut self) -> anyhow::Result<Report> {
        loop {
            let heard = timeout(REPORT_WITHIN, self.heard.recv());
            match heard.await.context("nobody reports")? {
                Ok(report) => return Ok(serde_json::from_slice(&report)?),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(closed) => return Err(closed.into()),
            }
        }
    }

    /// Tells the fleet a new version of its settings: these changes, and what is not named is as at the start.
    ///
    /// # Errors
    /// A value is none that can be set.
    pub async fn tell(&mut self, changes: &Value) -> anyhow::Result<u64> {
        let asked: Map<String, Value> = changes.as_object().cloned().context("changes are an object")?;
        let patch = Patch::parse(&asked).map_err(|refusals| anyhow::anyhow!("{refusals:?}"))?;
        self.version += 1;
        let message = patch.applied_to(&Overrides::default()).to_message(self.version);
        self.bus.broadcast(Topic::Settings, serde_json::to_vec(&message)?.into()).await;
        Ok(self.version)
    }

    /// Waits until so many replicas have reported that they run with the newest version; returns how long it took.
    ///
    /// # Errors
    /// They have not `within` that time.
    pub async fn converge(&mut self, replicas: usize, within: Duration) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let mut versions = BTreeMap::new();
        loop {
            let report = self.next().await?;
            versions.insert(report.replica, report.settings_version);
            let newest = versions.values().filter(|version| **version == self.version).count();
            if newest >= replicas {
                return Ok(started.elapsed());
            }
            ensure!(
                started.elapsed() < within,
                "not within {within:?} on version {}: {versions:?}",
                self.version
            );
        }
    }

    /// Sizes of batches, from so many reports of each of `workers` workers: how many batches, and the largest. What
    /// each reports first may still be from before, and does not count.
    ///
    /// # Errors
    /// A report has a histogram that cannot be read.
    pub async fn batches(&mut self, workers: usize, reports: usize) -> anyhow::Result<(u64, u64)> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut sizes = new_histogram();
        while seen.len() < workers || seen.values().any(|count| *count <= reports) {
            let report = self.next().await?;
            if report.role != Role::Worker {
                continue;
            }
            let count = seen.entry(report.replica).or_default();
            *count += 1;
            if let Some(wire) = report.histograms.get(&HistogramName::BatchJobs).filter(|_| *count > 1) {
                sizes.add(wire.to_histogram()?)?;
            }
        }
        Ok((sizes.len(), sizes.max()))
    }
}
