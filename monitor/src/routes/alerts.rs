//! What needs someone, what did, and where the thresholds are.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::State;

use crate::alerts;
use crate::context::Shared;
use crate::views::alerts::{AlertState, Alerts};

/// Alerts that fire, those that are about to, every rule with its threshold, and the history.
#[utoipa::path(
    get, path = "/api/scalability/alerts", tag = "fleet", operation_id = "list_alerts",
    responses((status = 200, description = "The alerts, evaluated about a second ago at most.", body = Alerts))
)]
pub(super) async fn alerts(State(shared): State<Arc<Shared>>) -> Json<Alerts> {
    let snapshot = shared.snapshot();
    let pending = snapshot.alerts.iter().filter(|alert| alert.state == AlertState::Pending);
    Json(Alerts {
        taken_at: snapshot.dashboard.status.taken_at,
        firing: alerts::Alerts::firing(&snapshot.alerts),
        pending: pending.cloned().collect(),
        rules: snapshot.alerts.clone(),
        history: shared.log.lock().unwrap_or_else(PoisonError::into_inner).records(),
    })
}
