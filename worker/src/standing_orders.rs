//! Payments of standing orders: this worker submits those of its lanes whose day has come, in the order of their days.
//!
//! What decides is the ledger: an order is at one payment at a time, whose job has an id of its own, and the transaction that gives
//! this job its outcome moves the order on. So a payment that is submitted twice, by two workers that overlap or around a crash,
//! does no harm, and one that is lost on the way is submitted again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::{message, submission};
use domain::job::{Action, Spec};
use domain::lane::Lane;
use domain::standing_order::{StandingPayment, Terms, day_of};
use domain::text::{Client, FLEET};
use futures::{StreamExt as _, stream};
use jiff::civil::Date;
use queue::publisher::ToQueue;
use store::standing_orders::{DuePayment, Opened, StandingOrders};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::context::Shared;
use crate::schedules::pause_after;

/// How often payments are looked for whose day has come.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The same while payments are made: an order has its next one once the one before has its outcome.
const BUSY_INTERVAL: Duration = Duration::from_millis(200);
/// Payments of a lane that are on it and have no outcome yet, beyond which none is submitted: five envelopes, which a lane posts
/// within seconds. So jobs that come meanwhile wait no longer, however many are due.
const PENDING_PAYMENTS_MAX: u32 = 500;
/// Lanes that are looked at together: each takes a connection to the database.
const LANES_AT_ONCE: usize = 4;

/// Submits the payments that are due on the lanes that this worker serves, until `shutdown`.
pub(crate) async fn submit_due(shared: Arc<Shared>, shutdown: CancellationToken) {
    let Some(orders) = shared.parts.standing_orders.clone() else { return };
    let Ok(fleet) = Client::parse(FLEET) else { return };
    let submitter = Submitter { shared: &shared, orders: &*orders, fleet };
    let mut pending = Pending::new();
    let mut is_reported = false;
    loop {
        let pause = match submitter.look(&mut pending).await {
            Ok(is_busy) => {
                is_reported = false;
                if is_busy { BUSY_INTERVAL } else { LOOK_INTERVAL }
            }
            Err(error) => {
                // Once for each time that the database or the queue is away.
                if !is_reported {
                    warn!(%error, "payments of standing orders could not be submitted; trying again");
                }
                is_reported = true;
                LOOK_INTERVAL
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The payments of each lane that were submitted and have no outcome yet, as far as this worker knows.
type Pending = HashMap<Lane, OfLane>;
type OfLane = HashMap<DuePayment, Submitted>;

/// When a payment was submitted last, and how often.
#[derive(Debug, Clone, Copy)]
struct Submitted {
    at: Instant,
    times: u32,
}

impl Submitted {
    /// Whether it may have been lost on the way: as of a scheduled job, the pause begins with `retry`, and doubles.
    fn is_overdue(&self, retry: Duration) -> bool {
        self.at.elapsed() >= pause_after(self.times.saturating_sub(1), retry)
    }
}

struct Submitter<'w> {
    shared: &'w Shared,
    orders: &'w dyn StandingOrders,
    fleet: Client,
}

impl Submitter<'_> {
    /// Submits what is due; true: there may be more at once. A lane that takes nothing holds no other up.
    async fn look(&self, pending: &mut Pending) -> anyhow::Result<bool> {
        let settings = self.shared.settings.borrow().clone();
        // On a paused lane a payment would wait, and be submitted again and again.
        let is_open = |lane: &Lane| self.shared.figures.serves(*lane) && settings.pause_of(*lane).is_none();
        let open: Vec<_> = self.shared.parts.lanes.iter().filter(is_open).collect();
        let next = self.orders.next_payments(&open).await?;
        let (today, retry) = (day_of(next.now), settings.schedule_retry());
        let due = next.by_lane.into_iter().filter(|(_, day)| *day <= today).map(|(lane, _)| lane);
        // A lane without any has no payment that waits.
        let before = std::mem::take(pending);
        let submissions: Vec<_> = due
            .map(|lane| {
                let known = before.get(&lane).cloned().unwrap_or_default();
                async move { (lane, self.submit(lane, (today, retry), known).await) }
            })
            .collect();
        let mut submitted = stream::iter(submissions).buffer_unordered(LANES_AT_ONCE);
        let (mut is_busy, mut failed) = (false, None);
        while let Some((lane, (of_lane, moved))) = submitted.next().await {
            pending.insert(lane, of_lane);
            match moved {
                Ok(moved) => is_busy |= moved,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(is_busy), Err)
    }

    /// Submits what is due on a lane and was not, or may be lost; true: something was, or has its outcome since.
    async fn submit(
        &self,
        lane: Lane,
        at: (Date, Duration),
        mut pending: OfLane,
    ) -> (OfLane, anyhow::Result<bool>) {
        let moved = self.submit_to(lane, at, &mut pending).await;
        (pending, moved)
    }

    async fn submit_to(
        &self,
        lane: Lane,
        (today, retry): (Date, Duration),
        pending: &mut OfLane,
    ) -> anyhow::Result<bool> {
        let due = self.orders.due_payments(lane, today, PENDING_PAYMENTS_MAX).await?;
        let before = pending.len();
        let is_due: HashSet<_> = due.iter().copied().collect();
        pending.retain(|payment, _| is_due.contains(payment));
        let has_moved = pending.len() < before;
        let to_submit =
            |payment: &DuePayment| pending.get(payment).is_none_or(|submitted| submitted.is_overdue(retry));
        let payments: Vec<_> = due.into_iter().filter(to_submit).collect();
        let ids: Vec<_> = payments.iter().map(|payment| payment.order).collect();
        let opened = self.orders.opened(&ids).await?;
        let of_order = |payment: DuePayment| {
            let message = message_of(payment, opened.get(&payment.order)?, &self.fleet)?;
            Some((payment, message))
        };
        let messages: Vec<_> = payments.into_iter().filter_map(of_order).collect();
        let to_queue = messages.iter().map(|(_, message)| ToQueue::requested(message.clone(), None));
        let published = self.shared.parts.publisher.publish_each(lane, to_queue).await;
        let mut count = 0;
        for ((payment, _), _) in messages.iter().zip(&published).filter(|(_, published)| published.is_ok()) {
            let times = pending.get(payment).map_or(0, |submitted| submitted.times);
            pending.insert(*payment, Submitted { at: Instant::now(), times: times.saturating_add(1) });
            self.shared.figures.submitted(lane);
            count += 1;
        }
        if count > 0 {
            info!(%lane, payments = count, "payments of standing orders are due and queued");
        }
        published.into_iter().find(Result::is_err).transpose()?;
        Ok(has_moved || count > 0)
    }
}

/// The job of a payment: in the name of the client that opened the order, with what it wrote for the payee. `None`: the order's job
/// is none that opens an order, as an audit says of it.
fn message_of(payment: DuePayment, opened: &Opened, fleet: &Client) -> Option<Bytes> {
    let Action::OpenStandingOrder(terms) = &opened.spec.action else { return None };
    let Terms { account, to, currency, pays, .. } = (**terms).clone();
    let DuePayment { order, due, attempt } = payment;
    let payment = StandingPayment { account, to, currency, pays, order, due, attempt };
    let id = payment.job(fleet);
    let spec = Spec {
        memo: opened.spec.memo.clone(),
        counterparty: opened.spec.counterparty.clone(),
        metadata: opened.spec.metadata.clone(),
        payment: opened.spec.payment.clone(),
        ..Spec::of(Action::StandingPayment(Box::new(payment)))
    };
    message::write(id, &opened.client, None, &[], None, &submission::canonical(&spec)).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use domain::id::JobId;
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_payment_carries_what_the_order_says_and_is_the_same_job_whoever_submits_it() {
        let order = JobId::from_chance(7, [0; 6]);
        let spec = submission::parse(
            br#"{"kind":"open_standing_order","account":"a","to":"b","amount":5,"currency":"EUR","memo":"Rent","reference":"r-1",
                "rule":{"unit":"months","day":31,"missing_day":"last","from":"2027-01-01"},"retry_days":2,
                "payment":{"creditor_name":"Bo"}}"#,
        );
        let opened = Opened { client: Client::parse("acme").unwrap(), spec: spec.unwrap() };
        let fleet = Client::parse(FLEET).unwrap();
        let due = DuePayment { order, due: date(2027, 1, 31), attempt: 1 };
        let message = message_of(due, &opened, &fleet).unwrap();
        let read = message::read(std::str::from_utf8(&message).unwrap(), Lane(0), "worker-1", 1).unwrap().job;
        let expected = format!(
            r#"{{"kind":"standing_payment","account":"a","to":"b","amount":5,"currency":"EUR","memo":"Rent","payment":{{"creditor_name":"Bo"}},"order":"{order}","due":"2027-01-31","attempt":1}}"#
        );
        assert_eq!(read.body, expected, "a worker of another release submits the same body: never change it");
        assert_eq!(read.client.as_str(), "acme");
        assert_eq!(message_of(due, &opened, &fleet), Some(message));
        let again = message_of(DuePayment { attempt: 2, ..due }, &opened, &fleet).unwrap();
        let again = message::read(std::str::from_utf8(&again).unwrap(), Lane(0), "worker-1", 1).unwrap().job;
        assert_ne!(again.id, read.id);
    }
}
