//! `/api/scalability/dead-letters`: what could not be posted and waits for an operator.

use std::collections::BTreeMap;

use serde::Serialize;
use strum::IntoStaticStr;
use utoipa::ToSchema;

pub use crate::dead_letters::filter::LetterFilter;
pub use crate::dead_letters::page::CauseCount;

/// The dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetters {
    /// Number of dead letters that are kept, of those that are asked for.
    pub count: u64,
    /// How many of them have which cause, the most frequent first.
    pub by_cause: Vec<CauseCount>,
    /// The dead letters of this page, the oldest first.
    pub letters: Vec<DeadLetterView>,
    /// The cursor of the next page; `null`: this is the last.
    pub next: Option<String>,
}

/// A job or a message that could not be posted. What cannot be read of it is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetterView {
    /// The dead letter's id, for replay and discard.
    pub id: String,
    /// The lane that the job came from; `null`: the job has no lane, such as an analysis.
    pub lane: Option<u16>,
    /// Why it could not be posted, in a sentence.
    pub cause: String,
    /// When the job or message was given up the last time (RFC 3339, UTC).
    pub at: String,
    /// When it was given up for the first time: earlier where it was replayed meanwhile.
    pub first_failed_at: String,
    /// How often it was given up: 1, and one more for each replay that failed.
    pub attempts: u32,
    /// How many jobs it holds: more than one where the broker put it there, none where it cannot be read.
    pub jobs: usize,
    /// The id of its job, or of its first one.
    pub job: Option<String>,
    /// The client that submitted the job.
    pub client: Option<String>,
    /// The job's kind.
    pub kind: Option<String>,
    /// The accounts that the job names.
    pub accounts: Vec<String>,
    /// The job's amount in minor units.
    pub amount: Option<i64>,
    /// The currency of the amount (ISO 4217).
    pub currency: Option<String>,
    /// The client's reference.
    pub reference: Option<String>,
    /// The beginning of the job or message, as text; all of it where one is asked for.
    pub payload: String,
}

/// What would become of dead letters that are replayed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Preview {
    /// Which dead letters were looked at: give this filter to `replay` or `discard`, with `matched`. Its `until` leaves out what
    /// is given up from now on.
    pub filter: LetterFilter,
    /// Number of dead letters that the filter wants.
    pub matched: u64,
    /// How many of them have which cause, the most frequent first.
    pub by_cause: Vec<CauseCount>,
    /// How many of the letters of this page get which answer.
    pub by_answer: BTreeMap<&'static str, u64>,
    /// The letters of this page, each with its answer, the oldest first.
    pub letters: Vec<TriedLetter>,
    /// The cursor of the next page; `null`: this is the last.
    pub next: Option<String>,
}

/// A dead letter with what would become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TriedLetter {
    /// The dead letter.
    #[serde(flatten)]
    pub letter: DeadLetterView,
    /// What would become of its job.
    pub answer: Answer,
    /// Why it would be rejected, or was.
    #[schema(value_type = Option<String>)]
    pub reason: Option<&'static str>,
    /// Why it would be a dead letter again, or why it is not known, in a sentence.
    pub why: Option<String>,
}

/// What would become of a job that is replayed now.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, strum::IntoStaticStr, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Answer {
    /// It would be posted.
    WouldPost,
    /// It would be rejected: `reason` says why.
    WouldReject,
    /// It is posted already: a replay changes nothing.
    AlreadyPosted,
    /// It was rejected already: a replay changes nothing.
    AlreadyRejected,
    /// Somebody cancelled it: a replay changes nothing.
    Cancelled,
    /// It would wait for the day on which it is to be executed, or does so already.
    Scheduled,
    /// Another job has its id: a replay changes nothing.
    Conflict,
    /// It would be a dead letter again: `why` says why.
    StillFails,
    /// It is not known: `why` says why not.
    Unknown,
}

/// What an operator did with a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum WhatWasDone {
    /// The job is on its lane again.
    Replayed,
    /// The dead letter is gone.
    Discarded,
}

/// What was done with the dead letters that a filter wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Acted {
    /// `replayed` or `discarded`.
    pub done: WhatWasDone,
    /// Number of dead letters that are gone.
    pub letters: u64,
    /// Number of jobs that are on their lanes again.
    pub jobs: u64,
    /// Number of dead letters that stay although they are wanted.
    pub kept: u64,
    /// Of these the first 100, and why.
    pub kept_letters: Vec<KeptLetter>,
}

/// A dead letter that stays where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeptLetter {
    /// The dead letter's id.
    pub id: String,
    /// Why it stays, in a sentence.
    pub why: String,
}
