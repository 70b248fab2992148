//! A range of an account's entries: what a statement is made of.

use domain::account::Account;

/// Entries of an account from one moment until another, and the balances at both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRange {
    /// The account as it stood when the range was found.
    pub account: Account,
    /// Number of the first entry; one above `last` if there is none.
    pub first: i64,
    /// Number of the last entry; 0 if there is none up to its end.
    pub last: i64,
    /// The balance before the first entry, in minor units.
    pub opening: i64,
    /// The balance after the last entry, in minor units.
    pub closing: i64,
    /// When the first entry was posted, in microseconds since the Unix epoch; `None`: there is none.
    pub begins_at: Option<i64>,
}

impl EntryRange {
    /// How many entries it has.
    pub fn count(&self) -> u64 {
        u64::try_from(self.last - self.first + 1).unwrap_or_default()
    }
}

/// How fresh the answer to a read is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It comes from the primary.
    Present,
    /// It comes from a replica that shows all that was committed until then (µs since the Unix epoch), and
    /// perhaps more.
    AsOf(i64),
    /// It comes from a replica, and nothing tells how far that is behind: no worker that knows of replicas has
    /// marked the present.
    Unknown,
}
