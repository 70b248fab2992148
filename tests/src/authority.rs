//! An authority of one's own, and certificates that it issues.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

use crate::sandbox::Sandbox;

/// An authority. Dropping it removes its files.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    sandbox: Arc<Sandbox>,
}

/// The files of a certificate and of its key, both in PEM.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key, in PKCS#8.
    pub key: PathBuf,
}

impl Authority {
    /// Makes an authority that nobody trusts yet.
    pub fn new(name: &str) -> anyhow::Result<Authority> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let sandbox = Sandbox::new("authority")?;
        fs::write(sandbox.path().join("ca.pem"), issuer.pem())?;
        Ok(Authority { issuer, sandbox })
    }

    /// The file of its certificate.
    pub fn file(&self) -> PathBuf {
        self.sandbox.path().join("ca.pem")
    }

    /// Issues a certificate for these names and addresses, with a new key, to files that begin with `file`; what they were
    /// is replaced.
    pub fn issue(&self, file: &str, names: &[&str]) -> anyhow::Result<Pair> {
        self.issue_as(file, CertificateParams::new(owned(names))?)
    }

    /// The same that is good until a day begins (UTC).
    pub fn issue_until(&self, file: &str, names: &[&str], end: Date) -> anyhow::Result<Pair> {
        let mut params = CertificateParams::new(owned(names))?;
        params.not_after =
            rcgen::date_time_ymd(end.year().into(), end.month().try_into()?, end.day().try_into()?);
        self.issue_as(file, params)
    }

    fn issue_as(&self, file: &str, mut params: CertificateParams) -> anyhow::Result<Pair> {
        params.distinguished_name.push(DnType::CommonName, file);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let path = |end: &str| self.sandbox.path().join(format!("{file}{end}"));
        let pair = Pair { certificate: path(".pem"), key: path(".key.pem") };
        fs::write(&pair.certificate, certificate.pem())?;
        fs::write(&pair.key, key.serialize_pem())?;
        Ok(pair)
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The text of a path, for the environment.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}
