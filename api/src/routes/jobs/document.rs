//! What clients read of a job.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::domain::id::JobId;
use shared::domain::job::Kind;
use shared::domain::lane::Lane;
use shared::domain::outcome::{Rejection, Verdict};
use shared::ledger::JobRecord;
use utoipa::ToSchema;

use crate::openapi::{JobBody, KindName, RejectionName};
use crate::rfc3339::Rfc3339;

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted, without an outcome so far.
    Queued,
    /// Its entries are in the books.
    Posted,
    /// Turned down for good; `reason` says why.
    Rejected,
    /// Could not be posted; an operator looks after it.
    Dead,
}

/// A job that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Queued {
    /// Its id.
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    /// Always `queued`.
    status: Status,
    /// The lane that keeps its order.
    #[schema(value_type = u16)]
    lane: Lane,
    /// When it joined its lane.
    #[schema(value_type = String, format = DateTime)]
    accepted_at: Rfc3339,
}

impl Queued {
    /// A job that joined its lane.
    pub fn new(id: JobId, lane: Lane, accepted_at: Timestamp) -> Queued {
        Queued { id, status: Status::Queued, lane, accepted_at: Rfc3339(accepted_at) }
    }
}

/// A job as far as it is known: with no outcome yet, only its id and status.
#[derive(Debug, Serialize, ToSchema)]
pub struct Job {
    /// Its id.
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    /// Where it is.
    status: Status,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RejectionName>)]
    reason: Option<Rejection>,
    #[serde(flatten)]
    recorded: Option<Recorded>,
}

/// What the ledger holds of a job.
#[derive(Debug, Serialize, ToSchema)]
struct Recorded {
    /// What it was to do.
    #[schema(value_type = KindName)]
    kind: Kind,
    /// The lane that it came by.
    #[schema(value_type = u16)]
    lane: Lane,
    /// Who submitted it.
    client: String,
    /// The client's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// Its body in canonical form.
    #[schema(value_type = JobBody)]
    body: Option<Box<RawValue>>,
    /// When it joined its lane.
    #[schema(value_type = String, format = DateTime)]
    accepted_at: Rfc3339,
    /// When it got its outcome.
    #[schema(value_type = String, format = DateTime)]
    posted_at: Rfc3339,
}

impl Job {
    /// No outcome is known.
    pub fn queued(id: JobId) -> Job {
        Job { id, status: Status::Queued, reason: None, recorded: None }
    }

    /// A worker told of its outcome.
    pub fn told(id: JobId, verdict: Verdict) -> Job {
        let (status, reason) = match verdict {
            Verdict::Posted => (Status::Posted, None),
            Verdict::Rejected(reason) => (Status::Rejected, Some(reason)),
            Verdict::Dead => (Status::Dead, None),
        };
        Job { id, status, reason, recorded: None }
    }

    /// The ledger has it.
    pub fn recorded(record: &JobRecord) -> Job {
        let recorded = Recorded {
            kind: record.kind,
            lane: record.lane,
            client: record.client.clone(),
            reference: record.reference.clone(),
            // The ledger holds only JSON; what some hand put there instead is not shown.
            body: RawValue::from_string(record.body.clone()).ok(),
            accepted_at: Rfc3339::from_microseconds(record.accepted_at),
            posted_at: Rfc3339::from_microseconds(record.posted_at),
        };
        Job { recorded: Some(recorded), ..Job::told(record.id, record.verdict) }
    }
}
