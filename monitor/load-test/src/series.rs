//! How a load test went, over time.

use std::time::Duration;

use contract::report::new_histogram;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::figures::{per_second, seconds};

/// The width that a series starts with.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// The most intervals: about as many as a chart has room for. What needs more has wider ones.
const INTERVALS_MAX: usize = 240;

/// Counts and times by interval. Once there are too many, neighbours are joined, so its size does not depend on
/// the length of the test.
pub(crate) struct Series {
    interval: Duration,
    intervals: Vec<Interval>,
}

struct Interval {
    accepted: u64,
    failed: u64,
    posted: u64,
    response_us: Histogram<u64>,
    posting_us: Histogram<u64>,
}

/// The figures of an interval of a load test. A time is `null` where none was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestPoint)]
pub struct Point {
    /// Start of the interval, in seconds from the start of the load.
    pub at_seconds: f64,
    /// Length of the interval in seconds.
    pub seconds: f64,
    /// Requests answered with 202, per second.
    pub accepted_per_second: f64,
    /// Failed requests per second.
    pub failed_per_second: f64,
    /// Jobs posted per second.
    pub posted_per_second: f64,
    /// Median response time of the requests answered in the interval.
    pub response_p50_seconds: Option<f64>,
    /// 95th percentile of the response time.
    pub response_p95_seconds: Option<f64>,
    /// 99th percentile of the response time.
    pub response_p99_seconds: Option<f64>,
    /// Median time from acceptance to posting of the jobs posted in the interval.
    pub accepted_to_posted_p50_seconds: Option<f64>,
    /// 95th percentile of the time from acceptance to posting.
    pub accepted_to_posted_p95_seconds: Option<f64>,
    /// 99th percentile of the time from acceptance to posting.
    pub accepted_to_posted_p99_seconds: Option<f64>,
}

impl Series {
    pub(crate) fn new() -> Series {
        Series { interval: INTERVAL_MIN, intervals: Vec::new() }
    }

    /// A request was accepted `at` so long after the start.
    pub(crate) fn accepted(&mut self, at: Duration, response: Duration) {
        let interval = self.at(at);
        interval.accepted += 1;
        interval.response_us.saturating_record(micros(response));
    }

    /// A request failed.
    pub(crate) fn failed(&mut self, at: Duration) {
        self.at(at).failed += 1;
    }

    /// A job was posted.
    pub(crate) fn posted(&mut self, at: Duration, took_us: u64) {
        let interval = self.at(at);
        interval.posted += 1;
        interval.posting_us.saturating_record(took_us);
    }

    pub(crate) fn points(&self) -> Vec<Point> {
        let mut at = Duration::ZERO;
        let point = |interval: &Interval| {
            let start = at;
            at += self.interval;
            interval.point(start, self.interval)
        };
        self.intervals.iter().map(point).collect()
    }

    fn at(&mut self, at: Duration) -> &mut Interval {
        let mut index = self.index(at);
        while index >= INTERVALS_MAX {
            self.join_neighbours();
            index = self.index(at);
        }
        if index >= self.intervals.len() {
            self.intervals.resize_with(index + 1, Interval::new);
        }
        &mut self.intervals[index]
    }

    fn index(&self, at: Duration) -> usize {
        usize::try_from(at.as_micros() / self.interval.as_micros()).unwrap_or(usize::MAX)
    }

    fn join_neighbours(&mut self) {
        self.interval *= 2;
        let mut joined = Vec::with_capacity(INTERVALS_MAX);
        let mut old = std::mem::take(&mut self.intervals).into_iter();
        while let Some(mut first) = old.next() {
            if let Some(second) = old.next() {
                first.join(&second);
            }
            joined.push(first);
        }
        self.intervals = joined;
    }
}

impl Interval {
    fn new() -> Interval {
        Interval {
            accepted: 0,
            failed: 0,
            posted: 0,
            response_us: new_histogram(),
            posting_us: new_histogram(),
        }
    }

    fn join(&mut self, other: &Interval) {
        self.accepted += other.accepted;
        self.failed += other.failed;
        self.posted += other.posted;
        // Both have the same bounds, so they can always be added.
        let _ = self.response_us.add(&other.response_us);
        let _ = self.posting_us.add(&other.posting_us);
    }

    fn point(&self, start: Duration, width: Duration) -> Point {
        let quantile =
            |of: &Histogram<u64>, quantile| (!of.is_empty()).then(|| seconds(of.value_at_quantile(quantile)));
        Point {
            at_seconds: start.as_secs_f64(),
            seconds: width.as_secs_f64(),
            accepted_per_second: per_second(self.accepted, width),
            failed_per_second: per_second(self.failed, width),
            posted_per_second: per_second(self.posted, width),
            response_p50_seconds: quantile(&self.response_us, 0.5),
            response_p95_seconds: quantile(&self.response_us, 0.95),
            response_p99_seconds: quantile(&self.response_us, 0.99),
            accepted_to_posted_p50_seconds: quantile(&self.posting_us, 0.5),
            accepted_to_posted_p95_seconds: quantile(&self.posting_us, 0.95),
            accepted_to_posted_p99_seconds: quantile(&self.posting_us, 0.99),
        }
    }
}

pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_test_has_wider_intervals_and_loses_nothing() {
        let mut series = Series::new();
        let response = Duration::from_millis(7);
        for second in 0..1_800_u64 {
            series.accepted(Duration::from_secs(second), response);
            series.posted(Duration::from_secs(second), 9_000);
            series.failed(Duration::from_secs(second));
        }
        // Not in order, as jobs are read again.
        series.posted(Duration::ZERO, 1_000_000);
        let points = series.points();
        assert!(points.len() <= INTERVALS_MAX && points.len() > INTERVALS_MAX / 2, "{}", points.len());
        let total = |of: fn(&Point) -> f64| points.iter().map(|point| of(point) * point.seconds).sum::<f64>();
        assert_eq!(total(|point| point.accepted_per_second).round(), 1_800.0);
        assert_eq!(total(|point| point.failed_per_second).round(), 1_800.0);
        assert_eq!(total(|point| point.posted_per_second).round(), 1_801.0);
        assert!(points[0].accepted_to_posted_p99_seconds > Some(0.9));
        assert!(points.iter().all(|point| point.response_p50_seconds.is_some()));
    }

    #[test]
    fn an_interval_without_an_answer_has_no_latency() {
        let mut series = Series::new();
        series.accepted(Duration::from_millis(350), Duration::from_millis(1));
        let points = series.points();
        assert_eq!(points.len(), 4);
        assert_eq!(points[0].response_p50_seconds, None);
        assert_eq!(points[3].accepted_per_second, 10.0);
    }
}
