//! An entry as a statement shows it.

use serde::{Deserialize, Serialize};
use shared::domain::id::JobId;
use shared::domain::job::Kind;
use shared::ledger::EntryRecord;
use utoipa::ToSchema;

use super::day;

/// An entry, with what its job said about it.
#[derive(Debug)]
pub struct Line<'a> {
    /// The entry and its job.
    pub record: &'a EntryRecord,
    /// The day on which it was posted (UTC).
    pub booking_date: jiff::civil::Date,
    /// The business day: the job's, or else the day on which it was accepted (UTC).
    pub value_date: jiff::civil::Date,
    /// The text.
    pub memo: Option<String>,
    /// The client's own name for the job.
    pub reference: Option<String>,
    /// The other side.
    pub counterparty: Other,
}

/// The other side of an entry: outside as the job named it, or else the other account of the job.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = OtherSide)]
pub struct Other {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

impl Other {
    /// Nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        self.name.is_none() && self.account.is_none()
    }
}

/// What a job's body says about its entries.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    value_date: Option<jiff::civil::Date>,
    memo: Option<String>,
    reference: Option<String>,
    counterparty: Option<Other>,
    from: Option<String>,
    to: Option<String>,
    account: Option<String>,
}

impl Line<'_> {
    /// Of an entry.
    pub fn of(record: &EntryRecord) -> Line<'_> {
        // A body that some hand has spoiled does not hide the entry.
        let said: Said = serde_json::from_str(&record.body).unwrap_or_default();
        let own = record.entry.account.as_str();
        let others = [said.from, said.to, said.account].into_iter().flatten().find(|account| account != own);
        let other = Other { name: None, account: others };
        let counterparty = match said.counterparty {
            // Seen from outside, the other side is inside.
            Some(named) if !record.entry.account.is_external() => named,
            _ => other,
        };
        Line {
            record,
            booking_date: day(record.entry.posted_at),
            value_date: said.value_date.unwrap_or_else(|| day(record.accepted_at)),
            memo: said.memo,
            reference: said.reference,
            counterparty,
        }
    }

    /// The job that made it.
    pub fn job(&self) -> JobId {
        self.record.entry.job
    }

    /// What that job did.
    pub fn kind(&self) -> Kind {
        self.record.kind
    }
}
