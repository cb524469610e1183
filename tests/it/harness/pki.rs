//! A throw-away authority and the certificates that it issues. It must not know who shows them to whom.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;

/// An authority with a directory of PEM files: its own `ca.pem`, and what it issued.
pub struct Pki {
    dir: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Pki {
    /// A new authority that has issued `server` for `localhost` and `127.0.0.1`.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("pki-").tempdir().expect("a directory for certificates");
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("test CA {}", fastrand::u32(..)));
        let key = KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a certificate");
        fs::write(dir.path().join("ca.pem"), cert.pem()).expect("a file");
        let pki = Self { dir, issuer: Issuer::new(params, key) };
        pki.issue("server", &["localhost", "127.0.0.1"]);
        pki
    }

    /// The authority's own certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// What was issued under `name`.
    pub fn pair(&self, name: &str) -> Pair {
        Pair { cert: self.dir.path().join(format!("{name}.crt")), key: self.dir.path().join(format!("{name}.key")) }
    }

    /// The server's pair.
    pub fn server(&self) -> Pair {
        self.pair("server")
    }

    /// Issues a certificate for `names` (again, if it is there).
    pub fn issue(&self, name: &str, names: &[&str]) -> Pair {
        self.issue_with(name, names, |_| {})
    }

    /// Issues one that has expired.
    pub fn issue_expired(&self, name: &str, names: &[&str]) -> Pair {
        self.issue_with(name, names, |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        })
    }

    fn issue_with(&self, name: &str, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("good names");
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        let pair = self.pair(name);
        replace(&pair.cert, &cert.pem());
        replace(&pair.key, &key.serialize_pem());
        pair
    }

    /// The lines of a server's configuration for TLS on `port`; clients need no certificate unless `mutual`.
    pub fn lines(&self, port: u16, mutual: bool) -> String {
        let pair = self.server();
        format!(
            "tls-port {port}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-auth-clients {}\n",
            pair.cert.display(),
            pair.key.display(),
            self.ca().display(),
            if mutual { "yes" } else { "no" },
        )
    }
}

/// Writes beside and renames, as mounted secrets change.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).expect("a file");
    fs::rename(&beside, path).expect("its place");
}
