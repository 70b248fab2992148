use super::*;
use shared::contract::report::LaneReport;

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
        counts: Counts::default(),
        lanes: Vec::new(),
        leaving: false,
        process_id: 1,
        address: None,
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
    let lanes = vec![LaneReport { lane: Lane(3), oldest_accepted_at: None }];
    Report { reported_at: 1_000_000 + second * 1_000_000, counts, lanes, ..report(replica) }
}

#[test]
fn counts_never_fall_whoever_comes_and_goes() {
    let (start, mut replicas) = (Instant::now(), Replicas::default());
    let at = |second: u64| start + Duration::from_secs(second);
    replicas.note_report(posted("worker-1", 1, 100), at(1));
    replicas.note_report(posted("worker-2", 1, 50), at(1));
    assert_eq!(replicas.counted().posted, 150);

    // One says goodbye, with its last figures or without any.
    replicas.note_report(Report { leaving: true, ..posted("worker-1", 2, 120) }, at(2));
    assert_eq!(replicas.counted().posted, 170);
    replicas.note_report(Report { leaving: true, ..posted("worker-2", 2, 0) }, at(2));
    assert_eq!(replicas.counted().posted, 170);

    // One is lost, and after a while shown no more.
    replicas.note_report(posted("worker-3", 1, 7), at(3));
    replicas.forget_the_long_lost(at(3_000));
    assert!(replicas.views(at(3_000)).is_empty());
    assert_eq!(replicas.counted().posted, 177);
}

#[test]
fn what_was_counted_before_the_monitor_came_is_not_of_its_time() {
    let (start, mut replicas) = (Instant::now(), Replicas::default());
    replicas.note_report(posted("worker-1", 1_000, 40_000), start);
    replicas.note_report(posted("worker-1", 1_001, 40_100), start + Duration::from_secs(1));
    assert_eq!(replicas.counted().posted, 100);
}

#[test]
fn a_silent_worker_is_lost_and_holds_nothing() {
    let (start, mut replicas) = (Instant::now(), Replicas::default());
    replicas.note_report(posted("worker-1", 1, 0), start);
    let soon = start + Duration::from_secs(2);
    assert!(replicas.holders(soon).contains_key(&Lane(3)));
    let later = start + Duration::from_secs(3);
    assert!(replicas.holders(later).is_empty());
    assert_eq!(replicas.views(later)[0].resources, None, "what it used is not what it uses");
    assert_eq!(replicas.lanes_of_the_lost(later)["worker-1"], BTreeSet::from([3]));
}
