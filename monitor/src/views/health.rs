//! How the fleet is: a score with its parts, and the reconciliation.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// The fleet's health as one number, and its parts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Health {
    /// 0 (nothing works) to 100 (all is well): the weighted mean of the parts' scores, at most 25 while a
    /// part that everything depends on is at 0. `null`: no part is known yet.
    #[schema(example = 96)]
    pub score: Option<u8>,
    /// The parts of the score.
    pub parts: Vec<HealthPart>,
}

/// The name of a part of the health score.
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

/// One part of the health score.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HealthPart {
    /// The name of the part.
    pub name: HealthPartName,
    /// 0 to 100; `null`: not known, and not counted.
    pub score: Option<u8>,
    /// Weight of the part in the health score.
    pub weight: u8,
    /// Why the part has this score, in a sentence.
    pub reason: String,
}

/// How many workers the load needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkersWanted {
    /// Number of workers that the load needs: at least one, never more than there are lanes. `null`: not
    /// known yet.
    pub workers: Option<u16>,
    /// Number of live workers.
    pub now: u16,
    /// Why the load needs so many, in a sentence.
    pub reason: String,
}

/// Every accepted job is somewhere: accepted = posted + rejected + dead + cancelled + duplicates + conflicts
/// + in flight.
///
/// Since `since`, the replicas that have reported to the monitor count accepted jobs, and the ledger counts
/// outcomes. A gap, such as a killed ingress leaves, is shown for a while, and then the count starts anew.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reconciliation {
    /// Start of the count: a moment at which no job was in flight, or else the monitor's start (RFC 3339,
    /// UTC).
    pub since: Timestamp,
    /// Number of jobs that the lanes took.
    pub accepted: u64,
    /// Number of jobs with entries.
    pub posted: u64,
    /// Number of jobs rejected for a business reason.
    pub rejected: u64,
    /// Number of jobs that were given up and kept.
    pub dead: u64,
    /// Number of jobs that had been cancelled before they came.
    pub cancelled: u64,
    /// Number of jobs that came since then and wait for the day on which they are to be executed.
    pub scheduled: u64,
    /// Number of jobs that had their outcome before: a client sent them twice.
    pub duplicates: u64,
    /// Number of jobs with the id of another job.
    pub conflicts: u64,
    /// Number of jobs that were accepted and have no outcome.
    pub in_flight: u64,
    /// Known when no job waits in the queue. Above zero: accepted jobs without an outcome. Below zero:
    /// outcomes of jobs that no ingress counts as accepted. `null`: jobs wait.
    pub unaccounted: Option<i64>,
    /// Whether the equation holds. `null`: not known while jobs are on their way, or after a replica was lost
    /// with counts that it had not reported, until the count starts anew.
    pub holds: Option<bool>,
    /// Number of accepted jobs that cannot be found: without an outcome, not in the queue, and not explained
    /// by a lost replica. The number stays for 15 minutes after the last finding. `null`: not known, since
    /// the monitor has just started, or the ledger or the fleet bus is away.
    pub missing_jobs: Option<u64>,
    /// The lanes on which the missing jobs were accepted.
    pub missing_lanes: Vec<MissingJobs>,
    /// Whether every currency's balances sum to zero; `null`: not known.
    pub debits_equal_credits: Option<bool>,
    /// The reconciliation in a sentence.
    pub sentence: String,
}

/// Jobs of one lane that were accepted and cannot be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct MissingJobs {
    /// The lane.
    pub lane: u16,
    /// Number of jobs, at the least.
    pub jobs: u64,
}
