//! `GET /api/scalability/status`: is the fleet well, and if not, why.

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
    /// When it was taken (RFC 3339, UTC).
    #[schema(value_type = String)]
    pub taken_at: Timestamp,
    /// How the fleet is.
    pub state: FleetState,
    /// The same in a sentence that starts with the state.
    #[schema(example = "draining: 4,120 jobs, oldest 38 s, clear in about 55 s")]
    pub verdict: String,
    /// How jobs flow, in a few words.
    #[schema(example = "4,120 jobs, oldest 38 s, clear in about 55 s")]
    pub flow: String,
    /// What is wrong, the gravest first; empty: nothing is.
    pub problems: Vec<FleetProblem>,
    /// How well the fleet is, from 0 to 100, and why.
    pub health: Health,
    /// How many workers the load needs.
    pub workers_wanted: WorkersWanted,
    /// Every accepted job is somewhere.
    pub reconciliation: Reconciliation,
    /// What waits, over all lanes.
    pub queue: QueueTotals,
    /// What somebody has set on the queues of the broker.
    pub queue_policies: QueuePolicies,
    /// Names of the alerts that fire.
    pub alerts_firing: Vec<AlertName>,
    /// Every replica that has reported, by role and id. A lost one stays for a while.
    pub replicas: Vec<ReplicaView>,
    /// Every lane, in order.
    pub lanes: Vec<LaneView>,
    /// Messages and jobs that could not be posted and wait for an operator.
    pub dead_letters: Option<u64>,
    /// The ledger at a glance.
    pub ledger: Option<LedgerView>,
}

/// What waits, over all lanes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct QueueTotals {
    /// Messages that wait to be delivered; `null`: the queue could not be asked.
    pub depth_messages: Option<u64>,
    /// Jobs without an outcome: those in the waiting messages and those in the workers' hands; `null`: not known.
    pub depth_jobs: Option<u64>,
    /// `depth_jobs` is an estimate, since the broker counts messages only.
    pub depth_jobs_estimated: bool,
    /// Messages delivered to workers and not yet acknowledged; `null`: not known.
    pub unacknowledged_messages: Option<u64>,
    /// Jobs in those, a part of `depth_jobs`; `null`: not known.
    pub jobs_in_hand: Option<u64>,
    /// Age in seconds of the oldest job without an outcome; `null`: not known.
    pub lag_seconds: Option<f64>,
    /// Seconds until all that waits is posted, at the pace of the last 10 s; `null`: nothing waits, or it
    /// grows.
    pub clear_in_seconds: Option<f64>,
    /// Messages of work for analyses that wait, each a batch of up to 100 accounts; `null`: the queue could not be
    /// asked. They wait apart from the jobs, and none of the other figures counts them.
    pub analyses_waiting: Option<u64>,
}

/// One lane.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct LaneView {
    /// Its number.
    pub lane: u16,
    /// The worker that serves it; `null`: none.
    pub holder: Option<String>,
    /// The lane has a holder and, as far as the queue tells, a consumer; `null`: not known, since the replicas do not
    /// report.
    pub served: Option<bool>,
    /// Messages that wait to be delivered; `null`: the queue could not be asked.
    pub depth_messages: Option<u64>,
    /// Messages delivered to its holder and not yet acknowledged; `null`: not known.
    pub unacknowledged_messages: Option<u64>,
    /// Jobs in those, a part of `depth_jobs`; `null`: not known.
    pub jobs_in_hand: Option<u64>,
    /// Jobs without an outcome: those in the waiting messages and those in its holder's hands; `null`: not known.
    pub depth_jobs: Option<u64>,
    /// `depth_jobs` is worked out from the mean number of jobs in a message, since the queue counts
    /// messages only.
    pub depth_jobs_estimated: bool,
    /// Consumers at the queue, active and waiting.
    pub consumers: Option<u32>,
    /// Age in seconds of the oldest job that has no outcome yet; 0: none waits; `null`: not known, as where the clock of the
    /// ingress that accepted it is ahead.
    pub lag_seconds: Option<f64>,
}

/// The ledger.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LedgerView {
    /// Accounts, the system's own not counted.
    pub accounts: u64,
    /// Jobs with entries, of all time.
    pub posted: u64,
    /// Jobs turned down for a business reason, of all time.
    pub rejected: u64,
    /// Jobs that could not be posted, of all time.
    pub dead: u64,
    /// Every currency's balances sum to zero, as they were read last: for a ledger of many accounts some minutes ago.
    pub balanced: bool,
    /// For each currency the sum of all balances in minor units: zero if debits equal credits.
    pub balances: Vec<CurrencySum>,
}

/// The sum of all balances of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CurrencySum {
    /// ISO 4217 code.
    pub currency: String,
    /// Minor units, as a decimal string: it may be larger than JSON's readers take.
    pub sum: String,
}
