//! Group commit: jobs that arrive while a publish of their lane is in flight share the next one.
//!
//! Idle, a job is sent at once and pays nothing. Busy, up to [`BATCH_JOBS_MAX`] jobs share one
//! message and one confirmation: a message costs RabbitMQ and its client some 130 µs of CPU, a job
//! within one 6 µs.

mod line;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use contract::envelope::{self, Enclosed, Failed};
use contract::trace::TraceParent;
use domain::job::Origin;
use domain::lane::{Lane, Lanes};
use futures::FutureExt as _;
use jiff::Timestamp;
use metrics::histogram;
use runtime::clock::Clock;
use runtime::telemetry::names;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tracing::error;

use self::line::{Line, Waiting};
use super::{BATCH_JOBS_MAX, PublishError, Queue};

/// What a publisher holds and sends at the most.
#[derive(Debug, Clone, Copy)]
pub struct PublisherLimits {
    /// Jobs that wait in one lane's line. Beyond it a lane pushes back: at a thousand jobs a second
    /// and lane, ten thousand are ten seconds, longer than a client cares to wait.
    pub waiting_jobs_max: usize,
    /// Jobs in one envelope.
    pub envelope_jobs_max: usize,
    /// Bytes of jobs in one envelope; a single job may exceed it. Workers are handed a number of messages ahead,
    /// whatever their size: this is what bounds the memory that a backlog of large jobs takes there. A hundred
    /// transfers are half of it.
    pub envelope_bytes_max: usize,
}

impl Default for PublisherLimits {
    fn default() -> Self {
        PublisherLimits {
            waiting_jobs_max: 10_000,
            envelope_jobs_max: BATCH_JOBS_MAX,
            envelope_bytes_max: 64 * 1024,
        }
    }
}

/// A job on its way to its lane.
#[derive(Debug, Clone)]
pub struct ToQueue {
    /// Its JSON.
    pub job: Bytes,
    /// The row of an import that it comes from.
    pub origin: Option<Origin>,
    /// How often it was given up before.
    pub failed: Option<Failed>,
    /// The span of the request that brought it.
    pub trace: Option<TraceParent>,
}

impl ToQueue {
    /// A job that comes by a request, whose span this is if it is traced.
    #[must_use]
    pub fn requested(job: Bytes, trace: Option<TraceParent>) -> ToQueue {
        ToQueue { job, origin: None, failed: None, trace }
    }
}

/// What a publisher has done since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PublisherCounts {
    /// Jobs that are known to be queued.
    pub jobs: u64,
    /// Messages that carried them.
    pub messages: u64,
    /// Jobs that are not known to be queued. Those that were refused a place in their line do not count.
    pub failed_jobs: u64,
}

/// Puts jobs on the lanes, many to a message. One per ingress replica.
///
/// Its owner ends it with [`Publisher::stop`]; dropped without, it still sends what waits.
pub struct Publisher {
    lines: Vec<Arc<Line>>,
    counters: Arc<Counters>,
    senders: Mutex<JoinSet<()>>,
}

impl Publisher {
    /// Starts a task per lane on the current Tokio runtime. `ingress` is this replica's id.
    pub fn new(queue: Arc<dyn Queue>, lanes: Lanes, ingress: String, limits: PublisherLimits) -> Publisher {
        Publisher::by_clock(queue, lanes, ingress, limits, Clock::default())
    }

    /// The same for a replica whose clock is `clock`.
    pub fn by_clock(
        queue: Arc<dyn Queue>,
        lanes: Lanes,
        ingress: String,
        limits: PublisherLimits,
        clock: Clock,
    ) -> Publisher {
        let ingress: Arc<str> = ingress.into();
        let counters = Arc::new(Counters::default());
        let mut senders = JoinSet::new();
        let lines: Vec<_> =
            lanes.iter().map(|lane| Arc::new(Line::new(lane, limits, clock.clone()))).collect();
        for line in &lines {
            senders.spawn(send_in_turn(line.clone(), queue.clone(), ingress.clone(), counters.clone()));
        }
        drop(queue);
        Publisher { lines, counters, senders: Mutex::new(senders) }
    }

    /// Publishes one job (its JSON) and returns when it was accepted, once it is durable.
    ///
    /// A caller that goes away does not take the job back: it is published all the same.
    ///
    /// # Errors
    /// The job is not known to be queued; see [`PublishError`].
    pub async fn publish(&self, lane: Lane, job: Bytes) -> Result<Timestamp, PublishError> {
        self.publish_one(lane, ToQueue::requested(job, None)).await
    }

    /// As [`Publisher::publish`], with what is known of the job beside its JSON.
    ///
    /// # Errors
    /// As there.
    pub async fn publish_one(&self, lane: Lane, job: ToQueue) -> Result<Timestamp, PublishError> {
        let mut results = self.publish_each(lane, [job].into_iter()).await;
        results.pop().unwrap_or_else(|| Err(gone()))
    }

    /// Publishes jobs of one lane in this order, with no other job of the lane between them, and
    /// returns a result for each. Those that the line has no room for are refused; they are the last.
    pub async fn publish_many(&self, lane: Lane, jobs: Vec<Bytes>) -> Vec<Result<Timestamp, PublishError>> {
        self.publish_each(lane, jobs.into_iter().map(|job| ToQueue::requested(job, None))).await
    }

    /// The same for jobs that come from an import, each with its row.
    pub async fn publish_imported(
        &self,
        lane: Lane,
        jobs: Vec<(Bytes, Origin)>,
    ) -> Vec<Result<Timestamp, PublishError>> {
        let with_row = |(job, origin)| ToQueue { origin: Some(origin), ..ToQueue::requested(job, None) };
        self.publish_each(lane, jobs.into_iter().map(with_row)).await
    }

    /// As [`Publisher::publish_many`], with what is known of each beside its JSON.
    pub async fn publish_each(
        &self,
        lane: Lane,
        jobs: impl ExactSizeIterator<Item = ToQueue>,
    ) -> Vec<Result<Timestamp, PublishError>> {
        let Some(line) = self.lines.get(usize::from(lane.0)) else {
            let refusal = PublishError::Unavailable(format!("{lane} is none of {} lanes", self.lines.len()));
            return jobs.map(|_| Err(refusal.clone())).collect();
        };
        let places = line.join(jobs);
        let mut results = Vec::with_capacity(places.len());
        for place in places {
            // All are on their way already: waiting for one after the other delays none.
            results.push(match place {
                Ok(result) => result.await.unwrap_or_else(|_| Err(gone())),
                Err(refused) => Err(refused),
            });
        }
        results
    }

    /// Jobs that wait in the line of each lane, in the order of the lanes; not those in flight.
    pub fn waiting_jobs(&self) -> Vec<usize> {
        self.lines.iter().map(|line| line.waiting_jobs()).collect()
    }

    /// What was published so far, in all lanes.
    pub fn counts(&self) -> PublisherCounts {
        self.counters.read()
    }

    /// Jobs that are known to be queued, by their lane; lanes without any are left out.
    pub fn jobs_of_lanes(&self) -> BTreeMap<Lane, u64> {
        let jobs = self.lines.iter().map(|line| (line.lane(), line.jobs_published()));
        jobs.filter(|(_, jobs)| *jobs > 0).collect()
    }

    /// Takes no more jobs, sends what waits, then ends.
    pub async fn stop(&self) {
        for line in &self.lines {
            line.close();
        }
        while let Some(ended) = self.senders.lock().await.join_next().await {
            if let Err(failure) = ended {
                error!(%failure, "a lane's publisher did not end well");
            }
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        for line in &self.lines {
            line.close();
        }
        // Others may wait for what is in flight: let the tasks come to their end by themselves.
        self.senders.get_mut().detach_all();
    }
}

/// One lane's sender: one publish in flight at a time, so that the order of the line is the order of
/// the queue.
async fn send_in_turn(line: Arc<Line>, queue: Arc<dyn Queue>, ingress: Arc<str>, counters: Arc<Counters>) {
    while let Some(jobs) = line.next_envelope().await {
        let envelope = envelope::write(&ingress, jobs.iter().map(enclosed));
        let handed_over = Instant::now();
        let waits = histogram!(names::PUBLISH_WAIT_SECONDS);
        jobs.iter().for_each(|job| waits.record(handed_over.duration_since(job.joined)));
        // A fault in the queue's client costs its jobs this attempt, and not the lane everything after it.
        let publishing = AssertUnwindSafe(queue.publish(line.lane(), envelope, jobs.len())).catch_unwind();
        let published = publishing.await.unwrap_or_else(|_| Err(broke_off()));
        if published.is_ok() {
            histogram!(names::PUBLISH_CONFIRM_SECONDS).record(handed_over.elapsed());
        }
        counters.count(jobs.len(), published.is_ok());
        let in_vain = line.settle(&published, jobs.len());
        counters.count(in_vain.len(), false);
        let Err(error) = &published else {
            tell(jobs, Ok);
            continue;
        };
        tell(jobs, |_| Err(error.clone()));
        let unsent = unsent_behind(error);
        tell(in_vain, |_| Err(unsent.clone()));
    }
}

/// Who has gone away does not read the result; the others do.
fn tell(jobs: Vec<Waiting>, published: impl Fn(Timestamp) -> Result<Timestamp, PublishError>) {
    for Waiting { accepted_at, result, .. } in jobs {
        let _ = result.send(published(accepted_at));
    }
}

fn enclosed(waiting: &Waiting) -> Enclosed<'_> {
    let ToQueue { job, origin, failed, trace } = &waiting.queued;
    Enclosed { accepted_at: waiting.accepted_at, origin: *origin, failed: *failed, trace: *trace, job }
}

#[derive(Default)]
struct Counters {
    jobs: AtomicU64,
    messages: AtomicU64,
    failed_jobs: AtomicU64,
}

impl Counters {
    fn count(&self, jobs: usize, published: bool) {
        let jobs = u64::try_from(jobs).unwrap_or_default();
        if published {
            self.jobs.fetch_add(jobs, Ordering::Relaxed);
            self.messages.fetch_add(1, Ordering::Relaxed);
        } else {
            self.failed_jobs.fetch_add(jobs, Ordering::Relaxed);
        }
    }

    fn read(&self) -> PublisherCounts {
        PublisherCounts {
            jobs: self.jobs.load(Ordering::Relaxed),
            messages: self.messages.load(Ordering::Relaxed),
            failed_jobs: self.failed_jobs.load(Ordering::Relaxed),
        }
    }
}

/// The error of jobs whose turn did not come: unlike the jobs in flight, they are known not to be queued.
fn unsent_behind(error: &PublishError) -> PublishError {
    match error {
        PublishError::Unavailable(why) => PublishError::Unavailable(format!("{why}; it was not sent")),
        PublishError::Unconfirmed { after } => PublishError::Unavailable(format!(
            "it was not sent: the jobs ahead of it were not confirmed within {after:?}"
        )),
        full @ PublishError::Full { .. } => full.clone(),
    }
}

/// The error of jobs that come to a lane that others try already.
fn stalled() -> PublishError {
    PublishError::Unavailable("it was not sent: the jobs ahead of it are not being confirmed".to_owned())
}

fn broke_off() -> PublishError {
    PublishError::Unavailable("publishing broke off; the log of this replica says where".to_owned())
}

fn gone() -> PublishError {
    PublishError::Unavailable("this replica is stopping".to_owned())
}

#[cfg(test)]
mod tests;
