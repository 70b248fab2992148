//! How many there are.

use std::iter::Sum;

use domain::money::Currency;

/// Jobs of all time by their outcome, each once however often it came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutcomeCounts {
    /// With entries.
    pub posted: u64,
    /// Turned down for a business reason.
    pub rejected: u64,
    /// Given up and kept. A replay that posts one takes it from here.
    pub dead: u64,
    /// Cancelled before they came to be posted, each counted when it came.
    pub cancelled: u64,
    /// To be executed later. Once one is, it counts by its outcome instead.
    pub scheduled: u64,
}

impl OutcomeCounts {
    /// Jobs with any outcome, and those that are scheduled.
    pub fn jobs(&self) -> u64 {
        self.posted + self.rejected + self.dead + self.cancelled + self.scheduled
    }
}

impl<'a> Sum<&'a OutcomeCounts> for OutcomeCounts {
    fn sum<I: Iterator<Item = &'a OutcomeCounts>>(all: I) -> OutcomeCounts {
        all.fold(OutcomeCounts::default(), |sum, one| OutcomeCounts {
            posted: sum.posted + one.posted,
            rejected: sum.rejected + one.rejected,
            dead: sum.dead + one.dead,
            cancelled: sum.cancelled + one.cancelled,
            scheduled: sum.scheduled + one.scheduled,
        })
    }
}

/// The ledger at a glance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Accounts, the system's own not counted.
    pub accounts: u64,
    /// Jobs with the outcome posted.
    pub posted: u64,
    /// Jobs with the outcome rejected.
    pub rejected: u64,
    /// Jobs with the outcome dead.
    pub dead: u64,
    /// Jobs with the outcome cancelled.
    pub cancelled: u64,
    /// Jobs that are scheduled.
    pub scheduled: u64,
    /// For each currency the sum of all balances, in minor units; zero if debits equal credits.
    pub balances: Vec<(Currency, i128)>,
}
