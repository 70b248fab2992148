//! Who asks for a change, for the audit log.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use domain::text::Client;
use tellers_http::keys::Caller;

/// Characters of a name that are kept.
const NAME_CHARS_MAX: usize = 80;

/// Who a request is from.
pub(super) struct Who {
    /// Whose key it carries; nobody can claim that.
    proven: Option<Client>,
    /// The header `X-Tellers-User`.
    claimed: Option<String>,
    address: String,
}

impl Who {
    /// As it stands in the audit log. `by`, else the header, is what the request claims: behind a key it stands in
    /// brackets, as in `acme (for ann)`; without one it is all there is besides the client's address.
    pub(super) fn named(self, by: Option<&str>) -> String {
        let claimed = by.map(shortened).filter(|by| !by.is_empty()).or(self.claimed);
        match (self.proven.map(|client| client.to_string()), claimed) {
            (Some(client), Some(claimed)) if claimed != client => format!("{client} (for {claimed})"),
            (Some(client), _) => client,
            (None, claimed) => claimed.unwrap_or(self.address),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Who, Infallible> {
        let named = parts.headers.get("x-tellers-user").and_then(|name| name.to_str().ok());
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip().to_string());
        let caller = parts.extensions.get::<Caller>();
        Ok(Who {
            proven: caller.filter(|caller| !caller.is_anonymous()).map(|caller| caller.client.clone()),
            claimed: named.map(shortened).filter(|name| !name.is_empty()),
            address: address.unwrap_or_else(|| "unknown".to_owned()),
        })
    }
}

/// A text that somebody gave, as it is kept.
pub(super) fn shortened(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(proven: Option<&str>, claimed: Option<&str>) -> Who {
        Who {
            proven: proven.map(|name| Client::parse(name).unwrap()),
            claimed: claimed.map(str::to_owned),
            address: "127.0.0.1".to_owned(),
        }
    }

    #[test]
    fn who_a_key_proves_can_not_be_overridden() {
        assert_eq!(who(Some("acme"), None).named(Some("ann")), "acme (for ann)");
        assert_eq!(who(Some("acme"), Some("bob")).named(None), "acme (for bob)");
        assert_eq!(who(Some("acme"), None).named(Some("acme")), "acme");
        assert_eq!(who(Some("acme"), None).named(Some(" \n")), "acme");
    }

    #[test]
    fn without_a_key_the_body_counts_then_the_header_then_the_address() {
        assert_eq!(who(None, Some("bob")).named(Some("ann")), "ann");
        assert_eq!(who(None, Some("bob")).named(None), "bob");
        assert_eq!(who(None, None).named(None), "127.0.0.1");
    }
}
