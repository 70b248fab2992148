//! `GET /api/scalability/metrics/realtime`: figures of the last seconds, over the whole fleet.

use jiff::Timestamp;
pub use load_test::Times;
use serde::Serialize;
use utoipa::ToSchema;

use super::history::Point;
use super::problems::FleetState;
use super::replica::PoolView;
use super::status::QueueTotals;

/// The fleet's figures.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Metrics {
    /// When the figures were taken (RFC 3339, UTC).
    pub taken_at: Timestamp,
    /// The state of the fleet.
    pub state: FleetState,
    /// The state of the fleet in a sentence, which starts with the state.
    pub verdict: String,
    /// Health score from 0 to 100; `null`: not known yet.
    pub health_score: Option<u8>,
    /// Figures over the last 10 seconds.
    pub last_10_s: Window,
    /// Figures over the last 60 seconds.
    pub last_60_s: Window,
    /// CPU, memory and disk of the live replicas.
    pub resources: FleetResources,
    /// Pools of connections and of threads, added up over the live replicas.
    pub pools: Vec<PoolView>,
    /// Jobs and messages that wait.
    pub queue: QueueTotals,
    /// How far the clock of the replica that differs most is from the clocks of most other replicas, in
    /// seconds. Beyond one second an alert fires, and all times between an ingress and a worker
    /// (`accepted_to_posted`, `lag_seconds`) are wrong by as much; times that would be below zero are left
    /// out. `null`: not known.
    pub clock_skew_seconds: Option<f64>,
    /// Number of dead letters that wait for an operator; `null`: the queue did not answer.
    pub dead_letters: Option<u64>,
    /// This second as it stands in the history.
    pub point: Point,
}

/// Figures over a sliding window of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Window {
    /// Length of the window in seconds; shorter only while the monitor is younger.
    pub seconds: f64,
    /// Jobs and requests a second.
    pub throughput: Throughput,
    /// Time from a request's head to its answer's head, for requests that submit jobs and do not ask to wait;
    /// `null`: there was none.
    pub response_times: Option<Times>,
    /// Time from a job's acceptance by the ingress's clock to its posting by the worker's clock; `null`: no
    /// job was posted, or the clocks differ so much that the time would be below zero.
    pub accepted_to_posted: Option<Times>,
    /// Times of the steps of a job's way.
    pub processing: Processing,
    /// Sizes of the batches; `null`: no batch was posted.
    pub batch_jobs: Option<BatchJobs>,
    /// Requests that failed, and errors by type.
    pub errors: Errors,
}

/// Jobs and requests per second. `null`: no replica has reported yet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Throughput {
    /// HTTP requests that the ingresses answered, per second.
    pub requests_per_second: Option<f64>,
    /// Jobs put on the lanes, per second.
    pub accepted_jobs_per_second: Option<f64>,
    /// Jobs that the ingresses refused, per second.
    pub refused_jobs_per_second: Option<f64>,
    /// Jobs that got an outcome of any kind, per second.
    pub settled_jobs_per_second: Option<f64>,
    /// Jobs that were posted, per second; a part of `settled_jobs_per_second`.
    pub posted_jobs_per_second: Option<f64>,
    /// Jobs rejected for a business reason, per second; a part of `settled_jobs_per_second`.
    pub rejected_jobs_per_second: Option<f64>,
    /// Jobs that were duplicates, per second; a part of `settled_jobs_per_second`.
    pub duplicate_jobs_per_second: Option<f64>,
    /// Messages put on the lanes, per second; each carries up to 100 jobs.
    pub messages_per_second: Option<f64>,
}

/// The distribution of the sizes of batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct BatchJobs {
    /// Number of batches.
    pub batches: u64,
    /// Jobs in a batch on average.
    pub avg_jobs: f64,
    /// Half of the batches have at most so many jobs.
    pub p50_jobs: u64,
    /// Jobs in the largest batch.
    pub max_jobs: u64,
}

/// Times of the steps of a job's way. `null`: the step did not happen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Processing {
    /// The queue confirms a message.
    pub publish_confirm: Option<Times>,
    /// A batch waits for company, for accounts that other transactions have, and for its turn.
    pub posting_wait: Option<Times>,
    /// Part of `posting_wait`: as many transactions as may be are in flight.
    pub posting_turn: Option<Times>,
    /// A batch from its first statement to its commit.
    pub posting: Option<Times>,
    /// Part of `posting`: a connection is taken.
    pub connect: Option<Times>,
    /// Part of `posting`: the holds and jobs that jobs refer to are read.
    pub refer: Option<Times>,
    /// Part of `posting`: accounts are locked and read.
    pub lock_and_read: Option<Times>,
    /// Part of `posting`: the batch is worked out in memory.
    pub fold: Option<Times>,
    /// Part of `posting`: the result is written and committed.
    pub write_and_commit: Option<Times>,
    /// A task waits for a connection of a pool.
    pub pool_acquire: Option<Times>,
}

/// Requests that failed, and errors by type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Errors {
    /// Number of requests that were answered.
    pub requests: u64,
    /// Number of requests that were answered 5xx.
    pub failed_requests: u64,
    /// `failed_requests` of `requests`, in percent; `null`: there was no request.
    pub failed_requests_percent: Option<f64>,
    /// The types of errors, the most frequent first; empty: none.
    pub by_type: Vec<ErrorRate>,
}

/// The rate of one type of error.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ErrorRate {
    /// The type: `refused/<problem>`, `http/<status>`, `posting/<reason>`, `pool_timeout/<pool>`, ...
    #[schema(example = "http/503")]
    pub r#type: String,
    /// Number of errors in the window.
    pub count: u64,
    /// Errors per second.
    pub per_second: f64,
}

/// CPU, memory and disk over the live replicas; `null`: no replica reports it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct FleetResources {
    /// Cores in use by all replicas.
    pub cpu_cores: Option<f64>,
    /// CPU of the busiest host or container, in percent.
    pub cpu_percent_max: Option<f64>,
    /// Resident memory of all replicas.
    pub memory_bytes: Option<u64>,
    /// Memory of the fullest host or container, in percent.
    pub memory_percent_max: Option<f64>,
    /// Use of the fullest disk, in percent.
    pub disk_percent_max: Option<f64>,
}
