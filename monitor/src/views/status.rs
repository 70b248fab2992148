//! `GET /api/scalability/status`: is the fleet well, and if not, why.

use contract::settings::LanePause;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::alerts::AlertName;
use super::health::{Health, Reconciliation, WorkersWanted};
use super::policies::QueuePolicies;
use super::problems::{FleetProblem, FleetState};
use super::replica::ReplicaView;

/// The fleet at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Status {
    /// When the snapshot was taken (RFC 3339, UTC).
    pub taken_at: Timestamp,
    /// The state of the fleet.
    pub state: FleetState,
    /// The state of the fleet in a sentence, which starts with the state.
    #[schema(example = "draining: 4,120 jobs, oldest 38 s, clear in about 55 s")]
    pub verdict: String,
    /// How jobs flow, in a few words.
    #[schema(example = "4,120 jobs, oldest 38 s, clear in about 55 s")]
    pub flow: String,
    /// The problems of the fleet, the gravest first; empty: there is none.
    pub problems: Vec<FleetProblem>,
    /// Health score of the fleet from 0 to 100, and its parts.
    pub health: Health,
    /// How many workers the load needs.
    pub workers_wanted: WorkersWanted,
    /// Every accepted job is somewhere.
    pub reconciliation: Reconciliation,
    /// Jobs and messages that wait, over all lanes.
    pub queue: QueueTotals,
    /// The policies that somebody has set on the queues of the broker.
    pub queue_policies: QueuePolicies,
    /// Names of the alerts that fire.
    pub alerts_firing: Vec<AlertName>,
    /// Every replica that has reported, by role and id. A lost replica stays for a while.
    pub replicas: Vec<ReplicaView>,
    /// Every lane, in order.
    pub lanes: Vec<LaneView>,
    /// Number of messages and jobs that could not be posted and wait for an operator.
    pub dead_letters: Option<u64>,
    /// The ledger at a glance.
    pub ledger: Option<LedgerView>,
}

/// Jobs and messages that wait, over all lanes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct QueueTotals {
    /// Number of messages that wait for delivery; `null`: the queue did not answer.
    pub depth_messages: Option<u64>,
    /// Number of jobs without an outcome: in the waiting messages and in the workers' hands; `null`: not
    /// known.
    pub depth_jobs: Option<u64>,
    /// Whether `depth_jobs` is an estimate, since the broker counts messages only.
    pub depth_jobs_estimated: bool,
    /// Number of messages that were delivered to workers and are not acknowledged yet; `null`: not known.
    pub unacknowledged_messages: Option<u64>,
    /// Number of jobs in the unacknowledged messages, a part of `depth_jobs`; `null`: not known.
    pub jobs_in_hand: Option<u64>,
    /// Age in seconds of the oldest job without an outcome; `null`: not known.
    pub lag_seconds: Option<f64>,
    /// Seconds until no job waits, at the pace of the last 10 s; `null`: no job waits, or the number of
    /// waiting jobs grows.
    pub clear_in_seconds: Option<f64>,
    /// Number of messages of analyses that wait, each of up to 100 accounts; `null`: the queue did not
    /// answer. Analyses wait apart from other jobs, and no other figure counts them.
    pub analyses_waiting: Option<u64>,
}

/// Why the jobs of a lane wait: an operator wants them to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LanePauseView {
    /// Who paused the lane.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when (RFC 3339, UTC).
    pub since: Timestamp,
}

impl From<&LanePause> for LanePauseView {
    fn from(pause: &LanePause) -> LanePauseView {
        let since = Timestamp::from_microsecond(pause.since).unwrap_or_default();
        LanePauseView { by: pause.by.clone(), reason: pause.reason.clone(), since }
    }
}

/// A lane: its holder and the jobs that wait.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct LaneView {
    /// The lane's number.
    pub lane: u16,
    /// The worker that serves the lane; `null`: none.
    pub holder: Option<String>,
    /// Whether the lane has a holder and, as far as the queue shows, a consumer; `null`: not known, since the
    /// replicas do not report.
    pub served: Option<bool>,
    /// Number of messages that wait for delivery; `null`: the queue did not answer.
    pub depth_messages: Option<u64>,
    /// Number of messages that were delivered to the holder and are not acknowledged yet; `null`: not known.
    pub unacknowledged_messages: Option<u64>,
    /// Number of jobs in the unacknowledged messages, a part of `depth_jobs`; `null`: not known.
    pub jobs_in_hand: Option<u64>,
    /// Number of jobs without an outcome: in the waiting messages and in the holder's hands; `null`: not
    /// known.
    pub depth_jobs: Option<u64>,
    /// Whether `depth_jobs` is an estimate from the mean number of jobs in a message, since the queue counts
    /// messages only.
    pub depth_jobs_estimated: bool,
    /// Number of consumers of the lane's queue, active and waiting.
    pub consumers: Option<u32>,
    /// Age in seconds of the oldest job without an outcome; 0: no job waits; `null`: not known, for example
    /// where the clock of the ingress that accepted the job is ahead.
    pub lag_seconds: Option<f64>,
    /// Who paused the lane, and why; `null`: it is not paused.
    pub paused: Option<LanePauseView>,
}

/// The ledger: jobs by outcome, and the sums of all balances.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LedgerView {
    /// Number of accounts, without the system's own.
    pub accounts: u64,
    /// Number of jobs with entries, of all time.
    pub posted: u64,
    /// Number of jobs rejected for a business reason, of all time.
    pub rejected: u64,
    /// Number of jobs that could not be posted, of all time.
    pub dead: u64,
    /// Number of jobs that had been cancelled before they came, of all time.
    pub cancelled: u64,
    /// Number of jobs that wait for the day on which they are to be executed.
    pub scheduled: u64,
    /// Whether every currency's balances summed to zero at the last reading. For a ledger of many accounts
    /// the last reading is some minutes old.
    pub balanced: bool,
    /// For each currency the sum of all balances, in minor units: zero if debits equal credits.
    pub balances: Vec<CurrencySum>,
}

/// The sum of all balances of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CurrencySum {
    /// ISO 4217 code.
    pub currency: String,
    /// Minor units, as a decimal string, since the sum may exceed what readers of JSON take.
    pub sum: String,
}
