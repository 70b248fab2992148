//! Reading a request's body: a body that is no JSON is distinguished from one that this endpoint does not take.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use domain::json;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tellers_http::media_type;

use crate::problem::{self, BODY_TOO_LARGE, INCOMPLETE_BODY, Problem};

/// The body of a request that takes JSON, whole, of two megabytes at the most.
pub(crate) struct Body(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Body, Problem> {
        media_type::check_json(request.headers())?;
        Bytes::from_request(request, state).await.map(Body).map_err(|refused| {
            let kind = match refused.status() {
                StatusCode::PAYLOAD_TOO_LARGE => BODY_TOO_LARGE,
                _ => INCOMPLETE_BODY,
            };
            Problem::new(kind, format!("{}; nothing was changed", refused.body_text().to_lowercase()))
        })
    }
}

/// A body as the type that a route takes.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    json::check(body).map_err(problem::malformed_body)?;
    let text: &RawValue = serde_json::from_slice(body).map_err(problem::malformed_body)?;
    json::normal(text).map_err(|found| {
        let path: String = found.path().trim_start_matches('.').chars().take(80).collect();
        problem::invalid_body(format_args!("`{path}` {found}"))
    })?;
    serde_json::from_slice(body).map_err(problem::invalid_body)
}

/// The same where no body asks for the usual.
pub(super) fn read_or_default<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii().is_empty() { Ok(T::default()) } else { read(body) }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use serde_json::{Map, Value};

    use super::*;

    #[test]
    fn what_is_no_json_is_distinguished_from_what_is_not_asked_for() {
        let status = |body: &str| match read::<Map<String, Value>>(body.as_bytes()) {
            Ok(_) => 200,
            Err(problem) => problem.into_response().status().as_u16(),
        };
        for broken in ["", "{", "{} {}", "{\"a\":1,}", "nonsense"] {
            assert_eq!(status(broken), 400, "{broken}");
        }
        for other in ["[]", "7", r#"{"A":5,"A":6}"#, r#"{"changes":{"A":5,"A":6}}"#] {
            assert_eq!(status(other), 422, "{other}");
        }
        assert_eq!(status(r#"{"BATCH_PROCESSING_SIZE":5}"#), 200);
        assert!(read_or_default::<Map<String, Value>>(b" ").unwrap().is_empty());
    }
}
