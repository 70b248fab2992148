//! The problems of the ingress (RFC 9457): what every refusal looks like.

use axum::http::StatusCode;
use contract::submission::Invalid;
use domain::id::JobId;
use strum::VariantArray;
use tellers_http::problem::{
    BODY_TOO_LARGE, FORBIDDEN, INCOMPLETE_BODY, INTERNAL, INVALID_PARAMETER, Kind, MALFORMED_JSON,
    UNAUTHORIZED, UNSUPPORTED_MEDIA_TYPE,
};
pub use tellers_http::problem::{FieldError, MEDIA_TYPE, Problem};

macro_rules! problem_types {
    ($($name:ident: $status:ident, $uri:literal, $title:literal;)*) => {
        /// The kinds of problems; what a client's program decides by.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
        #[allow(missing_docs)] // `ProblemType::kind` says what each is.
        pub enum ProblemType {
            InvalidParameter,
            Unauthorized,
            Forbidden,
            MalformedJson,
            IncompleteBody,
            BodyTooLarge,
            UnsupportedMediaType,
            Internal,
            $($name),*
        }

        impl ProblemType {
            /// Its URI, status and title.
            pub fn kind(self) -> Kind {
                match self {
                    Self::InvalidParameter => INVALID_PARAMETER,
                    Self::Unauthorized => UNAUTHORIZED,
                    Self::Forbidden => FORBIDDEN,
                    Self::MalformedJson => MALFORMED_JSON,
                    Self::IncompleteBody => INCOMPLETE_BODY,
                    Self::BodyTooLarge => BODY_TOO_LARGE,
                    Self::UnsupportedMediaType => UNSUPPORTED_MEDIA_TYPE,
                    Self::Internal => INTERNAL,
                    $(Self::$name => Kind::new($uri, StatusCode::$status, $title),)*
                }
            }
        }
    };
}

problem_types! {
    InvalidJob: UNPROCESSABLE_ENTITY, "/problems/invalid-job", "Not a job";
    InvalidBatch: UNPROCESSABLE_ENTITY, "/problems/invalid-batch", "Not a batch of jobs";
    DamagedBody: BAD_REQUEST, "/problems/damaged-body", "The body cannot be unpacked";
    TooManyJobs: PAYLOAD_TOO_LARGE, "/problems/too-many-jobs", "Too many jobs in one request";
    RequestTimeout: REQUEST_TIMEOUT, "/problems/request-timeout", "The request took too long";
    NotFound: NOT_FOUND, "/problems/not-found", "No such resource";
    JobNotFound: NOT_FOUND, "/problems/job-not-found", "No such job";
    AccountNotFound: NOT_FOUND, "/problems/account-not-found", "No such account";
    NotAnalysed: NOT_FOUND, "/problems/not-analysed", "Not analysed yet";
    MethodNotAllowed: METHOD_NOT_ALLOWED, "/problems/method-not-allowed", "Method not allowed here";
    Conflict: UNPROCESSABLE_ENTITY, "/problems/conflict", "The identity belongs to a job with another body";
    InvalidKey: UNPROCESSABLE_ENTITY, "/problems/invalid-key", "Not a key";
    KeyNotFound: NOT_FOUND, "/problems/key-not-found", "No such key";
    KeyEnded: CONFLICT, "/problems/key-ended", "The key has ended";
    NotGranted: FORBIDDEN, "/problems/not-granted", "The key is not for this account";
    RateLimited: TOO_MANY_REQUESTS, "/problems/rate-limited", "Too many requests from one client";
    Overloaded: SERVICE_UNAVAILABLE, "/problems/overloaded", "Too many requests at once";
    LaneFull: TOO_MANY_REQUESTS, "/problems/lane-full", "The account's lane is full";
    LaneBehind: TOO_MANY_REQUESTS, "/problems/lane-behind", "The account's lane is behind";
    QueueUnavailable: SERVICE_UNAVAILABLE, "/problems/queue-unavailable", "The queue did not take the job";
    LedgerUnavailable: SERVICE_UNAVAILABLE, "/problems/ledger-unavailable", "The ledger cannot be read";
    InvalidFile: UNPROCESSABLE_ENTITY, "/problems/invalid-file", "Not a file that can be read";
    ImportNotFound: NOT_FOUND, "/problems/import-not-found", "No such import";
    InsufficientStorage: INSUFFICIENT_STORAGE, "/problems/insufficient-storage", "No room for the file";
    PoolExhausted: SERVICE_UNAVAILABLE, "/problems/pool-exhausted", "Every connection of a pool is in use";
    EventsGone: GONE, "/problems/events-gone", "Events are not kept any more";
    InvalidWebhook: UNPROCESSABLE_ENTITY, "/problems/invalid-webhook", "Not a webhook endpoint";
    WebhookNotFound: NOT_FOUND, "/problems/webhook-not-found", "No such webhook endpoint";
    TooLate: CONFLICT, "/problems/too-late", "The job has its outcome already";
    NotAcceptable: NOT_ACCEPTABLE, "/problems/not-acceptable", "Not to be had in that form";
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
    use tellers_http::problem::pages::explains;

    use super::*;

    #[test]
    fn every_problem_has_a_uri_of_its_own() {
        let uris: std::collections::BTreeSet<_> =
            ProblemType::VARIANTS.iter().map(|problem| problem.kind().uri).collect();
        assert_eq!(uris.len(), ProblemType::VARIANTS.len());
        assert!(uris.iter().all(|uri| uri.starts_with("/problems/")));
        for problem in ProblemType::VARIANTS {
            assert!(explains(problem.kind()), "{problem:?} has no page");
        }
    }
}
