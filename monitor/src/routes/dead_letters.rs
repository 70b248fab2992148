//! What could not be posted and waits for an operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use domain::lane::Lane;
use queue::DeadLetter;
use queue::publisher::{Publisher, PublisherLimits};
use queue::replay::{ReplayError, replay as put_back};
use runtime::clock;
use serde::Serialize;
use utoipa::ToSchema;

use crate::context::Shared;
use crate::problem::Problem;
use crate::views::dead_letters::{DeadLetterView, DeadLetters};

/// Letters that are shown unless the client says how many.
const SHOWN: usize = 20;
const SHOWN_MAX: usize = 1_000;
/// Characters of a payload that are shown.
const PAYLOAD_CHARS_MAX: usize = 2_000;

/// What was done with a letter.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// Its id.
    id: String,
    /// `replayed` or `discarded`.
    done: &'static str,
}

/// The oldest dead letters with their causes.
#[utoipa::path(
    get,
    path = "/api/scalability/dead-letters",
    tag = "control",
    params(("limit" = Option<usize>, Query, description = "How many at the most: 20 unless given, up to 1,000")),
    responses(
        (status = 200, description = "Dead letters.", body = DeadLetters),
        (status = 503, description = "The queue did not answer.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
) -> Result<Json<DeadLetters>, Problem> {
    let limit = match query.as_deref().unwrap_or_default() {
        "" => SHOWN,
        query => query
            .strip_prefix("limit=")
            .and_then(|limit| limit.parse().ok())
            .filter(|limit| (1..=SHOWN_MAX).contains(limit))
            .ok_or_else(|| Problem::invalid_parameter("limit", query, "it takes limit=1 to limit=1000"))?,
    };
    let queue = &shared.parts.queue;
    // Counted before it looks: a broker's count lags behind letters that are looked at and put back.
    let count = queue.dead_letter_count().await.map_err(Problem::queue_unavailable)?;
    let letters = queue.dead_letters(limit).await.map_err(Problem::queue_unavailable)?;
    let count = count.max(u64::try_from(letters.len()).unwrap_or(u64::MAX));
    Ok(Json(DeadLetters { count, letters: letters.iter().map(view).collect() }))
}

/// Puts a dead letter on its lane again, behind what waits there.
#[utoipa::path(
    post,
    path = "/api/scalability/dead-letters/{id}/replay",
    tag = "control",
    responses(
        (status = 200, description = "It is on its lane.", body = Done),
        (status = 404, description = "No such letter.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It is no job.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The queue did not take it.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn replay(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<Done>, Problem> {
    let queue = &shared.parts.queue;
    let letters = queue.dead_letters_of(&id).await.map_err(Problem::queue_unavailable)?;
    let letter = letters.first().ok_or_else(|| Problem::no_such_letter(&id))?;
    // The order of acceptance is counted under this name: a new one for each replay.
    let name = format!("{}-replay-{}", shared.parts.replica, clock::now_us());
    let publisher = Publisher::new(queue.clone(), shared.parts.lanes, name, PublisherLimits::default());
    let replayed = put_back(&**queue, &publisher, shared.parts.lanes, letter).await;
    publisher.stop().await;
    replayed.map_err(|error| match error {
        ReplayError::Publish(error) => Problem::queue_unavailable(error),
        error => Problem::not_replayable(error),
    })?;
    // Broken off before this, it is there twice, and its job still takes effect once. As often as it was found and
    // no more: it may have been given up and kept again by now.
    let found = vec![id.clone(); letters.len()];
    let removed = queue.discard_dead_letters(&found).await.map_err(Problem::queue_unavailable)?;
    let by_other = removed.is_empty();
    tracing::info!(letter = id, by_other, "a dead letter was replayed");
    Ok(Json(Done { id, done: "replayed" }))
}

/// Removes a dead letter for good.
#[utoipa::path(
    delete,
    path = "/api/scalability/dead-letters/{id}",
    tag = "control",
    responses(
        (status = 200, description = "It is gone.", body = Done),
        (status = 404, description = "No such letter.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The queue did not answer.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn discard(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<Done>, Problem> {
    let found = shared.parts.queue.discard_dead_letter(&id).await.map_err(Problem::queue_unavailable)?;
    if !found {
        return Err(Problem::no_such_letter(&id));
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
