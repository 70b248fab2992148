//! Problem details (RFC 9457): what every refusal looks like.

use std::fmt::Display;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use fleet::settings::Refusal;
use serde::Serialize;
use tellers_http::keys::Denied;
use utoipa::ToSchema;

use crate::control::Refused;

/// The media type of a problem document.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// A problem document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// A stable relative URI that names the kind of problem.
    #[schema(example = "/problems/invalid-settings")]
    r#type: &'static str,
    /// The kind of problem in a few words.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What is wrong with this request, and what to do.
    detail: String,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<FieldError>,
}

/// A field that is wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldError {
    /// The field.
    pub(crate) field: String,
    /// What stands there, as JSON.
    pub(crate) value: String,
    /// What should stand there.
    pub(crate) remedy: String,
}

impl Problem {
    pub(crate) fn new(
        r#type: &'static str,
        status: StatusCode,
        title: &'static str,
        detail: impl Display,
    ) -> Problem {
        Problem { r#type, title, status: status.as_u16(), detail: detail.to_string(), errors: Vec::new() }
    }

    pub(crate) fn invalid_parameter(field: &str, value: &str, remedy: &str) -> Problem {
        let value: String = value.chars().take(80).collect();
        let detail = format!("{field} cannot be {value:?}: {remedy}");
        let errors = vec![FieldError {
            field: field.to_owned(),
            value: format!("{value:?}"),
            remedy: remedy.to_owned(),
        }];
        let problem =
            Problem::new("/problems/invalid-parameter", StatusCode::BAD_REQUEST, "Invalid parameter", detail);
        Problem { errors, ..problem }
    }

    pub(crate) fn invalid_body(why: impl Display) -> Problem {
        let detail = format!("the body cannot be read: {why}; see docs/monitor-api.md for an example");
        Problem::new(
            "/problems/invalid-body",
            StatusCode::UNPROCESSABLE_ENTITY,
            "Not what is asked here",
            detail,
        )
    }

    pub(crate) fn malformed_body(why: impl Display) -> Problem {
        let detail = format!("the body {why}; docs/monitor-api.md has an example");
        Problem::new("/problems/malformed-json", StatusCode::BAD_REQUEST, "Not JSON", detail)
    }

    pub(crate) fn not_found(path: &str) -> Problem {
        let path: String = path.chars().take(80).collect();
        let detail = format!("there is nothing at {path}; see /api/openapi.json for what there is");
        Problem::new("/problems/not-found", StatusCode::NOT_FOUND, "No such resource", detail)
    }

    pub(crate) fn method_not_allowed(path: &str, method: &str) -> Problem {
        let detail = format!("{path} does not take {method}; the header Allow says what it takes");
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Problem::new("/problems/method-not-allowed", status, "Method not allowed here", detail)
    }

    pub(crate) fn no_such_letter(id: &str) -> Problem {
        let id: String = id.chars().take(80).collect();
        let detail = format!(
            "there is no dead letter {id}; GET /api/scalability/dead-letters shows those that there are"
        );
        Problem::new("/problems/dead-letter-not-found", StatusCode::NOT_FOUND, "No such dead letter", detail)
    }

    pub(crate) fn not_replayable(why: impl Display) -> Problem {
        let detail = format!("the letter stays where it is: {why}");
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Problem::new("/problems/not-replayable", status, "The letter cannot be replayed", detail)
    }

    pub(crate) fn queue_unavailable(why: impl Display) -> Problem {
        let detail = format!("{why}; try again once the queue is there");
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Problem::new("/problems/queue-unavailable", status, "The queue did not answer", detail)
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Problem {
        if denied.needs_key() {
            let status = StatusCode::UNAUTHORIZED;
            Problem::new("/problems/unauthorized", status, "An API key is needed", denied)
        } else {
            Problem::new("/problems/forbidden", StatusCode::FORBIDDEN, "Not allowed", denied)
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        let detail = refused.to_string();
        match refused {
            Refused::Invalid(refusals) => {
                let field = |Refusal { field, value, remedy }: Refusal| FieldError {
                    field,
                    value: value.to_string().chars().take(80).collect(),
                    remedy,
                };
                let detail = format!("nothing was changed: {detail}");
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                let problem = Problem::new("/problems/invalid-settings", status, "Not settings", detail);
                Problem { errors: refusals.into_iter().map(field).collect(), ..problem }
            }
            Refused::Away(_) => Problem::new(
                "/problems/ledger-unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The settings cannot be kept",
                detail,
            ),
            Refused::NoSuchVersion(_) => {
                Problem::new("/problems/version-not-found", StatusCode::NOT_FOUND, "No such version", detail)
            }
            Refused::NothingToUndo | Refused::UndoneAlready(_) => {
                Problem::new("/problems/nothing-to-undo", StatusCode::CONFLICT, "Nothing to undo", detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, json).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
}
