//! What clients read of an import.

use jiff::Timestamp;
use serde::Serialize;
use serde_with::skip_serializing_none;
use store::imports::{Import, ImportState, Refusal, RowOutcome, RowTally, RowsByOutcome, Share};
use utoipa::ToSchema;

use crate::imports::{Description, STALE_AFTER_US};
use crate::problem::{Problem, ProblemType};
use crate::rfc3339::Rfc3339;

/// An import: the file, its progress, and the outcomes of its rows.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportDocument {
    /// The import's number.
    id: u64,
    /// `queued`, `reading`, `draining` (all rows are queued, some have no outcome yet), `done`, `refused`,
    /// `cancelled` or `failed`.
    state: &'static str,
    /// The client that sent the file.
    client: String,
    /// The name of the file.
    name: Option<String>,
    /// Whether this is a dry run, which queues nothing.
    dry_run: bool,
    /// Whether somebody asked for the import to stop.
    cancel_requested: bool,
    /// Size of the file in bytes, as sent.
    bytes: u64,
    /// Number of those bytes that have been read.
    bytes_read: u64,
    /// Number of rows that are queued or refused.
    rows_read: u64,
    /// Number of rows that are queued; for a dry run, of rows that would be.
    accepted: u64,
    /// Number of rows that are not jobs; `refused_rows` leads to them.
    refused: u64,
    /// Number of rows whose entries are in the ledger.
    posted: u64,
    /// Number of rows that the ledger rejected.
    rejected: u64,
    /// Number of rows whose job had its outcome before: the file was sent again, or another row had the same
    /// reference.
    duplicates: u64,
    /// Number of duplicates whose job was rejected, dead, cancelled or scheduled, so that it was not in the ledger when they came. Present once the
    /// import has ended; absent in lists.
    duplicates_not_posted: Option<u64>,
    /// Number of rows whose reference belongs to a job with another body. Such rows take no effect.
    conflicts: u64,
    /// Number of rows that could not be posted and wait for an operator.
    dead: u64,
    /// Number of rows whose job had been cancelled before it came to be posted.
    cancelled: u64,
    /// Number of rows whose job waits for the day on which it is to be executed. When it is, the row counts by its outcome.
    scheduled: u64,
    /// Rows read per second since the reading began.
    rows_per_second: Option<f64>,
    /// Seconds until the file is read, at the rate so far.
    seconds_left: Option<f64>,
    /// Why the import waits.
    waits: Option<String>,
    /// Why the import was refused or has failed.
    error: Option<Problem>,
    /// Earlier imports of this client that have rows of this import. A shared row without a reference is
    /// posted once more. Present before the first row is queued; absent in lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shares: Vec<ShareDocument>,
    /// The first refused rows with their reasons; absent in lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    first_refusals: Vec<RefusalDocument>,
    /// Path of the refused rows; absent where no row was refused.
    refused_rows: Option<String>,
    /// When the file came (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    created_at: Rfc3339,
    /// When the reading of the file began (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Rfc3339>,
    /// When the progress was last recorded (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    updated_at: Rfc3339,
}

impl ImportDocument {
    /// An import and what became of its rows.
    pub fn of(import: &Import, tally: RowTally) -> ImportDocument {
        let description: Description = serde_json::from_str(&import.description).unwrap_or_default();
        let progress = &import.progress;
        // Who was to say so is gone.
        let stale = Timestamp::now().as_microsecond() - import.updated_at > STALE_AFTER_US;
        let drained = stale && progress.state == ImportState::Draining && tally.total() >= progress.accepted;
        let state = if drained { ImportState::Done } else { progress.state };
        let remark = progress.remark.clone();
        let error_kind = match state {
            ImportState::Refused => Some(ProblemType::InvalidFile),
            ImportState::Failed => Some(ProblemType::Internal),
            _ => None,
        };
        let rows_read = progress.accepted + progress.refused;
        let pace = Pace::of(import, rows_read, description.bytes);
        ImportDocument {
            id: import.number,
            state: state.name(),
            client: import.client.clone(),
            name: description.name,
            dry_run: description.dry_run,
            cancel_requested: import.cancel_requested,
            bytes: description.bytes,
            bytes_read: progress.bytes_read,
            rows_read,
            accepted: progress.accepted,
            refused: progress.refused,
            posted: tally.posted,
            rejected: tally.rejected,
            duplicates: tally.duplicate,
            duplicates_not_posted: None,
            conflicts: tally.conflict,
            dead: tally.dead,
            cancelled: tally.cancelled,
            scheduled: tally.scheduled,
            rows_per_second: pace.map(|pace| pace.rows_per_second),
            seconds_left: pace.filter(|_| state == ImportState::Reading).and_then(|pace| pace.seconds_left),
            waits: remark.clone().filter(|_| error_kind.is_none()),
            error: error_kind.map(|kind| Problem::new(kind, remark.unwrap_or_default())),
            shares: Vec::new(),
            first_refusals: Vec::new(),
            refused_rows: (progress.refused > 0 || tally.conflict > 0)
                .then(|| format!("/api/imports/{}/refused", import.number)),
            created_at: Rfc3339::from_microseconds(import.created_at),
            started_at: import.started_at.map(Rfc3339::from_microseconds),
            updated_at: Rfc3339::from_microseconds(import.updated_at),
        }
    }

    /// Whether it is known only row by row how many of the duplicates are in the ledger.
    pub fn has_duplicates_to_tell(&self) -> bool {
        self.duplicates > 0 && self.has_ended()
    }

    /// With what had become of the duplicates before.
    pub fn with_duplicates(mut self, rows_by_outcome: &[RowsByOutcome]) -> ImportDocument {
        let not_posted = rows_by_outcome
            .iter()
            .filter(|outcome| outcome.outcome == RowOutcome::Duplicate && outcome.reason.is_some());
        self.duplicates_not_posted = Some(not_posted.map(|outcome| outcome.rows).sum());
        self
    }

    /// With the first rows that were refused, and what it shares with others.
    pub fn with(mut self, refusals: Vec<Refusal>, shares: Vec<Share>) -> ImportDocument {
        self.shares = shares.into_iter().map(ShareDocument::from).collect();
        self.first_refusals = refusals.into_iter().map(RefusalDocument::from).collect();
        self
    }

    /// Nothing changes any more.
    pub fn has_ended(&self) -> bool {
        !["queued", "reading", "draining"].contains(&self.state)
    }
}

/// An earlier import that has some of the same rows.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShareDocument {
    /// The number of the earlier import.
    import: u64,
    /// Number of rows in both; approximate for large files.
    rows: u64,
}

impl From<Share> for ShareDocument {
    fn from(Share { import, rows }: Share) -> ShareDocument {
        ShareDocument { import, rows }
    }
}

/// A row that was refused.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusalDocument {
    /// The number of the row, from 1.
    row: u64,
    /// The line on which the row starts, from 1.
    line: u64,
    /// The column at which the fault is, on that line.
    column: Option<u64>,
    /// The field at fault.
    field: Option<String>,
    /// What is wrong, and what the row should have instead.
    reason: String,
}

impl From<Refusal> for RefusalDocument {
    fn from(refusal: Refusal) -> RefusalDocument {
        let Refusal { row, line, column, field, reason, .. } = refusal;
        RefusalDocument { row, line, column, field, reason }
    }
}

/// How fast a file is read.
#[derive(Debug, Clone, Copy)]
struct Pace {
    rows_per_second: f64,
    seconds_left: Option<f64>,
}

impl Pace {
    fn of(import: &Import, rows_read: u64, bytes: u64) -> Option<Pace> {
        let seconds = (import.updated_at - import.started_at?) as f64 / 1e6;
        let bytes_read = import.progress.bytes_read;
        let left = bytes.saturating_sub(bytes_read) as f64;
        (seconds > 0.0).then(|| Pace {
            rows_per_second: rows_read as f64 / seconds,
            seconds_left: (bytes_read > 0).then(|| seconds * left / bytes_read as f64),
        })
    }
}
