//! What the fleet does, and whether it is well.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use strum::{IntoStaticStr, VariantArray};
use tellers_http::event_stream;
use tellers_http::keys::Caller;
use tellers_http::query::{self, Query};
use utoipa::{IntoParams, ToSchema};

use super::stream;
use crate::context::Shared;
use crate::views::dashboard::Dashboard;
use crate::views::history::History;
use crate::views::metrics::Metrics;
use crate::views::status::Status;

/// Shows everything at a glance: verdict, health, figures, lanes, replicas, alerts, and what to change.
#[utoipa::path(
    get, path = "/api/scalability/dashboard", tag = "fleet", operation_id = "show_dashboard",
    responses((
        status = 200,
        description = "The latest snapshot, at most about a second old. With `Accept: text/event-stream` the \
                       answer is a stream of events `dashboard`, one each second.",
        content((Dashboard = "application/json"), (Dashboard = "text/event-stream"))
    ))
)]
pub(super) async fn dashboard(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    headers: HeaderMap,
) -> Response {
    if event_stream::is_asked_for(&headers) {
        return stream::of("dashboard", &shared, caller, &headers, |snapshot| {
            serde_json::to_string(&snapshot.dashboard)
        });
    }
    Json(&shared.snapshot().dashboard).into_response()
}

/// Shows whether the fleet is well, and why: verdict, health score and its parts, replicas, lanes, the
/// ledger.
#[utoipa::path(
    get, path = "/api/scalability/status", tag = "fleet", operation_id = "show_status",
    responses((status = 200, description = "The latest snapshot, at most about a second old.", body = Status))
)]
pub(super) async fn status(State(shared): State<Arc<Shared>>) -> Response {
    Json(&shared.snapshot().dashboard.status).into_response()
}

/// Shows figures of the last 10 and 60 seconds: response times, throughput, processing times, errors, CPU,
/// memory, disk, pools, queue sizes.
#[utoipa::path(
    get, path = "/api/scalability/metrics/realtime", tag = "fleet", operation_id = "show_realtime_metrics",
    params((
        "Last-Event-ID" = Option<String>, Header,
        description = "With `Accept: text/event-stream`, the id of the last event that the client saw. The stream starts with the \
                       events after it, up to 15 minutes back, as events `point`."
    )),
    responses((
        status = 200,
        description = "The latest figures. With `Accept: text/event-stream` the answer is a stream of events `metrics`, one each second.",
        content((Metrics = "application/json"), (Metrics = "text/event-stream"))
    ))
)]
pub(super) async fn realtime(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    headers: HeaderMap,
) -> Response {
    if event_stream::is_asked_for(&headers) {
        let json = |snapshot: &crate::snapshot::Snapshot| serde_json::to_string(&snapshot.dashboard.metrics);
        return stream::of("metrics", &shared, caller, &headers, json);
    }
    Json(&shared.snapshot().dashboard.metrics).into_response()
}

/// How far back the history goes.
#[derive(Debug, Clone, Copy, IntoStaticStr, VariantArray, ToSchema)]
pub(super) enum HistorySpan {
    /// The last 15 minutes, second by second.
    #[strum(serialize = "15m")]
    #[schema(rename = "15m")]
    Minutes,
    /// The last 24 hours, minute by minute.
    #[strum(serialize = "24h")]
    #[schema(rename = "24h")]
    Day,
}

/// Which history to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// `15m` (default) or `24h`
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<HistorySpan>)]
    span: Option<HistorySpan>,
}

/// Shows the figures of the last 15 minutes, second by second, or of the last 24 hours, minute by minute.
#[utoipa::path(
    get, path = "/api/scalability/history", tag = "fleet", operation_id = "show_history",
    params(HistoryQuery),
    responses(
        (status = 200, description = "The points, the oldest first.", body = History),
    )
)]
pub(super) async fn history(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<HistoryQuery>,
) -> Json<History> {
    let history = shared.history.lock().unwrap_or_else(PoisonError::into_inner);
    let span = query.span.unwrap_or(HistorySpan::Minutes);
    let (step_seconds, points) = match span {
        HistorySpan::Minutes => (1, history.seconds()),
        HistorySpan::Day => (60, history.minutes()),
    };
    Json(History { span: span.into(), step_seconds, points })
}
