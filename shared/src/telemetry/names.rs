//! Every metric's name. Base units, the unit last, `tellers_` first.

/// Counter: batches that were posted.
pub const BATCHES_POSTED: &str = "tellers_batches_posted_total";
/// Counter: jobs with an outcome, by `outcome` and `reason`.
pub const JOBS_SETTLED: &str = "tellers_jobs_settled_total";
/// Histogram: jobs in a batch.
pub const BATCH_JOBS: &str = "tellers_batch_jobs";
/// Histogram: from the first statement of a batch to its commit.
pub const POSTING_SECONDS: &str = "tellers_posting_seconds";
/// Histogram: from a job's acceptance to the commit of its batch.
pub const ACCEPTED_TO_POSTED_SECONDS: &str = "tellers_accepted_to_posted_seconds";
/// Counter: batches that were tried again because the ledger was away.
pub const POSTING_RETRIES: &str = "tellers_posting_retries_total";
/// Counter: messages and jobs that were given up and kept.
pub const DEAD_LETTERS: &str = "tellers_dead_letters_total";
/// Gauge: lanes that this worker serves.
pub const LANES_HELD: &str = "tellers_lanes_held";
