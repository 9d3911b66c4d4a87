//! Kubeconfigs that kubectl takes: certificates and keys as clusters of all kinds have them.
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panic

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use imagecache_controller::cluster;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.join("tests/identity").join(name)
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file(name)).unwrap()
}

/// Takes every client certificate, and keeps the last.
#[derive(Debug, Default)]
struct Any(Mutex<Option<CertificateDer<'static>>>);

impl ClientCertVerifier for Any {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        *self.0.lock().unwrap() = Some(end_entity.clone().into_owned());
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// A server with the certificate `leaf.crt`, that of an authority that is not there; returns its port.
async fn server(clients: Arc<Any>) -> u16 {
    let key = PrivateKeyDer::from_pem_file(file("leaf.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![certificate("leaf.crt")], key)
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = tls.accept(stream).await else {
                continue;
            };
            let answer = service_fn(|_: Request<hyper::body::Incoming>| async {
                let version = r#"{"major": "1", "minor": "36", "gitVersion": "", "gitCommit": "", "gitTreeState": "",
                    "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}"#;
                Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(version))))
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer);
            tokio::spawn(connection);
        }
    });
    port
}

/// The minor version that a server says to those who use a kubeconfig, or why it cannot be asked.
async fn ask(port: u16, authority: &str, name: &str, user: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: a, contexts: [{{name: a, context: {{cluster: a, user: a}}}}],\n\
          clusters: [{{name: a, cluster: {{server: 'https://127.0.0.1:{port}', tls-server-name: {name},\n\
            certificate-authority: '{}'}}}}],\n\
          users: [{{name: a, user: {{client-certificate: '{}', client-key: '{}'}}}}]}}\n",
        file(authority).display(),
        file(&format!("{user}.crt")).display(),
        file(&format!("{user}.key")).display(),
    );
    std::fs::write(&path, text).unwrap();
    let client = cluster::client(Some(&path), None).await;
    let client = client.map_err(|error| error.to_string())?;
    let version = client.apiserver_version().await;
    version
        .map(|version| version.minor)
        .map_err(|error| cluster::chain(&error))
}

#[tokio::test]
async fn kubeconfigs_of_kubectl_are_taken() {
    let clients = Arc::new(Any::default());
    let port = server(Arc::clone(&clients)).await;
    // version 1 of X.509, and the server's own certificate as the authority
    assert_eq!(
        ask(port, "leaf.crt", "localhost", "v1").await.unwrap(),
        "36"
    );
    let seen = clients.0.lock().unwrap().take();
    assert_eq!(seen.unwrap(), certificate("v1.crt"));
}

#[tokio::test]
async fn kubeconfigs_that_prove_nothing_are_refused() {
    let port = server(Arc::default()).await;
    for (authority, name, user, words) in [
        ("p521.crt", "localhost", "v1", "UnknownIssuer"),
        ("leaf.crt", "example.com", "v1", "not valid for name"),
        (
            "leaf.crt",
            "localhost",
            "p521",
            "client-key: unsupported kind of key, must be RSA, Ed25519, or ECDSA with P-256 or P-384",
        ),
    ] {
        let refused = ask(port, authority, name, user).await.unwrap_err();
        assert!(refused.contains(words), "{refused}");
    }
}
