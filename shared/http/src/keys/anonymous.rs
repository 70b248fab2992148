//! Who is answered where nobody is asked for a key: people and programs of this machine, and no page of another site.
//!
//! A page that is open in a browser here reaches a loopback address too, and so does whoever comes through a proxy.
//!
//! | header | what it tells |
//! |---|---|
//! | `Sec-Fetch-Site` | where the page is from (Fetch Metadata Request Headers); to be trusted, but sent by browsers only, and not to every address |
//! | `Origin` | the same (RFC 6454), of whatever changes something |
//! | `Host` | by which name the page reached this machine: a site may let its own name lead here (DNS rebinding) |
//! | `Forwarded`, `Via`, `X-Forwarded-…` | that somebody else is behind a proxy |

use std::net::IpAddr;

use axum::http::header::{FORWARDED, HOST, ORIGIN, VIA};
use axum::http::{HeaderMap, HeaderName, Uri};

use super::Denied;

/// What proxies add.
const OF_PROXIES: [HeaderName; 7] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-real-ip"),
];

/// Lets a request without a key pass, unless it comes from another site or, where only `this_machine` is answered, from
/// elsewhere.
pub(super) fn check(headers: &HeaderMap, this_machine: bool) -> Result<(), Denied> {
    if this_machine {
        if let Some(name) = OF_PROXIES.iter().find(|name| headers.contains_key(*name)) {
            return Err(Denied::Proxied { header: name.clone() });
        }
        // Programs that speak HTTP/1.0 send none; browsers always do.
        if headers.get(HOST).is_some_and(|host| !leads_here(host.as_bytes())) {
            return Err(Denied::OtherHost);
        }
    }
    match headers.get("sec-fetch-site").map(|site| site.as_bytes()) {
        Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Denied::OtherSite),
        None if this_machine
            && headers.get(ORIGIN).is_some_and(|origin| !is_ours(origin.as_bytes(), headers)) =>
        {
            Err(Denied::OtherSite)
        }
        None => Ok(()),
    }
}

/// Whether a `Host` is a name of the loopback address.
fn leads_here(host: &[u8]) -> bool {
    let uri = Uri::try_from(host).ok();
    let Some(name) = uri.as_ref().and_then(Uri::host) else { return false };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or_else(|_| name.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

/// Whether an `Origin` is that of the pages of this listener. `null` is none: a page hides where it is from.
pub fn is_ours(origin: &[u8], headers: &HeaderMap) -> bool {
    let authority = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
    authority.is_some() && authority == headers.get(HOST).map(|host| host.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(headers: &[(&'static str, &'static str)], this_machine: bool) -> Result<(), Denied> {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        check(&headers.collect(), this_machine)
    }

    #[test]
    fn programs_and_pages_of_this_machine_are_answered() {
        for host in ["127.0.0.1:8080", "127.8.9.1", "localhost", "LocalHost:5000", "[::1]:8080"] {
            assert_eq!(checked(&[("host", host)], true), Ok(()), "{host}");
        }
        assert_eq!(checked(&[], true), Ok(()), "HTTP/1.0");
        let page = [("host", "localhost:5000"), ("origin", "http://localhost:5000")];
        assert_eq!(checked(&page, true), Ok(()));
        // A proxy that puts the page behind a path, and tells of itself by nothing.
        let behind = [
            ("host", "127.0.0.1:5000"),
            ("origin", "https://bank.example"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert_eq!(checked(&behind, true), Ok(()));
    }

    #[test]
    fn nobody_else_is_answered_where_only_this_machine_is() {
        for host in
            ["evil.example", "127.0.0.1.nip.io:8080", "localhost.evil.example", "10.0.0.5", "[::2]", ""]
        {
            assert_eq!(checked(&[("host", host)], true), Err(Denied::OtherHost), "{host}");
            assert_eq!(checked(&[("host", host)], false), Ok(()), "{host}");
        }
        for origin in [
            "http://evil.example",
            "null",
            "http://127.0.0.1:3000",
            "http://127.0.0.1:80801",
            "127.0.0.1:8080",
        ] {
            let headers = [("host", "127.0.0.1:8080"), ("origin", origin)];
            assert_eq!(checked(&headers, true), Err(Denied::OtherSite), "{origin}");
        }
        for name in ["forwarded", "via", "x-forwarded-for", "x-forwarded-proto", "x-real-ip"] {
            let headers = [("host", "127.0.0.1:8080"), (name, "for=203.0.113.9")];
            let denied = checked(&headers, true).unwrap_err();
            assert!(denied.to_string().contains(name) && denied.to_string().contains("API_KEYS"), "{denied}");
            assert_eq!(checked(&headers, false), Ok(()));
        }
    }

    #[test]
    fn a_page_of_another_site_is_answered_nowhere() {
        for site in ["cross-site", "same-site"] {
            for this_machine in [true, false] {
                let denied = checked(&[("host", "localhost"), ("sec-fetch-site", site)], this_machine);
                assert_eq!(denied, Err(Denied::OtherSite), "{site}");
            }
        }
    }
}
