//! Looking through the jobs.

use domain::access::Accounts;
use domain::account::AccountNumber;
use domain::job::Kind;
use domain::outcome::Rejection;
use strum::{IntoStaticStr, VariantArray};

use crate::ledger::record::JobRecord;

/// Which jobs are wanted; a field that is `None` asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Who submitted them.
    pub client: Option<String>,
    /// Those of other clients too, as far as they touch one of these accounts.
    pub or_touching: Option<Accounts>,
    /// What they were to do.
    pub kind: Option<Kind>,
    /// What became of them.
    pub outcome: Option<OutcomeName>,
    /// Why they were rejected.
    pub reason: Option<Rejection>,
    /// The account that they draw on or have an entry on.
    pub account: Option<AccountNumber>,
    /// The import that they are rows of.
    pub import: Option<u64>,
    /// They got their outcome at this moment or later, in microseconds since the Unix epoch.
    pub from: Option<i64>,
    /// They got their outcome before this moment, in microseconds since the Unix epoch.
    pub to: Option<i64>,
}

/// The name of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[allow(missing_docs)] // As in `RecordedOutcome`.
#[strum(serialize_all = "snake_case")]
pub enum OutcomeName {
    Posted,
    Rejected,
    Dead,
}

impl OutcomeName {
    /// Every name.
    pub const ALL: &'static [OutcomeName] = OutcomeName::VARIANTS;

    /// As stored and as shown.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Jobs, the newest first, and where the older ones are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobsPage {
    /// Those that were found.
    pub jobs: Vec<JobRecord>,
    /// Where to go on; `None`: there are no others.
    pub next: Option<JobsCursor>,
}

/// A place among the jobs in the order of posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobsCursor {
    /// Jobs with a lower number follow.
    pub before: i64,
    /// Of the account that is asked for, entries with a lower number follow; 0 where none is asked for.
    pub before_entry: i64,
}
