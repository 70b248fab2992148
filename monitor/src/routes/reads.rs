//! What the page shows of jobs, accounts, imports, webhooks and the audit log, and the little that it does there. The ingress answers it: a request goes on to an ingress with
//! the caller's own key, and the answer comes back as it is. So every read is written once, one service decides what a key
//! is shown, and the page needs no other origin than the monitor's.

mod places;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body as AnswerBody, Bytes};
use axum::extract::State;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LINK,
    RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use contract::report::Role;
use futures::StreamExt as _;
use reqwest::Url;
use reqwest::redirect::Policy;
use runtime::tls::fleet_client_config;
use tellers_http::access::Route;
use tellers_http::keys::Scope::{self, Admin, Audit, Read, Submit};
use tellers_http::keys::{Caller, KeyRing};
use tokio::sync::watch;

use self::places::{Place, Places};
use super::body::Body;
use crate::ingress::Reported;
use crate::problem::{self, Problem};
use crate::snapshot::Snapshot;
use crate::views::replica::ReplicaState;

/// What goes on to the ingress, with the scopes that the ingress asks for.
pub(super) const ROUTES: &[Route] = &[
    Route::of("GET", "/api/jobs", READERS),
    Route::of("GET", "/api/jobs/{id}", READERS),
    Route::of("GET", "/api/jobs/{id}/timeline", READERS),
    Route::of("GET", "/api/scheduled-jobs", READERS),
    Route::of("GET", "/api/accounts", READERS),
    Route::of("GET", "/api/accounts/{number}", READERS),
    Route::of("GET", "/api/accounts/{number}/entries", READERS),
    Route::of("GET", "/api/accounts/{number}/statement", READERS),
    Route::of("GET", "/api/accounts/{number}/patterns", READERS),
    Route::of("GET", "/api/holds", READERS),
    Route::of("GET", "/api/standing-orders", READERS),
    Route::of("GET", "/api/standing-orders/{id}", READERS),
    Route::of("GET", "/api/imports", READERS),
    Route::of("GET", "/api/imports/{number}", READERS),
    Route::of("GET", "/api/imports/{number}/refused", READERS),
    Route::of("GET", "/api/imports/{number}/report", READERS),
    Route::of("GET", "/api/analyses/{id}", READERS),
    Route::of("GET", "/api/audit", &[Audit]),
    Route::of("GET", "/api/webhooks", OF_WEBHOOKS),
    Route::of("GET", "/api/webhooks/{id}", OF_WEBHOOKS),
    Route::of("GET", "/api/webhooks/{id}/attempts", OF_WEBHOOKS),
    Route::of("POST", "/api/webhooks/{id}/test", &[Submit, Admin]),
    Route::of("POST", "/api/webhooks/{id}/resend", &[Submit, Admin]),
    Route::of("POST", "/api/webhooks/{id}/enable", &[Submit, Admin]),
    Route::of("POST", "/api/analyses", &[Submit]),
];

const READERS: &[Scope] = &[Read, Audit];
const OF_WEBHOOKS: &[Scope] = &[Read, Audit, Admin];

/// An ingress of this network that runs accepts a connection at once.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Between two pieces of an answer: longer than a search takes for a page.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Of a whole answer, a statement of years among them.
const ANSWER_MAX: Duration = Duration::from_secs(600);

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What goes on of a request. Neither the cookie nor what a browser says of its page: it says it of this service.
const ASKED: [HeaderName; 4] = [AUTHORIZATION, X_API_KEY, X_REQUEST_ID, CONTENT_TYPE];
/// What comes back of an answer's head. Not `Location`, which is a path at the ingress: a proxy may have put another path
/// before the monitor's, and the id of what was made is in the answer.
const ANSWERED: [HeaderName; 6] = [
    CONTENT_TYPE,
    CONTENT_DISPOSITION,
    LINK,
    RETRY_AFTER,
    WWW_AUTHENTICATE,
    HeaderName::from_static("tellers-fresh-as-of"),
];
/// Answers are on the page's origin, and have what clients wrote in them: a browser shows them and runs nothing.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// The way to the ingress.
pub(super) struct Passage {
    http: reqwest::Client,
    /// Where the ingress is (`API_URL`); `None`: at the addresses of replicas that report.
    api_url: Option<String>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    keys: Arc<KeyRing>,
    places: Places,
}

impl Passage {
    /// # Errors
    /// The authorities that are to be trusted cannot be read.
    pub(super) fn new(
        api_url: Option<String>,
        snapshot: watch::Receiver<Arc<Snapshot>>,
        keys: Arc<KeyRing>,
    ) -> anyhow::Result<Passage> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_MAX)
            .read_timeout(PAUSE_MAX)
            .timeout(ANSWER_MAX)
            .tls_backend_preconfigured(fleet_client_config()?);
        Ok(Passage { http: http.build()?, api_url, snapshot, keys, places: Places::new() })
    }

    /// Where an ingress may be, the ones to try first before the others.
    fn ingresses(&self) -> Result<Vec<String>, Problem> {
        if let Some(url) = &self.api_url {
            return Ok(vec![url.trim_end_matches('/').to_owned()]);
        }
        let snapshot = self.snapshot.borrow().clone();
        let replicas = &snapshot.dashboard.status.replicas;
        let live = replicas
            .iter()
            .filter(|replica| replica.role == Role::Api && replica.state == ReplicaState::Live);
        let reported = live.filter_map(|replica| Reported::of(replica.address.as_ref()?, replica.tls));
        let mut urls = usable(reported.collect(), !self.keys.asks_nobody())?;
        fastrand::shuffle(&mut urls);
        Ok(urls)
    }

    /// Asks one ingress after the other until one is there.
    async fn pass(
        &self,
        (method, uri): (Method, &Uri),
        (caller, headers): (&Caller, &HeaderMap),
        body: Option<Bytes>,
    ) -> Result<Response, Problem> {
        let place = self.places.take(caller)?;
        let mut tried = Vec::new();
        for ingress in self.ingresses()? {
            let url = inside(&ingress, uri)?;
            let mut request = self.http.request(method.clone(), url);
            for name in ASKED.iter().filter(|name| headers.contains_key(*name)) {
                request = request.header(name, &headers[name]);
            }
            if let Some(body) = &body {
                request = request.body(body.clone());
            }
            match request.send().await {
                Ok(answer) => return Ok(passed_back(answer, place)),
                Err(error) => {
                    let is_there = !error.is_connect();
                    tried.push(format!("{ingress} ({})", root_of(&error)));
                    if is_there {
                        break;
                    }
                }
            }
        }
        Err(if tried.is_empty() {
            problem::no_ingress()
        } else {
            problem::ingress_unavailable(&tried.join(", "))
        })
    }
}

/// The ingresses that a request may go to; with `keys` none that a stranger could have named to get them.
fn usable(reported: Vec<Reported>, keys: bool) -> Result<Vec<String>, Problem> {
    let is_known = !reported.is_empty();
    let urls = reported.into_iter().filter(|reported| reported.takes_keys || !keys);
    let urls: Vec<_> = urls.map(|reported| reported.url).collect();
    if is_known && urls.is_empty() { Err(problem::no_ingress_for_keys()) } else { Ok(urls) }
}

/// The same path at an ingress. A path that becomes another one on the way is none of the table's.
fn inside(ingress: &str, uri: &Uri) -> Result<Url, Problem> {
    let asked = uri.path_and_query().map_or("/", |asked| asked.as_str());
    let url = Url::parse(&format!("{ingress}{asked}")).ok();
    url.filter(|url| url.path().ends_with(uri.path())).ok_or_else(|| problem::not_found(uri.path()))
}

/// An answer as it comes, piece by piece: whoever reads slowly holds up the ingress, and no memory here.
fn passed_back(answer: reqwest::Response, place: Place) -> Response {
    let (status, head) = (answer.status(), answer.headers().clone());
    let pieces = answer.bytes_stream().map(move |piece| {
        // Held until the answer is whole.
        let _ = &place;
        piece
    });
    let mut response = Response::new(AnswerBody::from_stream(pieces));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for name in ANSWERED {
        for value in head.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Why, without the layers around it.
fn root_of(error: &reqwest::Error) -> String {
    let mut root: &dyn std::error::Error = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}

async fn read(
    State(passage): State<Arc<Passage>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    passage.pass((Method::GET, &uri), (&caller, &headers), None).await
}

async fn pass_on(
    State(passage): State<Arc<Passage>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    passage.pass((Method::POST, &uri), (&caller, &headers), Some(body)).await
}

/// The routes of the table.
pub(super) fn router(passage: Arc<Passage>) -> Router {
    let router = ROUTES.iter().fold(Router::new(), |router, route| match route.method() {
        "GET" => router.route(route.path(), get(read)),
        _ => router.route(route.path(), post(pass_on)),
    });
    router.with_state(passage)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    #[test]
    fn a_key_goes_to_no_address_that_anybody_could_have_reported() {
        let reported = |addresses: &[(&str, bool)]| {
            addresses.iter().filter_map(|(address, tls)| Reported::of(address, *tls)).collect::<Vec<_>>()
        };
        let fleet = reported(&[("evil:80", false), ("127.0.0.1:8080", false), ("host-1:8080", true)]);
        assert_eq!(usable(fleet.clone(), true).unwrap(), ["http://127.0.0.1:8080", "https://host-1:8080"]);
        assert_eq!(usable(fleet, false).unwrap().len(), 3);
        let refused = usable(reported(&[("evil:80", false), ("evil.example:443", true)]), true).unwrap_err();
        assert!(refused.detail().contains("set API_URL"), "{}", refused.detail());
        assert_eq!(refused.into_response().status(), 503);
        assert!(usable(reported(&[("evil:80/api", false)]), true).unwrap().is_empty());
        assert!(usable(Vec::new(), true).unwrap().is_empty(), "none reports");
    }

    #[test]
    fn a_path_goes_on_as_it_is_or_not_at_all() {
        let inside = |ingress: &str, asked: &'static str| {
            inside(ingress, &Uri::from_static(asked)).map(|url| url.to_string()).ok()
        };
        for asked in [
            "/api/jobs?counterparty=m%C3%BCll&from=2026-11-24",
            "/api/accounts/bank%3A1/entries?limit=50",
            "/api/accounts/bank:1",
        ] {
            assert_eq!(inside("http://a:8080", asked), Some(format!("http://a:8080{asked}")));
            assert_eq!(inside("https://b/tellers", asked), Some(format!("https://b/tellers{asked}")));
        }
        for asked in
            ["/api/jobs/..", "/api/accounts/%2e%2e/entries", "/api/imports/.%2E/report", "/api/jobs/."]
        {
            assert_eq!(inside("http://a:8080", asked), None, "{asked}");
        }
    }
}
