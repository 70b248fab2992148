//! When an alert fires and when it is over: pure, and told the time.
//!
//! ```text
//!             holds                  for so long
//! inactive ──────────▶ pending ──────────────────▶ firing
//!    ▲   ▲    clear       │                          │
//!    │   └────────────────┘                          │
//!    └───────────────────────────────────────────────┘ clear for so long
//! ```
//!
//! Between "holds" and "clear" lies a band (hysteresis) in which a firing alert goes on, and so does what is
//! not known: it neither fires nor resolves anything.

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
    state: AlertState,
    since: Option<Timestamp>,
    clear_since: Option<Timestamp>,
    fired_at: Option<Timestamp>,
    resolved_at: Option<Timestamp>,
    peak: Option<f64>,
}

impl Machine {
    /// Takes what is measured now.
    pub(crate) fn step(&mut self, reading: &Reading, now: Timestamp, timing: Timing) -> Option<Turn> {
        let (holds, clear) = (reading.holds, reading.clear);
        if holds == Some(true) {
            if self.state == AlertState::Inactive {
                (self.state, self.since, self.peak) = (AlertState::Pending, Some(now), None);
            }
            self.clear_since = None;
            self.peak = self.peak.max_of(reading.value);
        }
        match self.state {
            AlertState::Inactive | AlertState::Resolved => None,
            AlertState::Pending => {
                if holds == Some(false) {
                    (self.state, self.since) = (AlertState::Inactive, None);
                    return None;
                }
                if holds != Some(true) || elapsed(self.since, now) < timing.fires_after {
                    return None;
                }
                (self.state, self.fired_at, self.resolved_at) = (AlertState::Firing, Some(now), None);
                Some(Turn::Fired)
            }
            AlertState::Firing => {
                match clear {
                    Some(true) => drop(self.clear_since.get_or_insert(now)),
                    Some(false) => self.clear_since = None,
                    None => {}
                }
                if clear != Some(true) || elapsed(self.clear_since, now) < timing.clears_after {
                    return None;
                }
                (self.state, self.resolved_at, self.clear_since) = (AlertState::Inactive, Some(now), None);
                Some(Turn::Resolved)
            }
        }
    }

    pub(crate) fn state(&self) -> AlertState {
        self.state
    }

    /// When its condition began to hold, this time or, once resolved, the last.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.since
    }

    pub(crate) fn fired_at(&self) -> Option<Timestamp> {
        self.fired_at
    }

    pub(crate) fn resolved_at(&self) -> Option<Timestamp> {
        self.resolved_at
    }

    pub(crate) fn peak(&self) -> Option<f64> {
        self.peak
    }
}

fn elapsed(since: Option<Timestamp>, now: Timestamp) -> Duration {
    since.map_or(Duration::ZERO, |since| Duration::try_from(now.duration_since(since)).unwrap_or_default())
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
        assert_eq!((machine.peak(), machine.since()), (Some(30.0), Some(at(0))));
        assert_eq!(machine.state(), AlertState::Inactive);
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
        assert_eq!(machine.state(), AlertState::Firing);
    }

    #[test]
    fn what_is_not_known_neither_fires_nor_resolves() {
        let mut machine = Machine::default();
        assert_eq!(run(&mut machine, 0, &[None; 100]), []);
        run(&mut machine, 100, &[Some(11.0); 6]);
        assert_eq!(run(&mut machine, 106, &[None; 100]), []);
        assert_eq!(machine.state(), AlertState::Firing);
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
            prop_assert_eq!(machine.state(), AlertState::Firing);
            prop_assert_eq!(machine.peak(), values.iter().copied().reduce(f64::max));
        }
    }
}
