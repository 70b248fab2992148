//! The names of every metric: `tellers_` first, base units last (Prometheus, "Metric and label
//! naming"), each with what it counts, which is its help text too. Labels take few values: never an account, an id or a
//! client's text.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// What of a fleet a metric is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Recorded by an ingress, or by what puts a worker's own jobs on lanes.
    Ingress,
    /// Recorded by a worker.
    Worker,
    /// Recorded by a monitor, of the whole fleet.
    Monitor,
    /// Recorded by any process.
    Process,
}

/// A constant for each metric, and a table of them all.
macro_rules! metrics {
    ($($part:ident { $($(#[doc = $help:literal])+ $kind:ident $name:ident = $text:literal;)+ })+) => {
        $($($(#[doc = $help])+ pub const $name: &str = $text;)+)+

        /// Every metric, with the part that it is of.
        const ALL: &[(&str, Part)] = &[$($(($text, Part::$part),)+)+];

        /// Says to the recorder what each metric is.
        pub(super) fn describe() {
            $($(metrics!(@describe $kind, $text, concat!($($help),+));)+)+
        }
    };
    (@describe counter, $text:literal, $help:expr) => { describe_counter!($text, $help.trim()) };
    (@describe gauge, $text:literal, $help:expr) => { describe_gauge!($text, $help.trim()) };
    (@describe histogram, $text:literal, $help:expr) => { describe_histogram!($text, $help.trim()) };
}

/// The part that a metric is of; what a library records is of the process.
pub(super) fn part_of(name: &str) -> Part {
    let found = ALL.iter().find(|(metric, _)| *metric == name);
    found.map_or(Part::Process, |(_, part)| *part)
}

metrics! {
    Ingress {
        /// Requests answered by an ingress. Labels `route`, `method`, `status`.
        counter INGRESS_REQUESTS = "tellers_ingress_requests_total";
        /// Seconds from a request's head to its answer's head. Label `route`. Requests that asked to wait count with the
        /// time that they waited, under `waited`.
        histogram INGRESS_RESPONSE_SECONDS = "tellers_ingress_response_seconds";
        /// Requests that are being worked on now.
        gauge INGRESS_IN_FLIGHT = "tellers_ingress_requests_in_flight";
        /// Clients that wait for an outcome now.
        gauge INGRESS_WAITING = "tellers_ingress_clients_waiting";
        /// Streams of events that are open.
        gauge INGRESS_STREAMS = "tellers_ingress_streams_open";
        /// Requests turned away because too many were in flight.
        counter INGRESS_SHED = "tellers_ingress_requests_shed_total";
        /// Jobs that the queue holds on disk. Label `kind`.
        counter INGRESS_JOBS_ACCEPTED = "tellers_ingress_jobs_accepted_total";
        /// Jobs that were refused. Label `problem`.
        counter INGRESS_JOBS_REFUSED = "tellers_ingress_jobs_refused_total";
        /// From the time that a job joins its lane's line until its envelope is handed to the queue.
        histogram PUBLISH_WAIT_SECONDS = "tellers_publish_wait_seconds";
        /// From handing an envelope to the queue to its confirmation.
        histogram PUBLISH_CONFIRM_SECONDS = "tellers_publish_confirm_seconds";
    }
    Worker {
        /// Batches that were posted.
        counter BATCHES_POSTED = "tellers_batches_posted_total";
        /// Jobs with an outcome, by `outcome` and `reason`.
        counter JOBS_SETTLED = "tellers_jobs_settled_total";
        /// Jobs in a batch.
        histogram BATCH_JOBS = "tellers_batch_jobs";
        /// From a job's acceptance until the worker of its lane opens its envelope.
        histogram ACCEPTED_TO_RECEIVED_SECONDS = "tellers_accepted_to_received_seconds";
        /// From the time that a lane's batch is handed over until its transaction begins.
        histogram POSTING_WAIT_SECONDS = "tellers_posting_wait_seconds";
        /// The part of that wait in which as many transactions as may be are in flight.
        histogram POSTING_TURN_SECONDS = "tellers_posting_turn_seconds";
        /// From the first statement of a batch to its commit.
        histogram POSTING_SECONDS = "tellers_posting_seconds";
        /// From a job's acceptance to the commit of its batch.
        histogram ACCEPTED_TO_POSTED_SECONDS = "tellers_accepted_to_posted_seconds";
        /// From the outcomes of a lane's batch until the clients that wait for them have been sent theirs.
        histogram RESULTS_SECONDS = "tellers_results_seconds";
        /// Until the event stream had the events of a batch.
        histogram EVENTS_SECONDS = "tellers_events_seconds";
        /// Acknowledging a lane's batch.
        histogram ACKNOWLEDGE_SECONDS = "tellers_acknowledge_seconds";
        /// Batches that were tried again because the ledger was away.
        counter POSTING_RETRIES = "tellers_posting_retries_total";
        /// Messages and jobs that were given up and kept.
        counter DEAD_LETTERS = "tellers_dead_letters_total";
        /// Events that the event stream has taken.
        counter EVENTS_PUBLISHED = "tellers_events_published_total";
        /// Attempts to deliver an event to a webhook endpoint. Label `result`: `delivered`, `retry` or `given_up`.
        counter WEBHOOK_ATTEMPTS = "tellers_webhook_attempts_total";
        /// How long an attempt took.
        histogram WEBHOOK_ATTEMPT_SECONDS = "tellers_webhook_attempt_seconds";
        /// Attempts that are being made now.
        gauge WEBHOOK_IN_FLIGHT = "tellers_webhook_attempts_in_flight";
        /// Lanes that this worker serves.
        gauge LANES_HELD = "tellers_lanes_held";
        /// A part of posting a batch. Label `phase`.
        histogram POSTING_PHASE_SECONDS = "tellers_posting_phase_seconds";
        /// Batches that the ledger itself tried again. Label `reason`.
        counter LEDGER_RETRIES = "tellers_ledger_retries_total";
    }
    Monitor {
        /// How many workers there should be. `NaN`: not known.
        gauge WORKERS_WANTED = "tellers_workers_wanted";
        /// The fleet's health, 0 to 100.
        gauge HEALTH_SCORE = "tellers_health_score";
        /// Jobs that wait in a lane or are in its worker's hands; an estimate on RabbitMQ. Label `lane`.
        gauge LANE_DEPTH_JOBS = "tellers_lane_depth_jobs";
        /// Messages that wait in a lane. Label `lane`.
        gauge LANE_DEPTH_MESSAGES = "tellers_lane_depth_messages";
        /// Age of a lane's oldest job without an outcome. Label `lane`.
        gauge LANE_LAG_SECONDS = "tellers_lane_lag_seconds";
        /// 1 if a lane has a live worker and a consumer, else 0; `NaN`: no report reaches the monitor. Label `lane`.
        gauge LANE_SERVED = "tellers_lane_served";
        /// How far the replica's clock that differs most is from most others', in seconds; `NaN`: not known.
        gauge CLOCK_SKEW_SECONDS = "tellers_clock_skew_seconds";
        /// Dead letters that wait for an operator.
        gauge DEAD_LETTERS_WAITING = "tellers_dead_letters_waiting";
        /// Webhook endpoints. Label `state`: `active`, `failing` (active, and every attempt fails), or `disabled` (not by its client).
        gauge WEBHOOK_ENDPOINTS = "tellers_webhook_endpoints";
        /// Events that wait to be delivered to webhook endpoints.
        gauge WEBHOOK_DELIVERIES_WAITING = "tellers_webhook_deliveries_waiting";
        /// 1 if an alert fires, else 0. Label `alert`.
        gauge ALERT_FIRING = "tellers_alert_firing";
        /// Replicas by `role` and `state` (`live` or `lost`). `NaN`: no report reaches the monitor.
        gauge REPLICAS = "tellers_replicas";
        /// Jobs since it counts, by `state`: `accepted` = `posted` + `rejected` + `dead` + `cancelled` + `duplicate` + `conflict` +
        /// `in_flight`.
        gauge RECONCILIATION_JOBS = "tellers_reconciliation_jobs";
        /// Accepted jobs that are nowhere while nothing waits; zero if all is well, `NaN` while jobs are on their way.
        gauge RECONCILIATION_UNACCOUNTED = "tellers_reconciliation_unaccounted_jobs";
        /// 1 if debits equal credits in every currency, else 0.
        gauge BOOKS_BALANCED = "tellers_books_balanced";
        /// The version of the settings in force.
        gauge SETTINGS_VERSION = "tellers_settings_version";
    }
    Process {
        /// Connections of a pool. Labels `pool` and `state`.
        gauge POOL_CONNECTIONS = "tellers_pool_connections";
        /// Tasks that wait for a connection. Label `pool`.
        gauge POOL_WAITING = "tellers_pool_waiting";
        /// Waiting for a connection. Label `pool`.
        histogram POOL_ACQUIRE_SECONDS = "tellers_pool_acquire_seconds";
        /// Tasks that gave up waiting for a connection. Label `pool`.
        counter POOL_TIMEOUTS = "tellers_pool_timeouts_total";
        /// Always 1: which program this is. Labels `version`, `commit`.
        gauge BUILD_INFO = "tellers_build_info";
    }
}

/// The path as the router knows it, such as `/api/jobs/{id}`.
pub const ROUTE: &str = "route";
/// The HTTP method; `OTHER` for one that no route has.
pub const METHOD: &str = "method";
/// The HTTP status.
pub const STATUS: &str = "status";
/// Whether the client asked to wait for an outcome: `yes` or `no`.
pub const WAITED: &str = "waited";
/// The kind of a job.
pub const KIND: &str = "kind";
/// The last step of a problem's type, such as `invalid-job`.
pub const PROBLEM: &str = "problem";
/// The part of posting: `connect`, `refer`, `lock_and_read`, `fold` or `write_and_commit`.
pub const PHASE: &str = "phase";
/// Why, in a word or two.
pub const REASON: &str = "reason";
/// What became of an attempt.
pub const RESULT: &str = "result";
/// What a pool is for, such as `primary`.
pub const POOL: &str = "pool";
/// `idle` or `in_use`.
pub const STATE: &str = "state";
/// Of [`PHASE`]: taking a connection.
pub const PHASE_CONNECT: &str = "connect";
/// Of [`PHASE`]: looking up what the batch refers to.
pub const PHASE_REFER: &str = "refer";
/// Of [`PHASE`]: locking the accounts and reading what the jobs meet.
pub const PHASE_LOCK_AND_READ: &str = "lock_and_read";
/// Of [`PHASE`]: deciding, in memory.
pub const PHASE_FOLD: &str = "fold";
/// Of [`PHASE`]: writing and the commit.
pub const PHASE_WRITE_AND_COMMIT: &str = "write_and_commit";
/// A lane's number.
pub const LANE: &str = "lane";
/// An alert's name.
pub const ALERT: &str = "alert";
/// What a replica does: `api`, `worker` or `monitor`.
pub const ROLE: &str = "role";
