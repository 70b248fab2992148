//! The batcher: whole envelopes of one lane, up to a number of jobs or for as long as it lingers.

use bytes::Bytes;
use futures::FutureExt as _;
use jiff::Timestamp;
use shared::contract::envelope::{self, Envelope, QueuedJob};
use shared::contract::message;
use shared::domain::job::Job;
use shared::domain::lane::Lane;
use shared::queue::{Delivery, DeliveryTag, QueueError, Subscription};
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Shared;

/// What was taken off a lane and is to be settled, then acknowledged.
pub(crate) struct Batch<'w> {
    pub(crate) lane: Lane,
    /// In the order of the lane.
    pub(crate) jobs: Vec<Job>,
    /// For each job the ingress replica to tell of its outcome.
    pub(crate) reply_to: Vec<Option<String>>,
    /// What could not be read, with the reason.
    pub(crate) unreadable: Vec<(Bytes, String)>,
    /// What to acknowledge when all of it is settled.
    pub(crate) through: DeliveryTag,
    /// The right to post.
    pub(crate) permit: SemaphorePermit<'w>,
}

/// Gathers the batches of one lane.
pub(crate) struct Batcher<'w> {
    shared: &'w Shared,
    lane: Lane,
    /// An envelope that did not fit into the batch before.
    left_over: Option<Gathered>,
    /// When the batch before was gathered.
    gathered_at: Option<Instant>,
}

/// A lane whose last batch is no older than so many lingers is busy.
const BUSY_LINGERS: u32 = 5;

impl<'w> Batcher<'w> {
    pub(crate) fn new(shared: &'w Shared, lane: Lane) -> Batcher<'w> {
        Batcher { shared, lane, left_over: None, gathered_at: None }
    }

    /// The next batch; `None` after `stop`, which leaves what was gathered unacknowledged.
    ///
    /// A batch takes envelopes until it is full or has lingered. Then it waits for its turn to post,
    /// and takes what has come meanwhile: the busier the ledger, the fuller the batches. On a lane that
    /// is not busy nothing lingers: there is nothing to wait for, and a lone job is posted at once.
    ///
    /// # Errors
    /// The subscription has ended.
    pub(crate) async fn next(
        &mut self,
        subscription: &mut dyn Subscription,
        stop: &CancellationToken,
    ) -> Result<Option<Batch<'w>>, QueueError> {
        let Some(mut gathered) = self.first(subscription, stop).await? else { return Ok(None) };
        self.shared.figures.in_hand(self.lane, gathered.jobs.first().map(|job| job.accepted_at));
        let now = Instant::now();
        let busy_within = BUSY_LINGERS * self.shared.linger;
        if self.gathered_at.replace(now).is_some_and(|before| now - before <= busy_within) {
            let lingered_at = now + self.shared.linger;
            self.fill(&mut gathered, subscription, tokio::time::sleep_until(lingered_at)).await?;
        }
        let permit = tokio::select! {
            () = stop.cancelled() => return Ok(None),
            permit = self.shared.posting.acquire() => permit,
        };
        // The semaphore is never closed.
        let Ok(permit) = permit else { return Ok(None) };
        self.fill(&mut gathered, subscription, async {}).await?;
        Ok(Some(Batch {
            lane: self.lane,
            jobs: gathered.jobs,
            reply_to: gathered.reply_to,
            unreadable: gathered.unreadable,
            through: gathered.through,
            permit,
        }))
    }

    async fn first(
        &mut self,
        subscription: &mut dyn Subscription,
        stop: &CancellationToken,
    ) -> Result<Option<Gathered>, QueueError> {
        if let Some(left_over) = self.left_over.take() {
            return Ok(if stop.is_cancelled() { None } else { Some(left_over) });
        }
        if let Some(delivery) = subscription.next().now_or_never() {
            return delivery.map(|delivery| Some(Gathered::open(&delivery)));
        }
        self.shared.figures.in_hand(self.lane, None);
        tokio::select! {
            () = stop.cancelled() => Ok(None),
            delivery = subscription.next() => delivery.map(|delivery| Some(Gathered::open(&delivery))),
        }
    }

    /// Adds envelopes until the batch is full, the next one does not fit, or `until` is over and none
    /// is at hand.
    async fn fill(
        &mut self,
        gathered: &mut Gathered,
        subscription: &mut dyn Subscription,
        until: impl Future<Output = ()>,
    ) -> Result<(), QueueError> {
        tokio::pin!(until);
        while self.left_over.is_none() && gathered.jobs.len() < self.shared.batch_jobs_max {
            let delivery = tokio::select! {
                biased;
                delivery = subscription.next() => delivery?,
                () = &mut until => return Ok(()),
            };
            let next = Gathered::open(&delivery);
            if gathered.jobs.len() + next.jobs.len() > self.shared.batch_jobs_max {
                self.left_over = Some(next);
            } else {
                gathered.append(next);
            }
        }
        Ok(())
    }
}

/// Envelopes that were read, one after the other.
struct Gathered {
    jobs: Vec<Job>,
    reply_to: Vec<Option<String>>,
    unreadable: Vec<(Bytes, String)>,
    through: DeliveryTag,
}

impl Gathered {
    /// Reads an envelope job by job: one that can not be read harms no other.
    fn open(delivery: &Delivery) -> Gathered {
        let mut gathered = Gathered {
            jobs: Vec::new(),
            reply_to: Vec::new(),
            unreadable: Vec::new(),
            through: delivery.tag,
        };
        match Envelope::read(&delivery.envelope) {
            Ok(envelope) => {
                for job in &envelope.jobs {
                    gathered.take(&envelope.ingress, job.get());
                }
            }
            Err(error) => gathered.unreadable.push((delivery.envelope.clone(), error.to_string())),
        }
        gathered
    }

    fn take(&mut self, ingress: &str, json: &str) {
        let queued: QueuedJob<'_> = match serde_json::from_str(json) {
            Ok(queued) => queued,
            Err(error) => {
                let cause = format!("an element of the envelope is no queued job: {error}");
                return self.unreadable.push((Bytes::copy_from_slice(json.as_bytes()), cause));
            }
        };
        match message::read(queued.job.get(), ingress, queued.accepted_at) {
            Ok(received) => {
                self.jobs.push(received.job);
                self.reply_to.push(received.reply_to);
            }
            Err(error) => {
                let accepted_at = Timestamp::from_microsecond(queued.accepted_at).unwrap_or_default();
                let alone = envelope::write(ingress, [(accepted_at, queued.job.get().as_bytes())]);
                self.unreadable.push((alone, error.to_string()));
            }
        }
    }

    fn append(&mut self, mut next: Gathered) {
        self.jobs.append(&mut next.jobs);
        self.reply_to.append(&mut next.reply_to);
        self.unreadable.append(&mut next.unreadable);
        self.through = next.through;
    }
}
