//! The figures of this process as its reports want them: times and sizes since the report before, errors by type.
//!
//! Code records with the macros of `metrics` only. What is recorded goes to Prometheus, and what a report tells
//! is kept here as well.

mod recorder;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::report::{HistogramName, HistogramWire, Role, new_histogram};
use hdrhistogram::Histogram;

pub(super) use self::recorder::Recorder;

/// What was recorded in this process and goes into its reports.
#[derive(Debug)]
pub struct Figures {
    /// In the order of [`HistogramName::ALL`].
    histograms: Vec<Arc<Kept>>,
    errors: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    requests: Arc<AtomicU64>,
    requests_failed: Arc<AtomicU64>,
}

/// What a report tells of the figures.
#[derive(Debug, Default)]
pub struct Taken {
    /// Times and sizes since they were taken before.
    pub histograms: BTreeMap<HistogramName, HistogramWire>,
    /// Errors since the start, by type.
    pub errors: BTreeMap<String, u64>,
    /// Requests answered since the start.
    pub requests: u64,
    /// Of those, answered with 5xx.
    pub requests_failed: u64,
}

impl Default for Figures {
    fn default() -> Self {
        Figures {
            histograms: HistogramName::ALL.iter().map(|_| Arc::default()).collect(),
            errors: Mutex::default(),
            requests: Arc::default(),
            requests_failed: Arc::default(),
        }
    }
}

impl Figures {
    /// What a replica of this role tells of what it did. Roles may share a process, so each takes its own.
    pub fn take(&self, role: Role) -> Taken {
        let mine =
            HistogramName::ALL.iter().zip(&self.histograms).filter(|(name, _)| is_reported_by(**name, role));
        let histograms = mine.filter_map(|(name, kept)| Some((*name, kept.take()?))).collect();
        let errors = errors_of(role);
        let errors = self
            .errors()
            .iter()
            .filter(|(name, _)| errors.iter().any(|mine| name.starts_with(mine)))
            .map(|(name, count)| (name.clone(), count.load(Relaxed)))
            .collect();
        let counts = |count: &AtomicU64| if role == Role::Api { count.load(Relaxed) } else { 0 };
        Taken {
            histograms,
            errors,
            requests: counts(&self.requests),
            requests_failed: counts(&self.requests_failed),
        }
    }

    fn histogram(&self, name: HistogramName) -> Option<Arc<Kept>> {
        let place = HistogramName::ALL.iter().position(|known| *known == name)?;
        self.histograms.get(place).cloned()
    }

    fn error(&self, name: String) -> Arc<AtomicU64> {
        self.errors().entry(name).or_default().clone()
    }

    fn errors(&self) -> MutexGuard<'_, BTreeMap<String, Arc<AtomicU64>>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether replicas of this role tell this histogram.
fn is_reported_by(name: HistogramName, role: Role) -> bool {
    match name {
        HistogramName::IngressResponse | HistogramName::PublishConfirm => role == Role::Api,
        HistogramName::AcceptedToPosted
        | HistogramName::BatchJobs
        | HistogramName::PostingWait
        | HistogramName::PostingTurn
        | HistogramName::Posting
        | HistogramName::PostingConnect
        | HistogramName::PostingRefer
        | HistogramName::PostingLockAndRead
        | HistogramName::PostingFold
        | HistogramName::PostingWriteAndCommit => role == Role::Worker,
        // Every process has pools; where roles share one, whoever takes it first tells it.
        HistogramName::PoolAcquire => true,
    }
}

/// How the types of errors start that replicas of this role tell.
fn errors_of(role: Role) -> &'static [&'static str] {
    match role {
        Role::Api => &["http/", "refused/"],
        Role::Worker => &["posting/"],
        Role::Monitor => &[],
    }
}

/// A histogram that is filled until it is taken.
#[derive(Debug)]
struct Kept(Mutex<Histogram<u64>>);

impl Default for Kept {
    fn default() -> Self {
        Kept(Mutex::new(new_histogram()))
    }
}

impl Kept {
    fn record(&self, value: u64, times: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).saturating_record_n(value, times);
    }

    /// What was recorded since the last time; `None`: nothing.
    fn take(&self) -> Option<HistogramWire> {
        let taken = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.is_empty() {
                return None;
            }
            std::mem::replace(&mut *kept, new_histogram())
        };
        let wire = HistogramWire::from_histogram(&taken);
        wire.inspect_err(|error| tracing::warn!(%error, "a report leaves out a histogram")).ok()
    }
}
