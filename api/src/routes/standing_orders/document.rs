//! What clients read of standing orders. Amounts are in minor units of the order's currency; days are those of UTC.

use contract::submission::StandingRule;
use domain::account::AccountNumber;
use domain::id::JobId;
use domain::job::Counterparty;
use domain::money::{Amount, Currency, Kept};
use domain::outcome::RecordedOutcome;
use domain::payment::Payment;
use domain::standing_order::{DueDate, LastPayment, OrderStatus, Pays, Terms};
use domain::text::{Memo, Reference};
use jiff::civil::Date;
use serde::Serialize;
use serde_with::skip_serializing_none;
use store::ledger::{OrderRecord, OutcomeName};
use utoipa::ToSchema;

use crate::openapi::{CounterpartyBody, OutcomeSchema, RejectionName, RuleBody};
use crate::rfc3339::Rfc3339;
use crate::statement::PaymentNames;

/// Dates that an order is shown with.
const NEXT_DATES: usize = 5;

/// A page of standing orders.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StandingOrdersPage)]
pub struct StandingOrders {
    /// The standing orders.
    standing_orders: Vec<StandingOrder>,
    /// Path of the next page; null on the last page.
    next: Option<String>,
}

impl StandingOrders {
    /// A page of what the ledger has.
    pub fn new(orders: Vec<OrderRecord>, next: Option<String>) -> StandingOrders {
        StandingOrders { standing_orders: orders.into_iter().map(StandingOrder::from).collect(), next }
    }
}

/// What became of a standing order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = StandingOrderStatus)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatusName {
    /// The order pays.
    Active,
    /// The order pays nothing until it is resumed.
    Paused,
    /// A job has closed the order.
    Closed,
    /// The rule has no more dates, or one of the accounts cannot take part any more.
    Ended,
}

/// Payments that recur by a rule.
#[skip_serializing_none]
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StandingOrder {
    /// The id of the order, which is that of the job that opened it.
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    /// The client that opened it, whose jobs the payments are.
    client: String,
    /// The client's own name for the job that opened it.
    #[schema(value_type = Option<String>)]
    reference: Option<Reference>,
    /// The account that pays.
    #[schema(value_type = String)]
    account: AccountNumber,
    /// The account that is paid.
    #[schema(value_type = String)]
    to: AccountNumber,
    /// What each payment moves, in minor units.
    #[schema(value_type = Option<i64>)]
    amount: Option<Amount>,
    /// Each payment moves what the account has above this, in minor units.
    #[schema(value_type = Option<i64>)]
    keep: Option<Kept>,
    /// The currency of both accounts (ISO 4217).
    #[schema(value_type = String, example = "EUR")]
    currency: Currency,
    /// On which days it pays.
    #[schema(value_type = RuleBody)]
    rule: StandingRule,
    /// For how many days a payment that cannot be made is tried again.
    retry_days: u16,
    /// What became of the order.
    status: OrderStatusName,
    /// The next dates of the rule, the first of which may have passed; empty unless the order is active.
    #[schema(value_type = Vec<String>, format = Date)]
    next_dates: Vec<Date>,
    /// The day on which the fleet makes the next payment or tries it again, if the order is active.
    #[schema(value_type = Option<String>, format = Date)]
    next_attempt_on: Option<Date>,
    /// How many payments were made.
    payments_made: u32,
    /// What became of the last payment that was made, put off or left out.
    last_payment: Option<OrderPayment>,
    /// The text on the statement.
    #[schema(value_type = Option<String>)]
    memo: Option<Memo>,
    /// The other side, where it is outside.
    #[schema(value_type = Option<CounterpartyBody>)]
    counterparty: Option<Counterparty>,
    /// The names of the payments.
    #[schema(value_type = Option<PaymentNames>)]
    payment: Option<Payment>,
    /// When the order was opened (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    opened_at: Rfc3339,
}

/// A payment of a standing order.
#[skip_serializing_none]
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = StandingOrderPayment)]
pub struct OrderPayment {
    /// The id of its job.
    #[schema(value_type = String, format = Uuid)]
    job: JobId,
    /// The date of the rule.
    #[schema(value_type = String, format = Date)]
    due: Date,
    /// What became of it.
    #[schema(value_type = OutcomeSchema)]
    outcome: &'static str,
    /// Why it was rejected.
    #[schema(value_type = Option<RejectionName>)]
    reason: Option<&'static str>,
}

impl From<OrderRecord> for StandingOrder {
    fn from(record: OrderRecord) -> StandingOrder {
        let OrderRecord { order, client, opened_at, spec } = record;
        let is_active = order.status == OrderStatus::Active;
        let next_dates = order.next_due.filter(|_| is_active).map(|due| {
            let dates = order.terms.rule.dates_from(due).take(NEXT_DATES);
            dates.map(|DueDate { date, .. }| date).collect()
        });
        let Terms { account, to, currency, pays, rule, retry_days } = order.terms;
        let (amount, keep) = match pays {
            Pays::Amount(amount) => (Some(amount), None),
            Pays::Above(kept) => (None, Some(kept)),
        };
        StandingOrder {
            id: order.id,
            client,
            reference: spec.reference,
            account,
            to,
            amount,
            keep,
            currency,
            rule: rule.into(),
            retry_days,
            status: order.status.into(),
            next_dates: next_dates.unwrap_or_default(),
            next_attempt_on: order.attempt_on,
            payments_made: order.paid,
            last_payment: order.last.map(OrderPayment::from),
            memo: spec.memo,
            counterparty: spec.counterparty,
            payment: spec.payment,
            opened_at: Rfc3339::from_microseconds(opened_at),
        }
    }
}

impl From<OrderStatus> for OrderStatusName {
    fn from(status: OrderStatus) -> OrderStatusName {
        match status {
            OrderStatus::Active => OrderStatusName::Active,
            OrderStatus::Paused => OrderStatusName::Paused,
            OrderStatus::Closed => OrderStatusName::Closed,
            OrderStatus::Ended => OrderStatusName::Ended,
        }
    }
}

impl From<LastPayment> for OrderPayment {
    fn from(LastPayment { job, due, outcome }: LastPayment) -> OrderPayment {
        let reason = match outcome {
            RecordedOutcome::Rejected(reason) => Some(reason.name()),
            _ => None,
        };
        OrderPayment { job, due, outcome: OutcomeName::of(outcome).name(), reason }
    }
}
