//! The lanes, and pausing them.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use contract::settings::LanePause;
use domain::lane::Lanes as LaneCount;
use domain::text::Why;
use runtime::clock;
use serde::{Deserialize, Serialize};
use tellers_http::trail;
use utoipa::ToSchema;

use super::body::{self, Body};
use super::who::Who;
use crate::context::Shared;
use crate::control::Cause;
use crate::problem::{self, Problem};
use crate::views::status::{LanePauseView, LaneView};

/// Why a lane is paused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PauseBody {
    /// Why: 1 to 140 characters, for everybody who asks why jobs wait.
    #[schema(value_type = String, min_length = 1, max_length = 140, example = "a file with wrong amounts")]
    reason: Why,
    /// The user who pauses the lane. With an API key, the person on whose behalf the key's owner asks.
    by: Option<String>,
}

/// The lanes of the fleet.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LanesPage {
    /// Every lane, by its number.
    lanes: Vec<LaneView>,
}

/// Whether a lane is paused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LaneState {
    /// The lane's number.
    lane: u16,
    /// Who paused the lane, and why; `null`: it is not paused.
    paused: Option<LanePauseView>,
}

/// Lists the lanes: who serves each, what waits on it, and who paused it.
#[utoipa::path(
    get, path = "/api/scalability/lanes", tag = "control", operation_id = "list_lanes",
    responses((status = 200, description = "The lanes.", body = LanesPage))
)]
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<LanesPage> {
    let mut lanes = shared.snapshot().dashboard.status.lanes.clone();
    // The snapshot is of this second or the one before.
    let paused = shared.control.paused_lanes();
    for lane in &mut lanes {
        lane.paused = paused.get(&lane.lane).map(LanePauseView::from);
    }
    Json(LanesPage { lanes })
}

/// Pauses a lane: its worker finishes the batch in hand, and takes no job of the lane until somebody resumes it.
///
/// Every worker knows within two seconds. The ingress goes on accepting jobs for the lane as long as its queue takes them, and
/// they keep their order. Paused again, a lane has another reason.
#[utoipa::path(
    put, path = "/api/scalability/lanes/{lane}/pause", tag = "control", operation_id = "pause_lane",
    request_body = PauseBody,
    params(("lane" = u16, Path, description = "The lane's number.")),
    responses((status = 200, description = "The lane, paused.", body = LaneState))
)]
pub(super) async fn pause(
    State(shared): State<Arc<Shared>>,
    (who, noted): (Who, trail::Who),
    path: Result<Path<String>, PathRejection>,
    Body(body): Body,
) -> Result<Json<LaneState>, Problem> {
    let lane = known(path, shared.parts.lanes)?;
    let PauseBody { reason, by } = body::read(&body)?;
    let (by, reason) = (who.named(by.as_deref()), reason.to_string());
    let cause = Cause { by: by.clone(), reason: Some(reason.clone()), optimized: false };
    let pause = LanePause { by, reason: reason.clone(), since: clock::now_us() };
    shared.control.pause(lane, Some(pause), cause).await?;
    shared.parts.trail.note_change(
        "lane_paused",
        &noted,
        &[("lane", &lane.to_string()), ("reason", &reason)],
    );
    Ok(Json(state(&shared, lane)))
}

/// Resumes a lane that is paused; one that is not stays as it is.
#[utoipa::path(
    delete, path = "/api/scalability/lanes/{lane}/pause", tag = "control", operation_id = "resume_lane",
    params(("lane" = u16, Path, description = "The lane's number.")),
    responses((status = 200, description = "The lane, which goes on.", body = LaneState))
)]
pub(super) async fn resume(
    State(shared): State<Arc<Shared>>,
    (who, noted): (Who, trail::Who),
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<LaneState>, Problem> {
    let lane = known(path, shared.parts.lanes)?;
    let cause = Cause { by: who.named(None), ..Cause::default() };
    shared.control.pause(lane, None, cause).await?;
    shared.parts.trail.note_change("lane_resumed", &noted, &[("lane", &lane.to_string())]);
    Ok(Json(state(&shared, lane)))
}

fn state(shared: &Shared, lane: u16) -> LaneState {
    LaneState { lane, paused: shared.control.paused_lanes().get(&lane).map(LanePauseView::from) }
}

/// The number in a path, if the fleet has such a lane.
fn known(path: Result<Path<String>, PathRejection>, lanes: LaneCount) -> Result<u16, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    let lane = text.parse().ok().filter(|lane| *lane < lanes.count());
    lane.ok_or_else(|| problem::no_such_lane(&text, lanes.count()))
}
