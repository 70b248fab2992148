//! The line of jobs that wait for their lane's next envelope.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};

use super::PublisherLimits;
use crate::domain::job::Origin;
use crate::domain::lane::Lane;
use crate::queue::PublishError;

/// What comes of a job.
pub(super) type PublishResult = Result<Timestamp, PublishError>;

/// One job in the line.
pub(super) struct Waiting {
    pub(super) accepted_at: Timestamp,
    pub(super) job: Bytes,
    pub(super) origin: Option<Origin>,
    pub(super) result: oneshot::Sender<PublishResult>,
}

/// The waiting jobs of one lane.
pub(super) struct Line {
    lane: Lane,
    limits: PublisherLimits,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Microseconds since the Unix epoch.
    last_accepted_at: i64,
    closed: bool,
}

impl Line {
    pub(super) fn new(lane: Lane, limits: PublisherLimits) -> Line {
        Line { lane, limits, state: Mutex::default(), changed: Notify::new() }
    }

    pub(super) fn lane(&self) -> Lane {
        self.lane
    }

    /// Appends the jobs in order and stamps the time of their acceptance: under the lock, so that the
    /// stamps order the line whatever the clock does.
    pub(super) fn join(
        &self,
        jobs: impl Iterator<Item = (Bytes, Option<Origin>)>,
    ) -> Vec<Result<oneshot::Receiver<PublishResult>, PublishError>> {
        let mut state = self.lock();
        let closed = state.closed;
        let places = jobs
            .map(|(job, origin)| {
                if closed {
                    return Err(super::gone());
                }
                if state.waiting.len() >= self.limits.waiting_jobs_max {
                    return Err(PublishError::Full { lane: self.lane });
                }
                let accepted_at = state.next_acceptance();
                let (result, place) = oneshot::channel();
                state.waiting.push_back(Waiting { accepted_at, job, origin, result });
                Ok(place)
            })
            .collect();
        drop(state);
        self.changed.notify_one();
        places
    }

    /// The jobs of the next envelope, at least one; `None` once the line is closed and empty.
    pub(super) async fn next_envelope(&self) -> Option<Vec<Waiting>> {
        loop {
            {
                let mut state = self.lock();
                if !state.waiting.is_empty() {
                    return Some(state.take_envelope(self.limits));
                }
                if state.closed {
                    return None;
                }
            }
            // A change between the look and the wait leaves a permit behind: it is not missed.
            self.changed.notified().await;
        }
    }

    pub(super) fn waiting_jobs(&self) -> usize {
        self.lock().waiting.len()
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_acceptance(&mut self) -> Timestamp {
        let microsecond = Timestamp::now().as_microsecond().max(self.last_accepted_at + 1);
        self.last_accepted_at = microsecond;
        // A clock beyond the year 9999 is the only way out of range.
        Timestamp::from_microsecond(microsecond).unwrap_or(Timestamp::MAX)
    }

    fn take_envelope(&mut self, limits: PublisherLimits) -> Vec<Waiting> {
        let mut bytes = 0;
        let fitting = self
            .waiting
            .iter()
            .take(limits.envelope_jobs_max)
            .take_while(|waiting| {
                bytes += waiting.job.len();
                bytes <= limits.envelope_bytes_max
            })
            .count();
        self.waiting.drain(..fitting.max(1)).collect()
    }
}
