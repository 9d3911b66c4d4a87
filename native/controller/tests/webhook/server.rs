//! A webhook that runs, and a client that knows whom to trust.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use imagecache::admission::AdmissionSettings;
use imagecache::time::Timestamp;
use imagecache_controller::webhook::{
    Caches, Certificate, Policy, SelfSigned, Webhook, self_signed,
};
use kube::Client as Cluster;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

/// A time at which nothing of the tests' data has ended.
pub(crate) fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) authority: String,
    pub(crate) stop: CancellationToken,
    pub(crate) ended: JoinHandle<()>,
}

impl Server {
    /// With these settings and nothing known of a cluster.
    pub(crate) async fn with(settings: Value) -> Server {
        let settings = AdmissionSettings::parse(&settings).unwrap();
        let caches = Caches::never("not listed");
        Self::start(Policy::fixed(&settings), caches, now, None).await
    }

    pub(crate) async fn start(
        policy: Policy,
        caches: Caches,
        now: fn() -> Timestamp,
        cluster: Option<Cluster>,
    ) -> Server {
        let made = localhost();
        let certificate = Certificate::fixed(&made).unwrap();
        let webhook = Webhook::new(policy, caches, certificate, now).unwrap();
        Self::run(webhook, made.authority, cluster).await
    }

    pub(crate) async fn run(
        webhook: Webhook,
        authority: String,
        cluster: Option<Cluster>,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let ended = tokio::spawn(webhook.serve(listener, cluster, stop.clone()));
        Server {
            address,
            authority,
            stop,
            ended,
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address, &self.authority)
            .await
            .unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.connect().await.send("GET", path, None, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: impl ToString) -> Answer {
        let json = Some("application/json");
        self.connect()
            .await
            .send("POST", path, json, body.to_string())
            .await
    }

    /// Asks until the answer is what is waited for.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        for _ in 0..500 {
            let answer = self.get(path).await;
            if wanted(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!(
            "{path} never became what was waited for: {:?}",
            self.get(path).await
        );
    }
}

pub(crate) fn localhost() -> SelfSigned {
    self_signed(&["localhost".to_owned(), "127.0.0.1".to_owned()], now()).unwrap()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// One connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    pub(crate) certificate: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(
        address: SocketAddr,
        authority: &str,
    ) -> Result<Client, std::io::Error> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Ok(Client {
            sender,
            certificate,
        })
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        content_type: Option<&str>,
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        self.sender.ready().await.unwrap();
        let response = self
            .sender
            .send_request(request.body(Full::new(body.into())).unwrap())
            .await;
        let (head, body) = response.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let content_type = head
            .headers
            .get("content-type")
            .map(|value| value.to_str().unwrap());
        Answer {
            status: head.status,
            content_type: content_type.unwrap_or_default().to_owned(),
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }
}
