//! What a transaction writes, on its way to the server.

use std::collections::{BTreeMap, BTreeSet};

use domain::account::{Account, AccountNumber};
use domain::entry::Entry;
use domain::hold::Hold;
use domain::id::JobId;
use domain::job::Job;
use domain::lane::Lane;
use domain::outcome::RecordedOutcome;
use store::ledger::port::{Tally, Writes};

/// A copy of [`Writes`].
pub(super) struct Written {
    pub(super) now: i64,
    pub(super) judged: Vec<(Job, RecordedOutcome)>,
    pub(super) revived: BTreeSet<JobId>,
    pub(super) executed: BTreeSet<JobId>,
    /// New ones have no key yet.
    pub(super) accounts: BTreeMap<AccountNumber, Account>,
    /// Of which of them the limit and the holder are written.
    pub(super) new_terms: BTreeSet<AccountNumber>,
    pub(super) entries: Vec<Entry>,
    pub(super) holds: BTreeMap<JobId, Hold>,
    pub(super) reversals: BTreeMap<JobId, JobId>,
    pub(super) conflicts: Vec<JobId>,
    pub(super) tallies: BTreeMap<Lane, Tally>,
}

impl From<&Writes<'_>> for Written {
    fn from(writes: &Writes<'_>) -> Written {
        let folded = writes.folded;
        Written {
            now: writes.now,
            judged: writes.judged.iter().map(|(job, outcome)| ((*job).clone(), *outcome)).collect(),
            revived: folded.revived.clone(),
            executed: folded.executed.clone(),
            accounts: folded.accounts.clone(),
            new_terms: folded.new_terms.clone(),
            entries: folded.entries.clone(),
            holds: folded.holds.clone(),
            reversals: folded.reversals.clone(),
            conflicts: writes.conflicts.iter().map(|job| job.id).collect(),
            tallies: writes.tallies(),
        }
    }
}
