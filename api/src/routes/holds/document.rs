//! What clients read of holds. Amounts are in minor units of the account's currency.

use domain::account::AccountNumber;
use domain::hold::{self, HoldStatus};
use domain::id::JobId;
use domain::money::Currency;
use serde::Serialize;
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use crate::rfc3339::Rfc3339;

/// A page of holds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HoldsPage)]
pub struct Holds {
    /// The holds.
    holds: Vec<Hold>,
    /// Path of the next page; null on the last page.
    next: Option<String>,
}

impl Holds {
    /// A page of what the ledger has.
    pub fn new(holds: Vec<hold::Hold>, next: Option<String>) -> Holds {
        Holds { holds: holds.iter().map(Hold::from).collect(), next }
    }
}

/// What became of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = HoldStatus)]
#[serde(rename_all = "snake_case")]
pub enum HoldStateName {
    /// The funds are reserved.
    Active,
    /// `captured` of it was moved; the rest was given back.
    Captured,
    /// All of it was given back.
    Released,
}

/// Funds that are reserved on an account.
#[skip_serializing_none]
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Hold {
    /// The id of the hold, which is that of the job that made it.
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    /// The account that holds the funds.
    #[schema(value_type = String)]
    account: AccountNumber,
    /// The currency of the account (ISO 4217).
    #[schema(value_type = String, example = "EUR")]
    currency: Currency,
    /// What was reserved, in minor units.
    amount: i64,
    /// What became of it.
    status: HoldStateName,
    /// What a capture moved, in minor units.
    captured: Option<i64>,
    /// From when on no job can capture it (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Rfc3339>,
}

impl From<&hold::Hold> for Hold {
    fn from(hold: &hold::Hold) -> Hold {
        let (status, captured) = match hold.status {
            HoldStatus::Active => (HoldStateName::Active, None),
            HoldStatus::Captured(amount) => (HoldStateName::Captured, Some(amount.minor_units())),
            HoldStatus::Released => (HoldStateName::Released, None),
        };
        Hold {
            id: hold.id,
            account: hold.account.clone(),
            currency: hold.currency,
            amount: hold.amount.minor_units(),
            status,
            captured,
            expires_at: hold.expires_at.map(Rfc3339::from_microseconds),
        }
    }
}
