//! How many there are.

use std::iter::Sum;

use domain::money::Currency;

/// Jobs of all time by their verdict, each once however often it came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// With entries.
    pub posted: u64,
    /// Turned down for a business reason.
    pub rejected: u64,
    /// Given up and kept. A replay that posts one takes it from here.
    pub dead: u64,
}

impl Verdicts {
    /// Jobs with any verdict.
    #[must_use]
    pub fn jobs(&self) -> u64 {
        self.posted + self.rejected + self.dead
    }
}

impl<'a> Sum<&'a Verdicts> for Verdicts {
    fn sum<I: Iterator<Item = &'a Verdicts>>(all: I) -> Verdicts {
        all.fold(Verdicts::default(), |sum, one| Verdicts {
            posted: sum.posted + one.posted,
            rejected: sum.rejected + one.rejected,
            dead: sum.dead + one.dead,
        })
    }
}

/// The books at a glance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Accounts, the system's own not counted.
    pub accounts: u64,
    /// Jobs with the verdict posted.
    pub posted: u64,
    /// Jobs with the verdict rejected.
    pub rejected: u64,
    /// Jobs with the verdict dead.
    pub dead: u64,
    /// For each currency the sum of all balances, in minor units; zero if the books balance.
    pub balances: Vec<(Currency, i128)>,
}
