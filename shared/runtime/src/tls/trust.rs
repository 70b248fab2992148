//! Whom this process trusts when it speaks TLS to others: the authorities of the machine (of `SSL_CERT_FILE`, where that
//! is set), those of `TLS_CA`, and, where it speaks to its own fleet, its own certificate.
//!
//! That is one for the process, as `SSL_CERT_FILE` is: the broker, the database and every client of HTTP go by it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};

/// The setting that names the file of further authorities.
const SETTING: &str = "TLS_CA";
/// How old the authorities grow before the files are read again: a new authority is known without a restart.
const AUTHORITIES_AGE_MAX: Duration = Duration::from_secs(60);
/// Certificates of this process that are known: the one in use, and the one before, which other replicas may still have.
const OWN_MAX: usize = 2;

static AUTHORITIES_FILE: OnceLock<PathBuf> = OnceLock::new();
static OWN: RwLock<Vec<CertificateDer<'static>>> = RwLock::new(Vec::new());
static TRUSTED: Mutex<Option<(Instant, Arc<WebPkiServerVerifier>)>> = Mutex::new(None);

/// A file of authorities that cannot be used: what is wrong with it, and the remedy.
#[derive(Debug, thiserror::Error)]
#[error(
    "{SETTING}: {} {fault}; set {SETTING} to a PEM file with the certificates of the authorities that issued those of the \
     broker, the database and other servers",
    path.display()
)]
pub struct AuthoritiesError {
    path: PathBuf,
    fault: String,
}

/// Trusts the authorities in a PEM file besides the machine's, from now on; the first file counts.
///
/// # Errors
/// The file cannot be read, or holds no certificate.
pub fn trust(path: &Path) -> Result<(), AuthoritiesError> {
    certificates(path)?;
    // It is said once, at the start.
    let _ = AUTHORITIES_FILE.set(path.to_owned());
    Ok(())
}

/// The file that was given to [`trust`].
pub fn authorities_file() -> Option<&'static Path> {
    AUTHORITIES_FILE.get().map(PathBuf::as_path)
}

/// What is in that file now, in PEM; `None`: there is no such file.
///
/// # Errors
/// The file cannot be read any more.
pub fn authorities_pem() -> Result<Option<String>, AuthoritiesError> {
    authorities_file().map(text).transpose()
}

/// Takes a certificate for this process's own: who proves to hold its key is of this fleet, whatever its address.
pub fn recognise(own: CertificateDer<'static>) {
    let mut known = OWN.write().unwrap_or_else(PoisonError::into_inner);
    known.retain(|known| *known != own);
    known.insert(0, own);
    known.truncate(OWN_MAX);
}

/// How this process speaks TLS to servers of others: HTTP/1.1 over TLS 1.2 or 1.3, their certificates verified.
///
/// # Errors
/// The cryptography lacks a version of TLS.
pub fn client_config() -> Result<ClientConfig, TlsError> {
    config(false, Duration::ZERO)
}

/// The same as it will be so long from now: a handshake fails by every certificate that will have expired by then.
///
/// # Errors
/// As of [`client_config`].
pub fn client_config_ahead(ahead: Duration) -> Result<ClientConfig, TlsError> {
    config(false, ahead)
}

/// The same for servers of its own fleet, which it reaches at addresses that their certificates may not name: they may
/// have its own certificate instead.
///
/// # Errors
/// As of [`client_config`].
pub fn fleet_client_config() -> Result<ClientConfig, TlsError> {
    config(true, Duration::ZERO)
}

/// A clock that is ahead of this machine's.
#[derive(Debug)]
struct Ahead(Duration);

impl TimeProvider for Ahead {
    fn current_time(&self) -> Option<UnixTime> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(UnixTime::since_unix_epoch(now + self.0))
    }
}

fn config(own: bool, ahead: Duration) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Verifier { provider: provider.clone(), own });
    let builder = ClientConfig::builder_with_details(provider, Arc::new(Ahead(ahead)))
        .with_safe_default_protocol_versions()?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Verifies by what is trusted at the time of the handshake.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// Whether this process's own certificate will do under any name.
    own: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if self.own && OWN.read().unwrap_or_else(PoisonError::into_inner).contains(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let trusted = trusted(&self.provider)?;
        trusted.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The authorities, read when they are first needed and again when they have grown old.
fn trusted(provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let mut kept = TRUSTED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((read_at, trusted)) = &*kept
        && read_at.elapsed() < AUTHORITIES_AGE_MAX
    {
        return Ok(trusted.clone());
    }
    let roots = Arc::new(roots());
    if roots.is_empty() {
        return Err(TlsError::InvalidCertificate(CertificateError::UnknownIssuer));
    }
    let built = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
    let trusted = built.map_err(|error| TlsError::General(error.to_string()))?;
    *kept = Some((Instant::now(), trusted.clone()));
    Ok(trusted)
}

fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let machine = rustls_native_certs::load_native_certs();
    for error in machine.errors {
        tracing::warn!(%error, "authorities of this machine cannot be read, and are not trusted");
    }
    roots.add_parsable_certificates(machine.certs);
    match authorities_file().map(certificates).transpose() {
        Ok(more) => drop(roots.add_parsable_certificates(more.into_iter().flatten())),
        Err(error) => tracing::error!(%error, "authorities are not trusted"),
    }
    roots
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, AuthoritiesError> {
    let fault = |fault: String| AuthoritiesError { path: path.to_owned(), fault };
    let read: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(text(path)?.as_bytes()).collect();
    let certificates = read.map_err(|error| fault(format!("cannot be read as PEM ({error})")))?;
    if certificates.is_empty() {
        return Err(fault("holds no certificate in PEM".to_owned()));
    }
    let (_, unusable) = RootCertStore::empty().add_parsable_certificates(certificates.iter().cloned());
    if unusable == certificates.len() {
        return Err(fault("holds no certificate of an authority that can be used".to_owned()));
    }
    Ok(certificates)
}

fn text(path: &Path) -> Result<String, AuthoritiesError> {
    let read = std::fs::read_to_string(path);
    read.map_err(|error| AuthoritiesError {
        path: path.to_owned(),
        fault: format!("cannot be read ({error})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_authority_is_refused_by_the_name_of_the_setting() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        for (path, fault) in [
            (folder.path().join("none.pem"), "cannot be read"),
            (file("empty.pem", ""), "holds no certificate"),
            (
                file("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                "holds no certificate",
            ),
            (file("torn.pem", "-----BEGIN CERTIFICATE-----\nAAAA"), "as PEM"),
            (
                file("odd.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                "can be used",
            ),
        ] {
            let told = trust(&path).unwrap_err().to_string();
            assert!(told.contains(fault) && told.starts_with("TLS_CA: ") && told.contains(".pem"), "{told}");
        }
        assert_eq!(authorities_file(), None, "none of them counts");
    }

    #[test]
    fn the_own_certificate_is_known_and_the_one_before_it() {
        let certificate = |byte: u8| CertificateDer::from(vec![byte]);
        for byte in [1, 2, 3, 3, 2] {
            recognise(certificate(byte));
        }
        assert_eq!(*OWN.read().unwrap(), [certificate(2), certificate(3)]);
        let verified = |own: bool, byte: u8| {
            let verifier = Verifier { provider: Arc::new(ring::default_provider()), own };
            let name = ServerName::try_from("127.0.0.1").unwrap();
            verifier.verify_server_cert(&certificate(byte), &[], &name, &[], UnixTime::now()).is_ok()
        };
        assert!(verified(true, 3) && !verified(true, 1) && !verified(false, 3));
    }
}
