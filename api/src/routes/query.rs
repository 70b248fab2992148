//! Queries that cannot be read.

use axum::extract::FromRequestParts;
use axum::extract::rejection::QueryRejection;
use axum::http::request::Parts;

use crate::problem::{Problem, ProblemType};

/// That a request's query is empty: a parameter that means nothing here is not passed over in silence.
pub(crate) struct NoParameters;

impl<S: Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<NoParameters, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let Some(first) = query.split('&').find(|parameter| !parameter.is_empty()) else {
            return Ok(NoParameters);
        };
        let (name, value) = first.split_once('=').unwrap_or((first, ""));
        Err(Problem::parameter(name, value, "is no parameter here, there is none; remove it"))
    }
}

/// A query that cannot be read, such as one with a name that the route does not take.
pub(super) fn bad_query(error: &QueryRejection, takes: &str) -> Problem {
    let detail = format!("{}; the query takes {takes}", error.body_text());
    Problem::new(ProblemType::InvalidParameter, detail.chars().take(300).collect::<String>())
}
