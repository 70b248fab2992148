//! The recorder behind the macros of `metrics`: everything to Prometheus, and what reports tell to [`Figures`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use contract::report::HistogramName;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit,
};
use metrics_exporter_prometheus::PrometheusRecorder;

use super::{Figures, Kept};
use crate::telemetry::names;

/// Where requests of clients go; probes and scrapes go elsewhere and are not counted as such.
const CLIENTS_ROUTES: &str = "/api/";
/// The routes that submit jobs.
const SUBMITTING_ROUTES: [&str; 2] = ["/api/jobs", "/api/jobs/batch"];

/// Microseconds in a second.
const MICROS: f64 = 1e6;

pub(in crate::telemetry) struct Recorder {
    pub prometheus: PrometheusRecorder,
    pub figures: Arc<Figures>,
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let prometheus = self.prometheus.register_counter(key, metadata);
        let counts = self.figures.counts_of(key);
        if counts.is_empty() {
            prometheus
        } else {
            Counter::from_arc(Arc::new(Counted { prometheus, counts }))
        }
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.prometheus.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        let prometheus = self.prometheus.register_histogram(key, metadata);
        let Some(name) = histogram_of(key) else { return prometheus };
        let Some(kept) = self.figures.histogram(name) else { return prometheus };
        let scale = if name == HistogramName::BatchJobs { 1.0 } else { MICROS };
        Histogram::from_arc(Arc::new(Timed { prometheus, kept, scale }))
    }
}

impl Figures {
    /// What a counter counts in reports.
    fn counts_of(&self, key: &Key) -> Vec<Arc<AtomicU64>> {
        match key.name() {
            names::INGRESS_REQUESTS => self.counts_of_request(key),
            names::INGRESS_JOBS_REFUSED => {
                vec![self.error(format!("refused/{}", label(key, names::PROBLEM)))]
            }
            names::LEDGER_RETRIES => vec![self.error(format!("posting/{}", label(key, names::REASON)))],
            names::POSTING_RETRIES => vec![self.error("posting/unavailable".to_owned())],
            names::DEAD_LETTERS => vec![self.error("posting/dead".to_owned())],
            _ => Vec::new(),
        }
    }

    fn counts_of_request(&self, key: &Key) -> Vec<Arc<AtomicU64>> {
        if !label(key, names::ROUTE).starts_with(CLIENTS_ROUTES) {
            return Vec::new();
        }
        let mut counts = vec![self.requests.clone()];
        let status = label(key, names::STATUS);
        if status.starts_with('5') {
            counts.push(self.requests_failed.clone());
        }
        if status.starts_with(['4', '5']) {
            counts.push(self.error(format!("http/{status}")));
        }
        counts
    }
}

/// The histogram of a report that a metric goes to.
fn histogram_of(key: &Key) -> Option<HistogramName> {
    Some(match key.name() {
        names::INGRESS_RESPONSE_SECONDS => {
            let submits = SUBMITTING_ROUTES.contains(&label(key, names::ROUTE));
            (submits && label(key, names::WAITED) == "no").then_some(HistogramName::IngressResponse)?
        }
        names::PUBLISH_CONFIRM_SECONDS => HistogramName::PublishConfirm,
        names::ACCEPTED_TO_POSTED_SECONDS => HistogramName::AcceptedToPosted,
        names::BATCH_JOBS => HistogramName::BatchJobs,
        names::POSTING_WAIT_SECONDS => HistogramName::PostingWait,
        names::POSTING_TURN_SECONDS => HistogramName::PostingTurn,
        names::POSTING_SECONDS => HistogramName::Posting,
        names::POSTING_PHASE_SECONDS => match label(key, names::PHASE) {
            names::PHASE_CONNECT => HistogramName::PostingConnect,
            names::PHASE_REFER => HistogramName::PostingRefer,
            names::PHASE_LOCK_AND_READ => HistogramName::PostingLockAndRead,
            names::PHASE_FOLD => HistogramName::PostingFold,
            names::PHASE_WRITE_AND_COMMIT => HistogramName::PostingWriteAndCommit,
            _ => return None,
        },
        names::POOL_ACQUIRE_SECONDS => HistogramName::PoolAcquire,
        _ => return None,
    })
}

/// The value of a label; empty where there is none.
fn label<'a>(key: &'a Key, name: &str) -> &'a str {
    key.labels().find(|label| label.key() == name).map_or("", metrics::Label::value)
}

/// A counter that counts in reports too.
struct Counted {
    prometheus: Counter,
    counts: Vec<Arc<AtomicU64>>,
}

impl CounterFn for Counted {
    fn increment(&self, value: u64) {
        self.prometheus.increment(value);
        for count in &self.counts {
            count.fetch_add(value, Relaxed);
        }
    }

    fn absolute(&self, value: u64) {
        self.prometheus.absolute(value);
        for count in &self.counts {
            count.fetch_max(value, Relaxed);
        }
    }
}

/// A histogram that goes to reports too, as whole numbers.
struct Timed {
    prometheus: Histogram,
    kept: Arc<Kept>,
    /// What a recorded value is multiplied by.
    scale: f64,
}

impl Timed {
    fn scaled(&self, value: f64) -> u64 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It saturates, as it should.
        let scaled = (value * self.scale).round() as u64;
        scaled
    }
}

impl HistogramFn for Timed {
    fn record(&self, value: f64) {
        self.prometheus.record(value);
        self.kept.record(self.scaled(value), 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        self.prometheus.record_many(value, count);
        self.kept.record(self.scaled(value), u64::try_from(count).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests;
