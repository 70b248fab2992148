//! What could not be posted and waits for an operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use domain::lane::Lane;
use queue::DeadLetter;
use queue::publisher::{Publisher, PublisherLimits};
use queue::replay::{ReplayError, replay as put_back};
use runtime::clock;
use serde::{Deserialize, Serialize};
use tellers_http::query::{Limit, Query};
use utoipa::{IntoParams, ToSchema};

use crate::context::Shared;
use crate::problem::{self, Problem};
use crate::views::dead_letters::{DeadLetterView, DeadLetters};

/// Characters of a payload that are shown.
const PAYLOAD_CHARS_MAX: usize = 2_000;

/// Which dead letters to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Dead letters in the answer: 1 to 1,000; 20 by default.
    #[serde(default)]
    #[param(value_type = Option<usize>)]
    limit: Limit<20, 1_000>,
}

/// What was done with a dead letter.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// The dead letter's id.
    id: String,
    /// `replayed` or `discarded`.
    done: &'static str,
}

/// Lists the oldest dead letters with their causes.
#[utoipa::path(
    get, path = "/api/scalability/dead-letters", tag = "control",
    params(ListQuery),
    responses(
        (status = 200, description = "The dead letters.", body = DeadLetters),
        (status = 400, description = "A parameter is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The queue did not answer.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Query(ListQuery { limit: Limit(limit) }): Query<ListQuery>,
) -> Result<Json<DeadLetters>, Problem> {
    let queue = &shared.parts.queue;
    // Counted before it looks: a broker's count lags behind letters that are looked at and put back.
    let count = queue.dead_letter_count().await.map_err(problem::queue_unavailable)?;
    let letters = queue.dead_letters(limit as usize).await.map_err(problem::queue_unavailable)?;
    let count = count.max(u64::try_from(letters.len()).unwrap_or(u64::MAX));
    Ok(Json(DeadLetters { count, letters: letters.iter().map(view).collect() }))
}

/// Puts a dead letter on its lane again, behind the jobs that wait there.
#[utoipa::path(
    post, path = "/api/scalability/dead-letters/{id}/replay", tag = "control",
    responses(
        (status = 200, description = "The job is on its lane.", body = Done),
        (status = 404, description = "There is no such dead letter.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The dead letter is no job.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The queue did not take the job.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn replay(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<Done>, Problem> {
    let queue = &shared.parts.queue;
    let letters = queue.dead_letters_of(&id).await.map_err(problem::queue_unavailable)?;
    let letter = letters.first().ok_or_else(|| problem::no_such_letter(&id))?;
    // The order of acceptance is counted under this name: a new one for each replay.
    let name = format!("{}-replay-{}", shared.parts.replica, clock::now_us());
    let publisher = Publisher::new(queue.clone(), shared.parts.lanes, name, PublisherLimits::default());
    let replayed = put_back(&**queue, &publisher, shared.parts.lanes, letter).await;
    publisher.stop().await;
    replayed.map_err(|error| match error {
        ReplayError::Publish(error) => problem::queue_unavailable(error),
        error => problem::not_replayable(error),
    })?;
    // Broken off before this, it is there twice, and its job still takes effect once. As often as it was found and
    // no more: it may have been given up and kept again by now.
    let found = vec![id.clone(); letters.len()];
    let removed = queue.discard_dead_letters(&found).await.map_err(problem::queue_unavailable)?;
    let by_other = removed.is_empty();
    tracing::info!(letter = id, by_other, "a dead letter was replayed");
    Ok(Json(Done { id, done: "replayed" }))
}

/// Removes a dead letter for good.
#[utoipa::path(
    delete, path = "/api/scalability/dead-letters/{id}", tag = "control",
    responses(
        (status = 200, description = "The dead letter is gone.", body = Done),
        (status = 404, description = "There is no such dead letter.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The queue did not answer.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn discard(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<Done>, Problem> {
    let found = shared.parts.queue.discard_dead_letter(&id).await.map_err(problem::queue_unavailable)?;
    if !found {
        return Err(problem::no_such_letter(&id));
    }
    tracing::info!(letter = id, "a dead letter was discarded");
    Ok(Json(Done { id, done: "discarded" }))
}

fn view(letter: &DeadLetter) -> DeadLetterView {
    DeadLetterView {
        id: letter.id.clone(),
        lane: (letter.lane != Lane::NONE).then_some(letter.lane.0),
        cause: letter.cause.clone(),
        at: letter.at.to_string(),
        payload: String::from_utf8_lossy(&letter.payload).chars().take(PAYLOAD_CHARS_MAX).collect(),
    }
}
