//! `GET /api/scalability/dead-letters`: what could not be posted and waits for an operator.

use serde::Serialize;
use utoipa::ToSchema;

/// The dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetters {
    /// Number of dead letters that are kept.
    pub count: u64,
    /// The oldest dead letters, the oldest first.
    pub letters: Vec<DeadLetterView>,
}

/// A job or a message that could not be posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetterView {
    /// The dead letter's id, for replay and discard.
    pub id: String,
    /// The lane that the job came from; `null`: the job has no lane, such as an analysis.
    pub lane: Option<u16>,
    /// Why it could not be posted, in a sentence.
    pub cause: String,
    /// When the job or message was given up (RFC 3339, UTC).
    pub at: String,
    /// The beginning of the job or message, as text.
    pub payload: String,
}
