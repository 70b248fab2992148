//! What is asked of endpoints, as JSON.

use axum::body::Body;
use axum::http::HeaderMap;
use contract::event::EventType;
use domain::access::AccountPattern;
use domain::text::Name;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::invalid;
use crate::body::{self, BodyLimit};
use crate::keys::Caller;
use crate::ledger_reads::LEDGER_READ_MAX;
use crate::problem::Problem;

/// An endpoint with a hundred patterns is some 6 KiB.
const LIMIT: BodyLimit = BodyLimit { bytes_max: 64 * 1024, read_max: LEDGER_READ_MAX };

/// An endpoint to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointBody {
    /// Where events are posted to: an `https://` URL of the public network.
    #[schema(example = "https://hooks.example.com/tellers")]
    pub(super) url: String,
    /// What people call the endpoint; the client's id by default.
    #[schema(value_type = Option<String>, example = "Acme ERP")]
    pub(super) name: Option<Name>,
    /// The types of events that it gets; all of them by default.
    #[schema(example = json!(["tellers.job.posted", "tellers.job.rejected"]))]
    pub(super) types: Option<Vec<String>>,
    /// Besides the client's own, it gets events about these accounts, and of each event the entries of these accounts: numbers, or how
    /// numbers begin with `*` behind it. By default the accounts of the key; none beyond them.
    #[schema(value_type = Option<Vec<String>>, example = json!(["acme:*"]))]
    pub(super) accounts: Option<Vec<AccountPattern>>,
}

/// What changes of an endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointPatch {
    /// Where events are posted to.
    #[schema(example = "https://hooks.example.com/tellers")]
    pub(super) url: Option<String>,
    /// What people call it.
    #[schema(value_type = Option<String>, example = "Acme ERP")]
    pub(super) name: Option<Name>,
    /// The types of events that it gets; an empty list is all of them.
    #[schema(example = json!(["tellers.job.posted"]))]
    pub(super) types: Option<Vec<String>>,
    /// The accounts.
    #[schema(value_type = Option<Vec<String>>, example = json!(["acme:*"]))]
    pub(super) accounts: Option<Vec<AccountPattern>>,
    /// Whether it is sent events.
    pub(super) enabled: Option<bool>,
}

/// How a secret is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRotationBody {
    /// Seconds for which messages are signed with the old secret too: up to 90 days; a day by default.
    #[schema(maximum = 7_776_000, example = 86_400)]
    pub(super) overlap_seconds: Option<u32>,
}

/// How an endpoint goes on.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnableBody {
    /// Whether what happened while it was disabled is left out. By default it is sent, as far as the stream has it still.
    #[serde(default)]
    pub(super) skip: bool,
}

/// What is sent again: one event, or all of a time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendBody {
    /// The id of an event.
    pub(super) event: Option<String>,
    /// All events from this time on (RFC 3339).
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) since: Option<Timestamp>,
    /// Up to this time (RFC 3339); by default, until now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) until: Option<Timestamp>,
}

/// Reads a body.
pub(super) async fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    body::read_json(headers, body, LIMIT, unreadable).await
}

/// Reads a body that may be empty.
pub(super) async fn read_or_default<T: DeserializeOwned + Default>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    body::read_json_or_default(headers, body, LIMIT, unreadable).await
}

fn unreadable(field: &str, why: &str) -> Problem {
    invalid(field, "", why)
}

/// Names of types of events, each once.
pub(super) fn types(mut names: Vec<String>) -> Result<Vec<String>, Problem> {
    let known = |name: &&String| EventType::ALL.iter().any(|one| one.name() == name.as_str());
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let all: Vec<_> = EventType::ALL.iter().copied().map(EventType::name).collect();
        let shown: String = unknown.chars().take(80).collect();
        return Err(invalid("types", &format!("\"{shown}\""), &format!("must be of {}", all.join(", "))));
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// Who makes an endpoint, as it is kept with it.
pub(super) fn made_by(caller: &Caller) -> String {
    caller.described().chars().take(Name::CHARS_MAX).collect()
}
