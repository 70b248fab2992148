//! One replica, as the monitor sees it.

use std::collections::BTreeMap;

use contract::report::{Counts, Role, TroubleKind};
use jiff::Timestamp;
use runtime::work_pool::WorkPools;
use serde::Serialize;
use utoipa::ToSchema;

/// One replica.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReplicaView {
    /// What it does: `api`, `worker` or `monitor`.
    #[schema(value_type = String)]
    pub role: Role,
    /// Its id.
    pub replica: String,
    /// The host that it runs on.
    pub host: String,
    /// Where it answers HTTP, `host:port`; `null`: it does not say.
    pub address: Option<String>,
    /// Its process on the host; `null`: it does not say.
    pub process_id: Option<u32>,
    /// The version of its program.
    pub version: String,
    /// `live`; `lost` when it has been silent for longer than it should; `not_known` when there is no report of it since
    /// the fleet bus is away or has just come back.
    pub state: ReplicaState,
    /// When it reported last, once it is lost (RFC 3339, UTC).
    #[schema(value_type = Option<String>)]
    pub lost_since: Option<Timestamp>,
    /// Seconds since its start, by its last report.
    pub uptime_seconds: f64,
    /// Seconds since it reported last.
    pub silent_seconds: f64,
    /// How far its clock is ahead of most others' of the fleet, in seconds, less the milliseconds that a report is on its
    /// way; below zero: it is behind; `null`: not known, as of one that does not report.
    pub clock_ahead_seconds: Option<f64>,
    /// Why it cannot do its work just now; `null` too when it does not report.
    pub trouble: Option<String>,
    /// What kind of trouble that is: `broker_alarm`, `queue_away`, `ledger_away`, `ledger_not_durable`, `nothing_posted`, `lane_held_up` or
    /// `other`.
    #[schema(value_type = String)]
    pub trouble_kind: TroubleKind,
    /// Jobs since its start, by what became of them there.
    #[schema(value_type = Object)]
    pub counts: Counts,
    /// The lanes that it serves; empty when it does not report.
    pub lanes: Vec<u16>,
    /// Jobs a second over the last 10 s: accepted by an ingress, settled by a worker; `null`: not known, as of
    /// one that does not report.
    pub jobs_per_second: Option<f64>,
    /// Jobs in a batch, on average over the last 10 s; `null`: it posted none, or does not report.
    pub batch_jobs_avg: Option<f64>,
    /// Errors since its start, by type.
    pub errors: BTreeMap<String, u64>,
    /// What it uses; `null`: it does not say, or does not report.
    pub resources: Option<ResourcesView>,
    /// Its pools of connections; empty when it does not report.
    pub pools: Vec<PoolView>,
    /// The version of the settings that it runs with; 0: those of its start.
    pub settings_version: u64,
}

/// Whether a replica reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaState {
    /// It reports.
    Live,
    /// It has stopped reporting without saying goodbye.
    Lost,
    /// No report of it can arrive just now.
    NotKnown,
}

/// What a process and its host use.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ResourcesView {
    /// Cores that the process uses.
    pub cpu_cores: f64,
    /// Cores that it may use: the container's limit, or the machine's.
    pub cores: f64,
    /// The larger of the process' share of `cores` and the machine's load, in percent.
    pub cpu_percent: f64,
    /// Resident memory of the process.
    pub memory_bytes: u64,
    /// What it may use: the container's limit, or the machine's.
    pub memory_limit_bytes: u64,
    /// The larger of the process' share of its limit and the machine's use, in percent.
    pub memory_percent: f64,
    /// Used on the disk of its data.
    pub disk_used_bytes: u64,
    /// Size of that disk.
    pub disk_total_bytes: u64,
    /// `disk_used_bytes` of `disk_total_bytes`, in percent; `null`: the disk is not known.
    pub disk_percent: Option<f64>,
    /// Files and sockets that it has open.
    pub open_files: Option<u64>,
    /// How many it may have open.
    pub open_files_limit: Option<u64>,
}

/// A pool of connections, or of threads for blocking work (`io`, `cpu`), of one replica or added up over the fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PoolView {
    /// `primary`, `reads`, `analytics`, `records`, `io`, `cpu`; embedded `writer` and `readers`.
    pub name: String,
    /// Connections at the most.
    pub size_max: u64,
    /// Connections that nobody uses.
    pub idle: u64,
    /// Connections in use.
    pub in_use: u64,
    /// Tasks that wait for one.
    pub waiting: u64,
    /// Waits that were given up, since the start.
    pub timeouts: u64,
}

impl PoolView {
    /// What it holds is threads for blocking work; else connections to the database.
    pub(crate) fn is_of_threads(&self) -> bool {
        WorkPools::NAMES.contains(&self.name.as_str())
    }

    /// What it is a pool of.
    pub(crate) fn one(&self) -> &'static str {
        if self.is_of_threads() { "thread" } else { "connection" }
    }

    /// All are in use, and somebody waits.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.waiting > 0 && self.in_use >= self.size_max
    }
}
