//! TLS as kubectl has it. Go takes client certificates of X.509 version 1, as microk8s makes them, and a server's own
//! certificate as its authority; rustls takes neither by itself.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use kube::client::ConfigExt as _;
use kube::config::{AuthInfo, Config};
use kube::{Client, client};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tower::ServiceBuilder;
use x509_parser::parse_x509_certificate;

use super::{NoClient, chain};

/// Creates a client.
///
/// # Errors
/// Returns [`NoClient`] if the certificates or the key cannot be used.
pub(super) fn client(config: Config) -> Result<Client, NoClient> {
    let leaves = leaves(&config);
    if leaves.is_empty() && config.rustls_client_config().is_ok() {
        return Client::try_from(config).map_err(|error| NoClient(chain(&error)));
    }
    let unusable = |error: &dyn std::error::Error| NoClient(chain(error));
    let identity = identity(&config.auth_info)?;
    let mut bare = config.clone();
    if identity.is_some() {
        bare.auth_info.client_certificate = None;
        bare.auth_info.client_certificate_data = None;
        bare.auth_info.client_key = None;
        bare.auth_info.client_key_data = None;
    }
    let mut tls = bare
        .rustls_client_config()
        .map_err(|error| unusable(&error))?;
    if let Some(identity) = identity {
        tls.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(identity));
    }
    if !leaves.is_empty() && !config.accept_invalid_certs {
        let verifier = Leaves::new(&config, leaves).map_err(|error| unusable(&error))?;
        tls.dangerous().set_certificate_verifier(Arc::new(verifier));
    }
    let mut connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http();
    if let Some(name) = config.tls_server_name.clone() {
        let name = ServerName::try_from(name).map_err(|error| unusable(&error))?;
        connector = connector.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(config.connect_timeout);
    let https = connector.enable_http1().wrap_connector(http);
    let auth = config.auth_layer().map_err(|error| unusable(&error))?;
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(auth)
        .map_err(tower::BoxError::from)
        .service(legacy::Client::builder(TokioExecutor::new()).build::<_, client::Body>(https));
    Ok(Client::new(service, config.default_namespace))
}

/// The client certificate and its key; `None` if there are none.
fn identity(of: &AuthInfo) -> Result<Option<CertifiedKey>, NoClient> {
    let read = |what: &str, data: Option<&str>, path: Option<&str>| {
        let unreadable = |why: String| NoClient(format!("{what}: {why}"));
        match (data, path) {
            (Some(data), _) => STANDARD
                .decode(data)
                .map(Some)
                .map_err(|error| unreadable(error.to_string())),
            (None, Some(path)) => std::fs::read(path)
                .map(Some)
                .map_err(|error| unreadable(format!("{path}: {}", super::reason(&error)))),
            (None, None) => Ok(None),
        }
    };
    let certificate = of.client_certificate_data.as_deref();
    let certificate = read(
        "client-certificate",
        certificate,
        of.client_certificate.as_deref(),
    )?;
    let key = of.client_key_data.as_ref();
    let key = key.map(secrecy::ExposeSecret::expose_secret);
    let key = read("client-key", key, of.client_key.as_deref())?;
    let (Some(certificate), Some(key)) = (certificate, key) else {
        return Ok(None);
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate).collect();
    let chain = chain.map_err(|error| NoClient(format!("client-certificate: {error}")))?;
    if chain.is_empty() {
        return Err(NoClient("client-certificate: no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|error| NoClient(format!("client-key: {error}")))?;
    let key = ring::sign::any_supported_type(&key).map_err(|_| {
        let words = "client-key: unsupported kind of key, must be RSA, Ed25519, or ECDSA with P-256 or P-384";
        NoClient(words.to_owned())
    })?;
    Ok(Some(CertifiedKey::new(chain, key)))
}

/// The authorities of the kubeconfig that may not sign: the server's own certificate.
fn leaves(config: &Config) -> Vec<Vec<u8>> {
    let is_leaf = |der: &&Vec<u8>| {
        parse_x509_certificate(der).is_ok_and(|(_, certificate)| {
            let constraints = certificate.basic_constraints();
            constraints.is_ok_and(|found| found.is_some_and(|found| !found.value.ca))
        })
    };
    let roots = config.root_cert.iter().flatten();
    roots.filter(is_leaf).cloned().collect()
}

/// Accepts some certificates as they are, and what the authorities have signed.
#[derive(Debug)]
struct Leaves {
    leaves: Vec<Vec<u8>>,
    signed: Arc<WebPkiServerVerifier>,
}

impl Leaves {
    fn new(config: &Config, leaves: Vec<Vec<u8>>) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for der in config.root_cert.iter().flatten() {
            roots.add(CertificateDer::from(der.clone()))?;
        }
        let provider = Arc::new(ring::default_provider());
        let signed = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        Ok(Leaves { leaves, signed })
    }

    /// Is it one of the certificates, and valid now?
    fn is_leaf(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
        let Ok((_, parsed)) = parse_x509_certificate(certificate) else {
            return false;
        };
        let validity = parsed.validity();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let valid =
            (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now);
        valid && self.leaves.iter().any(|leaf| **leaf == **certificate)
    }
}

impl ServerCertVerifier for Leaves {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.is_leaf(end_entity, now) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.signed
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}
