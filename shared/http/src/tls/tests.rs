use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::routing::get;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::listener::{self, Listener};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const WITHIN: Duration = Duration::from_secs(30);

/// A certificate for localhost that is its own authority, and its key.
fn pair() -> (CertificateDer<'static>, String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.der().clone(), certificate.pem(), key.serialize_pem())
}

/// A listener with files of its own.
struct Served {
    folder: TempDir,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Served {
    async fn start() -> (Served, CertificateDer<'static>) {
        let folder = tempfile::tempdir().unwrap();
        let (own, certificate, key) = pair();
        let served = Served {
            folder,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            stop: CancellationToken::new(),
        };
        served.write(&certificate, &key);
        let listener =
            Listener::bind(served.address, Some(ServerTls::load(served.files()).unwrap())).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "here" }));
        tokio::spawn(listener::serve(listener, router, served.stop.clone().into()));
        (Served { address, ..served }, own)
    }

    fn files(&self) -> TlsFiles {
        TlsFiles {
            certificate: self.folder.path().join("chain.pem"),
            key: self.folder.path().join("key.pem"),
        }
    }

    fn write(&self, certificate: &str, key: &str) {
        fs::write(self.files().certificate, certificate).unwrap();
        fs::write(self.files().key, key).unwrap();
    }

    async fn plain(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection by a client that trusts this one certificate.
    async fn shake(&self, trusted: &CertificateDer<'static>) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, self.plain().await).await
    }

    /// Asks until a client that trusts this certificate is served.
    async fn until_served_with(&self, trusted: &CertificateDer<'static>) {
        let served = async {
            while self.shake(trusted).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(WITHIN, served).await.expect("the new certificate is in use");
    }
}

async fn answer(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = vec![0; 4_096];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn a_new_certificate_is_used_by_the_next_connection_and_those_before_go_on() {
    let (served, first) = Served::start().await;
    let mut before = served.shake(&first).await.unwrap();
    assert!(answer(&mut before).await.ends_with("here"));
    let (second, certificate, key) = pair();
    assert!(served.shake(&second).await.is_err(), "nobody knows it yet");
    served.write(&certificate, &key);
    served.until_served_with(&second).await;
    assert!(served.shake(&first).await.is_err());
    assert!(answer(&mut before).await.ends_with("here"));
}

#[tokio::test]
async fn files_that_cannot_be_used_change_nothing() {
    let (served, first) = Served::start().await;
    let used = Contents::of(&served.files()).unwrap();
    let tls = ServerTls::load(served.files()).unwrap();
    let (other, certificate, key) = pair();
    let (_, _, strange) = pair();
    for (certificate, key, fault) in [
        (certificate.as_str(), strange.as_str(), "is not the key of the first certificate"),
        (certificate.as_str(), "", "holds no private key"),
        ("", key.as_str(), "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key.as_str(), "TLS_CERT"),
        (
            certificate.as_str(),
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "passphrase",
        ),
    ] {
        served.write(certificate, key);
        let told = tls.look(&used).err().unwrap().to_string();
        assert!(told.contains(fault) && told.contains(".pem") && told.starts_with("TLS_"), "{told}");
        assert!(served.shake(&first).await.is_ok(), "{told}");
    }
    // They were looked at meanwhile, and what is right at last is used.
    served.write(&certificate, &key);
    served.until_served_with(&other).await;
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named_with_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let (_, certificate, _) = pair();
    let files = TlsFiles { certificate: folder.path().join("chain.pem"), key: folder.path().join("key.pem") };
    let told = ServerTls::load(files.clone()).unwrap_err().to_string();
    assert!(told.contains("TLS_CERT: ") && told.contains("chain.pem cannot be read"), "{told}");
    fs::write(&files.certificate, certificate).unwrap();
    let told = ServerTls::load(files).unwrap_err().to_string();
    assert!(told.contains("TLS_KEY: ") && told.contains("key.pem cannot be read"), "{told}");
}

#[test]
fn a_fault_is_said_once_it_lasts_and_then_no_more() {
    let mut faults = Faults::default();
    let news = ["a", "b", "b", "b", "c", "b", "c", "c"].map(|fault| faults.is_news(fault.to_owned()));
    assert_eq!(news, [false, false, true, false, false, false, false, true]);
}

#[tokio::test]
async fn whoever_speaks_no_tls_is_not_answered() {
    let (served, _) = Served::start().await;
    // TLS 1.1: a hello of that version, one cipher suite, no compression, no extension.
    let old = [&[0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2][..], &[7; 32], &[0, 0, 2, 0xc0, 0x13, 1, 0]].concat();
    for sent in [REQUEST, &old] {
        let mut connection = served.plain().await;
        connection.write_all(sent).await.unwrap();
        let mut read = Vec::new();
        let ended = timeout(WITHIN, connection.read_to_end(&mut read)).await;
        assert!(ended.is_ok(), "the connection stays open");
        // An alert of TLS at the most.
        assert!(read.is_empty() || read[0] == 0x15, "{read:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_cut_off_and_others_go_on() {
    let (served, own) = Served::start().await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        let mut connection = served.plain().await;
        // The beginning of a hello.
        connection.write_all(&[0x16, 3, 1]).await.unwrap();
        silent.push(connection);
    }
    let mut others = timeout(WITHIN, served.shake(&own)).await.unwrap().unwrap();
    assert!(answer(&mut others).await.ends_with("here"));
    for mut connection in silent {
        let ended = timeout(WITHIN, connection.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "a handshake is still waited for");
    }
    assert!(answer(&mut others).await.ends_with("here"), "a connection with a request is none of them");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_handshakes() {
    let (served, own) = Served::start().await;
    let mut silent = served.plain().await;
    let mut idle = served.shake(&own).await.unwrap();
    assert!(answer(&mut idle).await.ends_with("here"));
    served.stop.cancel();
    for end in [silent.read_to_end(&mut Vec::new()).await, idle.read_to_end(&mut Vec::new()).await] {
        assert_eq!(end.unwrap(), 0, "closed, and by TLS in order");
    }
}
