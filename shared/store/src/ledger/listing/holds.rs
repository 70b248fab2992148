//! Looking through the holds.

use domain::access::Accounts;
use domain::account::AccountNumber;
use domain::hold::Hold;
use domain::id::JobId;
use strum::{IntoStaticStr, VariantArray};

/// Which holds are wanted; a field that is `None` asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldFilter {
    /// Those on accounts that are shown.
    pub among: Accounts,
    /// Their account.
    pub account: Option<AccountNumber>,
    /// What became of them.
    pub status: Option<HoldState>,
}

/// What became of a hold, without the amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[allow(missing_docs)] // As in `domain::hold::HoldStatus`.
#[strum(serialize_all = "snake_case")]
pub enum HoldState {
    Active,
    Captured,
    Released,
}

impl HoldState {
    /// As stored and as shown.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The place of a hold: where a status alone is asked for, by the time at which it expires and then by its id; else by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HoldPlace {
    /// When it expires, in microseconds since the Unix epoch; `None` comes first.
    pub expires_at: Option<i64>,
    /// Its id.
    pub id: JobId,
}

/// Holds in the order of their places, and behind which place others follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoldsPage {
    /// Those that were found.
    pub holds: Vec<Hold>,
    /// All up to this one were looked at; `None`: there are no others.
    pub next: Option<HoldPlace>,
}
