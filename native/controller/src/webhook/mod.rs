//! The admission webhook: an HTTPS server that asks the core about every AdmissionReview.
//!
//! | address | response |
//! |---|---|
//! | `POST /validate` | whether an ImageCache, pod or workload is allowed; changes nothing |
//! | `POST /mutate` | the cache of a new pod, written to the pod as the settings say |
//! | `GET /healthz` | 200 while the process serves |
//! | `GET /readyz` | 200 after the first list of image caches was tried, while the certificate is valid |
//! | `GET /metrics` | metrics, as OpenMetrics text |
//!
//! A response takes at most half of the timeout of the API server (`?timeout=`), so that it arrives in time. A review
//! that takes longer or is invalid gets an HTTP error with a Kubernetes Status: the API server then applies the
//! `failurePolicy` of the webhook configuration and reports the message of the Status. If the caches are unknown, the
//! settings decide about pods (`onCachesUnavailable`).

mod answer;
mod caches;
mod certificate;
pub mod manifests;
mod metrics;
mod reload;
mod settings;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use imagecache::time::Timestamp;
use imagecache_http::{BodyBudget, Limits, Visitors};
use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use caches::Caches;
pub use certificate::{Certificate, LIFETIME_DAYS, SelfSigned, WARNED_DAYS, bundle, self_signed};
pub use settings::{Policy, parse as parse_settings};

use metrics::Metrics;

/// Minimum interval between two checks of a file.
pub const RELOAD_PAUSE: Duration = reload::LOOK;

/// Reviews that are decided at once, because each has a body and its values in memory. Waiting counts toward the
/// timeout of a review.
const MAX_REVIEWS: usize = 64;

/// Maximum number of connections: there are few API servers, and each keeps some open.
const MAX_CONNECTIONS: usize = 256;

/// Maximum number of connections of one address: no single pod keeps API servers out.
const MAX_PER_ADDRESS: usize = 64;

/// Interval of warnings about a certificate that ends soon.
const WARNING_INTERVAL: Duration = Duration::from_secs(6 * 3600);

/// Most bytes of reviews that are held at once, over all connections.
const BODIES_BYTES: usize = 64 << 20;

/// Time limit of a handshake or a request head.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Largest request head, in bytes. An API server sends about 300.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// An error in the files of the webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// The files with the error.
    paths: Vec<PathBuf>,
    why: String,
}

impl Error {
    fn because(why: String) -> Self {
        Error {
            paths: Vec::new(),
            why,
        }
    }

    /// Creates an error without files.
    fn of(mut self, paths: &[PathBuf]) -> Self {
        if self.paths.is_empty() {
            self.paths = paths.to_vec();
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, path) in self.paths.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{}", path.display())?;
        }
        let separator = if self.paths.is_empty() { "" } else { ": " };
        write!(f, "{separator}{}", self.why)
    }
}

/// An admission webhook.
#[derive(Debug)]
pub struct Webhook {
    policy: Policy,
    caches: Caches,
    metrics: Metrics,
    now: fn() -> Timestamp,
    reviews: Arc<Semaphore>,
    certificate: Arc<Certificate>,
    bodies: BodyBudget,
    tls: Arc<rustls::ServerConfig>,
}

impl Webhook {
    /// Creates a webhook with a policy and a certificate; `now` is the clock by which caches expire.
    ///
    /// # Errors
    /// Returns [`Error`] if TLS is not available.
    pub fn new(
        policy: Policy,
        caches: Caches,
        certificate: Certificate,
        now: fn() -> Timestamp,
    ) -> Result<Self, Error> {
        let certificate = Arc::new(certificate);
        Ok(Webhook {
            policy,
            caches,
            metrics: Metrics::new(),
            now,
            reviews: Arc::new(Semaphore::new(MAX_REVIEWS)),
            bodies: BodyBudget::new(BODIES_BYTES),
            tls: Arc::new(certificate.tls()?),
            certificate,
        })
    }

    /// Serves until `stop`, then lets reviews in progress finish. With a client the image caches of its cluster are
    /// watched; without one they do not change.
    pub async fn serve(
        self,
        listener: TcpListener,
        client: Option<Client>,
        stop: CancellationToken,
    ) {
        let webhook = Arc::new(self);
        let following = client.map(|client| {
            let (webhook, stop) = (Arc::clone(&webhook), stop.clone());
            tokio::spawn(async move { webhook.caches.follow(client, &webhook.metrics, stop).await })
        });
        let warning = tokio::spawn({
            let (webhook, stop) = (Arc::clone(&webhook), stop.clone());
            async move {
                let mut due = tokio::time::interval(WARNING_INTERVAL);
                while stop.run_until_cancelled(due.tick()).await.is_some() {
                    webhook.certificate.warn((webhook.now)());
                }
            }
        });
        let limits = Limits {
            connections: MAX_CONNECTIONS,
            per_address: MAX_PER_ADDRESS,
            head: HEAD_TIME,
            head_bytes: MAX_HEAD_BYTES,
            ..Limits::default()
        };
        let tls = Arc::clone(&webhook.tls);
        let handler = move |request, _| answer::answer(Arc::clone(&webhook), request);
        let visitors = Visitors::of_any_name();
        imagecache_http::serve(listener, Some(tls), limits, visitors, stop, handler).await;
        let _ = warning.await;
        if let Some(following) = following {
            let _ = following.await;
        }
    }
}
