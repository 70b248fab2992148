//! Where the time of a job goes, stage by stage, by what the replicas record themselves.

use runtime::telemetry::names;
use serde::Serialize;

use super::metrics::Metrics;

/// A stage on the way of a job.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Stage {
    pub(crate) stage: &'static str,
    /// What it lasts from and to.
    pub(crate) what: &'static str,
    /// What is timed: a request, a job, an envelope, a batch of a lane, or a transaction.
    pub(crate) of_each: &'static str,
    pub(crate) count: f64,
    pub(crate) mean_ms: f64,
    /// Between the bounds of two buckets of the histogram.
    pub(crate) p99_ms: f64,
}

/// A stage: its name, what it is, what is timed, and the metric with its label.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const SINGLE_JOBS: &[(&str, &str)] = &[(names::ROUTE, "/api/jobs"), (names::WAITED, "no")];

const STAGES: &[Row] = &[
    (
        "HTTP",
        "request to answer, line and confirm within",
        "request",
        names::INGRESS_RESPONSE_SECONDS,
        SINGLE_JOBS,
    ),
    ("line", "waiting for the publisher of the lane", "job", names::PUBLISH_WAIT_SECONDS, &[]),
    (
        "confirm",
        "envelope to the broker, until it is on disk",
        "envelope",
        names::PUBLISH_CONFIRM_SECONDS,
        &[],
    ),
    (
        "delivery",
        "accepted until its worker opens it, line and the batch before within",
        "job",
        names::ACCEPTED_TO_RECEIVED_SECONDS,
        &[],
    ),
    ("batch", "waiting for company, accounts and a turn", "batch", names::POSTING_WAIT_SECONDS, &[]),
    (
        "connect",
        "taking a connection",
        "transaction",
        names::POSTING_PHASE_SECONDS,
        &[(names::PHASE, names::PHASE_CONNECT)],
    ),
    (
        "refer",
        "looking up holds and jobs",
        "transaction",
        names::POSTING_PHASE_SECONDS,
        &[(names::PHASE, names::PHASE_REFER)],
    ),
    (
        "lock",
        "locking and reading the accounts",
        "transaction",
        names::POSTING_PHASE_SECONDS,
        &[(names::PHASE, names::PHASE_LOCK_AND_READ)],
    ),
    (
        "fold",
        "deciding, in memory",
        "transaction",
        names::POSTING_PHASE_SECONDS,
        &[(names::PHASE, names::PHASE_FOLD)],
    ),
    (
        "write, commit",
        "writing and committing",
        "transaction",
        names::POSTING_PHASE_SECONDS,
        &[(names::PHASE, names::PHASE_WRITE_AND_COMMIT)],
    ),
    ("event", "publishing what became of the jobs", "batch", names::EVENTS_SECONDS, &[]),
    ("acknowledge", "acknowledging to the broker", "batch", names::ACKNOWLEDGE_SECONDS, &[]),
    ("accepted to posted", "all of it, from acceptance", "job", names::ACCEPTED_TO_POSTED_SECONDS, &[]),
];

/// The stages between two looks; those of which nothing was recorded are left out.
pub(crate) fn between(before: &Metrics, after: &Metrics) -> Vec<Stage> {
    let stage = |(stage, what, of_each, metric, labels): &Row| {
        let recorded = after.since(before, metric, labels);
        let (mean_ms, p99_ms) = (recorded.mean_ms()?, recorded.quantile_ms(0.99)?);
        Some(Stage { stage, what, of_each, count: recorded.count(), mean_ms, p99_ms })
    };
    STAGES.iter().filter_map(stage).collect()
}
