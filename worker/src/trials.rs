//! Trials: what this worker would make of dead letters now, for a monitor that asks.
//!
//! One at a time, and a batch at a time: a trial locks accounts as a batch does.

use std::sync::Arc;

use bytes::Bytes;
use contract::envelope::{Envelope, QueuedJob};
use contract::message;
use contract::trial::{TRIAL_LETTERS_MAX, TrialAnswer, TrialRequest, Tried};
use domain::job::Job;
use domain::lane::{Lane, Lanes};
use domain::outcome::{Outcome, RecordedOutcome};
use queue::BATCH_JOBS_MAX;
use store::ledger::{Ledger, Unposted, try_bisecting};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::context::Shared;

/// Answers until `shutdown`.
pub(crate) async fn serve(shared: Arc<Shared>, shutdown: CancellationToken) {
    let mut inbox = shared.parts.bus.inbox(&shared.parts.replica).await;
    loop {
        let message = tokio::select! {
            received = inbox.recv() => match received {
                Ok(message) => message,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
            () = shutdown.cancelled() => return,
        };
        tokio::select! {
            () = answer(&shared, &message) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn answer(shared: &Shared, message: &[u8]) {
    let request: TrialRequest = match serde_json::from_slice(message) {
        Ok(request) => request,
        Err(error) => return debug!(%error, "a message to this worker is no trial that it knows"),
    };
    let letters = request.letters.get(..TRIAL_LETTERS_MAX).unwrap_or(&request.letters);
    let letters = try_letters(shared.parts.ledger.as_ref(), shared.parts.lanes, letters).await;
    match serde_json::to_vec(&TrialAnswer { number: request.number, letters }) {
        Ok(json) => shared.parts.bus.tell(&request.reply_to, Bytes::from(json)).await,
        Err(error) => warn!(%error, "the answer to a trial could not be written"),
    }
}

/// What would become of each letter, were they replayed in this order.
async fn try_letters(ledger: &dyn Ledger, lanes: Lanes, letters: &[String]) -> Vec<Tried> {
    let read: Vec<_> = letters.iter().map(|letter| read(letter, lanes)).collect();
    let jobs: Vec<Job> = read.iter().flatten().flatten().cloned().collect();
    let mut posted = Vec::with_capacity(jobs.len());
    // A letter that the broker put there has up to a hundred jobs.
    for some in jobs.chunks(BATCH_JOBS_MAX) {
        match try_bisecting(ledger, some).await {
            Ok(tried) => posted.extend(tried.into_iter().map(tried_of)),
            Err(failure) => {
                let why = format!("the ledger did not answer: {failure}");
                posted.extend(vec![Tried::Unknown { why }; some.len()]);
            }
        }
    }
    let mut posted = posted.into_iter();
    let of_letter = |letter: Result<Vec<Job>, String>| match letter {
        Ok(jobs) => first_in_the_way(posted.by_ref().take(jobs.len()).collect()),
        Err(cause) => Tried::StillFails { cause },
    };
    read.into_iter().map(of_letter).collect()
}

/// The jobs of a letter, as this worker would take them off their lanes; else why it would give them up.
fn read(letter: &str, lanes: Lanes) -> Result<Vec<Job>, String> {
    let envelope = Envelope::read(letter.as_bytes()).map_err(|error| error.to_string())?;
    let job = |json: &&serde_json::value::RawValue| {
        let queued = QueuedJob::read(json).map_err(|error| error.to_string())?;
        let read = message::read(queued.job.get(), Lane(0), &envelope.ingress, queued.accepted_at);
        let job = read.map_err(|error| error.to_string())?.job;
        Ok(Job { lane: job.spec.lane(lanes), origin: queued.import, ..job })
    };
    envelope.jobs.iter().map(job).collect()
}

/// Of the jobs of one letter the first that would not be posted.
fn first_in_the_way(mut jobs: Vec<Tried>) -> Tried {
    match jobs.iter().position(|tried| *tried != Tried::WouldPost) {
        Some(place) => jobs.swap_remove(place),
        None => Tried::WouldPost,
    }
}

fn tried_of(posted: Result<Outcome, Unposted>) -> Tried {
    match posted {
        Ok(Outcome::Posted | Outcome::Revived(RecordedOutcome::Posted)) => Tried::WouldPost,
        Ok(Outcome::Rejected(reason) | Outcome::Revived(RecordedOutcome::Rejected(reason))) => {
            Tried::WouldReject { reason }
        }
        Ok(Outcome::Duplicate(RecordedOutcome::Posted)) => Tried::AlreadyPosted,
        Ok(Outcome::Duplicate(RecordedOutcome::Rejected(reason))) => Tried::AlreadyRejected { reason },
        // The job before it in the same trial is dead, which the ledger does not know of a trial.
        Ok(Outcome::Duplicate(RecordedOutcome::Dead) | Outcome::Revived(RecordedOutcome::Dead)) => {
            Tried::Unknown { why: "the same job comes before it".to_owned() }
        }
        Ok(
            Outcome::Cancelled
            | Outcome::Duplicate(RecordedOutcome::Cancelled)
            | Outcome::Revived(RecordedOutcome::Cancelled),
        ) => Tried::Cancelled,
        Ok(
            Outcome::Scheduled
            | Outcome::Duplicate(RecordedOutcome::Scheduled)
            | Outcome::Revived(RecordedOutcome::Scheduled),
        ) => Tried::Scheduled,
        Ok(Outcome::Conflict(_)) => Tried::Conflict,
        Err(Unposted::Dead(cause)) => Tried::StillFails { cause },
        Err(Unposted::Waits(failure)) => Tried::Unknown { why: format!("its lane would wait: {failure}") },
    }
}
