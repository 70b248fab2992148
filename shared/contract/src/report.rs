//! What replicas tell each other about themselves, as JSON on the fleet bus.
//!
//! Replicas of several versions talk to each other while a release is rolled out: what is new here may be
//! absent, and names that are not known are passed over.

mod histogram;
mod vitals;

use std::collections::BTreeMap;

use domain::lane::Lane;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

pub use self::histogram::{HistogramError, HistogramName, HistogramWire, new_histogram};
pub use self::vitals::{PoolReport, Resources, SettingReport, SettingSource};

/// A worker is alive and serves these lanes; sent several times a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The worker's id.
    pub replica: String,
    /// The lanes that it serves or waits for.
    pub lanes: Vec<Lane>,
    /// It is going: its lanes are free.
    #[serde(default)]
    pub leaving: bool,
}

/// What a replica does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// The ingress.
    Api,
    /// Posts.
    Worker,
    /// Watches.
    Monitor,
}

/// The state of a replica; sent each second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What it does.
    pub role: Role,
    /// Its id, unique among the living.
    pub replica: String,
    /// The version of its program.
    pub version: String,
    /// The host that it runs on.
    pub host: String,
    /// When it started, in microseconds since the Unix epoch.
    pub started_at: i64,
    /// When it said this, in microseconds since the Unix epoch, by its own clock.
    pub reported_at: i64,
    /// Why it cannot do its work just now, in a sentence; `None`: it can.
    pub trouble: Option<String>,
    /// What kind of trouble that is.
    #[serde(default)]
    pub trouble_kind: TroubleKind,
    /// Jobs since its start.
    pub counts: Counts,
    /// Of those, the ones that the reconciliation goes by, lane by lane; lanes without any are left out. `None`: an older
    /// replica does not tell.
    pub lane_counts: Option<BTreeMap<Lane, LaneCounts>>,
    /// The lanes that it serves; empty unless it is a worker.
    #[serde(default)]
    pub lanes: Vec<LaneReport>,
    /// It is going: it is not lost when it does not report any more.
    #[serde(default)]
    pub leaving: bool,
    /// The number of its process on its host. Roles that share a process share their [`Resources`].
    #[serde(default)]
    pub process_id: u32,
    /// Where it answers HTTP, `host:port`.
    pub address: Option<String>,
    /// Whether it speaks TLS there; left out where it does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
    /// The version of the settings that it runs with; 0: those of its start.
    #[serde(default)]
    pub settings_version: u64,
    /// Errors since its start, by type: `refused/<problem>`, `http/<status>`, `posting/<reason>`,
    /// `pool_timeout/<pool>`.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// HTTP requests that it answered since its start.
    #[serde(default)]
    pub requests: u64,
    /// Those of them that it answered with 5xx.
    #[serde(default)]
    pub requests_failed: u64,
    /// Times and sizes since the report before; a name that is absent has none.
    #[serde(default, deserialize_with = "histogram::known_names")]
    pub histograms: BTreeMap<HistogramName, HistogramWire>,
    /// What its process and its host use; `None`: not known.
    pub resources: Option<Resources>,
    /// Its connections to databases.
    #[serde(default)]
    pub pools: Vec<PoolReport>,
    /// What it runs with, by the name of the setting; secrets are masked.
    #[serde(default)]
    pub settings: BTreeMap<String, SettingReport>,
}

/// Of a [`Report`], what an ingress goes by: how far behind a worker's lanes are.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LanesReported {
    /// What the replica does.
    pub role: Role,
    /// The lanes that it serves; empty unless it is a worker.
    #[serde(default)]
    pub lanes: Vec<LaneReport>,
}

/// What keeps a replica from its work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// The broker is short of memory or disk: it takes no messages, but hands out those that wait.
    BrokerAlarm,
    /// The queue does not answer, or refuses.
    QueueAway,
    /// The ledger does not answer, or refuses.
    LedgerAway,
    /// The database may forget what it has committed, and that is not allowed.
    LedgerNotDurable,
    /// The ledger answers, and takes no job of any lane.
    NothingPosted,
    /// A lane waits for something of its own, while others go on.
    LaneHeldUp,
    /// Something that a later release names.
    #[default]
    #[serde(other)]
    Other,
}

/// Why a replica cannot do its work just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What kind it is.
    pub kind: TroubleKind,
    /// In a sentence.
    pub what: String,
}

/// Jobs since a replica's start, by what became of them here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Put on a lane and answered with 202 or 200.
    pub accepted: u64,
    /// Not accepted: bad, too many, or the queue was away.
    pub refused: u64,
    /// Jobs put on the lanes; by a worker, the fleet's own.
    pub published_jobs: u64,
    /// Messages that carried them.
    pub published_messages: u64,
    /// Entries written.
    pub posted: u64,
    /// Turned down for a business reason.
    pub rejected: u64,
    /// Had its outcome before: a client sent it twice.
    pub duplicate: u64,
    /// Same id, other body.
    pub conflict: u64,
    /// Given up and kept.
    pub dead: u64,
    /// Cancelled before they came.
    pub cancelled: u64,
    /// Recorded as scheduled; each counts once more by its outcome when it is executed.
    pub scheduled: u64,
    /// Duplicates and conflicts that were accepted once and came again: redelivered, or replayed.
    pub repeated: u64,
}

/// Jobs of one lane since a replica's start. Once nothing is on its way, a lane's accepted jobs are those with an outcome
/// in the ledger and the ones that came without need of one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LaneCounts {
    /// Put on the lane; by a worker, the fleet's own.
    pub accepted: u64,
    /// Got no outcome of their own in the ledger: duplicates and conflicts, those that came again among them, and dead ones of
    /// which it has no row.
    pub unrecorded: u64,
}

/// One lane as its worker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneReport {
    /// The lane.
    pub lane: Lane,
    /// When the oldest job in hand was accepted, in microseconds since the Unix epoch; `None`: idle.
    pub oldest_accepted_at: Option<i64>,
    /// Messages that were delivered to the worker and are not acknowledged; `None`: an older worker does not tell.
    pub messages_in_hand: Option<u64>,
    /// Jobs in them. Those of messages that it has not opened yet are estimated by the ones that it has.
    pub jobs_in_hand: Option<u64>,
}

#[cfg(test)]
mod tests;
