//! The audit log as a service writes it: beside the answers, never before them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use domain::text::Client;
use runtime::clock;
use store::StoreError;
use store::audit_log::{AuditEvent, AuditLog};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::access::REQUEST_ID;
use crate::keys::Caller;

/// Events that wait to be written while the database is away; beyond them they are counted.
const WAITING_MAX: usize = 10_000;
/// How long events are gathered: what is the same within it is one row.
const GATHER: Duration = Duration::from_millis(500);
/// Events among which one is looked for that is the same.
const LOOKED_BACK: usize = 50;
/// Rows of one statement.
const ROWS_MAX: usize = 500;
/// How long a statement may take.
const WRITE_MAX: Duration = Duration::from_secs(5);
/// Characters of a value that are kept.
const VALUE_CHARS_MAX: usize = 400;

/// Where events are noted.
#[derive(Debug, Clone)]
pub struct Trail {
    /// What was refused: of these anybody may make many.
    refusals: mpsc::Sender<AuditEvent>,
    /// What was done: by those who may.
    changes: mpsc::Sender<AuditEvent>,
    lost: Arc<AtomicU64>,
}

/// Who a request is from.
#[derive(Debug, Clone, Default)]
pub struct Who {
    client: Option<String>,
    key: Option<String>,
    address: Option<String>,
    request_id: Option<String>,
}

impl Who {
    /// The sender of a request with this head; `caller`: the key that it carries.
    pub fn of(headers: &HeaderMap, extensions: &Extensions, caller: Option<&Caller>) -> Who {
        let address = extensions.get::<ConnectInfo<SocketAddr>>().map(|from| from.0);
        Who::new(caller, address, headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()))
    }

    /// Whoever has this key, at this address, with a request of this id.
    pub fn new(caller: Option<&Caller>, address: Option<SocketAddr>, request_id: Option<&str>) -> Who {
        Who {
            client: caller.map(|caller| caller.client.to_string()),
            key: caller.map(|caller| caller.id.clone()),
            address: address.map(|address| address.ip().to_string()),
            request_id: request_id.map(str::to_owned),
        }
    }

    /// Whoever sent something for this client.
    pub fn of_client(client: &Client) -> Who {
        Who { client: Some(client.to_string()), ..Who::default() }
    }

    /// Somebody at the database, by this name.
    pub fn at_the_database(name: String) -> Who {
        Who { client: None, key: Some(name), address: None, request_id: None }
    }

    /// An event of theirs; `detail`: names with values.
    pub fn event(&self, action: &str, detail: &[(&str, &str)]) -> AuditEvent {
        let detail = detail.iter().map(|(name, value)| {
            let value: String = value.chars().take(VALUE_CHARS_MAX).collect();
            ((*name).to_owned(), serde_json::Value::String(value))
        });
        AuditEvent {
            at: clock::now_us(),
            action: action.to_owned(),
            client: self.client.clone(),
            key: self.key.clone(),
            address: self.address.clone(),
            request_id: self.request_id.clone(),
            times: 1,
            detail: serde_json::Value::Object(detail.collect()).to_string(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Who, Infallible> {
        Ok(Who::of(&parts.headers, &parts.extensions, parts.extensions.get()))
    }
}

/// What comes of a trail, to be written.
pub struct Events {
    refusals: mpsc::Receiver<AuditEvent>,
    changes: mpsc::Receiver<AuditEvent>,
    lost: Arc<AtomicU64>,
}

impl Trail {
    /// A trail, and what comes of it.
    pub fn new() -> (Trail, Events) {
        let (refused, refusals) = mpsc::channel(WAITING_MAX);
        let (changed, changes) = mpsc::channel(WAITING_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let trail = Trail { refusals: refused, changes: changed, lost: lost.clone() };
        (trail, Events { refusals, changes, lost })
    }

    /// A trail that nobody reads.
    pub fn none() -> Trail {
        Trail::new().0
    }

    /// Notes that somebody tried this and was refused; `detail`: names with values.
    pub fn note(&self, action: &str, who: &Who, detail: &[(&str, &str)]) {
        self.send(&self.refusals, who.event(action, detail));
    }

    /// Notes that somebody did this: refusals, however many, do not push it out.
    pub fn note_change(&self, action: &str, who: &Who, detail: &[(&str, &str)]) {
        self.send(&self.changes, who.event(action, detail));
    }

    fn send(&self, to: &mpsc::Sender<AuditEvent>, event: AuditEvent) {
        if to.try_send(event).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }
}

impl Events {
    /// Writes them until `shutdown`, and then what is left, as far as the database takes it.
    pub async fn write(mut self, log: Arc<dyn AuditLog>, shutdown: CancellationToken) {
        let mut waiting = VecDeque::new();
        let mut is_away = false;
        loop {
            let first = tokio::select! {
                event = self.changes.recv(), if waiting.is_empty() => event,
                event = self.refusals.recv(), if waiting.is_empty() => event,
                () = sleep(GATHER), if !waiting.is_empty() => None,
                () = shutdown.cancelled() => break,
            };
            if let Some(event) = first {
                gather(&mut waiting, event);
                tokio::select! {
                    () = sleep(GATHER) => (),
                    () = shutdown.cancelled() => (),
                }
            } else if waiting.is_empty() {
                // Every trail is gone.
                return;
            }
            self.take(&mut waiting);
            let written = flush(&*log, &mut waiting).await;
            if let Err(error) = written.as_ref().map_err(String::as_str)
                && !is_away
            {
                tracing::warn!(error, "the audit log cannot be written; its events wait");
            }
            is_away = written.is_err();
        }
        self.take(&mut waiting);
        if let Err(error) = flush(&*log, &mut waiting).await {
            tracing::error!(
                error,
                events = waiting.len(),
                "the last events of the audit log could not be written"
            );
        }
    }

    fn take(&mut self, waiting: &mut VecDeque<AuditEvent>) {
        for (events, most) in [(&mut self.changes, 2 * WAITING_MAX), (&mut self.refusals, WAITING_MAX)] {
            while waiting.len() < most
                && let Ok(event) = events.try_recv()
            {
                gather(waiting, event);
            }
        }
        let lost = self.lost.swap(0, Relaxed);
        if lost > 0 {
            let event = Who::default().event("events_lost", &[("why", "more came than could be written")]);
            gather(waiting, AuditEvent { times: lost, ..event });
        }
    }
}

/// Counts an event that is there already, but for its time and its request, as one more of it.
fn gather(waiting: &mut VecDeque<AuditEvent>, event: AuditEvent) {
    let is_same = |other: &AuditEvent| {
        (&other.action, &other.client, &other.key, &other.address, &other.detail)
            == (&event.action, &event.client, &event.key, &event.address, &event.detail)
    };
    // Of late: a flood is of few kinds.
    match waiting.iter_mut().rev().take(LOOKED_BACK).find(|other| is_same(other)) {
        Some(other) => other.times += event.times,
        None => waiting.push_back(event),
    }
}

async fn flush(log: &dyn AuditLog, waiting: &mut VecDeque<AuditEvent>) -> Result<(), String> {
    // One by one, once the database refuses some of many for good.
    let mut most = ROWS_MAX;
    while !waiting.is_empty() {
        let some = waiting.len().min(most);
        let rows: Vec<_> = waiting.iter().take(some).cloned().collect();
        let written = timeout(WRITE_MAX, log.add_to_audit_log(&rows)).await;
        match written.map_err(|_| format!("no answer within {WRITE_MAX:?}"))? {
            Ok(()) => drop(waiting.drain(..some)),
            Err(StoreError::Permanent(why)) if some > 1 => {
                most = 1;
                tracing::warn!(
                    why,
                    "the database refuses events of the audit log; they are written one by one"
                );
            }
            Err(StoreError::Permanent(why)) => {
                tracing::error!(why, event = ?rows, "the database refuses an event of the audit log; it is here instead");
                waiting.pop_front();
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_is_one_row() {
        let mut waiting = VecDeque::new();
        let who = Who { address: Some("203.0.113.9".to_owned()), ..Who::default() };
        for number in 0..1_000 {
            let why = if number % 2 == 0 { "no key" } else { "unknown key" };
            gather(&mut waiting, who.event("authentication_failed", &[("why", why)]));
        }
        assert_eq!(waiting.iter().map(|event| event.times).collect::<Vec<_>>(), [500, 500]);
        assert!(waiting[0].detail.contains("no key"), "{:?}", waiting[0]);
    }
}
