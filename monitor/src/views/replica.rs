//! One replica, as the monitor sees it.

use std::collections::BTreeMap;

use contract::report::{Counts, Role, TroubleKind};
use jiff::Timestamp;
use runtime::work_pool::WorkPools;
use serde::Serialize;
use utoipa::ToSchema;

/// A replica: its state, figures and resources.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReplicaView {
    /// The replica's role: `api`, `worker` or `monitor`.
    #[schema(value_type = String)]
    pub role: Role,
    /// The replica's id.
    pub replica: String,
    /// The host of the replica.
    pub host: String,
    /// The replica's HTTP address, `host:port`; `null`: the replica does not report one.
    pub address: Option<String>,
    /// Whether the replica speaks TLS at that address.
    pub tls: bool,
    /// The replica's process id on its host; `null`: the replica does not report one.
    pub process_id: Option<u32>,
    /// The version of the replica's program.
    pub version: String,
    /// `live`; `lost`: silent for longer than a replica should be; `not_known`: no report has come since the
    /// fleet bus went away or came back.
    pub state: ReplicaState,
    /// When a lost replica reported last (RFC 3339, UTC).
    pub lost_since: Option<Timestamp>,
    /// Seconds since the replica's start, by its last report.
    pub uptime_seconds: f64,
    /// Seconds since the replica reported last.
    pub silent_seconds: f64,
    /// How far the replica's clock is ahead of the clocks of most other replicas, in seconds, less the
    /// milliseconds that a report takes; below zero: the clock is behind; `null`: not known, for example
    /// while the replica does not report.
    pub clock_ahead_seconds: Option<f64>,
    /// Why the replica cannot do its work now; `null`: it can, or does not report.
    pub trouble: Option<String>,
    /// The kind of trouble: `broker_alarm`, `queue_away`, `ledger_away`, `ledger_not_durable`,
    /// `nothing_posted`, `lane_held_up` or `other`.
    #[schema(value_type = String)]
    pub trouble_kind: TroubleKind,
    /// Jobs since the replica's start, by their outcome there.
    #[schema(value_type = Object)]
    pub counts: Counts,
    /// The lanes that the replica serves; empty while it does not report.
    pub lanes: Vec<u16>,
    /// Jobs per second over the last 10 s: accepted by an ingress, finished by a worker; `null`: not known,
    /// for example while the replica does not report.
    pub jobs_per_second: Option<f64>,
    /// Jobs in a batch, on average over the last 10 s; `null`: the replica posted none, or does not report.
    pub batch_jobs_avg: Option<f64>,
    /// Errors since the replica's start, by type.
    pub errors: BTreeMap<String, u64>,
    /// What the replica's process and host use; `null`: the replica does not report it.
    pub resources: Option<ResourcesView>,
    /// The replica's pools of connections and threads; empty while it does not report.
    pub pools: Vec<PoolView>,
    /// The version of the settings that the replica runs with; 0: the settings of its start.
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
    /// Cores that the process may use: the container's limit, or the machine's number.
    pub cores: f64,
    /// The larger of the process' share of `cores` and the machine's load, in percent.
    pub cpu_percent: f64,
    /// Resident memory of the process.
    pub memory_bytes: u64,
    /// Memory that the process may use: the container's limit, or the machine's memory.
    pub memory_limit_bytes: u64,
    /// The larger of the process' share of its limit and the machine's use, in percent.
    pub memory_percent: f64,
    /// Bytes in use on the disk that holds the process' data.
    pub disk_used_bytes: u64,
    /// Size of the disk that holds the process' data.
    pub disk_total_bytes: u64,
    /// `disk_used_bytes` of `disk_total_bytes`, in percent; `null`: the disk is not known.
    pub disk_percent: Option<f64>,
    /// Files and sockets that the process has open.
    pub open_files: Option<u64>,
    /// Files and sockets that the process may have open.
    pub open_files_limit: Option<u64>,
}

/// A pool of connections, or of threads for blocking work (`io`, `cpu`), of one replica or added up over the fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PoolView {
    /// The pool's name: `primary`, `reads`, `analytics`, `records`, `io`, `cpu`; embedded `writer` and
    /// `readers`.
    pub name: String,
    /// Connections or threads at the most.
    pub size_max: u64,
    /// Connections or threads that nobody uses.
    pub idle: u64,
    /// Connections or threads in use.
    pub in_use: u64,
    /// Tasks that wait for a connection or a thread.
    pub waiting: u64,
    /// Waits that were given up, since the start of the replica.
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
