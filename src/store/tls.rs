//! TLS: certificates out of files, and what went wrong with them in words. It must not know Redis.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Error, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};

use super::{FailureClass, StoreError};
use crate::settings;

/// Whom to trust and who we are, as the files said when it was loaded.
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    server_name: Option<String>,
}

impl Tls {
    /// Reads the files.
    pub(super) fn load(settings: &settings::Tls) -> Result<Self, StoreError> {
        let roots = match &settings.ca {
            Some(path) => own_roots(path)?,
            None => system_roots()?,
        };
        let wrong = |e: Error| StoreError::new(FailureClass::Settings, "TLS", e.to_string());
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(wrong)?
            .with_root_certificates(roots);
        let config = match (&settings.cert, &settings.key) {
            (Some(cert), Some(key)) => {
                let (chain, private) = (certificates("redis.tls.cert", cert)?, private_key(key)?);
                builder.with_client_auth_cert(chain, private).map_err(|e| misfit(cert, key, &e))?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(Self { config: Arc::new(config), server_name: settings.server_name.clone() })
    }

    /// The same, for a server whose certificate has to be for `host`.
    pub(super) fn for_host(&self, host: &str) -> Self {
        Self { config: self.config.clone(), server_name: Some(host.to_owned()) }
    }

    /// A connection that has yet to shake hands with `host` at `address`.
    pub(super) fn connection(&self, address: &str, host: &str) -> Result<ClientConnection, StoreError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        let wrong = |cause: String| StoreError::new(FailureClass::Settings, address, cause);
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_| wrong(format!("{name:?} is no name that a certificate could be for")))?;
        ClientConnection::new(self.config.clone(), server).map_err(|e| wrong(e.to_string()))
    }
}

/// What TLS found wrong, if that is what `error` is about.
pub(super) fn fault(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn file_error(key: &str, path: &Path, cause: &str, hint: &'static str) -> StoreError {
    StoreError::new(FailureClass::Settings, "TLS", format!("{key} {}: {cause}", path.display())).hinting(hint)
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|e| {
        let hint = "the file is read at every connect: is it mounted, and may this user read it";
        file_error(key, path, &format!("cannot read it: {e}"), hint)
    })
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let text = read(key, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(file_error(
            key,
            path,
            "it holds no PEM certificate",
            "it has to begin with -----BEGIN CERTIFICATE-----",
        )),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, StoreError> {
    let text = read("redis.tls.key", path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        if text.windows(9).any(|word| word == b"ENCRYPTED") {
            let hint = "decrypt it (openssl pkey -in KEY -out PLAIN), and guard the file instead";
            return file_error("redis.tls.key", path, "the key is encrypted", hint);
        }
        file_error(
            "redis.tls.key",
            path,
            "it holds no PEM private key",
            "it has to begin with -----BEGIN PRIVATE KEY-----",
        )
    })
}

fn own_roots(path: &Path) -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("redis.tls.ca", path)? {
        roots.add(certificate).map_err(|e| {
            file_error("redis.tls.ca", path, &format!("a certificate in it is broken: {e}"), "fetch it anew")
        })?;
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    // Single files that cannot be read or parsed are no reason to trust none of the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let cause = "this system has no certificates of authorities";
        let hint = "name your own authority's in redis.tls.ca, or install the package ca-certificates";
        return Err(StoreError::new(FailureClass::Settings, "TLS", cause).hinting(hint));
    }
    Ok(roots)
}

fn misfit(cert: &Path, key: &Path, error: &Error) -> StoreError {
    let cause = match error {
        Error::InconsistentKeys(_) => format!("it is not the key of redis.tls.cert {}", cert.display()),
        other => format!("it does not work together with redis.tls.cert {}: {other}", cert.display()),
    };
    file_error(
        "redis.tls.key",
        key,
        &cause,
        "take both from the same issue; `openssl x509 -pubkey` and `pkey -pubout` agree then",
    )
}

/// `error` of a connection to `address` in words.
pub(super) fn explain(address: &str, error: &Error) -> StoreError {
    let (class, cause, hint) = match error {
        Error::InvalidCertificate(e) => {
            let (cause, hint) = not_trusted(e);
            (FailureClass::Settings, cause, hint)
        }
        Error::InvalidMessage(_) => (
            FailureClass::Settings,
            "it does not speak TLS".to_owned(),
            "name its TLS port, or write redis:// for a plain one",
        ),
        Error::AlertReceived(alert) => refused(*alert),
        Error::PeerIncompatible(e) => (
            FailureClass::Settings,
            format!("it has no TLS version or cipher in common with this program: {e:?}"),
            "let the server allow TLS 1.2 or 1.3 (tls-protocols)",
        ),
        other => (FailureClass::Settings, format!("TLS: {other}"), "see the server's log"),
    };
    StoreError::new(class, address, cause).hinting(hint)
}

fn not_trusted(error: &CertificateError) -> (String, &'static str) {
    match error {
        CertificateError::ExpiredContext { time, not_after } => (
            format!("its certificate expired {} ago", rough(time.as_secs().saturating_sub(not_after.as_secs()))),
            "renew the server's certificate, and let the server load it; or set this machine's clock",
        ),
        CertificateError::NotValidYetContext { time, not_before } => (
            format!("its certificate is valid only in {}", rough(not_before.as_secs().saturating_sub(time.as_secs()))),
            "set this machine's clock, or the server's certificate",
        ),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "its certificate was not signed by an authority that is trusted here".to_owned(),
            "name the authority's certificate in redis.tls.ca (without it, only the system's are trusted)",
        ),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            let names = if names.is_empty() { "no name at all (subjectAltName)".to_owned() } else { names.join(", ") };
            (
                format!("its certificate is for {names}, not for {}", expected.to_str()),
                "connect to it by a name in the certificate, or say which one is meant in redis.tls.server_name",
            )
        }
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => (
            "it uses an authority's certificate as its own".to_owned(),
            "issue the server a certificate of its own (basicConstraints CA:FALSE), signed by that authority",
        ),
        other => (format!("its certificate is not accepted: {other}"), "see `openssl s_client -connect HOST:PORT`"),
    }
}

/// `DnsName("a")` as `a`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner.trim_end_matches(')'));
    inner.trim_matches('"')
}

fn refused(alert: AlertDescription) -> (FailureClass, String, &'static str) {
    use AlertDescription as A;
    match alert {
        A::CertificateRequired => (
            FailureClass::Credentials,
            "it wants a client certificate".to_owned(),
            "set redis.tls.cert and redis.tls.key",
        ),
        A::BadCertificate
        | A::UnsupportedCertificate
        | A::CertificateRevoked
        | A::CertificateExpired
        | A::CertificateUnknown
        | A::UnknownCA
        | A::AccessDenied
        | A::DecryptError => (
            FailureClass::Credentials,
            format!("it does not accept the client certificate ({alert:?})"),
            "is redis.tls.cert still valid, and signed by an authority that the server knows (tls-ca-cert-file)",
        ),
        A::HandshakeFailure => (
            FailureClass::Credentials,
            "it refused the TLS handshake".to_owned(),
            "it may want a client certificate (redis.tls.cert and key), or have no cipher in common",
        ),
        other => (FailureClass::Settings, format!("it refused the TLS handshake ({other:?})"), "see the server's log"),
    }
}

fn rough(secs: u64) -> String {
    let rounded = if secs >= 86_400 { secs / 86_400 * 86_400 } else { secs / 60 * 60 };
    humantime::format_duration(Duration::from_secs(rounded.max(1))).to_string()
}
