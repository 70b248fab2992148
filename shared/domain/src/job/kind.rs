//! The names of what jobs do.

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr, VariantArray};

/// The name of an action.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // As in [`Action`](super::Action).
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    OpenAccount,
    CloseAccount,
    FreezeAccount,
    UnfreezeAccount,
    SetOverdraftLimit,
    SetHolder,
    Deposit,
    Withdrawal,
    Transfer,
    Journal,
    Hold,
    Capture,
    Release,
    Reversal,
    OpenStandingOrder,
    PauseStandingOrder,
    ResumeStandingOrder,
    CloseStandingOrder,
    StandingPayment,
}

impl Kind {
    /// Every kind, in the order of the documentation.
    pub const ALL: &'static [Kind] = Kind::VARIANTS;

    /// The stable name, as submitted and as stored.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether the fleet alone submits it.
    pub fn is_of_the_fleet(self) -> bool {
        self == Kind::StandingPayment
    }

    /// The kinds that clients submit, in the order of the documentation.
    pub fn of_clients() -> impl Iterator<Item = Kind> {
        Self::ALL.iter().copied().filter(|kind| !kind.is_of_the_fleet())
    }
}
