//! Entries: the legs of posted jobs, and the chain that shows when one was touched.

use std::fmt;

use super::account::AccountNumber;
use super::id::JobId;

/// One leg of a posted job. The entries of a job sum to zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The account that it changes.
    pub account: AccountNumber,
    /// Its place among the account's entries: 1, 2, 3, … without gaps.
    pub seq: i64,
    /// The id of the job that made the entry.
    pub job: JobId,
    /// Minor units; a credit is positive, a debit negative.
    pub amount: i64,
    /// The account's balance after it, in minor units.
    pub balance_after: i64,
    /// When its batch was folded, in microseconds since the Unix epoch.
    pub posted_at: i64,
}

/// Head of the chain over an account's entries: BLAKE3 of the previous head and the entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The head of a chain without entries.
    pub const EMPTY: Digest = Digest([0; 32]);

    /// The head after one more entry. The account is the chain's own and is not hashed.
    pub fn after(&self, entry: &Entry) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(&entry.seq.to_be_bytes());
        hasher.update(entry.job.as_bytes());
        hasher.update(&entry.amount.to_be_bytes());
        hasher.update(&entry.balance_after.to_be_bytes());
        hasher.update(&entry.posted_at.to_be_bytes());
        Digest(*hasher.finalize().as_bytes())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
