//! The history: a point a second for 15 minutes and a point a minute for 24 hours, in memory for the answers
//! and, by [`store`], in the records for the next monitor.

pub(crate) mod store;

use std::collections::VecDeque;

use crate::views::history::Point;
use crate::views::metrics::Window;

/// Seconds of a quarter of an hour.
pub(crate) const SECONDS_KEPT: usize = 15 * 60;
/// Minutes of a day.
pub(crate) const MINUTES_KEPT: usize = 24 * 60;
/// A minute of which less than this was seen is none.
const MINUTE_POINTS_MIN: usize = 30;

/// The points, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    seconds: VecDeque<Point>,
    minutes: VecDeque<Point>,
}

impl History {
    /// Adds a second. The minute that it completes, if it does: `long` are the figures of that minute.
    pub(crate) fn push(&mut self, point: Point, long: &Window) -> Option<Point> {
        let at = point.at;
        if self.seconds.back().is_some_and(|last| last.at >= at) {
            // The clock was set back, or two ticks fell into one second: the first one stays.
            return None;
        }
        let before = self.seconds.back().map(|last| last.at);
        self.seconds.push_back(point);
        while self.seconds.pop_front_if(|first| first.at + signed(SECONDS_KEPT) <= at).is_some() {}
        // The first tick of a minute ends the one before.
        let ends = at.div_euclid(60) * 60;
        if before.is_none_or(|before| before >= ends) {
            return None;
        }
        let seen: Vec<&Point> =
            self.seconds.iter().filter(|point| point.at >= ends - 60 && point.at < ends).collect();
        if seen.len() < MINUTE_POINTS_MIN {
            return None;
        }
        let minute = minute(ends, &seen, long);
        self.push_minute(minute.clone());
        Some(minute)
    }

    fn push_minute(&mut self, minute: Point) {
        let at = minute.at;
        self.minutes.push_back(minute);
        while self.minutes.pop_front_if(|first| first.at + 60 * signed(MINUTES_KEPT) <= at).is_some() {}
    }

    /// Puts what was kept before in front of what has been seen since.
    pub(crate) fn join(&mut self, seconds: Vec<Point>, minutes: Vec<Point>, now: i64) {
        self.seconds = joined(seconds, &self.seconds, now - signed(SECONDS_KEPT));
        self.minutes = joined(minutes, &self.minutes, now - 60 * signed(MINUTES_KEPT));
    }

    pub(crate) fn seconds(&self) -> Vec<Point> {
        self.seconds.iter().cloned().collect()
    }

    pub(crate) fn minutes(&self) -> Vec<Point> {
        self.minutes.iter().cloned().collect()
    }

    /// The seconds after this one.
    pub(crate) fn after(&self, at: i64) -> Vec<Point> {
        self.seconds.iter().filter(|point| point.at > at).cloned().collect()
    }
}

fn joined(mut kept: Vec<Point>, seen: &VecDeque<Point>, after: i64) -> VecDeque<Point> {
    kept.sort_by_key(|point| point.at);
    kept.dedup_by_key(|point| point.at);
    let first = seen.front().map_or(i64::MAX, |point| point.at);
    kept.retain(|point| point.at > after && point.at < first);
    kept.into_iter().chain(seen.iter().cloned()).collect()
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A minute: what its window measured, and of what stands at each second the worst.
fn minute(at: i64, seen: &[&Point], long: &Window) -> Point {
    let most =
        |field: fn(&Point) -> Option<f64>| seen.iter().filter_map(|point| field(point)).reduce(f64::max);
    let times = long.response_times.as_ref();
    let posted = long.accepted_to_posted.as_ref();
    Point {
        at,
        accepted_jobs_per_second: long.throughput.accepted_jobs_per_second,
        settled_jobs_per_second: long.throughput.settled_jobs_per_second,
        refused_jobs_per_second: long.throughput.refused_jobs_per_second,
        requests_per_second: long.throughput.requests_per_second,
        failed_requests_percent: long.errors.failed_requests_percent,
        response_p50_seconds: times.map(|times| times.p50_seconds),
        response_p95_seconds: times.map(|times| times.p95_seconds),
        response_p99_seconds: times.map(|times| times.p99_seconds),
        posted_p50_seconds: posted.map(|times| times.p50_seconds),
        posted_p95_seconds: posted.map(|times| times.p95_seconds),
        posted_p99_seconds: posted.map(|times| times.p99_seconds),
        batch_jobs_avg: long.batch_jobs.map(|batches| batches.avg_jobs),
        depth_jobs: seen.iter().filter_map(|point| point.depth_jobs).max(),
        depth_messages: seen.iter().filter_map(|point| point.depth_messages).max(),
        lag_seconds: most(|point| point.lag_seconds),
        cpu_percent: most(|point| point.cpu_percent),
        memory_percent: most(|point| point.memory_percent),
        pool_percent: most(|point| point.pool_percent),
        workers: seen.iter().filter_map(|point| point.workers).min(),
        health_score: seen.iter().filter_map(|point| point.health_score).min(),
        alerts_firing: seen.iter().filter_map(|point| point.alerts_firing).max(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: i64) -> Point {
        Point { at, depth_jobs: Some(at.unsigned_abs()), ..Point::default() }
    }

    #[test]
    fn a_quarter_of_an_hour_of_seconds_and_a_day_of_minutes_are_kept() {
        let mut history = History::default();
        let minutes = (1..=100_000).filter_map(|at| history.push(point(at), &Window::default())).count();
        assert_eq!(minutes, 100_000 / 60);
        assert_eq!((history.seconds().len(), history.minutes().len()), (SECONDS_KEPT, MINUTES_KEPT));
        assert_eq!(history.seconds()[0].at, 100_000 - 899);
        let last = history.minutes().pop().unwrap();
        assert_eq!((last.at, last.depth_jobs), (99_960, Some(99_959)), "the most of its minute");
    }

    #[test]
    fn a_minute_that_was_hardly_seen_is_none() {
        let mut history = History::default();
        assert!((100..=121).all(|at| history.push(point(at), &Window::default()).is_none()));
    }

    #[test]
    fn a_clock_that_is_set_back_adds_nothing_twice() {
        let mut history = History::default();
        for at in [10, 11, 11, 5, 12] {
            history.push(point(at), &Window::default());
        }
        assert_eq!(history.seconds().iter().map(|point| point.at).collect::<Vec<_>>(), [10, 11, 12]);
    }

    #[test]
    fn what_was_kept_joins_what_was_seen() {
        let mut history = History::default();
        history.push(point(1_000), &Window::default());
        history.join(vec![point(998), point(999), point(999), point(1_000), point(20)], vec![], 1_000);
        assert_eq!(history.after(0).iter().map(|point| point.at).collect::<Vec<_>>(), [998, 999, 1_000]);
        assert_eq!(history.after(998).len(), 2);
    }
}
