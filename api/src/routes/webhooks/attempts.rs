//! What became of attempts to deliver events.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::{Deserialize, Deserializer, Serialize};
use serde_with::skip_serializing_none;
use store::webhooks::AttemptRecord;
use tellers_http::query::{self, Limit, Query};
use utoipa::{IntoParams, ToSchema};

use crate::context::Ingress;
use crate::keys::Caller;
use crate::problem::Problem;
use crate::rfc3339::Rfc3339;

/// What a client asks of the attempts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AttemptsQuery {
    /// Lists attempts with a number below this.
    #[serde(default, deserialize_with = "number")]
    before: Option<u64>,
    /// Attempts of a page: 1 to 1,000; 100 by default.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<100, 1_000>,
}

fn number<'de, D: Deserializer<'de>>(number: D) -> Result<Option<u64>, D::Error> {
    query::parameter(number, "must be the number of an attempt", |text| text.parse().ok()).map(Some)
}

/// A page of attempts.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptsPage {
    /// The attempts, the newest first. They are kept for 30 days, and 1,000 of an endpoint.
    attempts: Vec<AttemptDocument>,
    /// Path of the next page, with older attempts; null on the last page.
    next: Option<String>,
}

/// An attempt to deliver an event.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptDocument {
    /// The number of the attempt; numbers grow.
    number: u64,
    /// The id of the event.
    event: String,
    /// The type of the event.
    #[serde(rename = "type")]
    #[schema(example = "tellers.job.posted")]
    event_type: String,
    /// When the attempt ended (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    at: Rfc3339,
    /// Which attempt of this event it was, from 1 on.
    attempt: u32,
    /// `delivered`, `retry` (another one follows), or `given_up`.
    #[schema(value_type = AttemptOutcome)]
    result: &'static str,
    /// The status that the endpoint answered; absent: there was no answer.
    status: Option<u16>,
    /// Why there was no answer, or not the whole of it.
    error: Option<String>,
    /// How the answer begins.
    answer: String,
    /// How long it took, in milliseconds.
    took_ms: u64,
}

/// What became of an event by an attempt.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)] // It is there for the document.
pub enum AttemptOutcome {
    /// The endpoint took it.
    Delivered,
    /// It is sent again.
    Retry,
    /// It is not sent again by itself.
    GivenUp,
}

impl From<(u64, AttemptRecord)> for AttemptDocument {
    fn from((number, attempt): (u64, AttemptRecord)) -> AttemptDocument {
        AttemptDocument {
            number,
            event: attempt.event,
            event_type: attempt.event_type,
            at: Rfc3339::from_microseconds(attempt.at),
            attempt: attempt.attempt,
            result: attempt.result.name(),
            status: attempt.status,
            error: attempt.error,
            answer: attempt.answer,
            took_ms: attempt.took_ms,
        }
    }
}

/// Lists the attempts to deliver events to an endpoint, the newest first, each with what the endpoint answered.
#[utoipa::path(
    get, path = "/api/webhooks/{id}/attempts", tag = "webhooks", operation_id = "list_webhook_attempts",
    params(("id" = String, Path, description = "The id of the endpoint."), AttemptsQuery),
    responses((status = 200, description = "A page of attempts.", body = AttemptsPage)),
)]
pub async fn list(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    Query(AttemptsQuery { before, limit: Limit(limit) }): Query<AttemptsQuery>,
) -> Result<Json<AttemptsPage>, Problem> {
    let endpoint = ingress.shown_webhook(&caller, path).await?;
    let found = ingress.read_records(ingress.parts.webhooks.attempts(&endpoint.id, before, limit)).await?;
    let is_full = u32::try_from(found.len()).is_ok_and(|count| count == limit);
    let next = found.last().filter(|_| is_full).map(|(last, _)| *last);
    let next = next.map(|last| format!("/api/webhooks/{}/attempts?before={last}&limit={limit}", endpoint.id));
    Ok(Json(AttemptsPage { attempts: found.into_iter().map(AttemptDocument::from).collect(), next }))
}
