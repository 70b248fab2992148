//! One wait for all jobs of a batch.

use domain::fingerprint::Fingerprint;
use domain::id::JobId;
use store::ledger::Reads;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Expected, Listener, POLL_MAX, REPORTED_POLL, Replies, Reported, UNREPORTED_POLL};

/// Jobs that one look into the ledger asks for: a batch of 10,000 of which no worker tells is found in ten looks, and one
/// that takes its time costs the database a thousand steps in an index a second.
const LOOK_JOBS_MAX: usize = 1_000;

/// A place among the waiting for each job of a batch; taken before any is published, so that no answer is missed.
pub struct BatchTicket<'a> {
    replies: &'a Replies,
    jobs: Vec<Waiting>,
    reported: mpsc::UnboundedReceiver<(usize, Reported)>,
    /// How many have no outcome and may have one yet.
    open: usize,
    /// Where the next look begins.
    next: usize,
}

struct Waiting {
    id: JobId,
    fingerprint: Fingerprint,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Reported(Reported),
    /// It was not accepted.
    NotAccepted,
}

impl Replies {
    /// Begins to listen for what becomes of many jobs.
    pub fn expect_all(&self, jobs: impl IntoIterator<Item = (JobId, Fingerprint)>) -> BatchTicket<'_> {
        let (sender, reported) = mpsc::unbounded_channel();
        let waiting = |(id, fingerprint)| Waiting { id, fingerprint, state: State::Open };
        let jobs: Vec<_> = jobs.into_iter().map(waiting).collect();
        let mut all = self.lock();
        for (place, job) in jobs.iter().enumerate() {
            let listener = Listener::Many(sender.clone(), place);
            all.entry(job.id).or_default().push(Expected { fingerprint: Some(job.fingerprint), listener });
        }
        drop(all);
        let open = jobs.len();
        BatchTicket { replies: self, jobs, reported, open, next: 0 }
    }
}

impl BatchTicket<'_> {
    /// Waits no more for the job at this place: it was not accepted.
    pub fn leave(&mut self, place: usize) {
        self.end(place, State::NotAccepted);
    }

    /// Waits until every outcome is known, the time is over, or `shutdown`. Tells whether all are known.
    pub async fn all_known(
        &mut self,
        ledger: &dyn Reads,
        shutdown: &CancellationToken,
        until: Instant,
    ) -> bool {
        let mut interval = REPORTED_POLL;
        let mut next_look = Instant::now() + interval;
        while self.open > 0 {
            tokio::select! {
                reported = self.reported.recv() => match reported {
                    Some((place, reported)) => self.end(place, State::Reported(reported)),
                    None => return false,
                },
                () = sleep_until(next_look), if next_look < until => {
                    // What is found was not reported, so there is likely to be more of it.
                    let found = self.look(ledger, until).await;
                    interval = if found { UNREPORTED_POLL } else { (interval * 3 / 2).clamp(REPORTED_POLL, POLL_MAX) };
                    next_look = Instant::now() + interval;
                }
                () = sleep_until(until) => return false,
                () = shutdown.cancelled() => return false,
            }
        }
        true
    }

    /// What is known of each job, in their order; `None`: nothing yet.
    pub fn known(&self) -> impl Iterator<Item = Option<Reported>> {
        self.jobs.iter().map(|job| match job.state {
            State::Reported(reported) => Some(reported),
            State::Open | State::NotAccepted => None,
        })
    }

    /// Looks for some of the jobs, the ones that were not looked for last; tells whether any was there.
    async fn look(&mut self, ledger: &dyn Reads, until: Instant) -> bool {
        let (before, after) = self.jobs.split_at(self.next.min(self.jobs.len()));
        let open =
            (self.next..).zip(after).chain((0..).zip(before)).filter(|(_, job)| job.state == State::Open);
        let some: Vec<_> = open.take(LOOK_JOBS_MAX).map(|(place, job)| (place, job.id)).collect();
        self.next = some.last().map_or(0, |(place, _)| place + 1);
        let ids: Vec<_> = some.iter().map(|(_, id)| *id).collect();
        // A ledger that is away now may be back before the time is over.
        let Ok(Ok(recorded)) = timeout_at(until, ledger.recorded(&ids)).await else {
            return false;
        };
        for (place, id) in some {
            let Some(found) = recorded.get(&id) else { continue };
            let is_own = self.jobs.get(place).is_some_and(|job| job.fingerprint == found.fingerprint);
            self.end(
                place,
                State::Reported(if is_own { Reported::Outcome(found.outcome) } else { Reported::Conflict }),
            );
        }
        !recorded.is_empty()
    }

    fn end(&mut self, place: usize, state: State) {
        if let Some(job) = self.jobs.get_mut(place).filter(|job| job.state == State::Open) {
            job.state = state;
            self.open -= 1;
        }
    }
}

impl Drop for BatchTicket<'_> {
    fn drop(&mut self) {
        self.reported.close();
        self.replies.forget_the_gone(self.jobs.iter().map(|job| job.id));
    }
}

#[cfg(test)]
mod tests {
    use contract::result::JobResult;
    use domain::outcome::RecordedOutcome;

    use super::*;

    #[test]
    fn each_job_is_reported_once_and_nothing_stays_behind() {
        let replies = Replies::default();
        let [one, other] = [1, 2].map(|n| (JobId::from_chance(n, [0; 6]), Fingerprint([0; 16])));
        let mut ticket = replies.expect_all([one, other, one]);
        let alone = replies.expect(other.0, None);
        let reported = |(id, fingerprint)| JobResult {
            id,
            fingerprint,
            outcome: RecordedOutcome::Posted,
            conflict: false,
        };
        replies.tell_of(&reported(one));
        replies.tell_of(&reported(one));
        let places: Vec<_> =
            std::iter::from_fn(|| ticket.reported.try_recv().ok()).map(|(place, _)| place).collect();
        assert_eq!(places, [0, 2], "two lines may be one job");
        drop(ticket);
        assert_eq!(replies.lock().len(), 1, "another client waits for it");
        drop(alone);
        assert!(replies.lock().is_empty());
    }
}
