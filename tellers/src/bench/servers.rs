//! The URLs of the servers that are measured on: where they are, and with TLS or without.

use std::net::{IpAddr, ToSocketAddrs as _};

use anyhow::Context as _;
use url::Url;

/// The ports of servers whose URL has none.
pub(crate) const DATABASE_PORT: u16 = 3306;
const AMQP_PORT: u16 = 5672;
const AMQPS_PORT: u16 = 5671;

/// The names of the parameter that says whether connections are encrypted.
const TLS_PARAMETERS: [&str; 2] = ["ssl-mode", "sslmode"];

/// A URL with its host and port.
#[derive(Debug, Clone)]
pub(crate) struct ServerUrl {
    pub(crate) url: Url,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// With TLS or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    On,
    Off,
}

impl ServerUrl {
    /// Reads a URL that the fleet has taken.
    ///
    /// # Errors
    /// It is reached by something else than a host and a port.
    pub(crate) fn read(text: &str, default_port: u16) -> anyhow::Result<ServerUrl> {
        // No error repeats the URL, which may have a password.
        let url = Url::parse(text.trim()).context("the URL cannot be read")?;
        let by_socket = url.query_pairs().any(|(name, _)| name == "socket");
        let host = url.host_str().filter(|_| !by_socket).context("the server is not reached over TCP")?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let port = url.port().unwrap_or(default_port);
        Ok(ServerUrl { url, host, port })
    }

    /// Reads the URL of the broker.
    ///
    /// # Errors
    /// As of [`ServerUrl::read`].
    pub(crate) fn broker(text: &str) -> anyhow::Result<ServerUrl> {
        let is_encrypted = text.trim().starts_with("amqps:");
        ServerUrl::read(text, if is_encrypted { AMQPS_PORT } else { AMQP_PORT })
    }

    /// Whether it is an address of this machine.
    pub(crate) fn is_here(&self) -> bool {
        let here = |address: IpAddr| std::net::TcpListener::bind((address, 0)).is_ok();
        let addresses = (self.host.as_str(), self.port).to_socket_addrs();
        addresses.is_ok_and(|mut addresses| addresses.any(|address| here(address.ip())))
    }

    /// The same database with TLS or without, whatever the URL says of it.
    pub(crate) fn with(&self, tls: Tls) -> String {
        let mut url = self.url.clone();
        let others: Vec<(String, String)> = self
            .url
            .query_pairs()
            .filter(|(name, _)| !TLS_PARAMETERS.contains(&name.as_ref()))
            .map(owned)
            .collect();
        let mode = if tls == Tls::On { "REQUIRED" } else { "DISABLED" };
        url.query_pairs_mut().clear().extend_pairs(others).append_pair("ssl-mode", mode);
        url.into()
    }
}

fn owned((name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)) -> (String, String) {
    (name.into_owned(), value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_where_its_url_says() {
        let read = |url| ServerUrl::read(url, DATABASE_PORT).map(|server| (server.host, server.port)).ok();
        assert_eq!(read("mysql://u:p@db.example/x"), Some(("db.example".to_owned(), 3306)));
        assert_eq!(read("mysql://u@[::1]:7/x"), Some(("::1".to_owned(), 7)));
        assert_eq!(read("mysql://u@localhost/x?socket=/run/s"), None);
        assert_eq!(ServerUrl::broker("amqps://u@b/v").unwrap().port, 5671);
        assert!(ServerUrl::read("mysql://127.0.0.1/x", 1).unwrap().is_here());
        assert!(!ServerUrl::read("mysql://192.0.2.1/x", 1).unwrap().is_here());
    }

    #[test]
    fn tls_is_switched_and_the_rest_stays() {
        let server = ServerUrl::read("mysql://u:p@h:1/x?sslmode=PREFERRED&charset=utf8mb4", 3306).unwrap();
        assert_eq!(server.with(Tls::On), "mysql://u:p@h:1/x?charset=utf8mb4&ssl-mode=REQUIRED");
        assert_eq!(server.with(Tls::Off), "mysql://u:p@h:1/x?charset=utf8mb4&ssl-mode=DISABLED");
    }
}
