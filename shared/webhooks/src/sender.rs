//! One attempt to deliver one message.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use reqwest::{Response, StatusCode};
use runtime::addresses::AllowedPrivate;
use runtime::clock;
use runtime::tls::Peer;
use tokio::time::{Instant, timeout};

use crate::guarded::{self, Guarded};
use crate::secret::Secret;

/// How long an attempt may take, name look-up and handshake included.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the beginning of an answer's body is waited for, once its status is known.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of an answer's body that are kept.
const BODY_BYTES_MAX: usize = 1_000;
const US_PER_SECOND: i64 = 1_000_000;
const AGENT: &str = "tellers-webhooks";

const ENDPOINT: Peer = Peer { setting: "the endpoint's URL", plain: "http:// in it", any_name: None };

/// Sends messages to wherever they may go. It has one pool of connections, which its clones share.
#[derive(Debug, Clone)]
pub struct Sender {
    http: Guarded,
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// The same at every attempt: by it a receiver knows that it has the message already. Nobody but the fleet chooses it,
    /// so that the text that is signed cannot be split in another way.
    pub id: String,
    /// Media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
    /// What it is signed with: two while a secret is replaced.
    pub secrets: Arc<[Secret]>,
}

/// How an attempt came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The status that was answered; `None`: nothing was.
    pub status: Option<u16>,
    /// Why there was no answer, or not the whole of it, in words for the holder of the endpoint.
    pub error: Option<String>,
    /// The beginning of the answer's body, without characters that no text has.
    pub answer: String,
    /// How long it took.
    pub took: Duration,
    /// After how long the endpoint wants to be asked again, where it said so.
    pub retry_after: Option<Duration>,
}

impl Attempt {
    /// Whether the endpoint took the message.
    pub fn is_delivered(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the endpoint says that it wants no message any more.
    pub fn is_gone(&self) -> bool {
        self.status == Some(StatusCode::GONE.as_u16())
    }

    /// Whether the endpoint as a whole cannot be reached or asks for a pause: other messages would fare no better.
    pub fn is_of_endpoint(&self) -> bool {
        self.status.is_none_or(|status| status >= 500 || status == StatusCode::TOO_MANY_REQUESTS.as_u16())
    }
}

impl Sender {
    /// A sender that reaches these private addresses besides the public network.
    ///
    /// # Errors
    /// There is no client of HTTP to be had.
    pub fn new(allowed: AllowedPrivate) -> anyhow::Result<Sender> {
        Ok(Sender { http: Guarded::new(allowed, ATTEMPT_TIMEOUT)? })
    }

    /// Posts a message to this URL once. Takes 15 s at the most.
    pub async fn send(&self, url: &str, message: &Message) -> Attempt {
        let started = Instant::now();
        let failed = |error: String| Attempt {
            status: None,
            error: Some(error),
            answer: String::new(),
            took: started.elapsed(),
            retry_after: None,
        };
        let request = match self.http.post(url) {
            Ok(request) => request,
            Err(refused) => return failed(not_called(refused.kind())),
        };
        let at = clock::now_us() / US_PER_SECOND;
        let signatures: Vec<_> =
            message.secrets.iter().map(|secret| secret.sign(&message.id, at, &message.body)).collect();
        let request = request
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", signatures.join(" "))
            .header(CONTENT_TYPE, message.content_type)
            .header(USER_AGENT, AGENT)
            .body(message.body.clone());
        // The client's own limit does not cover all that comes before a connection.
        let sent = timeout(ATTEMPT_TIMEOUT, request.send()).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                return match guarded::refused(&error) {
                    Some(refused) => failed(not_called(refused.kind())),
                    None if error.is_timeout() => failed(no_answer()),
                    None => failed(guarded::why(error, &ENDPOINT)),
                };
            }
            Err(_) => return failed(no_answer()),
        };
        let (status, retry_after) = (response.status(), retry_after(&response));
        let (answer, broke_off) = beginning(response).await;
        let error = match status {
            status if status.is_redirection() => Some(
                "the endpoint redirects, which is not followed; change its url to where it leads".to_owned(),
            ),
            _ => broke_off,
        };
        Attempt { status: Some(status.as_u16()), error, answer, took: started.elapsed(), retry_after }
    }
}

fn not_called(kind: &str) -> String {
    format!(
        "its name or address leads to a {kind} address, which is not called; an operator may allow its network by \
         WEBHOOK_ALLOW_PRIVATE"
    )
}

fn no_answer() -> String {
    format!("no answer within {} seconds", ATTEMPT_TIMEOUT.as_secs())
}

/// `Retry-After` in seconds, of an answer that may have it. A date would be by the endpoint's clock, and is left out.
fn retry_after(response: &Response) -> Option<Duration> {
    let asks = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&response.status());
    let value = response.headers().get(RETRY_AFTER).filter(|_| asks)?;
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The beginning of the body, and why it broke off before its end, if it did. The status has been answered by then: what
/// comes of the body changes nothing about it.
async fn beginning(mut response: Response) -> (String, Option<String>) {
    let mut body = Vec::new();
    let read = async {
        while body.len() < BODY_BYTES_MAX {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    body.extend_from_slice(&chunk[..chunk.len().min(BODY_BYTES_MAX - body.len())]);
                }
                Ok(None) => return None,
                Err(_) => return Some("the body of the answer broke off".to_owned()),
            }
        }
        None
    };
    let broke_off = timeout(BODY_TIMEOUT, read).await.unwrap_or_else(|_| {
        Some(format!("the body of the answer did not end within {} seconds", BODY_TIMEOUT.as_secs()))
    });
    let text = String::from_utf8_lossy(&body);
    (text.chars().filter(|c| !c.is_control() || *c == '\n').collect(), broke_off)
}

#[cfg(test)]
mod tests;
