//! Waiting for a job's outcome: a worker tells this replica, and in case it does not, the ledger is
//! looked into at growing intervals.

mod batch;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use bytes::Bytes;
use contract::result::{JobResult, JobResults};
use domain::fingerprint::Fingerprint;
use domain::id::JobId;
use domain::outcome::RecordedOutcome;
use store::ledger::{JobRecord, Reads};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::identity::Recent;

/// How soon the ledger is looked into where a worker will tell: a batch takes milliseconds, so the bus
/// is likely to be silent by then.
pub const REPORTED_POLL: Duration = Duration::from_millis(250);
/// The same where nobody will tell.
pub const UNREPORTED_POLL: Duration = Duration::from_millis(20);
/// The longest interval: what a thousand waiting clients cost the database is a thousand look-ups a
/// second.
const POLL_MAX: Duration = Duration::from_secs(1);

/// The clients that wait for outcomes, by job.
#[derive(Default)]
pub struct Replies {
    waiting: Mutex<HashMap<JobId, Vec<Expected>>>,
}

/// One client that waits.
struct Expected {
    /// Of the body that it sent; `None`: it only asks for the id.
    fingerprint: Option<Fingerprint>,
    listener: Listener,
}

/// Whom a report is for.
enum Listener {
    /// A client that waits for one job.
    One(oneshot::Sender<Reported>),
    /// One that waits for many, and where this one stands among them. Each is reported once, so there are never more
    /// messages than jobs.
    Many(mpsc::UnboundedSender<(usize, Reported)>, usize),
}

impl Listener {
    /// Who has gone away does not read it.
    fn tell(self, reported: Reported) {
        match self {
            Listener::One(sender) => drop(sender.send(reported)),
            Listener::Many(sender, place) => drop(sender.send((place, reported))),
        }
    }

    fn is_gone(&self) -> bool {
        match self {
            Listener::One(sender) => sender.is_closed(),
            Listener::Many(sender, _) => sender.is_closed(),
        }
    }
}

/// What a waiting client learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// What became of its job.
    Outcome(RecordedOutcome),
    /// The ledger holds another body under the id.
    Conflict,
}

/// How a wait ended.
#[derive(Debug)]
pub enum Ended {
    /// The ledger has it.
    Recorded(Box<JobRecord>),
    /// A worker reported it, and the ledger did not answer.
    Reported(RecordedOutcome),
    /// The ledger holds another body under the id.
    Conflict,
    /// The time is over, or the ingress stops.
    Unknown,
}

/// A place among the waiting; taken before the job is published, so that no answer is missed.
pub struct Ticket<'a> {
    replies: &'a Replies,
    id: JobId,
    fingerprint: Option<Fingerprint>,
    reported: oneshot::Receiver<Reported>,
}

impl Replies {
    /// Begins to listen for what becomes of a job; with a fingerprint, of this body of it.
    pub fn expect(&self, id: JobId, fingerprint: Option<Fingerprint>) -> Ticket<'_> {
        let (sender, reported) = oneshot::channel();
        self.lock().entry(id).or_default().push(Expected { fingerprint, listener: Listener::One(sender) });
        Ticket { replies: self, id, fingerprint, reported }
    }

    /// Hands on what is reported, for as long as the inbox is open.
    pub async fn receive(&self, mut inbox: broadcast::Receiver<Bytes>, recent: &Recent) {
        loop {
            match inbox.recv().await {
                Ok(message) => self.tell(&message, recent),
                // What was lost is found in the ledger.
                Err(RecvError::Lagged(_)) => (),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn tell(&self, message: &[u8], recent: &Recent) {
        match serde_json::from_slice::<JobResults>(message) {
            Ok(reported) => {
                for result in &reported.results {
                    if result.conflict {
                        recent.release(result.id, result.fingerprint);
                    }
                    self.tell_of(result);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a message to this replica has no results in it; the replica ignores it")
            }
        }
    }

    fn tell_of(&self, result: &JobResult) {
        let mut waiting = self.lock();
        let Some(expected) = waiting.get_mut(&result.id) else { return };
        for one in expected.extract_if(.., |one| learns(one.fingerprint, result).is_some()) {
            if let Some(reported) = learns(one.fingerprint, result) {
                one.listener.tell(reported);
            }
        }
        if expected.is_empty() {
            waiting.remove(&result.id);
        }
    }

    /// Of these jobs.
    fn forget_the_gone(&self, ids: impl IntoIterator<Item = JobId>) {
        let mut waiting = self.lock();
        for id in ids {
            let Some(expected) = waiting.get_mut(&id) else { continue };
            expected.retain(|one| !one.listener.is_gone());
            if expected.is_empty() {
                waiting.remove(&id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Vec<Expected>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a client that waits for the outcome of a body learns from a result: it may be about another
/// body under the same id.
fn learns(own: Option<Fingerprint>, result: &JobResult) -> Option<Reported> {
    let about_own = own.is_none_or(|own| own == result.fingerprint);
    match (about_own, result.conflict) {
        (true, false) => Some(Reported::Outcome(result.outcome)),
        (true, true) if own.is_some() => Some(Reported::Conflict),
        (false, false) => Some(Reported::Conflict),
        (_, true) => None,
    }
}

impl Ticket<'_> {
    /// Waits until the outcome is known, the time is over, or `shutdown`.
    pub async fn outcome(
        mut self,
        ledger: &dyn Reads,
        shutdown: &CancellationToken,
        poll: Duration,
        until: Instant,
    ) -> Ended {
        let mut interval = poll;
        let mut next_look = Instant::now() + interval;
        loop {
            tokio::select! {
                reported = &mut self.reported => return match reported {
                    Ok(Reported::Outcome(outcome)) => self.recorded(ledger, outcome, until).await,
                    Ok(Reported::Conflict) => Ended::Conflict,
                    Err(_) => Ended::Unknown,
                },
                () = sleep_until(next_look), if next_look < until => {
                    if let Some(ended) = self.look(ledger, until).await {
                        return ended;
                    }
                    interval = (interval * 3 / 2).min(POLL_MAX);
                    next_look = Instant::now() + interval;
                }
                () = sleep_until(until) => return Ended::Unknown,
                () = shutdown.cancelled() => return Ended::Unknown,
            }
        }
    }

    /// The ledger's record; where it cannot be had, what was reported.
    async fn recorded(&self, ledger: &dyn Reads, outcome: RecordedOutcome, until: Instant) -> Ended {
        self.look(ledger, until).await.unwrap_or(Ended::Reported(outcome))
    }

    async fn look(&self, ledger: &dyn Reads, until: Instant) -> Option<Ended> {
        // A ledger that is away now may be back before the time is over.
        let record = timeout_at(until, ledger.job(self.id)).await.ok()?.ok()??;
        if self.fingerprint.is_some_and(|own| own != record.fingerprint) {
            return Some(Ended::Conflict);
        }
        Some(Ended::Recorded(Box::new(record)))
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.reported.close();
        self.replies.forget_the_gone([self.id]);
    }
}

/// The time that a client prefers to wait (RFC 7240, section 4.3). What cannot be understood is ignored,
/// as section 2 wants it.
pub fn preferred(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let preferences = values.flat_map(|value| value.split(','));
    let mut waits = preferences.filter_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        let seconds = value.trim().trim_matches('"').parse().ok().map(Duration::from_secs);
        seconds.filter(|_| name.trim().eq_ignore_ascii_case("wait"))
    });
    waits.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_is_found_among_others() {
        let wait = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", value.parse().unwrap());
            preferred(&headers).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("wait=7"), Some(7));
        assert_eq!(wait("respond-async, Wait=\"7\"; foo=bar"), Some(7));
        assert_eq!(wait("wait=soon"), None);
        assert_eq!(wait("handling=lenient"), None);
    }

    #[test]
    fn a_result_about_another_body_is_kept_apart() {
        let [own, other] = [Fingerprint([1; 16]), Fingerprint([2; 16])];
        let id = JobId::from_chance(1, [0; 6]);
        let result =
            |fingerprint, conflict| JobResult { id, fingerprint, outcome: RecordedOutcome::Posted, conflict };
        let posted = Some(Reported::Outcome(RecordedOutcome::Posted));
        assert_eq!(learns(Some(own), &result(own, false)), posted);
        assert_eq!(learns(Some(own), &result(own, true)), Some(Reported::Conflict));
        assert_eq!(learns(Some(own), &result(other, false)), Some(Reported::Conflict));
        assert_eq!(learns(Some(own), &result(other, true)), None, "the other one lost");
        assert_eq!(learns(None, &result(other, false)), posted);
        assert_eq!(learns(None, &result(other, true)), None);
    }

    #[test]
    fn who_gave_up_waiting_leaves_nothing_behind() {
        let replies = Replies::default();
        let id = JobId::from_chance(1, [0; 6]);
        let (first, second) = (replies.expect(id, None), replies.expect(id, None));
        drop(first);
        assert_eq!(replies.lock().get(&id).map(Vec::len), Some(1));
        drop(second);
        assert!(replies.lock().is_empty());
    }
}
