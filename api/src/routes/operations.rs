//! What whoever looks after the fleet asks: is it alive, is it ready, how does it do.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::context::Ingress;
use crate::problem::{Problem, ProblemType};

/// A probe gives up after a second or two; the answer comes before.
const READY_MAX: Duration = Duration::from_secs(1);

/// The answer to a probe.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `alive` or `ready`.
    #[schema(example = "ready")]
    status: &'static str,
}

/// Shows whether the process answers.
#[utoipa::path(get, path = "/livez", tag = "operations", operation_id = "show_liveness", responses((status = 200, description = "The process answers.", body = Health)))]
pub async fn livez() -> Json<Health> {
    Json(Health { status: "alive" })
}

/// Shows whether this replica would accept jobs now: it reaches the queue and is not stopping. Accepting
/// needs no database.
#[utoipa::path(get, path = "/readyz", tag = "operations", operation_id = "show_readiness", responses(
    (status = 200, description = "This replica would accept jobs.", body = Health),
))]
pub async fn readyz(State(ingress): State<Arc<Ingress>>) -> Result<Json<Health>, Problem> {
    let unready =
        |why: String| Problem::new(ProblemType::QueueUnavailable, why).retry_after(Duration::from_secs(1));
    if ingress.shutdown.is_cancelled() {
        return Err(unready("this replica is stopping; ask another one".to_owned()));
    }
    if !ingress.config.keys.is_known() {
        let why = "which API keys there are is not known: the database has not answered since the start";
        return Err(unready(why.to_owned()));
    }
    match tokio::time::timeout(READY_MAX, ingress.parts.queue.ready()).await {
        Ok(Ok(())) => Ok(Json(Health { status: "ready" })),
        Ok(Err(error)) => Err(unready(format!("the queue is not reached ({error}); look at the broker"))),
        Err(_) => Err(unready(format!("the queue did not answer within {READY_MAX:?}; look at the broker"))),
    }
}

/// Shows the metrics of this process in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations", operation_id = "show_metrics", responses(
    (status = 200, description = "The metrics.", body = String, content_type = "text/plain; version=0.0.4"),
))]
pub async fn metrics(State(ingress): State<Arc<Ingress>>) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        ingress.parts.instruments.telemetry.prometheus.render(),
    )
}
