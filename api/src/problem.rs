//! The problems of the ingress (RFC 9457): what every refusal looks like.

use axum::http::StatusCode;
use contract::submission::Invalid;
use domain::id::JobId;
use strum::VariantArray;
use tellers_http::problem::{FORBIDDEN, INVALID_PARAMETER, Kind, UNAUTHORIZED};
pub use tellers_http::problem::{FieldError, MEDIA_TYPE, Problem};

/// The kinds of problems; what a client's program decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
#[allow(missing_docs)] // `ProblemType::kind` says what each is.
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
    /// Its URI, status and title.
    #[must_use]
    pub fn kind(self) -> Kind {
        use StatusCode as S;
        let (uri, status, title) = match self {
            Self::MalformedJson => ("/problems/malformed-json", S::BAD_REQUEST, "Not JSON"),
            Self::InvalidJob => ("/problems/invalid-job", S::UNPROCESSABLE_ENTITY, "Not a job"),
            Self::InvalidBatch => ("/problems/invalid-batch", S::UNPROCESSABLE_ENTITY, "Not a batch of jobs"),
            Self::InvalidParameter => return INVALID_PARAMETER,
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
            Self::Unauthorized => return UNAUTHORIZED,
            Self::Forbidden => return FORBIDDEN,
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
        };
        Kind::new(uri, status, title)
    }
}

impl From<ProblemType> for Kind {
    fn from(problem: ProblemType) -> Kind {
        problem.kind()
    }
}

/// Another body has the identity of a job.
pub fn conflict(id: JobId, what: &str, remedy: &str) -> Problem {
    let detail = format!(
        "{what} belongs to the job {id}, which has another body; this one takes no effect. Give it {remedy}, or ask \
         for /api/jobs/{id}"
    );
    Problem::new(ProblemType::Conflict, detail)
}

/// A body that is no JSON text.
pub fn malformed(why: String) -> Problem {
    let invalid = Invalid { field: "body".to_owned(), value: String::new(), remedy: why };
    Problem::of_field(ProblemType::MalformedJson, invalid)
}

/// A body that is no job.
pub fn invalid_job(invalid: Invalid) -> Problem {
    Problem::of_field(ProblemType::InvalidJob, invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_uri_of_its_own() {
        let uris: std::collections::BTreeSet<_> =
            ProblemType::VARIANTS.iter().map(|problem| problem.kind().uri).collect();
        assert_eq!(uris.len(), ProblemType::VARIANTS.len());
        assert!(uris.iter().all(|uri| uri.starts_with("/problems/")));
    }
}
