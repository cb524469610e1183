//! Certificates out of files for outgoing HTTP, and what went wrong with them in words. It must not connect.

use std::{fs, path::Path, sync::Arc};

use rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::{Access, WebError};

/// Whom to trust and who we are.
pub(super) fn config(access: &Access) -> Result<ClientConfig, WebError> {
    let mut roots = RootCertStore::empty();
    match &access.ca {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| {
                    WebError::settings(format!("a certificate in {} is broken: {e}", path.display()), "fetch it anew")
                })?;
            }
        }
        // Single files that cannot be parsed are no reason to trust none of the others. Without any, plain HTTP still works.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let wrong = |e: Error| WebError::settings(format!("TLS: {e}"), "see the certificate and its key");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .with_root_certificates(roots);
    match (&access.cert, &access.key) {
        (Some(cert), Some(key)) => builder.with_client_auth_cert(certificates(cert)?, private_key(key)?).map_err(|e| {
            let problem = format!("{} is not the key of {}: {e}", key.display(), cert.display());
            WebError::settings(problem, "take both from the same issue")
        }),
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, WebError> {
    fs::read(path).map_err(|e| {
        let hint = "is it mounted, and may this user read it";
        WebError::settings(format!("cannot read {}: {e}", path.display()), hint)
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, WebError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(|| {
        let hint = "it has to begin with -----BEGIN CERTIFICATE-----";
        WebError::settings(format!("{} holds no PEM certificate", path.display()), hint)
    })
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, WebError> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        if text.windows(9).any(|word| word == b"ENCRYPTED") {
            let hint = "decrypt it (openssl pkey -in KEY -out PLAIN), and guard the file instead";
            return WebError::settings(format!("the key in {} is encrypted", path.display()), hint);
        }
        let hint = "it has to begin with -----BEGIN PRIVATE KEY-----";
        WebError::settings(format!("{} holds no PEM private key", path.display()), hint)
    })
}

/// `error` in words, and what to do.
pub(super) fn explain(error: &Error) -> (String, &'static str) {
    use AlertDescription as A;
    match error {
        Error::InvalidCertificate(CertificateError::ExpiredContext { .. } | CertificateError::Expired) => {
            ("its certificate has expired".to_owned(), "renew the server's certificate, or set this machine's clock")
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => (
            "its certificate was not signed by an authority that is trusted here".to_owned(),
            "name the authority's certificate in ca (without it, only the system's are trusted)",
        ),
        Error::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented }) => (
            format!("its certificate is for {}, not for {}", presented.join(", "), expected.to_str()),
            "ask it by a name that stands in its certificate",
        ),
        Error::InvalidCertificate(other) => {
            (format!("its certificate is not accepted: {other}"), "see `openssl s_client -connect HOST:PORT`")
        }
        Error::InvalidMessage(_) => ("it does not speak TLS".to_owned(), "write http:// if it is a plain port"),
        Error::AlertReceived(A::CertificateRequired | A::HandshakeFailure) => {
            ("it wants a client certificate".to_owned(), "set cert and key")
        }
        Error::AlertReceived(alert) => (
            format!("it does not accept the client certificate ({alert:?})"),
            "is it still valid, and signed by an authority that the server knows",
        ),
        other => (format!("TLS: {other}"), "see `openssl s_client -connect HOST:PORT`"),
    }
}
