//! Looking through the jobs, the accounts and the holds.

mod accounts;
mod body;
mod holds;
mod schedules;
mod standing_orders;

use domain::access::Accounts;
use domain::account::AccountNumber;
use domain::job::Kind;
use domain::outcome::{RecordedOutcome, Rejection};
use domain::text::Reference;
use strum::{IntoStaticStr, VariantArray};

pub use self::accounts::{AccountFilter, AccountsPage};
pub(crate) use self::body::without_blanks;
pub use self::body::{BodyFilter, MetadataFilter};
pub use self::holds::{HoldFilter, HoldPlace, HoldState, HoldsPage};
pub use self::schedules::{ScheduleFilter, SchedulePlace, SchedulesPage};
pub use self::standing_orders::{OrderFilter, OrderRecord, OrdersPage};
use crate::ledger::record::JobRecord;

/// Which jobs are wanted; a field that is `None` asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Who submitted them.
    pub client: Option<String>,
    /// Those of other clients too, as far as they touch one of these accounts.
    pub or_touching: Option<Accounts>,
    /// Of those, the ones that this client submitted.
    pub of_client: Option<String>,
    /// What their client calls them.
    pub reference: Option<Reference>,
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
    /// They were accepted at this moment or later, in microseconds since the Unix epoch.
    pub accepted_from: Option<i64>,
    /// They were accepted before this moment, in microseconds since the Unix epoch.
    pub accepted_to: Option<i64>,
    /// What their bodies say.
    pub body: BodyFilter,
}

impl JobFilter {
    /// Whether a job is wanted, as far as its record says: whose it is, its import, and an account that is asked for, are
    /// for others to look at.
    pub fn admits(&self, job: &JobRecord) -> bool {
        let at = |time: i64, from: Option<i64>, to: Option<i64>| {
            from.is_none_or(|from| time >= from) && to.is_none_or(|to| time < to)
        };
        let reason = match job.outcome {
            RecordedOutcome::Rejected(reason) => Some(reason),
            RecordedOutcome::Posted
            | RecordedOutcome::Dead
            | RecordedOutcome::Cancelled
            | RecordedOutcome::Scheduled => None,
        };
        self.kind.is_none_or(|kind| job.kind == kind)
            && self.outcome.is_none_or(|outcome| OutcomeName::of(job.outcome) == outcome)
            && (self.reason.is_none() || self.reason == reason)
            && self.reference.as_ref().is_none_or(|reference| job.is_called(reference))
            && at(job.posted_at, self.from, self.to)
            && at(job.accepted_at, self.accepted_from, self.accepted_to)
            && self.body.admits(&job.body)
    }
}

impl JobRecord {
    /// Whether this is what its client calls it. An earlier release kept what now is trimmed and composed.
    fn is_called(&self, reference: &Reference) -> bool {
        let Some(recorded) = self.reference.as_deref() else { return false };
        let canonical = || Reference::parse(recorded).ok()?.canonical().ok();
        recorded == reference.as_str() || canonical().is_some_and(|recorded| recorded == *reference)
    }
}

/// The name of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[allow(missing_docs)] // As in `RecordedOutcome`.
#[strum(serialize_all = "snake_case")]
pub enum OutcomeName {
    Posted,
    Rejected,
    Dead,
    Cancelled,
    Scheduled,
}

impl OutcomeName {
    /// Every name.
    pub const ALL: &'static [OutcomeName] = OutcomeName::VARIANTS;

    /// As stored and as shown.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// That of an outcome.
    pub fn of(outcome: RecordedOutcome) -> OutcomeName {
        match outcome {
            RecordedOutcome::Posted => OutcomeName::Posted,
            RecordedOutcome::Rejected(_) => OutcomeName::Rejected,
            RecordedOutcome::Dead => OutcomeName::Dead,
            RecordedOutcome::Cancelled => OutcomeName::Cancelled,
            RecordedOutcome::Scheduled => OutcomeName::Scheduled,
        }
    }
}

/// Jobs, the newest first, and where the older ones are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobsPage {
    /// Those that were found.
    pub jobs: Vec<JobRecord>,
    /// Where to go on; `None`: there are no others.
    pub next: Option<JobsCursor>,
    /// Where there are others: the jobs that got their outcome after about this time, in microseconds since the Unix epoch,
    /// have been looked at.
    pub looked_back_to: Option<i64>,
}

/// A place among the jobs in the order of posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobsCursor {
    /// Jobs with a lower number follow.
    pub before: i64,
    /// Of the account that is asked for, entries with a lower number follow; 0 where none is asked for.
    pub before_entry: i64,
}
