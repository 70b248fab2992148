//! What clients read of a timeline.

use domain::account::AccountNumber;
use domain::id::JobId;
use domain::job::Kind;
use domain::lane::Lane;
use domain::outcome::Rejection;
use serde::Serialize;
use serde_with::skip_serializing_none;
use store::analyses::Run;
use utoipa::ToSchema;

use crate::openapi::{KindName, RejectionName};
use crate::rfc3339::Rfc3339;
use crate::routes::jobs::document::{Job, Status};

/// What happened to a job.
#[derive(Debug, Serialize, ToSchema)]
pub struct Timeline {
    /// The job's id.
    #[schema(value_type = String, format = Uuid)]
    job: JobId,
    /// The state of the job.
    status: Status,
    /// What happened, in the order of time.
    events: Vec<TimelineEvent>,
}

/// Something that happened to a job.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TimelineEvent {
    /// When (RFC 3339, UTC); absent where nothing says.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Rfc3339>,
    /// What.
    pub event: Happened,
    /// The same as a sentence, for people; programs go by `event`.
    pub text: String,
}

/// What happened to a job; `type` names it. Amounts are in minor units.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Happened {
    /// It joined its lane, on disk.
    Accepted {
        /// The client that submitted it.
        client: String,
        /// The ingress replica that accepted it.
        ingress: Option<String>,
        /// The lane; absent for an analysis.
        #[schema(value_type = Option<u16>)]
        lane: Option<Lane>,
        /// What it is to do; absent for an analysis.
        #[schema(value_type = Option<KindName>)]
        kind: Option<Kind>,
        /// The client's own name for it.
        reference: Option<String>,
    },
    /// It was read from a file.
    ReadFromImport {
        /// The number of the import.
        import: u64,
        /// The number of the row.
        row: u64,
    },
    /// It could not be posted, and was kept as a dead letter.
    GivenUp {
        /// Why.
        cause: String,
    },
    /// Its entries are in the ledger, and what else it changes.
    Posted,
    /// It was turned down for good.
    Rejected {
        /// Why.
        #[schema(value_type = RejectionName)]
        reason: Rejection,
    },
    /// It was recorded that it waits for its day.
    Scheduled {
        /// When it is, or was, to be executed (RFC 3339, UTC).
        #[schema(value_type = String, format = DateTime)]
        execute_at: Rfc3339,
    },
    /// It was cancelled before it came to be posted.
    Cancelled {
        /// The client that cancelled it.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// It moved money on an account.
    Entry {
        /// The account.
        #[schema(value_type = String)]
        account: AccountNumber,
        /// The entry's place among those of the account.
        seq: i64,
        /// A credit is positive, a debit negative.
        amount: i64,
        /// The balance before it.
        balance_before: i64,
        /// The balance after it.
        balance_after: i64,
    },
    /// It reserved funds.
    HoldPlaced {
        /// The account.
        #[schema(value_type = String)]
        account: AccountNumber,
        /// How much.
        amount: i64,
        /// From when on it cannot be captured (RFC 3339, UTC).
        #[schema(value_type = Option<String>, format = DateTime)]
        expires_at: Option<Rfc3339>,
    },
    /// Another job moved the funds that this one reserved, all or a part; the rest was given back.
    HoldCaptured {
        /// How much was moved.
        amount: i64,
        /// That job; absent where it was not found.
        #[schema(value_type = Option<String>, format = Uuid)]
        by: Option<JobId>,
    },
    /// Another job gave the funds back that this one reserved.
    HoldReleased {
        /// That job; absent where it was not found.
        #[schema(value_type = Option<String>, format = Uuid)]
        by: Option<JobId>,
    },
    /// The hold that it made expired, and the fleet gave the funds back.
    HoldExpired {
        /// The job by which it did.
        #[schema(value_type = String, format = Uuid)]
        by: JobId,
    },
    /// It ended a hold that another job made.
    EndedHold {
        /// The hold, and the job that made it.
        #[schema(value_type = String, format = Uuid)]
        hold: JobId,
    },
    /// It undid another job.
    Reversed {
        /// That job.
        #[schema(value_type = String, format = Uuid)]
        job: JobId,
    },
    /// Another job undid it.
    ReversedBy {
        /// That job.
        #[schema(value_type = String, format = Uuid)]
        job: JobId,
    },
    /// Other bodies came under its identity. None of them took effect. The time is that of the latest.
    Conflicts {
        /// How many.
        count: u64,
    },
}

impl Timeline {
    /// No outcome is known.
    pub fn pending(job: JobId) -> Timeline {
        Timeline { job, status: Status::Pending, events: Vec::new() }
    }

    /// It was cancelled, and has not come.
    pub fn cancelled(job: JobId, event: TimelineEvent) -> Timeline {
        Timeline { job, status: Status::Cancelled, events: vec![event] }
    }

    /// The ledger has it.
    pub fn of(job: &Job, events: Vec<TimelineEvent>) -> Timeline {
        Timeline { job: job.id(), status: job.status(), events }
    }

    /// It is an analysis: of that the analysis itself says more.
    pub fn analysis(run: &Run) -> Timeline {
        let client = run.new.client.clone();
        let event = TimelineEvent {
            at: Some(Rfc3339::from_microseconds(run.new.requested_at)),
            text: format!(
                "{client} asked for the analysis; /api/analyses/{} shows its progress.",
                run.new.id
            ),
            event: Happened::Accepted { client, ingress: None, lane: None, kind: None, reference: None },
        };
        Timeline { job: run.new.id, status: Job::analysis(run).status(), events: vec![event] }
    }
}
