//! What an ingress shows, as far as a client looks at it. Amounts are minor units.

use domain::id::JobId;
use jiff::Timestamp;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::answer::{Error, Problem};

/// A job that was accepted.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Accepted {
    /// Its id.
    pub id: JobId,
    /// When it joined its lane, by the clock of the ingress.
    pub accepted_at: Timestamp,
}

/// What a batch became.
#[derive(Debug, Clone, Deserialize)]
pub struct BatchAnswer {
    /// Lines that are queued.
    pub accepted: usize,
    /// Lines that are not.
    pub refused: usize,
    /// A result for each line, in the order of the lines.
    pub results: Vec<LineResult>,
}

/// What one line of a batch became.
#[derive(Debug, Clone, Deserialize)]
pub struct LineResult {
    /// The line, counted from 1.
    pub line: usize,
    /// The job's id, if it is queued.
    pub id: Option<String>,
    /// `queued` or `refused`; after a wait the job's.
    pub status: String,
    /// Why it is refused, as a problem document.
    pub error: Option<Value>,
}

impl LineResult {
    /// A refusal that may pass.
    pub(crate) fn busy(&self) -> Option<Error> {
        let error = self.error.as_ref()?;
        let status = StatusCode::from_u16(u16::try_from(error["status"].as_u64()?).ok()?).ok()?;
        Some(Problem::of(status, &error.to_string()).into()).filter(|error| matches!(error, Error::Busy(_)))
    }
}

/// What the ledger holds of a job.
#[derive(Debug, Clone, Deserialize)]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// `pending`, `scheduled`, `posted`, `rejected`, `dead` or `cancelled`; `queued` in a `202`.
    pub status: String,
    /// What it was to do, once it has its outcome.
    pub kind: Option<String>,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// The client's name for it.
    pub reference: Option<String>,
    /// When it joined its lane.
    pub accepted_at: Option<Timestamp>,
    /// When it got its outcome.
    pub posted_at: Option<Timestamp>,
}

impl JobView {
    /// Whether it has its outcome, or is scheduled.
    pub fn is_final(&self) -> bool {
        // An ingress of the release before says `queued`.
        !["queued", "pending"].contains(&self.status.as_str())
    }
}

/// How an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct AccountView {
    /// The sum of its entries.
    pub balance: i64,
    /// How many those are.
    pub entries: u64,
}

/// One leg of a posted job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct EntryView {
    /// Its place among the account's entries, from 1.
    pub seq: i64,
    /// The job that made it.
    pub job: JobId,
    /// A credit is positive, a debit negative.
    pub amount: i64,
    /// The account's balance after it.
    pub balance_after: i64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EntriesPage {
    pub(crate) entries: Vec<EntryView>,
    /// Path of the next page.
    pub(crate) next: Option<String>,
}
