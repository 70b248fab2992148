//! Reading a request's body within a limit of size and of time.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use crate::problem::{Problem, ProblemType};

/// What is allowed of one request's body.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit {
    /// The most bytes.
    pub bytes_max: usize,
    /// From the head to the last byte: whoever drips a body does not hold a place for longer.
    pub read_max: Duration,
}

/// One job: a journal of 100 legs is some 8 KiB.
pub const JOB: BodyLimit = BodyLimit { bytes_max: 64 * 1024, read_max: Duration::from_secs(10) };

/// A batch: 10,000 jobs of 300 bytes are some 3 MiB.
pub const BATCH: BodyLimit = BodyLimit { bytes_max: 16 * 1024 * 1024, read_max: Duration::from_secs(60) };

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
        let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" | "text/json" => MediaType::Json,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines" => MediaType::Ndjson,
            other if other.starts_with("application/") && other.ends_with("+json") => MediaType::Json,
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
pub fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body whole.
pub async fn read(headers: &HeaderMap, body: Body, limit: BodyLimit) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    if let Some(coding) =
        headers.get(CONTENT_ENCODING).filter(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        discard(stream);
        let detail = format!("the body comes with the content coding {coding:?}; send it as it is");
        return Err(Problem::new(ProblemType::UnsupportedMediaType, detail));
    }
    if announced_bytes(headers).is_some_and(|bytes| bytes > limit.bytes_max) {
        discard(stream);
        return Err(too_large(limit));
    }
    match tokio::time::timeout(limit.read_max, collect(&mut stream, limit.bytes_max)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => {
            discard(stream);
            Err(too_large(limit))
        }
        Ok(Err(error)) => {
            let detail =
                format!("the body could not be read to its end ({error}); nothing of it was accepted");
            Err(Problem::new(ProblemType::IncompleteBody, detail))
        }
        Err(_) => {
            let detail =
                format!("the body did not arrive within {:?}; nothing of it was accepted", limit.read_max);
            Err(Problem::new(ProblemType::RequestTimeout, detail))
        }
    }
}

/// Throws the rest of a body away, beside the answer.
pub fn discard(mut stream: BodyDataStream) {
    tokio::spawn(async move {
        let all = async {
            let mut left = DISCARD.bytes_max;
            while let Some(Ok(chunk)) = stream.next().await {
                match left.checked_sub(chunk.len()) {
                    Some(rest) => left = rest,
                    None => break,
                }
            }
        };
        // Who sends for longer than that is cut off.
        let _ = tokio::time::timeout(DISCARD.read_max, all).await;
    });
}

/// `None`: there are more than `bytes_max`.
async fn collect(stream: &mut BodyDataStream, bytes_max: usize) -> Result<Option<Bytes>, axum::Error> {
    let Some(first) = stream.next().await.transpose()? else { return Ok(Some(Bytes::new())) };
    let Some(second) = stream.next().await.transpose()? else {
        // The usual case: nothing to copy.
        return Ok(Some(first).filter(|all| all.len() <= bytes_max));
    };
    let mut all = BytesMut::from(first);
    let mut chunk = second;
    loop {
        if all.len() + chunk.len() > bytes_max {
            return Ok(None);
        }
        all.extend_from_slice(&chunk);
        match stream.next().await.transpose()? {
            Some(next) => chunk = next,
            None => return Ok(Some(all.freeze())),
        }
    }
}

fn too_large(limit: BodyLimit) -> Problem {
    let detail = format!("the body has more than {} bytes; send less at once", limit.bytes_max);
    Problem::new(ProblemType::BodyTooLarge, detail)
}
