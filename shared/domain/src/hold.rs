//! Holds: funds that are reserved until they are captured or released.

use super::account::AccountNumber;
use super::id::{Identity, JobId};
use super::money::{Amount, Currency};
use super::text::Client;

/// Funds reserved on an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The id of the job that made it.
    pub id: JobId,
    /// The account that holds the funds.
    pub account: AccountNumber,
    /// The currency of that account.
    pub currency: Currency,
    /// What was reserved, in minor units.
    pub amount: Amount,
    /// From when on it cannot be captured any more, in microseconds since the Unix epoch.
    pub expires_at: Option<i64>,
    /// What became of it.
    pub status: HoldStatus,
}

/// What became of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldStatus {
    /// The funds are reserved.
    Active,
    /// This much was moved, the rest given back.
    Captured(Amount),
    /// All was given back.
    Released,
}

impl Hold {
    /// The id of the job by which the `fleet` releases this hold once it has expired: the same however often it is submitted.
    pub fn expiry_job(hold: JobId, fleet: &Client) -> JobId {
        JobId::derived(fleet, Identity::Key(&format!("expiry of {hold}")))
    }

    /// Whether a job that is posted at `now` (µs since the Unix epoch, by the database's clock) may still capture it.
    pub fn is_capturable(&self, now: i64) -> bool {
        self.status == HoldStatus::Active && self.expires_at.is_none_or(|end| now < end)
    }
}
