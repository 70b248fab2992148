//! Tells the event stream what became of jobs: after the commit, and before their messages are acknowledged.
//!
//! While one message is on its way, what other lanes have to say waits and then goes as one: many small batches cost few
//! messages. A lane hands over one batch at a time, so its events are in order.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::envelope::Failed;
use contract::event::Event;
use domain::access::Accounts;
use domain::job::Job;
use domain::lane::Lane;
use domain::outcome::{Outcome, RecordedOutcome};
use futures::FutureExt as _;
use jiff::Timestamp;
use metrics::counter;
use queue::Queue;
use runtime::telemetry::names;
use store::StoreError;
use store::ledger::{Applied, Ledger};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, warn};

use crate::batch::once_more;
use crate::figures::Figures;
use crate::lane::retry_delays;
use crate::poster::Finished;

/// Bytes of one message of the stream, beyond which what waits goes in the next one.
const MESSAGE_BYTES_MAX: usize = 1_000_000;
/// A stream that takes nothing for so long is worth a line in the log.
const PATIENCE: Duration = Duration::from_secs(2);

/// Publishes events until it is dropped.
pub(crate) struct Announcer {
    batches: mpsc::UnboundedSender<LaneEvents>,
}

/// The events of one batch of a lane, as JSON without the brackets around them.
struct LaneEvents {
    lane: Lane,
    count: u64,
    json: Vec<u8>,
    done: oneshot::Sender<()>,
}

impl Announcer {
    /// Starts publishing to the stream of `queue`.
    pub(crate) fn start(queue: Arc<dyn Queue>, figures: Arc<Figures>) -> Announcer {
        let (batches, received) = mpsc::unbounded_channel();
        tokio::spawn(publish(queue, figures, received));
        Announcer { batches }
    }

    /// Publishes events of one lane. Returns true once the stream has them, however long that takes; who gives up publishes
    /// them again with what is redelivered. False: the publishing broke off, and whether the stream has them is not known.
    pub(crate) async fn announce(&self, lane: Lane, events: &[Event]) -> bool {
        if events.is_empty() {
            return true;
        }
        let mut json = Vec::with_capacity(events.len() * 512);
        for event in events {
            if !json.is_empty() {
                json.push(b',');
            }
            let start = json.len();
            if let Err(error) = serde_json::to_writer(&mut json, event) {
                // What was read from JSON has a JSON form.
                warn!(%error, job = event.subject, "an event could not be written");
                json.truncate(start.saturating_sub(1));
            }
        }
        if json.is_empty() {
            return true;
        }
        let (done, published) = oneshot::channel();
        let count = u64::try_from(events.len()).unwrap_or_default();
        let sent = self.batches.send(LaneEvents { lane, count, json, done });
        sent.is_ok() && published.await.is_ok()
    }
}

/// Publishes what comes, one message after the other.
async fn publish(
    queue: Arc<dyn Queue>,
    figures: Arc<Figures>,
    mut received: mpsc::UnboundedReceiver<LaneEvents>,
) {
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(first) => first,
            None => match received.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let mut message = Message::of(first);
        while message.bytes < MESSAGE_BYTES_MAX
            && let Ok(more) = received.try_recv()
        {
            match message.add(more) {
                Ok(()) => {}
                Err(more) => {
                    next = Some(more);
                    break;
                }
            }
        }
        // Whoever waits for a message that broke off learns it, and takes its lane up again.
        if AssertUnwindSafe(message.publish(queue.as_ref(), &figures)).catch_unwind().await.is_err() {
            error!("publishing events broke off at a fault of this program; their lanes are taken up again");
        }
    }
}

/// What goes in one message.
struct Message {
    batches: Vec<LaneEvents>,
    bytes: usize,
}

impl Message {
    fn of(first: LaneEvents) -> Message {
        Message { bytes: first.json.len(), batches: vec![first] }
    }

    /// Takes a batch along if there is room.
    fn add(&mut self, batch: LaneEvents) -> Result<(), LaneEvents> {
        if self.bytes + batch.json.len() > MESSAGE_BYTES_MAX {
            return Err(batch);
        }
        self.bytes += batch.json.len();
        self.batches.push(batch);
        Ok(())
    }

    fn json(&self) -> Bytes {
        let mut json = Vec::with_capacity(self.bytes + self.batches.len() + 2);
        json.push(b'[');
        for (place, batch) in self.batches.iter().enumerate() {
            if place > 0 {
                json.push(b',');
            }
            json.extend_from_slice(&batch.json);
        }
        json.push(b']');
        Bytes::from(json)
    }

    /// Publishes it until the stream has it, or until nobody waits for it any more.
    async fn publish(mut self, queue: &dyn Queue, figures: &Figures) {
        let started = tokio::time::Instant::now();
        let (mut delays, mut json) = (retry_delays(), self.json());
        let (mut has_failed, mut is_late) = (false, false);
        while let Err(failure) = queue.publish_events(json.clone()).await {
            has_failed = true;
            if started.elapsed() > PATIENCE && !is_late {
                is_late = true;
                warn!(%failure, "the event stream takes nothing; the lanes wait, and no job is lost");
            }
            debug!(%failure, "events could not be published; trying again");
            // A lane that was given up is served elsewhere by now, and its events are published there.
            let before = self.batches.len();
            self.batches.retain(|batch| !batch.done.is_closed());
            if self.batches.is_empty() {
                return;
            }
            if self.batches.len() < before {
                json = self.json();
            }
            for batch in &self.batches {
                figures.held_up.failed(batch.lane, format!("the event stream takes nothing: {failure}"));
            }
            tokio::time::sleep(delays.next().unwrap_or_default()).await;
        }
        if is_late {
            info!(after = ?started.elapsed(), "the event stream takes events again");
        }
        for LaneEvents { lane, count, done, .. } in self.batches {
            counter!(names::EVENTS_PUBLISHED).increment(count);
            if has_failed {
                figures.held_up.forget(lane);
            }
            // Who waited may have given up.
            let _ = done.send(());
        }
    }
}

/// A batch that is finished, in the order of its jobs.
pub(crate) struct FinishedBatch<'b> {
    pub(crate) jobs: &'b [Job],
    pub(crate) came: &'b [Came],
    pub(crate) results: &'b [Finished],
}

/// How a job came.
#[derive(Clone, Copy)]
pub(crate) struct Came {
    /// The queue has handed it out before.
    pub(crate) redelivered: bool,
    /// How often it was given up before.
    pub(crate) failed: Option<Failed>,
}

/// What a batch has to say: an event for each of its jobs, in their order.
///
/// # Errors
/// The ledger could not be asked what became of jobs that came again.
pub(crate) async fn of_batch(
    ledger: &dyn Ledger,
    batch: &FinishedBatch<'_>,
) -> Result<Vec<Event>, StoreError> {
    let mut again = again(ledger, batch).await?.into_iter();
    let mut events = Vec::with_capacity(batch.jobs.len());
    for ((job, Came { failed, .. }), result) in batch.each() {
        events.push(match result {
            Ok(Applied { outcome: Outcome::Duplicate(_), .. }) => {
                let Some(event) = again.next() else { continue };
                event
            }
            Ok(Applied { outcome, posted_at, entries }) => {
                Event::of(job, *outcome, Some(*posted_at), entries)
            }
            Err(cause) => Event::dead(job, cause, once_more(*failed).attempts, Timestamp::now()),
        });
    }
    Ok(events)
}

impl FinishedBatch<'_> {
    fn each(&self) -> impl Iterator<Item = ((&Job, &Came), &Finished)> {
        self.jobs.iter().zip(self.came).zip(self.results)
    }
}

/// An event for each job that had its outcome before: whoever posted it may have died before its event was published. Where
/// the message came again this is likely, and the entries are read; else it is a client's retry, nearly always.
async fn again(ledger: &dyn Ledger, batch: &FinishedBatch<'_>) -> Result<Vec<Event>, StoreError> {
    let known = batch.each().filter_map(|((job, came), result)| match result {
        Ok(Applied { outcome: outcome @ Outcome::Duplicate(_), .. }) => {
            Some((job, came.redelivered, *outcome))
        }
        _ => None,
    });
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = known.iter().map(|(job, ..)| job.id).collect();
    // A replica may not have it yet.
    let primary = ledger.on_primary();
    let records = match &primary {
        Some(primary) => primary.jobs_of(&ids).await?,
        None => ledger.jobs_of(&ids).await?,
    };
    let mut events = Vec::with_capacity(known.len());
    for (job, redelivered, outcome) in known {
        let record = records.iter().find(|record| record.id == job.id);
        let entries = match record {
            Some(record) if redelivered && record.outcome == RecordedOutcome::Posted => match &primary {
                Some(primary) => primary.entries_of(record, &Accounts::all()).await?,
                None => ledger.entries_of(record, &Accounts::all()).await?,
            },
            _ => Vec::new(),
        };
        events.push(Event::of(job, outcome, record.map(|record| record.posted_at), &entries));
    }
    Ok(events)
}
