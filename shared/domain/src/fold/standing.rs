//! Standing orders: what opens and changes them, their payments, and how each payment moves its order on.

use super::judge::Faults;
use super::legs::{Settled, legs};
use super::{Change, Fold, Sweep};
use crate::account::{Account, AccountNumber};
use crate::id::JobId;
use crate::job::{Action, Job};
use crate::money::{Amount, Kept};
use crate::outcome::{Outcome, Rejection};
use crate::standing_order::{Pays, StandingOrder, StandingPayment, Terms, day_of};

use jiff::civil::Date;

impl Fold {
    /// The day (UTC) that the ledger has come to.
    pub(super) fn today(&self) -> Date {
        day_of(self.now.max(self.books.posted_from))
    }

    /// Both accounts have to be there, so that a wrong number is refused at once. Nothing moves, so a frozen account
    /// allows it.
    pub(super) fn judge_order(&self, id: JobId, terms: &Terms) -> Result<Change, Rejection> {
        let mut faults = Faults::default();
        for number in [&terms.account, &terms.to] {
            let account = self.existing(number, &mut faults);
            if account.is_some_and(|account| account.currency != terms.currency) {
                faults.add(Rejection::CurrencyMismatch);
            }
        }
        faults.or(Some(Change::Order(StandingOrder::opened(id, terms.clone()))))
    }

    /// What is paused, resumed or closed. An account that is frozen, or closed meanwhile, allows it.
    pub(super) fn judge_order_change(
        &self,
        number: &AccountNumber,
        order: JobId,
        change: impl FnOnce(&mut StandingOrder),
    ) -> Result<Change, Rejection> {
        let found = self.books.orders.get(&order).filter(|found| &found.terms.account == number);
        let mut order = found.cloned().ok_or(Rejection::StandingOrderNotFound)?;
        if !order.is_open() {
            return Err(Rejection::StandingOrderEnded);
        }
        change(&mut order);
        Ok(Change::Order(order))
    }

    /// A payment is made if its order is at it, and its day has come.
    pub(super) fn judge_payment(
        &mut self,
        job: &Job,
        payment: &StandingPayment,
    ) -> Result<Change, Rejection> {
        let order = self.order_at(payment).ok_or(Rejection::StandingPaymentNotDue)?;
        if order.attempt_on.is_none_or(|day| day > self.today()) {
            return Err(Rejection::StandingPaymentNotDue);
        }
        let mut faults = Faults::default();
        let (settled, held) = match payment.pays {
            Pays::Amount(_) => (Settled::Nothing, None),
            Pays::Above(kept) => {
                let account = self.books.accounts.get(&payment.account);
                match account.and_then(|account| above(account, kept)) {
                    Some(amount) => (Settled::Swept(amount), account.map(|account| account.held)),
                    None => {
                        faults.add(Rejection::NothingToSweep);
                        (Settled::Nothing, None)
                    }
                }
            }
        };
        let mut moved = legs(&job.spec.action, job.lane, settled);
        if moved.is_empty() {
            // What is wrong with the accounts counts more than that there is nothing to move.
            moved = vec![(payment.account.clone(), 0), (payment.to.clone(), 0)];
        }
        self.judge_move(&moved, Some(payment.currency), None, &mut faults);
        faults.or(Some(match held {
            Some(held) => Change::Sweep(moved, held),
            None => Change::Move(moved),
        }))
    }

    /// Moves the order on behind the payment that this job was, if it was at it.
    pub(super) fn move_order_on(&mut self, job: &Job, outcome: Outcome) {
        let Action::StandingPayment(payment) = &job.spec.action else { return };
        let today = self.today();
        let Some(mut order) = self.order_at(payment).cloned() else { return };
        order.after(job.id, outcome.recorded(), today);
        self.put_order(order);
    }

    /// The order of a payment, if this is the one that it makes next.
    fn order_at(&self, payment: &StandingPayment) -> Option<&StandingOrder> {
        let order = self.books.orders.get(&payment.order)?;
        (order.payment().as_ref() == Some(payment)).then_some(order)
    }

    pub(super) fn put_order(&mut self, order: StandingOrder) {
        if !self.books.orders.contains_key(&order.id) {
            self.folded.new_orders.insert(order.id);
        }
        self.folded.orders.insert(order.id, order.clone());
        self.books.orders.insert(order.id, order);
    }

    /// Notes what a sweep has moved, once its entries are written. `held` is what was held on the account.
    pub(super) fn note_sweep(&mut self, job: &Job, held: i64) {
        let account = self.books.accounts.get(job.spec.action.account());
        let entry = self.folded.entries.iter().rev().find(|entry| {
            entry.job == job.id && account.is_some_and(|account| account.number == entry.account)
        });
        self.folded.sweeps.extend(entry.map(|entry| Sweep {
            job: job.id,
            account: entry.account.clone(),
            seq: entry.seq,
            amount: entry.amount.saturating_neg(),
            held,
        }));
    }
}

/// What an account has above what it keeps, beside what is held; no overdraft is drawn for it.
fn above(account: &Account, kept: Kept) -> Option<Amount> {
    let above = i128::from(account.balance) - i128::from(account.held) - i128::from(kept.minor_units());
    // More than an amount may be goes by the next payment.
    let above = above.min(i128::from(Amount::MAX));
    i64::try_from(above).ok().and_then(|above| Amount::new(above).ok())
}
