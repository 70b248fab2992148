//! What a replica uses and what it runs with.

use serde::{Deserialize, Serialize};

/// What a replica's process and its host use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Cores that the process keeps busy, since the report before.
    pub cpu_cores: f64,
    /// Cores that it may use: what its control group grants, else what the machine has.
    pub cores: f64,
    /// Of all cores of the host, the percentage that is busy, 0 to 100.
    pub host_cpu_percent: f64,
    /// Resident memory of the process.
    pub memory_bytes: u64,
    /// Memory that it may use: what its control group grants, else what the machine has.
    pub memory_limit_bytes: u64,
    /// Of the host's memory, the percentage in use, 0 to 100.
    pub host_memory_percent: f64,
    /// Used of the disk that holds the data folder.
    pub disk_used_bytes: u64,
    /// The size of that disk.
    pub disk_total_bytes: u64,
    /// Files and sockets that the process has open; `None`: the system does not tell.
    pub open_files: Option<u64>,
    /// How many it may have open.
    pub open_files_limit: Option<u64>,
}

/// A pool of connections to a database, or of threads for blocking work (`io`, `cpu`): what is said of connections
/// then holds for threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolReport {
    /// What it is for, such as `primary`.
    pub name: String,
    /// The most connections that it may hold.
    pub size_max: u32,
    /// Connections that are open and not in use.
    pub idle: u32,
    /// Connections in use.
    pub in_use: u32,
    /// Tasks that wait for a connection.
    pub waiting: u32,
    /// Tasks that gave up waiting, or were refused because too many waited, since the start.
    pub timeouts: u64,
}

/// A setting as a replica runs with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingReport {
    /// Its value, a number or a text; a secret that is set reads `***`.
    pub value: serde_json::Value,
    /// Where the value comes from.
    pub source: SettingSource,
}

/// Where the value of a setting comes from; what is further down goes over what is above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingSource {
    /// Built in.
    Default,
    /// An environment variable.
    Environment,
    /// A flag on the command line.
    Flag,
    /// Changed while running.
    Runtime,
}
