//! Settling a batch: post it, keep what cannot be posted, tell who waits. Acknowledging comes after.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use contract::envelope::{self, Enclosed};
use contract::message;
use contract::result::{JobResult, JobResults};
use domain::job::Job;
use domain::lane::Lane;
use domain::outcome::Outcome;
use jiff::Timestamp;
use queue::DeadLetter;
use store::ledger::LedgerError;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::Shared;
use crate::batch::Batch;
use crate::lane::retry_delays;
use crate::poster::Settled;

/// Settles a batch and returns true once every job of it has its verdict in the ledger or is kept as a
/// dead letter. False: `stop` came while the ledger or the queue was away; acknowledge nothing.
pub(crate) async fn settle(shared: &Shared, batch: Batch, stop: &CancellationToken) -> bool {
    let Batch { lane, jobs, reply_to, redelivered, unreadable, .. } = batch;
    let Some((jobs, results)) = post_all(shared, lane, jobs, stop).await else { return false };
    for ((job, redelivered), result) in jobs.iter().zip(redelivered).zip(&results) {
        if let Ok(outcome) = result {
            shared.figures.settled(job, redelivered, *outcome);
        }
        if !settle_job(shared, lane, job, result, stop).await {
            return false;
        }
    }
    for (payload, cause) in unreadable {
        if !bury(shared, lane, payload, cause, stop).await {
            return false;
        }
        shared.figures.died();
    }
    tell_who_waits(shared, &jobs, &reply_to, &results).await;
    true
}

/// Posts an envelope or more, however large, and gives the jobs back with what became of them.
async fn post_all(
    shared: &Shared,
    lane: Lane,
    mut jobs: Vec<Job>,
    stop: &CancellationToken,
) -> Option<(Vec<Job>, Vec<Settled>)> {
    let (mut settled, mut results) = (Vec::with_capacity(jobs.len()), Vec::with_capacity(jobs.len()));
    let mut at_once = usize::MAX;
    while !jobs.is_empty() {
        // An envelope may hold more jobs than this worker posts at a time.
        let batch_jobs_max = shared.settings.borrow().batch_jobs_max();
        let rest = jobs.split_off(jobs.len().min(batch_jobs_max).min(at_once));
        match post(shared, lane, jobs, stop).await? {
            Tried::Settled(posted, outcomes) => {
                settled.extend(posted);
                results.extend(outcomes);
                jobs = rest;
            }
            Tried::Late(late) => {
                at_once = (late.len() / SMALLER).max(1);
                jobs = [late, rest].concat();
            }
        }
    }
    Some((settled, results))
}

/// By what a batch is divided whose time ran out: the ledger halved it twice itself.
const SMALLER: usize = 4;

/// What became of a batch.
enum Tried {
    /// The jobs, and what became of each.
    Settled(Vec<Job>, Vec<Settled>),
    /// The jobs, all of which the ledger does not post in time.
    Late(Vec<Job>),
}

/// Posts until the ledger takes it, or is too slow for it; `None` after `stop`, and where the jobs must be taken off the
/// lane anew.
async fn post(shared: &Shared, lane: Lane, mut jobs: Vec<Job>, stop: &CancellationToken) -> Option<Tried> {
    let mut delays = retry_delays();
    loop {
        let answer = shared.poster.post(jobs).await;
        match answer {
            Some((posted, Ok(results))) => {
                shared.figures.held_up.posted(lane);
                return Some(Tried::Settled(posted, results));
            }
            Some((unposted, Err(failure))) => {
                shared.figures.retried();
                match &failure {
                    LedgerError::Obstructed(why) => shared.figures.held_up.obstructed(lane, why.clone()),
                    failure => shared.figures.held_up.failed(lane, failure.to_string()),
                }
                if !pause(&mut delays, stop, lane, "the batch could not be posted", &failure).await {
                    return None;
                }
                if matches!(failure, LedgerError::TimedOut(_)) {
                    return Some(Tried::Late(unposted));
                }
                jobs = unposted;
            }
            None => {
                let failure = LedgerError::Transient("the posting broke off".to_owned());
                pause(&mut delays, stop, lane, "the lane is taken up again", &failure).await;
                return None;
            }
        }
    }
}

async fn settle_job(
    shared: &Shared,
    lane: Lane,
    job: &Job,
    result: &Settled,
    stop: &CancellationToken,
) -> bool {
    match result {
        // A conflict too: the ledger has noted it with the job whose identity it came under.
        Ok(_) => true,
        Err(cause) => {
            error!(id = %job.id, %lane, cause, "a job cannot be posted; it is kept as a dead letter");
            let kept = record_dead(shared, lane, job, cause, stop).await
                && bury(shared, lane, alone(job), cause.clone(), stop).await;
            if kept {
                shared.figures.died();
            }
            kept
        }
    }
}

/// Writes the row for those who ask for the job, trying until the ledger answers; false after `stop`. A
/// ledger that refuses the row too does not hold up the letter, which is what counts.
async fn record_dead(shared: &Shared, lane: Lane, job: &Job, cause: &str, stop: &CancellationToken) -> bool {
    let mut delays = retry_delays();
    loop {
        match shared.parts.ledger.record_dead(job, cause).await {
            Ok(()) => return true,
            Err(failure @ LedgerError::Permanent(_)) => {
                warn!(id = %job.id, %failure, "a dead job could not be recorded");
                return true;
            }
            Err(failure) => {
                if !pause(&mut delays, stop, lane, "a dead job could not be recorded", &failure).await {
                    return false;
                }
            }
        }
    }
}

/// Keeps a dead letter, trying until the queue has it; false after `stop`.
pub(crate) async fn bury(
    shared: &Shared,
    lane: Lane,
    payload: Bytes,
    cause: String,
    stop: &CancellationToken,
) -> bool {
    // The same message that is given up twice, around a crash, bears the same id.
    let id = blake3::hash(&payload).to_hex().chars().take(LETTER_ID_CHARS).collect();
    let letter = DeadLetter { id, lane, cause, at: Timestamp::now(), payload };
    let mut delays = retry_delays();
    loop {
        match shared.parts.queue.dead_letter(letter.clone()).await {
            Ok(()) => {
                shared.figures.buried();
                warn!(%lane, letter = letter.id, cause = letter.cause, "a dead letter was kept");
                return true;
            }
            Err(failure) => {
                if !pause(&mut delays, stop, lane, "a dead letter could not be kept", &failure).await {
                    return false;
                }
            }
        }
    }
}

/// Hexadecimal digits of a dead letter's id: 64 bits, short enough to type.
const LETTER_ID_CHARS: usize = 16;

/// The job in an envelope of its own, ready to be replayed.
fn alone(job: &Job) -> Bytes {
    // A body that was read has a JSON form, and so has the rest.
    let json = message::write(job.id, &job.client, None, &job.former, &job.body).unwrap_or_default();
    let accepted_at = Timestamp::from_microsecond(job.accepted_at).unwrap_or_default();
    envelope::write(&job.ingress, [Enclosed { accepted_at, origin: job.origin, job: &json }])
}

async fn tell_who_waits(shared: &Shared, jobs: &[Job], reply_to: &[Option<String>], results: &[Settled]) {
    let mut told: BTreeMap<&str, Vec<JobResult>> = BTreeMap::new();
    for ((job, reply_to), result) in jobs.iter().zip(reply_to).zip(results) {
        // The ingress that accepted a conflict took its body for the one that has the id.
        let in_conflict = matches!(result, Ok(Outcome::Conflict(_))).then_some(&job.ingress);
        let replicas = [reply_to.as_ref(), in_conflict];
        for replica in replicas.into_iter().flatten().collect::<BTreeSet<_>>() {
            let result = match result {
                Ok(outcome) => JobResult::of(job, *outcome),
                Err(_) => JobResult::dead(job),
            };
            told.entry(replica).or_default().push(result);
        }
    }
    for (replica, results) in told {
        let results = JobResults { results };
        match serde_json::to_vec(&results) {
            Ok(json) => shared.parts.bus.tell(replica, Bytes::from(json)).await,
            Err(error) => warn!(%error, replica, "results could not be written"),
        }
    }
}

/// Logs a failure and waits before the next attempt; false if `stop` came.
async fn pause(
    delays: &mut (impl Iterator<Item = std::time::Duration> + Send),
    stop: &CancellationToken,
    lane: Lane,
    what: &str,
    failure: &(dyn std::error::Error + Send + Sync),
) -> bool {
    let delay = delays.next().unwrap_or_default();
    warn!(%lane, %failure, retry_in = ?delay, "{what}");
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = tokio::time::sleep(delay) => true,
    }
}
