//! Webhook endpoints: made, listed, changed, removed. A secret is shown once, in the answer that made it.

pub mod actions;
pub mod attempts;
mod body;
mod document;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use contract::submission::Invalid;
use domain::access::{AccountPattern, Accounts};
use domain::text::{Client, Name};
use serde::{Deserialize, Deserializer, Serialize};
use store::webhooks::{Disabled, Endpoint, EndpointChange, Secrets};
use tellers_http::keys::client_of;
use tellers_http::query::{self, NoParameters, Query};
use tellers_http::trail::Who;
use utoipa::{IntoParams, ToSchema};
use webhooks::{Secret, check_target};

use self::body::{EndpointBody, EndpointPatch};
pub use self::document::EndpointDocument;
use crate::context::Ingress;
use crate::keys::{Caller, Scope};
use crate::problem::{Problem, ProblemType};
use crate::routes::id_of;

/// Endpoints of one client.
const ENDPOINTS_MAX: usize = 100;

/// What a client asks of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Endpoints of this client; by default all that the key shows.
    #[serde(default, deserialize_with = "client")]
    #[param(value_type = Option<String>)]
    client: Option<Client>,
}

fn client<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Client>, D::Error> {
    query::parameter(text, "must be the id of a client", |text| client_of(text).ok()).map(Some)
}

/// Endpoints.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointList {
    /// The endpoints, the oldest first.
    webhooks: Vec<EndpointDocument>,
}

/// Makes an endpoint: events of the client, and those about its accounts, are posted to its url, from now on.
///
/// Messages are signed as Standard Webhooks has it. The answer has the secret, which is shown once. An endpoint gets what
/// `GET /api/events` would show to the client's keys, so the key needs the scope `read` too.
#[utoipa::path(
    post, path = "/api/webhooks", tag = "webhooks", operation_id = "create_webhook",
    request_body(content = EndpointBody),
    responses((status = 201, description = "The endpoint was made.", body = EndpointDocument, headers(("Location" = String, description = "Path of the endpoint.")))),
)]
pub async fn create(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    who: Who,
    _: Query<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body: EndpointBody = body::read(&headers, body).await?;
    may_hand_out(&caller, None)?;
    let accounts = accounts(&caller, body.accounts)?.unwrap_or_else(|| caller.accounts.clone());
    check_url(&ingress, &body.url)?;
    // A client's id is no longer than a name may be.
    let name = body.name.or_else(|| Name::parse(caller.client.as_str()).ok());
    let name = name.ok_or_else(|| invalid("name", "", "must be 1 to 140 characters"))?;
    let there = ingress.read_records(ingress.parts.webhooks.endpoints(Some(&caller.client))).await?;
    if there.len() >= ENDPOINTS_MAX {
        let remedy =
            format!("must have no more than {ENDPOINTS_MAX} endpoints; remove one, or have one serve more");
        return Err(invalid("client", caller.client.as_str(), &remedy));
    }
    let secret = Secret::new().map_err(no_chance)?;
    let endpoint = Endpoint {
        id: format!("{:016x}", getrandom::u64().map_err(no_chance)?),
        client: caller.client.clone(),
        name,
        url: body.url,
        types: body::types(body.types.unwrap_or_default())?,
        accounts,
        secrets: Secrets { current: secret.reveal(), old: None },
        created_at: 0,
        created_by: body::made_by(&caller),
        key: caller.is_stored().then(|| caller.id.clone()),
        disabled: None,
        failing_since: None,
        behind_at: None,
        missed_at: None,
    };
    ingress.read_records(ingress.parts.webhooks.add_endpoint(&endpoint)).await?;
    ingress.note_webhook("webhook_created", &who, &endpoint);
    let made = ingress.webhook(&endpoint.id).await?;
    let document = EndpointDocument::of(&made, &caller).with_secret(secret.reveal());
    let headers = [(LOCATION, format!("/api/webhooks/{}", made.id)), (CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::CREATED, headers, Json(document)).into_response())
}

/// Lists endpoints, the oldest first: the client's own, and with the scope `audit`, or with `admin` for all accounts, everybody's.
#[utoipa::path(
    get, path = "/api/webhooks", tag = "webhooks", operation_id = "list_webhooks",
    params(ListQuery),
    responses((status = 200, description = "The endpoints.", body = EndpointList)),
)]
pub async fn list(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    Query(ListQuery { client }): Query<ListQuery>,
) -> Result<Json<EndpointList>, Problem> {
    let of = if sees_all(&caller) { client.as_ref() } else { Some(&caller.client) };
    let endpoints = ingress.read_records(ingress.parts.webhooks.endpoints(of)).await?;
    let asked = |endpoint: &&Endpoint| client.as_ref().is_none_or(|client| endpoint.client == *client);
    let webhooks = endpoints.iter().filter(asked).map(|endpoint| EndpointDocument::of(endpoint, &caller));
    Ok(Json(EndpointList { webhooks: webhooks.collect() }))
}

/// Shows an endpoint: whether it is sent events, since when it fails, and how many wait.
#[utoipa::path(
    get, path = "/api/webhooks/{id}", tag = "webhooks", operation_id = "show_webhook",
    params(("id" = String, Path, description = "The id of the endpoint.")),
    responses((status = 200, description = "The endpoint.", body = EndpointDocument)),
)]
pub async fn show(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<EndpointDocument>, Problem> {
    let endpoint = ingress.shown_webhook(&caller, path).await?;
    let waiting = ingress.read_records(ingress.parts.webhooks.waiting(&endpoint.id)).await?;
    Ok(Json(EndpointDocument::of(&endpoint, &caller).with_waiting(waiting)))
}

/// Changes an endpoint: what is not given stays. `"enabled": false` stops it; what happens meanwhile is sent once it is enabled again.
#[utoipa::path(
    patch, path = "/api/webhooks/{id}", tag = "webhooks", operation_id = "change_webhook",
    params(("id" = String, Path, description = "The id of the endpoint.")),
    request_body(content = EndpointPatch),
    responses((status = 200, description = "The endpoint as it is now.", body = EndpointDocument)),
)]
pub async fn change(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    who: Who,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<EndpointDocument>, Problem> {
    let patch: EndpointPatch = body::read(&headers, body).await?;
    let endpoint = ingress.changed_webhook(&caller, path).await?;
    let accounts = accounts(&caller, patch.accounts)?;
    let types = patch.types.map(body::types).transpose()?;
    if let Some(url) = &patch.url {
        check_url(&ingress, url)?;
    }
    let change = EndpointChange {
        name: patch.name.as_ref(),
        url: patch.url.as_deref(),
        types: types.as_deref(),
        accounts: accounts.as_ref(),
        secret: None,
        disabled: patch.enabled.map(|enabled| (!enabled).then_some(Disabled::ByClient)),
        skips: false,
    };
    ingress.read_records(ingress.parts.webhooks.change_endpoint(&endpoint.id, &change)).await?;
    let changed = ingress.webhook(&endpoint.id).await?;
    ingress.note_webhook("webhook_changed", &who, &changed);
    Ok(Json(EndpointDocument::of(&changed, &caller)))
}

/// Removes an endpoint, with what waits for it and its attempts.
#[utoipa::path(
    delete, path = "/api/webhooks/{id}", tag = "webhooks", operation_id = "remove_webhook",
    params(("id" = String, Path, description = "The id of the endpoint.")),
    responses((status = 200, description = "The endpoint as it was.", body = EndpointDocument)),
)]
pub async fn remove(
    State(ingress): State<Arc<Ingress>>,
    caller: Caller,
    who: Who,
    _: Query<NoParameters>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<EndpointDocument>, Problem> {
    let endpoint = ingress.own_webhook(&caller, path).await?;
    ingress.read_records(ingress.parts.webhooks.remove_endpoint(&endpoint.id)).await?;
    ingress.note_webhook("webhook_removed", &who, &endpoint);
    Ok(Json(EndpointDocument::of(&endpoint, &caller)))
}

/// Whether the endpoints of others are shown.
fn sees_all(caller: &Caller) -> bool {
    caller.sees_all() || rules_all(caller)
}

/// Whether the endpoints of others may be changed.
fn rules_all(caller: &Caller) -> bool {
    caller.may(Scope::Admin) && caller.accounts.are_all()
}

/// Refuses a key that could read by an endpoint what it may not read itself: one that reads nothing, or not all of the
/// accounts that the endpoint is for.
fn may_hand_out(caller: &Caller, endpoint: Option<&Endpoint>) -> Result<(), Problem> {
    if rules_all(caller) {
        return Ok(());
    }
    if !caller.may(Scope::Read) && !caller.may(Scope::Audit) {
        let detail =
            "an endpoint is sent what a key with the scope `read` shows; ask for a key that has it too";
        return Err(Problem::new(ProblemType::NotGranted, detail).by_grant());
    }
    match endpoint.filter(|endpoint| !caller.accounts.cover(&endpoint.accounts)) {
        Some(endpoint) => Err(beyond("accounts", &endpoint.accounts, caller)),
        None => Ok(()),
    }
}

/// The accounts that are asked for, none of which may be beyond those of the key.
fn accounts(caller: &Caller, asked: Option<Vec<AccountPattern>>) -> Result<Option<Accounts>, Problem> {
    let Some(asked) = asked else { return Ok(None) };
    if asked.is_empty() {
        return Err(invalid("accounts", "[]", "must have at least one pattern such as acme:*"));
    }
    let asked = Accounts::try_from(asked).map_err(|error| invalid("accounts", "", &error.to_string()))?;
    if caller.accounts.cover(&asked) { Ok(Some(asked)) } else { Err(beyond("accounts", &asked, caller)) }
}

fn beyond(field: &str, accounts: &Accounts, caller: &Caller) -> Problem {
    let remedy = format!("must be accounts of this API key, which is for {}", caller.accounts);
    let invalid = Invalid { field: field.to_owned(), value: format!("\"{accounts}\""), remedy };
    Problem::of_field(ProblemType::NotGranted, invalid).by_grant()
}

fn check_url(ingress: &Ingress, url: &str) -> Result<(), Problem> {
    let shown: String = url.chars().take(80).collect();
    check_target(url, &ingress.config.webhook_allow_private)
        .map_err(|error| invalid("url", &format!("\"{shown}\""), &error.to_string()))
}

impl Ingress {
    async fn webhook(&self, id: &str) -> Result<Endpoint, Problem> {
        self.read_records(self.parts.webhooks.endpoint(id)).await?.ok_or_else(|| unknown(id))
    }

    /// An endpoint that this caller is shown.
    async fn shown_webhook(
        &self,
        caller: &Caller,
        path: Result<Path<String>, PathRejection>,
    ) -> Result<Endpoint, Problem> {
        let endpoint = self.webhook(&id_of(path)).await?;
        let is_shown = endpoint.client == caller.client || sees_all(caller);
        if is_shown { Ok(endpoint) } else { Err(unknown(&endpoint.id)) }
    }

    /// An endpoint that this caller may have sent to another place, or more.
    async fn changed_webhook(
        &self,
        caller: &Caller,
        path: Result<Path<String>, PathRejection>,
    ) -> Result<Endpoint, Problem> {
        let endpoint = self.own_webhook(caller, path).await?;
        may_hand_out(caller, Some(&endpoint))?;
        Ok(endpoint)
    }

    /// An endpoint that this caller may remove.
    async fn own_webhook(
        &self,
        caller: &Caller,
        path: Result<Path<String>, PathRejection>,
    ) -> Result<Endpoint, Problem> {
        let endpoint = self.webhook(&id_of(path)).await?;
        let is_own = endpoint.client == caller.client || rules_all(caller);
        if is_own { Ok(endpoint) } else { Err(unknown(&endpoint.id)) }
    }

    fn note_webhook(&self, action: &str, who: &Who, endpoint: &Endpoint) {
        let accounts = endpoint.accounts.to_string();
        let detail = [
            ("endpoint", endpoint.id.as_str()),
            ("client", endpoint.client.as_str()),
            // What is behind it may be a token.
            ("url", document::without_query(&endpoint.url)),
            ("accounts", &accounts),
        ];
        self.config.trail.note_change(action, who, &detail);
    }
}

fn no_chance(error: getrandom::Error) -> Problem {
    tracing::error!(%error, "a secret of a webhook endpoint could not be made");
    Problem::new(ProblemType::Internal, "the secret could not be made; try again")
}

fn invalid(field: &str, value: &str, remedy: &str) -> Problem {
    let (field, value, remedy) = (field.to_owned(), value.to_owned(), remedy.to_owned());
    Problem::of_field(ProblemType::InvalidWebhook, Invalid { field, value, remedy })
}

fn unknown(id: &str) -> Problem {
    let detail = format!("there is no webhook endpoint {id:?}; GET /api/webhooks lists them");
    Problem::new(ProblemType::WebhookNotFound, detail)
}
