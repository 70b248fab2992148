//! The lanes: what the queue holds in each, and who serves it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use contract::report::LaneReport;
use domain::lane::{Lane, Lanes};
use fleet::settings::Settings;
use queue::LaneDepth;
use runtime::clock;

use crate::replicas::Replicas;
use crate::views::status::{LanePauseView, LaneView, QueueTotals};

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
        settings: &Settings,
        now: Instant,
    ) -> Vec<LaneView> {
        let holders = replicas.holders(now);
        let jobs_per_message = replicas.jobs_per_message(now);
        let lanes: Vec<Lane> = self.lanes.iter().collect();
        lanes
            .into_iter()
            .map(|lane| {
                let held = holders.get(&lane);
                let in_hand = held.map(|(_, in_hand)| in_hand);
                let view = LaneView {
                    lane: lane.0,
                    paused: settings.pause_of(lane).map(LanePauseView::from),
                    served: replicas.are_known().then_some(held.is_some()),
                    holder: held.map(|(replica, _)| (*replica).to_owned()),
                    unacknowledged_messages: in_hand.and_then(|in_hand| in_hand.messages_in_hand),
                    jobs_in_hand: in_hand.and_then(|in_hand| in_hand.jobs_in_hand),
                    ..LaneView::default()
                };
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
        in_hand: Option<&LaneReport>,
        jobs_per_message: Option<f64>,
        now: Instant,
    ) -> LaneView {
        let ready = || estimated_jobs(depth.messages_ready, jobs_per_message);
        let oldest_accepted_at = in_hand.and_then(|in_hand| in_hand.oldest_accepted_at);
        // Nobody has opened what is in hand yet: how old it is is not known.
        let is_dated = oldest_accepted_at.is_some() || view.jobs_in_hand.is_none_or(|jobs| jobs == 0);
        let lag_seconds = self.lag_seconds(depth, oldest_accepted_at, now).filter(|_| is_dated);
        LaneView {
            served: view.served.map(|held| held && depth.consumers > 0),
            depth_messages: Some(depth.messages_ready),
            unacknowledged_messages: depth.messages_unacknowledged.or(view.unacknowledged_messages),
            consumers: Some(depth.consumers),
            depth_jobs_estimated: depth.jobs.is_none(),
            // Of a queue that counts jobs, those in hand are among them.
            depth_jobs: depth.jobs.or_else(|| Some(ready()? + view.jobs_in_hand.unwrap_or_default())),
            lag_seconds,
            ..view
        }
    }

    /// The age of the oldest job in hand; of a lane that nobody serves, at least how long it has not
    /// been empty. `None`: it was accepted by a clock that is ahead.
    fn lag_seconds(
        &mut self,
        depth: &LaneDepth,
        oldest_accepted_at: Option<i64>,
        now: Instant,
    ) -> Option<f64> {
        let empty_at = if depth.messages_ready == 0 {
            self.empty_at.insert(depth.lane, now);
            now
        } else {
            *self.empty_at.entry(depth.lane).or_insert(now)
        };
        let age = oldest_accepted_at.map_or(Some(now.duration_since(empty_at)), clock::since);
        age.as_ref().map(Duration::as_secs_f64)
    }
}

fn estimated_jobs(messages: u64, jobs_per_message: Option<f64>) -> Option<u64> {
    if messages == 0 {
        return Some(0);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
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
    // What waits since somebody wants it to wait is not late.
    let moving = || lanes.iter().filter(|lane| lane.paused.is_none());
    let oldest = moving().filter_map(|lane| lane.lag_seconds).reduce(f64::max);
    let all_known = moving().all(|lane| lane.lag_seconds.is_some());
    let nothing_moves = !lanes.is_empty() && moving().next().is_none();
    QueueTotals {
        depth_messages: sum(|lane| lane.depth_messages),
        depth_jobs,
        depth_jobs_estimated: lanes.iter().any(|lane| lane.depth_jobs_estimated),
        // A lane that nobody holds has nothing in hand.
        unacknowledged_messages: sum(|lane| in_hand(lane, lane.unacknowledged_messages)),
        jobs_in_hand: sum(|lane| in_hand(lane, lane.jobs_in_hand)),
        // The oldest that is known waits for at least so long; that nothing waits is known of all or not at all.
        lag_seconds: oldest.or(nothing_moves.then_some(0.0)).filter(|lag| all_known || *lag > 0.0),
        clear_in_seconds: clear_in_seconds(depth_jobs, settled_per_second, accepted_per_second),
        analyses_waiting,
    }
}

fn in_hand(lane: &LaneView, count: Option<u64>) -> Option<u64> {
    count.or((lane.served.is_some() && lane.holder.is_none()).then_some(0))
}

fn clear_in_seconds(jobs: Option<u64>, settled: Option<f64>, accepted: Option<f64>) -> Option<f64> {
    let jobs = jobs.filter(|jobs| *jobs > 0)?;
    let pace = settled? - accepted.unwrap_or_default();
    (pace > 1.0).then_some(jobs as f64 / pace)
}

#[cfg(test)]
mod tests {
    use contract::report::{Counts, Report};

    use super::*;
    use crate::facts::BusState;
    use crate::replicas::tests::report;

    fn lane(depth_jobs: Option<u64>, lag_seconds: Option<f64>) -> LaneView {
        LaneView { depth_jobs, depth_messages: depth_jobs, lag_seconds, ..LaneView::default() }
    }

    #[test]
    fn one_unknown_lane_makes_the_sum_unknown_not_smaller() {
        let known = totals(&[lane(Some(3), Some(1.0)), lane(Some(4), Some(2.0))], None, None, None);
        assert_eq!((known.depth_jobs, known.lag_seconds), (Some(7), Some(2.0)));
        let partly = totals(&[lane(Some(3), Some(1.0)), lane(None, None)], None, None, None);
        assert_eq!((partly.depth_jobs, partly.lag_seconds), (None, Some(1.0)));
        let nothing_known = totals(&[lane(Some(0), Some(0.0)), lane(Some(1), None)], None, None, None);
        assert_eq!(nothing_known.lag_seconds, None, "what is not known is not zero");
    }

    #[test]
    fn a_backlog_clears_at_what_is_left_of_the_pace() {
        assert_eq!(clear_in_seconds(Some(1_000), Some(150.0), Some(50.0)), Some(10.0));
        assert_eq!(clear_in_seconds(Some(1_000), Some(100.0), Some(100.0)), None, "it stays");
        assert_eq!(clear_in_seconds(Some(0), Some(100.0), None), None, "there is none");
        assert_eq!(clear_in_seconds(Some(5), None, None), None, "not known");
    }

    #[test]
    fn what_is_paused_is_not_late() {
        let pause = LanePauseView { by: "ops".to_owned(), reason: "r".to_owned(), since: Default::default() };
        let paused = LaneView { paused: Some(pause), ..lane(Some(9), Some(900.0)) };
        let some = totals(&[paused.clone(), lane(Some(1), Some(0.5))], None, None, None);
        assert_eq!((some.depth_jobs, some.lag_seconds), (Some(10), Some(0.5)));
        let unknown = LaneView { lag_seconds: None, ..paused };
        assert_eq!(totals(&[unknown], None, None, None).lag_seconds, Some(0.0));
    }

    fn look(bus: BusState, in_hand: Option<u64>) -> LaneView {
        let (now, mut replicas) = (Instant::now(), Replicas::default());
        replicas.note_bus(bus);
        let lane = LaneReport {
            lane: Lane(0),
            oldest_accepted_at: None,
            messages_in_hand: in_hand,
            jobs_in_hand: in_hand.map(|messages| messages * 50),
        };
        let counts = Counts { published_jobs: 100, published_messages: 10, ..Counts::default() };
        replicas.note_report(Report { counts, lanes: vec![lane], ..report("worker-1") }, now);
        let depth = |lane: u16| LaneDepth {
            lane: Lane(lane),
            messages_ready: 3,
            messages_unacknowledged: None,
            jobs: None,
            consumers: 1,
        };
        let mut watch = LaneWatch::new(Lanes::new(2).unwrap());
        let lanes = watch.look(Some(&[depth(0), depth(1)]), &replicas, &Settings::default(), now);
        assert_eq!(
            lanes[1].served,
            (bus == BusState::Up).then_some(false),
            "nobody reports that it holds it"
        );
        lanes.into_iter().next().unwrap()
    }

    #[test]
    fn jobs_in_a_workers_hands_wait_too() {
        let lane = look(BusState::Up, Some(100));
        assert_eq!((lane.unacknowledged_messages, lane.jobs_in_hand), (Some(100), Some(5_000)));
        assert_eq!((lane.depth_messages, lane.depth_jobs), (Some(3), Some(5_030)));
        let older = look(BusState::Up, None);
        assert_eq!((older.unacknowledged_messages, older.depth_jobs), (None, Some(30)), "it does not tell");
    }

    #[test]
    fn a_job_that_a_clock_ahead_accepted_does_not_wait_for_no_time() {
        let mut watch = LaneWatch::new(Lanes::new(1).unwrap());
        let depth = LaneDepth {
            lane: Lane(0),
            messages_ready: 0,
            messages_unacknowledged: None,
            jobs: None,
            consumers: 1,
        };
        let mut lag = |accepted_at: i64| watch.lag_seconds(&depth, Some(accepted_at), Instant::now());
        assert_eq!(lag(clock::now_us() + 90_000_000), None);
        assert!(lag(clock::now_us() - 90_000_000).is_some_and(|lag| lag >= 90.0));
    }

    #[test]
    fn while_the_bus_is_away_it_is_not_known_who_serves_a_lane() {
        assert_eq!(look(BusState::Up, None).served, Some(true));
        assert_eq!(look(BusState::Away, None).served, None);
        assert_eq!(look(BusState::Young, None).served, None);
    }
}
