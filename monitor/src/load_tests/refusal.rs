//! What a refused request of a load test is answered.

use axum::http::StatusCode;
use load_test::Invalid;
use store::StoreError;

use super::StartError;
use crate::problem::{self, FieldError, Problem};

const EXAMPLE: &str = r#"send an object such as {"concurrent_users": 20, "requests_per_user": 5}"#;

pub(super) fn malformed(why: String) -> Problem {
    let detail = format!("the body {why}; {EXAMPLE}, or nothing");
    problem::of("/problems/malformed-json", StatusCode::BAD_REQUEST, "Not JSON", detail)
}

pub(super) fn not_a_request(field: String, error: &serde_json::Error) -> Problem {
    let detail = format!("{field}: {error}; {EXAMPLE}");
    invalid(detail, FieldError { field, value: String::new(), remedy: error.to_string() })
}

fn invalid(detail: String, error: FieldError) -> Problem {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let mut problem = problem::of("/problems/invalid-load-test", status, "Not a load test", detail);
    problem.errors.push(error);
    problem
}

pub(super) fn unknown(id: &str) -> Problem {
    let id: String = id.chars().take(40).collect();
    let detail = format!("there is no load test {id:?}; GET /api/scalability/load-test lists the load tests");
    problem::of("/problems/load-test-not-found", StatusCode::NOT_FOUND, "No such load test", detail)
}

pub(super) fn without_result(detail: String) -> Problem {
    problem::of(
        "/problems/load-test-without-result",
        StatusCode::CONFLICT,
        "The load test has no result",
        detail,
    )
}

pub(super) fn over(id: u64) -> Problem {
    let detail = format!("load test {id} does not run here any more; there is nothing to stop");
    problem::of("/problems/load-test-over", StatusCode::CONFLICT, "It is over", detail)
}

pub(super) fn not_a_plan(refused: Invalid) -> Problem {
    let detail = refused.to_string();
    let Invalid { field, value, remedy } = refused;
    invalid(detail, FieldError { field: field.to_owned(), value, remedy })
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Problem {
        let (kind, status, title) = match &error {
            StartError::Busy { .. } => {
                ("/problems/load-test-running", StatusCode::CONFLICT, "A load test is running")
            }
            StartError::NoIngress => {
                ("/problems/no-ingress", StatusCode::SERVICE_UNAVAILABLE, "No ingress is known")
            }
            StartError::Away(_) => return away(error.to_string()),
            StartError::Unwritable(_) => {
                ("/problems/internal", StatusCode::INTERNAL_SERVER_ERROR, "A fault of ours")
            }
        };
        problem::of(kind, status, title, error)
    }
}

pub(super) fn unreadable(error: StoreError) -> Problem {
    away(format!("the load tests cannot be read: {error}; try again"))
}

fn away(detail: String) -> Problem {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    problem::of("/problems/ledger-unavailable", status, "The ledger is away", detail)
}
