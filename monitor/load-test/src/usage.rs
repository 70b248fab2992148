//! What the fleet's replicas use while they are under load.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use client::Client;
use contract::report::Role;
use fleet::reporter::{REPORT_INTERVAL, next_report};
use fleet::{Bus, Topic};
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval, timeout};
use utoipa::ToSchema;

/// How often a monitor is asked.
const ASK_INTERVAL: Duration = Duration::from_secs(1);
/// A monitor that does not answer within this time is asked again later.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Who tells what the replicas use.
#[derive(Clone)]
pub enum UsageSource {
    /// Nobody.
    Unknown,
    /// Their own reports.
    Reports(Arc<dyn Bus>),
    /// The `status` of the monitor at this URL, such as `http://127.0.0.1:5000`.
    Monitor(String),
}

/// The most that any replica used, by its reports, each an average over a second; and the load of the hosts.
/// The monitor, which may run the load test, is not counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestResources)]
pub struct Resources {
    /// Cores in use of the cores that the process may use, in percent: the most of any replica.
    pub cpu_percent_max: f64,
    /// The id of the replica that used the most CPU.
    pub cpu_replica: String,
    /// Resident memory of the memory that the process may use, in percent: the most of any replica.
    pub memory_percent_max: f64,
    /// The id of the replica that used the most memory.
    pub memory_replica: String,
    /// CPU of the busiest host or container, in percent, on average over the load. Other programs on the host
    /// count too, so no criterion uses it. `null`: no report has it.
    pub host_cpu_percent_avg: Option<f64>,
    /// Memory of the fullest host or container, in percent, on average over the load. `null`: no report has
    /// it.
    pub host_memory_percent_avg: Option<f64>,
}

/// What is reported of one replica.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Used {
    cpu_cores: f64,
    cores: f64,
    memory_bytes: u64,
    memory_limit_bytes: u64,
    /// Of its host or container, or what it uses itself if that is more.
    cpu_percent: f64,
    memory_percent: f64,
}

/// What was reported while it counted: reading everything again is no load that anybody is judged by.
#[derive(Default)]
pub(crate) struct Peaks {
    counts: AtomicBool,
    reported: Mutex<Reported>,
}

#[derive(Default)]
struct Reported {
    peaks: Option<Resources>,
    /// Of each replica.
    hosts: BTreeMap<String, HostUse>,
}

/// Sums over a replica's reports of its host.
#[derive(Default)]
struct HostUse {
    reports: f64,
    cpu_percent: f64,
    memory_percent: f64,
}

impl Peaks {
    /// From now on what is reported counts, or does not.
    pub(crate) fn count(&self, counts: bool) {
        self.counts.store(counts, Relaxed);
    }

    pub(crate) fn resources(&self) -> Option<Resources> {
        let reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let most = |sum: fn(&HostUse) -> f64| {
            let averages = reported.hosts.values().map(|host| sum(host) / host.reports);
            averages.reduce(f64::max)
        };
        Some(Resources {
            host_cpu_percent_avg: most(|host| host.cpu_percent),
            host_memory_percent_avg: most(|host| host.memory_percent),
            ..reported.peaks.clone()?
        })
    }

    fn note(&self, replica: &str, used: Used) {
        if !self.counts.load(Relaxed) {
            return;
        }
        let (cpu, memory) = (used.own_cpu_percent(), used.own_memory_percent());
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let host = reported.hosts.entry(replica.to_owned()).or_default();
        host.reports += 1.0;
        host.cpu_percent += used.cpu_percent;
        host.memory_percent += used.memory_percent;
        let peaks = reported.peaks.get_or_insert_with(|| Resources {
            cpu_percent_max: cpu,
            cpu_replica: replica.to_owned(),
            memory_percent_max: memory,
            memory_replica: replica.to_owned(),
            host_cpu_percent_avg: None,
            host_memory_percent_avg: None,
        });
        if cpu > peaks.cpu_percent_max {
            (peaks.cpu_percent_max, peaks.cpu_replica) = (cpu, replica.to_owned());
        }
        if memory > peaks.memory_percent_max {
            (peaks.memory_percent_max, peaks.memory_replica) = (memory, replica.to_owned());
        }
    }
}

impl Used {
    fn of(resources: &contract::report::Resources) -> Used {
        let used = Used {
            cpu_cores: resources.cpu_cores,
            cores: resources.cores,
            memory_bytes: resources.memory_bytes,
            memory_limit_bytes: resources.memory_limit_bytes,
            cpu_percent: resources.host_cpu_percent,
            memory_percent: resources.host_memory_percent,
        };
        // As the monitor's `status` has it: a container may be full on a host that is not.
        Used {
            cpu_percent: used.own_cpu_percent().max(used.cpu_percent).min(100.0),
            memory_percent: used.own_memory_percent().max(used.memory_percent).min(100.0),
            ..used
        }
    }

    fn own_cpu_percent(&self) -> f64 {
        if self.cores > 0.0 { 100.0 * self.cpu_cores / self.cores } else { 0.0 }
    }

    fn own_memory_percent(&self) -> f64 {
        crate::figures::percent(self.memory_bytes, self.memory_limit_bytes)
    }
}

impl UsageSource {
    /// Notes what the monitor reports, for as long as it is polled.
    pub(crate) async fn watch(&self, peaks: &Peaks) {
        match self {
            UsageSource::Unknown => {}
            UsageSource::Reports(bus) => receive(bus.as_ref(), peaks).await,
            UsageSource::Monitor(url) => ask(url, peaks).await,
        }
        std::future::pending().await
    }

    /// After a load, so long until the reports of its time have come.
    pub(crate) fn delay(&self) -> Duration {
        match self {
            UsageSource::Unknown => Duration::ZERO,
            UsageSource::Reports(_) => REPORT_INTERVAL + REPORT_INTERVAL / 5,
            UsageSource::Monitor(_) => REPORT_INTERVAL + 2 * ASK_INTERVAL,
        }
    }
}

async fn receive(bus: &dyn Bus, peaks: &Peaks) {
    let mut reports = bus.listen(Topic::Report).await;
    while let Some(report) = next_report(&mut reports).await {
        if let Some(resources) = report.resources.filter(|_| report.role != Role::Monitor) {
            peaks.note(&report.replica, Used::of(&resources));
        }
    }
}

/// The part of the monitor's `status` that is read here.
#[derive(Debug, Deserialize)]
struct Status {
    replicas: Vec<ReplicaStatus>,
}

#[derive(Debug, Deserialize)]
struct ReplicaStatus {
    role: Role,
    replica: String,
    resources: Option<Used>,
}

async fn ask(url: &str, peaks: &Peaks) {
    let client = match Client::new(url) {
        Ok(client) => client,
        Err(error) => return tracing::warn!(%error, "the monitor cannot be asked"),
    };
    let mut pace = interval(ASK_INTERVAL);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        match timeout(ANSWER_TIMEOUT, client.read::<Status>("/api/scalability/status")).await {
            Ok(Ok(status)) => {
                for replica in status.replicas.iter().filter(|replica| replica.role != Role::Monitor) {
                    if let Some(used) = replica.resources {
                        peaks.note(&replica.replica, used);
                    }
                }
            }
            failed => tracing::debug!(?failed, url, "the monitor did not report what the replicas use"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(cpu_cores: f64, memory_bytes: u64, host_cpu_percent: f64) -> Used {
        Used::of(&contract::report::Resources {
            cpu_cores,
            cores: 2.0,
            host_cpu_percent,
            memory_bytes,
            memory_limit_bytes: 1_000,
            host_memory_percent: 30.0,
            disk_used_bytes: 0,
            disk_total_bytes: 0,
            open_files: None,
            open_files_limit: None,
        })
    }

    #[test]
    fn of_hosts_the_busiest_on_average_is_shown() {
        let peaks = Peaks::default();
        peaks.count(true);
        for (replica, host_cpu_percent) in [("a", 100.0), ("b", 60.0), ("a", 10.0), ("b", 80.0)] {
            peaks.note(replica, used(0.1, 100, host_cpu_percent));
        }
        let resources = peaks.resources().unwrap();
        assert_eq!(resources.host_cpu_percent_avg, Some(70.0), "full for a moment is not busy");
        assert_eq!(resources.host_memory_percent_avg, Some(30.0));
    }

    #[test]
    fn the_most_of_each_is_kept_with_its_replica() {
        let peaks = Peaks::default();
        assert_eq!(peaks.resources(), None, "what is not known is not zero");
        peaks.count(true);
        let used = |cpu_cores, memory_bytes| used(cpu_cores, memory_bytes, 50.0);
        peaks.note("a", used(0.5, 900));
        peaks.note("b", used(1.5, 100));
        peaks.note("b", used(0.1, 100));
        let peak = peaks.resources().unwrap();
        assert_eq!((peak.cpu_percent_max, peak.cpu_replica.as_str()), (75.0, "b"));
        assert_eq!((peak.memory_percent_max, peak.memory_replica.as_str()), (90.0, "a"));
        peaks.count(false);
        peaks.note("c", used(2.0, 1_000));
        assert_eq!(peaks.resources().unwrap(), peak, "what is used after the load does not count");
    }
}
