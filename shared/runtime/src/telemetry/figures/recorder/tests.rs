use contract::report::Role;
use metrics::{counter, histogram, with_local_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;
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
fn roles_in_one_process_report_their_own() {
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
