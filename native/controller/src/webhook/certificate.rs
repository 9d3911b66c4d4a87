//! The server certificate and its key: from files that are reloaded when they change, or generated for development.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Error;
use super::reload::Reload;

/// The certificate of a server. Open connections keep their certificate.
#[derive(Debug)]
pub struct Certificate(Reload<CertifiedKey>);

impl Certificate {
    /// Loads a chain, the server certificate first, and its private key from PEM files. A new connection checks them for
    /// changes, at most every `pause`.
    ///
    /// # Errors
    /// Returns [`Error`] if the files cannot be used.
    pub fn open(chain: PathBuf, key: PathBuf, pause: Duration) -> Result<Self, Error> {
        Reload::open(vec![chain, key], certified, log, pause).map(Certificate)
    }

    /// Returns a certificate that does not change.
    ///
    /// # Errors
    /// Returns [`Error`] if the texts are not a chain and its key.
    pub fn fixed(made: &SelfSigned) -> Result<Self, Error> {
        let contents = [&made.certificate, &made.key].map(|text| text.clone().into_bytes());
        certified(&contents).map(Reload::fixed).map(Certificate)
    }

    /// Returns the TLS configuration: HTTP/1.1 over TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// Returns an error if the cryptography provider supports neither.
    pub(super) fn tls(self) -> Result<rustls::ServerConfig, Error> {
        let unusable = |error: rustls::Error| Error::because(error.to_string());
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(unusable)?
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(self));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.get())
    }
}

/// No part of the key can appear in a message: only the error of the parser about its form is reported.
fn certified(contents: &[Vec<u8>]) -> Result<CertifiedKey, Error> {
    let [chain, key] = contents else {
        return Err(Error::because("a chain and a key are needed".to_owned()));
    };
    let fault =
        |what: &str, error: &dyn std::fmt::Display| Error::because(format!("{what}: {error}"));
    let chain = self::chain(chain)?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| fault("the private key cannot be read", &error))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map_err(|error| fault("the certificate and the private key", &error))
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain
        .map_err(|error| Error::because(format!("the certificate cannot be read: {error}")))?;
    if chain.is_empty() {
        return Err(Error::because("missing `BEGIN CERTIFICATE`".to_owned()));
    }
    Ok(chain)
}

fn log(change: Result<&CertifiedKey, &Error>) {
    match change {
        Ok(_) => tracing::info!("the certificate has changed; new connections use it"),
        Err(error) => {
            tracing::error!(%error, "the certificate has changed and cannot be used; keeping the old one")
        }
    }
}

/// A generated certificate and its certificate authority.
pub struct SelfSigned {
    /// The certificate of the authority, PEM: the `caBundle` of a webhook configuration.
    pub authority: String,
    /// The certificate of the server, PEM.
    pub certificate: String,
    /// The private key of the server, PEM.
    pub key: String,
}

impl std::fmt::Debug for SelfSigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SelfSigned").finish_non_exhaustive()
    }
}

/// Generates a certificate for these DNS names and addresses. The key of the authority is discarded: it signs once.
///
/// # Errors
/// Returns an error if a name is invalid in a certificate.
pub fn self_signed(names: &[String]) -> Result<SelfSigned, Error> {
    let make = || {
        let mut authority = CertificateParams::new(Vec::<String>::new())?;
        authority
            .distinguished_name
            .push(DnType::CommonName, "imagecache webhook");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let mut server = CertificateParams::new(names.to_vec())?;
        let first = names.first().map_or("imagecache webhook", String::as_str);
        server.distinguished_name.push(DnType::CommonName, first);
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &authority)?;
        Ok(SelfSigned {
            authority: authority.pem(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    };
    make().map_err(|error: rcgen::Error| Error::because(error.to_string()))
}

/// Returns PEM certificates as the `caBundle` of a webhook configuration.
///
/// # Errors
/// Returns an error if the certificate is missing or invalid.
pub fn bundle(pem: &str) -> Result<String, Error> {
    chain(pem.as_bytes())?;
    Ok(STANDARD.encode(pem))
}
