//! What a service answers, and what it may be that it does not.

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What an error shows of a body.
const SHOWN_CHARS_MAX: usize = 500;

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

/// A refusal (RFC 9457), or an answer of that status by someone else on the way.
#[derive(Debug, Clone, PartialEq, Eq, derive_more::Display)]
#[display("{status}: {detail}")]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// The last step of the problem's type, such as `lane-full`.
    pub kind: Option<String>,
    /// The kind in a few words.
    pub title: Option<String>,
    /// What is wrong, and what to do.
    pub detail: String,
}

/// No answer, or none of the kind that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The same may be accepted if it is sent again.
    #[error("the ingress is busy: {0}")]
    Busy(Problem),
    /// It said no.
    #[error("{0}")]
    Refused(Problem),
    /// Nobody listens there.
    #[error("no connection")]
    Connect(#[source] reqwest::Error),
    /// It took too long.
    #[error("not answered in time")]
    Timeout(#[source] reqwest::Error),
    /// The connection broke before the answer was whole.
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
    /// An answer of another kind.
    #[error("an unexpected answer: {0}")]
    Answer(String),
}

impl Answer {
    /// The answer to a request.
    ///
    /// # Errors
    /// There was none.
    pub async fn to(request: RequestBuilder) -> Result<Answer, Error> {
        let mut response = request.send().await?;
        let headers = std::mem::take(response.headers_mut());
        Ok(Answer { status: response.status(), headers, body: response.text().await? })
    }

    /// A header's value; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none, or not of this form.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.body).map_err(|error| {
            Error::Answer(format!("{}: {error}: {}", self.status, Problem::shortened(&self.body)))
        })
    }

    /// The answer, if its status is a good one.
    ///
    /// # Errors
    /// What the service said instead.
    pub fn good(self) -> Result<Answer, Error> {
        if self.status.is_success() { Ok(self) } else { Err(self.refusal()) }
    }

    /// As an answer that is not the one that was hoped for.
    pub fn refusal(&self) -> Error {
        Problem::of(self.status, &self.body).into()
    }
}

impl Problem {
    /// Reads the body of an answer.
    pub fn of(status: StatusCode, body: &str) -> Problem {
        let json: Value = serde_json::from_str(body).unwrap_or_default();
        let kind = json["type"].as_str().and_then(|kind| kind.rsplit('/').next());
        Problem {
            status,
            kind: kind.map(|kind| kind.chars().take(40).collect()),
            title: json["title"].as_str().map(Problem::shortened),
            detail: json["detail"].as_str().map_or_else(|| Problem::shortened(body), str::to_owned),
        }
    }

    fn shortened(body: &str) -> String {
        body.trim().chars().take(SHOWN_CHARS_MAX).collect()
    }
}

impl Error {
    /// Its class, of which there are few: `refused/lane-full`, `http/502`, `connect`, `timeout`, ...
    pub fn class(&self) -> String {
        match self {
            Error::Busy(problem) | Error::Refused(problem) => match &problem.kind {
                Some(kind) => format!("refused/{kind}"),
                None => format!("http/{}", problem.status.as_u16()),
            },
            Error::Connect(_) => "connect".to_owned(),
            Error::Timeout(_) => "timeout".to_owned(),
            Error::Broken(_) => "connection_broken".to_owned(),
            Error::Answer(_) => "unreadable_answer".to_owned(),
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        let is_busy = problem.status.is_server_error() || problem.status == StatusCode::TOO_MANY_REQUESTS;
        if is_busy { Error::Busy(problem) } else { Error::Refused(problem) }
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Error {
        if error.is_timeout() {
            Error::Timeout(error)
        } else if error.is_connect() {
            Error::Connect(error)
        } else {
            Error::Broken(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_known_by_its_problem_and_that_of_a_proxy_by_its_status() {
        let refusal =
            |status: u16, body: &str| Error::from(Problem::of(StatusCode::from_u16(status).unwrap(), body));
        let full = refusal(503, r#"{"type": "/problems/lane-full", "detail": "lane 3 is full"}"#);
        assert_eq!(full.class(), "refused/lane-full");
        assert_eq!(full.to_string(), "the ingress is busy: 503 Service Unavailable: lane 3 is full");
        let wrong = refusal(422, r#"{"type": "/problems/invalid-job", "detail": "amount"}"#);
        assert_eq!(wrong.to_string(), "422 Unprocessable Entity: amount");
        let proxy = refusal(502, " <html> ");
        assert_eq!((proxy.class().as_str(), matches!(proxy, Error::Busy(_))), ("http/502", true));
    }
}
