//! How long a client that met a full lane should stay away.
//!
//! While a lane is full, what it still accepts is what drains from it: so the jobs accepted of late are
//! the rate at which those refused of late will find room.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Long enough to even out batches, short enough to follow a worker that comes or goes.
const WINDOW_SECONDS: usize = 10;
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Nothing drains: a worker that was lost is back, or replaced, within this time.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What the queue accepted and refused in the last seconds.
pub(super) struct Pressure {
    since: Instant,
    seconds: Mutex<[Second; WINDOW_SECONDS]>,
}

#[derive(Clone, Copy, Default)]
struct Second {
    number: u64,
    accepted: u64,
    refused: u64,
}

impl Pressure {
    pub(super) fn new() -> Pressure {
        Pressure { since: Instant::now(), seconds: Mutex::default() }
    }

    pub(super) fn note(&self, accepted: u64, refused: u64) {
        self.note_at(self.since.elapsed().as_secs(), accepted, refused);
    }

    pub(super) fn pause(&self) -> Duration {
        self.pause_at(self.since.elapsed().as_secs())
    }

    fn note_at(&self, now: u64, accepted: u64, refused: u64) {
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = usize::try_from(now).unwrap_or_default() % WINDOW_SECONDS;
        let Some(second) = seconds.get_mut(slot) else { return };
        if second.number != now {
            *second = Second { number: now, ..Second::default() };
        }
        second.accepted += accepted;
        second.refused += refused;
    }

    fn pause_at(&self, now: u64) -> Duration {
        let seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = seconds.iter().filter(|second| second.number + WINDOW_SECONDS as u64 > now);
        let (accepted, refused) = recent.fold((0, 0), |(accepted, refused), second| {
            (accepted + second.accepted, refused + second.refused)
        });
        let window = (now + 1).min(WINDOW_SECONDS as u64);
        match (refused * window).checked_div(accepted) {
            Some(pause) => Duration::from_secs(pause).clamp(PAUSE_MIN, PAUSE_MAX),
            None => PAUSE_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_is_the_time_that_those_refused_take_to_drain() {
        let pressure = Pressure::new();
        (0..10).for_each(|second| pressure.note_at(second, 1_000, 500));
        assert_eq!(pressure.pause_at(9), Duration::from_secs(5));
        assert_eq!(pressure.pause_at(25), PAUSE_MAX, "nothing drained of late");
    }

    #[test]
    fn it_is_at_least_a_second() {
        let pressure = Pressure::new();
        pressure.note_at(0, 10_000, 1);
        assert_eq!(pressure.pause_at(0), PAUSE_MIN);
    }
}
