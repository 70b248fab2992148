//! Traces as a collector gets them: from the request of a client to the commit of the batch that posts its job.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use reqwest::Method;
use serde_json::{Value, json};
use tellers_http::keys::Keys;
use tests::client::Client;
use tests::fleet::{Fleet, Role};
use tests::wait::until;
use tokio::net::TcpListener;

const WITHIN: Duration = Duration::from_secs(30);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Takes spans as a collector does.
#[derive(Clone, Default)]
struct Collector {
    spans: Arc<Mutex<Vec<(String, Span)>>>,
}

impl Collector {
    async fn start() -> anyhow::Result<(Collector, String)> {
        let collector = Collector::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((collector, url))
    }

    fn spans(&self) -> Vec<(String, Span)> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The spans of this name, once there are so many.
    async fn named(&self, name: &str, count: usize) -> anyhow::Result<Vec<Span>> {
        let named = || {
            let spans = self.spans().into_iter().map(|(_, span)| span);
            spans.filter(|span| span.name == name).collect::<Vec<_>>()
        };
        until("the collector has the spans", WITHIN, async || {
            anyhow::ensure!(named().len() >= count, "{:?}", self.spans());
            Ok(())
        })
        .await?;
        Ok(named())
    }
}

async fn take(State(collector): State<Collector>, body: Bytes) -> Result<Vec<u8>, StatusCode> {
    let request = ExportTraceServiceRequest::decode(body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let mut spans = collector.spans.lock().unwrap_or_else(PoisonError::into_inner);
    for of_process in request.resource_spans {
        let service = value(&of_process.resource.unwrap_or_default().attributes, "service.name").to_string();
        let of_scopes = of_process.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.extend(of_scopes.map(|span| (service.clone(), span)));
    }
    Ok(Vec::new())
}

fn attribute(span: &Span, key: &str) -> Value {
    value(&span.attributes, key)
}

/// A text or a number; null where there is none.
fn value(attributes: &[KeyValue], key: &str) -> Value {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Any::StringValue(text)) => json!(text),
        Some(Any::IntValue(number)) => json!(number),
        _ => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn open(account: &str) -> Value {
    json!({"kind": "open_account", "account": account, "currency": "EUR"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_from_the_request_to_the_commit_of_the_batch() {
    let (collector, url) = Collector::start().await.unwrap();
    let fleet = Fleet::embedded().unwrap().with("OTEL_EXPORTER_OTLP_ENDPOINT", &url);
    let fleet = fleet.with("OTEL_BSP_SCHEDULE_DELAY", "200");
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let client = Client::new(&dev.url("")).unwrap();

    // Of a trace that its client began.
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let posted = client
        .request(Method::POST, "/api/jobs?wait=20")
        .header("traceparent", &parent)
        .header("x-request-id", "order-7")
        .json(&open("a"));
    let answer = posted.send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "order-7");
    let job = answer.json::<Value>().await.unwrap()["id"].clone();
    // And of one that begins here.
    let batch = client.request(Method::POST, "/api/jobs/batch").json(&[open("b"), open("c"), open("d")]);
    assert_eq!(batch.send().await.unwrap().status(), 202);

    let request = collector.named("POST /api/jobs", 1).await.unwrap().remove(0);
    assert_eq!(
        (hex(&request.trace_id), hex(&request.parent_span_id)),
        (TRACE.into(), "00f067aa0ba902b7".into())
    );
    assert_eq!(attribute(&request, "http.response.status_code"), json!(200));
    assert_eq!(attribute(&request, "tellers.request_id"), json!("order-7"));
    assert_eq!(attribute(&request, "tellers.job"), job);
    let batches = collector.named("post batch", 1).await.unwrap();
    let of_job = batches.iter().find(|batch| hex(&batch.trace_id) == TRACE).unwrap();
    assert_eq!(of_job.parent_span_id, request.span_id);
    let [link] = of_job.links.as_slice() else { panic!("{of_job:?}") };
    assert_eq!((&link.trace_id, &link.span_id), (&request.trace_id, &request.span_id));
    assert_eq!(attribute(of_job, "tellers.posted"), json!(1));
    // The client waited for the outcome, which came after the commit.
    assert!(of_job.start_time_unix_nano >= request.start_time_unix_nano);
    assert!(of_job.end_time_unix_nano <= request.end_time_unix_nano);

    let request = collector.named("POST /api/jobs/batch", 1).await.unwrap().remove(0);
    until("each batch links to the one request that brought its jobs", WITHIN, async || {
        let spans = collector.spans();
        let of_request = spans.iter().filter(|(_, span)| {
            span.name == "post batch" && span.links.iter().any(|link| link.span_id == request.span_id)
        });
        let jobs: i64 = of_request.map(|(_, span)| attribute(span, "tellers.posted").as_i64().unwrap()).sum();
        anyhow::ensure!(jobs == 3, "{spans:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert!(collector.spans().iter().all(|(service, _)| service == "\"tellers\""));

    // Who says that a trace is not recorded is believed.
    let before = collector.spans().len();
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-00");
    let unrecorded = client.request(Method::POST, "/api/jobs?wait=20").json(&open("e"));
    let unrecorded = unrecorded.header("traceparent", parent);
    assert_eq!(unrecorded.send().await.unwrap().status(), 200);
    dev.terminate().await.unwrap();
    assert_eq!(collector.spans().len(), before, "{:?}", collector.spans());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_no_key_has_no_request_recorded_that_the_sampler_would_not() {
    let (collector, url) = Collector::start().await.unwrap();
    let keys = format!("acme:submit+read:{}", Keys::hash("acme-key"));
    let fleet = Fleet::embedded().unwrap().with("API_KEYS", &keys);
    let fleet = fleet.with("OTEL_EXPORTER_OTLP_ENDPOINT", &url);
    let fleet = fleet.with("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
    let fleet = fleet.with("OTEL_TRACES_SAMPLER_ARG", "0");
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let headers = [("traceparent", parent.as_str()), ("content-type", "application/json")];

    let stranger = Client::with_key(&dev.url(""), "guess").unwrap();
    // Turned away, let in without being asked for anything, and led nowhere.
    for (path, status) in [("/api/jobs", 401), ("/livez", 200), ("/api/nothing", 404)] {
        let answer = stranger.ask(Method::GET, path, &headers, "").await.unwrap();
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
    let acme = Client::with_key(&dev.url(""), "acme-key").unwrap();
    let answer = acme.post_with("/api/jobs?wait=20", &headers, open("a").to_string()).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let request = collector.named("POST /api/jobs", 1).await.unwrap().remove(0);
    assert_eq!(hex(&request.trace_id), TRACE);
    dev.terminate().await.unwrap();
    let mut names: Vec<_> = collector.spans().into_iter().map(|(_, span)| span.name).collect();
    names.sort();
    assert_eq!(names, ["POST /api/jobs", "post batch"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_costs_no_job_and_is_reported_once() {
    let fleet = Fleet::embedded().unwrap().with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let fleet = fleet.with("OTEL_BSP_SCHEDULE_DELAY", "50").with("OTEL_SERVICE_NAME", "bank");
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    let client = Client::new(&dev.url("")).unwrap();
    for account in ["a", "b", "c"] {
        client.submit(&open(account)).await.unwrap();
    }
    let mentions = || dev.output().matches("the collector takes no traces").count();
    until("the loss is reported", WITHIN, async || {
        anyhow::ensure!(mentions() == 1, "{}", mentions());
        Ok(())
    })
    .await
    .unwrap();
    let id = client.submit(&open("d")).await.unwrap();
    assert_eq!(client.outcome(&id, WITHIN).await.unwrap().status, "posted");
    assert_eq!(mentions(), 1);
    dev.terminate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protocol_that_is_not_spoken_ends_a_service_at_once() {
    let fleet = Fleet::embedded().unwrap().with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
    let fleet = fleet.with("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let why = fleet.start(Role::Dev).await.err().unwrap().to_string();
    assert!(why.contains("OTEL_EXPORTER_OTLP_PROTOCOL=grpc") && why.contains("http/protobuf"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_problem_names_its_request() {
    let fleet = Fleet::embedded().unwrap();
    let mut dev = fleet.start(Role::Dev).await.unwrap();
    for (url, path) in
        [(dev.url(""), "/api/jobs/7"), (dev.url_as(Role::Monitor, "").unwrap(), "/api/nothing")]
    {
        let asked = Client::new(&url).unwrap().request(Method::GET, path).header("x-request-id", "call-9");
        let answer = asked.send().await.unwrap();
        assert!(answer.status().is_client_error());
        assert_eq!(answer.headers()["x-request-id"], "call-9");
        assert_eq!(answer.json::<Value>().await.unwrap()["request_id"], "call-9");
    }
    dev.terminate().await.unwrap();
}
