//! The line of jobs that wait for their lane's next envelope.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use domain::lane::Lane;
use jiff::Timestamp;
use runtime::clock::Clock;
use tokio::sync::{Notify, oneshot};

use super::{PublisherLimits, ToQueue};
use crate::PublishError;

/// What comes of a job.
pub(super) type PublishResult = Result<Timestamp, PublishError>;

/// One job in the line.
pub(super) struct Waiting {
    pub(super) accepted_at: Timestamp,
    /// The same by a clock that never goes back.
    pub(super) joined: Instant,
    pub(super) queued: ToQueue,
    pub(super) result: oneshot::Sender<PublishResult>,
}

/// The waiting jobs of one lane.
pub(super) struct Line {
    lane: Lane,
    limits: PublisherLimits,
    clock: Clock,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Microseconds since the Unix epoch.
    last_accepted_at: i64,
    /// Jobs that are known to be queued, since the start.
    published: u64,
    /// An envelope was taken and is not settled.
    in_flight: bool,
    /// An envelope was not confirmed in time, and none after it was.
    stalled: bool,
    closed: bool,
}

impl Line {
    pub(super) fn new(lane: Lane, limits: PublisherLimits, clock: Clock) -> Line {
        Line { lane, limits, clock, state: Mutex::default(), changed: Notify::new() }
    }

    pub(super) fn lane(&self) -> Lane {
        self.lane
    }

    /// Appends the jobs in order and stamps the time of their acceptance: under the lock, so that the
    /// stamps order the line whatever the clock does.
    ///
    /// While the lane is stalled those who come first try it, and all others are refused at once: nobody waits
    /// where others wait in vain.
    pub(super) fn join(
        &self,
        jobs: impl Iterator<Item = ToQueue>,
    ) -> Vec<Result<oneshot::Receiver<PublishResult>, PublishError>> {
        let joined = Instant::now();
        let mut state = self.lock();
        let refusal = if state.closed {
            Some(super::gone())
        } else if state.stalled && (state.in_flight || !state.waiting.is_empty()) {
            Some(super::stalled())
        } else {
            None
        };
        let places = jobs
            .map(|queued| {
                if let Some(refusal) = &refusal {
                    return Err(refusal.clone());
                }
                if state.waiting.len() >= self.limits.waiting_jobs_max {
                    return Err(PublishError::Full { lane: self.lane });
                }
                let accepted_at = state.next_acceptance(self.clock.now_us());
                let (result, place) = oneshot::channel();
                state.waiting.push_back(Waiting { accepted_at, joined, queued, result });
                Ok(place)
            })
            .collect();
        drop(state);
        self.changed.notify_one();
        places
    }

    /// The jobs of the next envelope, at least one; `None` once the line is closed and empty. What comes of it
    /// is for [`Line::settle`].
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

    /// Notes what came of the envelope that was taken last, with so many jobs, and returns those who wait in vain: behind one that
    /// the queue did not take, each envelope would wait as long in its turn, and the last for minutes. A lane that
    /// is full has answered, and the next envelope may find room.
    pub(super) fn settle<T>(&self, published: &Result<T, PublishError>, jobs: usize) -> Vec<Waiting> {
        let mut state = self.lock();
        state.in_flight = false;
        if published.is_ok() {
            state.published += u64::try_from(jobs).unwrap_or_default();
        }
        match published {
            Ok(_) | Err(PublishError::Full { .. }) => {
                state.stalled = false;
                return Vec::new();
            }
            Err(PublishError::Unconfirmed { .. }) => state.stalled = true,
            // It is away: until it is back its adapter answers at once.
            Err(PublishError::Unavailable(_)) => {}
        }
        state.waiting.drain(..).collect()
    }

    /// Jobs that are known to be queued, since the start.
    pub(super) fn jobs_published(&self) -> u64 {
        self.lock().published
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
    fn next_acceptance(&mut self, now: i64) -> Timestamp {
        let microsecond = now.max(self.last_accepted_at + 1);
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
                bytes += waiting.queued.job.len();
                bytes <= limits.envelope_bytes_max
            })
            .count();
        self.in_flight = true;
        self.waiting.drain(..fitting.max(1)).collect()
    }
}
