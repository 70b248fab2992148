//! Looking through the accounts.

use domain::access::Accounts;
use domain::account::{Account, AccountNumber, AccountStatus};
use domain::money::Currency;

/// Which accounts are wanted; a field that is `None` asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountFilter {
    /// Those that are shown.
    pub among: Accounts,
    /// How their numbers begin; may be empty.
    pub prefix: String,
    /// Their currency.
    pub currency: Option<Currency>,
    /// Whether they take entries.
    pub status: Option<AccountStatus>,
    /// The least balance, in minor units.
    pub balance_min: Option<i64>,
    /// The most.
    pub balance_max: Option<i64>,
}

/// Accounts in the order of their numbers, and behind which number others follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountsPage {
    /// Those that were found.
    pub accounts: Vec<Account>,
    /// All up to this one were looked at; `None`: there are no others.
    pub next: Option<AccountNumber>,
}
