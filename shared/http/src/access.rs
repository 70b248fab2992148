//! Who may use which route: one table for each service, which the guard goes by and the OpenAPI document is
//! completed from. A route that nobody listed is open to nobody.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{HeaderName, HeaderValue, LINK};
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use domain::access::Scope;
use runtime::request_id;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;

use crate::keys::{Caller, Denied, KeyRing};
use crate::openapi::{operations, refuse};
use crate::problem::{ByGrant, KEYS_UNAVAILABLE, Named, Problem, UNAUTHORIZED};
use crate::trail::{Trail, Who};

/// By which a request is found again in the audit log; made up here where the client sent none.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a route asks of whoever uses it.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    method: &'static str,
    path: &'static str,
    /// One of these scopes; `None`: nothing.
    scopes: Option<&'static [Scope]>,
    /// Only for keys that are for all accounts: what it does concerns every client.
    for_all: bool,
    /// What the audit log calls it where it was done; `None`: it is not noted there, or the route notes it itself.
    action: Option<&'static str>,
}

impl Route {
    /// A route for keys with any of these scopes; `path` as axum writes it.
    pub const fn of(method: &'static str, path: &'static str, scopes: &'static [Scope]) -> Route {
        Route { method, path, scopes: Some(scopes), for_all: false, action: None }
    }

    /// A route that everybody may read.
    pub const fn open(path: &'static str) -> Route {
        Route::anyone("GET", path)
    }

    /// A route that asks for nothing, since it does nothing that needs a scope.
    pub const fn anyone(method: &'static str, path: &'static str) -> Route {
        Route { method, path, scopes: None, for_all: false, action: None }
    }

    /// The method, in capitals.
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// The path, as axum writes it.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// The same, for keys only that are for all accounts.
    pub const fn for_all(self) -> Route {
        Route { for_all: true, ..self }
    }

    /// The same, with an event in the audit log where it was done.
    pub const fn noted(self, action: &'static str) -> Route {
        Route { action: Some(action), ..self }
    }
}

/// What a service lets in by.
#[derive(Debug)]
pub struct Door {
    keys: Arc<KeyRing>,
    /// By their paths.
    routes: HashMap<&'static str, Vec<Route>>,
    trail: Trail,
}

impl Door {
    /// The door of a service with these routes: which keys it takes, and where it notes who was turned away.
    pub fn new(keys: Arc<KeyRing>, routes: impl IntoIterator<Item = Route>, trail: Trail) -> Door {
        let mut by_path: HashMap<_, Vec<_>> = HashMap::new();
        for route in routes {
            by_path.entry(route.path).or_default().push(route);
        }
        Door { keys, routes: by_path, trail }
    }

    /// Who may come in by this request, and what the audit log calls what they do; `None`: whoever they are, the route is
    /// open.
    fn open(&self, request: &Request) -> Result<Option<(Caller, Option<&'static str>)>, Denied> {
        self.keys.check(request.headers())?;
        // Nothing is there: the answer says so to everybody.
        let Some(path) = request.extensions().get::<MatchedPath>() else { return Ok(None) };
        let of_path = self.routes.get(path.as_str()).ok_or(Denied::Unlisted)?;
        // Whoever may read a document may ask for its head.
        let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
        match of_path.iter().find(|route| route.method == method) {
            Some(Route { scopes: Some(scopes), action, for_all, .. }) => {
                let caller = self.keys.identify(request.headers())?;
                if !scopes.iter().any(|scope| caller.may(*scope)) {
                    return Err(Denied::Lacks { name: caller.name.clone(), scopes });
                }
                if *for_all && !caller.accounts.are_all() {
                    return Err(Denied::ForSome { accounts: caller.accounts.to_string() });
                }
                Ok(Some((caller, *action)))
            }
            // Open, or a method that the path does not take, which its answer says.
            _ => Ok(None),
        }
    }
}

/// Lets a request in with its [`Caller`], or turns it away and notes that.
pub async fn guard(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).filter(|id| is_short(id));
    let id: Arc<str> = match given.and_then(|id| id.to_str().ok()) {
        Some(id) => id.into(),
        None => format!("{:016x}", fastrand::u64(..)).into(),
    };
    let header = HeaderValue::try_from(&*id).ok();
    if let Some(id) = &header {
        request.headers_mut().insert(REQUEST_ID, id.clone());
    }
    let path = request.uri().path().to_owned();
    let mut response = request_id::answering(id, answer(&door, request, next)).await;
    if let Some(id) = header {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if let Some(help) = response.extensions().get().and_then(|Named(uri)| help(&path, uri)) {
        response.headers_mut().append(LINK, help);
    }
    response
}

/// The answer of whoever is behind the door, or of the door.
async fn answer(door: &Door, mut request: Request, next: Next) -> Response {
    match door.open(&request) {
        Ok(None) => next.run(request).await,
        Ok(Some((caller, action))) => {
            let asked = Asked::of(&request);
            request.extensions_mut().insert(caller.clone());
            let response = next.run(request).await;
            match action {
                Some(action) if response.status().is_success() => {
                    door.trail.note_change(action, &asked.who(&caller), &[("request", &asked.what())]);
                }
                _ if response.extensions().get::<ByGrant>().is_some() => {
                    door.trail.note("grant_refused", &asked.who(&caller), &[("request", &asked.what())]);
                }
                _ => (),
            }
            response
        }
        Err(denied) => {
            let known = door.keys.identify(request.headers()).ok();
            let who = Who::of(request.headers(), request.extensions(), known.as_ref());
            let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
            let asked = format!("{} {path}", request.method());
            door.trail.note(denied.action(), &who, &[("request", &asked), ("why", &denied.to_string())]);
            Problem::from(denied).into_response()
        }
    }
}

/// Leads to the page of a problem from where the client asked, whatever path a proxy has put before it and stripped.
fn help(asked: &str, uri: &str) -> Option<HeaderValue> {
    let up = "../".repeat(asked.matches('/').count().saturating_sub(1));
    HeaderValue::try_from(format!("<{up}{}>; rel=\"help\"", uri.trim_start_matches('/'))).ok()
}

/// What an event says of a request: kept apart, since the request itself is gone when it is answered.
struct Asked {
    method: Method,
    uri: Uri,
    address: Option<ConnectInfo<SocketAddr>>,
    request_id: Option<HeaderValue>,
}

impl Asked {
    fn of(request: &Request) -> Asked {
        Asked {
            method: request.method().clone(),
            uri: request.uri().clone(),
            address: request.extensions().get().copied(),
            request_id: request.headers().get(REQUEST_ID).cloned(),
        }
    }

    fn what(&self) -> String {
        format!("{} {}", self.method, self.uri.path())
    }

    fn who(&self, caller: &Caller) -> Who {
        let id = self.request_id.as_ref().and_then(|id| id.to_str().ok());
        Who::new(Some(caller), self.address.map(|from| from.0), id)
    }
}

fn is_short(id: &HeaderValue) -> bool {
    id.to_str().is_ok_and(|id| (1..=64).contains(&id.len()))
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Problem> {
        // Only a route that asks for nothing has none.
        parts.extensions.get().cloned().ok_or_else(|| Denied::NoKey.into())
    }
}

/// Says in a document what each operation asks for, and how it refuses who does not have it.
pub(crate) fn describe(document: &mut OpenApi, routes: &[Route]) {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let Some(operation) = operation else { continue };
            let route = routes.iter().find(|route| route.path == path && route.method == method);
            match route.and_then(|route| route.scopes) {
                Some(scopes) => ask(operation, scopes),
                None => operation.security = Some(Vec::new()),
            }
        }
    }
}

fn ask(operation: &mut Operation, scopes: &[Scope]) {
    let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
    let listed: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    let said = format!("Asks for a key with the scope {}.", listed.join(" or "));
    let before = operation.description.take().map_or_else(String::new, |text| format!("{text}\n\n"));
    operation.description = Some(format!("{before}{said}"));
    operation.security = Some(vec![
        SecurityRequirement::new("bearer", names.iter().copied()),
        SecurityRequirement::new("key", names.iter().copied()),
        // Where the fleet has no keys.
        SecurityRequirement::default(),
    ]);
    refuse(operation, [UNAUTHORIZED, KEYS_UNAVAILABLE].into_iter());
}
