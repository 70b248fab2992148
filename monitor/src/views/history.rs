//! `GET /api/scalability/history`: what the charts show.

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

/// The figures over a span of time.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct History {
    /// The span: `15m` or `24h`.
    pub span: &'static str,
    /// Seconds from one point to the next: 1 or 60.
    pub step_seconds: u32,
    /// The points, the oldest first. Points are missing where the monitor did not run or no replica reported.
    pub points: Vec<Point>,
}

/// The fleet in one second, or one minute. `null`: not known.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Point {
    /// End of the second or minute, in seconds since the Unix epoch.
    pub at: i64,
    /// Accepted jobs per second.
    pub accepted_jobs_per_second: Option<f64>,
    /// Jobs that got their outcome, per second.
    pub settled_jobs_per_second: Option<f64>,
    /// Jobs that the ingresses refused, per second.
    pub refused_jobs_per_second: Option<f64>,
    /// Requests answered, per second.
    pub requests_per_second: Option<f64>,
    /// Requests answered 5xx, in percent.
    pub failed_requests_percent: Option<f64>,
    /// Median response time of the ingress over the last 10 s (a minute's point: of the minute; so the next
    /// two).
    pub response_p50_seconds: Option<f64>,
    /// 95th percentile of the response time.
    pub response_p95_seconds: Option<f64>,
    /// 99th percentile of the response time.
    pub response_p99_seconds: Option<f64>,
    /// Median time from acceptance to posting.
    pub posted_p50_seconds: Option<f64>,
    /// 95th percentile of the time from acceptance to posting.
    pub posted_p95_seconds: Option<f64>,
    /// 99th percentile of the time from acceptance to posting.
    pub posted_p99_seconds: Option<f64>,
    /// Jobs in a batch, on average.
    pub batch_jobs_avg: Option<f64>,
    /// Number of jobs that wait (a minute's point: the most; so the next two).
    pub depth_jobs: Option<u64>,
    /// Number of messages that wait.
    pub depth_messages: Option<u64>,
    /// Age in seconds of the oldest job without an outcome.
    pub lag_seconds: Option<f64>,
    /// CPU of the busiest host or container, in percent.
    pub cpu_percent: Option<f64>,
    /// Memory of the fullest host or container, in percent.
    pub memory_percent: Option<f64>,
    /// Connections in use, in percent of the fullest pool's size.
    pub pool_percent: Option<f64>,
    /// Number of live workers.
    pub workers: Option<u16>,
    /// Health score from 0 to 100 (a minute's point: the least).
    pub health_score: Option<u8>,
    /// Number of alerts that fire (a minute's point: the most).
    pub alerts_firing: Option<u16>,
}
