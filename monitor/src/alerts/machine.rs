//! When an alert fires and when it is over: pure; the caller passes the time.
//!
//! ```text
//!             holds                  for so long
//! inactive ──────────▶ pending ──────────────────▶ firing
//!    ▲   ▲    clear       │                          │
//!    │   └────────────────┘                          │
//!    └───────────────────────────────────────────────┘ clear for so long
//! ```
//!
//! Between "holds" and "clear" lies a band (hysteresis) in which a firing alert goes on. What is not known
//! neither fires nor resolves anything, and stops the clock: only the time between two readings in a row that
//! say the same counts. So a pending alert stays pending while it is not known whether its condition holds,
//! and two readings far apart, with nothing known between them, are no condition that held for all that time.

use std::time::Duration;

use jiff::Timestamp;

use super::rules::Reading;
use crate::views::alerts::AlertState;

/// How long a condition has to hold, and to be clear.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) fires_after: Duration,
    pub(crate) clears_after: Duration,
}

/// What one step led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Fired,
    Resolved,
}

/// The state of one alert.
#[derive(Debug, Clone, Default)]
pub(crate) struct Machine {
    pub(crate) state: AlertState,
    /// When its condition began to hold, this time or, once resolved, the last.
    pub(crate) since: Option<Timestamp>,
    /// For how long its condition is known to have held, while it is pending.
    held: Clock,
    /// For how long it is known to have been clear, while it fires.
    cleared: Clock,
    pub(crate) fired_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) peak: Option<f64>,
}

impl Machine {
    /// One that fired before this monitor started, and goes on.
    pub(crate) fn resumed(since: Timestamp, fired_at: Timestamp, peak: Option<f64>) -> Machine {
        Machine {
            state: AlertState::Firing,
            since: Some(since),
            fired_at: Some(fired_at),
            peak,
            ..Machine::default()
        }
    }

    /// Takes what is measured now.
    pub(crate) fn step(&mut self, reading: &Reading, now: Timestamp, timing: Timing) -> Option<Turn> {
        if reading.holds == Some(true) {
            if self.state == AlertState::Inactive {
                (self.state, self.since, self.peak) = (AlertState::Pending, Some(now), None);
            }
            self.peak = self.peak.max_of(reading.value);
        }
        let held = self.held.run(reading.holds, now);
        let cleared = self.cleared.run(reading.clear, now);
        match self.state {
            AlertState::Inactive | AlertState::Resolved => None,
            AlertState::Pending => {
                if reading.holds == Some(false) {
                    (self.state, self.since, self.peak) = (AlertState::Inactive, None, None);
                    return None;
                }
                if reading.holds != Some(true) || held < timing.fires_after {
                    return None;
                }
                (self.state, self.fired_at, self.resolved_at) = (AlertState::Firing, Some(now), None);
                Some(Turn::Fired)
            }
            AlertState::Firing => {
                if reading.clear != Some(true) || cleared < timing.clears_after {
                    return None;
                }
                (self.state, self.resolved_at) = (AlertState::Inactive, Some(now));
                Some(Turn::Resolved)
            }
        }
    }
}

/// For how long something is known to have been so.
#[derive(Debug, Clone, Default)]
struct Clock {
    been: Duration,
    /// When it was so, if that was the last that is known of it.
    last: Option<Timestamp>,
}

impl Clock {
    fn run(&mut self, is_so: Option<bool>, now: Timestamp) -> Duration {
        match (is_so, self.last) {
            (Some(true), Some(last)) => {
                // A clock that was set back counts nothing.
                self.been += Duration::try_from(now.duration_since(last)).unwrap_or_default();
            }
            (Some(true) | None, _) => {}
            (Some(false), _) => self.been = Duration::ZERO,
        }
        self.last = (is_so == Some(true)).then_some(now);
        self.been
    }
}

trait MaxOf {
    fn max_of(self, other: Self) -> Self;
}

impl MaxOf for Option<f64> {
    fn max_of(self, other: Self) -> Self {
        match (self, other) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const TIMING: Timing =
        Timing { fires_after: Duration::from_secs(5), clears_after: Duration::from_secs(10) };

    fn at(second: usize) -> Timestamp {
        Timestamp::from_second(i64::try_from(second).unwrap()).unwrap()
    }

    /// A value against a threshold of 10, a second each; `None`: not known.
    fn run(machine: &mut Machine, from: usize, values: &[Option<f64>]) -> Vec<(usize, Turn)> {
        let step = |(index, value): (usize, &Option<f64>)| {
            let second = from + index;
            let reading =
                value.map_or_else(Reading::unknown, |value| Reading::above(value, 10.0, String::new()));
            machine.step(&reading, at(second), TIMING).map(|turn| (second, turn))
        };
        values.iter().enumerate().filter_map(step).collect()
    }

    #[test]
    fn it_fires_after_the_time_and_resolves_after_the_other() {
        let mut machine = Machine::default();
        assert_eq!(run(&mut machine, 0, &[Some(11.0); 6]), [(5, Turn::Fired)]);
        assert_eq!(run(&mut machine, 6, &[Some(30.0)]), []);
        assert_eq!(run(&mut machine, 7, &[Some(1.0); 11]), [(17, Turn::Resolved)]);
        assert_eq!((machine.peak, machine.since), (Some(30.0), Some(at(0))));
        assert_eq!(machine.state, AlertState::Inactive);
    }

    #[test]
    fn a_moment_fires_nothing() {
        let mut machine = Machine::default();
        let spikes: Vec<_> = (0..100).map(|n| Some(if n % 5 == 4 { 1.0 } else { 99.0 })).collect();
        assert_eq!(run(&mut machine, 0, &spikes), []);
    }

    #[test]
    fn it_does_not_flap_around_its_threshold() {
        let mut machine = Machine::default();
        run(&mut machine, 0, &[Some(11.0); 6]);
        // Below the threshold, but within the band, or clear for too short a time.
        let around: Vec<_> = (0..200).map(|n| Some(if n % 2 == 0 { 9.5 } else { 10.5 })).collect();
        assert_eq!(run(&mut machine, 6, &around), []);
        let dips: Vec<_> = (0..200).map(|n| Some(if n % 10 == 9 { 9.5 } else { 1.0 })).collect();
        assert_eq!(run(&mut machine, 206, &dips), []);
        assert_eq!(machine.state, AlertState::Firing);
    }

    #[test]
    fn what_is_not_known_neither_fires_nor_resolves() {
        let mut machine = Machine::default();
        assert_eq!(run(&mut machine, 0, &[None; 100]), []);
        run(&mut machine, 100, &[Some(11.0); 6]);
        assert_eq!(run(&mut machine, 106, &[None; 100]), []);
        assert_eq!(machine.state, AlertState::Firing);
    }

    #[test]
    fn what_is_not_known_stops_the_clock() {
        let mut machine = Machine::default();
        let high = Some(11.0);
        let gaps: Vec<_> = (0..60).map(|n| if n % 20 == 0 { high } else { None }).collect();
        assert_eq!(run(&mut machine, 0, &gaps), [], "three moments in a minute");
        assert_eq!(machine.state, AlertState::Pending);
        assert_eq!(run(&mut machine, 60, &[high; 3]), []);
        assert_eq!(run(&mut machine, 63, &[None; 30]), []);
        assert_eq!(run(&mut machine, 93, &[high; 4]), [(96, Turn::Fired)], "two seconds, then three more");
        // The same of its end.
        let low = Some(1.0);
        assert_eq!(run(&mut machine, 97, &[low, None, None, low, None]), []);
        assert_eq!(run(&mut machine, 110, &[low; 11]), [(120, Turn::Resolved)]);
    }

    #[test]
    fn one_that_fired_before_goes_on_and_resolves() {
        let mut machine = Machine::resumed(at(3), at(8), Some(50.0));
        assert_eq!(run(&mut machine, 100, &[None, Some(11.0), None]), []);
        assert_eq!(machine.state, AlertState::Firing);
        assert_eq!(run(&mut machine, 103, &[Some(1.0); 11]), [(113, Turn::Resolved)]);
        let (since, fired_at) = (machine.since, machine.fired_at);
        assert_eq!((since, fired_at, machine.peak), (Some(at(3)), Some(at(8)), Some(50.0)));
    }

    proptest! {
        /// Fired and resolved take turns, never closer than their times.
        #[test]
        fn firing_and_resolving_take_turns(values in vec(proptest::option::of(0.0..20.0_f64), 0..300)) {
            let mut machine = Machine::default();
            let turns = run(&mut machine, 0, &values);
            for (position, (second, turn)) in turns.iter().enumerate() {
                prop_assert_eq!(*turn, if position % 2 == 0 { Turn::Fired } else { Turn::Resolved });
                if let Some((before, _)) = position.checked_sub(1).and_then(|before| turns.get(before)) {
                    let least = if *turn == Turn::Fired { 5 } else { 10 };
                    prop_assert!(second - before >= least, "{turns:?}");
                }
            }
        }

        /// While it fires, there was a value above the threshold at its start, and its peak is the largest.
        #[test]
        fn the_peak_is_the_largest_value(values in vec(10.5..99.0_f64, 6..50)) {
            let mut machine = Machine::default();
            let known: Vec<_> = values.iter().copied().map(Some).collect();
            run(&mut machine, 0, &known);
            prop_assert_eq!(machine.state, AlertState::Firing);
            prop_assert_eq!(machine.peak, values.iter().copied().reduce(f64::max));
        }
    }
}
