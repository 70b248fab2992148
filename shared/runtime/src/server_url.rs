//! The URLs of the servers that a fleet shares, read to the letter.
//!
//! The clients of the broker and of the database put a default where they do not understand a part of a URL, such as
//! `localhost` for an IPv6 address. Jobs of one bank would then go to the broker of another, so what is not understood is
//! refused here, at the start. No error repeats a part of the URL that may hold the password.

mod http;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use url::{Host, ParseError, Url};

pub use self::http::{http_base, http_url};

/// What the URL of a server looks like.
#[derive(Debug, Clone, Copy)]
pub struct UrlForm {
    /// Schemes that it may have; the first is the one that remedies name.
    pub schemes: &'static [&'static str],
    /// An example with every part.
    pub example: &'static str,
    /// Query parameters that the server's client understands.
    pub parameters: &'static [&'static str],
    /// The parameter that stands in for a host, such as the path of a socket.
    pub instead_of_host: Option<&'static str>,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHost(String);

impl ServerHost {
    /// As a connector takes it: an IPv6 address without its brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what goes there stays on this machine.
    pub fn is_loopback(&self) -> bool {
        let address = self.0.parse().map(|address: IpAddr| address.to_canonical().is_loopback());
        address.unwrap_or_else(|_| self.0.eq_ignore_ascii_case("localhost"))
    }
}

/// As a URL has it: an IPv6 address in brackets.
impl fmt::Display for ServerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(':') { write!(f, "[{}]", self.0) } else { f.write_str(&self.0) }
    }
}

/// A URL that cannot be used: the setting, what is wrong with it, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} cannot be used: {fault}")]
pub struct UrlError {
    setting: &'static str,
    fault: String,
}

impl UrlForm {
    /// Reads the host out of the URL that `setting` holds; `None`: a parameter stands in for it.
    ///
    /// # Errors
    /// A part of it is missing or would be passed over.
    pub fn host(&self, setting: &'static str, text: &str) -> Result<Option<ServerHost>, UrlError> {
        self.read(text).map_err(|fault| UrlError { setting, fault })
    }

    /// Whether the URL has one of these parameters.
    pub fn has_parameter(text: &str, names: &[&str]) -> bool {
        let url = Url::parse(text.trim());
        url.is_ok_and(|url| url.query_pairs().any(|(name, _)| names.contains(&name.as_ref())))
    }

    fn read(&self, text: &str) -> Result<Option<ServerHost>, String> {
        // The parser would take these out and join what is left.
        if text.trim().contains(char::is_control) {
            return Err("it has a line break or another control character within; remove it".to_owned());
        }
        let url = Url::parse(text.trim()).map_err(|error| self.fault_of(error))?;
        if !self.schemes.contains(&url.scheme()) {
            return Err(self.scheme_fault());
        }
        only_one_reading(&url)?;
        self.known_parameters(&url)?;
        let stand_in = self.instead_of_host.is_some_and(|name| url.query_pairs().any(|(key, _)| key == name));
        match host_of(&url)? {
            None if stand_in => Ok(None),
            None => Err(self.host_fault()),
            host => Ok(host),
        }
    }

    fn known_parameters(&self, url: &Url) -> Result<(), String> {
        let mut seen = Vec::new();
        for (name, _) in url.query_pairs() {
            if !self.parameters.contains(&name.as_ref()) {
                let known = self.parameters.join(", ");
                return Err(format!(
                    "it has the query parameter {}, which is not understood; remove it (understood are {known}){}",
                    shown(&name),
                    authority_remedy(&name),
                ));
            }
            if seen.contains(&name) {
                return Err(format!("it has the query parameter {name} twice; leave one of them"));
            }
            seen.push(name);
        }
        Ok(())
    }

    fn fault_of(&self, error: ParseError) -> String {
        match error {
            ParseError::RelativeUrlWithoutBase | ParseError::RelativeUrlWithCannotBeABaseBase => {
                self.scheme_fault()
            }
            ParseError::EmptyHost => self.host_fault(),
            ParseError::InvalidIpv6Address => {
                "its brackets hold no IPv6 address; write one such as [2001:db8::1], without a zone such as %eth0, or the \
                 name of the host"
                    .to_owned()
            }
            ParseError::InvalidPort => {
                "its port is no number from 0 to 65535; an IPv6 address is written in brackets, such as [2001:db8::1], one \
                 host is named, and / ? # in a password are written %2F %3F %23"
                    .to_owned()
            }
            ParseError::InvalidIpv4Address | ParseError::InvalidDomainCharacter | ParseError::IdnaError => {
                format!("its host is neither a name nor an address; write {}", self.example)
            }
            error => format!("it cannot be read ({error}); write {}", self.example),
        }
    }

    fn scheme_fault(&self) -> String {
        let schemes: Vec<_> = self.schemes.iter().map(|scheme| format!("{scheme}://")).collect();
        format!("it does not start with {}; write {}", schemes.join(" or "), self.example)
    }

    fn host_fault(&self) -> String {
        format!(
            "it has no host; write {}, and an IPv6 address in brackets, such as [2001:db8::1]",
            self.example
        )
    }
}

/// A `/`, `?` or `#` in a password ends the part that holds the host: what stands before it would become the host, and
/// the real one a path.
fn only_one_reading(url: &Url) -> Result<(), String> {
    let after_host = &url[url::Position::BeforePath..];
    if after_host.contains('@') || url.fragment().is_some() {
        return Err("it has an @ or a # after the host, so that the host has two readings; in a password write / ? # as %2F %3F \
                    %23, and in what follows the host write @ # as %40 %23"
            .to_owned());
    }
    Ok(())
}

fn host_of(url: &Url) -> Result<Option<ServerHost>, String> {
    let host = match url.host() {
        None => return Ok(None),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(Host::Domain(name)) => name_of(name)?,
    };
    Ok((!host.is_empty()).then_some(ServerHost(host)))
}

/// The name of a host, or an IPv4 address in its one form.
fn name_of(encoded: &str) -> Result<String, String> {
    let name = percent_encoding::percent_decode_str(encoded)
        .decode_utf8()
        .map_err(|_| "its host is not UTF-8; write its name or its address".to_owned())?;
    let odd = |c: char| !c.is_alphanumeric() && !matches!(c, '-' | '.' | '_');
    if let Some(odd) = name.chars().find(|c| odd(*c)) {
        return Err(format!("its host has a {odd:?}, which no name and no address has; name one host"));
    }
    // Resolvers take 10.1 for 10.0.0.1, and 010.0.0.1 for 8.0.0.1.
    if ends_in_a_number(&name) && name.parse::<Ipv4Addr>().is_err() {
        return Err(format!(
            "its host {name} is no IPv4 address of four numbers from 0 to 255 without leading zeros, such as 192.0.2.1"
        ));
    }
    Ok(name.into_owned())
}

/// By the rule for the hosts of web addresses: <https://url.spec.whatwg.org/#ends-in-a-number-checker>.
fn ends_in_a_number(name: &str) -> bool {
    let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !last.is_empty() && digits(last)
        || hexadecimal.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A name that is one. Anything else may be a piece of a password.
fn shown(name: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(plain) { name } else { "without a name that can be shown" }
}

/// What is set instead of the parameters by which other clients know of certificates.
fn authority_remedy(name: &str) -> &'static str {
    if matches!(name, "cacertfile" | "ca_certs" | "cafile") {
        "; to trust the authority of a certificate, set TLS_CA to its PEM file"
    } else {
        ""
    }
}
