//! What a refused request of a load test is answered: a problem document (RFC 9457).

use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

use super::plan::Invalid;
use super::runs::StartError;

/// Why a request was refused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadTestProblem)]
pub struct Refusal {
    /// Names the kind of problem for good: `/problems/load-test-running`, ...
    #[serde(rename = "type")]
    kind: &'static str,
    /// The kind in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong, and what to do.
    detail: String,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// A field that is wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadTestFieldError)]
pub struct FieldError {
    /// Its name.
    field: String,
    /// What stands there.
    value: String,
    /// What should stand there.
    remedy: String,
}

impl Refusal {
    fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Refusal {
        Refusal { kind, title, status: status.as_u16(), detail: detail.into(), errors: Vec::new() }
    }

    pub(crate) fn malformed(why: String) -> Refusal {
        let detail = format!(
            "the body {why}; send an object such as {{\"concurrent_users\": 20, \"requests_per_user\": 5}}, or nothing"
        );
        Refusal::new(StatusCode::BAD_REQUEST, "/problems/malformed-json", "Not JSON", detail)
    }

    pub(crate) fn not_a_request(path: &str, error: &serde_json::Error) -> Refusal {
        let detail = format!(
            "{path}: {error}; send an object such as {{\"concurrent_users\": 20, \"requests_per_user\": 5}}"
        );
        let mut refusal = Refusal::invalid(detail);
        refusal.errors.push(FieldError {
            field: path.to_owned(),
            value: String::new(),
            remedy: error.to_string(),
        });
        refusal
    }

    pub(crate) fn invalid(detail: String) -> Refusal {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Refusal::new(status, "/problems/invalid-load-test", "Not a load test", detail)
    }

    pub(crate) fn unknown(id: &str) -> Refusal {
        let id: String = id.chars().take(40).collect();
        let detail =
            format!("there is no load test {id:?}; GET /api/scalability/load-test lists those that are kept");
        Refusal::new(StatusCode::NOT_FOUND, "/problems/load-test-not-found", "No such load test", detail)
    }

    pub(crate) fn without_result(detail: String) -> Refusal {
        Refusal::new(StatusCode::CONFLICT, "/problems/load-test-without-result", "It has no result", detail)
    }

    pub(crate) fn over(id: u64) -> Refusal {
        let detail = format!("load test {id} does not run here any more; there is nothing to stop");
        Refusal::new(StatusCode::CONFLICT, "/problems/load-test-over", "It is over", detail)
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Refusal {
        let mut refusal = Refusal::invalid(invalid.to_string());
        let Invalid { field, value, remedy } = invalid;
        refusal.errors.push(FieldError { field: field.to_owned(), value, remedy });
        refusal
    }
}

impl From<StartError> for Refusal {
    fn from(error: StartError) -> Refusal {
        let (status, kind, title) = match &error {
            StartError::Busy { .. } => {
                (StatusCode::CONFLICT, "/problems/load-test-running", "A load test is running")
            }
            StartError::NoIngress => {
                (StatusCode::SERVICE_UNAVAILABLE, "/problems/no-ingress", "No ingress is known")
            }
            StartError::Away(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "/problems/ledger-unavailable", "The ledger is away")
            }
            StartError::Unwritable(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "/problems/internal", "A fault of ours")
            }
        };
        Refusal::new(status, kind, title, error.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        let detail = format!("the load tests that are kept cannot be read: {error}; try again");
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Refusal::new(status, "/problems/ledger-unavailable", "The ledger is away", detail)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, problem);
        response
    }
}
