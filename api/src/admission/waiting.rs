//! How many jobs of requests to this ingress wait on each lane, as far as the workers have reported, and how many the client that
//! sends most may add.
//!
//! Workers report each second, and within that time a client can send more than a lane posts in many. So what it may have
//! waiting is bounded ahead of any report, by what the lane was seen to post: twice as much as in a second, which keeps
//! the lane busy until the next report. Who has more only makes the others wait.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::lane::Lane;

use super::behind::REPORT_COUNTS_FOR;

/// Jobs are counted together that were accepted within so many microseconds.
const SLICE_US: i64 = 50_000;
/// A minute. What waits for longer makes its lane late, which is counted by its age.
const SLICES_MAX: usize = 1_200;
/// Of a lane that was reported empty twice, what was accepted so long before the second report is posted.
const EMPTY_FOR_US: i64 = 200_000;
/// Jobs that a client may have waiting on a lane that was not seen to post more: a fraction of a second for most.
const JOBS_MIN: u64 = 200;
/// Seconds of what a lane posts that a client may have waiting there.
const SECONDS_MAX: f64 = 2.0;
/// How many times as much as before a lane may seem to post from one report to the next.
const GROWS_MAX: f64 = 4.0;
/// The pace at which a lane begins.
const FIRST_PACE: f64 = 100.0;
/// What is left, after each report that it was empty, of the pace that a lane was seen to have.
const FADES: f64 = 0.9;

/// The lanes that this ingress puts jobs on.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<BTreeMap<Lane, OnLane>>);

/// What waits on one.
#[derive(Debug, Default)]
struct OnLane {
    /// Jobs by their time of acceptance, in slices since the Unix epoch, the oldest first.
    slices: VecDeque<(i64, u64)>,
    jobs: u64,
    reported_at: Option<Instant>,
    /// What was reported then: the time of acceptance of the oldest job.
    oldest: Option<i64>,
    /// Jobs a second that were posted; where the lane was empty at times, at least.
    pace: f64,
    /// The oldest job is another one than in the report before, or there is none.
    moves: bool,
}

impl Waiting {
    /// Notes jobs that go to a lane now, in microseconds since the Unix epoch.
    pub fn sent(&self, now_us: i64, lane: Lane, jobs: u64) {
        self.lanes(|lanes| lanes.entry(lane).or_default().sent(now_us / SLICE_US, jobs));
    }

    /// Notes the time of acceptance of the oldest job of a lane; `None`: its worker has none in hand.
    pub fn reported(&self, now_us: i64, now: Instant, lane: Lane, oldest_accepted_at: Option<i64>) {
        self.lanes(|lanes| lanes.entry(lane).or_default().reported(now_us, now, oldest_accepted_at));
    }

    /// The lanes that may not take all `jobs` of a client, and how many each takes.
    pub fn room(&self, now: Instant, jobs: u64) -> Vec<(Lane, u64)> {
        self.lanes(|lanes| {
            let of_lane = |(lane, on_lane): (&Lane, &OnLane)| Some((*lane, on_lane.room(now)?));
            // Most often none has so many: each request asks.
            lanes.iter().filter(|(_, on_lane)| on_lane.jobs + jobs > JOBS_MIN).filter_map(of_lane).collect()
        })
    }

    fn lanes<T>(&self, of: impl FnOnce(&mut BTreeMap<Lane, OnLane>) -> T) -> T {
        of(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl OnLane {
    fn sent(&mut self, slice: i64, jobs: u64) {
        self.jobs += jobs;
        match self.slices.back_mut() {
            // A clock that goes back makes nothing older.
            Some((last, count)) if *last >= slice => *count += jobs,
            _ => self.slices.push_back((slice, jobs)),
        }
        if self.slices.len() > SLICES_MAX {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) -> u64 {
        let jobs = self.slices.pop_front().map_or(0, |(_, jobs)| jobs);
        self.jobs = self.jobs.saturating_sub(jobs);
        jobs
    }

    fn reported(&mut self, now_us: i64, now: Instant, oldest: Option<i64>) {
        let elapsed = self.reported_at.map(|before| now.saturating_duration_since(before));
        // Two workers may report one lane while it is handed over.
        if elapsed.is_some_and(|elapsed| elapsed < Duration::from_millis(100)) {
            return;
        }
        self.reported_at = Some(now);
        let before = std::mem::replace(&mut self.oldest, oldest);
        self.moves = oldest.is_none() || oldest != before;
        let from = match (before, oldest) {
            (_, Some(oldest)) => oldest,
            (None, None) => now_us - EMPTY_FOR_US,
            // A worker that takes a lane up has nothing in hand at first.
            (Some(_), None) => return,
        };
        let mut posted = 0;
        while self.slices.front().is_some_and(|(slice, _)| *slice < from / SLICE_US) {
            posted += self.drop_oldest();
        }
        let elapsed = elapsed.filter(|elapsed| *elapsed < REPORT_COUNTS_FOR);
        // How many of those that came at once are posted does not show.
        if let Some(elapsed) = elapsed.filter(|_| posted > 0 || oldest.is_none()) {
            let posted = f64::from(u32::try_from(posted).unwrap_or(u32::MAX)) / elapsed.as_secs_f64();
            self.pace = self.pace_after(posted, oldest.is_none());
        }
    }

    /// Its pace, now that so many jobs a second were posted. What seems far more than before is a lane that was handed over.
    fn pace_after(&self, posted: f64, was_empty: bool) -> f64 {
        let posted = posted.min(GROWS_MAX * self.pace.max(FIRST_PACE));
        if was_empty { posted.max(self.pace * FADES) } else { f64::midpoint(self.pace, posted).max(posted) }
    }

    /// `None`: nothing is known that says how many. A lane that stands still is no client's doing.
    fn room(&self, now: Instant) -> Option<u64> {
        let reported_at = self.reported_at?;
        if !self.moves || now.saturating_duration_since(reported_at) >= REPORT_COUNTS_FOR {
            return None;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Saturates.
        let most = ((self.pace * SECONDS_MAX) as u64).max(JOBS_MIN);
        Some(most.saturating_sub(self.jobs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANE: Lane = Lane(3);
    const SECOND: i64 = 1_000_000;

    struct Clock {
        start: Instant,
        waiting: Waiting,
    }

    impl Clock {
        fn new() -> Clock {
            Clock { start: Instant::now(), waiting: Waiting::default() }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn us(ms: u64) -> i64 {
            1_000 * SECOND + i64::try_from(ms).unwrap() * 1_000
        }

        fn sent(&self, ms: u64, jobs: u64) {
            self.waiting.sent(Clock::us(ms), LANE, jobs);
        }

        fn reported(&self, ms: u64, oldest_ms: Option<u64>) {
            self.waiting.reported(Clock::us(ms), self.at(ms), LANE, oldest_ms.map(Clock::us));
        }

        fn room(&self, ms: u64, jobs: u64) -> Option<u64> {
            self.waiting.room(self.at(ms), jobs).first().map(|(_, room)| *room)
        }
    }

    #[test]
    fn what_may_wait_is_bounded_before_anything_is_reported_of_it() {
        let clock = Clock::new();
        assert_eq!(clock.room(0, 1_000), None, "nothing was reported");
        clock.reported(0, None);
        assert_eq!(clock.room(10, 100), None, "so few jobs make nobody wait");
        assert_eq!(clock.room(10, 1_000), Some(JOBS_MIN));
        clock.sent(10, 150);
        assert_eq!(clock.room(20, 100), Some(50));
        clock.sent(20, 50);
        assert_eq!(clock.room(20, 100), Some(0));
    }

    #[test]
    fn a_lane_that_posts_more_is_given_more_until_it_keeps_up_no_longer() {
        let clock = Clock::new();
        clock.reported(0, Some(0));
        // All of it is posted by the next report, and the job that is the oldest then came just before.
        for (second, jobs) in [(0, 200), (1, 400), (2, 800)] {
            let ms = second * 1_000 + 10;
            assert_eq!(clock.room(ms, 1_000), Some(jobs));
            clock.sent(ms, jobs);
            clock.reported((second + 1) * 1_000, Some((second + 1) * 1_000 - 5));
        }
        // Of 1,600 a half is left, so 800 were posted in a second: so many more are taken as make two seconds.
        clock.sent(3_010, 800);
        clock.sent(3_510, 800);
        assert_eq!(clock.room(3_600, 1_000), Some(0));
        clock.reported(4_000, Some(3_510));
        assert_eq!(clock.room(4_010, 1_000), Some(800));
        // Of jobs that came at once it does not show how many are posted, but that the lane moves does.
        clock.reported(5_000, Some(3_511));
        assert_eq!(clock.room(5_010, 1_000), Some(800));
    }

    #[test]
    fn nobody_is_turned_away_from_a_lane_that_stands_still_or_whose_worker_is_silent() {
        let clock = Clock::new();
        clock.reported(0, None);
        clock.sent(10, 500);
        assert_eq!(clock.room(20, 100), Some(0));
        clock.reported(1_000, Some(10));
        assert_eq!(clock.room(1_010, 100), Some(0), "a worker has taken it up");
        clock.reported(2_000, Some(10));
        assert_eq!(clock.room(2_010, 100), None, "nothing was posted");
        clock.reported(3_000, None);
        assert_eq!(clock.room(3_010, 1_000), Some(0), "a worker that takes it up has nothing in hand yet");
        clock.reported(4_000, None);
        assert_eq!(
            clock.room(4_010, 1_000),
            Some(800),
            "all was posted, of which four times the pace counts"
        );
        assert_eq!(clock.room(9_100, 1_000), None, "that was long ago");
    }

    #[test]
    fn what_is_known_of_a_lane_takes_little_memory() {
        let clock = Clock::new();
        for slice in 0..5_000 {
            clock.sent(slice * 50, 1);
        }
        let lanes = clock.waiting.0.lock().unwrap();
        let on_lane = lanes.get(&LANE).unwrap();
        assert_eq!((on_lane.slices.len(), on_lane.jobs), (SLICES_MAX, SLICES_MAX as u64));
    }
}
