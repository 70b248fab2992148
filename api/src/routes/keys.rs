//! Keys of clients: made, listed, replaced, revoked. A key is shown once, in the answer that made it.

pub mod own;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use contract::submission::Invalid;
use domain::access::{AccountPattern, Accounts, Scope};
use domain::text::{Client, Name};
use jiff::Timestamp;
use runtime::clock;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_with::skip_serializing_none;
use store::keys::ApiKey;
use tellers_http::keys::making::{self, NewKey, NotMade, OVERLAP_US_MAX};
use tellers_http::keys::{Secret, client_of};
use tellers_http::query::{NoParameters, Query};
use tellers_http::trail::Who;
use utoipa::ToSchema;

use crate::body::{self, BodyLimit};
use crate::context::Ingress;
use crate::keys::Caller;
use crate::ledger_reads::LEDGER_READ_MAX;
use crate::openapi::{KeyStatus, ScopeName};
use crate::problem::{Problem, ProblemType};
use crate::rfc3339::Rfc3339;
use crate::routes::id_of;

/// A key with a hundred patterns is some 4 KiB.
const LIMIT: BodyLimit = BodyLimit { bytes_max: 64 * 1024, read_max: LEDGER_READ_MAX };
/// How long a key that was replaced goes on, unless the request says otherwise: a day.
const OVERLAP_SECONDS: u32 = 24 * 3_600;
const US_PER_SECOND: i64 = 1_000_000;

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyBody {
    /// The id of the client, under which its jobs are known for ever: 1 to 64 characters.
    #[serde(deserialize_with = "client")]
    #[schema(value_type = String, example = "acme")]
    client: Client,
    /// What people call the key; the client's id by default.
    #[schema(value_type = Option<String>, example = "Acme ERP")]
    name: Option<Name>,
    /// What the key allows: `submit`, `read`, `operate`, `audit`, `admin`.
    #[schema(value_type = Vec<ScopeName>, example = json!(["submit", "read"]))]
    scopes: Vec<Scope>,
    /// The accounts that the key may draw on, open and read: numbers, or how numbers begin with `*` behind it. `*` alone is
    /// every account.
    #[schema(value_type = Vec<String>, example = json!(["acme:*"]))]
    accounts: Vec<AccountPattern>,
    /// Jobs a second; by default, as many as the settings grant a client.
    #[schema(minimum = 1)]
    rate: Option<u32>,
    /// When the key ends (RFC 3339); by default, it does not.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

fn client<'de, D: Deserializer<'de>>(text: D) -> Result<Client, D::Error> {
    client_of(&String::deserialize(text)?).map_err(D::Error::custom)
}

/// How a key is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotationBody {
    /// Seconds for which the old key goes on beside the new one: up to 90 days; a day by default.
    #[schema(maximum = 7_776_000, example = 86_400)]
    overlap_seconds: Option<u32>,
}

/// A key, without the key itself.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyDocument {
    /// What the key is called in lists and logs.
    #[schema(example = "1f0c6a2be9d84573")]
    id: String,
    /// The client whose key it is.
    client: String,
    /// What people call it.
    name: String,
    /// What it allows.
    #[schema(value_type = Vec<ScopeName>)]
    scopes: Vec<Scope>,
    /// The accounts that it may draw on, open and read.
    #[schema(value_type = Vec<String>)]
    accounts: Vec<AccountPattern>,
    /// Jobs a second; absent: as many as the settings grant a client.
    rate: Option<u32>,
    /// `valid`, `expired` or `revoked`.
    #[schema(value_type = KeyStatus)]
    status: &'static str,
    /// When it was made (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime)]
    created_at: Rfc3339,
    /// Who made it.
    created_by: String,
    /// When it ends (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Rfc3339>,
    /// When it was revoked (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Rfc3339>,
    /// When it was used last, to about a minute (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Rfc3339>,
    /// The key itself: only in the answer that made it.
    #[schema(example = "tlr_client_ajx2kq4bqz7o5m3w6y2c4d5e6f7g2h3i")]
    key: Option<String>,
}

impl From<&ApiKey> for KeyDocument {
    fn from(key: &ApiKey) -> KeyDocument {
        KeyDocument {
            id: key.id.clone(),
            client: key.client.to_string(),
            name: key.name.to_string(),
            scopes: key.scopes.iter().collect(),
            accounts: key.accounts.patterns().to_vec(),
            rate: key.rate,
            status: key.status_at(clock::now_us()),
            created_at: Rfc3339::from_microseconds(key.created_at),
            created_by: key.created_by.clone(),
            expires_at: key.expires_at.map(Rfc3339::from_microseconds),
            revoked_at: key.revoked_at.map(Rfc3339::from_microseconds),
            last_used_at: key.last_used_at.map(Rfc3339::from_microseconds),
            key: None,
        }
    }
}

/// Every key.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyList {
    /// The keys, the oldest first; those that have ended too.
    keys: Vec<KeyDocument>,
}

/// Makes a key. The answer has it, and nothing else ever will: only its hash is kept.
///
/// Every replica takes it within 2 seconds.
#[utoipa::path(
    post, path = "/api/keys", tag = "keys", operation_id = "create_key",
    request_body(content = KeyBody),
    responses((status = 201, description = "The key was made.", body = KeyDocument, headers(("Location" = String, description = "Path of the key.")))),
)]
pub async fn create(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    who: Who,
    _: Query<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body: KeyBody = body::read_json(&headers, body, LIMIT, unreadable).await?;
    let new = new_key(body)?;
    let made = ingress.make_key(making::make(&*ingress.parts.api_keys, new, &caller.described())).await?;
    ingress.note_key("key_created", &who, &made.0);
    Ok(created(&made))
}

/// Lists every key, the oldest first, without the keys themselves.
#[utoipa::path(
    get, path = "/api/keys", tag = "keys", operation_id = "list_keys",
    responses((status = 200, description = "The keys.", body = KeyList)),
)]
pub async fn list(
    State(ingress): State<Arc<Ingress>>,
    _: Query<NoParameters>,
) -> Result<Json<KeyList>, Problem> {
    let keys = ingress.read_records(ingress.parts.api_keys.all_keys()).await?;
    Ok(Json(KeyList { keys: keys.iter().map(KeyDocument::from).collect() }))
}

/// Shows a key, without the key itself.
#[utoipa::path(
    get, path = "/api/keys/{id}", tag = "keys", operation_id = "show_key",
    params(("id" = String, Path, description = "The id of the key.")),
    responses((status = 200, description = "The key.", body = KeyDocument)),
)]
pub async fn show(
    State(ingress): State<Arc<Ingress>>,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<KeyDocument>, Problem> {
    let id = id_of(path);
    let found = ingress.read_records(making::find(&*ingress.parts.api_keys, &id)).await?;
    found.as_ref().map(|key| Json(KeyDocument::from(key))).ok_or_else(|| unknown(&id))
}

/// Makes a key that takes the place of another one, with the same client, scopes and accounts. The old key goes on
/// for a while, so that nothing stops.
#[utoipa::path(
    post, path = "/api/keys/{id}/rotate", tag = "keys", operation_id = "rotate_key",
    params(("id" = String, Path, description = "The id of the key to replace.")),
    request_body(content = RotationBody, description = "An empty body lets the old key go on for a day."),
    responses((status = 201, description = "The new key.", body = KeyDocument, headers(("Location" = String, description = "Path of the new key.")))),
)]
pub async fn rotate(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    who: Who,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let id = id_of(path);
    let (head, body) = request.into_parts();
    let body: RotationBody = body::read_json_or_default(&head.headers, body, LIMIT, unreadable).await?;
    let overlap = i64::from(body.overlap_seconds.unwrap_or(OVERLAP_SECONDS)) * US_PER_SECOND;
    if overlap > OVERLAP_US_MAX {
        let value = overlap / US_PER_SECOND;
        return Err(invalid(
            "overlap_seconds",
            value.to_string(),
            "must be at most 7776000, which is 90 days",
        ));
    }
    let by = caller.described();
    let made = ingress.make_key(making::rotate(&*ingress.parts.api_keys, &id, overlap, &by)).await?;
    ingress.note_key("key_rotated", &who, &made.0);
    Ok(created(&made))
}

/// Revokes a key. Every replica refuses it within 2 seconds.
#[utoipa::path(
    delete, path = "/api/keys/{id}", tag = "keys", operation_id = "revoke_key",
    params(("id" = String, Path, description = "The id of the key.")),
    responses((status = 200, description = "The key is revoked.", body = KeyDocument)),
)]
pub async fn revoke(
    State(ingress): State<Arc<Ingress>>,
    who: Who,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<KeyDocument>, Problem> {
    let id = id_of(path);
    let revoked = ingress.read_records(making::revoke(&*ingress.parts.api_keys, &id)).await?;
    let key = revoked.ok_or_else(|| unknown(&id))?;
    ingress.note_key("key_revoked", &who, &key);
    Ok(Json(KeyDocument::from(&key)))
}

impl Ingress {
    async fn make_key(
        &self,
        made: impl Future<Output = Result<(ApiKey, Secret), NotMade>>,
    ) -> Result<(ApiKey, Secret), Problem> {
        let made = async {
            match made.await {
                Ok(made) => Ok(Ok(made)),
                Err(NotMade::Store(error)) => Err(error),
                Err(other) => Ok(Err(other)),
            }
        };
        self.read_records(made).await?.map_err(|error| match error {
            NotMade::NoSuchKey(_) => Problem::new(ProblemType::KeyNotFound, error.to_string()),
            NotMade::Ended(_) => Problem::new(ProblemType::KeyEnded, error.to_string()),
            NotMade::Chance(_) | NotMade::Store(_) => {
                tracing::error!(%error, "a key could not be made");
                Problem::new(ProblemType::Internal, "the key could not be made; try again")
            }
        })
    }

    fn note_key(&self, action: &str, who: &Who, key: &ApiKey) {
        let (scopes, accounts) = (key.scopes.to_string(), key.accounts.to_string());
        let of = ("client", key.client.as_str());
        let detail = [("key", key.id.as_str()), of, ("scopes", &scopes), ("accounts", &accounts)];
        self.config.trail.note_change(action, who, &detail);
    }
}

fn new_key(body: KeyBody) -> Result<NewKey, Problem> {
    let KeyBody { client, name, scopes, accounts, rate, expires_at } = body;
    if scopes.is_empty() {
        return Err(invalid("scopes", "[]".to_owned(), "must name at least one scope"));
    }
    if accounts.is_empty() {
        let remedy = "must have at least one pattern such as acme:*; * alone is every account";
        return Err(invalid("accounts", "[]".to_owned(), remedy));
    }
    let accounts = Accounts::try_from(accounts)
        .map_err(|error| invalid("accounts", String::new(), &error.to_string()))?;
    if rate == Some(0) {
        return Err(invalid(
            "rate",
            "0".to_owned(),
            "must be at least 1 job a second; revoke a key to stop it",
        ));
    }
    let expires_at = expires_at.map(|end| end.as_microsecond());
    if let Some(end) = expires_at.filter(|end| *end <= clock::now_us()) {
        let shown = format!("\"{}\"", Rfc3339::from_microseconds(end));
        return Err(invalid("expires_at", shown, "must lie ahead"));
    }
    // A client's id is no longer than a name may be.
    let name = name.or_else(|| Name::parse(client.as_str()).ok());
    let name = name.ok_or_else(|| invalid("name", String::new(), "must be 1 to 140 characters"))?;
    Ok(NewKey { client, name, scopes: scopes.into_iter().collect(), accounts, rate, expires_at })
}

fn created((key, secret): &(ApiKey, Secret)) -> Response {
    let document = KeyDocument { key: Some(secret.reveal().to_owned()), ..KeyDocument::from(key) };
    let headers = [(LOCATION, format!("/api/keys/{}", key.id)), (CACHE_CONTROL, "no-store".to_owned())];
    (StatusCode::CREATED, headers, Json(document)).into_response()
}

fn unreadable(field: &str, why: &str) -> Problem {
    invalid(field, String::new(), why)
}

fn invalid(field: &str, value: String, remedy: &str) -> Problem {
    Problem::of_field(
        ProblemType::InvalidKey,
        Invalid { field: field.to_owned(), value, remedy: remedy.to_owned() },
    )
}

fn unknown(id: &str) -> Problem {
    Problem::new(ProblemType::KeyNotFound, format!("there is no key {id:?}; GET /api/keys lists the keys"))
}
