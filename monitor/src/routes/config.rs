//! The settings in force, and changing them while the fleet runs.

mod shown;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::body::{self, Body};
use super::who::{Who, shortened};
use crate::context::Shared;
use crate::control::Cause;
use crate::problem::{self, Problem};
use crate::views::config::Config;

/// A change of settings. A body without `changes` and `undo` is itself the object of changes.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeBody {
    /// New values by the name of the setting; `null` takes back what was changed while running.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"BATCH_PROCESSING_SIZE": 50}))]
    changes: Map<String, Value>,
    /// The version to undo, in place of `changes`.
    undo: Option<u64>,
    /// The user who asks for the change. With an API key, the person on whose behalf the key's owner asks.
    by: Option<String>,
    /// Why the change is made, for the audit log.
    reason: Option<String>,
}

impl ChangeBody {
    fn read(body: &[u8]) -> Result<ChangeBody, Problem> {
        let fields: Map<String, Value> = body::read(body)?;
        // Settings are in capitals, so no field is taken for one.
        if fields.contains_key("changes") || fields.contains_key("undo") {
            serde_json::from_value(Value::Object(fields)).map_err(problem::invalid_body)
        } else {
            let (about, changes): (Map<_, _>, Map<_, _>) =
                fields.into_iter().partition(|(name, _)| name == "by" || name == "reason");
            let body: ChangeBody =
                serde_json::from_value(Value::Object(about)).map_err(problem::invalid_body)?;
            Ok(ChangeBody { changes, ..body })
        }
    }

    fn cause(&self, who: Who) -> Cause {
        Cause {
            by: who.named(self.by.as_deref()),
            reason: self.reason.as_deref().map(shortened),
            optimized: false,
        }
    }
}

/// The version of the settings to undo.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UndoBody {
    /// The version to undo; by default the newest version that is not undone.
    version: Option<u64>,
    /// The user who asks for the undo. With an API key, the person on whose behalf the key's owner asks.
    by: Option<String>,
    /// Why the change is undone, for the audit log.
    reason: Option<String>,
}

/// The settings in force, where each comes from, whether every replica runs with them, and who changed them.
#[utoipa::path(
    get, path = "/api/scalability/config", tag = "control", operation_id = "show_settings",
    responses((status = 200, description = "The settings.", body = Config))
)]
pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Json<Config> {
    Json(shown::config(&shared).await)
}

/// Changes settings while the fleet runs: all of them, or none if one is wrong.
#[utoipa::path(
    patch, path = "/api/scalability/config", tag = "control", operation_id = "change_settings",
    request_body(content = ChangeBody, description = "`{\"NAME\": value}`, or the same object within `changes`."),
    params(("X-Tellers-User" = Option<String>, Header, description = "The user who asks for the change, for the audit log; `by` in the body takes precedence.")),
    responses(
        (status = 200, description = "The settings after the change.", body = Config),
    )
)]
pub(super) async fn change(
    State(shared): State<Arc<Shared>>,
    who: Who,
    Body(body): Body,
) -> Result<Json<Config>, Problem> {
    let body = ChangeBody::read(&body)?;
    let cause = body.cause(who);
    match body.undo {
        Some(version) if body.changes.is_empty() => {
            shared.control.undo(Some(version), false, cause).await?;
        }
        Some(_) => return Err(problem::invalid_body("`undo` stands alone, without `changes`")),
        None if body.changes.is_empty() => {
            return Err(problem::invalid_body("the body names no setting to change"));
        }
        None => {
            shared.control.change(&body.changes, cause).await?;
        }
    }
    Ok(Json(shown::config(&shared).await))
}

/// Undoes a change of settings: the settings that it changed get their values from before.
#[utoipa::path(
    post, path = "/api/scalability/config/undo", tag = "control", operation_id = "undo_settings",
    request_body = UndoBody,
    responses(
        (status = 200, description = "The settings after the undo.", body = Config),
    )
)]
pub(super) async fn undo(
    State(shared): State<Arc<Shared>>,
    who: Who,
    Body(body): Body,
) -> Result<Json<Config>, Problem> {
    let body: UndoBody = body::read_or_default(&body)?;
    let by = who.named(body.by.as_deref());
    let cause = Cause { by, reason: body.reason.as_deref().map(shortened), optimized: false };
    shared.control.undo(body.version, false, cause).await?;
    Ok(Json(shown::config(&shared).await))
}
