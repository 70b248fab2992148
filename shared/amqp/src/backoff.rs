//! How often a broker that is away is tried.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::BrokerError;

/// Pause after the first failure.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// Pause after many failures. Jitter at most doubles it: a broker that is back is found within a second.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Once a broker is away one caller at a time tries it, after a pause. Everyone else gets the last failure at
/// once: a thousand requests do not become a thousand attempts, nor do they wait for a broker that is silent.
pub struct Backoff(Mutex<State>);

struct State {
    pauses: ExponentialBackoff,
    away: Option<Away>,
}

struct Away {
    failure: BrokerError,
    until: Instant,
    /// Someone tries it now.
    tried: bool,
}

/// Leave to try. Dropped without an outcome it leaves the next try to the next one who asks.
pub struct Attempt<'b> {
    backoff: &'b Backoff,
    /// It was known to be away: the others wait for this one.
    alone: bool,
}

impl Default for Backoff {
    /// Of a broker that is not known to be away.
    fn default() -> Backoff {
        Backoff(Mutex::new(State { pauses: pauses(), away: None }))
    }
}

impl Backoff {
    /// Leave to try it.
    ///
    /// # Errors
    /// The last failure, while its pause lasts and while another tries.
    pub fn attempt(&self) -> Result<Attempt<'_>, BrokerError> {
        let mut state = self.lock();
        let Some(away) = &mut state.away else { return Ok(Attempt { backoff: self, alone: false }) };
        if away.tried || Instant::now() < away.until {
            return Err(away.failure.clone());
        }
        away.tried = true;
        Ok(Attempt { backoff: self, alone: true })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// The broker is there.
    pub fn succeeded(self) {
        let mut state = self.backoff.lock();
        if state.away.take().is_some() {
            state.pauses = pauses();
        }
    }

    /// The broker is away, by this failure; gives the failure that everyone gets until the pause is over.
    pub fn failed(self, failure: BrokerError) -> BrokerError {
        let mut state = self.backoff.lock();
        let pause = state.pauses.next().unwrap_or(PAUSE_MAX);
        let until = Instant::now() + pause;
        state.away = Some(Away { failure: failure.clone(), until, tried: false });
        failure
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.alone
            && let Some(away) = &mut self.backoff.lock().away
        {
            away.tried = false;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The next attempt, once its pause is over.
    fn next(backoff: &Backoff) -> Attempt<'_> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match backoff.attempt() {
                Ok(attempt) => return attempt,
                Err(failure) => assert!(Instant::now() < deadline, "{failure}"),
            }
        }
    }

    #[test]
    fn one_at_a_time_tries_a_broker_that_is_away() {
        let backoff = Backoff::default();
        let _beside = backoff.attempt().unwrap();
        backoff.attempt().unwrap().failed(BrokerError::Failed("away".to_owned()));
        let one = next(&backoff);
        assert_eq!(backoff.attempt().err().unwrap().to_string(), "away");
        drop(one);
        let next = next(&backoff);
        assert!(backoff.attempt().is_err());
        next.succeeded();
        let _many = (backoff.attempt().unwrap(), backoff.attempt().unwrap());
    }
}
