//! The names of every metric: `tellers_` first, base units last (Prometheus, "Metric and label
//! naming"). Labels take few values: never an account, an id or a client's text.

/// Requests answered by an ingress. Labels [`ROUTE`], [`METHOD`], [`STATUS`].
pub const INGRESS_REQUESTS: &str = "tellers_ingress_requests_total";
/// Histogram: seconds from a request's head to its answer's head. Label [`ROUTE`]. Requests that asked to wait count
/// with the time that they waited, under [`WAITED`].
pub const INGRESS_RESPONSE_SECONDS: &str = "tellers_ingress_response_seconds";
/// Requests that are being worked on now.
pub const INGRESS_IN_FLIGHT: &str = "tellers_ingress_requests_in_flight";
/// Clients that wait for an outcome now.
pub const INGRESS_WAITING: &str = "tellers_ingress_clients_waiting";
/// Streams of events that are open.
pub const INGRESS_STREAMS: &str = "tellers_ingress_streams_open";
/// Requests turned away because too many were in flight.
pub const INGRESS_SHED: &str = "tellers_ingress_requests_shed_total";
/// Jobs that the queue holds on disk. Label [`KIND`].
pub const INGRESS_JOBS_ACCEPTED: &str = "tellers_ingress_jobs_accepted_total";
/// Jobs that were refused. Label [`PROBLEM`].
pub const INGRESS_JOBS_REFUSED: &str = "tellers_ingress_jobs_refused_total";

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

/// Counter: batches that were posted.
pub const BATCHES_POSTED: &str = "tellers_batches_posted_total";
/// Counter: jobs with an outcome, by `outcome` and `reason`.
pub const JOBS_SETTLED: &str = "tellers_jobs_settled_total";
/// Histogram: jobs in a batch.
pub const BATCH_JOBS: &str = "tellers_batch_jobs";
/// Histogram: from a job's acceptance until the worker of its lane opens its envelope.
pub const ACCEPTED_TO_RECEIVED_SECONDS: &str = "tellers_accepted_to_received_seconds";
/// Histogram: from the time that a lane's batch is handed over until its transaction begins.
pub const POSTING_WAIT_SECONDS: &str = "tellers_posting_wait_seconds";
/// Histogram: the part of that in which as many transactions as may be are in flight.
pub const POSTING_TURN_SECONDS: &str = "tellers_posting_turn_seconds";
/// Histogram: from the first statement of a batch to its commit.
pub const POSTING_SECONDS: &str = "tellers_posting_seconds";
/// Histogram: from a job's acceptance to the commit of its batch.
pub const ACCEPTED_TO_POSTED_SECONDS: &str = "tellers_accepted_to_posted_seconds";
/// Histogram: from the outcomes of a lane's batch until the clients that wait for them have been sent theirs.
pub const RESULTS_SECONDS: &str = "tellers_results_seconds";
/// Histogram: acknowledging a lane's batch.
pub const ACKNOWLEDGE_SECONDS: &str = "tellers_acknowledge_seconds";
/// Counter: batches that were tried again because the ledger was away.
pub const POSTING_RETRIES: &str = "tellers_posting_retries_total";
/// Counter: messages and jobs that were given up and kept.
pub const DEAD_LETTERS: &str = "tellers_dead_letters_total";
/// Gauge: lanes that this worker serves.
pub const LANES_HELD: &str = "tellers_lanes_held";

/// Histogram: from the time that a job joins its lane's line until its envelope is handed to the queue.
pub const PUBLISH_WAIT_SECONDS: &str = "tellers_publish_wait_seconds";
/// Histogram: from handing an envelope to the queue to its confirmation.
pub const PUBLISH_CONFIRM_SECONDS: &str = "tellers_publish_confirm_seconds";
/// Histogram: a part of posting a batch. Label [`PHASE`].
pub const POSTING_PHASE_SECONDS: &str = "tellers_posting_phase_seconds";
/// Counter: batches that the ledger itself tried again. Label [`REASON`].
pub const LEDGER_RETRIES: &str = "tellers_ledger_retries_total";

/// The part of posting: `connect`, `refer`, `lock_and_read`, `fold` or `write_and_commit`.
pub const PHASE: &str = "phase";
/// Why, in a word or two.
pub const REASON: &str = "reason";

/// Gauge: connections of a pool. Labels [`POOL`] and [`STATE`].
pub const POOL_CONNECTIONS: &str = "tellers_pool_connections";
/// Gauge: tasks that wait for a connection. Label [`POOL`].
pub const POOL_WAITING: &str = "tellers_pool_waiting";
/// Histogram: waiting for a connection. Label [`POOL`].
pub const POOL_ACQUIRE_SECONDS: &str = "tellers_pool_acquire_seconds";
/// Counter: tasks that gave up waiting for a connection. Label [`POOL`].
pub const POOL_TIMEOUTS: &str = "tellers_pool_timeouts_total";

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

/// Gauge of the monitor: how many workers there should be. `NaN`: not known.
pub const WORKERS_WANTED: &str = "tellers_workers_wanted";
/// Gauge of the monitor: the fleet's health, 0 to 100.
pub const HEALTH_SCORE: &str = "tellers_health_score";
/// Gauge of the monitor: jobs that wait in a lane or are in its worker's hands; an estimate on RabbitMQ. Label [`LANE`].
pub const LANE_DEPTH_JOBS: &str = "tellers_lane_depth_jobs";
/// Gauge of the monitor: messages that wait in a lane. Label [`LANE`].
pub const LANE_DEPTH_MESSAGES: &str = "tellers_lane_depth_messages";
/// Gauge of the monitor: age of a lane's oldest job without an outcome. Label [`LANE`].
pub const LANE_LAG_SECONDS: &str = "tellers_lane_lag_seconds";
/// Gauge of the monitor: 1 if a lane has a live worker and a consumer, else 0; `NaN`: no report reaches the
/// monitor. Label [`LANE`].
pub const LANE_SERVED: &str = "tellers_lane_served";
/// Gauge of the monitor: how far the replica's clock that differs most is from most others', in seconds; `NaN`: not known.
pub const CLOCK_SKEW_SECONDS: &str = "tellers_clock_skew_seconds";
/// Gauge of the monitor: dead letters that wait for an operator.
pub const DEAD_LETTERS_WAITING: &str = "tellers_dead_letters_waiting";
/// Gauge of the monitor: 1 if an alert fires, else 0. Label [`ALERT`].
pub const ALERT_FIRING: &str = "tellers_alert_firing";
/// Gauge of the monitor: replicas by [`ROLE`] and [`STATE`] (`live` or `lost`). `NaN`: no report reaches the
/// monitor.
pub const REPLICAS: &str = "tellers_replicas";
/// Gauge of the monitor: jobs since it counts, by [`STATE`]: `accepted` = `posted` + `rejected` + `dead` + `duplicate` +
/// `conflict` + `in_flight`.
pub const RECONCILIATION_JOBS: &str = "tellers_reconciliation_jobs";
/// Gauge of the monitor: accepted jobs that are nowhere while nothing waits; zero if all is well, `NaN` while jobs
/// are on their way.
pub const RECONCILIATION_UNACCOUNTED: &str = "tellers_reconciliation_unaccounted_jobs";
/// Gauge of the monitor: 1 if debits equal credits in every currency, else 0.
pub const BOOKS_BALANCED: &str = "tellers_books_balanced";
/// Gauge of the monitor: the version of the settings in force.
pub const SETTINGS_VERSION: &str = "tellers_settings_version";

/// A lane's number.
pub const LANE: &str = "lane";
/// An alert's name.
pub const ALERT: &str = "alert";
/// What a replica does: `api`, `worker` or `monitor`.
pub const ROLE: &str = "role";
