//! The admission webhook: an HTTPS server that asks the core about every AdmissionReview.
//!
//! | address | answers |
//! |---|---|
//! | `POST /validate` | may this ImageCache, pod or workload pass; never changes anything |
//! | `POST /mutate` | which cache a new pod gets, written on the pod as the settings say |
//! | `GET /healthz` | the process serves |
//! | `GET /readyz` | it has asked the cluster for image caches |
//! | `GET /metrics` | counts, as OpenMetrics |
//!
//! An answer comes within half of the time that the API server gives (`?timeout=`), so that it arrives before the API
//! server turns away. What cannot be answered in that time, or is no review, gets an HTTP error with a Kubernetes
//! Status in it: the API server then does what the `failurePolicy` of the webhook's configuration says, and tells the
//! Status' message. Caches that are not known are another matter: the settings say what becomes of pods
//! (`onCachesUnavailable`).

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
use imagecache_http::Limits;
use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use caches::Caches;
pub use certificate::{Certificate, SelfSigned, bundle, self_signed};
pub use settings::{Policy, parse as parse_settings};

use metrics::Metrics;

/// How often files are looked at, at most.
pub const RELOAD_PAUSE: Duration = reload::LOOK;

/// Reviews that are thought about at once. Each may hold a body and its values in memory; what waits, waits in the
/// time that it has.
const MAX_REVIEWS: usize = 64;

/// Connections at once: an API server keeps some open, and there are few API servers.
const MAX_CONNECTIONS: usize = 256;

/// What a client may take for a handshake or a request's head.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Largest head of a request. An API server's is some 300 bytes.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// What is wrong with what the webhook was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The files that it stands in.
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

    /// The same, where no file is named yet.
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

impl std::error::Error for Error {}

/// A webhook that can be served.
#[derive(Debug)]
pub struct Webhook {
    policy: Policy,
    caches: Caches,
    metrics: Metrics,
    now: fn() -> Timestamp,
    room: Arc<Semaphore>,
    tls: Arc<rustls::ServerConfig>,
}

impl Webhook {
    /// A webhook that follows `policy` and shows `certificate`; `now` is the clock by which caches end.
    ///
    /// # Errors
    /// When TLS cannot be served with what is built in.
    pub fn new(
        policy: Policy,
        caches: Caches,
        certificate: Certificate,
        now: fn() -> Timestamp,
    ) -> Result<Self, Error> {
        Ok(Webhook {
            policy,
            caches,
            metrics: Metrics::new(),
            now,
            room: Arc::new(Semaphore::new(MAX_REVIEWS)),
            tls: Arc::new(certificate.tls()?),
        })
    }

    /// Serves until `stop`, then lets reviews under way finish. With a client the image caches of its cluster are
    /// followed; without one they stay what they were given as.
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
        let limits = Limits {
            connections: MAX_CONNECTIONS,
            head: HEAD_TIME,
            head_bytes: MAX_HEAD_BYTES,
            ..Limits::default()
        };
        let tls = Arc::clone(&webhook.tls);
        let handler = move |request, _| answer::answer(Arc::clone(&webhook), request);
        imagecache_http::serve(listener, Some(tls), limits, stop, handler).await;
        if let Some(following) = following {
            let _ = following.await;
        }
    }
}
