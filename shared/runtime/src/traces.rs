//! Traces by OpenTelemetry: a span for each request, and one for each batch with links to the requests that brought its jobs.
//!
//! They are off unless the environment names a collector, as the OpenTelemetry specification has it:
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/> and
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>. Off, a request costs one look at a static.

mod collector;

use std::collections::BTreeSet;
use std::env;
use std::sync::OnceLock;
use std::time::Duration;

use contract::trace::TraceParent;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, Span as SdkSpan,
};

use self::collector::Collector;

/// Either of them turns traces on.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const PROTOCOL: &str = "http/protobuf";
const QUEUE_SIZE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
/// Spans that wait for the collector, unless [`QUEUE_SIZE`] says otherwise: several seconds of a busy ingress.
const WAITING_SPANS_MAX: usize = 16_384;
/// How long the end of a process waits for the collector to take what is left.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Why traces cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// A protocol that this build does not speak.
    #[error("{name}={value} cannot be used: it takes {PROTOCOL}, which collectors take on port 4318")]
    Protocol {
        /// The variable.
        name: &'static str,
        /// What it says.
        value: String,
    },
    /// The endpoint, or another variable, cannot be used.
    #[error("traces cannot be sent: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// No connection to the collector can be made at all.
    #[error("traces cannot be sent: {0}")]
    Client(String),
}

/// The recording of traces in this process, until it is stopped.
#[derive(Debug, Default)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Starts recording if the environment says where to; `service` names this process unless `OTEL_SERVICE_NAME` does.
    /// What is recorded is sent on the current Tokio runtime.
    ///
    /// # Errors
    /// The environment asks for what cannot be done.
    pub fn start(service: &'static str) -> Result<Traces, TracesError> {
        let is_off = given("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || given("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
        if is_off || ENDPOINTS.iter().all(|name| given(name).is_none()) {
            return Ok(Traces::default());
        }
        let protocol = PROTOCOLS.into_iter().find_map(|name| given(name).map(|value| (name, value)));
        if let Some((name, value)) = protocol.filter(|(_, value)| value != PROTOCOL) {
            return Err(TracesError::Protocol { name, value });
        }
        let collector = Collector::new().map_err(TracesError::Client)?;
        let exporter = SpanExporter::builder().with_http().with_http_client(collector).build()?;
        let mut batches = BatchConfigBuilder::default();
        if given(QUEUE_SIZE).is_none() {
            batches = batches.with_max_queue_size(WAITING_SPANS_MAX);
        }
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches.build()).build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(service))
            .with_span_processor(processor)
            .build();
        // A process starts once.
        let _ = TRACER.set(provider.tracer("tellers"));
        Ok(Traces(Some(provider)))
    }

    /// Sends what is left, for a few seconds at the most.
    pub async fn stop(self) {
        let Some(provider) = self.0 else { return };
        let stopped = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(STOP_TIMEOUT)).await;
        if let Ok(Err(failure)) = stopped {
            tracing::warn!(%failure, "the last traces were not sent");
        }
    }
}

/// A variable that says something.
fn given(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn resource(service: &'static str) -> Resource {
    let named = Resource::builder_empty()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("process.pid", i64::from(std::process::id())))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match given("OTEL_SERVICE_NAME") {
        Some(name) => named.with_service_name(name),
        None => named,
    }
    .build()
}

/// Something that takes time, and is recorded when it is dropped.
#[derive(Debug)]
pub struct Span(SdkSpan);

impl Span {
    /// A request to a service; `header` gives the headers by which its client says which trace it belongs to. `None`: it
    /// is not recorded.
    pub fn of_request<'h>(
        method: &'static str,
        route: &str,
        header: impl Fn(&str) -> Option<&'h str>,
    ) -> Option<Span> {
        let tracer = TRACER.get()?;
        let headers = Headers { traceparent: header("traceparent"), tracestate: header("tracestate") };
        let caller = headers.context();
        let attributes =
            [KeyValue::new("http.request.method", method), KeyValue::new("http.route", route.to_owned())];
        let builder = tracer
            .span_builder(format!("{method} {route}"))
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        Span::recorded(builder.start_with_context(tracer, &caller))
    }

    /// A batch of so many jobs of a lane, which these requests brought, as far as they are recorded. `None`: none is.
    pub fn of_batch(lane: i64, jobs: usize, requests: &BTreeSet<TraceParent>) -> Option<Span> {
        let first = requests.first()?;
        let tracer = TRACER.get()?;
        let links = requests.iter().map(|request| Link::with_context(span_context(request))).collect();
        let attributes = [
            KeyValue::new("messaging.operation.type", "process"),
            KeyValue::new("messaging.batch.message_count", i64::try_from(jobs).unwrap_or(i64::MAX)),
            KeyValue::new("tellers.lane", lane),
        ];
        let builder = tracer
            .span_builder("post batch")
            .with_kind(SpanKind::Consumer)
            .with_attributes(attributes)
            .with_links(links);
        // A child of one of them, so that it is recorded as they are.
        let parent = Context::new().with_remote_span_context(span_context(first));
        Span::recorded(builder.start_with_context(tracer, &parent))
    }

    fn recorded(span: SdkSpan) -> Option<Span> {
        span.is_recording().then_some(Span(span))
    }

    /// Which it is, for whom it is the cause.
    #[must_use]
    pub fn parent(&self) -> Option<TraceParent> {
        let context = self.0.span_context();
        let (trace, span, flags) = (context.trace_id(), context.span_id(), context.trace_flags().to_u8());
        TraceParent::parse(&format!("00-{trace}-{span}-{flags:02x}"))
    }

    /// Says something more about it.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.set_attribute(KeyValue::new(name, value));
    }

    /// It did not end well, and not by its client's fault.
    pub fn failed(&mut self, why: impl Into<std::borrow::Cow<'static, str>>) {
        self.0.set_status(Status::error(why));
    }
}

fn span_context(request: &TraceParent) -> SpanContext {
    let context = Headers { traceparent: Some(request.as_str()), tracestate: None }.context();
    context.span().span_context().clone()
}

/// The headers of W3C Trace Context.
#[derive(Debug, Clone, Copy)]
struct Headers<'h> {
    traceparent: Option<&'h str>,
    tracestate: Option<&'h str>,
}

impl Headers<'_> {
    /// What they say, if that can be read.
    fn context(&self) -> Context {
        TraceContextPropagator::new().extract_with_context(&Context::new(), self)
    }
}

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        match name {
            "traceparent" => self.traceparent,
            "tracestate" => self.tracestate,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}
