//! `GET /api/scalability/dead-letters`: what could not be posted and waits for an operator.

use serde::Serialize;
use utoipa::ToSchema;

/// Dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetters {
    /// How many are kept.
    pub count: u64,
    /// The oldest of them, oldest first.
    pub letters: Vec<DeadLetterView>,
}

/// A job or a message that could not be posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetterView {
    /// What to name to replay or discard it.
    pub id: String,
    /// The lane that it came from; `null`: it is work without an order.
    pub lane: Option<u16>,
    /// Why, in a sentence.
    pub cause: String,
    /// When it was given up (RFC 3339, UTC).
    pub at: String,
    /// The beginning of what was given up, as text.
    pub payload: String,
}
