//! The server certificate and its key: from files that are reloaded when they change, or generated for development.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagecache::time::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

use super::Error;
use super::reload::Reload;

/// Lifetime of a generated certificate, in days.
pub const LIFETIME_DAYS: i64 = 365;
/// Number of days before the end of a certificate from which on it is warned about.
pub const WARNED_DAYS: i64 = 14;
const DAY: i64 = 24 * 3600;

/// The certificate of a server. Open connections keep their certificate.
#[derive(Debug)]
pub struct Certificate(Reload<Certified>);

/// A chain with its key, and the time for which the server certificate is valid.
#[derive(Debug)]
pub(super) struct Certified {
    key: Arc<CertifiedKey>,
    begins: Timestamp,
    ends: Timestamp,
}

/// What the clock says about a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Validity {
    Valid,
    /// It ends within [`WARNED_DAYS`].
    EndsSoon(String),
    /// It is not valid yet, or no longer: API servers refuse the connection.
    Invalid(String),
}

impl Certified {
    fn validity(&self, now: Timestamp) -> Validity {
        let Certified { begins, ends, .. } = self;
        if now < *begins {
            return Validity::Invalid(format!("the certificate is not valid before {begins}"));
        }
        match ends.since(now) {
            ..=0 => Validity::Invalid(format!("the certificate expired at {ends}")),
            left if left <= WARNED_DAYS * DAY => {
                let days = left / DAY;
                Validity::EndsSoon(format!("the certificate expires at {ends}, in {days} days"))
            }
            _ => Validity::Valid,
        }
    }
}

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
    pub(super) fn tls(self: &Arc<Self>) -> Result<rustls::ServerConfig, Error> {
        let unusable = |error: rustls::Error| Error::because(error.to_string());
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(unusable)?
                .with_no_client_auth()
                .with_cert_resolver(Arc::<Self>::clone(self));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Returns the end of the current certificate.
    pub(super) fn ends(&self) -> Timestamp {
        self.0.get().ends
    }

    /// Returns whether the current certificate is valid.
    pub(super) fn validity(&self, now: Timestamp) -> Validity {
        self.0.get().validity(now)
    }

    /// Logs a warning if the current certificate is invalid or ends soon.
    pub(super) fn warn(&self, now: Timestamp) {
        match self.validity(now) {
            Validity::Valid => {}
            Validity::EndsSoon(what) => tracing::warn!("{what}; renew it"),
            Validity::Invalid(what) => {
                tracing::error!("{what}; API servers do not connect until it is renewed");
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.get().key))
    }
}

/// No part of the key can appear in a message: only the error of the parser about its form is reported.
fn certified(contents: &[Vec<u8>]) -> Result<Certified, Error> {
    let [chain, key] = contents else {
        return Err(Error::because("a chain and a key are needed".to_owned()));
    };
    let fault =
        |what: &str, error: &dyn std::fmt::Display| Error::because(format!("{what}: {error}"));
    let chain = self::chain(chain)?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| fault("the private key cannot be read", &error))?;
    let first = chain.first().map(|first| first.as_ref());
    let (_, parsed) = parse_x509_certificate(first.unwrap_or_default())
        .map_err(|error| fault("the certificate cannot be read", &error))?;
    let validity = parsed.validity();
    let time = |time: ASN1Time| Timestamp::from_seconds(time.timestamp());
    let (begins, ends) = (time(validity.not_before), time(validity.not_after));
    let key = CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map_err(|error| fault("the certificate and the private key", &error))?;
    Ok(Certified {
        key: Arc::new(key),
        begins,
        ends,
    })
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

fn log(change: Result<&Certified, &Error>) {
    match change {
        Ok(certified) => tracing::info!(
            ends = %certified.ends,
            "the certificate has changed; new connections use it"
        ),
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

/// Generates a certificate for these DNS names and addresses, valid from the day before `now` for [`LIFETIME_DAYS`]. The
/// key of the authority is discarded: it signs once. To renew, generate another certificate and authority.
///
/// # Errors
/// Returns an error if a name is invalid in a certificate.
pub fn self_signed(names: &[String], now: Timestamp) -> Result<SelfSigned, Error> {
    let (begins, ends) = (now.plus(-DAY), now.plus(LIFETIME_DAYS * DAY));
    let make = || {
        let mut authority = CertificateParams::new(Vec::<String>::new())?;
        authority
            .distinguished_name
            .push(DnType::CommonName, "imagecache webhook");
        set_days(&mut authority, begins, ends);
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let mut server = CertificateParams::new(names.to_vec())?;
        let first = names.first().map_or("imagecache webhook", String::as_str);
        server.distinguished_name.push(DnType::CommonName, first);
        set_days(&mut server, begins, ends);
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

/// Sets the validity of a certificate: from the start of one day to the start of another.
fn set_days(params: &mut CertificateParams, first: Timestamp, last: Timestamp) {
    let day = |time: Timestamp| {
        let text = time.to_string();
        let mut parts = text.split(['-', 'T']);
        let year = parts.next()?.parse().ok()?;
        Some((
            year,
            parts.next()?.parse().ok()?,
            parts.next()?.parse().ok()?,
        ))
    };
    if let (Some((year, month, day)), Some(last)) = (day(first), day(last)) {
        params.not_before = date_time_ymd(year, month, day);
        params.not_after = date_time_ymd(last.0, last.1, last.2);
    }
}

/// Returns PEM certificates as the `caBundle` of a webhook configuration.
///
/// # Errors
/// Returns an error if the certificate is missing or invalid.
pub fn bundle(pem: &str) -> Result<String, Error> {
    chain(pem.as_bytes())?;
    Ok(STANDARD.encode(pem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_is_warned_about_before_it_ends() {
        let now: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
        let made = self_signed(&["localhost".to_owned()], now).unwrap();
        let certificate = Certificate::fixed(&made).unwrap();
        assert_eq!(certificate.ends().to_string(), "2027-05-01T00:00:00Z");
        let at = |days: i64| certificate.validity(now.plus(days * DAY));
        assert_eq!(at(0), Validity::Valid);
        assert_eq!(at(LIFETIME_DAYS - WARNED_DAYS - 1), Validity::Valid);
        let soon = "the certificate expires at 2027-05-01T00:00:00Z, in 13 days".to_owned();
        assert_eq!(at(LIFETIME_DAYS - WARNED_DAYS), Validity::EndsSoon(soon));
        let ended = "the certificate expired at 2027-05-01T00:00:00Z".to_owned();
        assert_eq!(at(LIFETIME_DAYS), Validity::Invalid(ended));
        let early = "the certificate is not valid before 2026-04-30T00:00:00Z".to_owned();
        assert_eq!(at(-2), Validity::Invalid(early));
    }
}
