//! A replica as it is shown.

use std::time::{Duration, Instant};

use contract::report::{PoolReport, Resources, Role};
use jiff::Timestamp;

use super::{Replica, jobs};
use crate::facts::BusState;
use crate::figures::SHORT;
use crate::views::replica::{PoolView, ReplicaState, ReplicaView, ResourcesView};

/// What a replica did a while ago is nothing that it does now: of one that does not report, only what it is and has
/// counted is shown.
pub(super) fn view(
    replica: &Replica,
    bus: BusState,
    clock_ahead_seconds: Option<f64>,
    now: Instant,
) -> ReplicaView {
    let report = &replica.report;
    let state = match bus {
        _ if !replica.is_silent(now) => ReplicaState::Live,
        BusState::Up => ReplicaState::Lost,
        BusState::Away | BusState::Young => ReplicaState::NotKnown,
    };
    let live = state == ReplicaState::Live;
    let silent = now.duration_since(replica.at);
    let uptime_us = u64::try_from(report.reported_at - report.started_at).unwrap_or_default();
    let growth = replica.growth(SHORT, now);
    ReplicaView {
        role: report.role,
        replica: report.replica.clone(),
        host: report.host.clone(),
        address: report.address.clone(),
        tls: report.tls,
        process_id: Some(report.process_id).filter(|id| *id > 0),
        version: report.version.clone(),
        state,
        lost_since: (state == ReplicaState::Lost)
            .then(|| Timestamp::now().checked_sub(silent).unwrap_or_default()),
        uptime_seconds: Duration::from_micros(uptime_us).as_secs_f64(),
        silent_seconds: silent.as_secs_f64(),
        clock_ahead_seconds,
        trouble: report.trouble.clone().filter(|_| live),
        trouble_kind: report.trouble_kind,
        counts: report.counts,
        lanes: report.lanes.iter().filter(|_| live).map(|lane| lane.lane.0).collect(),
        jobs_per_second: (live && report.role != Role::Monitor && growth.seconds > 0.0)
            .then(|| growth.per_second(jobs(report.role))),
        batch_jobs_avg: batch_jobs_avg(replica, now).filter(|_| live),
        errors: report.errors.clone(),
        resources: report.resources.as_ref().filter(|_| live).map(resources),
        pools: report.pools.iter().filter(|_| live).map(pool).collect(),
        settings_version: report.settings_version,
    }
}

fn batch_jobs_avg(replica: &Replica, now: Instant) -> Option<f64> {
    let recent = replica.batches.iter().filter(|batches| now.duration_since(batches.received_at) <= SHORT);
    let (jobs, count) =
        recent.fold((0.0, 0), |(jobs, count), batches| (jobs + batches.jobs, count + batches.count));
    (count > 0).then(|| jobs / count as f64)
}

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
