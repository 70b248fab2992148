//! Problem details (RFC 9457): what every refusal looks like.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use contract::submission::Invalid;
use domain::id::JobId;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The kinds of problems; what a client's program decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // `ProblemType::facts` says what each is.
pub enum ProblemType {
    MalformedJson,
    InvalidJob,
    InvalidBatch,
    InvalidParameter,
    IncompleteBody,
    DamagedBody,
    BodyTooLarge,
    TooManyJobs,
    UnsupportedMediaType,
    RequestTimeout,
    NotFound,
    JobNotFound,
    AccountNotFound,
    NotAnalysed,
    MethodNotAllowed,
    Conflict,
    Unauthorized,
    Forbidden,
    RateLimited,
    Overloaded,
    LaneFull,
    QueueUnavailable,
    LedgerUnavailable,
    InvalidFile,
    ImportNotFound,
    InsufficientStorage,
    PoolExhausted,
    NotAcceptable,
    Internal,
}

impl ProblemType {
    /// Every type.
    pub const ALL: [ProblemType; 29] = [
        ProblemType::MalformedJson,
        ProblemType::InvalidJob,
        ProblemType::InvalidBatch,
        ProblemType::InvalidParameter,
        ProblemType::IncompleteBody,
        ProblemType::DamagedBody,
        ProblemType::BodyTooLarge,
        ProblemType::TooManyJobs,
        ProblemType::UnsupportedMediaType,
        ProblemType::RequestTimeout,
        ProblemType::NotFound,
        ProblemType::JobNotFound,
        ProblemType::AccountNotFound,
        ProblemType::NotAnalysed,
        ProblemType::MethodNotAllowed,
        ProblemType::Conflict,
        ProblemType::Unauthorized,
        ProblemType::Forbidden,
        ProblemType::RateLimited,
        ProblemType::Overloaded,
        ProblemType::LaneFull,
        ProblemType::QueueUnavailable,
        ProblemType::LedgerUnavailable,
        ProblemType::InvalidFile,
        ProblemType::ImportNotFound,
        ProblemType::InsufficientStorage,
        ProblemType::PoolExhausted,
        ProblemType::NotAcceptable,
        ProblemType::Internal,
    ];

    /// Its URI, status and title, none of which ever changes.
    fn facts(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedJson => ("/problems/malformed-json", S::BAD_REQUEST, "Not JSON"),
            Self::InvalidJob => ("/problems/invalid-job", S::UNPROCESSABLE_ENTITY, "Not a job"),
            Self::InvalidBatch => ("/problems/invalid-batch", S::UNPROCESSABLE_ENTITY, "Not a batch of jobs"),
            Self::InvalidParameter => ("/problems/invalid-parameter", S::BAD_REQUEST, "Invalid parameter"),
            Self::IncompleteBody => ("/problems/incomplete-body", S::BAD_REQUEST, "The body ended early"),
            Self::DamagedBody => ("/problems/damaged-body", S::BAD_REQUEST, "The body cannot be unpacked"),
            Self::BodyTooLarge => ("/problems/body-too-large", S::PAYLOAD_TOO_LARGE, "Body too large"),
            Self::TooManyJobs => {
                ("/problems/too-many-jobs", S::PAYLOAD_TOO_LARGE, "Too many jobs in one request")
            }
            Self::UnsupportedMediaType => {
                ("/problems/unsupported-media-type", S::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type")
            }
            Self::RequestTimeout => {
                ("/problems/request-timeout", S::REQUEST_TIMEOUT, "The request took too long")
            }
            Self::NotFound => ("/problems/not-found", S::NOT_FOUND, "No such resource"),
            Self::JobNotFound => ("/problems/job-not-found", S::NOT_FOUND, "No such job"),
            Self::AccountNotFound => ("/problems/account-not-found", S::NOT_FOUND, "No such account"),
            Self::NotAnalysed => ("/problems/not-analysed", S::NOT_FOUND, "Not analysed yet"),
            Self::MethodNotAllowed => {
                ("/problems/method-not-allowed", S::METHOD_NOT_ALLOWED, "Method not allowed here")
            }
            Self::Conflict => (
                "/problems/conflict",
                S::UNPROCESSABLE_ENTITY,
                "The identity belongs to a job with another body",
            ),
            Self::Unauthorized => ("/problems/unauthorized", S::UNAUTHORIZED, "An API key is needed"),
            Self::Forbidden => ("/problems/forbidden", S::FORBIDDEN, "Not allowed"),
            Self::RateLimited => {
                ("/problems/rate-limited", S::TOO_MANY_REQUESTS, "Too many requests from one client")
            }
            Self::Overloaded => ("/problems/overloaded", S::SERVICE_UNAVAILABLE, "Too many requests at once"),
            Self::LaneFull => ("/problems/lane-full", S::SERVICE_UNAVAILABLE, "The lane is full"),
            Self::QueueUnavailable => {
                ("/problems/queue-unavailable", S::SERVICE_UNAVAILABLE, "The queue did not take the job")
            }
            Self::LedgerUnavailable => {
                ("/problems/ledger-unavailable", S::SERVICE_UNAVAILABLE, "The ledger cannot be read")
            }
            Self::InvalidFile => {
                ("/problems/invalid-file", S::UNPROCESSABLE_ENTITY, "Not a file that can be read")
            }
            Self::ImportNotFound => ("/problems/import-not-found", S::NOT_FOUND, "No such import"),
            Self::InsufficientStorage => {
                ("/problems/insufficient-storage", S::INSUFFICIENT_STORAGE, "No room for the file")
            }
            Self::PoolExhausted => {
                ("/problems/pool-exhausted", S::SERVICE_UNAVAILABLE, "Every connection of a pool is in use")
            }
            Self::NotAcceptable => {
                ("/problems/not-acceptable", S::NOT_ACCEPTABLE, "Not to be had in that form")
            }
            Self::Internal => ("/problems/internal", S::INTERNAL_SERVER_ERROR, "A fault of ours"),
        }
    }

    /// The relative URI that names it.
    #[must_use]
    pub fn uri(self) -> &'static str {
        self.facts().0
    }

    /// The last step of its URI, as metrics label it.
    #[must_use]
    pub fn slug(self) -> &'static str {
        self.uri().trim_start_matches("/problems/")
    }

    /// The HTTP status that it is answered with.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.facts().1
    }

    /// What it is, in a few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.facts().2
    }
}

impl Serialize for ProblemType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.uri())
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// A stable relative URI that names the kind of problem.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "/problems/invalid-job")]
    kind: ProblemType,
    /// The kind of problem in a few words.
    #[schema(example = "Not a job")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What is wrong with this request, and what to do.
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(skip)]
    retry_after: Option<Duration>,
    #[serde(skip)]
    accept_encoding: Option<&'static str>,
}

/// A field that is wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldError {
    /// Path of the field, such as `legs[1].amount`; `body` for the whole.
    #[schema(example = "amount")]
    field: String,
    /// What stands there, as JSON, shortened; empty where nothing does.
    #[schema(example = "-5")]
    value: String,
    /// What should stand there.
    remedy: String,
}

impl Problem {
    /// A problem of a kind; `detail` says what is wrong with this request and what to do.
    #[must_use]
    pub fn new(kind: ProblemType, detail: impl Into<Cow<'static, str>>) -> Problem {
        let (title, status) = (kind.title(), kind.status().as_u16());
        let (detail, errors) = (detail.into(), Vec::new());
        Problem { kind, title, status, detail, errors, retry_after: None, accept_encoding: None }
    }

    /// Another body has the identity of a job.
    #[must_use]
    pub fn conflict(id: JobId, what: &str, remedy: &str) -> Problem {
        let detail = format!(
            "{what} belongs to the job {id}, which has another body; this one takes no effect. Give it {remedy}, or ask \
             for /api/jobs/{id}"
        );
        Problem::new(ProblemType::Conflict, detail)
    }

    /// A parameter of the path, the query or the head that is wrong.
    #[must_use]
    pub fn parameter(field: &str, value: &str, remedy: &str) -> Problem {
        let value: String = value.chars().take(80).collect();
        let invalid =
            Invalid { field: field.to_owned(), value: format!("{value:?}"), remedy: remedy.to_owned() };
        Problem::of_field(ProblemType::InvalidParameter, invalid)
    }

    /// A field that is wrong.
    #[must_use]
    pub fn of_field(kind: ProblemType, invalid: Invalid) -> Problem {
        let invalid = invalid.shortened();
        let mut problem = Problem::new(kind, invalid.to_string());
        let Invalid { field, value, remedy } = invalid;
        problem.errors.push(FieldError { field, value, remedy });
        problem
    }

    /// The same may work after this time, told in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Problem {
        self.retry_after = Some(pause);
        self
    }

    /// The content codings that would be taken (RFC 9110, section 15.5.16).
    #[must_use]
    pub fn accept_encoding(mut self, codings: &'static str) -> Problem {
        self.accept_encoding = Some(codings);
        self
    }

    /// A body that is no JSON text.
    #[must_use]
    pub fn malformed(why: String) -> Problem {
        let invalid = Invalid { field: "body".to_owned(), value: String::new(), remedy: why };
        Problem::of_field(ProblemType::MalformedJson, invalid)
    }

    /// The field at fault, where one is, and what is wrong.
    #[must_use]
    pub fn field_and_detail(self) -> (Option<String>, String) {
        (self.errors.into_iter().next().map(|error| error.field), self.detail.into_owned())
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ProblemType {
        self.kind
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Problem {
        Problem::of_field(ProblemType::InvalidJob, invalid)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let json = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.kind.status(), json).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(pause) = self.retry_after {
            // Rounded up: to come back early is to be turned away again.
            let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if let Some(codings) = self.accept_encoding {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(codings));
        }
        if self.kind == ProblemType::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tellers\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_uri_of_its_own() {
        let uris: std::collections::BTreeSet<_> = ProblemType::ALL.map(ProblemType::uri).into();
        assert_eq!(uris.len(), ProblemType::ALL.len());
        assert!(uris.iter().all(|uri| uri.starts_with("/problems/")));
    }
}
