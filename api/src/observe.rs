//! Counts and times every request, traces those that are let in, and answers a panic with a problem.

use std::any::Any;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use contract::trace::TraceParent;
use domain::id::JobId;
use domain::job::Kind;
use metrics::{counter, histogram};
use runtime::request_id;
use runtime::telemetry::names;
use runtime::traces::Span;
use tellers_http::keys::Caller;

use crate::body;
use crate::problem::{Problem, ProblemType};

/// Marks an answer for which its client had asked to wait.
#[derive(Debug, Clone, Copy)]
pub struct Waited;

/// The span of a request that is traced, for the jobs that it brings.
#[derive(Debug, Clone, Copy)]
pub struct Traced(pub TraceParent);

/// Marks the answer to a request that brought this job.
#[derive(Debug, Clone, Copy)]
pub struct Brought(pub JobId);

/// Counts and times a request.
pub async fn measure(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (method, route) = (method_label(request.method()), route_label(&request).to_owned());
    let response = next.run(body::drained(request)).await;
    let waited = if response.extensions().get::<Waited>().is_some() { "yes" } else { "no" };
    let status = response.status().as_u16().to_string();
    let seconds = started.elapsed().as_secs_f64();
    counter!(names::INGRESS_REQUESTS, names::ROUTE => route.clone(), names::METHOD => method, names::STATUS => status)
        .increment(1);
    histogram!(names::INGRESS_RESPONSE_SECONDS, names::ROUTE => route, names::WAITED => waited)
        .record(seconds);
    response
}

/// Traces a request that was let in. Who came without being asked for anything belongs to no trace of its own choice: it could
/// have any number of requests recorded, whatever the sampler says.
pub async fn trace(mut request: Request, next: Next) -> Response {
    let is_known = request.extensions().get::<Caller>().is_some();
    let header = |name: &str| request.headers().get(name).filter(|_| is_known)?.to_str().ok();
    let span = Span::of_request(method_label(request.method()), route_label(&request), header);
    if let Some(parent) = span.as_ref().and_then(Span::parent) {
        request.extensions_mut().insert(Traced(parent));
    }
    let response = next.run(request).await;
    if let Some(span) = span {
        end(span, &response);
    }
    response
}

fn end(mut span: Span, response: &Response) {
    let status = response.status();
    span.set("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.failed("");
    }
    if let Some(id) = request_id::current() {
        span.set("tellers.request_id", id.to_string());
    }
    if let Some(Brought(job)) = response.extensions().get() {
        span.set("tellers.job", job.to_string());
    }
}

/// The path as the table of routes has it; `none`: it is none of them.
fn route_label(request: &Request) -> &str {
    request.extensions().get().map_or("none", MatchedPath::as_str)
}

/// A client may make up methods; a label may not have that many values.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "OTHER",
    }
}

/// Counts jobs that the queue took.
pub fn count_accepted(kind: Kind, jobs: u64) {
    counter!(names::INGRESS_JOBS_ACCEPTED, names::KIND => kind.name()).increment(jobs);
}

/// Counts a job that was refused.
pub fn count_refused(problem: &Problem) {
    counter!(names::INGRESS_JOBS_REFUSED, names::PROBLEM => problem.slug()).increment(1);
}

/// The answer to a request that met a fault of ours.
pub fn answer_panic(panic: Box<dyn Any + Send>) -> Response {
    let what = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = what.unwrap_or("of unknown kind"), "a request met a fault of ours");
    let detail = "the fault is logged; send the request again, with the same key if it submits a job";
    Problem::new(ProblemType::Internal, detail).into_response()
}
