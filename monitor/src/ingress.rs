//! Where an ingress is, by its report. Whoever may publish on the bus may report any address, so a key goes only to one that
//! a stranger cannot have.

use std::net::IpAddr;

use reqwest::Url;
use runtime::addresses::AllowedPrivate;

/// An ingress as it reports where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reported {
    /// Scheme, host and port, such as `https://host-1:8080`.
    pub(crate) url: String,
    /// Whether a key may go there.
    pub(crate) takes_keys: bool,
}

impl Reported {
    /// Reads a reported address, which is `host:port` and nothing else; `None`: it is something else.
    pub(crate) fn of(address: &str, tls: bool) -> Option<Reported> {
        let (host, port) = address.rsplit_once(':')?;
        let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_host = match in_brackets {
            Some(address) => address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte)),
            None => host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
        };
        if host.is_empty() || !is_port || !is_host {
            return None;
        }
        let scheme = if tls { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{address}")).ok()?;
        let host = url.host_str()?;
        let takes_keys = match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(ip) => ip.is_loopback() || (tls && !is_public(ip)),
            // Whoever owns a name of the public network has a certificate for it; no authority certifies a name without a dot.
            Err(_) => tls && !host.contains('.'),
        };
        Some(Reported { url: format!("{scheme}://{address}"), takes_keys })
    }
}

fn is_public(ip: IpAddr) -> bool {
    AllowedPrivate::Nothing.check(ip).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes_keys(address: &str, tls: bool) -> Option<bool> {
        Reported::of(address, tls).map(|reported| reported.takes_keys)
    }

    #[test]
    fn a_key_goes_to_this_machine_and_by_tls_to_what_only_this_network_has() {
        for here in ["127.0.0.1:8080", "127.8.9.1:1", "[::1]:8080"] {
            assert_eq!((takes_keys(here, false), takes_keys(here, true)), (Some(true), Some(true)), "{here}");
        }
        for inside in ["host-1:8080", "api_1:80", "10.1.2.3:8080", "[fd12::1]:8080"] {
            assert_eq!((takes_keys(inside, false), takes_keys(inside, true)), (Some(false), Some(true)));
        }
        for anywhere in ["evil:80", "evil.example:443", "203.0.113.9:443", "8.8.8.8:443", "134744072:443"] {
            assert_eq!(takes_keys(anywhere, false), Some(false), "{anywhere}");
        }
        for public in ["evil.example:443", "evil.:443", "8.8.8.8:443", "134744072:443", "[2a00::1]:443"] {
            assert_eq!(takes_keys(public, true), Some(false), "{public}");
        }
        let reported = Reported::of("[::1]:8080", true).map(|reported| reported.url);
        assert_eq!(reported.as_deref(), Some("https://[::1]:8080"));
    }

    #[test]
    fn what_is_more_than_a_host_and_a_port_is_no_address() {
        for other in [
            "",
            "evil",
            "evil:",
            ":80",
            "evil:80/",
            "evil:80/api",
            "evil/x:80",
            "127.0.0.1:80@evil:80",
            "user@evil:80",
            "127.0.0.1:8080?x=:80",
            "evil#127.0.0.1:80",
            "evil:70000",
            "evil:+80",
            "ev il:80",
            "evil\\x:80",
            "[::1]x:80",
            "[evil]:80",
            "::1:80",
            "http://evil:80",
            "evi\u{3002}example:80",
        ] {
            assert_eq!(Reported::of(other, false), None, "{other}");
            assert_eq!(Reported::of(other, true), None, "{other}");
        }
    }
}
