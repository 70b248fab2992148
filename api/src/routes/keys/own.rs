//! The key that a request carries, for its holder, who wonders what it allows.

use axum::Json;
use domain::access::{AccountPattern, Scope};
use serde::Serialize;
use serde_with::skip_serializing_none;
use tellers_http::query::{NoParameters, Query};
use utoipa::ToSchema;

use crate::keys::Caller;
use crate::openapi::ScopeName;
use crate::rfc3339::Rfc3339;

/// The key of a request, without the key itself.
#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnKey {
    /// What the key is called in lists and logs; of a key of `API_KEYS`, its name. Where the service asks for no keys, `anonymous`.
    #[schema(example = "1f0c6a2be9d84573")]
    id: String,
    /// The client whose key it is, under which its jobs are known.
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
    /// When it ends (RFC 3339, UTC); absent: it does not.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Rfc3339>,
}

/// Shows the key of the request: whose it is, what it allows, for which accounts, and when it ends.
#[utoipa::path(
    get, path = "/api/keys/self", tag = "keys", operation_id = "show_own_key",
    responses((status = 200, description = "The key.", body = OwnKey)),
)]
pub async fn show(caller: Caller, _: Query<NoParameters>) -> Json<OwnKey> {
    Json(OwnKey {
        id: caller.id.clone(),
        client: caller.client.to_string(),
        name: caller.name.clone(),
        scopes: caller.scopes.iter().collect(),
        accounts: caller.accounts.patterns().to_vec(),
        rate: caller.rate,
        expires_at: caller.expires_at().map(Rfc3339::from_microseconds),
    })
}
