//! The batcher: whole envelopes of one lane, up to a number of jobs.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use contract::envelope::{self, Enclosed, Envelope, Failed, QueuedJob};
use contract::message;
use contract::trace::TraceParent;
use domain::job::Job;
use domain::lane::Lane;
use fleet::settings::Settings;
use futures::FutureExt as _;
use jiff::Timestamp;
use queue::{Delivery, DeliveryTag, QueueError, Subscription};
use runtime::clock;
use tokio_util::sync::CancellationToken;

use crate::context::Shared;
use crate::figures::InHand;
use crate::lane::LOOK_INTERVAL;

/// What was taken off a lane and is to be finished, then acknowledged.
pub(crate) struct Batch {
    pub(crate) lane: Lane,
    /// In the order of the lane.
    pub(crate) jobs: Vec<Job>,
    /// For each job the ingress replica to tell of its outcome.
    pub(crate) reply_to: Vec<Option<String>>,
    /// For each job whether the queue had handed it out before.
    pub(crate) redelivered: Vec<bool>,
    /// For each job how often it was given up before.
    pub(crate) failed: Vec<Option<Failed>>,
    /// What could not be read, with the reason.
    pub(crate) unreadable: Vec<Unreadable>,
    /// What to acknowledge when all of it is finished.
    pub(crate) through: DeliveryTag,
    /// The spans of the requests that brought its jobs, as far as they are recorded.
    pub(crate) traces: BTreeSet<TraceParent>,
    /// What of the lane was opened, this batch and what did not fit into it.
    pub(crate) in_hand: InHand,
}

/// What could not be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// What tells it from others: the same however often it is given up around a crash.
    pub(crate) payload: Bytes,
    /// What is kept where it is a job that was given up before, and now once more.
    pub(crate) kept: Bytes,
    pub(crate) cause: String,
}

impl Unreadable {
    fn new(payload: Bytes, cause: String) -> Unreadable {
        Unreadable { kept: payload.clone(), payload, cause }
    }
}

/// Gathers the batches of one lane.
pub(crate) struct Batcher<'w> {
    shared: &'w Shared,
    lane: Lane,
    /// What did not go into the batch before: an envelope too many, or one that holds the lane up.
    left_over: Option<Result<Gathered, QueueError>>,
}

impl<'w> Batcher<'w> {
    pub(crate) fn new(shared: &'w Shared, lane: Lane) -> Batcher<'w> {
        Batcher { shared, lane, left_over: None }
    }

    /// The next batch: what is at hand, at least one envelope. `None` after `stop`.
    ///
    /// # Errors
    /// The subscription has ended, or what comes next is for a worker of the next release.
    pub(crate) async fn next(
        &mut self,
        subscription: &mut dyn Subscription,
        stop: &CancellationToken,
    ) -> Result<Option<Batch>, QueueError> {
        let Some(mut gathered) = self.first(subscription, stop).await? else { return Ok(None) };
        self.fill(&mut gathered, subscription)?;
        let in_hand = gathered.in_hand(self.left_over.as_ref().and_then(|left| left.as_ref().ok()));
        let Gathered { jobs, reply_to, redelivered, failed, traces, unreadable, through, .. } = gathered;
        let lane = self.lane;
        Ok(Some(Batch { lane, jobs, reply_to, redelivered, failed, traces, unreadable, through, in_hand }))
    }

    /// Whether something was taken off the lane that is in no batch yet.
    pub(crate) fn has_left_over(&self) -> bool {
        self.left_over.is_some()
    }

    async fn first(
        &mut self,
        subscription: &mut dyn Subscription,
        stop: &CancellationToken,
    ) -> Result<Option<Gathered>, QueueError> {
        loop {
            self.wait_out_a_pause(subscription, stop).await;
            // However much is at hand: who takes the lane over finds it where it is.
            if stop.is_cancelled() {
                return Ok(None);
            }
            if let Some(left_over) = self.left_over.take() {
                return left_over.map(Some);
            }
            if let Some(delivery) = subscription.next().now_or_never() {
                return self.open(&delivery?).map(Some);
            }
            self.shared.figures.in_hand(self.lane, InHand::default());
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                () = self.is_paused(true) => {}
                delivery = subscription.next() => return self.open(&delivery?).map(Some),
            }
        }
    }

    /// Returns once the lane is not paused, or at `stop`. The subscription stays, so that the lane keeps its order: what was
    /// handed out of it is in hand.
    async fn wait_out_a_pause(&self, subscription: &mut dyn Subscription, stop: &CancellationToken) {
        let opened = self.left_over.as_ref().and_then(|left| left.as_ref().ok());
        let opened = opened.map(|left| left.in_hand(None)).unwrap_or_default();
        while self.shared.settings.borrow().pause_of(self.lane).is_some() {
            let unopened = u64::try_from(subscription.handed_ahead()).unwrap_or_default();
            let waits = InHand { oldest_accepted_at: None, ..opened.with_unopened(unopened) };
            self.shared.figures.in_hand(self.lane, waits);
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.is_paused(false) => {}
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    /// Returns once the lane is paused, or is not.
    async fn is_paused(&self, paused: bool) {
        let mut settings = self.shared.settings.clone();
        let is_wanted = |settings: &Arc<Settings>| settings.pause_of(self.lane).is_some() == paused;
        let is_over = settings.wait_for(is_wanted).await.is_err();
        if is_over {
            // Nobody changes settings any more.
            std::future::pending::<()>().await;
        }
    }

    /// Adds the envelopes that are at hand until the batch is full or the next one does not fit.
    fn fill(
        &mut self,
        gathered: &mut Gathered,
        subscription: &mut dyn Subscription,
    ) -> Result<(), QueueError> {
        let jobs_max = self.shared.settings.borrow().batch_jobs_max();
        while self.left_over.is_none() && gathered.jobs.len() < jobs_max {
            let Some(delivery) = subscription.next().now_or_never() else { return Ok(()) };
            match self.open(&delivery?) {
                Ok(next) if gathered.jobs.len() + next.jobs.len() <= jobs_max => gathered.append(next),
                other => self.left_over = Some(other),
            }
        }
        Ok(())
    }

    /// Opens an envelope, and lets the report say what holds the lane up, if that does.
    fn open(&self, delivery: &Delivery) -> Result<Gathered, QueueError> {
        let opened = Gathered::open(self.lane, delivery);
        let held_up = &self.shared.figures.held_up;
        match &opened {
            Ok(gathered) => {
                held_up.forget(self.lane);
                self.shared.figures.received(&gathered.jobs);
            }
            Err(why) => held_up.obstructed(self.lane, why.to_string()),
        }
        opened
    }
}

/// Envelopes that were read, one after the other.
struct Gathered {
    messages: u64,
    jobs: Vec<Job>,
    reply_to: Vec<Option<String>>,
    redelivered: Vec<bool>,
    failed: Vec<Option<Failed>>,
    traces: BTreeSet<TraceParent>,
    unreadable: Vec<Unreadable>,
    through: DeliveryTag,
}

impl Gathered {
    /// Reads an envelope job by job: one that cannot be read harms no other.
    ///
    /// An envelope of the next release is an error: it stays on the lane, and holds it up, until a worker comes
    /// that reads it. While a fleet is upgraded there may be some, and as dead letters they would lose their place.
    fn open(lane: Lane, delivery: &Delivery) -> Result<Gathered, QueueError> {
        let mut gathered = Gathered {
            messages: 1,
            jobs: Vec::new(),
            reply_to: Vec::new(),
            redelivered: Vec::new(),
            failed: Vec::new(),
            traces: BTreeSet::new(),
            unreadable: Vec::new(),
            through: delivery.tag,
        };
        match Envelope::read(&delivery.envelope) {
            Ok(envelope) => {
                for job in &envelope.jobs {
                    gathered.take(lane, &envelope.ingress, job.get());
                }
            }
            Err(error) if error.is_of_the_next_release() => {
                return Err(QueueError::Failed(error.to_string()));
            }
            Err(error) => {
                gathered.unreadable.push(Unreadable::new(delivery.envelope.clone(), error.to_string()));
            }
        }
        gathered.redelivered.resize(gathered.jobs.len(), delivery.redelivered);
        Ok(gathered)
    }

    fn take(&mut self, lane: Lane, ingress: &str, json: &str) {
        let queued: QueuedJob<'_> = match serde_json::from_str(json) {
            Ok(queued) => queued,
            Err(error) => {
                let cause = format!("an element of the envelope is no queued job: {error}");
                let payload = Bytes::copy_from_slice(json.as_bytes());
                return self.unreadable.push(Unreadable::new(payload, cause));
            }
        };
        match message::read(queued.job.get(), lane, ingress, queued.accepted_at) {
            Ok(received) => {
                self.jobs.push(Job { origin: queued.import, ..received.job });
                self.reply_to.push(received.reply_to);
                self.failed.push(queued.failed);
                self.traces.extend(queued.trace);
            }
            Err(error) => {
                let accepted_at = Timestamp::from_microsecond(queued.accepted_at).unwrap_or_default();
                let job = queued.job.get().as_bytes();
                let alone = |failed| {
                    envelope::write(
                        ingress,
                        [Enclosed { accepted_at, origin: queued.import, failed, trace: None, job }],
                    )
                };
                let (payload, kept) = (alone(queued.failed), alone(Some(once_more(queued.failed))));
                self.unreadable.push(Unreadable { payload, kept, cause: error.to_string() });
            }
        }
    }

    fn in_hand(&self, left_over: Option<&Gathered>) -> InHand {
        let all = || [Some(self), left_over].into_iter().flatten();
        let jobs: usize = all().map(|gathered| gathered.jobs.len()).sum();
        InHand {
            oldest_accepted_at: all().find_map(|gathered| gathered.jobs.first()).map(|job| job.accepted_at),
            messages: all().map(|gathered| gathered.messages).sum(),
            jobs: u64::try_from(jobs).unwrap_or(u64::MAX),
        }
    }

    fn append(&mut self, mut next: Gathered) {
        self.messages += next.messages;
        self.jobs.append(&mut next.jobs);
        self.reply_to.append(&mut next.reply_to);
        self.redelivered.append(&mut next.redelivered);
        self.failed.append(&mut next.failed);
        self.traces.append(&mut next.traces);
        self.unreadable.append(&mut next.unreadable);
        self.through = next.through;
    }
}

/// How often a job was given up that is given up now.
pub(crate) fn once_more(before: Option<Failed>) -> Failed {
    match before {
        Some(Failed { attempts, first_at }) => Failed { attempts: attempts.saturating_add(1), first_at },
        None => Failed { attempts: 1, first_at: clock::now_us() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(envelope: &str) -> Delivery {
        Delivery { tag: DeliveryTag(7), envelope: envelope.to_owned().into(), redelivered: false }
    }

    #[test]
    fn an_envelope_of_the_next_release_stays_on_its_lane() {
        let next = format!(r#"{{"version":{},"jobs":{{"in":"another form"}}}}"#, envelope::VERSION + 1);
        let waits = Gathered::open(Lane(3), &delivery(&next)).err().unwrap().to_string();
        assert!(waits.contains("version 3") && waits.contains("upgrade the workers"), "{waits}");
    }

    #[test]
    fn an_envelope_that_was_altered_where_it_was_stored_is_kept_aside_as_it_is() {
        let job = br#"{"kind":"deposit","amount":1000}"#;
        let written = envelope::write("api-1", [Enclosed::from((Timestamp::UNIX_EPOCH, job.as_slice()))]);
        let altered = String::from_utf8_lossy(&written).replace("1000", "9000");
        let gathered = Gathered::open(Lane(3), &delivery(&altered)).unwrap();
        assert!(gathered.jobs.is_empty());
        let [Unreadable { kept, cause, .. }] = gathered.unreadable.as_slice() else {
            panic!("not kept aside")
        };
        assert!(kept == altered.as_bytes() && cause.contains("altered after it was written"), "{cause}");
    }

    #[test]
    fn what_no_release_to_come_reads_holds_no_lane_up() {
        for stranger in [r#"{"version":99}"#, r#"{"version":0}"#, "no envelope"] {
            let gathered = Gathered::open(Lane(3), &delivery(stranger)).unwrap();
            assert_eq!((gathered.jobs.len(), gathered.unreadable.len()), (0, 1), "{stranger}");
        }
    }
}
