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

/// Findings that are told; there may be more.
const FINDINGS_MAX: usize = 20;

/// What was found when everything was read again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestProof)]
pub struct Proof {
    /// Jobs that were accepted, of all phases.
    pub accepted: u64,
    /// Those with their entries in the ledger.
    pub posted: u64,
    /// Those turned down for a business reason.
    pub rejected: u64,
    /// Those that could not be posted and wait for an operator.
    pub dead: u64,
    /// Accepted, and at the deadline without an outcome, unknown to the ingress, not to be read, or posted without
    /// all their entries.
    pub lost: u64,
    /// Posted with more entries than they should have.
    pub doubled: u64,
    /// Entries on the run's accounts that no job of the run should have made.
    pub foreign_entries: u64,
    /// Not known to be accepted, and posted all the same, as may be: whoever sends again with the same
    /// reference learns it.
    pub unconfirmed_posted: u64,
    /// The run's accounts.
    pub accounts: u32,
    /// Those that could be read.
    pub accounts_read: u32,
    /// Those whose balance is not what the outcomes say, or not the sum of their entries.
    pub accounts_off: u32,
    /// What all of them were given, in minor units.
    pub money_given: i64,
    /// What all of them hold; `null`: not all could be read.
    pub money_found: Option<i64>,
    /// What is wrong, a sentence each; the first 20.
    pub findings: Vec<String>,
}

impl Proof {
    /// All of it was read, and all of it is as it should be.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.books_balance()
    }

    /// The accounts stand where the outcomes say, to the last minor unit.
    #[must_use]
    pub fn books_balance(&self) -> bool {
        self.accounts_off == 0 && self.foreign_entries == 0 && self.money_found == Some(self.money_given)
    }

    pub(crate) fn find(&mut self, sentence: impl FnOnce() -> String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(sentence());
        }
    }
}
