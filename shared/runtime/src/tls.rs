//! TLS to others: whom this process trusts, and what the failure of a handshake means and what to do about it.

mod trust;

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use rustls::{CertificateError, Error as TlsError, InvalidMessage};

pub use self::trust::{
    AuthoritiesError, authorities_file, authorities_pem, client_config, client_config_ahead,
    fleet_client_config, recognise, trust,
};

/// The variable that names the file of the authorities that are trusted instead of the machine's.
const INSTEAD: &str = "SSL_CERT_FILE";

/// A server as its setting has it, for remedies.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The setting that holds its URL.
    pub setting: &'static str,
    /// What to write there to do without TLS.
    pub plain: &'static str,
    /// What to write there to have its certificate verified and not the names in it, if that can be had.
    pub any_name: Option<&'static str>,
}

/// Says it of whatever carries an error of TLS, however deep; `None`: nothing here does.
pub fn explain(error: &(dyn Error + 'static), peer: &Peer) -> Option<String> {
    let error = tls_error(error)?;
    let remedy = match error {
        TlsError::InvalidCertificate(fault) => certificate_remedy(fault, peer),
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => format!(
            "the port speaks no TLS: name the server's port for TLS in {}, or write {} where the network is to be trusted",
            peer.setting, peer.plain
        ),
        TlsError::AlertReceived(_) => {
            "the server refuses the handshake: see its log, and that it speaks TLS 1.2 or 1.3 and asks for no certificate \
             of the client"
                .to_owned()
        }
        _ => return None,
    };
    Some(format!("{remedy} ({error})"))
}

fn certificate_remedy(fault: &CertificateError, peer: &Peer) -> String {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired: renew it, or check the clock of this machine".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: check the clock of this machine".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => format!(
            "the server's certificate is for other names: write one of them as the host of {}, or issue one for that host{}",
            peer.setting,
            peer.any_name.map(|any_name| format!(", or write {any_name}")).unwrap_or_default()
        ),
        _ => format!(
            "the server's certificate is not trusted: set TLS_CA to a PEM file with the certificate of the authority that \
             issued it{} (the server's own certificate must not be the authority's)",
            set_already()
        ),
    }
}

/// The files that are set already: nothing but the log otherwise names one that cannot be read.
fn set_already() -> String {
    let instead = std::env::var_os(INSTEAD).map(PathBuf::from);
    let set = [("TLS_CA", authorities_file().map(Path::to_owned)), (INSTEAD, instead)];
    let set = set
        .into_iter()
        .filter_map(|(name, path)| Some(format!("{name} is set to {:?}", path?.display().to_string())));
    let set: Vec<_> = set.collect();
    if set.is_empty() {
        return String::new();
    }
    format!(" ({}, which cannot be read or has other certificates)", set.join(" and "))
}

fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // The source of an I/O error is that of the error within it, which would be passed over.
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match within {
            Some(within) => Some(within as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMQP: Peer = Peer { setting: "AMQP_URL", plain: "amqp:// in it", any_name: None };

    fn told(error: TlsError) -> String {
        // As the clients of the broker and of the database wrap it.
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error));
        explain(&wrapped, &AMQP).unwrap()
    }

    #[test]
    fn a_handshake_that_fails_says_what_to_set() {
        let untrusted = told(TlsError::InvalidCertificate(CertificateError::UnknownIssuer));
        assert!(untrusted.contains("not trusted") && untrusted.contains("TLS_CA"), "{untrusted}");
        let plain = told(TlsError::InvalidMessage(InvalidMessage::InvalidContentType));
        assert!(plain.contains("speaks no TLS") && plain.contains("amqp://"), "{plain}");
        let named = told(TlsError::InvalidCertificate(CertificateError::NotValidForName));
        assert!(named.contains("AMQP_URL") && !named.contains("TLS_CA"), "{named}");
        let old = told(TlsError::InvalidCertificate(CertificateError::Expired));
        assert!(old.contains("clock") && !old.contains("TLS_CA"), "{old}");
        assert_eq!(explain(&io::Error::other("reset"), &AMQP), None);
    }
}
