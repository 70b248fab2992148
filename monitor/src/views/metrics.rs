//! `GET /api/scalability/metrics/realtime`: figures of the last seconds, over the whole fleet.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::history::Point;
use super::problems::FleetState;
use super::replica::PoolView;
use super::status::QueueTotals;

/// The fleet's figures.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Metrics {
    /// When they were taken (RFC 3339, UTC).
    #[schema(value_type = String)]
    pub taken_at: Timestamp,
    /// How the fleet is.
    pub state: FleetState,
    /// The same in a sentence that starts with the state.
    pub verdict: String,
    /// 0 to 100; `null`: not known yet.
    pub health_score: Option<u8>,
    /// Over the last 10 seconds.
    pub last_10_s: Window,
    /// Over the last 60 seconds.
    pub last_60_s: Window,
    /// CPU, memory and disk of the live replicas.
    pub resources: FleetResources,
    /// Pools of connections, added up over the live replicas.
    pub pools: Vec<PoolView>,
    /// What waits.
    pub queue: QueueTotals,
    /// How far the clock of a replica is from most others', in seconds, that of the one that differs most. Beyond one second
    /// an alert fires, and all times between an ingress and a worker (`accepted_to_posted`, `lag_seconds`) are wrong by as
    /// much; those that would be below zero are left out. `null`: not known.
    pub clock_skew_seconds: Option<f64>,
    /// Dead letters that wait for an operator; `null`: the queue could not be asked.
    pub dead_letters: Option<u64>,
    /// This second as it stands in the history.
    pub point: Point,
}

/// Figures over a sliding window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Window {
    /// Its length in seconds; shorter only while the monitor is younger.
    pub seconds: f64,
    /// Jobs and requests a second.
    pub throughput: Throughput,
    /// From a request's head to its answer's head, of requests that submit jobs and did not ask to wait;
    /// `null`: there was none.
    pub response_times: Option<Times>,
    /// From a job's acceptance by the ingress's clock to its posting by the worker's; `null`: none was posted, or the
    /// clocks differ so much that it would be below zero.
    pub accepted_to_posted: Option<Times>,
    /// Where the time of a job goes on its way.
    pub processing: Processing,
    /// Jobs in a batch; `null`: none was posted.
    pub batch_jobs: Option<BatchJobs>,
    /// What went wrong.
    pub errors: Errors,
}

/// Jobs and requests a second. `null`: no replica has reported yet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Throughput {
    /// HTTP requests that the ingresses answered.
    pub requests_per_second: Option<f64>,
    /// Jobs in: put on the lanes.
    pub accepted_jobs_per_second: Option<f64>,
    /// Jobs that the ingresses turned away.
    pub refused_jobs_per_second: Option<f64>,
    /// Jobs out: with an outcome, whatever it is.
    pub settled_jobs_per_second: Option<f64>,
    /// Of those, posted.
    pub posted_jobs_per_second: Option<f64>,
    /// Of those, turned down for a business reason.
    pub rejected_jobs_per_second: Option<f64>,
    /// Of those, duplicates.
    pub duplicate_jobs_per_second: Option<f64>,
    /// Messages put on the lanes; each carries up to 100 jobs.
    pub messages_per_second: Option<f64>,
}

/// A distribution of times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
#[allow(missing_docs)] // The names say all.
pub struct Times {
    /// How many were measured.
    pub count: u64,
    pub min_seconds: f64,
    pub avg_seconds: f64,
    pub p50_seconds: f64,
    pub p95_seconds: f64,
    pub p99_seconds: f64,
    pub max_seconds: f64,
}

/// A distribution of the sizes of batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct BatchJobs {
    /// Batches.
    pub batches: u64,
    /// Jobs in a batch on average.
    pub avg_jobs: f64,
    /// Half of the batches have so many or fewer.
    pub p50_jobs: u64,
    /// The fullest.
    pub max_jobs: u64,
}

/// Where the time of a job goes, step by step; each `null`: it did not happen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Processing {
    /// The queue confirms a message.
    pub publish_confirm: Option<Times>,
    /// A batch waits for its turn to be posted.
    pub posting_wait: Option<Times>,
    /// A batch from its first statement to its commit.
    pub posting: Option<Times>,
    /// Of that: a connection is taken.
    pub connect: Option<Times>,
    /// Of that: what jobs refer back to is read.
    pub refer: Option<Times>,
    /// Of that: accounts are locked and read.
    pub lock_and_read: Option<Times>,
    /// Of that: the batch is worked out in memory.
    pub fold: Option<Times>,
    /// Of that: it is written and committed.
    pub write_and_commit: Option<Times>,
    /// A task waits for a connection of a pool.
    pub pool_acquire: Option<Times>,
}

/// What went wrong.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Errors {
    /// Requests that were answered.
    pub requests: u64,
    /// Of those, answered 5xx.
    pub failed_requests: u64,
    /// The same in percent; `null`: there was no request.
    pub failed_requests_percent: Option<f64>,
    /// By type, the most frequent first; empty: none.
    pub by_type: Vec<ErrorRate>,
}

/// One type of error.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ErrorRate {
    /// `refused/<problem>`, `http/<status>`, `posting/<reason>`, `pool_timeout/<pool>`, ...
    #[schema(example = "http/503")]
    pub r#type: String,
    /// How often, in the window.
    pub count: u64,
    /// How often in a second.
    pub per_second: f64,
}

/// CPU, memory and disk over the live replicas; `null`: none reports it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct FleetResources {
    /// Cores in use by all replicas.
    pub cpu_cores: Option<f64>,
    /// Of the busiest host or container, in percent.
    pub cpu_percent_max: Option<f64>,
    /// Resident memory of all replicas.
    pub memory_bytes: Option<u64>,
    /// Of the fullest host or container, in percent.
    pub memory_percent_max: Option<f64>,
    /// Of the fullest disk, in percent.
    pub disk_percent_max: Option<f64>,
}
