//! Trials: a monitor asks a worker what it would make of dead letters now, and gets an answer for each.
//!
//! The worker posts their jobs as it would after a replay, and rolls that back. So its answer is that of the release, the rules
//! and the database that the replay would meet. Best effort, over the bus: no answer means that nobody knows.

use domain::outcome::Rejection;
use serde::{Deserialize, Serialize};

/// Letters of one request at the most: a batch.
pub const TRIAL_LETTERS_MAX: usize = 100;

/// What a monitor asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialRequest {
    /// Tells the answer from others.
    pub number: u64,
    /// The replica that asks.
    pub reply_to: String,
    /// What the letters hold, as text, in the order of a replay: at most [`TRIAL_LETTERS_MAX`].
    pub letters: Vec<String>,
}

/// What a worker answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialAnswer {
    /// That of the request.
    pub number: u64,
    /// One for each letter: what would become of its job, or of the first of its jobs that would not be posted.
    pub letters: Vec<Tried>,
}

/// What would become of a job that is replayed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Tried {
    /// It would be posted.
    WouldPost,
    /// It would be rejected.
    WouldReject {
        /// Why.
        reason: Rejection,
    },
    /// It is posted already: a replay changes nothing.
    AlreadyPosted,
    /// It was rejected already: a replay changes nothing.
    AlreadyRejected {
        /// Why.
        reason: Rejection,
    },
    /// It was cancelled: a replay changes nothing.
    Cancelled,
    /// It would wait for the day on which it is to be executed, or does so already.
    Scheduled,
    /// Another job has its id: it never takes effect.
    Conflict,
    /// It would be a dead letter again.
    StillFails {
        /// Why, in a sentence.
        cause: String,
    },
    /// It is not known.
    Unknown {
        /// Why not, in a sentence.
        why: String,
    },
}
