//! `POST /api/scalability/optimize`: what holds the fleet back, and what to change.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::health::WorkersWanted;

/// What limits the fleet, and what to change.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Optimization {
    /// When the figures behind the recommendations were taken (RFC 3339, UTC).
    pub taken_at: Timestamp,
    /// What limits throughput now.
    pub bottleneck: Bottleneck,
    /// How many workers the load needs.
    pub workers: WorkersWanted,
    /// Whether more workers would raise throughput.
    pub more_workers_help: bool,
    /// What to change, the most effective change first; empty: nothing.
    pub recommendations: Vec<Recommendation>,
    /// Whether the request asked to change nothing.
    pub dry_run: bool,
    /// The settings that this request changed.
    pub applied: Vec<String>,
    /// The version of the settings in force after the request.
    pub settings_version: u64,
    /// The version that this request undid.
    pub undone: Option<u64>,
}

/// What may limit throughput.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BottleneckName {
    /// Nothing does.
    None,
    /// Not every replica has reported yet, or the queue has not been read.
    NotKnown,
    /// No worker runs.
    NoWorkers,
    /// The database does not answer.
    LedgerAway,
    /// The broker does not answer.
    QueueAway,
    /// The workers post all the time, and more of them would post more.
    TooFewWorkers,
    /// Most of what waits waits on one lane.
    HotLane,
    /// Tasks wait for a connection to the database.
    PoolWait,
    /// Batches wait for their turn to be posted.
    PostingTurns,
    /// Batches wait for each other's rows.
    LockWaits,
    /// The database takes its time to write and commit.
    Commit,
    /// The broker takes its time to confirm messages.
    PublishConfirm,
    /// Batches carry few jobs.
    BatchFill,
    /// The processors are busy.
    Cpu,
}

/// What limits throughput.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Bottleneck {
    /// The name of the bottleneck.
    pub name: BottleneckName,
    /// What limits throughput, in a sentence.
    pub sentence: String,
    /// The figures that show it.
    pub evidence: Vec<Evidence>,
}

/// A figure behind a statement.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Evidence {
    /// The name of the figure, with its unit.
    #[schema(example = "posting_wait_p95_seconds")]
    pub name: &'static str,
    /// The value of the figure.
    pub value: f64,
}

/// A change that the monitor recommends.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Recommendation {
    /// The kind of change: `setting`, `workers`, or `other`.
    pub kind: RecommendationKind,
    /// The name of the setting, or `workers`, or what to look at.
    #[schema(example = "POSTING_CONCURRENCY")]
    pub subject: String,
    /// The current value; `null`: not known.
    #[schema(value_type = Value)]
    pub current: Option<Value>,
    /// The recommended value; `null`: see `action`.
    #[schema(value_type = Value)]
    pub recommended: Option<Value>,
    /// Whether this endpoint can apply the recommendation while the fleet runs.
    pub applies_while_running: bool,
    /// What to do, in a sentence.
    pub action: String,
    /// Why the change helps, in a sentence.
    pub reason: String,
    /// The expected effect, in a sentence.
    pub expected_effect: String,
    /// The figures behind the recommendation.
    pub evidence: Vec<Evidence>,
}

/// The kind of change of a recommendation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecommendationKind {
    /// A setting.
    Setting,
    /// Another number of workers.
    Workers,
    /// Something that the fleet cannot change by itself.
    Other,
}
