//! Problem details (RFC 9457): what every refusal looks like.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use contract::submission::Invalid;
use runtime::request_id;
use serde::Serialize;
use utoipa::ToSchema;

use crate::keys::Denied;

mod explained;
pub mod pages;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A parameter of the path, the query or the head is wrong.
pub const INVALID_PARAMETER: Kind =
    Kind::new("/problems/invalid-parameter", StatusCode::BAD_REQUEST, "Invalid parameter");
/// No key came, or one that nobody has.
pub const UNAUTHORIZED: Kind =
    Kind::new("/problems/unauthorized", StatusCode::UNAUTHORIZED, "An API key is needed");
/// The key does not allow it.
pub const FORBIDDEN: Kind = Kind::new("/problems/forbidden", StatusCode::FORBIDDEN, "Not allowed");

/// Which keys there are is not known yet.
pub const KEYS_UNAVAILABLE: Kind = Kind::new(
    "/problems/keys-unavailable",
    StatusCode::SERVICE_UNAVAILABLE,
    "Which keys there are is not known",
);

/// A fault of the service.
pub const INTERNAL: Kind =
    Kind::new("/problems/internal", StatusCode::INTERNAL_SERVER_ERROR, "A fault of ours");
/// The body is no JSON text.
pub const MALFORMED_JSON: Kind = Kind::new("/problems/malformed-json", StatusCode::BAD_REQUEST, "Not JSON");
/// The body ended before its end.
pub const INCOMPLETE_BODY: Kind =
    Kind::new("/problems/incomplete-body", StatusCode::BAD_REQUEST, "The body ended early");
/// The body is longer than a request's may be.
pub const BODY_TOO_LARGE: Kind =
    Kind::new("/problems/body-too-large", StatusCode::PAYLOAD_TOO_LARGE, "Body too large");
/// The body is in a form that the route does not take.
pub const UNSUPPORTED_MEDIA_TYPE: Kind = Kind::new(
    "/problems/unsupported-media-type",
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "Unsupported media type",
);

/// A kind of problem: what a client's program decides by. None of it ever changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The relative URI that names it.
    pub uri: &'static str,
    /// The HTTP status that it is answered with.
    pub status: StatusCode,
    /// What it is, in a few words.
    pub title: &'static str,
}

impl Kind {
    /// All of it; `uri` starts with `/problems/`.
    pub const fn new(uri: &'static str, status: StatusCode, title: &'static str) -> Kind {
        Kind { uri, status, title }
    }
}

/// A pause as `Retry-After` has it: in whole seconds, at least one. Rounded up: to come back early is to be turned away again.
pub fn whole_seconds(pause: Duration) -> u64 {
    (pause.as_secs() + u64::from(pause.subsec_nanos() > 0)).max(1)
}

fn in_seconds(pause: Duration) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(whole_seconds(pause)).unwrap_or(u32::MAX))
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// A stable relative URI that names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid-parameter")]
    uri: &'static str,
    /// The kind of problem in a few words.
    #[schema(example = "Invalid parameter")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// What is wrong with the request, and what to do.
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The id of the request, as the header `X-Request-Id` and the logs have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    request_id: Option<Box<str>>,
    /// In seconds.
    #[serde(skip)]
    retry_after: Option<NonZeroU32>,
    #[serde(skip)]
    accept_encoding: Option<&'static str>,
    #[serde(skip)]
    by_grant: bool,
}

/// Marks an answer that is a problem, with its URI.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named(pub(crate) &'static str);

/// Marks an answer that keeps from its client what is another one's, though it may not say so: the audit log does.
#[derive(Debug, Clone, Copy)]
pub struct ByGrant;

/// A field that is wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldError {
    /// Path of the field, such as `legs[1].amount`; `body` for the whole body.
    #[schema(example = "limit")]
    pub field: String,
    /// The value of the field, as JSON, shortened; empty where the field is absent.
    #[schema(example = "0")]
    pub value: String,
    /// What the field should hold.
    pub remedy: String,
}

impl Problem {
    /// A problem of a kind; `detail` says what is wrong with this request and what to do.
    pub fn new(kind: impl Into<Kind>, detail: impl Into<Cow<'static, str>>) -> Problem {
        let Kind { uri, status, title } = kind.into();
        let (status, detail, errors) = (status.as_u16(), detail.into(), Vec::new());
        Problem {
            uri,
            title,
            status,
            detail,
            errors,
            request_id: None,
            retry_after: None,
            accept_encoding: None,
            by_grant: false,
        }
    }

    /// A parameter of the path, the query or the head that is wrong.
    pub fn parameter(field: &str, value: &str, remedy: &str) -> Problem {
        let value: String = value.chars().take(80).collect();
        let invalid =
            Invalid { field: field.to_owned(), value: format!("{value:?}"), remedy: remedy.to_owned() };
        Problem::of_field(INVALID_PARAMETER, invalid)
    }

    /// A field that is wrong.
    pub fn of_field(kind: impl Into<Kind>, invalid: Invalid) -> Problem {
        let invalid = invalid.shortened();
        let mut problem = Problem::new(kind, invalid.to_string());
        let Invalid { field, value, remedy } = invalid;
        problem.errors.push(FieldError { field, value, remedy });
        problem
    }

    /// The same may work after this time, in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Problem {
        self.retry_after = in_seconds(pause);
        self
    }

    /// What is asked for is another client's, whatever the answer says.
    #[must_use]
    pub fn by_grant(mut self) -> Problem {
        self.by_grant = true;
        self
    }

    /// The content codings that would be taken (RFC 9110, section 15.5.16).
    #[must_use]
    pub fn accept_encoding(mut self, codings: &'static str) -> Problem {
        self.accept_encoding = Some(codings);
        self
    }

    /// The field at fault, where one is, and what is wrong.
    pub fn field_and_detail(self) -> (Option<String>, String) {
        (self.errors.into_iter().next().map(|error| error.field), self.detail.into_owned())
    }

    /// Whether what is asked for is another client's.
    pub fn is_by_grant(&self) -> bool {
        self.by_grant
    }

    /// What is wrong with this request, and what to do.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The last step of its URI, as metrics label it.
    pub fn slug(&self) -> &'static str {
        self.uri.trim_start_matches("/problems/")
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Problem {
        let kind = match &denied {
            Denied::KeysUnknown => KEYS_UNAVAILABLE,
            denied if denied.needs_key() => UNAUTHORIZED,
            _ => FORBIDDEN,
        };
        Problem {
            retry_after: denied.retry_after().and_then(in_seconds),
            ..Problem::new(kind, denied.to_string())
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.request_id = request_id::current().map(|id| Box::from(&*id));
        let json = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, json).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(pause) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(pause.get()));
        }
        if let Some(codings) = self.accept_encoding {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(codings));
        }
        if self.by_grant {
            response.extensions_mut().insert(ByGrant);
        }
        response.extensions_mut().insert(Named(self.uri));
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tellers\""));
        }
        response
    }
}
