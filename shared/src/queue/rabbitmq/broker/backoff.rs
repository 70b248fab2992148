//! How often a broker that is away is tried.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::queue::QueueError;

/// Pause after the first failure.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// Pause after many failures. Jitter at most doubles it: a broker that is back is found within a second.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Between two attempts everyone gets the last failure at once, so that a thousand requests do not
/// become a thousand attempts.
pub(super) struct Backoff(Mutex<State>);

struct State {
    pauses: ExponentialBackoff,
    away: Option<(Instant, QueueError)>,
}

impl Backoff {
    pub(super) fn new() -> Backoff {
        Backoff(Mutex::new(State { pauses: pauses(), away: None }))
    }

    /// # Errors
    /// The last failure, while its pause lasts.
    pub(super) fn check(&self) -> Result<(), QueueError> {
        match &self.lock().away {
            Some((until, failure)) if Instant::now() < *until => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    pub(super) fn succeeded(&self) {
        let mut state = self.lock();
        if state.away.take().is_some() {
            state.pauses = pauses();
        }
    }

    pub(super) fn failed(&self, cause: String) -> QueueError {
        let failure = QueueError(cause);
        let mut state = self.lock();
        let pause = state.pauses.next().unwrap_or(PAUSE_MAX);
        state.away = Some((Instant::now() + pause, failure.clone()));
        failure
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(PAUSE_MIN)
        .with_max_delay(PAUSE_MAX)
        .with_jitter()
        .without_max_times()
        .build()
}
