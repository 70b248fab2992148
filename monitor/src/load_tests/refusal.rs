//! What a refused request of a load test is answered.

use load_test::Invalid;
use store::StoreError;
use tellers_http::problem::{INTERNAL, MALFORMED_JSON};

use super::StartError;
use crate::problem::{
    FieldError, INVALID_LOAD_TEST, LEDGER_UNAVAILABLE, LOAD_TEST_NOT_FOUND, LOAD_TEST_OVER,
    LOAD_TEST_RUNNING, LOAD_TEST_WITHOUT_RESULT, NO_INGRESS, Problem,
};

const EXAMPLE: &str = r#"send an object such as {"concurrent_users": 20, "requests_per_user": 5}"#;

pub(super) fn malformed(why: String) -> Problem {
    let detail = format!("the body {why}; {EXAMPLE}, or nothing");
    Problem::new(MALFORMED_JSON, detail)
}

pub(super) fn not_a_request(field: String, error: &serde_json::Error) -> Problem {
    let detail = format!("{field}: {error}; {EXAMPLE}");
    invalid(detail, FieldError { field, value: String::new(), remedy: error.to_string() })
}

fn invalid(detail: String, error: FieldError) -> Problem {
    let mut problem = Problem::new(INVALID_LOAD_TEST, detail);
    problem.errors.push(error);
    problem
}

pub(super) fn unknown(id: &str) -> Problem {
    let id: String = id.chars().take(40).collect();
    let detail = format!("there is no load test {id:?}; GET /api/scalability/load-test lists the load tests");
    Problem::new(LOAD_TEST_NOT_FOUND, detail)
}

pub(super) fn without_result(detail: String) -> Problem {
    Problem::new(LOAD_TEST_WITHOUT_RESULT, detail)
}

pub(super) fn over(id: u64) -> Problem {
    let detail = format!("load test {id} does not run here any more; there is nothing to stop");
    Problem::new(LOAD_TEST_OVER, detail)
}

pub(super) fn not_a_plan(refused: Invalid) -> Problem {
    let detail = refused.to_string();
    let Invalid { field, value, remedy } = refused;
    invalid(detail, FieldError { field: field.to_owned(), value, remedy })
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Problem {
        let kind = match &error {
            StartError::Busy { .. } => LOAD_TEST_RUNNING,
            StartError::NoIngress => NO_INGRESS,
            StartError::Away(_) => return away(error.to_string()),
            StartError::Unwritable(_) => INTERNAL,
        };
        Problem::new(kind, error.to_string())
    }
}

pub(super) fn unreadable(error: StoreError) -> Problem {
    away(format!("the load tests cannot be read: {error}; try again"))
}

fn away(detail: String) -> Problem {
    Problem::new(LEDGER_UNAVAILABLE, detail)
}
