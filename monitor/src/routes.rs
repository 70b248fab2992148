//! What the monitor answers.

use std::sync::Arc;

use axum::extract::State;
use axum::{Json, Router};
use shared::telemetry::{PrometheusHandle, probes};
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::load_test::{self, LoadTests};
use crate::snapshot::Snapshot;

type Snapshots = watch::Receiver<Arc<Snapshot>>;

pub(crate) fn router(
    snapshots: Snapshots,
    load_tests: Arc<LoadTests>,
    prometheus: PrometheusHandle,
) -> Router {
    // The monitor is ready when it answers: it is there to tell when the others are not.
    let readiness: probes::Readiness = Arc::new(|| Box::pin(async { Ok(()) }));
    let (router, openapi) = OpenApiRouter::new()
        .routes(routes!(status))
        .with_state(snapshots)
        .merge(load_test::router(load_tests))
        .split_for_parts();
    router
        .route("/api/openapi.json", axum::routing::get(async move || Json(openapi)))
        .merge(probes::routes(readiness, prometheus))
}

/// The fleet at a glance: replicas, lanes with holder, depth and lag, and the ledger's totals.
#[utoipa::path(
    get,
    path = "/api/scalability/status",
    responses((status = 200, description = "The latest snapshot, at most a few seconds old", body = Snapshot))
)]
async fn status(State(snapshots): State<Snapshots>) -> Json<Snapshot> {
    Json(snapshots.borrow().as_ref().clone())
}
