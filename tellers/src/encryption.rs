//! What a process encrypts, and what it says at its start of that which it does not.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use amqp::connector::exposed_host;
use anyhow::bail;
use fleet::config::{AccessConfig, FleetConfig};
use store::mysql::{Exposure, exposure};
use tellers_http::listener::Listener;
use tellers_http::tls::{ServerTls, TlsFiles};
use tracing::warn;

/// What the listeners of this process speak TLS with; `None`: it is not set.
pub(crate) fn server_tls(access: &AccessConfig) -> anyhow::Result<Option<Arc<ServerTls>>> {
    let given = |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
    match (given(&access.tls_cert), given(&access.tls_key)) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(ServerTls::load(TlsFiles { certificate, key })?)),
        (Some(certificate), None) => bail!(
            "TLS_CERT is {} and TLS_KEY is not set; set TLS_KEY to the PEM file of its private key, or neither",
            certificate.display()
        ),
        (None, Some(key)) => bail!(
            "TLS_KEY is {} and TLS_CERT is not set; set TLS_CERT to the PEM file of its certificate, or neither",
            key.display()
        ),
    }
}

/// Says once, in one line, what leaves this machine in the clear.
pub(crate) fn tell_exposed(fleet: &FleetConfig, listeners: &[(&str, &Listener)]) {
    let exposed = exposed(
        fleet,
        listeners.iter().map(|(role, listener)| {
            let beyond =
                listener.local_addr().ok().filter(|address| !address.ip().to_canonical().is_loopback());
            (*role, beyond.filter(|_| !listener.is_tls()))
        }),
    );
    if !exposed.is_empty() {
        warn!("not encrypted beyond this machine: {}", exposed.join("; "));
    }
}

fn exposed<'a>(
    fleet: &FleetConfig,
    listeners: impl Iterator<Item = (&'a str, Option<SocketAddr>)>,
) -> Vec<String> {
    let listeners = listeners.filter_map(|(role, address)| {
        let remedy = match role {
            "worker" => "probes and figures alone",
            _ => "set TLS_CERT and TLS_KEY",
        };
        Some(format!("HTTP to the {role} at {} ({remedy})", address?))
    });
    let broker = fleet.amqp_url.as_deref().and_then(exposed_host);
    let broker = broker.map(|host| format!("AMQP to the broker at {host} (write amqps:// in AMQP_URL)"));
    let databases = [
        ("DATABASE_URL", &fleet.database_url),
        ("DATABASE_READONLY_URL", &fleet.database_readonly_url),
        ("DATABASE_ANALYTICS_URL", &fleet.database_analytics_url),
    ];
    let databases = databases.into_iter().filter_map(|(setting, url)| {
        let (exposure, address) = exposure(setting, url.as_deref()?)?;
        Some(match exposure {
            Exposure::Plain => format!("SQL to the database at {address} (ssl-mode=DISABLED in {setting})"),
            Exposure::Unverified => format!(
                "SQL to the database at {address}, whose certificate is not verified (set TLS_CA, or \
                 ssl-mode=VERIFY_IDENTITY in {setting})"
            ),
        })
    });
    listeners.chain(broker).chain(databases).collect()
}

/// Where this process reaches what listens at an address of its own.
pub(crate) fn url_here(address: SocketAddr, tls: bool) -> String {
    let (scheme, port) = (if tls { "https" } else { "http" }, address.port());
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => format!("{scheme}://127.0.0.1:{port}"),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => format!("{scheme}://[::1]:{port}"),
        _ => format!("{scheme}://{address}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn what_leaves_this_machine_in_the_clear_is_said_with_the_remedy() {
        let told = |arguments: &[&str], address: Option<&str>| {
            let fleet = Cli::parse_from([&["tellers", "migrate"], arguments].concat()).fleet;
            let address = address.map(|address| address.parse().unwrap());
            exposed(&fleet, [("api", address)].into_iter()).join("; ")
        };
        let here = ["--amqp-url", "amqp://u:p@127.0.0.1/x", "--database-url", "mysql://u:p@localhost/x"];
        assert_eq!(told(&here, None), "");
        let verified =
            ["--amqp-url", "amqps://u:p@b/x", "--database-url", "mysql://u:p@d/x?ssl-mode=VERIFY_CA"];
        assert_eq!(told(&verified, None), "");
        let clear =
            ["--amqp-url", "amqp://u:s3cret@b/x", "--database-url", "mysql://u:s3cret@d/x?ssl-mode=DISABLED"];
        let told = told(&clear, Some("192.0.2.1:8080"));
        for part in [
            "the api at 192.0.2.1:8080 (set TLS_CERT",
            "broker at b (write amqps://",
            "database at d:3306 (ssl-mode",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert!(!told.contains("s3cret"), "{told}");
    }

    #[test]
    fn a_certificate_without_a_key_is_refused() {
        let path = |text: &str| Some(PathBuf::from(text));
        let tls =
            |tls_cert, tls_key| server_tls(&AccessConfig { tls_cert, tls_key, ..AccessConfig::default() });
        assert!(tls(None, None).unwrap().is_none() && tls(path(""), path("")).unwrap().is_none());
        for (cert, key, missing) in [(path("c.pem"), None, "TLS_KEY"), (path(""), path("k.pem"), "TLS_CERT")]
        {
            let told = tls(cert, key).unwrap_err().to_string();
            assert!(told.contains(&format!("{missing} is not set")) && told.contains(".pem"), "{told}");
        }
    }

    #[test]
    fn a_process_reaches_itself_where_it_listens_at_all_addresses() {
        for (address, tls, url) in [
            ("0.0.0.0:80", true, "https://127.0.0.1:80"),
            ("[::]:80", false, "http://[::1]:80"),
            ("192.0.2.1:80", true, "https://192.0.2.1:80"),
        ] {
            assert_eq!(url_here(address.parse().unwrap(), tls), url);
        }
    }
}
