//! The audit log: who was turned away, and who changed what.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_with::skip_serializing_none;
use store::audit_log::AuditEvent;
use tellers_http::query::{self, Limit, Query};
use utoipa::{IntoParams, ToSchema};

use crate::context::Ingress;
use crate::problem::Problem;
use crate::rfc3339::Rfc3339;

/// What a client asks of the audit log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Lists events with a number below this.
    #[serde(default, deserialize_with = "number")]
    before: Option<u64>,
    /// Events of a page: 1 to 1,000; 100 by default.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<100, 1_000>,
}

fn number<'de, D: Deserializer<'de>>(number: D) -> Result<Option<u64>, D::Error> {
    query::parameter(number, "must be the number of an event", |text| text.parse().ok()).map(Some)
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventsPage)]
pub struct Events {
    /// The events, the newest first.
    events: Vec<Event>,
    /// Path of the next page, with older events; null on the last page.
    next: Option<String>,
}

/// What somebody did, or tried to do.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct Event {
    /// The number of the event; numbers grow.
    number: u64,
    /// When it happened (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    at: Rfc3339,
    /// What happened, such as `authentication_failed` or `key_revoked`.
    #[schema(example = "key_revoked")]
    action: String,
    /// The client whose key was used; absent where none was.
    client: Option<String>,
    /// The id of the key; for a key of `API_KEYS`, its name.
    key: Option<String>,
    /// The address that it came from; behind a proxy, the proxy's.
    address: Option<String>,
    /// The `X-Request-Id` of the request.
    request_id: Option<String>,
    /// How often the same happened within a second.
    times: u64,
    /// More about it, by name.
    #[schema(value_type = Object)]
    detail: Option<Box<RawValue>>,
}

impl From<(u64, AuditEvent)> for Event {
    fn from((number, event): (u64, AuditEvent)) -> Event {
        let AuditEvent { at, action, client, key, address, request_id, times, detail } = event;
        Event {
            number,
            at: Rfc3339::from_microseconds(at),
            action,
            client,
            key,
            address,
            request_id,
            times,
            detail: RawValue::from_string(detail).ok(),
        }
    }
}

/// Lists the events of the audit log, the newest first: failed authentication, refusals, changes of keys and settings,
/// replays and discards of dead letters, and load tests.
#[utoipa::path(
    get, path = "/api/audit", tag = "keys", operation_id = "list_audit_events",
    params(ListQuery),
    responses((status = 200, description = "A page of events.", body = Events)),
)]
pub async fn list(
    State(ingress): State<Arc<Ingress>>,
    Query(ListQuery { before, limit: Limit(limit) }): Query<ListQuery>,
) -> Result<Json<Events>, Problem> {
    let found = ingress.read_records(ingress.parts.audit_log.audit_log(before, limit)).await?;
    let is_full = u32::try_from(found.len()).is_ok_and(|count| count == limit);
    let next = found.last().filter(|_| is_full).map(|(last, _)| *last);
    let next = next.map(|last| format!("/api/audit?before={last}&limit={limit}"));
    Ok(Json(Events { events: found.into_iter().map(Event::from).collect(), next }))
}
