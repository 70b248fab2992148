//! A replica as it is shown.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use shared::contract::report::{HistogramName, PoolReport, Resources, Role};

use super::{Heard, jobs};
use crate::figures::SHORT;
use crate::views::replica::{PoolView, ReplicaState, ReplicaView, ResourcesView};

pub(super) fn view(heard: &Heard, now: Instant) -> ReplicaView {
    let report = &heard.report;
    let lost = heard.is_lost(now);
    let silent = now.duration_since(heard.at);
    let uptime_us = u64::try_from(report.reported_at - report.started_at).unwrap_or_default();
    let growth = heard.growth(SHORT, now);
    ReplicaView {
        role: report.role,
        replica: report.replica.clone(),
        host: report.host.clone(),
        address: report.address.clone(),
        process_id: Some(report.process_id).filter(|id| *id > 0),
        version: report.version.clone(),
        state: if lost { ReplicaState::Lost } else { ReplicaState::Live },
        lost_since: lost.then(|| Timestamp::now().checked_sub(silent).unwrap_or_default()),
        uptime_seconds: Duration::from_micros(uptime_us).as_secs_f64(),
        silent_seconds: silent.as_secs_f64(),
        trouble: report.trouble.clone(),
        counts: report.counts,
        lanes: report.lanes.iter().map(|lane| lane.lane.0).collect(),
        jobs_per_second: (report.role != Role::Monitor && growth.seconds > 0.0)
            .then(|| growth.per_second(jobs(report.role))),
        batch_jobs_avg: batch_jobs_avg(heard),
        errors: report.errors.clone(),
        // What it used a while ago is nothing that is used now.
        resources: report.resources.as_ref().filter(|_| !lost).map(resources),
        pools: if lost { Vec::new() } else { report.pools.iter().map(pool).collect() },
        settings_version: report.settings_version,
    }
}

/// Of the last second in which it posted something.
fn batch_jobs_avg(heard: &Heard) -> Option<f64> {
    let histogram = heard.report.histograms.get(&HistogramName::BatchJobs)?.to_histogram().ok()?;
    (!histogram.is_empty()).then(|| histogram.mean())
}

#[allow(clippy::cast_precision_loss)] // Shares of sizes.
fn resources(used: &Resources) -> ResourcesView {
    let percent = |part: f64, whole: f64| if whole > 0.0 { 100.0 * part / whole } else { 0.0 };
    let memory = percent(used.memory_bytes as f64, used.memory_limit_bytes as f64);
    ResourcesView {
        cpu_cores: used.cpu_cores,
        cores: used.cores,
        cpu_percent: percent(used.cpu_cores, used.cores).max(used.host_cpu_percent).min(100.0),
        memory_bytes: used.memory_bytes,
        memory_limit_bytes: used.memory_limit_bytes,
        memory_percent: memory.max(used.host_memory_percent).min(100.0),
        disk_used_bytes: used.disk_used_bytes,
        disk_total_bytes: used.disk_total_bytes,
        disk_percent: (used.disk_total_bytes > 0)
            .then(|| percent(used.disk_used_bytes as f64, used.disk_total_bytes as f64)),
        open_files: used.open_files,
        open_files_limit: used.open_files_limit,
    }
}

fn pool(pool: &PoolReport) -> PoolView {
    PoolView {
        name: pool.name.clone(),
        size_max: pool.size_max.into(),
        idle: pool.idle.into(),
        in_use: pool.in_use.into(),
        waiting: pool.waiting.into(),
        timeouts: pool.timeouts,
    }
}
