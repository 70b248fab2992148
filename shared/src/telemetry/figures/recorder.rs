//! The recorder behind the macros of `metrics`: everything to Prometheus, and what reports tell to [`Figures`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit,
};
use metrics_exporter_prometheus::PrometheusRecorder;

use super::{Figures, Kept};
use crate::contract::report::HistogramName;
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
mod tests {
    use metrics::{counter, histogram, with_local_recorder};
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::contract::report::Role;
    use crate::telemetry::figures::Taken;

    /// What reports tell and what Prometheus reads, after `record`.
    fn after(record: impl FnOnce()) -> (Arc<Figures>, String) {
        let recorder =
            Recorder { prometheus: PrometheusBuilder::new().build_recorder(), figures: Arc::default() };
        with_local_recorder(&recorder, record);
        (recorder.figures.clone(), recorder.prometheus.handle().render())
    }

    fn requests(route: &'static str, status: &'static str, times: u64) {
        counter!(names::INGRESS_REQUESTS, names::ROUTE => route, names::METHOD => "POST", names::STATUS => status)
            .increment(times);
    }

    #[test]
    fn what_is_recorded_once_is_in_prometheus_and_in_the_next_report() {
        let (figures, prometheus) = after(|| {
            histogram!(names::BATCH_JOBS).record(100.0);
            histogram!(names::BATCH_JOBS).record_many(3.0, 2);
            histogram!(names::POSTING_PHASE_SECONDS, names::PHASE => names::PHASE_FOLD).record(0.000_25);
        });
        assert!(prometheus.contains("tellers_batch_jobs_count 3"), "{prometheus}");
        let Taken { histograms, .. } = figures.take(Role::Worker);
        let jobs = histograms[&HistogramName::BatchJobs].to_histogram().unwrap();
        assert_eq!((jobs.len(), jobs.min(), jobs.max()), (3, 3, 100));
        let fold = histograms[&HistogramName::PostingFold].to_histogram().unwrap();
        assert_eq!((fold.len(), fold.min()), (1, 250), "seconds become microseconds");
        assert_eq!(histograms.len(), 2, "what has nothing is absent");
        assert!(figures.take(Role::Worker).histograms.is_empty(), "it was told");
    }

    #[test]
    fn roles_in_one_process_tell_their_own() {
        let (figures, _) = after(|| {
            histogram!(names::BATCH_JOBS).record(1.0);
            histogram!(names::PUBLISH_CONFIRM_SECONDS).record(0.1);
            requests("/api/jobs", "503", 1);
            counter!(names::LEDGER_RETRIES, names::REASON => "deadlock").increment(2);
        });
        let (api, worker, monitor) =
            (figures.take(Role::Api), figures.take(Role::Worker), figures.take(Role::Monitor));
        assert!(api.histograms.keys().eq([&HistogramName::PublishConfirm]));
        assert!(worker.histograms.keys().eq([&HistogramName::BatchJobs]));
        assert_eq!(api.errors, [("http/503".to_owned(), 1)].into());
        assert_eq!(worker.errors, [("posting/deadlock".to_owned(), 2)].into());
        assert_eq!((api.requests, worker.requests), (1, 0));
        assert!(monitor.histograms.is_empty() && monitor.errors.is_empty());
    }

    #[test]
    fn clients_requests_count_and_probes_do_not() {
        let (figures, _) = after(|| {
            requests("/api/jobs", "202", 90);
            requests("/api/jobs/{id}", "404", 7);
            requests("/api/jobs/batch", "503", 2);
            requests("/readyz", "503", 50);
            counter!(names::INGRESS_JOBS_REFUSED, names::PROBLEM => "lane-full").increment(4);
        });
        let told = figures.take(Role::Api);
        assert_eq!((told.requests, told.requests_failed), (99, 2));
        let errors = [("http/404", 7), ("http/503", 2), ("refused/lane-full", 4)];
        assert_eq!(told.errors, errors.map(|(name, count)| (name.to_owned(), count)).into());
        assert_eq!(figures.take(Role::Api).requests, 99, "counts are of all the time since the start");
    }

    #[test]
    fn only_answers_to_submissions_that_did_not_wait_are_response_times() {
        let (figures, _) = after(|| {
            let record = |route: &'static str, waited: &'static str| {
                histogram!(names::INGRESS_RESPONSE_SECONDS, names::ROUTE => route, names::WAITED => waited)
                    .record(0.002);
            };
            record("/api/jobs", "no");
            record("/api/jobs/batch", "no");
            record("/api/jobs", "yes");
            record("/api/accounts/{number}", "no");
        });
        let told = figures.take(Role::Api).histograms;
        let times = told[&HistogramName::IngressResponse].to_histogram().unwrap();
        assert_eq!((times.len(), times.value_at_quantile(0.5)), (2, 2_007), "2 ms, to two digits");
    }
}
