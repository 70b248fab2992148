//! The snapshot: everything that is answered, as it stood at one moment.

use std::collections::BTreeMap;

use contract::report::{Role, SettingReport};
use domain::lane::Lanes;
use jiff::Timestamp;

use crate::alerts::Alerts;
use crate::facts::{BusState, Facts};
use crate::figures;
use crate::health::health;
use crate::problems::{flow, problems, state, strains, verdict};
use crate::scaling::advice::advise;
use crate::scaling::{bottleneck, wanted::wanted};
use crate::views::alerts::AlertView;
use crate::views::dashboard::Dashboard;
use crate::views::health::{Health, Reconciliation, WorkersWanted};
use crate::views::history::Point;
use crate::views::metrics::{FleetResources, Metrics, Throughput, Window};
use crate::views::optimize::{Bottleneck, BottleneckName};
use crate::views::policies::QueuePolicies;
use crate::views::problems::FleetState;
use crate::views::replica::PoolView;
use crate::views::status::{LaneView, QueueTotals, Status};

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) dashboard: Dashboard,
    /// Every alert.
    pub(crate) alerts: Vec<AlertView>,
    /// What each live replica runs with.
    pub(crate) settings: Vec<ReplicaSettings>,
    /// Replicas that are not among the live are not there; else nothing can be known of them.
    pub(crate) replicas_known: bool,
}

/// The settings of one replica.
#[derive(Debug, Clone)]
pub(crate) struct ReplicaSettings {
    pub(crate) replica: String,
    pub(crate) role: Role,
    pub(crate) version: u64,
    pub(crate) settings: BTreeMap<String, SettingReport>,
}

/// What a snapshot is made of besides the facts.
pub(crate) struct Beside {
    pub(crate) alerts: Vec<AlertView>,
    pub(crate) settings: Vec<ReplicaSettings>,
    /// Rates of the last second.
    pub(crate) second: Throughput,
    /// Requests answered 5xx in it, in percent.
    pub(crate) second_failed_percent: Option<f64>,
}

impl Snapshot {
    /// Judges the facts.
    pub(crate) fn of(facts: Facts, beside: Beside) -> Snapshot {
        let firing = Alerts::firing(&beside.alerts);
        let mut problems = problems(&facts);
        problems.extend(strains(&firing));
        let (state, flow) = (state(&facts, &problems), flow(&facts));
        let verdict = verdict(state, &problems, &flow);
        let health = health(&facts);
        let bottleneck = bottleneck::find(&facts);
        let wanted = wanted(&facts, &bottleneck);
        let recommendations = advise(&facts, &bottleneck, &wanted);
        let point = point(&facts, &beside, &health, firing.len());
        let version = facts.thresholds.version;
        let replicas_known = facts.bus == BusState::Up;
        let clock_skew_seconds = facts.clock_skew().map(|(_, ahead)| ahead.abs());
        let metrics = Metrics {
            taken_at: facts.at,
            state,
            verdict: verdict.clone(),
            health_score: health.score,
            last_10_s: facts.last_10_s,
            last_60_s: facts.last_60_s,
            resources: facts.resources,
            pools: facts.pools,
            queue: facts.queue.clone(),
            clock_skew_seconds,
            dead_letters: facts.dead_letters,
            point,
        };
        let status = Status {
            taken_at: facts.at,
            state,
            verdict,
            flow,
            problems,
            health,
            workers_wanted: wanted,
            reconciliation: facts.reconciliation,
            queue: facts.queue,
            queue_policies: QueuePolicies::of(facts.policies.as_deref()),
            alerts_firing: firing.iter().map(|alert| alert.alert).collect(),
            replicas: facts.replicas,
            lanes: facts.lanes,
            dead_letters: facts.dead_letters,
            ledger: facts.ledger,
        };
        let dashboard = Dashboard {
            status,
            metrics,
            alerts: firing,
            bottleneck,
            recommendations,
            settings_version: version,
            settings_converged: beside.settings.iter().all(|replica| replica.version == version),
        };
        Snapshot { dashboard, alerts: beside.alerts, settings: beside.settings, replicas_known }
    }

    /// Before the first sample: every lane, and nothing known of it.
    pub(crate) fn nothing_yet(lanes: Lanes) -> Snapshot {
        let taken_at = Timestamp::now();
        let verdict = "starting: nothing has been measured yet".to_owned();
        let reconciliation = Reconciliation {
            since: taken_at,
            accepted: 0,
            posted: 0,
            rejected: 0,
            dead: 0,
            cancelled: 0,
            scheduled: 0,
            duplicates: 0,
            conflicts: 0,
            in_flight: 0,
            unaccounted: None,
            holds: None,
            missing_jobs: None,
            missing_lanes: Vec::new(),
            debits_equal_credits: None,
            sentence: "nothing has been counted yet".to_owned(),
        };
        let status = Status {
            taken_at,
            state: FleetState::Starting,
            verdict: verdict.clone(),
            flow: String::new(),
            problems: Vec::new(),
            health: Health::default(),
            workers_wanted: WorkersWanted::default(),
            reconciliation,
            queue: QueueTotals::default(),
            queue_policies: QueuePolicies::of(None),
            alerts_firing: Vec::new(),
            replicas: Vec::new(),
            lanes: lanes.iter().map(|lane| LaneView { lane: lane.0, ..LaneView::default() }).collect(),
            dead_letters: None,
            ledger: None,
        };
        let metrics = Metrics {
            taken_at,
            state: FleetState::Starting,
            verdict,
            health_score: None,
            last_10_s: Window::default(),
            last_60_s: Window::default(),
            resources: FleetResources::default(),
            pools: Vec::new(),
            queue: QueueTotals::default(),
            clock_skew_seconds: None,
            dead_letters: None,
            point: Point { at: taken_at.as_second(), ..Point::default() },
        };
        let bottleneck = Bottleneck {
            name: BottleneckName::NotKnown,
            sentence: "nothing has been measured yet".to_owned(),
            evidence: Vec::new(),
        };
        let dashboard = Dashboard {
            status,
            metrics,
            alerts: Vec::new(),
            bottleneck,
            recommendations: Vec::new(),
            settings_version: 0,
            settings_converged: false,
        };
        Snapshot { dashboard, alerts: Vec::new(), settings: Vec::new(), replicas_known: false }
    }
}

/// This second in the history: its own rates, and percentiles of the last ten.
fn point(facts: &Facts, beside: &Beside, health: &Health, firing: usize) -> Point {
    let window = &facts.last_10_s;
    let (times, posted) = (window.response_times.as_ref(), window.accepted_to_posted.as_ref());
    let known = facts.bus != BusState::Away;
    Point {
        at: facts.at.as_second(),
        accepted_jobs_per_second: beside.second.accepted_jobs_per_second,
        settled_jobs_per_second: beside.second.settled_jobs_per_second,
        refused_jobs_per_second: beside.second.refused_jobs_per_second,
        requests_per_second: beside.second.requests_per_second,
        failed_requests_percent: beside.second_failed_percent,
        response_p50_seconds: times.map(|times| times.p50_seconds),
        response_p95_seconds: times.map(|times| times.p95_seconds),
        response_p99_seconds: times.map(|times| times.p99_seconds),
        posted_p50_seconds: posted.map(|times| times.p50_seconds),
        posted_p95_seconds: posted.map(|times| times.p95_seconds),
        posted_p99_seconds: posted.map(|times| times.p99_seconds),
        batch_jobs_avg: window.batch_jobs.map(|batches| batches.avg_jobs),
        depth_jobs: facts.queue.depth_jobs,
        depth_messages: facts.queue.depth_messages,
        lag_seconds: facts.queue.lag_seconds,
        cpu_percent: facts.resources.cpu_percent_max,
        memory_percent: facts.resources.memory_percent_max,
        pool_percent: facts.pools.iter().map(pool_percent).reduce(f64::max),
        workers: known.then(|| facts.live_workers()),
        health_score: health.score,
        alerts_firing: u16::try_from(firing).ok(),
    }
}

fn pool_percent(pool: &PoolView) -> f64 {
    100.0 * pool.in_use as f64 / pool.size_max.max(1) as f64
}

/// The window of a second's rates.
pub(crate) const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
const _: () = assert!(SECOND.as_secs() < figures::SHORT.as_secs());
