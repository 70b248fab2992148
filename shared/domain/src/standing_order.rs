//! Standing orders: payments that recur by a rule of the calendar.
//!
//! An order is opened by a job of a client. For each of its dates the fleet submits a job, whose id derives from the order, the
//! date and the attempt. The transaction that gives this job its outcome moves the order on, so that each date is paid once.
//! Days are those of UTC, by the clock of the database.

mod rule;

use jiff::ToSpan as _;
use jiff::civil::Date;
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::account::AccountNumber;
use super::id::{Identity, JobId};
use super::money::{Amount, Currency, Kept};
use super::outcome::{RecordedOutcome, Rejection};
use super::text::Client;

pub use self::rule::{DayOfMonth, DueDate, End, Every, MissingDay, NoDayOfMonth, Rule};

/// What a standing order pays, and when: as it was opened, for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Whence.
    pub account: AccountNumber,
    /// Whither.
    pub to: AccountNumber,
    /// That of both accounts.
    pub currency: Currency,
    /// How much.
    pub pays: Pays,
    /// On which days.
    pub rule: Rule,
    /// How often a payment that lacks funds is tried again, each time on the next day; 0: it is left out at once.
    pub retry_days: u16,
}

/// How much one payment of an order moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pays {
    /// So much.
    Amount(Amount),
    /// What the account has above this when the payment is executed. Held funds are not moved, and no overdraft is drawn.
    Above(Kept),
}

/// A payment of a standing order, as the fleet submits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingPayment {
    /// Whence.
    pub account: AccountNumber,
    /// Whither.
    pub to: AccountNumber,
    /// That of both accounts.
    pub currency: Currency,
    /// How much.
    pub pays: Pays,
    /// The job that opened the order.
    pub order: JobId,
    /// The date of the rule.
    pub due: Date,
    /// The number of this job among those for that date, from 1.
    pub attempt: u32,
}

impl StandingPayment {
    /// The id of its job: the same however often the `fleet` submits it.
    pub fn job(&self, fleet: &Client) -> JobId {
        payment_job(self.order, self.due, self.attempt, fleet)
    }
}

/// The id of the job by which the `fleet` makes the payment of an order for one date, at one attempt (from 1).
pub fn payment_job(order: JobId, due: Date, attempt: u32, fleet: &Client) -> JobId {
    JobId::derived(fleet, Identity::Key(&format!("attempt {attempt} at {due} of standing order {order}")))
}

/// A standing order, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingOrder {
    /// The id of the job that opened it.
    pub id: JobId,
    /// What that job said.
    pub terms: Terms,
    /// What became of it.
    pub status: OrderStatus,
    /// The next date of the rule; `None`: it pays nothing any more.
    pub next_due: Option<Date>,
    /// The number of the next job for that date, from 1.
    pub attempt: u32,
    /// How often the payment for that date was put off because it could not be made.
    pub retries: u16,
    /// The day of the next job, if the order is active.
    pub attempt_on: Option<Date>,
    /// Payments made.
    pub paid: u32,
    /// The last payment that was made or left out, or is to be tried again.
    pub last: Option<LastPayment>,
}

/// What became of a standing order. As text: `active`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum OrderStatus {
    /// It pays.
    Active,
    /// It pays nothing until it is resumed.
    Paused,
    /// A job has closed it.
    Closed,
    /// Its rule has no more dates, or one of its accounts cannot take part any more.
    Ended,
}

/// What became of the last payment of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastPayment {
    /// Its job.
    pub job: JobId,
    /// The date that it was for.
    pub due: Date,
    /// Posted, rejected or cancelled.
    pub outcome: RecordedOutcome,
}

impl StandingOrder {
    /// The order that a job opens.
    pub fn opened(id: JobId, terms: Terms) -> StandingOrder {
        let mut order = StandingOrder {
            id,
            terms,
            status: OrderStatus::Active,
            next_due: None,
            attempt: 1,
            retries: 0,
            attempt_on: None,
            paid: 0,
            last: None,
        };
        let first = order.terms.rule.dates().next();
        order.wait_for(first);
        order
    }

    /// Whether it may pay again.
    pub fn is_open(&self) -> bool {
        matches!(self.status, OrderStatus::Active | OrderStatus::Paused)
    }

    /// The payment that it makes next, if it is active.
    pub fn payment(&self) -> Option<StandingPayment> {
        let due = self.next_due.filter(|_| self.status == OrderStatus::Active)?;
        let Terms { account, to, currency, pays, .. } = self.terms.clone();
        Some(StandingPayment { account, to, currency, pays, order: self.id, due, attempt: self.attempt })
    }

    /// Pays nothing from now on, until it is resumed. What is paused or at its end stays so.
    pub fn pause(&mut self) {
        if self.status == OrderStatus::Active {
            self.status = OrderStatus::Paused;
            self.attempt_on = None;
        }
    }

    /// Pays again from its next date on that is not before `today`: the dates before it are left out. What is active or at its
    /// end stays so.
    pub fn resume(&mut self, today: Date) {
        let Some(next_due) = self.next_due.filter(|_| self.status == OrderStatus::Paused) else { return };
        self.status = OrderStatus::Active;
        let next = self.terms.rule.next(today.max(next_due));
        if next.is_some_and(|next| next.date == next_due) {
            // A job for that date may have come while the order was paused, and was rejected: another one has to have another id.
            self.attempt = self.attempt.saturating_add(1);
            self.attempt_on = Some(next_due);
        } else {
            self.wait_for(next);
        }
    }

    /// Pays nothing any more.
    pub fn close(&mut self) {
        self.end(OrderStatus::Closed);
    }

    /// Moves on behind the payment that it was at, to which `job` came on the day `today`.
    pub fn after(&mut self, job: JobId, outcome: RecordedOutcome, today: Date) {
        let Some(due) = self.next_due else { return };
        if outcome == RecordedOutcome::Rejected(Rejection::StandingPaymentNotDue) {
            // It came before its day. The next job for it has to have another id.
            self.attempt = self.attempt.saturating_add(1);
            return;
        }
        self.last = Some(LastPayment { job, due, outcome });
        match outcome {
            RecordedOutcome::Posted => {
                self.paid = self.paid.saturating_add(1);
                self.go_on(due);
            }
            RecordedOutcome::Rejected(
                Rejection::AccountNotFound | Rejection::AccountClosed | Rejection::CurrencyMismatch,
            ) => self.end(OrderStatus::Ended),
            RecordedOutcome::Rejected(reason)
                if reason != Rejection::NothingToSweep && self.retries < self.terms.retry_days =>
            {
                self.retries += 1;
                self.attempt = self.attempt.saturating_add(1);
                self.attempt_on = Some(today.saturating_add(1.day()));
            }
            _ => self.go_on(due),
        }
    }

    fn go_on(&mut self, from: Date) {
        let next = from.tomorrow().ok().and_then(|day| self.terms.rule.next(day));
        self.wait_for(next);
    }

    fn wait_for(&mut self, next: Option<DueDate>) {
        let Some(DueDate { date, .. }) = next else { return self.end(OrderStatus::Ended) };
        (self.next_due, self.attempt_on) = (Some(date), Some(date));
        (self.attempt, self.retries) = (1, 0);
    }

    fn end(&mut self, status: OrderStatus) {
        self.status = status;
        (self.next_due, self.attempt_on) = (None, None);
        (self.attempt, self.retries) = (1, 0);
    }
}

/// The day (UTC) of a time in microseconds since the Unix epoch.
pub fn day_of(microseconds: i64) -> Date {
    let time = jiff::Timestamp::from_microsecond(microseconds).unwrap_or_default();
    jiff::tz::Offset::UTC.to_datetime(time).date()
}

#[cfg(test)]
mod tests;
