//! The API server: one Kubernetes API on one machine, with a real store and no scheduler.
//!
//! ```text
//! HTTP request ─► serve ─► verbs ─► api (decides, pure) ─► store (one order, on disk) ─► answer
//!                   │                                        │
//!                   └────────────── watch streams ◄──────────┘ log of changes ─► collect (dependents, finalizers)
//! ```
//!
//! | what | module |
//! |---|---|
//! | Objects, versions, the log of changes | [`store`] |
//! | What a request is about: an object, a collection, a part | [`place`] |
//! | The verbs on the store, for HTTP and for callers in this process | [`requests`] |
//! | What a write computes: beside the thread that writes, on large stacks | `workers` |
//! | Paths, negotiation, answers, watch streams | [`serve`] |
//! | The objects as manifests | [`export`] |
//! | Admission by a hook of the caller | [`Admission`] |
//! | Admission by the webhooks of stored configurations | `webhooks` |
//! | What is served because a definition says so | `definitions` |
//! | What happens after an owner is deleted, and what ends by itself | `garbage_collector` |
//!
//! Clients are not authenticated and may do everything, so the server binds to the loopback interface by default.

mod admission;
mod continue_token;
mod definitions;
pub mod export;
mod garbage_collector;
pub mod place;
pub mod requests;
pub mod serve;
mod start;
pub mod store;
mod webhooks;
mod workers;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use imagecache::time::Timestamp;
use imagecache_http::{Authority, BodyBudget};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use admission::{Admission, Review};
pub use serve::PageFile;
use store::{History, Store, Unopened, Unwritten};

use crate::api::openapi::Documents;
use crate::api::{ApiError, Resources};
use workers::Workers;

/// What a cluster is made with.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Where its state is kept; in memory if `None`.
    pub directory: Option<PathBuf>,
    /// Replace a damaged state by what can be read of it; otherwise it is not opened.
    pub recover: bool,
    /// CustomResourceDefinitions to apply at the start.
    pub definitions: Vec<Definition>,
    /// How much of the past can be watched and listed.
    pub history: History,
    /// Admission of objects before they are stored; without it only the API's own validation.
    pub admission: Option<Admission>,
    /// Files for browsers by their path, served beside the API.
    pub page: Option<fn(&str) -> Option<PageFile>>,
    /// Names of this server that requests may have as their `Host`, beside those of this machine.
    pub allow_hosts: Vec<Authority>,
    /// What strangers may cost.
    pub limits: serve::Limits,
}

/// A CustomResourceDefinition to apply when a cluster is opened.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The object. Its status and the metadata that a server writes are ignored.
    pub object: Value,
    /// The field manager that applies it.
    pub manager: String,
    /// Whether it overwrites the changes of other field managers; otherwise a conflict leaves the stored definition.
    pub force: bool,
}

/// A cluster on this machine. Clones are the same cluster; the last one closes the store.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cluster").field(&self.inner.store).finish()
    }
}

struct Inner {
    store: Store,
    admission: Option<Admission>,
    page: Option<fn(&str) -> Option<PageFile>>,
    allow_hosts: Vec<Authority>,
    limits: serve::Limits,
    watches: Arc<tokio::sync::Semaphore>,
    bodies: BodyBudget,
    workers: Workers,
    turns: requests::Turns,
    policies: webhooks::Policies,
    /// The resources of the last request.
    served: Mutex<Option<Arc<Served>>>,
}

/// The resources of one state of the definitions.
struct Served {
    /// The number of definitions, and the newest version of one.
    state: (usize, u64),
    resources: Resources,
    documents: OnceLock<Documents>,
}

impl Served {
    /// Returns the OpenAPI documents, which are built for the first request.
    fn documents(&self) -> &Documents {
        self.documents
            .get_or_init(|| Documents::new(&self.resources))
    }
}

impl Cluster {
    /// Opens the cluster of a directory, or makes one: its first namespaces and definitions.
    ///
    /// # Errors
    /// What is wrong with the directory.
    pub async fn open(config: Config) -> Result<Cluster, Unopened> {
        let store = match &config.directory {
            Some(directory) if config.recover => Store::recover(directory, config.history)?,
            directory => Store::open(directory.as_deref(), config.history)?,
        };
        let workers = Workers::new()
            .map_err(|error| Unopened::Disk("a thread pool".into(), error.to_string()))?;
        let is_new = store.version() == 0;
        let limits = config.limits;
        let cluster = Cluster {
            inner: Arc::new(Inner {
                store,
                admission: config.admission,
                page: config.page,
                allow_hosts: config.allow_hosts,
                watches: Arc::new(tokio::sync::Semaphore::new(limits.watches)),
                limits,
                bodies: BodyBudget::new(limits.body_bytes),
                workers,
                turns: requests::Turns::default(),
                policies: webhooks::Policies::default(),
                served: Mutex::default(),
            }),
        };
        cluster.begin(config.definitions).await.map_err(|error| {
            let directory = config.directory.unwrap_or_default();
            Unopened::Disk(directory, error.message)
        })?;
        if is_new {
            // No client has seen the changes so far.
            let compacted = cluster.store().compact().await;
            compacted.map_err(|error| Unopened::Disk(PathBuf::new(), error.to_string()))?;
        }
        Ok(cluster)
    }

    /// The store: to read objects and to watch them.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Serves the API until `stop`; then streams end, and requests under way get their answers.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) {
        let collect = tokio::spawn(garbage_collector::run(self.clone(), stop.clone()));
        serve::run(self.clone(), listener, stop).await;
        let _ = collect.await;
    }
}

/// Returns the current time.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map(|since| since.as_secs()).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

impl From<Unwritten> for ApiError {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            // in the words of the real server, whose store says it
            Unwritten::TooLarge => ApiError::internal("etcdserver: request is too large"),
            Unwritten::Full => ApiError::internal("etcdserver: mvcc: database space exceeded"),
            Unwritten::TooHeavy(fault) => ApiError::request_too_large(&fault),
            Unwritten::Unreadable(_) | Unwritten::Disk(_) | Unwritten::Closed => {
                ApiError::internal(unwritten.to_string())
            }
        }
    }
}
