//! What clients read of a job.

pub mod related;

use domain::cancellation::Whose;
use domain::id::JobId;
use domain::job::Kind;
use domain::lane::Lane;
use domain::outcome::{RecordedOutcome, Rejection};
use domain::schedule::ExecuteAt;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_with::skip_serializing_none;
use store::analyses::Run;
use store::ledger::{Cancellation, Conflicts, JobRecord};
use utoipa::ToSchema;

use self::related::{HoldOfJob, RowOfImport};
use crate::openapi::{JobBody, KindName, RejectionName};
use crate::rfc3339::Rfc3339;
use crate::routes::analyses::document::State;

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted: it is on disk, and will reach an outcome.
    Queued,
    /// No outcome is known. Only a `202` proves that a job was accepted: one that was answered `503`, or not at all, may be
    /// on its way or nowhere. Sent again with the same key or reference it never takes effect twice.
    Pending,
    /// Its entries are in the ledger.
    Posted,
    /// Turned down for good; `reason` says why.
    Rejected,
    /// Could not be posted; an operator looks after it.
    Dead,
    /// An analysis that has begun.
    Running,
    /// An analysis that has ended.
    Done,
    /// Cancelled before it was posted: it never is. Or an analysis that somebody cancelled.
    Cancelled,
    /// It waits for `execute_at`. Then the ledger decides about it as about any other job.
    Scheduled,
}

impl From<State> for Status {
    fn from(state: State) -> Status {
        match state {
            State::Queued => Status::Queued,
            State::Pending => Status::Pending,
            State::Planning | State::Running => Status::Running,
            State::Done => Status::Done,
            State::Cancelled => Status::Cancelled,
        }
    }
}

/// An accepted job.
#[derive(Debug, Serialize, ToSchema)]
pub struct Queued {
    /// The job's id.
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    /// Always `queued`.
    status: Status,
    /// The lane that keeps the job's order; absent for an analysis.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u16>)]
    lane: Option<Lane>,
    /// When the job joined its lane (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    accepted_at: Rfc3339,
    /// When the job is to be executed (RFC 3339, UTC); absent where it is at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    execute_at: Option<Rfc3339>,
}

impl Queued {
    /// A job that joined its lane.
    pub fn new(id: JobId, lane: Lane, accepted_at: Timestamp, execute_at: Option<ExecuteAt>) -> Queued {
        let execute_at = execute_at.map(|at| Rfc3339(at.timestamp()));
        Queued { id, status: Status::Queued, lane: Some(lane), accepted_at: Rfc3339(accepted_at), execute_at }
    }

    /// Work without an order, accepted at this time (µs since the Unix epoch).
    pub fn unordered(id: JobId, accepted_at: i64) -> Queued {
        let accepted_at = Rfc3339::from_microseconds(accepted_at);
        Queued { id, status: Status::Queued, lane: None, accepted_at, execute_at: None }
    }
}

/// Other bodies that came under a job's identity. None of them took effect, and none will.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConflictsOfJob {
    /// Number of other bodies, each counted once however often it was sent.
    count: u64,
    /// When the latest of the other bodies was accepted (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    last_accepted_at: Rfc3339,
    /// The latest of the other bodies, in canonical form.
    #[schema(value_type = JobBody)]
    last_body: Option<Box<RawValue>>,
}

impl From<&Conflicts> for ConflictsOfJob {
    fn from(conflicts: &Conflicts) -> ConflictsOfJob {
        ConflictsOfJob {
            count: conflicts.count,
            last_accepted_at: Rfc3339::from_microseconds(conflicts.last_at),
            last_body: RawValue::from_string(conflicts.last_body.clone()).ok(),
        }
    }
}

/// That a job was cancelled.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct CancelledJob {
    /// When (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    at: Rfc3339,
    /// The client that cancelled the job.
    by: String,
    /// Why, as that client has put it.
    reason: Option<String>,
    /// The client whose job with this id is cancelled; absent where it is whoever's.
    client: Option<String>,
}

impl From<&Cancellation> for CancelledJob {
    fn from(cancellation: &Cancellation) -> CancelledJob {
        CancelledJob {
            at: Rfc3339::from_microseconds(cancellation.at),
            by: cancellation.by.clone(),
            reason: cancellation.reason.clone(),
            client: match &cancellation.whose {
                Whose::Anybodys => None,
                Whose::Clients(client) => Some(client.to_string()),
            },
        }
    }
}

/// A job. Without an outcome, only its id and status are present.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct Job {
    /// The job's id.
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    /// The state of the job.
    status: Status,
    /// Why the job was rejected.
    #[schema(value_type = Option<RejectionName>)]
    reason: Option<Rejection>,
    /// The job's kind.
    #[schema(value_type = Option<KindName>)]
    kind: Option<Kind>,
    /// The job's lane.
    #[schema(value_type = Option<u16>)]
    lane: Option<Lane>,
    /// The client that submitted the job.
    client: Option<String>,
    /// The client's own name for the job.
    reference: Option<String>,
    /// The job's body in canonical form.
    #[schema(value_type = Option<JobBody>)]
    body: Option<Box<RawValue>>,
    /// When the job joined its lane (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    accepted_at: Option<Rfc3339>,
    /// When the job got its outcome (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    posted_at: Option<Rfc3339>,
    /// When the job is, or was, to be executed (RFC 3339, UTC); absent where that was at once.
    #[schema(value_type = Option<String>, format = DateTime)]
    execute_at: Option<Rfc3339>,
    /// When it was recorded that the job waits for `execute_at` (RFC 3339, UTC). Of a job that has its outcome, absent in lists.
    #[schema(value_type = Option<String>, format = DateTime)]
    scheduled_at: Option<Rfc3339>,
    /// Other bodies that came under the job's identity; absent where there are none.
    conflicts: Option<ConflictsOfJob>,
    /// Why the job could not be posted; its dead letter waits for an operator.
    cause: Option<String>,
    /// Who cancelled the job.
    cancelled: Option<CancelledJob>,
    /// The job that reversed this one.
    #[schema(value_type = Option<String>, format = Uuid)]
    reversed_by: Option<JobId>,
    /// The hold that the job made, as it stands.
    hold: Option<HoldOfJob>,
    /// The row of a file that the job came from, for the client of the file.
    import: Option<RowOfImport>,
    /// Path of the analysis, which shows its progress; only for a job that is an analysis.
    #[schema(example = "/api/analyses/0192f0c1-2f5b-7c44-8d2b-3a1e5f6a7b8c")]
    analysis: Option<String>,
}

impl Job {
    fn new(id: JobId, status: Status, reason: Option<Rejection>) -> Job {
        Job {
            id,
            status,
            reason,
            kind: None,
            lane: None,
            client: None,
            reference: None,
            body: None,
            accepted_at: None,
            posted_at: None,
            execute_at: None,
            scheduled_at: None,
            conflicts: None,
            cause: None,
            cancelled: None,
            reversed_by: None,
            hold: None,
            import: None,
            analysis: None,
        }
    }

    /// Its id.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// The state that it is in.
    pub fn status(&self) -> Status {
        self.status
    }

    /// No outcome is known.
    pub fn pending(id: JobId) -> Job {
        Job::new(id, Status::Pending, None)
    }

    /// It is an analysis.
    pub fn analysis(run: &Run) -> Job {
        let id = run.new.id;
        Job {
            client: Some(run.new.client.clone()),
            accepted_at: Some(Rfc3339::from_microseconds(run.new.requested_at)),
            analysis: Some(format!("/api/analyses/{id}")),
            ..Job::new(id, State::of(run).into(), None)
        }
    }

    /// A worker reported the outcome.
    pub fn with_outcome(id: JobId, outcome: RecordedOutcome) -> Job {
        match outcome {
            RecordedOutcome::Posted => Job::new(id, Status::Posted, None),
            RecordedOutcome::Rejected(reason) => Job::new(id, Status::Rejected, Some(reason)),
            RecordedOutcome::Dead => Job::new(id, Status::Dead, None),
            RecordedOutcome::Cancelled => Job::new(id, Status::Cancelled, None),
            RecordedOutcome::Scheduled => Job::new(id, Status::Scheduled, None),
        }
    }

    /// It was cancelled, and has not come.
    pub fn cancelled(id: JobId, cancellation: &Cancellation) -> Job {
        Job::new(id, Status::Cancelled, None).cancelled_by(Some(cancellation))
    }

    /// The same, with who cancelled it. One that is scheduled and was cancelled is not executed, though the ledger has yet to
    /// say so.
    #[must_use]
    pub fn cancelled_by(self, cancellation: Option<&Cancellation>) -> Job {
        let status = if cancellation.is_some() { Status::Cancelled } else { self.status };
        Job { status, cancelled: cancellation.map(CancelledJob::from), ..self }
    }

    /// The ledger has it.
    pub fn recorded(record: &JobRecord) -> Job {
        let recorded_at = Rfc3339::from_microseconds(record.posted_at);
        let is_scheduled = record.outcome == RecordedOutcome::Scheduled;
        Job {
            kind: Some(record.kind),
            lane: Some(record.lane),
            client: Some(record.client.clone()),
            reference: record.reference.clone(),
            // The ledger holds only JSON; what some hand put there instead is not shown.
            body: RawValue::from_string(record.body.clone()).ok(),
            accepted_at: Some(Rfc3339::from_microseconds(record.accepted_at)),
            posted_at: (!is_scheduled).then_some(recorded_at),
            execute_at: record.execute_at().map(|at| Rfc3339(at.timestamp())),
            scheduled_at: is_scheduled.then_some(recorded_at),
            conflicts: record.conflicts.as_ref().map(ConflictsOfJob::from),
            ..Job::with_outcome(record.id, record.outcome)
        }
    }
}
