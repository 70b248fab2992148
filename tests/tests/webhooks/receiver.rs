//! An endpoint that notes what it is sent, and answers as its path says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tellers_http::listener::{self, Listener};
use tests::client::Client;
use tests::wait::until;
use tokio_util::sync::{CancellationToken, DropGuard};
use webhooks::Secret;

pub const WITHIN: Duration = Duration::from_secs(60);

/// What was sent.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    pub id: String,
    pub timestamp: i64,
    pub signature: String,
    pub body: Bytes,
}

impl Received {
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it is signed with this secret.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let secret = secret.parse::<Secret>();
        secret.is_ok_and(|secret| {
            let expected = secret.sign(&self.id, self.timestamp, &self.body);
            self.signature.split(' ').any(|signature| signature == expected)
        })
    }
}

type Log = Arc<Mutex<Vec<Received>>>;

pub struct Receiver {
    log: Log,
    port: u16,
    _stop: DropGuard,
}

impl Receiver {
    pub async fn start() -> anyhow::Result<Receiver> {
        let log = Log::default();
        let router = Router::new().fallback(answer).with_state(log.clone());
        let listener = Listener::bind("127.0.0.1:0".parse()?, None)?;
        let port = listener.local_addr()?.port();
        let stop = CancellationToken::new();
        tokio::spawn(listener::serve(listener, router, stop.clone().into()));
        Ok(Receiver { log, port, _stop: stop.drop_guard() })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What was sent to this path, in the order in which it came.
    pub fn received(&self, path: &str) -> Vec<Received> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().filter(|received| received.path == path).cloned().collect()
    }

    /// The same, once so many different events have come.
    pub async fn receives(&self, path: &str, events: usize) -> anyhow::Result<Vec<Received>> {
        until(&format!("{path} has {events} events"), WITHIN, async || {
            let received = self.received(path);
            let ids: std::collections::BTreeSet<_> = received.iter().map(|received| &received.id).collect();
            ensure!(ids.len() >= events, "{} of {events}", ids.len());
            Ok(received)
        })
        .await
    }
}

async fn answer(State(log): State<Log>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let header = |name: &str| {
        let value = head.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let path = head.uri.path().to_owned();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let received = Received {
        path: path.clone(),
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp").parse().unwrap_or_default(),
        signature: header("webhook-signature"),
        body,
    };
    log.lock().unwrap_or_else(PoisonError::into_inner).push(received);
    if path.starts_with("/hanging") {
        std::future::pending::<()>().await;
    }
    match path.as_str() {
        "/failing" => (StatusCode::INTERNAL_SERVER_ERROR, "out of order").into_response(),
        "/moved" => Redirect::temporary("/moved-to").into_response(),
        "/gone" => StatusCode::GONE.into_response(),
        "/refusing" => (StatusCode::BAD_REQUEST, "no such invoice").into_response(),
        // It says that it took the event, and breaks off.
        "/lying" => {
            let parts = stream::iter([Ok("than"), Err(std::io::Error::other("broken off"))]);
            let slowly = parts.then(async |part| {
                // Long enough for the head to be on its way.
                let _ = tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await;
                part
            });
            Body::from_stream(slowly).into_response()
        }
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

/// Makes an endpoint at this URL; returns its id and its secret.
pub async fn endpoint(client: &Client, url: &str, more: &Value) -> anyhow::Result<(String, String)> {
    let mut body = json!({ "url": url });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    let answer = client.post("/api/webhooks", "application/json", body.to_string()).await?;
    ensure!(answer.status == 201, "{answer:?}");
    let made: Value = answer.json()?;
    let text =
        |name: &str| made[name].as_str().map(str::to_owned).with_context(|| format!("no {name}: {made}"));
    Ok((text("id")?, text("secret")?))
}

/// Opens an account and pays in so many times 1; returns the ids of the deposits.
pub async fn deposits(client: &Client, account: &str, count: u64) -> anyhow::Result<Vec<String>> {
    let open = json!({"kind": "open_account", "account": account, "currency": "EUR"});
    client.submit(&open).await?;
    let mut ids = Vec::new();
    for _ in 0..count {
        let deposit = json!({"kind": "deposit", "account": account, "amount": 1, "currency": "EUR"});
        ids.push(client.submit(&deposit).await?);
    }
    Ok(ids)
}

/// The events of each account came in the order in which they happened, each counted when it came first.
pub fn are_in_order(received: &[Received]) -> anyhow::Result<()> {
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for received in received {
        let event = received.event();
        let account = event["data"]["account"].as_str().unwrap_or_default().to_owned();
        let mut entries = event["data"]["entries"].as_array().into_iter().flatten();
        let own = entries.find(|entry| entry["account"] == account.as_str());
        let Some(balance) = own.and_then(|entry| entry["balance_after"].as_i64()) else { continue };
        if !seen.insert(received.id.clone()) {
            continue;
        }
        let before = last.insert(account.clone(), balance).unwrap_or_default();
        ensure!(balance == before + 1, "{account}: {balance} came after {before}");
    }
    Ok(())
}
