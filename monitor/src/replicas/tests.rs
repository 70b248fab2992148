use super::*;
use contract::report::{HistogramWire, TroubleKind, new_histogram};

use crate::views::replica::ReplicaState;

/// A report of a worker that has just started.
pub(crate) fn report(replica: &str) -> Report {
    Report {
        role: if replica.starts_with("api") { Role::Api } else { Role::Worker },
        replica: replica.to_owned(),
        version: "0".to_owned(),
        host: "host".to_owned(),
        started_at: 1_000_000,
        reported_at: 2_000_000,
        trouble: None,
        trouble_kind: TroubleKind::Other,
        counts: Counts::default(),
        lane_counts: Some(BTreeMap::new()),
        lanes: Vec::new(),
        leaving: false,
        process_id: 1,
        address: None,
        tls: false,
        settings_version: 0,
        errors: BTreeMap::new(),
        requests: 0,
        requests_failed: 0,
        histograms: BTreeMap::new(),
        resources: None,
        pools: Vec::new(),
        settings: BTreeMap::new(),
    }
}

fn posted(replica: &str, second: i64, posted: u64) -> Report {
    let counts = Counts { posted, ..Counts::default() };
    let lane = LaneReport {
        lane: Lane(3),
        oldest_accepted_at: None,
        messages_in_hand: Some(0),
        jobs_in_hand: Some(0),
    };
    let lanes = vec![lane];
    Report { reported_at: 1_000_000 + second * 1_000_000, counts, lanes, ..report(replica) }
}

/// Replicas that report.
fn up() -> Replicas {
    Replicas { bus: BusState::Up, ..Replicas::default() }
}

#[test]
fn counts_never_fall_whoever_comes_and_goes() {
    let (start, mut replicas) = (Instant::now(), up());
    let at = |second: u64| start + Duration::from_secs(second);
    replicas.note_report(posted("worker-1", 1, 100), at(1));
    replicas.note_report(posted("worker-2", 1, 50), at(1));
    assert_eq!(replicas.counted().counts.posted, 150);

    // One says goodbye, with its last figures or without any.
    replicas.note_report(Report { leaving: true, ..posted("worker-1", 2, 120) }, at(2));
    assert_eq!(replicas.counted().counts.posted, 170);
    replicas.note_report(Report { leaving: true, ..posted("worker-2", 2, 0) }, at(2));
    assert_eq!(replicas.counted().counts.posted, 170);

    // One is lost, and after a while shown no more.
    replicas.note_report(posted("worker-3", 1, 7), at(3));
    replicas.forget_the_long_lost(at(3_000));
    assert!(replicas.views(at(3_000)).is_empty());
    assert_eq!(replicas.counted().counts.posted, 177);
}

#[test]
fn what_was_counted_before_the_monitor_came_is_not_of_its_time() {
    let (start, mut replicas) = (Instant::now(), up());
    replicas.note_report(posted("worker-1", 1_000, 40_000), start);
    replicas.note_report(posted("worker-1", 1_001, 40_100), start + Duration::from_secs(1));
    assert_eq!(replicas.counted().counts.posted, 100);
}

#[test]
fn a_silent_worker_is_lost_and_holds_nothing() {
    let (start, mut replicas) = (Instant::now(), up());
    replicas.note_report(posted("worker-1", 1, 0), start);
    let soon = start + Duration::from_secs(2);
    assert!(replicas.holders(soon).contains_key(&Lane(3)));
    let later = start + Duration::from_secs(3);
    assert!(replicas.holders(later).is_empty());
    let lost = &replicas.views(later)[0];
    assert_eq!(
        (lost.state, &lost.resources),
        (ReplicaState::Lost, &None),
        "what it used is not what it uses"
    );
    assert_eq!((lost.jobs_per_second, lost.lanes.len()), (None, 0), "what is not known is not zero");
    assert_eq!(lost.trouble, None);
    assert_eq!(replicas.lanes_of_the_lost(later)["worker-1"], BTreeSet::from([3]));
}

#[test]
fn a_goodbye_that_is_the_only_report_adds_what_it_counted_in_this_monitors_time() {
    let mut replicas = up();
    let leaving = |second, count| Report { leaving: true, ..posted("worker-1", second, count) };
    replicas.note_report(leaving(1_000, 40_000), Instant::now());
    assert_eq!(replicas.counted().counts.posted, 0, "most of it was before this monitor");
    replicas.note_report(leaving(2, 30), Instant::now());
    assert_eq!(replicas.counted().counts.posted, 30, "all of its life was of this monitor's time");
    assert!(replicas.views(Instant::now()).is_empty());
}

#[test]
fn while_the_bus_is_away_nobody_is_lost_and_no_rate_is_zero() {
    let (start, mut replicas) = (Instant::now(), up());
    for second in 1..=3 {
        replicas.note_report(
            posted("worker-1", second, second.unsigned_abs() * 100),
            start + Duration::from_secs(second.unsigned_abs()),
        );
    }
    let later = start + Duration::from_secs(3_600);
    for bus in [BusState::Away, BusState::Young] {
        replicas.note_bus(bus);
        replicas.forget_the_long_lost(later);
        let views = replicas.views(later);
        assert_eq!((views[0].state, views[0].lost_since), (ReplicaState::NotKnown, None));
        assert!(replicas.lanes_of_the_lost(later).is_empty());
        assert!(replicas.growths(SHORT, later).is_empty());
    }
    replicas.note_bus(BusState::Up);
    assert_eq!(replicas.views(later)[0].state, ReplicaState::Lost);
}

#[test]
fn batches_are_averaged_over_ten_seconds() {
    let (start, mut replicas) = (Instant::now(), up());
    let filled = |jobs: &[u64]| {
        let mut histogram = new_histogram();
        jobs.iter().for_each(|jobs| histogram.saturating_record(*jobs));
        [(HistogramName::BatchJobs, HistogramWire::from_histogram(&histogram).unwrap())].into()
    };
    let average = |replicas: &Replicas, now| replicas.views(now)[0].batch_jobs_avg;
    for (second, histograms) in [(1, filled(&[10, 10, 10])), (2, filled(&[50])), (3, BTreeMap::new())] {
        let at = start + Duration::from_secs(second);
        replicas
            .note_report(Report { histograms, ..posted("worker-1", i64::try_from(second).unwrap(), 0) }, at);
    }
    assert_eq!(average(&replicas, start + Duration::from_secs(3)), Some(20.0));
    replicas.note_report(posted("worker-1", 12, 0), start + Duration::from_secs(12));
    assert_eq!(average(&replicas, start + Duration::from_secs(12)), Some(50.0));
    replicas.note_report(posted("worker-1", 14, 0), start + Duration::from_secs(14));
    assert_eq!(average(&replicas, start + Duration::from_secs(14)), None);
}
