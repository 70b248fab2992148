//! The snapshot: the monitor's view of the fleet at one moment. What could not be read is absent, with
//! the reason beside it; it never reads as zero.

use jiff::Timestamp;
use serde::Serialize;
use shared::contract::report::{Counts, Role};
use shared::domain::lane::Lanes;
use utoipa::ToSchema;

/// The fleet at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Snapshot {
    /// When it was taken (RFC 3339, UTC).
    #[schema(value_type = String)]
    pub taken_at: Timestamp,
    /// How the fleet is, in a sentence.
    pub verdict: String,
    /// What is wrong, a sentence each; empty: nothing is.
    pub problems: Vec<String>,
    /// Every replica that was heard of, by role and id. A lost one stays for a while.
    pub replicas: Vec<ReplicaView>,
    /// Every lane, in order.
    pub lanes: Vec<LaneView>,
    /// Messages and jobs that could not be posted and wait for an operator.
    pub dead_letters: Option<u64>,
    /// The books at a glance.
    pub ledger: Option<LedgerView>,
}

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
    /// The version of its program.
    pub version: String,
    /// `live`, or `lost` when it has been silent for longer than it should.
    pub state: ReplicaState,
    /// Seconds since its start, by its last report.
    pub uptime_seconds: f64,
    /// Seconds since it was heard last.
    pub silent_seconds: f64,
    /// Why it can not do its work just now.
    pub trouble: Option<String>,
    /// Jobs since its start, by what became of them there.
    #[schema(value_type = Object)]
    pub counts: Counts,
    /// The lanes that it serves.
    pub lanes: Vec<u16>,
}

/// Whether a replica is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaState {
    /// It reports.
    Live,
    /// It has stopped reporting without saying goodbye.
    Lost,
}

/// One lane.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LaneView {
    /// Its number.
    pub lane: u16,
    /// The worker that serves it; `null`: none.
    pub holder: Option<String>,
    /// Messages that wait to be delivered; `null`: the queue could not be asked.
    pub depth_messages: Option<u64>,
    /// Messages delivered and not yet acknowledged; `null`: the queue does not tell.
    pub unacknowledged_messages: Option<u64>,
    /// Jobs in the waiting messages; `null`: not known.
    pub depth_jobs: Option<u64>,
    /// `depth_jobs` is worked out from the mean number of jobs in a message, since the queue counts
    /// messages only.
    pub depth_jobs_estimated: bool,
    /// Consumers at the queue, active and waiting.
    pub consumers: Option<u32>,
    /// Age in seconds of the oldest job that has no outcome yet; 0: none waits; `null`: not known.
    pub lag_seconds: Option<f64>,
}

/// The books.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LedgerView {
    /// Accounts, the system's own not counted.
    pub accounts: u64,
    /// Jobs with entries.
    pub posted: u64,
    /// Jobs turned down for a business reason.
    pub rejected: u64,
    /// Jobs that could not be posted.
    pub dead: u64,
    /// Every currency's balances sum to zero.
    pub balanced: bool,
    /// For each currency the sum of all balances in minor units: zero if the books balance.
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

impl Snapshot {
    /// Before the first sample: every lane, and nothing known of it.
    #[must_use]
    pub fn nothing_yet(lanes: Lanes) -> Snapshot {
        let unknown = |lane: u16| LaneView {
            lane,
            holder: None,
            depth_messages: None,
            unacknowledged_messages: None,
            depth_jobs: None,
            depth_jobs_estimated: false,
            consumers: None,
            lag_seconds: None,
        };
        Snapshot {
            taken_at: Timestamp::now(),
            verdict: "starting: nothing has been measured yet".to_owned(),
            problems: Vec::new(),
            replicas: Vec::new(),
            lanes: lanes.iter().map(|lane| unknown(lane.0)).collect(),
            dead_letters: None,
            ledger: None,
        }
    }
}
