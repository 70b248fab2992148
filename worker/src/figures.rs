//! What a worker counts, for its reports and for Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use shared::clock;
use shared::contract::report::{Counts, LaneReport};
use shared::domain::job::Job;
use shared::domain::lane::{Lane, Lanes};
use shared::domain::outcome::Outcome;
use shared::telemetry::names;

/// No job in hand.
const IDLE: i64 = 0;

pub(crate) struct Figures {
    posted: AtomicU64,
    rejected: AtomicU64,
    duplicate: AtomicU64,
    conflict: AtomicU64,
    dead: AtomicU64,
    /// Jobs of the fleet's own that it put on the lanes.
    submitted: AtomicU64,
    /// For each lane, when the oldest job in hand was accepted.
    oldest: Vec<AtomicI64>,
    /// The lanes that have a lane worker.
    serving: Mutex<BTreeSet<Lane>>,
    /// Lanes that wait for a worker of another release, and why.
    held_up: Mutex<BTreeMap<Lane, String>>,
}

impl Figures {
    pub(crate) fn new(lanes: Lanes) -> Figures {
        Figures {
            posted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            duplicate: AtomicU64::new(0),
            conflict: AtomicU64::new(0),
            dead: AtomicU64::new(0),
            submitted: AtomicU64::new(0),
            oldest: lanes.iter().map(|_| AtomicI64::new(IDLE)).collect(),
            serving: Mutex::default(),
            held_up: Mutex::default(),
        }
    }

    /// A batch of `lane` is in hand whose oldest job was accepted then; `None`: nothing is.
    pub(crate) fn in_hand(&self, lane: Lane, oldest_accepted_at: Option<i64>) {
        if let Some(oldest) = self.oldest.get(usize::from(lane.0)) {
            oldest.store(oldest_accepted_at.unwrap_or(IDLE), Relaxed);
        }
    }

    /// A lane's batch waited so long for its turn and for company.
    pub(crate) fn waited(&self, waited: Duration) {
        histogram!(names::POSTING_WAIT_SECONDS).record(waited);
    }

    /// A transaction was committed after so long.
    pub(crate) fn posted_batch(&self, jobs: usize, took: Duration) {
        counter!(names::BATCHES_POSTED).increment(1);
        #[allow(clippy::cast_precision_loss)] // A batch has at most a hundred jobs.
        histogram!(names::BATCH_JOBS).record(jobs as f64);
        histogram!(names::POSTING_SECONDS).record(took);
    }

    /// A job got its outcome.
    pub(crate) fn settled(&self, job: &Job, outcome: Outcome) {
        let (count, name) = match outcome {
            Outcome::Posted => (&self.posted, "posted"),
            Outcome::Rejected(_) => (&self.rejected, "rejected"),
            Outcome::Duplicate(_) => (&self.duplicate, "duplicate"),
            Outcome::Conflict(_) => (&self.conflict, "conflict"),
        };
        count.fetch_add(1, Relaxed);
        let reason = if let Outcome::Rejected(reason) = outcome { reason.name() } else { "" };
        counter!(names::JOBS_SETTLED, "outcome" => name, "reason" => reason).increment(1);
        let waited_us = u64::try_from(clock::now_us() - job.accepted_at).unwrap_or_default();
        histogram!(names::ACCEPTED_TO_POSTED_SECONDS).record(Duration::from_micros(waited_us));
    }

    /// A job of the fleet's own is on its lane.
    pub(crate) fn submitted(&self) {
        self.submitted.fetch_add(1, Relaxed);
    }

    /// A job or a message was given up and kept.
    pub(crate) fn died(&self) {
        self.dead.fetch_add(1, Relaxed);
    }

    /// A dead letter was kept: of what died, of a conflict, or of work without an order.
    pub(crate) fn buried(&self) {
        counter!(names::DEAD_LETTERS).increment(1);
    }

    /// A batch has to be tried again.
    pub(crate) fn retried(&self) {
        counter!(names::POSTING_RETRIES).increment(1);
    }

    /// These lanes have a lane worker now.
    pub(crate) fn serve(&self, lanes: BTreeSet<Lane>) {
        #[allow(clippy::cast_precision_loss)] // At most `Lanes::MAX`.
        gauge!(names::LANES_HELD).set(lanes.len() as f64);
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = lanes;
    }

    /// Whether this lane has a lane worker.
    pub(crate) fn serves(&self, lane: Lane) -> bool {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).contains(&lane)
    }

    /// This lane can not go on, and why; `None`: it goes on, or is no longer this worker's.
    pub(crate) fn hold_up(&self, lane: Lane, why: Option<String>) {
        let mut held_up = self.held_up.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => drop(held_up.insert(lane, why)),
            None => drop(held_up.remove(&lane)),
        }
    }

    /// Why a lane can not go on, if one can not.
    pub(crate) fn held_up(&self) -> Option<String> {
        self.held_up.lock().unwrap_or_else(PoisonError::into_inner).values().next().cloned()
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            posted: self.posted.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            duplicate: self.duplicate.load(Relaxed),
            conflict: self.conflict.load(Relaxed),
            dead: self.dead.load(Relaxed),
            published_jobs: self.submitted.load(Relaxed),
            published_messages: self.submitted.load(Relaxed),
            ..Counts::default()
        }
    }

    /// The lanes that are served, each with the age of what is in hand.
    pub(crate) fn lanes(&self) -> Vec<LaneReport> {
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest =
            |lane: Lane| self.oldest.get(usize::from(lane.0)).map_or(IDLE, |oldest| oldest.load(Relaxed));
        let report = |lane: &Lane| LaneReport {
            lane: *lane,
            oldest_accepted_at: Some(oldest(*lane)).filter(|oldest| *oldest != IDLE),
        };
        serving.iter().map(report).collect()
    }
}
