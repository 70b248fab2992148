use super::*;

/// A lane that a worker serves, second by second.
struct Sample {
    missing: Missing,
    start: Instant,
    second: u64,
    accepted: u64,
    unrecorded: u64,
    posted: u64,
    dead: u64,
    consumers: u32,
    clock_skew: Duration,
    holder: Option<&'static str>,
    lag_seconds: f64,
    jobs_in_hand: u64,
    depth_messages: u64,
    lost: BTreeMap<String, BTreeSet<u16>>,
    /// Told at the last sample.
    reported: Option<Vec<MissingJobs>>,
}

const LANE: u16 = 3;

impl Sample {
    /// One that the monitor has come to know.
    fn settled() -> Sample {
        let start = Instant::now();
        let mut sample = Sample {
            missing: Missing::default(),
            start,
            second: 0,
            accepted: 0,
            unrecorded: 0,
            posted: 1_000,
            dead: 3,
            consumers: 1,
            clock_skew: Duration::ZERO,
            holder: Some("worker-1"),
            lag_seconds: 0.0,
            jobs_in_hand: 0,
            depth_messages: 0,
            lost: BTreeMap::new(),
            reported: None,
        };
        assert_eq!(sample.pass(9), 0);
        sample
    }

    fn pass(&mut self, seconds: u64) -> u64 {
        self.each(seconds, |_| {})
    }

    /// Lets seconds pass, each after `change`, and returns how many jobs are reported as missing then.
    fn each(&mut self, seconds: u64, mut change: impl FnMut(&mut Sample)) -> u64 {
        for _ in 0..seconds {
            self.second += 1;
            change(self);
            self.take(self.start + Duration::from_secs(self.second));
        }
        self.reported.iter().flatten().map(|missing| missing.jobs).sum()
    }

    fn take(&mut self, now: Instant) {
        let counts = LaneCounts { accepted: self.accepted, unrecorded: self.unrecorded };
        let outcome_counts =
            OutcomeCounts { posted: self.posted, dead: self.dead, ..OutcomeCounts::default() };
        let view = LaneView {
            lane: LANE,
            holder: self.holder.map(str::to_owned),
            served: Some(self.holder.is_some()),
            lag_seconds: Some(self.lag_seconds),
            jobs_in_hand: Some(self.jobs_in_hand),
            depth_messages: Some(self.depth_messages),
            consumers: Some(self.consumers),
            ..LaneView::default()
        };
        self.reported = self.missing.take(&Moment {
            now,
            counts: Some(&BTreeMap::from([(Lane(LANE), counts)])),
            outcome_counts: Some(&BTreeMap::from([(Lane(LANE), outcome_counts)])),
            lanes: &[view],
            lost: &self.lost,
            clock_skew: self.clock_skew,
        });
    }
}

#[test]
fn jobs_that_vanish_are_reported_by_their_lane_within_twelve_seconds_and_for_a_quarter_of_an_hour() {
    let mut lane = Sample::settled();
    lane.accepted += 5;
    assert_eq!(lane.pass(8), 0, "their reports may still be on their way");
    assert_eq!(lane.pass(4), 5);
    assert_eq!(lane.reported, Some(vec![MissingJobs { lane: LANE, jobs: 5 }]));
    (lane.holder, lane.consumers) = (None, 0);
    lane.accepted += 2;
    assert_eq!(lane.pass(12), 7, "those too, which nobody was there to take");
    assert_eq!(lane.pass(880), 7);
    assert_eq!(lane.pass(20), 0, "once they are no news any more");
}

#[test]
fn jobs_that_vanish_from_a_lane_that_never_rests_are_found() {
    let mut lane = Sample::settled();
    (lane.jobs_in_hand, lane.lag_seconds) = (100, 0.5);
    let busy = |lane: &mut Sample| (lane.accepted, lane.posted) = (lane.accepted + 100, lane.posted + 100);
    assert_eq!(lane.each(60, busy), 0);
    // One in ten.
    let leaks = |lane: &mut Sample| (lane.accepted, lane.posted) = (lane.accepted + 100, lane.posted + 90);
    let reported = lane.each(100, leaks);
    assert!((100..1_000).contains(&reported), "{reported}");
    lane.each(30, busy);
    assert_eq!(lane.pass(20), 1_000, "all of them in the end");
}

#[test]
fn a_backlog_duplicates_and_replays_are_no_missing_jobs() {
    let mut lane = Sample::settled();
    // Ten seconds' worth comes at once, and is posted at a hundred a second.
    lane.accepted += 1_000;
    for waited in 0..10_u32 {
        (lane.jobs_in_hand, lane.depth_messages, lane.lag_seconds) =
            (100, u64::from(9 - waited), f64::from(waited));
        lane.posted += 90;
        lane.unrecorded += 10;
        assert_eq!(lane.pass(1), 0);
    }
    (lane.jobs_in_hand, lane.lag_seconds) = (0, 0.0);
    assert_eq!(lane.pass(30), 0);
    // Redelivered ones count as often as they come: that hides nothing that is lost later.
    lane.unrecorded += 50;
    assert_eq!(lane.pass(10), 0);
    lane.accepted += 1;
    assert_eq!(lane.pass(12), 1);
}

#[test]
fn a_backlog_that_is_older_than_the_history_is_not_judged() {
    let mut lane = Sample::settled();
    lane.accepted += 1_000;
    (lane.jobs_in_hand, lane.depth_messages, lane.lag_seconds) = (100, 9, 0.0);
    assert_eq!(lane.each(600, |lane| lane.lag_seconds += 1.0), 0);
}

#[test]
fn what_was_put_back_and_waits_for_idle_hands_is_not_missing() {
    let mut lane = Sample::settled();
    lane.accepted += 1_000;
    (lane.jobs_in_hand, lane.lag_seconds) = (1_000, 0.0);
    lane.each(30, |lane| lane.lag_seconds += 1.0);
    // The queue was empty a moment ago.
    (lane.jobs_in_hand, lane.depth_messages, lane.lag_seconds) = (0, 10, 1.0);
    assert_eq!(lane.pass(30), 0);
}

#[test]
fn what_was_on_its_way_when_the_monitor_came_hides_nothing_later() {
    let mut lane = Sample::settled();
    lane.posted += 300;
    assert_eq!(lane.pass(10), 0);
    lane.accepted += 1;
    assert_eq!(lane.pass(12), 1);
}

#[test]
fn a_dead_job_that_is_sent_again_or_replayed_is_not_missing() {
    let mut lane = Sample::settled();
    // Its client sends it again once the cause is mended.
    (lane.accepted, lane.posted, lane.dead) = (1, 1_001, 2);
    assert_eq!(lane.pass(60), 0);
    // An operator replays another one.
    (lane.posted, lane.dead) = (1_002, 1);
    assert_eq!(lane.pass(60), 0);
    lane.accepted += 1;
    assert_eq!(lane.pass(12), 1);
}

#[test]
fn a_queue_without_a_leader_is_not_taken_for_an_empty_one() {
    let mut lane = Sample::settled();
    (lane.accepted, lane.consumers) = (100, 0);
    assert_eq!(lane.pass(60), 0);
    (lane.consumers, lane.posted) = (1, 1_100);
    assert_eq!(lane.pass(60), 0);
    // The consumer of a worker that does not report.
    (lane.accepted, lane.holder) = (110, None);
    assert_eq!(lane.pass(60), 0);
}

#[test]
fn an_ingress_whose_clock_is_ahead_makes_no_job_older_than_it_is() {
    let mut lane = Sample::settled();
    lane.clock_skew = Duration::from_secs(20);
    lane.accepted += 1_000;
    (lane.jobs_in_hand, lane.depth_messages) = (100, 9);
    // Thirty seconds pass, of which the monitor's clock shows ten.
    lane.each(20, |lane| lane.lag_seconds = 0.0);
    assert_eq!(lane.each(10, |lane| lane.lag_seconds += 1.0), 0);
}

#[test]
fn a_lost_replica_explains_what_it_could_not_report() {
    let mut lane = Sample::settled();
    // It had counted a duplicate, and keeps ten jobs in its stopped hands.
    lane.accepted += 11;
    lane.lost.insert("worker-1".to_owned(), BTreeSet::from([LANE]));
    assert_eq!(lane.pass(12), 0);
    lane.posted += 10;
    assert_eq!(lane.pass(60), 0);
    lane.accepted += 1;
    assert_eq!(lane.pass(12), 1, "that it is still shown as lost explains nothing that comes later");

    // An ingress that is stopped reports what it had accepted once it goes on.
    let mut lane = Sample::settled();
    lane.lost.insert("api-1".to_owned(), BTreeSet::new());
    lane.posted += 100;
    assert_eq!(lane.pass(60), 0);
    lane.lost.clear();
    lane.accepted += 100;
    assert_eq!(lane.pass(60), 0);
}

#[test]
fn nothing_is_reported_while_not_all_is_known() {
    let mut lane = Sample::settled();
    assert_eq!(lane.reported, Some(Vec::new()));
    lane.accepted += 5;
    let now = lane.start + Duration::from_secs(lane.second + 1);
    let blind = Moment {
        now,
        counts: None,
        outcome_counts: None,
        lanes: &[],
        lost: &BTreeMap::new(),
        clock_skew: Duration::ZERO,
    };
    assert_eq!(lane.missing.take(&blind), None);
    lane.pass(2);
    assert_eq!(lane.reported, None);
    assert_eq!(lane.pass(60), 0, "it is counted anew");
    lane.accepted += 3;
    assert_eq!(lane.pass(12), 3);
}

#[test]
fn a_monitor_that_comes_under_load_misses_nothing_that_is_on_its_way() {
    let (mut lane, mut behind) = (Sample::settled(), 0);
    // The ledger's word is of now, that of the replicas one to two seconds old.
    let busy = |lane: &mut Sample| {
        behind = (behind + 1) % 2;
        (lane.posted, lane.accepted) = (lane.posted + 100, lane.second * 100 - behind * 100);
    };
    lane.missing = Missing::default();
    (lane.posted, lane.jobs_in_hand, lane.lag_seconds) = (5_000, 100, 0.2);
    assert_eq!(lane.each(100, busy), 0);
    assert_eq!(lane.reported, Some(Vec::new()));
}
