//! What else is recorded of a job: where it came from, and what other jobs made of it.

use domain::hold::Hold;
use domain::id::JobId;

/// What is recorded of a job beside the job itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Related {
    /// The ingress replica that accepted it.
    pub ingress: String,
    /// When it was recorded as scheduled, in microseconds since the Unix epoch, if it was and is not any more.
    pub scheduled_at: Option<i64>,
    /// Why it could not be posted; it stays when a replay posts the job.
    pub cause: Option<String>,
    /// The job that reversed it.
    pub reversed_by: Option<JobId>,
    /// The hold that it made, captured or released.
    pub hold: Option<Hold>,
    /// What ended the hold that it made.
    pub hold_end: Option<HoldEnd>,
}

/// The job that captured or released a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldEnd {
    /// That job.
    pub by: JobId,
    /// When it was posted, in microseconds since the Unix epoch.
    pub at: i64,
    /// The fleet itself released the hold, since it had expired.
    pub is_expiry: bool,
}
