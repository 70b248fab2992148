//! The progress of a load test while it runs.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far a load test is; shared by what runs it and whoever looks.
#[derive(Debug, Default)]
pub struct Progress {
    stage: Mutex<Option<Running>>,
    /// Steps of the stage that are done.
    done: AtomicU64,
    requests: AtomicU64,
    failed: AtomicU64,
}

#[derive(Debug, Clone)]
struct Running {
    stage: String,
    since: Instant,
    of: Of,
}

/// What a stage is measured by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    /// Steps, so many in all.
    Steps(u64),
    /// Time.
    Span(Duration),
    /// It is not known beforehand.
    Unknown,
}

/// The progress of a load test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestProgress)]
pub struct ProgressView {
    /// The current stage: opening accounts, a load, awaiting outcomes, ...
    pub stage: String,
    /// Progress of this stage, from 0 to 100; `null`: not known.
    pub stage_percent: Option<f64>,
    /// Number of requests sent so far.
    pub requests: u64,
    /// Number of those requests that failed.
    pub failed: u64,
}

impl Progress {
    /// How far it is now.
    pub fn view(&self) -> ProgressView {
        let running = self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (stage, stage_percent) = running.map_or_else(
            || ("starting".to_owned(), None),
            |running| (running.stage.clone(), running.percent(self.done.load(Relaxed))),
        );
        ProgressView {
            stage,
            stage_percent,
            requests: self.requests.load(Relaxed),
            failed: self.failed.load(Relaxed),
        }
    }

    pub(crate) fn enter(&self, stage: impl Into<String>, of: Of) {
        let running = Running { stage: stage.into(), since: Instant::now(), of };
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        self.done.store(0, Relaxed);
    }

    /// One more step of this stage.
    pub(crate) fn step(&self) {
        self.done.fetch_add(1, Relaxed);
    }

    /// One more request was answered, or failed.
    pub(crate) fn note_request(&self, failed: bool) {
        self.step();
        self.requests.fetch_add(1, Relaxed);
        self.failed.fetch_add(u64::from(failed), Relaxed);
    }
}

impl Running {
    fn percent(&self, done: u64) -> Option<f64> {
        match self.of {
            Of::Unknown | Of::Steps(0) => None,
            Of::Steps(of) => Some(crate::figures::percent(done, of).min(100.0)),
            Of::Span(span) => Some((100.0 * self.since.elapsed().div_duration_f64(span)).min(100.0)),
        }
    }
}
