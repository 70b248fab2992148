//! Rates of one replica, from its counters. A counter starts at zero with its replica, whose id no later one
//! has, and only grows: no restart ever counts backwards.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use contract::report::{Counts, Report};

use super::LONG;

/// What a replica has counted since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) counts: Counts,
    pub(crate) requests: u64,
    pub(crate) requests_failed: u64,
    pub(crate) errors: BTreeMap<String, u64>,
}

impl Counters {
    fn of(report: &Report) -> Counters {
        Counters {
            counts: report.counts,
            requests: report.requests,
            requests_failed: report.requests_failed,
            errors: report.errors.clone(),
        }
    }

    /// What was added since `before`.
    fn since(&self, before: &Counters) -> Counters {
        let (now, then) = (&self.counts, &before.counts);
        let grown = |error: &String, count: u64| {
            count.saturating_sub(before.errors.get(error).copied().unwrap_or_default())
        };
        Counters {
            counts: Counts {
                accepted: now.accepted.saturating_sub(then.accepted),
                refused: now.refused.saturating_sub(then.refused),
                published_jobs: now.published_jobs.saturating_sub(then.published_jobs),
                published_messages: now.published_messages.saturating_sub(then.published_messages),
                posted: now.posted.saturating_sub(then.posted),
                rejected: now.rejected.saturating_sub(then.rejected),
                duplicate: now.duplicate.saturating_sub(then.duplicate),
                conflict: now.conflict.saturating_sub(then.conflict),
                dead: now.dead.saturating_sub(then.dead),
                cancelled: now.cancelled.saturating_sub(then.cancelled),
                scheduled: now.scheduled.saturating_sub(then.scheduled),
                repeated: now.repeated.saturating_sub(then.repeated),
            },
            requests: self.requests.saturating_sub(before.requests),
            requests_failed: self.requests_failed.saturating_sub(before.requests_failed),
            errors: self
                .errors
                .iter()
                .map(|(error, count)| (error.clone(), grown(error, *count)))
                .filter(|(_, count)| *count > 0)
                .collect(),
        }
    }
}

/// Jobs that were taken off the lanes and are done with there: with an outcome, or recorded as scheduled.
pub(crate) fn settled(counts: &Counts) -> u64 {
    let Counts { posted, rejected, duplicate, conflict, dead, cancelled, scheduled, repeated, .. } = counts;
    posted + rejected + duplicate + conflict + dead + cancelled + scheduled + repeated
}

/// What a replica added within a window.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Growth {
    pub(crate) added: Counters,
    /// Over so many seconds; 0: nothing is known of it.
    pub(crate) seconds: f64,
}

impl Growth {
    pub(crate) fn per_second(&self, count: impl Fn(&Counters) -> u64) -> f64 {
        if self.seconds > 0.0 { count(&self.added) as f64 / self.seconds } else { 0.0 }
    }
}

/// The counters of one replica over the last minute.
#[derive(Debug, Default)]
pub(crate) struct Track {
    samples: VecDeque<Sample>,
}

#[derive(Debug)]
struct Sample {
    received_at: Instant,
    /// By the replica's own clock, which no delay of a message distorts: microseconds since the Unix epoch.
    reported_at: i64,
    counters: Counters,
}

impl Track {
    pub(crate) fn note(&mut self, report: &Report, now: Instant) {
        if self.samples.back().is_some_and(|last| last.reported_at >= report.reported_at) {
            return;
        }
        let born =
            Duration::from_micros(u64::try_from(report.reported_at - report.started_at).unwrap_or_default());
        if self.samples.is_empty() && born < Duration::from_secs(5) {
            // Its whole life is seen: it started with nothing counted.
            let counters = Counters::default();
            let received_at = now.checked_sub(born).unwrap_or(now);
            self.samples.push_back(Sample { received_at, reported_at: report.started_at, counters });
        }
        let counters = Counters::of(report);
        self.samples.push_back(Sample { received_at: now, reported_at: report.reported_at, counters });
        let old = |sample: &Sample| now.duration_since(sample.received_at) > LONG + Duration::from_secs(3);
        while self.samples.pop_front_if(|sample| old(sample)).is_some() {}
    }

    /// What was added in the last `window`, or since it is known if that is shorter. One that is silent adds
    /// nothing any more, but its window goes on.
    pub(crate) fn growth(&self, window: Duration, now: Instant, silent: bool) -> Growth {
        let (Some(last), Some(first)) = (self.samples.back(), self.samples.front()) else {
            return Growth::default();
        };
        // Reports are a second apart: a window that ends with the last one is as long as it should be.
        let end = if silent { now } else { last.received_at };
        let span =
            |sample: &&Sample| end.duration_since(sample.received_at) + Duration::from_millis(500) >= window;
        let base = self.samples.iter().rev().find(span).unwrap_or(first);
        let seconds = if silent {
            end.duration_since(base.received_at).min(window).as_secs_f64()
        } else {
            micros(last.reported_at - base.reported_at).as_secs_f64()
        };
        Growth { added: last.counters.since(&base.counters), seconds }
    }
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replicas::tests::report;

    /// A replica that started at the epoch and counts 100 a second.
    fn at(second: i64) -> Report {
        let counts = Counts { posted: second.unsigned_abs() * 100, ..Counts::default() };
        Report { started_at: 0, reported_at: second * 1_000_000, counts, ..report("worker-1") }
    }

    fn track(seconds: impl Iterator<Item = i64>, start: Instant) -> Track {
        let mut track = Track::default();
        for second in seconds {
            track.note(&at(second), start + Duration::from_secs(second.unsigned_abs()));
        }
        track
    }

    fn posted(growth: &Growth) -> f64 {
        growth.per_second(|counters| counters.counts.posted)
    }

    #[test]
    fn a_rate_is_right_from_the_first_second_on() {
        let start = Instant::now();
        for last in [1, 2, 5, 10, 60, 300] {
            let track = track(1..=last, start);
            let now = start + Duration::from_secs(last.unsigned_abs());
            for window in [1, 10, 60] {
                let growth = track.growth(Duration::from_secs(window), now, false);
                assert!((posted(&growth) - 100.0).abs() < 1e-9, "after {last} s over {window} s: {growth:?}");
            }
        }
    }

    #[test]
    fn a_monitor_that_comes_late_knows_no_rate_before_the_second_report() {
        let start = Instant::now();
        let now = start + Duration::from_secs(1_001);
        assert_eq!(track(1_000..=1_000, start).growth(Duration::from_secs(10), now, false).seconds, 0.0);
        let growth = track(1_000..=1_001, start).growth(Duration::from_secs(10), now, false);
        assert!((posted(&growth) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_lost_one_fades_out_of_the_window() {
        let start = Instant::now();
        let track = track(1..=20, start);
        let rate = |silent_for: u64| {
            posted(&track.growth(Duration::from_secs(10), start + Duration::from_secs(20 + silent_for), true))
        };
        assert!((rate(5) - 50.0).abs() < 11.0, "{}", rate(5));
        assert_eq!(rate(15), 0.0);
    }
}
