//! Who asks for a change, for the audit log.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use shared::domain::text::Client;

/// Characters of a name that are kept.
const NAME_CHARS_MAX: usize = 80;

/// Whose key it carries, else the header `X-Tellers-User`, else the client's address.
pub(super) struct Who(pub(super) String);

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Who, Infallible> {
        if let Some(client) = parts.extensions.get::<Client>() {
            return Ok(Who(client.to_string()));
        }
        let named = parts.headers.get("x-tellers-user").and_then(|name| name.to_str().ok());
        let named = named.map(shortened).filter(|name| !name.is_empty());
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip().to_string());
        Ok(Who(named.or(address).unwrap_or_else(|| "unknown".to_owned())))
    }
}

/// A text that somebody gave, as it is kept.
pub(super) fn shortened(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}
