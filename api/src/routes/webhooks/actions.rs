//! What is done with an endpoint: its secret replaced, a test, events sent again, enabled.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use contract::event::CONTENT_TYPE;
use domain::id::JobId;
use jiff::Timestamp;
use runtime::clock;
use serde::Serialize;
use serde_json::json;
use serde_with::skip_serializing_none;
use store::webhooks::{EndpointChange, Resend};
use tellers_http::query::{NoParameters, Query};
use tellers_http::trail::Who;
use utoipa::ToSchema;
use webhooks::{Message, Secret};

use super::body::{self, EnableBody, ResendBody, SecretRotationBody};
use super::{EndpointDocument, invalid, no_chance};
use crate::context::Ingress;
use crate::keys::Caller;
use crate::problem::Problem;
use crate::rfc3339::Rfc3339;

/// How long messages are signed with an old secret too, unless the request says otherwise: a day; and the longest.
const OVERLAP_SECONDS: u32 = 24 * 3_600;
const OVERLAP_SECONDS_MAX: u32 = 90 * 24 * 3_600;
/// The type of the event of a test.
const TEST_TYPE: &str = "tellers.webhook.test";

/// Replaces the secret of an endpoint. Messages are signed with the old one too for a while, so that none is refused. The answer
/// has the new secret, which is shown once.
#[utoipa::path(
    post, path = "/api/webhooks/{id}/rotate", tag = "webhooks", operation_id = "rotate_webhook_secret",
    params(("id" = String, Path, description = "The id of the endpoint.")),
    request_body(content = SecretRotationBody, description = "An empty body has the old secret sign for a day."),
    responses((status = 200, description = "The endpoint with its new secret.", body = EndpointDocument)),
)]
pub async fn rotate(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    who: Who,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let body: SecretRotationBody = body::read_or_default(&head.headers, body).await?;
    let overlap = body.overlap_seconds.unwrap_or(OVERLAP_SECONDS);
    if overlap > OVERLAP_SECONDS_MAX {
        let remedy = "must be at most 7776000, which is 90 days";
        return Err(invalid("overlap_seconds", &overlap.to_string(), remedy));
    }
    let endpoint = ingress.changed_webhook(&caller, path).await?;
    let secret = Secret::new().map_err(no_chance)?.reveal();
    let overlap = Duration::from_secs(overlap.into());
    let change = EndpointChange { secret: Some((&secret, overlap)), ..EndpointChange::default() };
    ingress.read_records(ingress.parts.webhooks.change_endpoint(&endpoint.id, &change)).await?;
    ingress.note_webhook("webhook_rotated", &who, &endpoint);
    let changed = ingress.webhook(&endpoint.id).await?;
    let document = EndpointDocument::of(&changed, &caller).with_secret(secret);
    Ok(([(CACHE_CONTROL, "no-store")], Json(document)).into_response())
}

/// What came of a test.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct TestResult {
    /// The id of the event that was sent, of the type `tellers.webhook.test`.
    event: String,
    /// Whether the endpoint took it: it answered with a status from 200 to 299.
    delivered: bool,
    /// The status that the endpoint answered; absent: there was no answer.
    status: Option<u16>,
    /// Why there was no answer, or not the whole of it.
    error: Option<String>,
    /// How the answer begins.
    answer: String,
    /// How long it took, in milliseconds.
    took_ms: u64,
}

/// Sends an endpoint a signed event of the type `tellers.webhook.test` at once, and answers what came back. It takes 15 seconds
/// at the most. An endpoint that is disabled can be tested too.
#[utoipa::path(
    post, path = "/api/webhooks/{id}/test", tag = "webhooks", operation_id = "test_webhook",
    params(("id" = String, Path, description = "The id of the endpoint.")),
    responses((status = 200, description = "What came back.", body = TestResult)),
)]
pub async fn test(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    who: Who,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<TestResult>, Problem> {
    let endpoint = ingress.changed_webhook(&caller, path).await?;
    let event = format!("{:016x}.test", getrandom::u64().map_err(no_chance)?);
    let old = endpoint.secrets.old.iter().filter(|(_, until)| clock::now_us() < *until);
    let secrets = std::iter::once(&endpoint.secrets.current).chain(old.map(|(secret, _)| secret));
    let body = json!({
        "specversion": "1.0",
        "id": event,
        "source": format!("/tellers/webhooks/{}", endpoint.id),
        "type": TEST_TYPE,
        "subject": endpoint.id,
        "time": Timestamp::now(),
        "datacontenttype": "application/json",
        "data": { "endpoint": endpoint.id, "client": endpoint.client.as_str() },
    });
    let message = Message {
        id: event.clone(),
        content_type: CONTENT_TYPE,
        body: Bytes::from(body.to_string()),
        secrets: secrets.filter_map(|secret| secret.parse().ok()).collect(),
    };
    let attempt = ingress.webhook_sender.send(&endpoint.url, &message).await;
    ingress.note_webhook("webhook_tested", &who, &endpoint);
    Ok(Json(TestResult {
        event,
        delivered: attempt.is_delivered(),
        status: attempt.status,
        error: attempt.error,
        answer: attempt.answer,
        took_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
    }))
}

/// Sends events to an endpoint again, as far as the event stream has them still: one by its id, or all of a time. They come behind
/// what waits already, with the ids that they had.
#[utoipa::path(
    post, path = "/api/webhooks/{id}/resend", tag = "webhooks", operation_id = "resend_webhook_events",
    params(("id" = String, Path, description = "The id of the endpoint.")),
    request_body(content = ResendBody),
    responses((status = 202, description = "They will be sent within seconds.", body = ResendDocument)),
)]
pub async fn resend(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    who: Who,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let body: ResendBody = body::read(&head.headers, body).await?;
    let endpoint = ingress.changed_webhook(&caller, path).await?;
    if endpoint.disabled.is_some() {
        let remedy = "is disabled; enable it first, and it goes on where it stopped";
        return Err(invalid("id", &format!("\"{}\"", endpoint.id), remedy));
    }
    let now = clock::now_us();
    let until = body.until.map_or(now, Timestamp::as_microsecond);
    let (event, since) = match (body.event, body.since) {
        (Some(event), None) if body.until.is_none() => {
            let since = ingress.accepted_at(&caller, &event).await?;
            (Some(event), since)
        }
        (None, Some(since)) if since.as_microsecond() < until => (None, since.as_microsecond()),
        (None, Some(since)) => {
            return Err(invalid("since", &format!("\"{since}\""), "must lie before until, and not ahead"));
        }
        _ => return Err(invalid("body", "", "must have either event, or since with or without until")),
    };
    let resend = Resend { endpoint: endpoint.id.clone(), event, since, until, place: None };
    ingress.read_records(ingress.parts.webhooks.add_resend(&resend)).await?;
    ingress.note_webhook("webhook_resend", &who, &endpoint);
    let document = ResendDocument {
        since: resend.event.is_none().then(|| Rfc3339::from_microseconds(since)),
        until: resend.event.is_none().then(|| Rfc3339::from_microseconds(until)),
        event: resend.event,
    };
    Ok((StatusCode::ACCEPTED, Json(document)).into_response())
}

/// What will be sent again.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct ResendDocument {
    /// The event.
    event: Option<String>,
    /// All events from this time on (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Rfc3339>,
    /// Up to this time (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Rfc3339>,
}

/// Enables an endpoint that was disabled, and has what waits for it sent at once. What happened meanwhile is sent too, as far as the
/// event stream has it still, unless `skip` leaves it out. For an endpoint that is enabled, what waits for its next attempt is sent at once.
#[utoipa::path(
    post, path = "/api/webhooks/{id}/enable", tag = "webhooks", operation_id = "enable_webhook",
    params(("id" = String, Path, description = "The id of the endpoint.")),
    request_body(content = EnableBody, description = "An empty body has what happened meanwhile sent."),
    responses((status = 200, description = "The endpoint as it is now.", body = EndpointDocument)),
)]
pub async fn enable(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    who: Who,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<EndpointDocument>, Problem> {
    let (head, body) = request.into_parts();
    let EnableBody { skip } = body::read_or_default(&head.headers, body).await?;
    let endpoint = ingress.changed_webhook(&caller, path).await?;
    let store = &ingress.parts.webhooks;
    let change = EndpointChange { disabled: Some(None), skips: skip, ..EndpointChange::default() };
    ingress.read_records(store.change_endpoint(&endpoint.id, &change)).await?;
    ingress.read_records(store.hurry(&endpoint.id)).await?;
    let changed = ingress.webhook(&endpoint.id).await?;
    ingress.note_webhook("webhook_enabled", &who, &changed);
    Ok(Json(EndpointDocument::of(&changed, &caller)))
}

impl Ingress {
    /// When the job of an event was accepted, in microseconds since the Unix epoch: its event is not older.
    async fn accepted_at(&self, caller: &Caller, event: &str) -> Result<i64, Problem> {
        let id = event.split_once('.').and_then(|(job, _)| job.parse::<JobId>().ok());
        let shown: String = event.chars().take(80).collect();
        let unknown = || {
            invalid(
                "event",
                &format!("\"{shown}\""),
                "must be the id of an event; the attempts and /api/events have them",
            )
        };
        let id = id.ok_or_else(unknown)?;
        let ledger = self.primary();
        let record = self.read(ledger.job(id)).await?;
        let record = self.shown(&*ledger, caller, record).await?;
        record.map(|record| record.accepted_at).ok_or_else(unknown)
    }
}
