//! Reading a request's body within a limit of size and of time.

mod coding;
mod json;

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use tellers_http::media_type;
use tokio::runtime::Handle;
use tokio::time::timeout;

use self::coding::{Coding, Unpacker};
pub use self::json::{read_json, read_json_or_default};
use crate::problem::{Problem, ProblemType};

/// What is allowed of one request's body.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit {
    /// The most bytes; of a packed body, unpacked.
    pub bytes_max: usize,
    /// From the head to the last byte: whoever drips a body does not hold a place for longer.
    pub read_max: Duration,
}

/// One job: a journal of 100 legs is some 8 KiB.
pub const JOB: BodyLimit = BodyLimit { bytes_max: 64 * 1024, read_max: Duration::from_secs(10) };

/// A batch: 10,000 jobs of 300 bytes are some 3 MiB.
pub const BATCH: BodyLimit = BodyLimit { bytes_max: 16 * 1024 * 1024, read_max: Duration::from_secs(60) };

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What is left of a refused body is read and thrown away up to here, so that a client that sends all
/// before it reads meets the answer and not a reset connection (RFC 9112, section 9.6).
const DISCARD: BodyLimit = BodyLimit { bytes_max: 64 * 1024 * 1024, read_max: Duration::from_secs(5) };

/// What a body claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json` and its kin.
    Json,
    /// One JSON text a line.
    Ndjson,
    /// Not said, or said to be something that need not be true: look at the first byte.
    Unknown,
}

impl MediaType {
    /// What the head says.
    pub fn of(headers: &HeaderMap) -> MediaType {
        let essence = media_type::essence(headers);
        match essence.as_str() {
            json if media_type::is_json(json) => MediaType::Json,
            lines if media_type::is_lines(lines) => MediaType::Ndjson,
            _ => MediaType::Unknown,
        }
    }
}

/// The problem of a body that is not JSON and does not say that it is.
pub fn unsupported(headers: &HeaderMap, expected: &'static str) -> Problem {
    let shown = headers.get(CONTENT_TYPE).map_or_else(|| "none".to_owned(), |value| format!("{value:?}"));
    let shown: String = shown.chars().take(80).collect();
    let detail = format!("the content type is {shown} and the body does not look like JSON; send {expected}");
    Problem::new(ProblemType::UnsupportedMediaType, detail)
}

/// The size that the head announces.
fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body of JSON whole.
pub async fn read(headers: &HeaderMap, body: Body, limit: BodyLimit) -> Result<Bytes, Problem> {
    read_into(headers, body, limit, |_| Ok(())).await
}

/// Reads a body of JSON whole, and unpacks it where it comes packed. `room` is asked for room for as many bytes in all, before they
/// are kept.
pub async fn read_into(
    headers: &HeaderMap,
    body: Body,
    limit: BodyLimit,
    room: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<Bytes, Problem> {
    media_type::check_json(headers)?;
    timeout(limit.read_max, collect(headers, body.into_data_stream(), limit, room)).await.unwrap_or_else(
        |_| {
            let detail =
                format!("the body did not arrive within {:?}; nothing of it was accepted", limit.read_max);
            Err(Problem::new(ProblemType::RequestTimeout, detail))
        },
    )
}

async fn collect(
    headers: &HeaderMap,
    stream: BodyDataStream,
    limit: BodyLimit,
    mut room: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<Bytes, Problem> {
    let fit = |bytes: usize| if bytes > limit.bytes_max { Err(too_large(limit)) } else { room(bytes) };
    let whole = match Coding::of(headers)? {
        Coding::Identity => collect_plain(headers, stream, fit).await?,
        Coding::Gzip => collect_packed(headers, stream, limit, fit).await?,
    };
    Ok(without_mark(whole))
}

async fn collect_plain(
    headers: &HeaderMap,
    mut stream: BodyDataStream,
    mut fit: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<Bytes, Problem> {
    fit(announced_bytes(headers).unwrap_or(0))?;
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(chunk) = stream.next().await.transpose().map_err(incomplete)? {
        fit(first.len() + all.len() + chunk.len())?;
        if first.is_empty() && all.is_empty() {
            // Usually the only one: nothing to copy.
            first = chunk;
        } else {
            if all.is_empty() {
                all = BytesMut::from(std::mem::take(&mut first));
            }
            all.extend_from_slice(&chunk);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Keeps what is unpacked and nothing of what is packed, and stops at the first byte beyond the limit.
async fn collect_packed(
    headers: &HeaderMap,
    mut stream: BodyDataStream,
    limit: BodyLimit,
    fit: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<Bytes, Problem> {
    let packed_max = coding::packed_bytes_max(limit.bytes_max);
    if announced_bytes(headers).is_some_and(|bytes| bytes > packed_max) {
        return Err(too_large(limit));
    }
    let mut packed = 0;
    let mut unpacker = Unpacker::new(fit);
    while let Some(chunk) = stream.next().await.transpose().map_err(incomplete)? {
        packed += chunk.len();
        if packed > packed_max {
            return Err(too_large(limit));
        }
        for some in chunk.chunks(coding::PACKED_BYTES_PER_TURN) {
            unpacker.take(some)?;
            tokio::task::yield_now().await;
        }
    }
    unpacker.end()
}

/// What follows a byte order mark: some editors put one before all that they save (RFC 8259, section 8.1).
fn without_mark(body: Bytes) -> Bytes {
    if body.starts_with(BYTE_ORDER_MARK) { body.slice(BYTE_ORDER_MARK.len()..) } else { body }
}

/// Makes a request's body one that is read to its end even where its answer comes early.
pub fn drained(request: Request) -> Request {
    // Who asks before sending (RFC 9110, section 10.1.1) does not send what is refused.
    if request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
        return request;
    }
    request.map(|body| Body::from_stream(Drained { rest: Some(body.into_data_stream()) }))
}

/// A body whose rest is thrown away, beside the answer, when its reader stops early.
struct Drained {
    rest: Option<BodyDataStream>,
}

impl Stream for Drained {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let next = ready!(rest.poll_next_unpin(context));
        if !matches!(next, Some(Ok(_))) {
            self.rest = None;
        }
        Poll::Ready(next)
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        // Where the runtime ends, so does the connection.
        if let (Some(rest), Ok(runtime)) = (self.rest.take(), Handle::try_current()) {
            // Who sends for longer than that is cut off.
            runtime.spawn(timeout(DISCARD.read_max, discard(rest)));
        }
    }
}

async fn discard(mut rest: BodyDataStream) {
    let mut left = DISCARD.bytes_max;
    while let Some(Ok(chunk)) = rest.next().await {
        match left.checked_sub(chunk.len()) {
            Some(fewer) => left = fewer,
            None => return,
        }
    }
}

fn too_large(limit: BodyLimit) -> Problem {
    let detail = format!("the body has more than {} bytes; send less at once", limit.bytes_max);
    Problem::new(ProblemType::BodyTooLarge, detail)
}

fn incomplete(error: axum::Error) -> Problem {
    let detail = format!("the body could not be read to its end ({error}); nothing of it was accepted");
    Problem::new(ProblemType::IncompleteBody, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_drips_is_cut_off() {
        let limit = BodyLimit { bytes_max: 100, read_max: Duration::from_millis(10) };
        let first = futures::stream::iter([Ok::<_, std::io::Error>("{")]);
        let drip = Body::from_stream(first.chain(futures::stream::pending()));
        let problem = read(&HeaderMap::new(), drip, limit).await.unwrap_err();
        assert_eq!(problem.slug(), "request-timeout");
    }

    #[tokio::test]
    async fn pieces_are_put_together_within_the_limit() {
        let limit = BodyLimit { bytes_max: 6, read_max: Duration::from_secs(10) };
        let pieces = |texts: &[&'static str]| {
            let pieces: Vec<_> = texts.iter().map(|text| Ok::<_, std::io::Error>(*text)).collect();
            Body::from_stream(futures::stream::iter(pieces))
        };
        let headers = HeaderMap::new();
        let whole = read(&headers, pieces(&["ab", "", "cd", "ef"]), limit).await.unwrap();
        assert_eq!(whole, "abcdef");
        let marked = BodyLimit { bytes_max: 9, ..limit };
        let marked = read(&headers, pieces(&["\u{FEFF}\u{FEFF}", "ab"]), marked).await.unwrap();
        assert_eq!(marked, "\u{FEFF}ab", "one mark is none of the text");
        let problem = read(&headers, pieces(&["ab", "cd", "efg"]), limit).await.unwrap_err();
        assert_eq!(problem.slug(), "body-too-large");
    }
}
