//! Finishing a batch: post it, keep what cannot be posted, tell who waits, publish the events. Acknowledging comes after.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use contract::envelope::{self, Enclosed, Failed};
use contract::message;
use contract::result::{JobResult, JobResults};
use domain::job::Job;
use domain::lane::Lane;
use domain::outcome::Outcome;
use jiff::Timestamp;
use queue::DeadLetter;
use queue::replay::is_replay;
use runtime::traces::Span;
use store::StoreError;
use store::ledger::Applied;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::batch::{Batch, Unreadable, once_more};
use crate::context::Shared;
use crate::events::{self, Came, FinishedBatch};
use crate::figures::Row;
use crate::lane::retry_delays;
use crate::poster::{Answer, Finished};

/// How long the event stream is waited for once a lane is to be handed over.
const ANNOUNCE_TIMEOUT: Duration = Duration::from_millis(500);

/// Finishes a batch and returns true once every job of it has its outcome in the ledger or is kept as a
/// dead letter, and the event stream has what became of it. False: `stop` came while the ledger or the queue was away;
/// acknowledge nothing.
pub(crate) async fn finish_batch(
    shared: &Shared,
    batch: Batch,
    at_once: &mut AtOnce,
    stop: &CancellationToken,
) -> bool {
    let Batch { lane, jobs, reply_to, redelivered, failed, traces, unreadable, .. } = batch;
    let span = Span::of_batch(i64::from(lane.0), jobs.len(), &traces);
    let Some((jobs, results)) = post_all(shared, lane, at_once, jobs, stop).await else { return false };
    let finished = Instant::now();
    if let Some(span) = span {
        end(span, &results);
    }
    let came = redelivered.into_iter().zip(failed);
    let came: Vec<_> = came.map(|(redelivered, failed)| Came { redelivered, failed }).collect();
    for (place, ((job, came), result)) in jobs.iter().zip(&came).zip(&results).enumerate() {
        let Came { redelivered, failed } = *came;
        if let Ok(applied) = result {
            shared.figures.finished(job, redelivered, applied.outcome);
        }
        let Err(cause) = result else { continue };
        // Recorded before a twin that is behind it in this batch.
        let has_twin = jobs.iter().skip(place + 1).any(|twin| twin.id == job.id);
        let was_counted = redelivered || has_twin || is_replay(&job.ingress);
        let Some(row) = give_up(shared, job, failed, cause, stop).await else { return false };
        if row == Row::Known && !was_counted {
            shared.figures.came_again(lane);
        }
        shared.figures.died(lane, row);
    }
    for Unreadable { payload, kept, cause } in unreadable {
        let letter = letter(lane, &payload, kept, cause);
        if !keep_dead_letter(shared, letter, stop).await {
            return false;
        }
        shared.figures.died(lane, Row::Missing);
    }
    tell_who_waits(shared, &jobs, &reply_to, &results).await;
    shared.figures.sent_results(finished.elapsed());
    let batch = FinishedBatch { jobs: &jobs, came: &came, results: &results };
    announce(shared, lane, &batch, stop).await
}

/// Publishes what became of the jobs; false after `stop`.
async fn announce(shared: &Shared, lane: Lane, batch: &FinishedBatch<'_>, stop: &CancellationToken) -> bool {
    let started = Instant::now();
    let mut delays = retry_delays();
    let events = loop {
        match events::of_batch(shared.parts.ledger.as_ref(), batch).await {
            Ok(events) => break events,
            Err(failure) => {
                if !pause(&mut delays, stop, lane, "events could not be read", &failure).await {
                    return false;
                }
            }
        }
    };
    let announced = tokio::select! {
        biased;
        announced = shared.announcer.announce(lane, &events) => announced,
        () = given_up(stop) => false,
    };
    shared.figures.announced(started.elapsed());
    announced
}

/// A stream that takes nothing holds no lane that is to be handed over.
async fn given_up(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(ANNOUNCE_TIMEOUT).await;
}

/// Ends the span of a batch that is committed, with what became of its jobs.
fn end(mut span: Span, results: &[Finished]) {
    let outcome = |result: &Finished| result.as_ref().ok().map(|applied| applied.outcome);
    let count = |is: fn(Option<Outcome>) -> bool| {
        i64::try_from(results.iter().filter(|result| is(outcome(result))).count()).unwrap_or(i64::MAX)
    };
    span.set("tellers.posted", count(|outcome| matches!(outcome, Some(Outcome::Posted))));
    span.set("tellers.rejected", count(|outcome| matches!(outcome, Some(Outcome::Rejected(_)))));
    let dead = count(|outcome| outcome.is_none());
    span.set("tellers.dead", dead);
    if dead > 0 {
        span.failed("jobs were given up");
    }
}

/// How many jobs of a lane are posted at once: fewer where the ledger did not post them in time, and then more again,
/// little by little, so that a slow ledger does not run into its time at full size with each batch.
#[derive(Debug)]
pub(crate) struct AtOnce(usize);

/// By what a batch is divided whose time ran out: the ledger halved it twice itself.
const SMALLER: usize = 4;
/// By what share of itself the size grows after each batch of it.
const GROWTH: usize = 8;

impl Default for AtOnce {
    fn default() -> AtOnce {
        AtOnce(usize::MAX)
    }
}

impl AtOnce {
    /// So many jobs were not posted in time, or not at once.
    fn late(&mut self, jobs: usize) {
        self.0 = (jobs / SMALLER).max(1);
    }

    /// So many jobs were posted in time.
    fn posted(&mut self, jobs: usize) {
        if jobs >= self.0 {
            self.0 = self.0.saturating_add(self.0 / GROWTH + 1);
        }
    }
}

/// Posts an envelope or more, however large, until the ledger has taken all of it, and gives the jobs back with what became
/// of each. `None` after `stop`, and where the worker must take the jobs off the lane anew.
async fn post_all(
    shared: &Shared,
    lane: Lane,
    at_once: &mut AtOnce,
    jobs: Vec<Job>,
    stop: &CancellationToken,
) -> Option<(Vec<Job>, Vec<Finished>)> {
    // In the order of the lane. A job that is finished stays so while others are tried again.
    let mut batch: Vec<(Option<Job>, Option<Finished>)> =
        jobs.into_iter().map(|job| (Some(job), None)).collect();
    let mut delays = retry_delays();
    loop {
        // An envelope may hold more jobs than this worker posts at a time.
        let jobs_max = shared.settings.borrow().batch_jobs_max().min(at_once.0);
        let mut places: Vec<_> =
            batch.iter_mut().filter(|(_, finished)| finished.is_none()).take(jobs_max).collect();
        if places.is_empty() {
            return Some(batch.into_iter().filter_map(|(job, finished)| Some((job?, finished?))).unzip());
        }
        let jobs: Vec<_> = places.iter_mut().filter_map(|(job, _)| job.take()).collect();
        let tried = jobs.len();
        let Some(Answer { jobs, failure, was_late }) = shared.poster.post(jobs).await else {
            let failure = StoreError::Transient("the posting broke off".to_owned());
            pause(&mut delays, stop, lane, "the worker takes the lane up again", &failure).await;
            return None;
        };
        for (place, (job, finished)) in places.into_iter().zip(jobs) {
            *place = (Some(job), finished);
        }
        let Some(failure) = failure else {
            shared.figures.held_up.posted(lane);
            if was_late {
                at_once.late(tried)
            } else {
                at_once.posted(tried)
            }
            delays = retry_delays();
            continue;
        };
        shared.figures.retried();
        match &failure {
            StoreError::Obstructed(why) | StoreError::RightMissing(why) => {
                shared.figures.held_up.obstructed(lane, why.clone());
            }
            failure => shared.figures.held_up.failed(lane, failure.to_string()),
        }
        if !pause(&mut delays, stop, lane, "the batch could not be posted", &failure).await {
            return None;
        }
        if matches!(failure, StoreError::TimedOut(_)) {
            at_once.late(tried);
            delays = retry_delays();
        }
    }
}

/// Records a job as dead and keeps it as a dead letter; `None` after `stop`.
async fn give_up(
    shared: &Shared,
    job: &Job,
    failed: Option<Failed>,
    cause: &str,
    stop: &CancellationToken,
) -> Option<Row> {
    let lane = job.lane;
    error!(id = %job.id, %lane, cause, "a job cannot be posted; it is kept as a dead letter");
    let row = record_dead(shared, lane, job, cause, stop).await?;
    let (payload, kept) = (alone(job, failed), alone(job, Some(once_more(failed))));
    let letter = letter(lane, &payload, kept, cause.to_owned());
    keep_dead_letter(shared, letter, stop).await.then_some(row)
}

/// Writes the row for those who ask for the job, trying until the ledger answers; `None` after `stop`. A
/// ledger that refuses the row too does not hold up the letter, which is what counts.
async fn record_dead(
    shared: &Shared,
    lane: Lane,
    job: &Job,
    cause: &str,
    stop: &CancellationToken,
) -> Option<Row> {
    let mut delays = retry_delays();
    let mut was_tried = false;
    loop {
        match shared.parts.ledger.record_dead(job, cause).await {
            Ok(true) => return Some(Row::Recorded),
            // Perhaps by an attempt whose answer was lost.
            Ok(false) => return Some(if was_tried { Row::Recorded } else { Row::Known }),
            Err(failure @ StoreError::Permanent(_)) => {
                warn!(id = %job.id, %failure, "a dead job could not be recorded");
                return Some(Row::Missing);
            }
            Err(failure) => {
                if !pause(&mut delays, stop, lane, "a dead job could not be recorded", &failure).await {
                    return None;
                }
                was_tried = true;
            }
        }
    }
}

/// Keeps a dead letter, trying until the queue has it; false after `stop`.
pub(crate) async fn keep_dead_letter(shared: &Shared, letter: DeadLetter, stop: &CancellationToken) -> bool {
    let lane = letter.lane;
    let mut delays = retry_delays();
    loop {
        match shared.parts.queue.dead_letter(letter.clone()).await {
            Ok(()) => {
                shared.figures.dead_letter_kept();
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

/// What is given up now, under an id of the message that it came in: the same message that is given up twice, around a
/// crash, bears the same id, whatever is `kept` of it.
pub(crate) fn letter(lane: Lane, message: &[u8], kept: Bytes, cause: String) -> DeadLetter {
    let id = blake3::hash(message).to_hex().chars().take(LETTER_ID_CHARS).collect();
    DeadLetter { id, lane, cause, at: Timestamp::now(), payload: kept }
}

/// Hexadecimal digits of a dead letter's id: 64 bits, short enough to type.
const LETTER_ID_CHARS: usize = 16;

/// The job in an envelope of its own, ready to be replayed.
fn alone(job: &Job, failed: Option<Failed>) -> Bytes {
    // A body that was read has a JSON form, and so has the rest.
    let json = message::write(job.id, &job.client, None, &job.former, job.grant.as_ref(), &job.body)
        .unwrap_or_default();
    let accepted_at = Timestamp::from_microsecond(job.accepted_at).unwrap_or_default();
    envelope::write(
        &job.ingress,
        [Enclosed { accepted_at, origin: job.origin, failed, trace: None, job: &json }],
    )
}

async fn tell_who_waits(shared: &Shared, jobs: &[Job], reply_to: &[Option<String>], results: &[Finished]) {
    let mut by_replica: BTreeMap<&str, Vec<JobResult>> = BTreeMap::new();
    for ((job, reply_to), result) in jobs.iter().zip(reply_to).zip(results) {
        // The ingress that accepted a conflict took its body for the one that has the id.
        let is_conflict = |applied: &Applied| matches!(applied.outcome, Outcome::Conflict(_));
        let in_conflict = result.as_ref().is_ok_and(is_conflict).then_some(&job.ingress);
        let replicas = [reply_to.as_ref(), in_conflict];
        for replica in replicas.into_iter().flatten().collect::<BTreeSet<_>>() {
            let result = match result {
                Ok(applied) => JobResult::of(job, applied.outcome),
                Err(_) => JobResult::dead(job),
            };
            by_replica.entry(replica).or_default().push(result);
        }
    }
    for (replica, results) in by_replica {
        let results = JobResults { results };
        match serde_json::to_vec(&results) {
            Ok(json) => shared.parts.bus.tell(replica, Bytes::from(json)).await,
            Err(error) => warn!(%error, replica, "results could not be written"),
        }
    }
}

/// Logs a failure and waits before the next attempt; false if `stop` came.
async fn pause(
    delays: &mut (impl Iterator<Item = Duration> + Send),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_ledger_gets_the_size_that_it_posted_in_time_and_more_little_by_little() {
        let mut at_once = AtOnce::default();
        at_once.posted(100);
        assert_eq!(at_once.0, usize::MAX);
        at_once.late(100);
        assert_eq!(at_once.0, 25);
        at_once.posted(10);
        assert_eq!(at_once.0, 25, "a smaller one shows nothing");
        at_once.posted(25);
        assert_eq!(at_once.0, 29);
        for _ in 0..400 {
            at_once.posted(at_once.0);
        }
        assert_eq!(at_once.0, usize::MAX);
        at_once.late(3);
        assert_eq!(at_once.0, 1);
    }
}
