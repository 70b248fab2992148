//! Looking through the standing orders.

use domain::access::Accounts;
use domain::account::AccountNumber;
use domain::id::JobId;
use domain::job::Spec;
use domain::standing_order::{OrderStatus, StandingOrder};

/// Which standing orders are wanted; a field that is `None` asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFilter {
    /// Those that draw on accounts that are shown.
    pub among: Accounts,
    /// The account that they draw on.
    pub account: Option<AccountNumber>,
    /// What became of them.
    pub status: Option<OrderStatus>,
}

/// A standing order with what else the job says that opened it.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderRecord {
    /// The order.
    pub order: StandingOrder,
    /// Who opened it.
    pub client: String,
    /// When, in microseconds since the Unix epoch.
    pub opened_at: i64,
    /// With what.
    pub spec: Spec,
}

/// Standing orders in the order of their ids, and behind which id others follow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OrdersPage {
    /// Those that were found.
    pub orders: Vec<OrderRecord>,
    /// All up to this one were looked at; `None`: there are no others.
    pub next: Option<JobId>,
}
