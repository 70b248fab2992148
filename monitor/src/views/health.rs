//! How the fleet is: a score with its parts, and the reconciliation.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// The fleet's health as one number, and what it is made of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Health {
    /// 0 (nothing works) to 100 (all is well): the weighted mean of the parts' scores, at most 25 while a
    /// part that everything depends on is at 0. `null`: nothing has been measured yet.
    #[schema(example = 96)]
    pub score: Option<u8>,
    /// What it is made of.
    pub parts: Vec<HealthPart>,
}

/// What a part of the score is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthPartName {
    /// Every lane has a worker.
    Workers,
    /// The queue answers.
    Queue,
    /// The ledger answers.
    Ledger,
    /// Debits equal credits.
    Books,
    /// How long jobs wait.
    Lag,
    /// How soon the ingress answers.
    Response,
    /// How many requests fail.
    Errors,
    /// CPU, memory and disk.
    Resources,
    /// Pools of connections and threads.
    Pools,
    /// Dead letters that wait for an operator.
    DeadLetters,
}

/// One part of the score.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HealthPart {
    /// What it is about.
    pub name: HealthPartName,
    /// 0 to 100; `null`: not known, and not counted.
    pub score: Option<u8>,
    /// How much it counts.
    pub weight: u8,
    /// Why, in a sentence.
    pub reason: String,
}

/// How many workers the load needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkersWanted {
    /// How many there should be: at least one, never more than there are lanes. `null`: not known yet.
    pub workers: Option<u16>,
    /// How many are live.
    pub now: u16,
    /// Why, in a sentence.
    pub reason: String,
}

/// Every accepted job is somewhere: accepted = posted + rejected + dead + duplicates + conflicts + in flight.
///
/// What was accepted is counted by the replicas that have reported to the monitor, what became of it by the ledger, since
/// `since`. A gap, as a killed ingress leaves one, is told and then let be: the count starts anew.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reconciliation {
    /// Since when: a moment at which nothing was in flight, else the monitor's start (RFC 3339, UTC).
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// Jobs that the lanes took.
    pub accepted: u64,
    /// Jobs with entries.
    pub posted: u64,
    /// Jobs turned down for a business reason.
    pub rejected: u64,
    /// Jobs given up and kept.
    pub dead: u64,
    /// Jobs that had their outcome before: a client sent them twice.
    pub duplicates: u64,
    /// Jobs with the id of another job.
    pub conflicts: u64,
    /// Accepted and without an outcome.
    pub in_flight: u64,
    /// When nothing waits in the queue: accepted jobs without an outcome (above zero), or outcomes of jobs that
    /// no ingress counts as accepted (below). `null`: jobs wait, so it cannot be told.
    pub unaccounted: Option<i64>,
    /// The equation holds. `null`: it cannot be told while jobs are on their way, or a replica was lost with what it
    /// had not yet reported, and the count has yet to start anew.
    pub holds: Option<bool>,
    /// Accepted jobs that are nowhere: no outcome, not in the queue, and no lost replica explains it. Told for 15
    /// minutes after some were found missing last. `null`: it cannot be told, as the monitor has just started, or the
    /// ledger or the fleet bus is away.
    pub missing_jobs: Option<u64>,
    /// The lanes that they were accepted on.
    pub missing_lanes: Vec<MissingJobs>,
    /// Every currency's balances sum to zero; `null`: not known.
    pub debits_equal_credits: Option<bool>,
    /// All of it in a sentence.
    pub sentence: String,
}

/// Jobs of one lane that were accepted and are nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct MissingJobs {
    /// The lane.
    pub lane: u16,
    /// How many jobs, at the least.
    pub jobs: u64,
}
