//! The lanes: what the queue holds in each, and who serves it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use shared::clock;
use shared::domain::lane::{Lane, Lanes};
use shared::queue::LaneDepth;

use crate::replicas::Replicas;
use crate::views::status::{LaneView, QueueTotals};

/// Remembers when each lane was empty, for the lag of those that nobody serves.
pub(crate) struct LaneWatch {
    lanes: Lanes,
    empty_at: BTreeMap<Lane, Instant>,
}

impl LaneWatch {
    pub(crate) fn new(lanes: Lanes) -> LaneWatch {
        LaneWatch { lanes, empty_at: BTreeMap::new() }
    }

    /// Every lane in order; without `depth`, the queue could not be asked.
    pub(crate) fn look(
        &mut self,
        depth: Option<&[LaneDepth]>,
        replicas: &Replicas,
        now: Instant,
    ) -> Vec<LaneView> {
        let holders = replicas.holders(now);
        let jobs_per_message = replicas.jobs_per_message(now);
        let lanes: Vec<Lane> = self.lanes.iter().collect();
        lanes
            .into_iter()
            .map(|lane| {
                let held = holders.get(&lane);
                let in_hand = held.and_then(|(_, accepted_at)| *accepted_at).map(age_seconds);
                let holder = held.map(|(replica, _)| replica.clone());
                let view = LaneView { lane: lane.0, served: holder.is_some(), holder, ..LaneView::default() };
                match depth.and_then(|all| all.iter().find(|depth| depth.lane == lane)) {
                    Some(depth) => self.fill(view, depth, in_hand, jobs_per_message, now),
                    None => view,
                }
            })
            .collect()
    }

    fn fill(
        &mut self,
        view: LaneView,
        depth: &LaneDepth,
        in_hand: Option<f64>,
        jobs_per_message: Option<f64>,
        now: Instant,
    ) -> LaneView {
        LaneView {
            served: view.served && depth.consumers > 0,
            depth_messages: Some(depth.messages_ready),
            unacknowledged_messages: depth.messages_unacknowledged,
            consumers: Some(depth.consumers),
            depth_jobs_estimated: depth.jobs.is_none(),
            depth_jobs: depth.jobs.or_else(|| estimated_jobs(depth.messages_ready, jobs_per_message)),
            lag_seconds: Some(self.lag_seconds(depth, in_hand, now)),
            ..view
        }
    }

    /// The age of the oldest job in hand; of a lane that nobody serves, at least how long it has not
    /// been empty.
    fn lag_seconds(&mut self, depth: &LaneDepth, in_hand: Option<f64>, now: Instant) -> f64 {
        if depth.messages_ready == 0 {
            self.empty_at.insert(depth.lane, now);
            return in_hand.unwrap_or(0.0);
        }
        let empty_at = *self.empty_at.entry(depth.lane).or_insert(now);
        in_hand.unwrap_or(now.duration_since(empty_at).as_secs_f64())
    }
}

fn age_seconds(accepted_at: i64) -> f64 {
    Duration::from_micros(u64::try_from(clock::now_us() - accepted_at).unwrap_or_default()).as_secs_f64()
}

fn estimated_jobs(messages: u64, jobs_per_message: Option<f64>) -> Option<u64> {
    if messages == 0 {
        return Some(0);
    }
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // An estimate of a count, never negative and far below 2^53.
    jobs_per_message.map(|mean| (messages as f64 * mean).round() as u64)
}

/// All lanes together, while jobs are settled and accepted at this pace.
pub(crate) fn totals(
    lanes: &[LaneView],
    settled_per_second: Option<f64>,
    accepted_per_second: Option<f64>,
    analyses_waiting: Option<u64>,
) -> QueueTotals {
    // One lane that is not known makes the sum unknown: a part of it would read as all.
    let sum = |count: fn(&LaneView) -> Option<u64>| lanes.iter().map(count).sum::<Option<u64>>();
    let depth_jobs = sum(|lane| lane.depth_jobs);
    let oldest = |lag: Option<f64>, lane: &LaneView| match (lag, lane.lag_seconds) {
        (Some(lag), Some(other)) => Some(f64::max(lag, other)),
        (lag, other) => lag.or(other),
    };
    QueueTotals {
        depth_messages: sum(|lane| lane.depth_messages),
        depth_jobs,
        depth_jobs_estimated: lanes.iter().any(|lane| lane.depth_jobs_estimated),
        unacknowledged_messages: sum(|lane| lane.unacknowledged_messages),
        lag_seconds: lanes.iter().fold(None, oldest),
        clear_in_seconds: clear_in_seconds(depth_jobs, settled_per_second, accepted_per_second),
        analyses_waiting,
    }
}

fn clear_in_seconds(jobs: Option<u64>, settled: Option<f64>, accepted: Option<f64>) -> Option<f64> {
    let jobs = jobs.filter(|jobs| *jobs > 0)?;
    let pace = settled? - accepted.unwrap_or_default();
    #[allow(clippy::cast_precision_loss)] // An estimate, shown in whole seconds.
    let jobs = jobs as f64;
    (pace > 1.0).then_some(jobs / pace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(depth_jobs: Option<u64>, lag_seconds: Option<f64>) -> LaneView {
        LaneView { depth_jobs, depth_messages: depth_jobs, lag_seconds, ..LaneView::default() }
    }

    #[test]
    fn one_unknown_lane_makes_the_sum_unknown_not_smaller() {
        let known = totals(&[lane(Some(3), Some(1.0)), lane(Some(4), Some(2.0))], None, None, None);
        assert_eq!((known.depth_jobs, known.lag_seconds), (Some(7), Some(2.0)));
        let partly = totals(&[lane(Some(3), Some(1.0)), lane(None, None)], None, None, None);
        assert_eq!((partly.depth_jobs, partly.lag_seconds), (None, Some(1.0)));
    }

    #[test]
    fn a_backlog_clears_at_what_is_left_of_the_pace() {
        assert_eq!(clear_in_seconds(Some(1_000), Some(150.0), Some(50.0)), Some(10.0));
        assert_eq!(clear_in_seconds(Some(1_000), Some(100.0), Some(100.0)), None, "it stays");
        assert_eq!(clear_in_seconds(Some(0), Some(100.0), None), None, "there is none");
        assert_eq!(clear_in_seconds(Some(5), None, None), None, "not known");
    }
}
