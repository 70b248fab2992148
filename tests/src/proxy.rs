//! A reverse proxy that puts a service behind a path, which it strips and tells nobody of.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One service behind one path, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    route: Arc<Route>,
    serves: JoinHandle<()>,
}

#[derive(Debug)]
struct Route {
    path: String,
    service: String,
    http: reqwest::Client,
    astray: Mutex<Vec<String>>,
}

impl Proxy {
    /// Puts the service at `service`, such as `http://127.0.0.1:5000`, behind `path`, such as `/tellers`.
    pub async fn start(path: &str, service: &str) -> anyhow::Result<Proxy> {
        // A redirect is for the browser to follow.
        let http = reqwest::Client::builder().tls_backend_preconfigured(runtime::tls::client_config()?);
        let http = http.no_proxy().redirect(reqwest::redirect::Policy::none());
        let route = Arc::new(Route {
            path: path.to_owned(),
            service: service.trim_end_matches('/').to_owned(),
            http: http.build()?,
            astray: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&route));
        let serves = tokio::spawn(async move {
            // It never ends of itself, and its test would notice.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Proxy { url, route, serves })
    }

    /// The address of `path` at the proxy, such as `/tellers/api/jobs`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Requests that led past the service, or to nothing there.
    pub fn astray(&self) -> Vec<String> {
        self.route.astray.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serves.abort();
    }
}

async fn pass_on(State(route): State<Arc<Route>>, request: Request) -> Response {
    let asked = request.uri().to_string();
    let answer = match route.inside(&asked) {
        Some(inside) => route.ask(&inside, request).await,
        None => StatusCode::NOT_FOUND.into_response(),
    };
    if answer.status() == StatusCode::NOT_FOUND {
        route.astray.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }
    answer
}

impl Route {
    /// The service's own name for what was asked for; the path without its last slash is its root as well.
    fn inside(&self, asked: &str) -> Option<String> {
        let inside = asked.strip_prefix(&self.path)?;
        match inside.chars().next() {
            Some('/') => Some(inside.to_owned()),
            None | Some('?') => Some(format!("/{inside}")),
            Some(_) => None,
        }
    }

    async fn ask(&self, inside: &str, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        parts.headers.remove(HOST);
        let asked = self
            .http
            .request(parts.method, format!("{}{inside}", self.service))
            .headers(parts.headers)
            .body(reqwest::Body::wrap_stream(body.into_data_stream()));
        let Ok(answer) = asked.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        // These are for one connection (RFC 9110, 7.6.1).
        headers.remove(CONNECTION);
        headers.remove(TRANSFER_ENCODING);
        let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}
