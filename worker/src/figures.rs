//! What a worker counts, for its reports and for Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contract::report::{Counts, LaneCounts, LaneReport};
use domain::job::Job;
use domain::lane::{Lane, Lanes};
use domain::outcome::{Outcome, RecordedOutcome};
use metrics::{counter, gauge, histogram};
use queue::replay::is_replay;
use runtime::clock;
use runtime::telemetry::names;

use crate::held_up::HeldUp;

/// What a lane worker has in hand: delivered and not acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct InHand {
    /// When the oldest job was accepted; `None`: there is none.
    pub(crate) oldest_accepted_at: Option<i64>,
    pub(crate) messages: u64,
    pub(crate) jobs: u64,
}

impl InHand {
    /// With so many messages more that nobody has opened; they are taken to be as full as the others.
    pub(crate) fn with_unopened(self, messages: u64) -> InHand {
        let jobs = self.jobs + messages * self.jobs.checked_div(self.messages).unwrap_or(1).max(1);
        InHand { messages: self.messages + messages, jobs, ..self }
    }
}

/// Whether the ledger has a row of a dead job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    Recorded,
    /// It had one: the job came again after it had died, and died again.
    Known,
    /// It refused it, or the job could not be read.
    Missing,
}

/// What is counted of one lane.
#[derive(Default)]
struct LaneFigures {
    in_hand: Mutex<InHand>,
    /// Jobs of the fleet's own that this worker put on it.
    submitted: AtomicU64,
    /// Jobs that got no outcome of their own.
    unrecorded: AtomicU64,
}

pub(crate) struct Figures {
    posted: AtomicU64,
    rejected: AtomicU64,
    duplicate: AtomicU64,
    conflict: AtomicU64,
    dead: AtomicU64,
    cancelled: AtomicU64,
    scheduled: AtomicU64,
    repeated: AtomicU64,
    /// By the lane's number.
    lanes: Vec<LaneFigures>,
    /// The lanes that have a lane worker.
    serving: Mutex<BTreeSet<Lane>>,
    /// Lanes that cannot go on.
    pub(crate) held_up: HeldUp,
}

impl Figures {
    pub(crate) fn new(lanes: Lanes) -> Figures {
        Figures {
            posted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            duplicate: AtomicU64::new(0),
            conflict: AtomicU64::new(0),
            dead: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            scheduled: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            lanes: lanes.iter().map(|_| LaneFigures::default()).collect(),
            serving: Mutex::default(),
            held_up: HeldUp::default(),
        }
    }

    /// This much of `lane` is in hand now.
    pub(crate) fn in_hand(&self, lane: Lane, in_hand: InHand) {
        if let Some(figures) = self.of_lane(lane) {
            *figures.in_hand.lock().unwrap_or_else(PoisonError::into_inner) = in_hand;
        }
    }

    fn of_lane(&self, lane: Lane) -> Option<&LaneFigures> {
        self.lanes.get(usize::from(lane.0))
    }

    /// An envelope of these jobs was opened.
    pub(crate) fn received(&self, jobs: &[Job]) {
        let took = histogram!(names::ACCEPTED_TO_RECEIVED_SECONDS);
        jobs.iter().filter_map(|job| clock::since(job.accepted_at)).for_each(|since| took.record(since));
    }

    /// The clients that wait for a lane's batch were sent its outcomes after so long.
    pub(crate) fn sent_results(&self, took: Duration) {
        histogram!(names::RESULTS_SECONDS).record(took);
    }

    /// The event stream took the events of a lane's batch after so long.
    pub(crate) fn announced(&self, took: Duration) {
        histogram!(names::EVENTS_SECONDS).record(took);
    }

    /// Acknowledging a lane's batch took so long.
    pub(crate) fn acknowledged(&self, took: Duration) {
        histogram!(names::ACKNOWLEDGE_SECONDS).record(took);
    }

    /// A lane's batch waited so long for company, for accounts and for its turn; the last of it, `turn`, for that alone.
    pub(crate) fn waited(&self, waited: Duration, turn: Duration) {
        histogram!(names::POSTING_WAIT_SECONDS).record(waited);
        histogram!(names::POSTING_TURN_SECONDS).record(turn);
    }

    /// A transaction was committed after so long.
    pub(crate) fn posted_batch(&self, jobs: usize, took: Duration) {
        counter!(names::BATCHES_POSTED).increment(1);
        histogram!(names::BATCH_JOBS).record(jobs as f64);
        histogram!(names::POSTING_SECONDS).record(took);
    }

    /// A job got its outcome. One that was dead and comes again, but by a replay, was accepted once more: the ledger counts
    /// it once, and so one of the two is a duplicate. One that was scheduled comes again by a replay of its own. One that the queue handed out before, or that was replayed, was accepted once: where
    /// it comes out as a duplicate or a conflict, that is no job more.
    pub(crate) fn finished(&self, job: &Job, redelivered: bool, outcome: Outcome) {
        let repeated = redelivered || is_replay(&job.ingress);
        let (count, name) = match outcome {
            Outcome::Posted | Outcome::Revived(RecordedOutcome::Posted) => (&self.posted, "posted"),
            Outcome::Rejected(_) | Outcome::Revived(_) => (&self.rejected, "rejected"),
            Outcome::Cancelled => (&self.cancelled, "cancelled"),
            Outcome::Scheduled => (&self.scheduled, "scheduled"),
            Outcome::Duplicate(_) => (if repeated { &self.repeated } else { &self.duplicate }, "duplicate"),
            Outcome::Conflict(_) => (if repeated { &self.repeated } else { &self.conflict }, "conflict"),
        };
        count.fetch_add(1, Relaxed);
        if let (Outcome::Duplicate(_) | Outcome::Conflict(_), Some(figures)) =
            (outcome, self.of_lane(job.lane))
        {
            figures.unrecorded.fetch_add(1, Relaxed);
        }
        if let Outcome::Revived(_) = outcome
            && !is_replay(&job.ingress)
        {
            self.came_again(job.lane);
        }
        let reason = match outcome {
            Outcome::Rejected(reason) | Outcome::Revived(RecordedOutcome::Rejected(reason)) => reason.name(),
            _ => "",
        };
        counter!(names::JOBS_SETTLED, "outcome" => name, "reason" => reason).increment(1);
        // Accepted by a clock that is ahead of this one: no time at all would look like a good one.
        if let Some(waited) = clock::since(job.accepted_at) {
            histogram!(names::ACCEPTED_TO_POSTED_SECONDS).record(waited);
        }
    }

    /// A job of the fleet's own is on its lane.
    pub(crate) fn submitted(&self, lane: Lane) {
        if let Some(figures) = self.of_lane(lane) {
            figures.submitted.fetch_add(1, Relaxed);
        }
    }

    /// A job that the ledger counts already was accepted once more.
    pub(crate) fn came_again(&self, lane: Lane) {
        self.duplicate.fetch_add(1, Relaxed);
        if let Some(figures) = self.of_lane(lane) {
            figures.unrecorded.fetch_add(1, Relaxed);
        }
    }

    /// A job or a message was given up and kept.
    pub(crate) fn died(&self, lane: Lane, row: Row) {
        self.dead.fetch_add(1, Relaxed);
        if let (Row::Missing, Some(figures)) = (row, self.of_lane(lane)) {
            figures.unrecorded.fetch_add(1, Relaxed);
        }
    }

    /// A dead letter was kept: of what died, of a conflict, or of work without an order.
    pub(crate) fn dead_letter_kept(&self) {
        counter!(names::DEAD_LETTERS).increment(1);
    }

    /// A batch has to be tried again.
    pub(crate) fn retried(&self) {
        counter!(names::POSTING_RETRIES).increment(1);
    }

    /// These lanes have a lane worker now.
    pub(crate) fn serve(&self, lanes: BTreeSet<Lane>) {
        gauge!(names::LANES_HELD).set(lanes.len() as f64);
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = lanes;
    }

    /// Whether this lane has a lane worker.
    pub(crate) fn serves(&self, lane: Lane) -> bool {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).contains(&lane)
    }

    pub(crate) fn counts(&self) -> Counts {
        let submitted = self.lanes.iter().map(|figures| figures.submitted.load(Relaxed)).sum();
        Counts {
            posted: self.posted.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            duplicate: self.duplicate.load(Relaxed),
            conflict: self.conflict.load(Relaxed),
            dead: self.dead.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
            scheduled: self.scheduled.load(Relaxed),
            repeated: self.repeated.load(Relaxed),
            published_jobs: submitted,
            published_messages: submitted,
            ..Counts::default()
        }
    }

    /// What the reconciliation goes by, lane by lane; lanes without any are left out.
    pub(crate) fn lane_counts(&self) -> BTreeMap<Lane, LaneCounts> {
        let counts = |figures: &LaneFigures| LaneCounts {
            accepted: figures.submitted.load(Relaxed),
            unrecorded: figures.unrecorded.load(Relaxed),
        };
        let lanes = (0..).map(Lane).zip(self.lanes.iter().map(counts));
        lanes.filter(|(_, counts)| *counts != LaneCounts::default()).collect()
    }

    /// The lanes that are served, each with what is in hand.
    pub(crate) fn lanes(&self) -> Vec<LaneReport> {
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        let in_hand = |lane: Lane| {
            let in_hand = self.of_lane(lane).map(|figures| figures.in_hand.lock());
            in_hand.map(|in_hand| *in_hand.unwrap_or_else(PoisonError::into_inner)).unwrap_or_default()
        };
        let report = |lane: &Lane| {
            let InHand { oldest_accepted_at, messages, jobs } = in_hand(*lane);
            LaneReport {
                lane: *lane,
                oldest_accepted_at,
                messages_in_hand: Some(messages),
                jobs_in_hand: Some(jobs),
            }
        };
        serving.iter().map(report).collect()
    }
}

#[cfg(test)]
mod tests {
    use contract::{message, submission};
    use domain::account::AccountNumber;
    use domain::id::{Identity, JobId};
    use domain::job::{Action, Spec};
    use domain::text::Client;

    use super::*;

    fn job(ingress: &str) -> Job {
        let client = Client::parse("c").unwrap();
        let id = JobId::derived(&client, Identity::Key("k"));
        let account = AccountNumber::parse("a").unwrap();
        let body = submission::canonical(&Spec::of(Action::Release { account, hold: id }));
        let json = message::write(id, &client, None, &[], None, &body).unwrap();
        message::read(std::str::from_utf8(&json).unwrap(), Lane(0), ingress, 1).unwrap().job
    }

    #[test]
    fn what_comes_again_is_no_job_more() {
        let figures = Figures::new(Lanes::new(16).unwrap());
        let duplicate = Outcome::Duplicate(RecordedOutcome::Posted);
        figures.finished(&job("api-1"), false, duplicate);
        figures.finished(&job("api-1"), true, duplicate);
        figures.finished(&job("monitor-1-replay-7"), false, duplicate);
        figures.finished(&job("api-1"), true, Outcome::Posted);
        let counts = figures.counts();
        assert_eq!((counts.duplicate, counts.repeated, counts.posted), (1, 2, 1));
        let unrecorded = LaneCounts { accepted: 0, unrecorded: 3 };
        assert_eq!(figures.lane_counts(), BTreeMap::from([(Lane(0), unrecorded)]), "one got its outcome");
    }

    #[test]
    fn a_dead_job_that_is_sent_again_was_accepted_twice_and_a_replay_was_not() {
        let figures = Figures::new(Lanes::new(16).unwrap());
        let revived = Outcome::Revived(RecordedOutcome::Posted);
        figures.finished(&job("api-1"), false, revived);
        figures.finished(&job("monitor-1-replay-7"), false, revived);
        // Its worker was killed in the midst of it: had it been posted, it would be a duplicate.
        figures.finished(&job("api-1"), true, revived);
        let counts = figures.counts();
        assert_eq!((counts.duplicate, counts.repeated, counts.posted), (2, 0, 3));
        let unrecorded = LaneCounts { accepted: 0, unrecorded: 2 };
        assert_eq!(figures.lane_counts(), BTreeMap::from([(Lane(0), unrecorded)]));
    }

    #[test]
    fn messages_that_nobody_opened_count_like_those_that_somebody_did() {
        let opened = InHand { oldest_accepted_at: Some(5), messages: 2, jobs: 150 };
        let all = opened.with_unopened(98);
        assert_eq!((all.messages, all.jobs, all.oldest_accepted_at), (100, 7_500, Some(5)));
        assert_eq!(InHand::default().with_unopened(3).jobs, 3, "of messages there is at least a job in each");
    }
}
