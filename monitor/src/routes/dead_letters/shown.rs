//! Dead letters as they are shown.

use contract::trial::Tried;
use domain::account::AccountNumber;
use domain::lane::Lane;
use jiff::Timestamp;
use queue::DeadLetter;
use queue::dead_letter::LetterJob;

use crate::views::dead_letters::{Answer, DeadLetterView, TriedLetter};

/// Characters of a payload that are shown of each of many.
pub(super) const PAYLOAD_CHARS_MAX: usize = 2_000;

pub(super) fn view(letter: &DeadLetter, jobs: &[LetterJob], payload_chars: usize) -> DeadLetterView {
    let first = jobs.first().cloned().unwrap_or_default();
    let before = first.failed.filter(|failed| failed.attempts > 1);
    let first_at = before.and_then(|failed| Timestamp::from_microsecond(failed.first_at).ok());
    DeadLetterView {
        id: letter.id.clone(),
        lane: (letter.lane != Lane::NONE).then_some(letter.lane.0),
        cause: letter.cause.clone(),
        at: letter.at.to_string(),
        // The clock of another worker may be behind.
        first_failed_at: first_at.unwrap_or(letter.at).min(letter.at).to_string(),
        attempts: first.failed.map_or(1, |failed| failed.attempts),
        jobs: jobs.len(),
        job: first.id,
        client: first.client,
        kind: first.kind,
        accounts: first.accounts.iter().map(AccountNumber::to_string).collect(),
        amount: first.amount,
        currency: first.currency,
        reference: first.reference,
        payload: String::from_utf8_lossy(&letter.payload).chars().take(payload_chars).collect(),
    }
}

pub(super) fn tried(letter: DeadLetterView, tried: Tried) -> TriedLetter {
    let (answer, reason, why) = match tried {
        Tried::WouldPost => (Answer::WouldPost, None, None),
        Tried::WouldReject { reason } => (Answer::WouldReject, Some(reason), None),
        Tried::AlreadyPosted => (Answer::AlreadyPosted, None, None),
        Tried::AlreadyRejected { reason } => (Answer::AlreadyRejected, Some(reason), None),
        Tried::Cancelled => (Answer::Cancelled, None, None),
        Tried::Scheduled => (Answer::Scheduled, None, None),
        Tried::Conflict => (Answer::Conflict, None, None),
        Tried::StillFails { cause } => (Answer::StillFails, None, Some(cause)),
        Tried::Unknown { why } => (Answer::Unknown, None, Some(why)),
    };
    TriedLetter { letter, answer, reason: reason.map(|reason| reason.name()), why }
}
