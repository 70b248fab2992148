//! What is noted of a stretch of load while it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::{Accepted, Error, JobView};
use contract::report::new_histogram;
use domain::id::JobId;
use hdrhistogram::Histogram;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::figures::{Figures, Times, per_second, percent};
use crate::series::{Series, micros};

/// The clock of a run, and its course over time, which all phases share.
#[derive(Clone)]
pub(crate) struct Course {
    started: Instant,
    series: Arc<Mutex<Series>>,
    /// When the run started by the fleet's clock, which may be another than ours: worked out from the first
    /// acceptance.
    fleet_started_us: Arc<std::sync::OnceLock<i64>>,
}

impl Course {
    pub(crate) fn start() -> Course {
        let series = Arc::new(Mutex::new(Series::new()));
        Course { started: Instant::now(), series, fleet_started_us: Arc::default() }
    }

    pub(crate) fn series(&self) -> MutexGuard<'_, Series> {
        locked(&self.series)
    }

    fn since_start(&self, fleet: Timestamp) -> Duration {
        let started_us = self.fleet_started_us.get().copied().unwrap_or_else(|| fleet.as_microsecond());
        Duration::from_micros(u64::try_from(fleet.as_microsecond() - started_us).unwrap_or_default())
    }

    fn note_clock(&self, accepted_at: Timestamp) {
        self.fleet_started_us.get_or_init(|| {
            let passed = i64::try_from(self.started.elapsed().as_micros()).unwrap_or_default();
            accepted_at.as_microsecond() - passed
        });
    }
}

/// An accepted job: its id, and the number of its request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) id: JobId,
    pub(crate) n: u32,
}

/// Notes what becomes of the requests of one phase, from many tasks.
pub(crate) struct Recorder {
    users: Option<u32>,
    started: Instant,
    course: Course,
    noted: Mutex<Noted>,
}

struct Noted {
    requests: u64,
    accepted: Vec<Sent>,
    accepted_count: u64,
    last_answer: Instant,
    response_us: Histogram<u64>,
    errors: BTreeMap<String, u64>,
    posted: u64,
    posting_us: Histogram<u64>,
    /// By the fleet's clock.
    first_accepted_at: Option<Timestamp>,
    last_posted_at: Option<Timestamp>,
}

impl Recorder {
    pub(crate) fn start(users: Option<u32>, course: &Course) -> Recorder {
        let started = Instant::now();
        let noted = Noted {
            requests: 0,
            accepted: Vec::new(),
            accepted_count: 0,
            last_answer: started,
            response_us: new_histogram(),
            errors: BTreeMap::new(),
            posted: 0,
            posting_us: new_histogram(),
            first_accepted_at: None,
            last_posted_at: None,
        };
        Recorder { users, started, course: course.clone(), noted: Mutex::new(noted) }
    }

    /// The `n`-th request, which was `due` at this time, has its answer.
    pub(crate) fn note(&self, n: u32, due: Instant, answer: &Result<Accepted, Error>) {
        let response = due.elapsed();
        let at = self.course.started.elapsed();
        let mut noted = locked(&self.noted);
        noted.requests += 1;
        noted.last_answer = Instant::now();
        match answer {
            Ok(accepted) => {
                self.course.note_clock(accepted.accepted_at);
                noted.accepted.push(Sent { id: accepted.id, n });
                noted.accepted_count += 1;
                noted.response_us.saturating_record(micros(response));
                self.course.series().accepted(at, response);
            }
            Err(error) => {
                // Refusals come quickly and would flatter; who was not answered at all waited.
                if matches!(error, Error::Timeout(_)) {
                    noted.response_us.saturating_record(micros(response));
                }
                *noted.errors.entry(error.class()).or_default() += 1;
                self.course.series().failed(at);
            }
        }
    }

    /// The accepted jobs; they are handed over, not copied.
    pub(crate) fn take_accepted(&self) -> Vec<Sent> {
        std::mem::take(&mut locked(&self.noted).accepted)
    }

    /// An accepted job is in the ledger.
    pub(crate) fn note_posted(&self, job: &JobView) {
        let mut noted = locked(&self.noted);
        noted.posted += 1;
        let (Some(accepted_at), Some(posted_at)) = (job.accepted_at, job.posted_at) else { return };
        noted.first_accepted_at = noted.first_accepted_at.into_iter().chain([accepted_at]).min();
        noted.last_posted_at = noted.last_posted_at.into_iter().chain([posted_at]).max();
        let took_us = u64::try_from(posted_at.as_microsecond() - accepted_at.as_microsecond());
        let took_us = took_us.unwrap_or_default();
        noted.posting_us.saturating_record(took_us);
        self.course.series().posted(self.course.since_start(posted_at), took_us);
    }

    /// An accepted job is not in the ledger.
    pub(crate) fn note_error(&self, class: impl Into<String>) {
        *locked(&self.noted).errors.entry(class.into()).or_default() += 1;
    }

    pub(crate) fn figures(&self) -> Figures {
        let noted = locked(&self.noted);
        let span = noted.last_answer - self.started;
        let posting_span = noted.first_accepted_at.zip(noted.last_posted_at).map(|(first, last)| {
            let span_us = (last.as_microsecond() - first.as_microsecond()).max(0).unsigned_abs();
            Duration::from_micros(span_us)
        });
        Figures {
            users: self.users,
            requests: noted.requests,
            accepted: noted.accepted_count,
            posted: noted.posted,
            success_percent: percent(noted.posted, noted.requests),
            seconds: span.as_secs_f64(),
            accepted_per_second: per_second(noted.accepted_count, span),
            posted_per_second: posting_span.map(|span| per_second(noted.posted, span)),
            response: Times::of(&noted.response_us),
            accepted_to_posted: Times::of(&noted.posting_us),
            errors: noted.errors.clone(),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
