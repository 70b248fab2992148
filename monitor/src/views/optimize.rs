//! `POST /api/scalability/optimize`: what holds the fleet back, and what to change.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::health::WorkersWanted;

/// What holds the fleet back, and what to change.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Optimization {
    /// When the figures behind it were taken (RFC 3339, UTC).
    #[schema(value_type = String)]
    pub taken_at: Timestamp,
    /// What limits throughput now.
    pub bottleneck: Bottleneck,
    /// How many workers there should be.
    pub workers: WorkersWanted,
    /// Whether workers beyond those that run would raise throughput.
    pub more_workers_help: bool,
    /// What to change, the most effective first; empty: nothing.
    pub recommendations: Vec<Recommendation>,
    /// What was asked for: nothing was changed.
    pub dry_run: bool,
    /// The settings that were changed by this request.
    pub applied: Vec<String>,
    /// The version of the settings in force after it.
    pub settings_version: u64,
    /// The version that was undone by this request.
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
    /// What it is.
    pub name: BottleneckName,
    /// What it is, in a sentence.
    pub sentence: String,
    /// The figures that show it.
    pub evidence: Vec<Evidence>,
}

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Evidence {
    /// What is measured, with its unit.
    #[schema(example = "posting_wait_p95_seconds")]
    pub name: &'static str,
    /// How much.
    pub value: f64,
}

/// Something to change.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Recommendation {
    /// `setting`, `workers`, or `other`.
    pub kind: RecommendationKind,
    /// The setting, or `workers`, or what to look at.
    #[schema(example = "POSTING_CONCURRENCY")]
    pub subject: String,
    /// What it is now; `null`: not known.
    #[schema(value_type = Option<Object>)]
    pub current: Option<Value>,
    /// What it should be; `null`: see `action`.
    #[schema(value_type = Option<Object>)]
    pub recommended: Option<Value>,
    /// It can be applied while running, by this endpoint.
    pub applies_while_running: bool,
    /// What to do, in a sentence.
    pub action: String,
    /// Why, in a sentence.
    pub reason: String,
    /// What will be better, in a sentence.
    pub expected_effect: String,
    /// The figures behind it.
    pub evidence: Vec<Evidence>,
}

/// What kind of change a recommendation is.
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
