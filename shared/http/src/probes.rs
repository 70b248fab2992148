//! The endpoints that every role has: `/livez`, `/readyz` and `/metrics`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use runtime::telemetry::Exposition;

/// What says whether a replica can do its work now; an error is why not, in a sentence.
pub type Readiness = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// The media type of Prometheus' text format, version 0.0.4.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /livez` answers 200 while the process runs, `GET /readyz` 200 or 503 with the reason, and
/// `GET /metrics` the figures in Prometheus' text format.
pub fn routes<S: Clone + Send + Sync + 'static>(readiness: Readiness, figures: Exposition) -> Router<S> {
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(render).with_state(figures))
}

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    match readiness().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn render(State(figures): State<Exposition>) -> impl IntoResponse {
    ([("content-type", PROMETHEUS_TEXT)], figures.render())
}
