//! TLS of a listener: a certificate and its key out of files, which are read again when they change. What is connected
//! goes on; the next handshake is with the new certificate.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;
use std::{fmt, fs};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Error as TlsError, ServerConfig};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tracing::{error, info};

/// How often the files are read. Their times are not looked at: a link to a mounted secret may keep its own.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The settings that name the files.
const CERTIFICATE: &str = "TLS_CERT";
const KEY: &str = "TLS_KEY";

/// The files of a certificate and its key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's own certificate, and behind it those between it and the authority.
    pub certificate: PathBuf,
    /// Its private key, in PKCS#8, PKCS#1 or SEC1, without a passphrase.
    pub key: PathBuf,
}

/// Files that no listener can use: the setting, the file, what is wrong with it, and the remedy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {} {fault}", path.display())]
pub struct TlsFilesError {
    setting: &'static str,
    path: PathBuf,
    fault: String,
}

/// What listeners speak TLS with.
pub struct ServerTls {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Reads the files, and again whenever they change, for as long as this is in use. Files that cannot be used later
    /// change nothing, and the log says why. It is called on a runtime.
    ///
    /// # Errors
    /// The files cannot be used.
    pub fn load(files: TlsFiles) -> Result<Arc<ServerTls>, TlsFilesError> {
        let contents = Contents::of(&files)?;
        let current = RwLock::new(contents.config(&files)?);
        let tls = Arc::new(ServerTls { files, current });
        tokio::spawn(keep_fresh(Arc::downgrade(&tls), contents));
        Ok(tls)
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Uses what is in the files now, if it is not what was there before.
    fn look(&self, before: &Contents) -> Result<Option<Contents>, TlsFilesError> {
        let contents = Contents::of(&self.files)?;
        if contents == *before {
            return Ok(None);
        }
        let config = contents.config(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(Some(contents))
    }
}

/// Looks at the files until no listener uses them.
async fn keep_fresh(tls: Weak<ServerTls>, mut used: Contents) {
    let mut looks = interval(LOOK_INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks.tick().await;
    let mut faults = Faults::default();
    loop {
        looks.tick().await;
        let Some(tls) = tls.upgrade() else { return };
        let certificate = tls.files.certificate.clone();
        let looked = tokio::task::spawn_blocking(move || (tls.look(&used), used));
        // Otherwise the runtime is going down.
        let Ok((found, before)) = looked.await else { return };
        used = before;
        match found {
            Ok(found) => {
                faults = Faults::default();
                if let Some(contents) = found {
                    used = contents;
                    info!(certificate = %certificate.display(), "a new certificate is in use");
                }
            }
            Err(fault) => {
                if faults.is_news(fault.to_string()) {
                    error!(%fault, "the certificate or the key has changed and cannot be used; those before stay in use");
                }
            }
        }
    }
}

/// What was wrong with the files. The two are written one after the other: what is wrong at one look only is not said, and
/// what stays wrong is said once.
#[derive(Debug, Default)]
struct Faults {
    last: Option<String>,
    said: Option<String>,
}

impl Faults {
    fn is_news(&mut self, fault: String) -> bool {
        let fault = Some(fault);
        let news = self.last == fault && self.said != fault;
        if news {
            self.said.clone_from(&fault);
        }
        self.last = fault;
        news
    }
}

/// What is in the files.
#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Contents {
    fn of(files: &TlsFiles) -> Result<Contents, TlsFilesError> {
        let read = |setting: &'static str, path: &Path| {
            let what = if setting == KEY { "the private key" } else { "the certificate" };
            fs::read(path).map_err(|error| TlsFilesError {
                setting,
                path: path.to_owned(),
                fault: format!("cannot be read ({error}); set {setting} to the PEM file of {what}"),
            })
        };
        Ok(Contents { certificate: read(CERTIFICATE, &files.certificate)?, key: read(KEY, &files.key)? })
    }

    /// TLS 1.2 or 1.3 with it, for HTTP/1.1.
    fn config(&self, files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsFilesError> {
        let of = |setting, path: &PathBuf, fault| TlsFilesError { setting, path: path.clone(), fault };
        let of_certificate = |fault: String| of(CERTIFICATE, &files.certificate, fault);
        let of_key = |fault: String| of(KEY, &files.key, fault);
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain
            .map_err(|error| of_certificate(format!("cannot be read as PEM ({error}); {WRITE_CHAIN}")))?;
        let Some(own) = chain.first().cloned() else {
            return Err(of_certificate(format!("holds no certificate; {WRITE_CHAIN}")));
        };
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| of_key(self.key_fault(&error)))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| of_certificate(error.to_string()))?;
        let config = builder.with_no_client_auth().with_single_cert(chain, key);
        let mut config = config.map_err(|error| match error {
            TlsError::InconsistentKeys(_) => of_key(format!(
                "is not the key of the first certificate in {} ({CERTIFICATE}); set both to files of one pair",
                files.certificate.display()
            )),
            TlsError::InvalidCertificate(error) => {
                of_certificate(format!("holds a certificate that cannot be read ({error}); {WRITE_CHAIN}"))
            }
            error => of_key(format!("cannot be used ({error}); {WRITE_KEY}")),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        runtime::tls::recognise(own);
        Ok(Arc::new(config))
    }

    fn key_fault(&self, error: &pem::Error) -> String {
        const ENCRYPTED: [&[u8]; 2] = [b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED"];
        let has = |mark: &[u8]| self.key.windows(mark.len()).any(|window| window == mark);
        if ENCRYPTED.into_iter().any(has) {
            return "is encrypted with a passphrase, which no replica has; decrypt it, for example by openssl pkey".to_owned();
        }
        match error {
            pem::Error::NoItemsFound => format!("holds no private key; {WRITE_KEY}"),
            error => format!("cannot be read as PEM ({error}); {WRITE_KEY}"),
        }
    }
}

const WRITE_CHAIN: &str = "set TLS_CERT to a PEM file with the server's own certificate and behind it those between it and \
                           the authority";
const WRITE_KEY: &str =
    "set TLS_KEY to a PEM file with the private key of the certificate in PKCS#8, PKCS#1 or SEC1";
