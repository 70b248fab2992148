//! Standing orders against the jobs that opened, changed and paid them.
//!
//! Every order is moved on in memory, some 300 bytes each, as the fold has moved it, and compared with its row at the end. Of a
//! payment of all above some amount, the entry shows whether so much was above.

use std::collections::{BTreeMap, BTreeSet};

use contract::submission;
use domain::id::JobId;
use domain::job::Action;
use domain::money::Amount;
use domain::outcome::RecordedOutcome;
use domain::standing_order::{Pays, StandingOrder, StandingPayment, day_of};

use super::pages::{JobOnPage, Pages, SweepOnPage};
use crate::failure::Failure;
use crate::ledger::findings::Audit;

/// The orders as far as the jobs have brought them.
#[derive(Debug, Default)]
pub(super) struct Orders {
    orders: BTreeMap<JobId, StandingOrder>,
    /// Those with a job that is not in the place of its posting, so that what came first does not show.
    in_doubt: BTreeSet<JobId>,
}

impl Orders {
    /// What the next job did or was to do, in the order of posting.
    pub(super) fn job(&mut self, job: &JobOnPage, action: &Action) {
        let record = &job.record;
        let is_posted = record.outcome == RecordedOutcome::Posted;
        let today = || day_of(record.posted_at);
        let order = match action {
            Action::OpenStandingOrder(terms) if is_posted => {
                self.orders.insert(record.id, StandingOrder::opened(record.id, (**terms).clone()));
                record.id
            }
            Action::PauseStandingOrder { order, .. } if is_posted => {
                self.change(*order, StandingOrder::pause)
            }
            Action::ResumeStandingOrder { order, .. } if is_posted => {
                self.change(*order, |order| order.resume(today()))
            }
            Action::CloseStandingOrder { order, .. } if is_posted => {
                self.change(*order, StandingOrder::close)
            }
            Action::StandingPayment(payment) => {
                self.paid(payment, record.id, record.outcome, record.posted_at)
            }
            _ => return,
        };
        if job.is_out_of_order {
            self.in_doubt.insert(order);
        }
    }

    fn change(&mut self, order: JobId, change: impl FnOnce(&mut StandingOrder)) -> JobId {
        self.orders.entry(order).and_modify(change);
        order
    }

    /// One that is dead has moved nothing on.
    fn paid(
        &mut self,
        payment: &StandingPayment,
        job: JobId,
        outcome: RecordedOutcome,
        posted_at: i64,
    ) -> JobId {
        let is_settled = matches!(
            outcome,
            RecordedOutcome::Posted | RecordedOutcome::Rejected(_) | RecordedOutcome::Cancelled
        );
        let order = self.orders.get_mut(&payment.order);
        if let Some(order) = order.filter(|order| is_settled && order.payment().as_ref() == Some(payment)) {
            order.after(job, outcome, day_of(posted_at));
        }
        payment.order
    }

    /// Compares the orders with their rows, and looks at what was swept.
    pub(super) async fn compare(mut self, pages: &mut impl Pages, audit: &mut Audit) -> Result<(), Failure> {
        for id in pages.orders_without_jobs().await? {
            audit.find(|| format!("standing order {id}: the ledger has no job that opened it"));
        }
        let mut after = None;
        loop {
            let page = pages.standing_orders(after).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for row in page {
                let id = row.id;
                match self.orders.remove(&id) {
                    None => {
                        audit.find(|| format!("standing order {id}: the job that opened it was not posted"))
                    }
                    Some(_) if self.in_doubt.contains(&id) => {}
                    Some(order) if order == row => {}
                    Some(order) => audit.find(|| {
                        format!(
                            "standing order {id} of account {}: its row says {}, its jobs say {}",
                            row.terms.account,
                            said(&row),
                            said(&order)
                        )
                    }),
                }
            }
        }
        for (id, order) in self.orders {
            audit.find(|| {
                format!(
                    "standing order {id} of account {}: it was opened and has no row",
                    order.terms.account
                )
            });
        }
        sweeps(pages, audit).await
    }
}

/// How far an order is.
fn said(order: &StandingOrder) -> String {
    let StandingOrder { status, next_due, attempt, retries, attempt_on, paid, last, .. } = order;
    let day = |day: &Option<jiff::civil::Date>| day.map_or("none".to_owned(), |day| day.to_string());
    let name: &str = (*status).into();
    format!(
        "{name}, next due {} by attempt {attempt} after {retries} put off on {}, {paid} paid, last {:?}",
        day(next_due),
        day(attempt_on),
        last.map(|last| (last.job, last.outcome))
    )
}

async fn sweeps(pages: &mut impl Pages, audit: &mut Audit) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = pages.sweeps_after(after).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.job);
        for sweep in &page {
            if let Some(fault) = fault_of(sweep) {
                audit.find(|| {
                    let account = sweep.account.as_deref().unwrap_or("(none)");
                    format!("sweep of {} from account {account} by job {}: {fault}", sweep.amount, sweep.job)
                });
            }
        }
    }
}

/// What was swept has left what is kept and what was held: no more, and no less unless it was as much as an amount may be.
fn fault_of(sweep: &SweepOnPage) -> Option<String> {
    let spec = sweep.body.as_deref().and_then(|body| submission::parse(body.as_bytes()).ok());
    let Some(Action::StandingPayment(payment)) = spec.map(|spec| spec.action) else {
        return Some("its job is no payment of a standing order".to_owned());
    };
    let Pays::Above(kept) = payment.pays else {
        return Some("its job pays an amount that its body says".to_owned());
    };
    if sweep.account.as_deref() != Some(payment.account.as_str()) {
        return Some(format!("its job draws on account {}", payment.account));
    }
    let Some((job, amount, balance_after)) = sweep.entry else {
        return Some("the account has no such entry".to_owned());
    };
    if job != sweep.job || i128::from(amount) != -i128::from(sweep.amount) {
        return Some(format!("its entry is of {amount}, by job {job}"));
    }
    let left = i128::from(balance_after) - i128::from(sweep.held);
    (left != i128::from(kept.minor_units()) && sweep.amount != Amount::MAX)
        .then(|| format!("it left {left} beside what was held, and was to leave {}", kept.minor_units()))
}
