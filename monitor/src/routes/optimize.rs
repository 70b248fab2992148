//! What holds the fleet back, what to change, and changing it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::body::{self, Body};
use super::who::Who;
use crate::context::Shared;
use crate::control::Cause;
use crate::problem::{self, Problem};
use crate::scaling::bottleneck::more_workers_help;
use crate::views::optimize::{Optimization, RecommendationKind};

/// What to do with the recommendations.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OptimizeBody {
    /// `true` recommends and changes nothing.
    dry_run: bool,
    /// `true` undoes the settings that were applied last.
    undo: bool,
    /// The user who asks, for the audit log. With an API key, the person on whose behalf the key's owner
    /// asks.
    by: Option<String>,
}

/// Recommends settings and a number of workers, each with evidence and expected effect, and applies the
/// settings that can change while running.
#[utoipa::path(
    post, path = "/api/scalability/optimize", tag = "control", operation_id = "optimize_fleet",
    request_body = OptimizeBody,
    responses(
        (status = 200, description = "The recommendations, and the settings that were applied.", body = Optimization),
    )
)]
pub(super) async fn optimize(
    State(shared): State<Arc<Shared>>,
    who: Who,
    Body(body): Body,
) -> Result<Json<Optimization>, Problem> {
    let body: OptimizeBody = body::read_or_default(&body)?;
    if body.dry_run && body.undo {
        return Err(problem::invalid_body("`dry_run` and `undo` exclude each other"));
    }
    let by = who.named(body.by.as_deref());
    let snapshot = shared.snapshot();
    let dashboard = &snapshot.dashboard;
    let mut optimization = Optimization {
        taken_at: dashboard.status.taken_at,
        bottleneck: dashboard.bottleneck.clone(),
        workers: dashboard.status.workers_wanted.clone(),
        more_workers_help: more_workers_help(&dashboard.bottleneck),
        recommendations: dashboard.recommendations.clone(),
        dry_run: body.dry_run,
        applied: Vec::new(),
        settings_version: shared.control.in_force().0,
        undone: None,
    };
    if body.undo {
        let cause = Cause { by, reason: Some("undo of optimize".to_owned()), optimized: false };
        let (undone, version) = shared.control.undo(None, true, cause).await?;
        (optimization.undone, optimization.settings_version) = (Some(undone), version);
    } else if !body.dry_run {
        apply(&shared, by, &mut optimization).await?;
    }
    Ok(Json(optimization))
}

async fn apply(shared: &Shared, by: String, optimization: &mut Optimization) -> Result<(), Problem> {
    let changes: Map<String, Value> = optimization
        .recommendations
        .iter()
        .filter(|advice| advice.kind == RecommendationKind::Setting && advice.applies_while_running)
        .filter_map(|advice| Some((advice.subject.clone(), advice.recommended.clone()?)))
        .collect();
    if changes.is_empty() {
        return Ok(());
    }
    let reason = format!("optimize: {}", optimization.bottleneck.sentence);
    let applied = changes.keys().cloned().collect();
    let cause = Cause { by, reason: Some(reason), optimized: true };
    optimization.settings_version = shared.control.change(&changes, cause).await?;
    optimization.applied = applied;
    Ok(())
}
