use super::*;
use crate::views::metrics::Throughput;
use contract::report::TroubleKind;

/// A fleet of three workers, one ingress and 16 lanes, at rest and well.
pub(crate) fn well() -> Facts {
    let holder = |lane: u16| format!("worker-{}", lane % 3);
    let lanes = (0..16).map(|lane| LaneView {
        lane,
        holder: Some(holder(lane)),
        served: Some(true),
        depth_messages: Some(0),
        depth_jobs: Some(0),
        consumers: Some(1),
        lag_seconds: Some(0.0),
        ..LaneView::default()
    });
    let mut replicas: Vec<ReplicaView> =
        (0..3).map(|n| replica(Role::Worker, &format!("worker-{n}"))).collect();
    replicas.push(replica(Role::Api, "api-0"));
    let throughput = Throughput {
        accepted_jobs_per_second: Some(0.0),
        settled_jobs_per_second: Some(0.0),
        ..Throughput::default()
    };
    let window = Window { seconds: 10.0, throughput, ..Window::default() };
    let ledger = LedgerView {
        accounts: 0,
        posted: 0,
        rejected: 0,
        dead: 0,
        cancelled: 0,
        scheduled: 0,
        balanced: true,
        balances: Vec::new(),
    };
    Facts {
        at: Timestamp::UNIX_EPOCH,
        bus: BusState::Up,
        replicas,
        lanes_of_the_lost: BTreeMap::new(),
        lanes: lanes.collect(),
        queue: QueueTotals {
            depth_messages: Some(0),
            depth_jobs: Some(0),
            lag_seconds: Some(0.0),
            ..QueueTotals::default()
        },
        queue_trouble: None,
        policies: Some(std::sync::Arc::new(queue::policies::Policies::Harmless)),
        ledger: Some(ledger),
        ledger_answers: true,
        ledger_trouble: None,
        durability: Some(std::sync::Arc::default()),
        dead_letters: Some(0),
        webhooks: Some(std::sync::Arc::default()),
        still_seconds: 0.0,
        reconciliation: Reconciliation {
            since: Timestamp::UNIX_EPOCH,
            accepted: 0,
            posted: 0,
            rejected: 0,
            dead: 0,
            cancelled: 0,
            scheduled: 0,
            duplicates: 0,
            conflicts: 0,
            in_flight: 0,
            unaccounted: Some(0),
            holds: Some(true),
            missing_jobs: Some(0),
            missing_lanes: Vec::new(),
            debits_equal_credits: Some(true),
            sentence: String::new(),
        },
        last_10_s: window.clone(),
        last_60_s: window,
        resources: FleetResources::default(),
        pools: Vec::new(),
        in_force: BTreeMap::new(),
        thresholds: std::sync::Arc::default(),
    }
}

pub(crate) fn replica(role: Role, name: &str) -> ReplicaView {
    ReplicaView {
        role,
        replica: name.to_owned(),
        host: "host".to_owned(),
        address: None,
        tls: false,
        process_id: None,
        version: "0".to_owned(),
        state: ReplicaState::Live,
        lost_since: None,
        uptime_seconds: 100.0,
        silent_seconds: 0.5,
        clock_ahead_seconds: Some(0.0),
        trouble: None,
        trouble_kind: TroubleKind::Other,
        counts: Default::default(),
        lanes: Vec::new(),
        jobs_per_second: None,
        batch_jobs_avg: None,
        errors: BTreeMap::new(),
        resources: None,
        pools: Vec::new(),
        settings_version: 0,
    }
}

/// `worker-0` is lost for so long; its lanes went to another, or to nobody.
pub(crate) fn lost_worker(silent_seconds: f64, served_again: bool) -> Facts {
    let mut facts = well();
    facts.replicas[0].state = ReplicaState::Lost;
    facts.replicas[0].silent_seconds = silent_seconds;
    let lanes = facts.lanes.iter_mut().filter(|lane| lane.holder.as_deref() == Some("worker-0"));
    let mut numbers = BTreeSet::new();
    for lane in lanes {
        numbers.insert(lane.lane);
        lane.holder = served_again.then(|| "worker-1".to_owned());
        lane.served = Some(served_again);
    }
    facts.lanes_of_the_lost.insert("worker-0".to_owned(), numbers);
    facts
}

/// So many jobs wait for so long.
pub(crate) fn backlog(jobs: u64, lag_seconds: f64) -> Facts {
    let mut facts = well();
    facts.queue.depth_jobs = Some(jobs);
    facts.queue.depth_messages = Some(jobs.div_ceil(100));
    facts.queue.lag_seconds = Some(lag_seconds);
    for lane in &mut facts.lanes {
        lane.depth_jobs = Some(jobs / 16);
        lane.depth_messages = Some((jobs / 16).div_ceil(100));
        lane.lag_seconds = Some(lag_seconds);
    }
    facts
}
