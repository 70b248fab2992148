//! Which lanes are behind, as their workers report it, and how long it takes until they have caught up.
//!
//! A lane's lag is the age of its oldest job, by the clock of the ingress. Its pace is how fast that job's time of
//! acceptance moves: at 0.5 the lane takes two seconds for what was accepted in one, and falls behind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::report::{LaneReport, LanesReported, Role};
use domain::lane::Lane;
use runtime::clock;
use tellers_http::problem::whole_seconds;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::waiting::Waiting;
use crate::problem::{Problem, ProblemType};

/// Where nothing is set, clients share a lane from this lag on: twice what a worker that is busy and keeps up has.
pub(super) const SHARED_FROM: Duration = Duration::from_secs(2);
/// Or once a job that comes now is to wait for so long: a client that sends many times what a lane takes has put far more
/// on it than two seconds of work, by the time that its oldest job is that old.
const SHARED_FROM_WAIT: Duration = Duration::from_secs(5);
/// A worker reports each second; what one that is silent said last is not so any more.
pub(super) const REPORT_COUNTS_FOR: Duration = Duration::from_secs(5);
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// What the workers reported last of the lanes that have jobs.
#[derive(Debug, Default)]
pub(super) struct LanesBehind {
    lanes: Mutex<BTreeMap<Lane, Progress>>,
    waiting: Waiting,
}

#[derive(Debug, Clone, Copy)]
struct Progress {
    reported_at: Instant,
    /// µs since the Unix epoch, by the clock of the ingress that accepted it.
    oldest_accepted_at: i64,
    lag: Duration,
    /// Seconds of acceptance a second; `None` until the lane was reported twice.
    pace: Option<f64>,
}

/// A lane that somebody has to wait for.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Late {
    lag: Duration,
    pause: Duration,
}

/// The lanes for which a client has to wait, as they are now; mostly none.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    late: BTreeMap<Lane, Late>,
    /// How many more jobs each of these takes of the client.
    room: BTreeMap<Lane, AtomicU64>,
}

impl LanesBehind {
    /// Takes what workers report, until the bus is closed.
    pub async fn receive(&self, mut reports: broadcast::Receiver<bytes::Bytes>) {
        loop {
            match reports.recv().await {
                Ok(report) => match serde_json::from_slice::<LanesReported>(&report) {
                    Ok(report) if report.role == Role::Worker => {
                        self.reported(clock::now_us(), Instant::now(), &report.lanes);
                    }
                    // Of another role, or of a release whose reports cannot be read: the monitor says so.
                    Ok(_) | Err(_) => {}
                },
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn reported(&self, now_us: i64, now: Instant, lanes: &[LaneReport]) {
        let mut all = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        for report in lanes {
            self.waiting.reported(now_us, now, report.lane, report.oldest_accepted_at);
            let Some(oldest_accepted_at) = report.oldest_accepted_at else {
                all.remove(&report.lane);
                continue;
            };
            let lag = micros(now_us.saturating_sub(oldest_accepted_at));
            let before = all.get(&report.lane).copied().filter(|before| before.counts_at(now));
            let pace = before.and_then(|before| before.pace_until(now, oldest_accepted_at));
            all.insert(report.lane, Progress { reported_at: now, oldest_accepted_at, lag, pace });
        }
    }

    /// Notes jobs that go to a lane.
    pub fn sent(&self, lane: Lane, jobs: usize) {
        self.waiting.sent(clock::now_us(), lane, jobs as u64);
    }

    /// The lanes for which a client has to wait: one that sends far more than others (`has_most`) and now `jobs` more, or any;
    /// `limit`: the lag from which on every client has to.
    pub fn now(&self, has_most: impl Fn(Lane) -> bool, jobs: usize, limit: Option<Duration>) -> Behind {
        self.at(Instant::now(), has_most, jobs, limit)
    }

    fn at(
        &self,
        now: Instant,
        has_most: impl Fn(Lane) -> bool,
        jobs: usize,
        limit: Option<Duration>,
    ) -> Behind {
        let room = self.waiting.room(now, jobs as u64).into_iter().filter(|(lane, _)| has_most(*lane));
        let room = room.map(|(lane, jobs)| (lane, AtomicU64::new(jobs))).collect();
        let all = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lanes = all.iter().filter(|(_, lane)| lane.counts_at(now));
        let late = lanes.filter_map(|(lane, progress)| {
            let is_shared = progress.is_to_be_shared() && has_most(*lane);
            let from = limit.into_iter().chain(is_shared.then(|| SHARED_FROM.min(progress.lag / 2))).min()?;
            Some((*lane, progress.late(from)?))
        });
        Behind { late: late.collect(), room }
    }

    /// How long a lane takes for half of what waits on it, if its worker reports that it moves.
    pub fn half_of(&self, lane: Lane) -> Option<Duration> {
        let all = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = all.get(&lane).filter(|lane| lane.counts_at(Instant::now()))?;
        Some(progress.late(progress.lag / 2)?.pause)
    }
}

impl Progress {
    fn counts_at(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.reported_at) < REPORT_COUNTS_FOR
    }

    /// Its pace once its oldest job is this one: half of it what it was before, so that one report says little.
    fn pace_until(&self, now: Instant, oldest_accepted_at: i64) -> Option<f64> {
        let elapsed = now.saturating_duration_since(self.reported_at).as_secs_f64();
        // Two workers may report one lane while it is handed over.
        if elapsed < 0.1 {
            return self.pace;
        }
        let moved =
            micros(oldest_accepted_at.saturating_sub(self.oldest_accepted_at)).as_secs_f64() / elapsed;
        Some(self.pace.map_or(moved, |pace| f64::midpoint(pace, moved)))
    }

    /// More comes in than is posted, and not because nothing is posted at all: that is no client's doing.
    fn falls_behind(&self) -> bool {
        self.pace.is_some_and(|pace| pace > 0.0 && pace < 1.0)
    }

    /// It falls behind, and those who send most to it are to wait before others do.
    fn is_to_be_shared(&self) -> bool {
        let wait = self.pace.filter(|pace| *pace > 0.0).map(|pace| self.lag.as_secs_f64() / pace);
        let is_long = self.lag > SHARED_FROM || wait > Some(SHARED_FROM_WAIT.as_secs_f64());
        self.falls_behind() && is_long
    }

    /// `None`: it is not behind by more than `limit`.
    fn late(&self, limit: Duration) -> Option<Late> {
        let over = self.lag.checked_sub(limit).filter(|over| !over.is_zero())?;
        let pause = match self.pace {
            Some(pace) if pace > 0.0 => {
                Duration::try_from_secs_f64(over.as_secs_f64() / pace).unwrap_or(PAUSE_MAX)
            }
            _ => PAUSE_MAX,
        };
        // A burst was accepted in a moment, so that its pace says too little: nothing has waited longer than the lag.
        Some(Late { lag: self.lag, pause: pause.min(self.lag).clamp(PAUSE_MIN, PAUSE_MAX) })
    }
}

impl Behind {
    /// Turns a job of this lane away if its client has to wait, and counts it otherwise.
    ///
    /// # Errors
    /// It has to, and for how long.
    pub fn check(&self, lane: Lane) -> Result<(), Problem> {
        let Some(Late { lag, pause }) = self.late.get(&lane) else { return self.take_room(lane) };
        let detail = format!(
            "jobs that draw on this account wait for {} s already (LANE_LAG_LIMIT; without it, whoever sends far more than an even \
             share waits while others send too); send it again in {} s. Jobs of accounts on other lanes are taken",
            whole_seconds(*lag),
            whole_seconds(*pause),
        );
        Err(Problem::new(ProblemType::LaneBehind, detail).retry_after(*pause))
    }

    fn take_room(&self, lane: Lane) -> Result<(), Problem> {
        let Some(room) = self.room.get(&lane) else { return Ok(()) };
        let taken = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(1));
        if taken.is_ok() {
            return Ok(());
        }
        let detail = format!(
            "as many jobs wait on the lane of this account as it posts in two seconds, and this client sends far more to it than an \
             even share while others send too; send it again in {} s. Jobs of accounts on other lanes are taken",
            whole_seconds(PAUSE_MIN),
        );
        Err(Problem::new(ProblemType::LaneBehind, detail).retry_after(PAUSE_MIN))
    }

    /// The longest that any of its lanes takes, in whole seconds; `None`: nobody has to wait.
    pub fn seconds(&self) -> Option<u64> {
        let of_room = (!self.room.is_empty()).then_some(PAUSE_MIN);
        self.late.values().map(|late| late.pause).chain(of_room).map(whole_seconds).max()
    }
}

fn micros(count: i64) -> Duration {
    Duration::from_micros(u64::try_from(count).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANE: Lane = Lane(3);
    const SECOND: i64 = 1_000_000;

    /// A lane of which a worker reports, each second, how old its oldest job is: in seconds.
    fn reported(lags: &[i64]) -> (LanesBehind, Instant) {
        let (lanes, start) = (LanesBehind::default(), Instant::now());
        let mut now = start;
        for (second, lag) in (1_000..).zip(lags) {
            now = start + Duration::from_secs(second - 1_000);
            let now_us = i64::try_from(second).unwrap() * SECOND;
            let report = LaneReport {
                lane: LANE,
                oldest_accepted_at: Some(now_us - lag * SECOND),
                messages_in_hand: None,
                jobs_in_hand: None,
            };
            lanes.reported(now_us, now, &[report]);
        }
        (lanes, now)
    }

    fn pause(behind: &Behind) -> Option<u64> {
        behind.seconds()
    }

    #[test]
    fn whoever_sends_most_waits_while_a_lane_falls_behind() {
        // In two seconds what was accepted in one is posted.
        let (lanes, now) = reported(&[3, 3, 4, 4, 5, 5]);
        let behind = lanes.at(now, |_| true, 1, None);
        assert!(behind.check(LANE).is_err() && behind.check(Lane(4)).is_ok(), "{behind:?}");
        assert!(pause(&behind) >= Some(3), "at its pace three seconds of jobs take longer: {behind:?}");
        assert!(lanes.at(now, |_| false, 1, None).check(LANE).is_ok(), "others do not notice");
        assert!(
            lanes.at(now + REPORT_COUNTS_FOR, |_| true, 1, None).check(LANE).is_ok(),
            "its worker is silent"
        );
    }

    #[test]
    fn whoever_sends_many_times_what_a_lane_takes_waits_before_the_lane_is_late() {
        let (lanes, start) = (LanesBehind::default(), Instant::now());
        // A fifth of what comes in is posted.
        for second in 1..=2 {
            let report = LaneReport {
                lane: LANE,
                oldest_accepted_at: Some(second * SECOND / 5),
                messages_in_hand: None,
                jobs_in_hand: None,
            };
            lanes.reported(second * SECOND, start + Duration::from_secs(second.unsigned_abs()), &[report]);
        }
        let now = start + Duration::from_secs(2);
        let behind = lanes.at(now, |_| true, 1, None);
        assert_eq!((behind.check(LANE).is_err(), pause(&behind)), (true, Some(2)), "{behind:?}");
        assert!(lanes.at(now, |_| false, 1, None).check(LANE).is_ok(), "others do not notice");
    }

    #[test]
    fn nobody_waits_for_a_lane_that_keeps_up_catches_up_or_stands_still() {
        for lags in [&[1, 2, 2, 1, 2][..], &[60, 58, 55, 51], &[10, 11, 12, 13, 14], &[10]] {
            let (lanes, now) = reported(lags);
            assert!(lanes.at(now, |_| true, 1, None).check(LANE).is_ok(), "{lags:?}");
        }
    }

    #[test]
    fn everybody_waits_beyond_the_limit_that_is_set() {
        let limit = Some(Duration::from_secs(30));
        let (lanes, now) = reported(&[60, 58, 56, 54]);
        let behind = lanes.at(now, |_| false, 1, limit);
        // What was accepted in 24 s, at three seconds of it a second.
        assert_eq!((behind.check(LANE).is_err(), pause(&behind)), (true, Some(8)));
        let (lanes, now) = reported(&[29, 30]);
        assert!(lanes.at(now, |_| false, 1, limit).check(LANE).is_ok());
        let (lanes, now) = reported(&[31, 32, 33]);
        assert_eq!(pause(&lanes.at(now, |_| false, 1, limit)), Some(33), "nothing moves");
    }

    #[test]
    fn a_lane_without_jobs_is_not_behind() {
        let (lanes, now) = reported(&[40, 40]);
        let idle =
            LaneReport { lane: LANE, oldest_accepted_at: None, messages_in_hand: None, jobs_in_hand: None };
        lanes.reported(0, now, &[idle]);
        assert!(lanes.at(now, |_| true, 1, Some(Duration::from_secs(1))).check(LANE).is_ok());
    }

    #[test]
    fn whoever_sends_most_is_taken_so_many_jobs_of_as_there_is_room_for() {
        let lanes = LanesBehind::default();
        let idle =
            LaneReport { lane: LANE, oldest_accepted_at: None, messages_in_hand: None, jobs_in_hand: None };
        lanes.reported(clock::now_us(), Instant::now(), &[idle]);
        let taken = |behind: &Behind| (0..1_000).take_while(|_| behind.check(LANE).is_ok()).count();
        let behind = lanes.now(|_| true, 1_000, None);
        assert_eq!((taken(&behind), behind.seconds()), (200, Some(1)));
        lanes.sent(LANE, 150);
        assert_eq!(taken(&lanes.now(|_| true, 100, None)), 50);
        assert_eq!(taken(&lanes.now(|_| false, 100, None)), 1_000, "others do not notice");
        assert!(lanes.now(|_| true, 1_000, None).check(Lane(4)).is_ok());
    }
}
