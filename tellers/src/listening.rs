//! Where a process listens, with TLS or without, and what it says of it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use fleet::config::AccessConfig;
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

/// Listens at an address that comes from this setting.
pub(crate) fn listen(
    address: SocketAddr,
    setting: &str,
    tls: Option<Arc<ServerTls>>,
) -> anyhow::Result<Listener> {
    Listener::bind(address, tls).with_context(|| {
        format!("could not listen on {address}; set {setting} to a free address, or to port 0 for any")
    })
}

/// Tells whoever started the process where it listens: one line on standard output. Where nobody reads
/// that, the service serves all the same.
pub(crate) fn announce(role: &str, listener: &Listener) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let tls = if listener.is_tls() { " tls=true" } else { "" };
    let mut stdout = std::io::stdout().lock();
    let written =
        writeln!(stdout, "listening role={role} address={address}{tls}").and_then(|()| stdout.flush());
    if let Err(error) = written {
        warn!(%error, role, %address, "listening; the line about it could not be written to standard output");
    }
    Ok(())
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
    use super::*;

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
