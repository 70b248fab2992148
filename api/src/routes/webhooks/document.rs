//! Endpoints as they are shown.

use domain::access::AccountPattern;
use serde::Serialize;
use serde_with::skip_serializing_none;
use store::webhooks::Endpoint;
use utoipa::ToSchema;

use crate::keys::Caller;
use crate::rfc3339::Rfc3339;

/// An endpoint, without its secret.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointDocument {
    /// The id of the endpoint.
    #[schema(example = "1f0c6a2be9d84573")]
    id: String,
    /// The client whose endpoint it is.
    client: String,
    /// What people call it.
    name: String,
    /// Where events are posted to. Whoever is not its client sees no query, which may be a token.
    url: String,
    /// The types of events that it gets; empty: all of them.
    types: Vec<String>,
    /// The accounts whose events and entries it gets.
    #[schema(value_type = Vec<String>)]
    accounts: Vec<AccountPattern>,
    /// `active`, or `disabled`: it is sent nothing until it is enabled.
    #[schema(value_type = EndpointState)]
    state: &'static str,
    /// Why it is disabled: `by_client`, `gone` (it answered 410), `failing` (for 5 days), or `no_key` (its client has no valid key).
    reason: Option<&'static str>,
    /// Since when it is disabled (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Rfc3339>,
    /// Since when every attempt has failed (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Rfc3339>,
    /// Whether it has still to catch up with others: it is new, was disabled, or so much waits for it.
    catching_up: bool,
    /// When events were gone from the event stream before they were read for it (RFC 3339, UTC); what became of the jobs is at `/api/jobs`.
    #[schema(value_type = Option<String>, format = DateTime)]
    missed_at: Option<Rfc3339>,
    /// Events that wait to be delivered; where one endpoint is shown.
    waiting: Option<u64>,
    /// When it was made (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    created_at: Rfc3339,
    /// Who made it.
    created_by: String,
    /// Until when messages are signed with the secret before this one too (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    old_secret_until: Option<Rfc3339>,
    /// The secret: only in the answer that made it.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD3A5QjuVwkhs=")]
    secret: Option<String>,
}

/// Whether an endpoint is sent events.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)] // It is there for the document.
pub enum EndpointState {
    /// It is.
    Active,
    /// It is not.
    Disabled,
}

impl EndpointDocument {
    pub(super) fn of(endpoint: &Endpoint, caller: &Caller) -> EndpointDocument {
        let is_own = endpoint.client == caller.client;
        let url = if is_own { endpoint.url.as_str() } else { without_query(&endpoint.url) };
        EndpointDocument {
            id: endpoint.id.clone(),
            client: endpoint.client.to_string(),
            name: endpoint.name.to_string(),
            url: url.to_owned(),
            types: endpoint.types.clone(),
            accounts: endpoint.accounts.patterns().to_vec(),
            state: if endpoint.disabled.is_none() { "active" } else { "disabled" },
            reason: endpoint.disabled.map(|(why, _)| why.name()),
            disabled_at: endpoint.disabled.map(|(_, at)| Rfc3339::from_microseconds(at)),
            failing_since: endpoint.failing_since.map(Rfc3339::from_microseconds),
            catching_up: endpoint.behind_at.is_some(),
            missed_at: endpoint.missed_at.map(Rfc3339::from_microseconds),
            waiting: None,
            created_at: Rfc3339::from_microseconds(endpoint.created_at),
            created_by: endpoint.created_by.clone(),
            old_secret_until: endpoint
                .secrets
                .old
                .as_ref()
                .map(|(_, until)| Rfc3339::from_microseconds(*until)),
            secret: None,
        }
    }

    pub(super) fn with_secret(self, secret: String) -> EndpointDocument {
        EndpointDocument { secret: Some(secret), ..self }
    }

    pub(super) fn with_waiting(self, waiting: u64) -> EndpointDocument {
        EndpointDocument { waiting: Some(waiting), ..self }
    }
}

/// A URL up to its query.
pub(super) fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(before, _)| before)
}
