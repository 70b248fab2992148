//! What a report is read from, besides what the role itself knows.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use contract::report::{PoolReport, Resources, Role, SettingReport};
use metrics::gauge;
use runtime::telemetry::figures::Taken;
use runtime::telemetry::names::Part;
use runtime::telemetry::resources::Sampler;
use runtime::telemetry::{Telemetry, names};
use tracing::warn;

use crate::settings::{LiveSettings, Settings};

/// Tells how pools of connections stand.
pub type PoolSource = Arc<dyn Fn() -> Vec<PoolReport> + Send + Sync>;

/// What a process measures and is set to; its roles share it.
#[derive(Clone)]
pub struct Instruments {
    /// What it records.
    pub telemetry: Telemetry,
    /// What it runs with.
    pub settings: Arc<LiveSettings>,
    /// What else it was started with: settings that do not change while it runs.
    pub started_with: Arc<BTreeMap<String, SettingReport>>,
    /// Its connections to databases. Where roles share a process and its pools, one of them tells.
    pub pools: Option<PoolSource>,
    /// The disk whose use is reported.
    pub data_dir: PathBuf,
}

impl Instruments {
    /// Of a process that measures nothing, with the default settings.
    pub fn none() -> Instruments {
        Instruments {
            telemetry: Telemetry::silent(),
            settings: Arc::default(),
            started_with: Arc::default(),
            pools: None,
            data_dir: PathBuf::from("."),
        }
    }

    /// These, without the pools: another role of this process tells of them.
    pub fn without_pools(&self) -> Instruments {
        Instruments { pools: None, ..self.clone() }
    }

    /// These, of which a scrape gets these parts: the other roles of this process show theirs.
    #[must_use]
    pub fn showing(&self, parts: &'static [Part]) -> Instruments {
        let telemetry =
            Telemetry { prometheus: self.telemetry.prometheus.only(parts), ..self.telemetry.clone() };
        Instruments { telemetry, ..self.clone() }
    }

    /// Keeps the recorder's memory small: without a scrape it keeps every value that is recorded, until then.
    pub(super) fn keep_up(&self) {
        self.telemetry.prometheus.run_upkeep();
    }

    /// What was recorded since the report before.
    pub(super) fn figures(&self, role: Role) -> Taken {
        self.telemetry.figures.take(role)
    }

    /// How the pools stand, and how often somebody gave up waiting for each; Prometheus receives them too.
    pub(super) fn pools(&self) -> (Vec<PoolReport>, BTreeMap<String, u64>) {
        let pools = self.pools.as_ref().map(|pools| pools()).unwrap_or_default();
        for pool in &pools {
            let name = || pool.name.clone();
            gauge!(names::POOL_CONNECTIONS, names::POOL => name(), names::STATE => "idle").set(pool.idle);
            gauge!(names::POOL_CONNECTIONS, names::POOL => name(), names::STATE => "in_use").set(pool.in_use);
            gauge!(names::POOL_WAITING, names::POOL => name()).set(pool.waiting);
        }
        let timeouts = pools.iter().filter(|pool| pool.timeouts > 0);
        let timeouts = timeouts.map(|pool| (format!("pool_timeout/{}", pool.name), pool.timeouts)).collect();
        (pools, timeouts)
    }

    /// What a replica of this role runs with.
    pub(super) fn settings_report(&self, role: Role, now: &Settings) -> BTreeMap<String, SettingReport> {
        let mut report = self.started_with.as_ref().clone();
        report.extend(now.report(role));
        report
    }

    /// What tells the use of resources.
    pub(super) async fn resources(&self) -> Resource {
        let folder = self.data_dir.clone();
        let sampler = off_the_runtime(move || Sampler::new(&folder)).await.flatten();
        if sampler.is_none() {
            warn!("the system does not report what this process uses; reports leave it out");
        }
        Resource(sampler)
    }
}

/// What tells the use of resources, if the system does.
pub(super) struct Resource(Option<Sampler>);

impl Resource {
    /// What was used since the look before; `None`: not known.
    pub(super) async fn look(&mut self) -> Option<Resources> {
        let mut sampler = self.0.take()?;
        let looked = off_the_runtime(move || {
            let used = sampler.sample();
            (sampler, used)
        });
        let (sampler, used) = looked.await?;
        self.0 = Some(sampler);
        used
    }
}

/// Reads files and asks the system where nobody waits behind it: a disk may hang.
async fn off_the_runtime<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(look).await.ok()
}
