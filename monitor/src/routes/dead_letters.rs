//! What could not be posted and waits for an operator.

mod many;
mod shown;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use jiff::Timestamp;
use queue::replay::ReplayError;
use serde::{Deserialize, Deserializer, Serialize};
use tellers_http::keys::Caller;
use tellers_http::query::{Limit, Query, parameter};
use tellers_http::trail::Who;
use utoipa::{IntoParams, ToSchema};

pub(super) use self::many::*;
use self::shown::{PAYLOAD_CHARS_MAX, view};
use crate::context::Shared;
use crate::dead_letters::act::{Acted, Deed, act};
use crate::dead_letters::filter::LetterFilter;
use crate::dead_letters::page::{Allowed, Place, Wanted, find};
use crate::dead_letters::{may_decide, may_see};
use crate::problem::{self, Problem};
use crate::views::dead_letters::{DeadLetterView, DeadLetters, WhatWasDone};

/// Which dead letters to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Dead letters in the answer: 1 to 1,000; 20 by default.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<20, 1_000>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// The id of the job.
    job: Option<String>,
    /// The cause, to the letter.
    cause: Option<String>,
    /// A part of the cause, in capitals or not.
    cause_contains: Option<String>,
    /// The job's kind.
    kind: Option<String>,
    /// The client that submitted the job.
    client: Option<String>,
    /// An account that the job names.
    account: Option<String>,
    /// The lane that the job came from.
    #[serde(deserialize_with = "lane")]
    lane: Option<u16>,
    /// Given up at this time or later (RFC 3339).
    #[serde(deserialize_with = "time")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Given up at this time or earlier (RFC 3339).
    #[serde(deserialize_with = "time")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

fn lane<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    parameter(deserializer, "must be the number of a lane", |text| text.parse().ok().map(Some))
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let remedy = "must be a time such as 2026-07-31T12:00:00Z";
    parameter(deserializer, remedy, |text| text.parse().ok().map(Some))
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

/// Lists dead letters with their causes, in the order in which they were given up. A key for some accounts sees those of its
/// client, and those that are about its accounts. The oldest 65,535 are looked through.
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
    Query(query): Query<ListQuery>,
) -> Result<Json<DeadLetters>, Problem> {
    let ListQuery { limit: Limit(limit), cursor, job, cause, cause_contains, .. } = query;
    let ListQuery { kind, client, account, lane, since, until, .. } = query;
    let filter =
        LetterFilter { id: None, job, cause, cause_contains, kind, client, account, lane, since, until };
    let after = place(cursor.as_deref())?;
    let counts_all = filter == LetterFilter::default() && caller.reads_any();
    let queue = &shared.parts.queue;
    // Counted before it looks: a broker's count lags behind letters that are looked at and put back.
    let all = if counts_all { queue.dead_letter_count().await } else { Ok(0) };
    let all = all.map_err(problem::queue_unavailable)?;
    let wanted = Wanted { filter, caller, allowed: may_see };
    let found = find(&**queue, wanted, after, limit as usize).await.map_err(problem::queue_unavailable)?;
    let letters = found.letters.iter().map(|(letter, jobs)| view(letter, jobs, PAYLOAD_CHARS_MAX));
    Ok(Json(DeadLetters {
        count: found.matched.max(all),
        by_cause: found.by_cause,
        letters: letters.collect(),
        next: found.next,
    }))
}

/// The place that a cursor names.
fn place(cursor: Option<&str>) -> Result<Option<Place>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let place = Place::parse(cursor);
    place.map(Some).ok_or_else(|| Problem::parameter("cursor", cursor, "must be `next` of the page before"))
}

/// One dead letter, with all of the job or message.
#[utoipa::path(
    get, path = "/api/scalability/dead-letters/{id}", tag = "control", operation_id = "show_dead_letter",
    params(("id" = String, Path, description = "The id of the dead letter.")),
    responses(
        (status = 200, description = "The dead letter.", body = DeadLetterView),
    )
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<DeadLetterView>, Problem> {
    let id = id_of(path)?;
    let found = find(&*shared.parts.queue, one(&id, &caller, may_see), None, 1).await;
    let found = found.map_err(problem::queue_unavailable)?;
    let (letter, jobs) = found.letters.first().ok_or_else(|| problem::no_such_letter(&id))?;
    Ok(Json(view(letter, jobs, usize::MAX)))
}

/// The letter with this id, where the caller may see it or decide about it.
fn one(id: &str, caller: &Caller, allowed: Allowed) -> Wanted {
    let filter = LetterFilter { id: Some(id.to_owned()), ..LetterFilter::default() };
    Wanted { filter, caller: caller.clone(), allowed }
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
    who: Who,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Done>, Problem> {
    act_on_one(shared, Deed::Replay, caller, who, id_of(path)?).await
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
    who: Who,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Done>, Problem> {
    act_on_one(shared, Deed::Discard, caller, who, id_of(path)?).await
}

/// The id of a path. What is no text is the id of no letter.
fn id_of(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    path.map(|Path(id)| id).map_err(|_| problem::no_such_letter("with such an id"))
}

async fn act_on_one(
    shared: Arc<Shared>,
    deed: Deed,
    caller: Caller,
    who: Who,
    id: String,
) -> Result<Json<Done>, Problem> {
    let mut acted = to_the_end(shared, deed, one(&id, &caller, may_decide), who).await?;
    match acted.kept.pop() {
        Some((_, ReplayError::Publish(error))) => Err(problem::queue_unavailable(error)),
        Some((_, error)) => Err(problem::not_replayable(error)),
        None if acted.letters == 0 => Err(problem::no_such_letter(&id)),
        None => Ok(Json(Done { id, done: deed.done() })),
    }
}

/// Acts in a task of its own: a client that goes away half-way breaks nothing off, and what was done is noted.
async fn to_the_end(shared: Arc<Shared>, deed: Deed, wanted: Wanted, who: Who) -> Result<Acted, Problem> {
    let acting = tokio::spawn(async move { act(&shared, deed, wanted, &who).await });
    acting.await.map_err(problem::broke_off)?.map_err(problem::queue_unavailable)
}
