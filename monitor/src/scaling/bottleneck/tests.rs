use super::*;
use crate::facts::tests::{backlog, well};
use crate::views::metrics::{BatchJobs, ErrorRate, Times};
use crate::views::replica::PoolView;

fn times(count: u64, seconds: f64) -> Option<Times> {
    Some(Times {
        count,
        min_seconds: seconds,
        avg_seconds: seconds,
        p50_seconds: seconds,
        p95_seconds: seconds,
        p99_seconds: seconds,
        max_seconds: seconds,
    })
}

/// 20,000 jobs wait for 20 s; batches are full and post in 20 ms, each lane's all the time.
pub(crate) fn under_pressure() -> Facts {
    let mut facts = backlog(20_000, 20.0);
    let window = &mut facts.last_10_s;
    window.throughput.accepted_jobs_per_second = Some(3_000.0);
    window.throughput.settled_jobs_per_second = Some(2_000.0);
    window.processing.posting = times(7_000, 0.02);
    window.processing.write_and_commit = times(7_000, 0.008);
    window.batch_jobs = Some(BatchJobs { batches: 7_000, avg_jobs: 98.0, p50_jobs: 100, max_jobs: 100 });
    facts
}

fn named(change: impl FnOnce(&mut Facts)) -> BottleneckName {
    let mut facts = under_pressure();
    change(&mut facts);
    find(&facts).name
}

#[test]
fn a_fleet_at_rest_has_none() {
    assert_eq!(find(&well()).name, BottleneckName::None);
}

#[test]
fn each_cause_is_found() {
    assert_eq!(named(|_| {}), BottleneckName::TooFewWorkers);
    assert_eq!(
        named(|facts| facts.last_10_s.processing.write_and_commit = times(7_000, 0.018)),
        BottleneckName::Commit
    );
    assert_eq!(
        named(|facts| facts.last_10_s.processing.posting_turn = times(7_000, 0.1)),
        BottleneckName::PostingTurns
    );
    assert_eq!(
        named(|facts| facts.last_10_s.processing.lock_and_read = times(7_000, 0.015)),
        BottleneckName::LockWaits
    );
    assert_eq!(
        named(|facts| facts.last_10_s.processing.publish_confirm = times(100, 0.9)),
        BottleneckName::PublishConfirm
    );
    assert_eq!(named(|facts| facts.resources.cpu_percent_max = Some(99.0)), BottleneckName::Cpu);
    assert_eq!(named(|facts| facts.ledger_trouble = Some("gone".to_owned())), BottleneckName::LedgerAway);
    assert_eq!(named(|facts| facts.replicas.clear()), BottleneckName::NoWorkers);
    assert_eq!(named(|facts| facts.bus = BusState::Young), BottleneckName::NotKnown);
}

#[test]
fn retries_are_lock_waits() {
    let error = ErrorRate { r#type: "posting/deadlock".to_owned(), count: 700, per_second: 70.0 };
    assert_eq!(named(|facts| facts.last_10_s.errors.by_type = vec![error]), BottleneckName::LockWaits);
}

#[test]
fn a_pool_without_a_free_connection_is_found() {
    let pool =
        PoolView { name: "primary".to_owned(), size_max: 5, in_use: 5, waiting: 3, ..PoolView::default() };
    let with = |facts: &mut Facts, acquire| {
        facts.pools = vec![pool.clone()];
        facts.last_10_s.processing.pool_acquire = times(100, acquire);
    };
    assert_eq!(named(|facts| with(facts, 0.05)), BottleneckName::PoolWait);
    assert_eq!(
        named(|facts| with(facts, 0.001)),
        BottleneckName::TooFewWorkers,
        "nobody feels that it is full"
    );
    let mut facts = under_pressure();
    facts.pools = vec![pool];
    let bottleneck = find(&facts);
    assert_eq!(bottleneck.name, BottleneckName::PoolWait);
    assert!(bottleneck.sentence.contains("3 tasks wait for a connection to the database, of pool primary"));
}

#[test]
fn threads_for_blocking_work_hold_no_job_back() {
    let pool = PoolView { name: "cpu".to_owned(), size_max: 1, in_use: 1, waiting: 3, ..PoolView::default() };
    assert_eq!(named(|facts| facts.pools = vec![pool]), BottleneckName::TooFewWorkers);
}

#[test]
fn small_batches_are_found_while_jobs_wait() {
    let small = BatchJobs { batches: 100, avg_jobs: 9.0, p50_jobs: 9, max_jobs: 10 };
    assert_eq!(named(|facts| facts.last_10_s.batch_jobs = Some(small)), BottleneckName::BatchFill);
}

#[test]
fn one_hot_lane_is_not_cured_by_workers() {
    let mut facts = under_pressure();
    for lane in &mut facts.lanes {
        lane.depth_jobs = Some(if lane.lane == 3 { 19_000 } else { 60 });
    }
    let bottleneck = find(&facts);
    assert_eq!(bottleneck.name, BottleneckName::HotLane);
    assert!(!more_workers_help(&bottleneck));
    assert!(bottleneck.sentence.contains("lane 3"), "{}", bottleneck.sentence);
}
