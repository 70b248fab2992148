//! The page's login: a browser gives its key once and gets a cookie that stands for it, on this monitor alone. No script
//! reads the cookie, no other site's page sends it, and it ends with the browser, the key, or this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tellers_http::keys::{Caller, Denied, KeyRing, Scope, is_ours};
use tellers_http::trail::{Trail, Who};
use utoipa::ToSchema;

use super::body::Body;
use crate::problem::{self, Problem};

/// Where the page logs in and out.
pub(super) const PATH: &str = "/api/session";
const COOKIE_NAME: &str = "tellers_session";
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// A working day and some.
const LASTS: Duration = Duration::from_secs(12 * 3_600);
/// Sessions at once; beyond them the oldest ends.
const SESSIONS_MAX: usize = 1_000;
/// The same of one key.
const SESSIONS_OF_KEY_MAX: usize = 20;
/// Bytes of a key at the most.
const KEY_BYTES_MAX: usize = 1_024;

/// The sessions of this monitor, and the keys that may begin one.
pub(super) struct Sessions {
    keys: Arc<KeyRing>,
    /// The listener speaks TLS.
    is_tls: bool,
    trail: Trail,
    /// By the hash of the cookie's value.
    begun: Mutex<HashMap<[u8; 32], Session>>,
}

struct Session {
    key: HeaderValue,
    begun: Instant,
}

/// A login.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    /// The API key.
    key: String,
}

/// Whose key a request comes with, and what it allows.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct Holder {
    /// The client; `null`: there are no keys, and nobody is asked for one.
    client: Option<String>,
    /// What the key allows.
    #[schema(value_type = Vec<String>)]
    scopes: Vec<&'static str>,
    /// The accounts that it is for: patterns, joined by `+`.
    accounts: String,
}

impl Sessions {
    pub(super) fn new(keys: Arc<KeyRing>, is_tls: bool, trail: Trail) -> Sessions {
        Sessions { keys, is_tls, trail, begun: Mutex::default() }
    }

    fn begin(&self, key: HeaderValue) -> Result<String, getrandom::Error> {
        let mut token = [0; 20];
        getrandom::fill(&mut token)?;
        let token: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(|_, session| session.begun.elapsed() < LASTS);
        let of_key = || begun.iter().filter(|(_, session)| session.key == key);
        let oldest = |(hash, session): (&[u8; 32], &Session)| (session.begun, *hash);
        // Whoever begins many ends their own.
        let ends = match (of_key().count(), begun.len()) {
            (SESSIONS_OF_KEY_MAX.., _) => of_key().map(oldest).min(),
            (_, SESSIONS_MAX..) => begun.iter().map(oldest).min(),
            _ => None,
        };
        if let Some((_, hash)) = ends {
            begun.remove(&hash);
        }
        begun.insert(hash(&token), Session { key, begun: Instant::now() });
        Ok(token)
    }

    fn key(&self, token: &str) -> Option<HeaderValue> {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let session = begun.get(&hash(token)).filter(|session| session.begun.elapsed() < LASTS)?;
        Some(session.key.clone())
    }

    fn end(&self, token: &str) {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(token));
    }
}

/// Shows whose key the request comes with, or whose key the session stands for.
#[utoipa::path(
    get, path = "/api/session", tag = "control", operation_id = "show_session",
    responses((status = 200, description = "The holder of the key.", body = Holder)),
)]
pub(super) async fn show(caller: Caller) -> Json<Holder> {
    Json(Holder {
        client: (!caller.is_anonymous()).then(|| caller.client.to_string()),
        scopes: caller.scopes.iter().map(Scope::name).collect(),
        accounts: caller.accounts.to_string(),
    })
}

/// Begins a session with an API key.
///
/// The answer sets a cookie that stands for the key on this monitor, for 12 hours at the most.
#[utoipa::path(
    post, path = "/api/session", tag = "control", operation_id = "begin_session",
    request_body(content = Login),
    responses(
        (status = 204, description = "The session has begun.", headers(("Set-Cookie" = String, description = "The session's cookie."))),
    ),
)]
pub(super) async fn begin(
    State(sessions): State<Arc<Sessions>>,
    headers: HeaderMap,
    who: Who,
    Body(body): Body,
) -> Result<Response, Problem> {
    if !is_from_here(&headers) {
        return Err(Denied::OtherSite.into());
    }
    let Login { key } = super::body::read(&body)?;
    if sessions.keys.asks_nobody() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let key = Some(key.trim()).filter(|key| key.len() <= KEY_BYTES_MAX);
    let key = key.and_then(|key| HeaderValue::try_from(key).ok());
    let mut key = key.ok_or_else(|| Problem::from(Denied::UnknownKey))?;
    key.set_sensitive(true);
    let presented = HeaderMap::from_iter([(X_API_KEY, key.clone())]);
    if let Err(denied) = sessions.keys.identify(&presented) {
        sessions.trail.note(
            denied.action(),
            &who,
            &[("request", "POST /api/session"), ("why", &denied.to_string())],
        );
        return Err(denied.into());
    }
    let token = sessions.begin(key).map_err(problem::no_chance)?;
    let is_tls = sessions.is_tls || headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let secure = if is_tls { "; Secure" } else { "" };
    let cookie = format!("{COOKIE_NAME}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response())
}

/// Ends the session whose cookie comes with the request.
#[utoipa::path(
    delete, path = "/api/session", tag = "control", operation_id = "end_session",
    responses((status = 204, description = "There is no session any more.")),
)]
pub(super) async fn end(State(sessions): State<Arc<Sessions>>, headers: HeaderMap) -> Response {
    if let Some(token) = token(&headers) {
        sessions.end(token);
    }
    let cookie = format!("{COOKIE_NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
}

/// Puts the key of a session in place of its cookie. A change has to come from a page of this monitor.
pub(super) async fn present_key(
    State(sessions): State<Arc<Sessions>>,
    mut request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let has_key = headers.contains_key(AUTHORIZATION) || headers.contains_key(X_API_KEY);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !has_key
        && (reads || is_from_here(headers))
        && let Some(key) = token(headers).and_then(|token| sessions.key(token))
    {
        request.headers_mut().insert(X_API_KEY, key);
    }
    next.run(request).await
}

/// Whether a page that sends this is one of this monitor's. Who sends neither header is no browser.
fn is_from_here(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(site) => site == b"same-origin",
        None => headers.get(ORIGIN).is_none_or(|origin| is_ours(origin.as_bytes(), headers)),
    }
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(name, value)| (name == COOKIE_NAME).then_some(value))
}

fn hash(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        given.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_session_stands_for_its_key_until_it_ends() {
        let sessions = Sessions::new(Arc::default(), false, Trail::none());
        let token = sessions.begin(HeaderValue::from_static("secret")).unwrap();
        assert_eq!(sessions.key(&token).unwrap(), "secret");
        assert!(sessions.key("guess").is_none());
        sessions.end(&token);
        assert!(sessions.key(&token).is_none());
        let first = sessions.begin(HeaderValue::from_static("first")).unwrap();
        for _ in 0..SESSIONS_MAX {
            sessions.begin(HeaderValue::from_static("other")).unwrap();
        }
        assert!(sessions.key(&first).is_some(), "whoever begins many ends their own");
        for number in 0..SESSIONS_MAX {
            sessions.begin(HeaderValue::from(number)).unwrap();
        }
        assert_eq!(sessions.begun.lock().unwrap().len(), SESSIONS_MAX);
    }

    #[test]
    fn a_cookie_is_found_among_others_and_a_foreign_page_is_known() {
        let found = headers(&[("cookie", "a=b; tellers_session=cafe; c=d")]);
        assert_eq!(token(&found), Some("cafe"));
        assert_eq!(token(&headers(&[("cookie", "xtellers_session=cafe")])), None);
        for (from_here, given) in [
            (true, &[("sec-fetch-site", "same-origin")][..]),
            (false, &[("sec-fetch-site", "same-site")]),
            (false, &[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")]),
            (true, &[("origin", "https://a:5000"), ("host", "a:5000")]),
            (false, &[("origin", "null"), ("host", "a")]),
            (true, &[("host", "a")]),
        ] {
            assert_eq!(is_from_here(&headers(given)), from_here, "{given:?}");
        }
    }
}
