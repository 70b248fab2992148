//! What a process says at its start of what it does not encrypt.

use std::net::SocketAddr;

use amqp::connector::exposed_host;
use fleet::config::FleetConfig;
use store::mysql::{Exposure, exposure};
use tellers_http::listener::Listener;
use tracing::warn;

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
}
