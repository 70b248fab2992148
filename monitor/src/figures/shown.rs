//! The figures as they are shown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use contract::report::{HistogramName as H, Role};

use super::distribution::Distribution;
use super::rates::{Counters, Growth, settled};
use super::windows::SlidingWindow;
use crate::replicas::Replicas;
use crate::views::metrics::{ErrorRate, Errors, FleetResources, Processing, Throughput, Times, Window};
use crate::views::replica::{PoolView, ReplicaState, ReplicaView};

/// The figures of one window.
pub(crate) fn window(
    length: Duration,
    measured: &SlidingWindow,
    replicas: &Replicas,
    now: Instant,
) -> Window {
    let growths = replicas.growths(length, now);
    let times = |name: H| measured.get(name).and_then(Distribution::times);
    Window {
        seconds: growths.iter().map(|(_, growth)| growth.seconds).fold(0.0, f64::max),
        throughput: throughput(&growths),
        response_times: times(H::IngressResponse),
        accepted_to_posted: times(H::AcceptedToPosted),
        processing: processing(times),
        batch_jobs: measured.get(H::BatchJobs).and_then(Distribution::batch_jobs),
        errors: errors(&growths),
    }
}

fn processing(times: impl Fn(H) -> Option<Times>) -> Processing {
    Processing {
        publish_confirm: times(H::PublishConfirm),
        posting_wait: times(H::PostingWait),
        posting_turn: times(H::PostingTurn),
        posting: times(H::Posting),
        connect: times(H::PostingConnect),
        refer: times(H::PostingRefer),
        lock_and_read: times(H::PostingLockAndRead),
        fold: times(H::PostingFold),
        write_and_commit: times(H::PostingWriteAndCommit),
        pool_acquire: times(H::PoolAcquire),
    }
}

/// Each replica's rate by its own clock, added up.
pub(crate) fn throughput(growths: &[(Role, Growth)]) -> Throughput {
    let rate = |role: Role, count: fn(&Counters) -> u64| {
        let known = growths.iter().filter(|(of, growth)| *of == role && growth.seconds > 0.0);
        let rates: Vec<f64> = known.map(|(_, growth)| growth.per_second(count)).collect();
        (!rates.is_empty()).then(|| rates.iter().sum())
    };
    Throughput {
        requests_per_second: rate(Role::Api, |counters| counters.requests),
        accepted_jobs_per_second: rate(Role::Api, |counters| counters.counts.accepted),
        refused_jobs_per_second: rate(Role::Api, |counters| counters.counts.refused),
        settled_jobs_per_second: rate(Role::Worker, |counters| settled(&counters.counts)),
        posted_jobs_per_second: rate(Role::Worker, |counters| counters.counts.posted),
        rejected_jobs_per_second: rate(Role::Worker, |counters| counters.counts.rejected),
        duplicate_jobs_per_second: rate(Role::Worker, |counters| {
            counters.counts.duplicate + counters.counts.repeated
        }),
        messages_per_second: rate(Role::Api, |counters| counters.counts.published_messages),
    }
}

pub(crate) fn errors(growths: &[(Role, Growth)]) -> Errors {
    let sum =
        |count: fn(&Counters) -> u64| growths.iter().map(|(_, growth)| count(&growth.added)).sum::<u64>();
    let (requests, failed) = (sum(|added| added.requests), sum(|added| added.requests_failed));
    let mut by_type: BTreeMap<&str, (u64, f64)> = BTreeMap::new();
    for (_, growth) in growths {
        for (name, count) in &growth.added.errors {
            let entry = by_type.entry(name).or_default();
            entry.0 += count;
            entry.1 += growth.per_second(|_| *count);
        }
    }
    let mut by_type: Vec<ErrorRate> = by_type
        .into_iter()
        .map(|(name, (count, per_second))| ErrorRate { r#type: name.to_owned(), count, per_second })
        .collect();
    by_type.sort_by_key(|error| std::cmp::Reverse(error.count));
    let failed_requests_percent = (requests > 0).then(|| 100.0 * failed as f64 / requests as f64);
    Errors { requests, failed_requests: failed, failed_requests_percent, by_type }
}

/// What the live replicas use. Roles that share a process count once.
pub(crate) fn resources(replicas: &[ReplicaView]) -> FleetResources {
    let mut seen = BTreeSet::new();
    let used: Vec<_> = replicas
        .iter()
        .filter(|replica| replica.state == ReplicaState::Live)
        .filter(|replica| replica.process_id.is_none_or(|id| seen.insert((&replica.host, id))))
        .filter_map(|replica| replica.resources.as_ref())
        .collect();
    if used.is_empty() {
        return FleetResources::default();
    }
    let most = |percents: Vec<f64>| percents.into_iter().reduce(f64::max);
    FleetResources {
        cpu_cores: Some(used.iter().map(|used| used.cpu_cores).sum()),
        cpu_percent_max: most(used.iter().map(|used| used.cpu_percent).collect()),
        memory_bytes: Some(used.iter().map(|used| used.memory_bytes).sum()),
        memory_percent_max: most(used.iter().map(|used| used.memory_percent).collect()),
        disk_percent_max: most(used.iter().filter_map(|used| used.disk_percent).collect()),
    }
}

/// Pools of the same name, added up. Roles that share a process share its pools.
pub(crate) fn pools(replicas: &[ReplicaView]) -> Vec<PoolView> {
    let mut seen = BTreeSet::new();
    let mut pools: BTreeMap<&str, PoolView> = BTreeMap::new();
    for replica in replicas {
        for pool in &replica.pools {
            if replica.process_id.is_some_and(|id| !seen.insert((&replica.host, id, &pool.name))) {
                continue;
            }
            let all = pools.entry(&pool.name).or_default();
            all.name.clone_from(&pool.name);
            all.size_max += pool.size_max;
            all.idle += pool.idle;
            all.in_use += pool.in_use;
            all.waiting += pool.waiting;
            all.timeouts += pool.timeouts;
        }
    }
    pools.into_values().collect()
}

#[cfg(test)]
mod tests {
    use contract::report::Counts;

    use super::*;

    fn growth(requests: u64, requests_failed: u64, errors: &[(&str, u64)]) -> Growth {
        let errors = errors.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let added = Counters {
            counts: Counts { accepted: requests, ..Counts::default() },
            requests,
            requests_failed,
            errors,
        };
        Growth { added, seconds: 10.0 }
    }

    #[test]
    fn a_fleet_without_ingress_has_an_unknown_rate_not_a_rate_of_zero() {
        let throughput = throughput(&[(Role::Worker, growth(0, 0, &[]))]);
        assert_eq!(throughput.accepted_jobs_per_second, None);
        assert_eq!(throughput.settled_jobs_per_second, Some(0.0));
    }

    #[test]
    fn replicas_are_added_up() {
        let growths = [
            (Role::Api, growth(100, 1, &[("http/503", 1)])),
            (Role::Api, growth(300, 3, &[("http/503", 3)])),
        ];
        assert_eq!(throughput(&growths).requests_per_second, Some(40.0));
        let errors = errors(&growths);
        assert_eq!((errors.requests, errors.failed_requests), (400, 4));
        assert_eq!(errors.failed_requests_percent, Some(1.0));
        assert_eq!((errors.by_type[0].r#type.as_str(), errors.by_type[0].count), ("http/503", 4));
        assert!((errors.by_type[0].per_second - 0.4).abs() < 1e-9);
    }

    #[test]
    fn no_request_is_no_error_rate() {
        assert_eq!(errors(&[]).failed_requests_percent, None);
    }
}
