//! What could not be posted and waits for an operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use contract::envelope::{Envelope, QueuedJob};
use contract::message::JobMessage;
use contract::submission;
use domain::lane::Lane;
use queue::DeadLetter;
use queue::publisher::{Publisher, PublisherLimits};
use queue::replay::{ReplayError, replay as put_back};
use runtime::clock;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tellers_http::keys::Caller;
use tellers_http::query::{Limit, Query};
use utoipa::{IntoParams, ToSchema};

use crate::context::Shared;
use crate::problem::{self, Problem};
use crate::views::dead_letters::{DeadLetterView, DeadLetters};

/// Dead letters that are looked through for those of one client, the oldest.
const LOOKED_AT_MAX: usize = 10_000;
/// Characters of a payload that are shown.
const PAYLOAD_CHARS_MAX: usize = 2_000;

/// Which dead letters to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Dead letters in the answer: 1 to 1,000; 20 by default.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<20, 1_000>,
}

/// What was done with a dead letter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetterHandled)]
pub(super) struct Done {
    /// The dead letter's id.
    id: String,
    /// What was done.
    done: WhatWasDone,
}

/// What an operator did with a dead letter.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WhatWasDone {
    /// The job is on its lane again.
    Replayed,
    /// The dead letter is gone.
    Discarded,
}

/// Lists the oldest dead letters with their causes. A key for some accounts sees those of its client, and those that
/// are about its accounts.
#[utoipa::path(
    get, path = "/api/scalability/dead-letters", tag = "control", operation_id = "list_dead_letters",
    params(ListQuery),
    responses(
        (status = 200, description = "The dead letters.", body = DeadLetters),
    )
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Query(ListQuery { limit: Limit(limit) }): Query<ListQuery>,
) -> Result<Json<DeadLetters>, Problem> {
    let queue = &shared.parts.queue;
    if !caller.reads_any() {
        let letters = queue.dead_letters(LOOKED_AT_MAX).await.map_err(problem::queue_unavailable)?;
        let seen: Vec<_> = letters.iter().filter(|letter| sees(&caller, letter)).collect();
        let count = u64::try_from(seen.len()).unwrap_or(u64::MAX);
        return Ok(Json(DeadLetters {
            count,
            letters: seen.into_iter().take(limit as usize).map(view).collect(),
        }));
    }
    // Counted before it looks: a broker's count lags behind letters that are looked at and put back.
    let count = queue.dead_letter_count().await.map_err(problem::queue_unavailable)?;
    let letters = queue.dead_letters(limit as usize).await.map_err(problem::queue_unavailable)?;
    let count = count.max(u64::try_from(letters.len()).unwrap_or(u64::MAX));
    Ok(Json(DeadLetters { count, letters: letters.iter().map(view).collect() }))
}

/// Puts a dead letter on its lane again, behind the jobs that wait there.
#[utoipa::path(
    post, path = "/api/scalability/dead-letters/{id}/replay", tag = "control", operation_id = "replay_dead_letter",
    params(("id" = String, Path, description = "The id of the dead letter.")),
    responses(
        (status = 200, description = "The job is on its lane.", body = Done),
    )
)]
pub(super) async fn replay(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Done>, Problem> {
    let id = id_of(path)?;
    let queue = &shared.parts.queue;
    let letters = own_letters(&shared, &caller, &id).await?;
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
    Ok(Json(Done { id, done: WhatWasDone::Replayed }))
}

/// Removes a dead letter for good.
#[utoipa::path(
    delete, path = "/api/scalability/dead-letters/{id}", tag = "control", operation_id = "discard_dead_letter",
    params(("id" = String, Path, description = "The id of the dead letter.")),
    responses(
        (status = 200, description = "The dead letter is gone.", body = Done),
    )
)]
pub(super) async fn discard(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Done>, Problem> {
    let id = id_of(path)?;
    if !caller.runs_all() && own_letters(&shared, &caller, &id).await?.is_empty() {
        return Err(problem::no_such_letter(&id));
    }
    let found = shared.parts.queue.discard_dead_letter(&id).await.map_err(problem::queue_unavailable)?;
    if !found {
        return Err(problem::no_such_letter(&id));
    }
    tracing::info!(letter = id, "a dead letter was discarded");
    Ok(Json(Done { id, done: WhatWasDone::Discarded }))
}

/// The id of a path. What is no text is the id of no letter.
fn id_of(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    path.map(|Path(id)| id).map_err(|_| problem::no_such_letter("with such an id"))
}

/// The letter with this id, as often as it was kept, if the caller may change what becomes of it: what others sent is theirs.
async fn own_letters(shared: &Shared, caller: &Caller, id: &str) -> Result<Vec<DeadLetter>, Problem> {
    let mut letters = shared.parts.queue.dead_letters_of(id).await.map_err(problem::queue_unavailable)?;
    letters.retain(|letter| caller.runs_all() || all_jobs(letter, |job| job.client == caller.client));
    Ok(letters)
}

/// Whether a letter is the caller's own, or about their accounts.
fn sees(caller: &Caller, letter: &DeadLetter) -> bool {
    let is_about_theirs = |job: &JobMessage<'_>| {
        let spec = submission::parse(job.body.get().as_bytes()).ok();
        let named = spec.as_ref().map(|spec| spec.action.named_accounts()).unwrap_or_default();
        named.into_iter().any(|number| caller.accounts.contain(number))
    };
    all_jobs(letter, |job| job.client == caller.client || is_about_theirs(job))
}

/// Whether this is so of every job of a letter. Of what cannot be read nobody knows whose it is.
fn all_jobs(letter: &DeadLetter, is_so: impl Fn(&JobMessage<'_>) -> bool) -> bool {
    let Ok(envelope) = Envelope::read(&letter.payload) else { return false };
    let of_job = |job: &&RawValue| {
        let queued = QueuedJob::read(job).ok()?;
        serde_json::from_str::<JobMessage<'_>>(queued.job.get()).ok().map(|message| is_so(&message))
    };
    !envelope.jobs.is_empty() && envelope.jobs.iter().all(|job| of_job(job).unwrap_or_default())
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
