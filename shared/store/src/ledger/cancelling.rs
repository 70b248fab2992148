//! Jobs that are cancelled while they wait.

use domain::cancellation::Whose;
use domain::text::Why;

use super::record::JobRecord;

/// Who wants an id cancelled, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCancellation {
    /// Whose jobs it stops.
    pub whose: Whose,
    /// The client that asks for it.
    pub by: String,
    /// Why.
    pub reason: Option<Why>,
}

/// A cancellation that is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// Whose jobs it stops.
    pub whose: Whose,
    /// The client that asked for it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// When, in microseconds since the Unix epoch.
    pub at: i64,
}

/// What became of the wish to cancel a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// The job never posts, whether or not it was accepted already: by this cancellation, or by one that stops the same jobs
    /// and was there before.
    Waiting(Cancellation),
    /// It has its outcome.
    Recorded(Box<JobRecord>),
}
