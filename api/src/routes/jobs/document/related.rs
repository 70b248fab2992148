//! What a job is now: what other jobs made of it, and where it came from.

use domain::id::JobId;
use domain::job::{Kind, Origin};
use domain::outcome::RecordedOutcome;
use serde::Serialize;
use serde_with::skip_serializing_none;
use store::ledger::{HoldEnd, JobRecord, Related};
use utoipa::ToSchema;

use super::Job;
use crate::rfc3339::Rfc3339;
use crate::routes::holds::document::Hold;

/// The hold that a job made, as it stands.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct HoldOfJob {
    /// The hold.
    #[serde(flatten)]
    hold: Hold,
    /// The job that captured or released it. Absent while the hold is active, and where a release came so much later that it was not
    /// looked for.
    #[schema(value_type = Option<String>, format = Uuid)]
    ended_by: Option<JobId>,
    /// When that job was posted (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Rfc3339>,
    /// Whether the fleet itself released it, since it had expired.
    expired: bool,
}

/// The row of a file that a job came from.
#[derive(Debug, Serialize, ToSchema)]
pub struct RowOfImport {
    /// The number of the import.
    import: u64,
    /// The number of the row in the file, from 1; the head of a CSV file is none.
    row: u64,
    /// Path of the import.
    #[schema(example = "/api/imports/17")]
    path: String,
}

impl From<Origin> for RowOfImport {
    fn from(Origin { import, row }: Origin) -> RowOfImport {
        RowOfImport { import, row, path: format!("/api/imports/{import}") }
    }
}

impl Job {
    /// The ledger has it, and this beside it; `row`: of the file that it came from, where that is shown.
    pub fn as_it_is_now(record: &JobRecord, related: Related, row: Option<Origin>) -> Job {
        let Related { ingress: _, scheduled_at, cause, reversed_by, hold, hold_end } = related;
        let recorded = Job::recorded(record);
        let hold = hold.filter(|_| record.kind == Kind::Hold).map(|hold| HoldOfJob {
            hold: Hold::from(&hold),
            ended_by: hold_end.map(|end| end.by),
            ended_at: hold_end.map(|HoldEnd { at, .. }| Rfc3339::from_microseconds(at)),
            expired: hold_end.is_some_and(|end| end.is_expiry),
        });
        Job {
            scheduled_at: scheduled_at.map(Rfc3339::from_microseconds).or(recorded.scheduled_at),
            cause: cause.filter(|_| record.outcome == RecordedOutcome::Dead),
            import: row.map(RowOfImport::from),
            reversed_by,
            hold,
            ..recorded
        }
    }
}
