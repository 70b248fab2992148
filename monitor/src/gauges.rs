//! Figures of the whole fleet for Prometheus, at the monitor's `/metrics`. What is not known is `NaN`, which
//! no alert rule takes for zero.

use contract::report::Role;
use metrics::gauge;
use runtime::telemetry::names;

use crate::snapshot::Snapshot;
use crate::views::alerts::AlertState;
use crate::views::replica::ReplicaState;

/// Sets every gauge as of this moment.
pub(crate) fn set(snapshot: &Snapshot) {
    let status = &snapshot.dashboard.status;
    gauge!(names::WORKERS_WANTED).set(known(status.workers_wanted.workers.map(f64::from)));
    gauge!(names::HEALTH_SCORE).set(known(status.health.score.map(f64::from)));
    gauge!(names::CLOCK_SKEW_SECONDS).set(known(snapshot.dashboard.metrics.clock_skew_seconds));
    gauge!(names::DEAD_LETTERS_WAITING).set(known(status.dead_letters.map(float)));
    for lane in &status.lanes {
        let number = || lane.lane.to_string();
        gauge!(names::LANE_DEPTH_JOBS, names::LANE => number()).set(known(lane.depth_jobs.map(float)));
        gauge!(names::LANE_DEPTH_MESSAGES, names::LANE => number())
            .set(known(lane.depth_messages.map(float)));
        gauge!(names::LANE_LAG_SECONDS, names::LANE => number()).set(known(lane.lag_seconds));
        gauge!(names::LANE_SERVED, names::LANE => number()).set(known(lane.served.map(flag)));
    }
    for alert in &snapshot.alerts {
        let name: &'static str = alert.alert.into();
        gauge!(names::ALERT_FIRING, names::ALERT => name).set(flag(alert.state == AlertState::Firing));
    }
    for role in [Role::Api, Role::Worker, Role::Monitor] {
        for (state, name) in [(ReplicaState::Live, "live"), (ReplicaState::Lost, "lost")] {
            let is_it = |replica: &&crate::views::replica::ReplicaView| {
                replica.role == role && replica.state == state
            };
            let count = status.replicas.iter().filter(is_it).count() as f64;
            gauge!(names::REPLICAS, names::ROLE => <&str>::from(role), names::STATE => name)
                .set(known(snapshot.replicas_known.then_some(count)));
        }
    }
    let count = &status.reconciliation;
    let jobs = [
        ("accepted", count.accepted),
        ("posted", count.posted),
        ("rejected", count.rejected),
        ("dead", count.dead),
        ("cancelled", count.cancelled),
        ("scheduled", count.scheduled),
        ("duplicate", count.duplicates),
        ("conflict", count.conflicts),
        ("in_flight", count.in_flight),
    ];
    for (state, count) in jobs {
        gauge!(names::RECONCILIATION_JOBS, names::STATE => state).set(float(count));
    }
    gauge!(names::RECONCILIATION_UNACCOUNTED).set(known(count.unaccounted.map(|jobs| jobs as f64)));
    gauge!(names::BOOKS_BALANCED).set(known(count.debits_equal_credits.map(flag)));
    gauge!(names::SETTINGS_VERSION).set(float(snapshot.dashboard.settings_version));
}

fn known(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

fn flag(is_it: bool) -> f64 {
    if is_it { 1.0 } else { 0.0 }
}

fn float(count: u64) -> f64 {
    count as f64
}
