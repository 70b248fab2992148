//! Where an endpoint may be: what a URL says of it by itself.

use std::net::IpAddr;

use reqwest::Url;
use runtime::addresses::AllowedPrivate;

/// The longest URL.
pub const URL_CHARS_MAX: usize = 2_048;

/// Why a URL cannot be an endpoint's. The text says what the URL must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// Not a URL of HTTP.
    #[error("must be an https:// URL of at most {URL_CHARS_MAX} characters")]
    NoUrl,
    /// Not encrypted.
    #[error(
        "must be an https:// URL; http:// is for private addresses, where the fleet runs with WEBHOOK_ALLOW_PRIVATE"
    )]
    Plain,
    /// With a user, a password or a fragment.
    #[error(
        "must have neither a user nor a password nor a fragment; whoever receives it verifies its signature"
    )]
    Parts,
    /// At an address that may not be reached.
    #[error(
        "must not lead to a {0} address, unless the fleet runs with WEBHOOK_ALLOW_PRIVATE set to its network"
    )]
    Private(&'static str),
}

/// Whether a URL may be an endpoint's, as far as it says so by itself; where its name leads to shows when it is called.
///
/// # Errors
/// It may not.
pub fn check_target(text: &str, allowed: &AllowedPrivate) -> Result<(), InvalidTarget> {
    if text.len() > URL_CHARS_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(InvalidTarget::NoUrl);
    }
    let url = Url::parse(text).map_err(|_| InvalidTarget::NoUrl)?;
    match url.scheme() {
        "https" => {}
        "http" if *allowed != AllowedPrivate::Nothing => {}
        "http" => return Err(InvalidTarget::Plain),
        _ => return Err(InvalidTarget::NoUrl),
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(InvalidTarget::Parts);
    }
    address(&url).map_or(Ok(()), |address| allowed.check(address).map_err(InvalidTarget::Private))
}

/// The address that a URL has for its host; `None`: it has a name.
pub(crate) fn address(url: &Url) -> Option<IpAddr> {
    url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_public_and_encrypted_unless_private_ones_are_allowed() {
        let check = |url: &str| check_target(url, &AllowedPrivate::Nothing);
        assert_eq!(check("https://hooks.example.com/tellers?token=5"), Ok(()));
        assert_eq!(check("http://hooks.example.com/"), Err(InvalidTarget::Plain));
        for url in ["", "ftp://a.example/", "hooks", "https://", "https://a.example/ b", "https://é.example/"]
        {
            assert_eq!(check(url), Err(InvalidTarget::NoUrl), "{url}");
        }
        for url in ["https://user@a.example/", "https://:secret@a.example/", "https://a.example/#part"] {
            assert_eq!(check(url), Err(InvalidTarget::Parts), "{url}");
        }
        for url in ["https://127.0.0.1/", "https://2130706433/", "https://[::1]:5000/", "https://10.0.0.1/"] {
            assert!(matches!(check(url), Err(InvalidTarget::Private(_))), "{url}");
        }
        let own = "127.0.0.0/8".parse().unwrap();
        assert_eq!(check_target("http://127.0.0.1:8000/", &own), Ok(()));
        assert_eq!(check_target("http://10.0.0.1/", &own), Err(InvalidTarget::Private("private")));
    }
}
