//! The proof: every accepted job and every account of the run is read again.
//!
//! 1. [`outcomes`]: each accepted job has its outcome, before a deadline.
//! 2. [`entries`]: each posted job has exactly its two entries, no other job has any, and every account stands
//!    where the outcomes say; so all of them together hold what they were given.

pub(crate) mod entries;
mod ledger;
pub(crate) mod outcomes;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use self::ledger::{Fate, Jobs};

/// The most findings that are listed; there may be more.
const FINDINGS_MAX: usize = 20;

/// The result of reading every job and account again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestProof)]
pub struct Proof {
    /// Number of accepted jobs, of all phases.
    pub accepted: u64,
    /// Number of jobs with their entries in the ledger.
    pub posted: u64,
    /// Number of jobs rejected for a business reason.
    pub rejected: u64,
    /// Number of jobs that could not be posted and wait for an operator.
    pub dead: u64,
    /// Number of jobs that somebody cancelled.
    #[serde(default)]
    pub cancelled: u64,
    /// Number of accepted jobs that at the deadline had no outcome, were unknown to the ingress, could not be
    /// read, or were posted without all their entries.
    pub lost: u64,
    /// Number of jobs that were posted with more entries than they should have.
    pub doubled: u64,
    /// Number of entries on the run's accounts that no job of the run should have made.
    pub foreign_entries: u64,
    /// Number of jobs that were posted though the client never received their acceptance. This is no fault: a
    /// client that sends again with the same reference learns it.
    pub unconfirmed_posted: u64,
    /// Number of the run's accounts.
    pub accounts: u32,
    /// Number of the run's accounts that could be read.
    pub accounts_read: u32,
    /// Number of accounts whose balance is not what the outcomes say, or not the sum of their entries.
    pub accounts_off: u32,
    /// Sum of the deposits that the run's accounts were given, in minor units.
    pub money_given: i64,
    /// Sum of the balances of the run's accounts, in minor units; `null`: not all could be read.
    pub money_found: Option<i64>,
    /// What is wrong, a sentence each; the first 20.
    pub findings: Vec<String>,
}

impl Proof {
    /// All of it was read, and all of it is as it should be.
    pub fn holds(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.books_balance()
    }

    /// The accounts stand where the outcomes say, to the last minor unit.
    pub fn books_balance(&self) -> bool {
        self.accounts_off == 0 && self.foreign_entries == 0 && self.money_found == Some(self.money_given)
    }

    pub(crate) fn find(&mut self, sentence: impl FnOnce() -> String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(sentence());
        }
    }
}
