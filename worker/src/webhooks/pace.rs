//! How much an endpoint is sent at once: little at first, more with each success, and nearly nothing while it fails. So one
//! that hangs holds up no other. Pure: it is given the time.

use std::time::Duration;

use tokio::time::Instant;

/// Attempts at once to one endpoint.
pub(super) const AT_ONCE_MAX: u32 = 16;
/// Attempts at once to one of which nothing is known.
const AT_ONCE_FIRST: u32 = 2;
/// After the first failure; doubled with each further one.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The longest pause that an endpoint may ask for.
const ASKED_MAX: Duration = Duration::from_secs(24 * 3_600);

/// The pace of one endpoint.
#[derive(Debug)]
pub(super) struct Pace {
    in_flight: u32,
    at_once: u32,
    /// Attempts that failed since one succeeded.
    failures: u32,
    pause_until: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { in_flight: 0, at_once: AT_ONCE_FIRST, failures: 0, pause_until: None }
    }
}

impl Pace {
    /// How many attempts may begin now.
    pub(super) fn free(&self, now: Instant) -> u32 {
        if self.pause_until.is_some_and(|until| now < until) {
            return 0;
        }
        self.at_once.saturating_sub(self.in_flight)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self) {
        self.in_flight += 1;
    }

    /// An attempt was answered, by whatever the message deserved.
    pub(super) fn answered(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.failures = 0;
        self.at_once = (self.at_once * 2).min(AT_ONCE_MAX);
    }

    /// An attempt failed, and others would too. `asked`: the pause that the endpoint asked for.
    pub(super) fn failed(&mut self, now: Instant, asked: Option<Duration>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.at_once = 1;
        let pause = PAUSE_MIN.saturating_mul(1 << self.failures.min(10)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        let pause = pause.max(asked.unwrap_or_default().min(ASKED_MAX));
        self.pause_until = Some(self.pause_until.map_or(now + pause, |until| until.max(now + pause)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_answers_is_sent_more_and_one_that_fails_is_left_in_peace() {
        let now = Instant::now();
        let mut pace = Pace::default();
        for at_once in [2, 4, 8, 16, 16] {
            assert_eq!(pace.free(now), at_once);
            pace.begin();
            assert_eq!(pace.free(now), at_once - 1);
            pace.answered();
        }
        pace.begin();
        pace.begin();
        pace.failed(now, None);
        assert_eq!(pace.free(now), 0);
        assert_eq!(
            pace.free(now + Duration::from_secs(1)),
            0,
            "one is in flight still, and one is the limit"
        );
        pace.failed(now, None);
        assert_eq!(pace.free(now + Duration::from_secs(1)), 0);
        assert_eq!(pace.free(now + Duration::from_secs(2)), 1);
        for _ in 0..20 {
            pace.begin();
            pace.failed(now, None);
        }
        assert_eq!(pace.free(now + Duration::from_secs(59)), 0);
        assert_eq!(pace.free(now + Duration::from_secs(60)), 1);
        pace.begin();
        pace.answered();
        assert!(pace.is_idle());
        assert_eq!(pace.free(now + Duration::from_secs(60)), 2);
    }

    #[test]
    fn an_endpoint_gets_the_pause_that_it_asks_for() {
        let now = Instant::now();
        let mut pace = Pace::default();
        pace.begin();
        pace.failed(now, Some(Duration::from_secs(90)));
        assert_eq!(pace.free(now + Duration::from_secs(89)), 0);
        assert_eq!(pace.free(now + Duration::from_secs(90)), 1);
    }
}
