//! Outcomes: what became of a job. A business "no" is a value here, never an error.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use super::fingerprint::Fingerprint;

/// Why a job was turned down, for good. Declared in order of precedence: where several apply, the first one is
/// reported.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Rejection {
    /// The ledger holds it under the id that an earlier release gave it, or that it had under an earlier id of its
    /// client. What became of it there stands.
    KnownByFormerId,
    /// An account that the job names does not exist.
    AccountNotFound,
    /// The account to open exists already.
    AccountExists,
    /// An account that the job names is closed.
    AccountClosed,
    /// An account that the job names is frozen.
    AccountFrozen,
    /// An account that the job names holds another currency.
    CurrencyMismatch,
    /// Balance less holds plus overdraft limit is below what the job draws.
    InsufficientFunds,
    /// A balance or what is held would be more than [`Account::MINOR_UNITS_MAX`](super::account::Account::MINOR_UNITS_MAX) away
    /// from zero.
    AmountOverflow,
    /// There is no such hold on the account.
    HoldNotFound,
    /// The hold has been captured or released, or has expired.
    HoldNotActive,
    /// More is to be captured than is held.
    HoldExceeded,
    /// The job to reverse does not exist, was not posted, or did not touch the account.
    JobNotFound,
    /// The job to reverse is not one that moves money, or is itself a reversal; or its reversal debits other accounts and
    /// not the one that it names, with which it would keep its order.
    JobNotReversible,
    /// The job has been reversed before.
    AlreadyReversed,
    /// The account to close has a balance or holds.
    AccountNotEmpty,
    /// There is no such standing order on the account.
    StandingOrderNotFound,
    /// The standing order was closed, or has come to its end.
    StandingOrderEnded,
    /// The standing order is not at this payment: it was paused or closed meanwhile, or the payment came before its day.
    StandingPaymentNotDue,
    /// The account has nothing above what it keeps, so a standing order that pays what is above has nothing to pay.
    NothingToSweep,
}

impl Rejection {
    /// Every rejection, in order of precedence.
    pub const ALL: &'static [Rejection] = Rejection::VARIANTS;

    /// The stable name, as stored and as answered.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What the ledger holds of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "reason")]
pub enum RecordedOutcome {
    /// Its entries are in the ledger.
    Posted,
    /// Turned down; nothing was changed.
    Rejected(Rejection),
    /// Could not be written; kept as a dead letter. A replay may turn it into another outcome.
    Dead,
    /// Cancelled before it came to be posted; it never will be.
    Cancelled,
    /// It is to be executed later. Once it is due it comes to another outcome.
    Scheduled,
}

/// A job that the ledger holds already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Of the body that it came with.
    pub fingerprint: Fingerprint,
    /// What became of it.
    pub outcome: RecordedOutcome,
}

/// What a batch did with one of its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its entries were written by this batch.
    Posted,
    /// Turned down by this batch.
    Rejected(Rejection),
    /// It had been cancelled before it came, which this batch has recorded.
    Cancelled,
    /// It is to be executed later, which this batch has recorded.
    Scheduled,
    /// It was recorded as dead or as scheduled before, and has this outcome of this batch.
    Revived(RecordedOutcome),
    /// The same job had its outcome before, or is scheduled; nothing was changed.
    Duplicate(RecordedOutcome),
    /// Another body had this id before; nothing was changed, and this body never takes effect.
    Conflict(RecordedOutcome),
}

impl Outcome {
    /// Whether this batch has written entries of it, if it has any.
    pub fn posts(self) -> bool {
        matches!(self, Outcome::Posted | Outcome::Revived(RecordedOutcome::Posted))
    }

    /// What the ledger holds of the id; of the *other* body after a [`Outcome::Conflict`].
    pub fn recorded(self) -> RecordedOutcome {
        match self {
            Outcome::Posted => RecordedOutcome::Posted,
            Outcome::Rejected(reason) => RecordedOutcome::Rejected(reason),
            Outcome::Cancelled => RecordedOutcome::Cancelled,
            Outcome::Scheduled => RecordedOutcome::Scheduled,
            Outcome::Revived(outcome) | Outcome::Duplicate(outcome) | Outcome::Conflict(outcome) => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable_and_in_order_of_precedence() {
        assert!(Rejection::ALL.is_sorted());
        for rejection in Rejection::ALL.iter().copied() {
            assert_eq!(rejection.name().parse(), Ok(rejection));
            assert_eq!(serde_json::to_value(rejection).unwrap(), rejection.name());
        }
    }
}
