//! Server-Sent Events (WHATWG HTML, "Server-sent events"): what is the same wherever they are sent.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::{Stream, StreamExt as _};

/// A comment so often keeps proxies from closing a connection that they take for idle.
pub const COMMENT_INTERVAL: Duration = Duration::from_secs(15);
/// What a client that comes again has read.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Whether the client accepts events.
pub fn is_asked_for(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    accepted.flat_map(|accept| accept.split(',')).any(|media| media.trim().starts_with("text/event-stream"))
}

/// The answer that sends these events.
pub fn answer(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let keep_alive = KeepAlive::new().interval(COMMENT_INTERVAL);
    let mut response = Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(keep_alive).into_response();
    // nginx would hold events back to fill a buffer.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
