//! The figures that scaling goes by.

use fleet::settings::{Settings, table};

use crate::facts::Facts;
use crate::views::metrics::Times;
use crate::views::optimize::Evidence;

/// How the fleet is loaded, over the last ten seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Load {
    pub(crate) accepted_per_second: f64,
    pub(crate) settled_per_second: f64,
    pub(crate) depth_jobs: f64,
    pub(crate) lag_seconds: f64,
    /// Batches that are being posted at the same time, on average (Little's law: arrivals times duration).
    pub(crate) batches_at_once: f64,
    /// As many could be: a lane posts one at a time, a worker `POSTING_CONCURRENCY`.
    pub(crate) batches_at_once_max: f64,
    /// The largest lane's share of the jobs that wait, 0 to 1, and its number.
    pub(crate) hot_lane: Option<(u16, f64)>,
}

impl Load {
    pub(crate) fn of(facts: &Facts) -> Load {
        let window = &facts.last_10_s;
        let posting = window.processing.posting.unwrap_or_default();
        let seconds = window.seconds.max(1.0);
        let workers = f64::from(facts.live_workers());
        let by_default = || Settings::default().posting_concurrency() as f64;
        let turns = facts.number(table::POSTING_CONCURRENCY.name).unwrap_or_else(by_default);
        let depth_jobs = facts.queue.depth_jobs.unwrap_or_default() as f64;
        let fullest = facts.lanes.iter().max_by_key(|lane| lane.depth_jobs.unwrap_or_default());
        Load {
            accepted_per_second: window.throughput.accepted_jobs_per_second.unwrap_or_default(),
            settled_per_second: window.throughput.settled_jobs_per_second.unwrap_or_default(),
            depth_jobs,
            lag_seconds: facts.queue.lag_seconds.unwrap_or_default(),
            batches_at_once: posting.count as f64 * posting.avg_seconds / seconds,
            batches_at_once_max: (workers * turns).min(f64::from(facts.lane_count())),
            hot_lane: fullest
                .filter(|_| depth_jobs > 0.0)
                .map(|lane| (lane.lane, lane.depth_jobs.unwrap_or_default() as f64 / depth_jobs)),
        }
    }

    /// How busy the workers are, 0 to 1.
    pub(crate) fn utilisation(&self) -> f64 {
        if self.batches_at_once_max > 0.0 {
            (self.batches_at_once / self.batches_at_once_max).min(1.0)
        } else {
            0.0
        }
    }
}

pub(crate) fn evidence(name: &'static str, value: f64) -> Evidence {
    Evidence { name, value }
}

pub(crate) fn p95(times: Option<Times>) -> f64 {
    times.map_or(0.0, |times| times.p95_seconds)
}

pub(crate) fn avg(times: Option<Times>) -> f64 {
    times.map_or(0.0, |times| times.avg_seconds)
}
