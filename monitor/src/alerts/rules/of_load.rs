//! Rules about how much the fleet has to bear.

use super::Reading;
use crate::facts::{BusState, Facts, STANDSTILL_SECONDS, none_posted_for};
use crate::views::replica::{ReplicaState, ReplicaView, ResourcesView};
use crate::words::{counted, time};

/// Jobs wait and none gets an outcome, whatever the cause.
pub(super) fn standstill(facts: &Facts) -> Reading {
    if facts.bus != BusState::Up {
        return Reading::unknown_against(
            STANDSTILL_SECONDS,
            "not known while the fleet bus is away or has just come up",
        );
    }
    let sentence = match facts.still_seconds {
        0.0 => "jobs are posted, or none waits".to_owned(),
        seconds => none_posted_for(seconds),
    };
    Reading::above(facts.still_seconds, STANDSTILL_SECONDS, sentence)
}

pub(super) fn lag(facts: &Facts) -> Reading {
    let threshold = facts.thresholds.alert_lag_seconds();
    let Some(lag) = facts.queue.lag_seconds else {
        return Reading::unknown_against(threshold, "the lag is not known");
    };
    let slowest = facts.lanes.iter().find(|lane| lane.lag_seconds == Some(lag));
    let lane = slowest.map(|lane| format!(" of lane {}", lane.lane)).unwrap_or_default();
    let sentence = if lag > 0.0 {
        format!("the oldest job{lane} waits for {}", time(lag))
    } else {
        "no job waits".to_owned()
    };
    Reading::above(lag, threshold, sentence)
}

/// Every connection (of the pools for work: every thread) is in use and someone waits.
pub(super) fn pool_exhausted(facts: &Facts) -> Reading {
    let pools = facts
        .replicas
        .iter()
        .filter(|replica| replica.state == ReplicaState::Live)
        .flat_map(|replica| replica.pools.iter().map(move |pool| (replica, pool)));
    let Some((replica, pool)) = pools.max_by_key(|(_, pool)| {
        let exhausted = pool.in_use >= pool.size_max;
        (exhausted, pool.waiting)
    }) else {
        return Reading::unknown_against(0.0, "no replica reports its pools");
    };
    let (name, size) = (&pool.name, pool.size_max);
    let one = pool.one();
    let waiting = if pool.in_use >= size { pool.waiting as f64 } else { 0.0 };
    let sentence = if waiting > 0.0 {
        let tasks = counted(pool.waiting, "task");
        format!(
            "{tasks} of {} wait for a {one} of pool {name}, all {size} of which are in use",
            replica.replica
        )
    } else {
        format!("{} of {size} {one}s of pool {name} are in use at {}", pool.in_use, replica.replica)
    };
    Reading::above(waiting, 0.0, sentence)
}

pub(super) fn cpu(facts: &Facts) -> Reading {
    let threshold = facts.thresholds.alert_cpu_percent();
    of_resource(facts, facts.resources.cpu_percent_max, threshold, "CPU", |used| Some(used.cpu_percent))
}

pub(super) fn memory(facts: &Facts) -> Reading {
    let threshold = facts.thresholds.alert_memory_percent();
    of_resource(facts, facts.resources.memory_percent_max, threshold, "memory", |used| {
        Some(used.memory_percent)
    })
}

pub(super) fn disk(facts: &Facts) -> Reading {
    let threshold = facts.thresholds.alert_disk_percent();
    of_resource(facts, facts.resources.disk_percent_max, threshold, "disk", |used| used.disk_percent)
}

fn of_resource(
    facts: &Facts,
    most: Option<f64>,
    threshold: f64,
    what: &str,
    part: fn(&ResourcesView) -> Option<f64>,
) -> Reading {
    let Some(most) = most else {
        return Reading::unknown_against(threshold, "no replica reports what it uses");
    };
    let is_it = |replica: &&ReplicaView| replica.resources.as_ref().and_then(part) == Some(most);
    let host =
        facts.replicas.iter().find(is_it).map(|replica| format!(" of {}", replica.host)).unwrap_or_default();
    Reading::above(most, threshold, format!("{most:.0} % of the {what}{host} is in use"))
}
