//! The controller: reconciles the ImageCaches of a cluster with the caches of a region.
//!
//! [`imagecache::reconcile`] decides; this module observes and performs:
//!
//! | task | module |
//! |---|---|
//! | One object: decide, perform, record, repeat | `reconcile` |
//! | Effects in the cluster and in ECI; secrets | `effects`, `secrets` |
//! | Shared state: observations, and the record of each object | `context` |
//! | All caches of the region, one listing for all objects | `lister` |
//! | Which pods name a cache | `pods` |
//! | Which digests tags have in their registries, if that is to be compared | `registries` |
//! | Events | `events` |
//! | Leader election | [`lease`] |
//! | `/metrics`, `/healthz`, `/readyz` | `server` |
//!
//! Without changes it only watches, lists caches and, if it is to compare tags, polls registries; it writes nothing.

mod context;
mod effects;
mod events;
pub mod lease;
mod lister;
mod messages;
mod metrics;
mod pods;
mod reconcile;
mod registries;
mod run;
mod secrets;
mod server;

use std::fmt;
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use imagecache::reconcile::ReconcileSettings;
use imagecache::resource::PLURAL;
use imagecache::resource::kube::ImageCacheObject;
use imagecache::time::Timestamp;
use imagecache_eci::Client as Cloud;
use kube::api::ListParams;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::controller::{self, ReconcileRequest, trigger_self};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::{self, watcher};
use kube::{Client, ResourceExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use context::Host;
use lease::Candidate;

/// Default number of objects that are reconciled at once.
pub const CONCURRENCY: u16 = 16;
/// Time that effects in progress have when the process stops.
const DRAIN: Duration = Duration::from_secs(25);
/// Objects on a page of a list.
const PAGE: u32 = 500;

/// Called for each effect that a dry run does not perform, with the name of the object and the effect in one line.
pub type Tell = Arc<dyn Fn(&str, &str) + Send + Sync>;
/// Returns the current time of the clock by which caches expire.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The configuration of a controller.
#[derive(Clone)]
pub struct Config {
    /// The settings of the core for all objects.
    pub settings: ReconcileSettings,
    /// Interval of listings while an object waits for ECI.
    pub poll: Duration,
    /// Interval of listings otherwise.
    pub rest: Duration,
    /// Maximum number of objects that are reconciled at once.
    pub concurrency: u16,
    /// The clock; by default that of the ECI client.
    pub clock: Option<Clock>,
    /// If set, nothing is performed and each effect is passed to this function.
    pub dry_run: Option<Tell>,
}

impl Config {
    /// Returns the default configuration for a region.
    #[must_use]
    pub fn new(region_id: &str) -> Self {
        let mut settings = ReconcileSettings::default();
        settings.region_id = region_id.to_owned();
        Config {
            settings,
            poll: Duration::from_secs(5),
            rest: Duration::from_secs(60),
            concurrency: CONCURRENCY,
            clock: None,
            dry_run: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("settings", &self.settings)
            .field("poll", &self.poll)
            .field("rest", &self.rest)
            .field("concurrency", &self.concurrency)
            .field("dry_run", &self.dry_run.is_some())
            .finish_non_exhaustive()
    }
}

/// A controller that can be run once.
#[derive(Clone)]
pub struct Controller {
    host: Arc<Host>,
}

impl Controller {
    /// Creates a controller for a cluster and an ECI client.
    #[must_use]
    pub fn new(client: Client, cloud: Cloud, config: Config) -> Self {
        Controller {
            host: Arc::new(Host::new(client, cloud, config)),
        }
    }

    /// Returns the metrics as OpenMetrics text.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.host.metrics.text()
    }

    /// Serves `/metrics`, `/healthz` and `/readyz` until `stop`.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) {
        server::serve(Arc::clone(&self.host), listener, stop).await;
    }

    /// Runs until `stop`, while it holds the Lease if there is one. Returns when the effects in progress are done and the
    /// Lease is released.
    pub async fn run(&self, candidate: Option<Candidate>, stop: CancellationToken) {
        let Some(candidate) = candidate else {
            return self.work(stop).await;
        };
        while candidate.acquire(&stop).await {
            let term = stop.child_token();
            let work = AbortOnDropHandle::new(tokio::spawn({
                let (own, term) = (self.clone(), term.clone());
                async move { own.work(term).await }
            }));
            candidate.keep(&stop).await;
            term.cancel();
            let _ = work.await;
            if stop.is_cancelled() {
                candidate.release().await;
                return;
            }
        }
    }

    /// Runs until `stop`.
    async fn work(&self, stop: CancellationToken) {
        let host = &self.host;
        let (reader, writer) = reflector::store();
        let (wake, woken) = mpsc::unbounded_channel();
        host.begin(reader.clone(), wake);
        host.metrics.leads.set(1);
        let lister = AbortOnDropHandle::new(tokio::spawn({
            let (host, stop) = (Arc::clone(host), stop.clone());
            async move { lister::run(&host, stop).await }
        }));
        let pods = AbortOnDropHandle::new(tokio::spawn({
            let (host, stop) = (Arc::clone(host), stop.clone());
            async move {
                let freed = |id: &str| host.wake_claimants(id);
                host.pods.follow(host.client.clone(), stop, freed).await;
            }
        }));
        let objects = watcher(host.api.clone(), watcher::Config::default().page_size(PAGE))
            .default_backoff()
            .modify(|object| object.metadata.managed_fields = None)
            .reflect(writer)
            .inspect(|event| host.watched(event))
            .touched_objects();
        let woken = stream::unfold(
            woken,
            async |mut woken: mpsc::UnboundedReceiver<ObjectRef<ImageCacheObject>>| {
                Some((woken.recv().await?, woken))
            },
        );
        let woken = woken.map(|object| Ok(ReconcileRequest::from(object)));
        let queue = stream::select(trigger_self(objects, ()), woken)
            .take_until(stop.clone().cancelled_owned());
        let work = controller::applier(
            |object, host| Box::pin(reconcile::reconcile(object, host)),
            reconcile::again,
            Arc::clone(host),
            reader,
            queue,
            controller::Config::default().concurrency(host.config.concurrency.max(1)),
        );
        let work = work.for_each(|done| {
            host.done(done);
            ready(())
        });
        let given_up = async {
            stop.cancelled().await;
            // before the first list nothing is in progress
            tokio::time::sleep(if host.is_watching() {
                DRAIN
            } else {
                Duration::ZERO
            })
            .await;
        };
        tokio::select! {
            () = work => {}
            () = given_up => {}
        }
        stop.cancel();
        let _ = tokio::join!(lister, pods);
        host.end();
    }

    /// Reconciles every object once, without waiting for ECI.
    ///
    /// # Errors
    /// Returns one line that says what to do if ImageCaches or caches cannot be listed.
    pub async fn once(&self) -> Result<Tally, Fault> {
        let host = &self.host;
        let (reader, mut writer) = reflector::store();
        let (wake, _woken) = mpsc::unbounded_channel();
        host.begin(reader.clone(), wake);
        writer.apply_watcher_event(&watcher::Event::Init);
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = host
                .api
                .list(&page)
                .await
                .map_err(|error| Fault(messages::of_cluster(&error, PLURAL)))?;
            for object in list.items {
                writer.apply_watcher_event(&watcher::Event::InitApply(object));
            }
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => break,
            }
        }
        writer.apply_watcher_event(&watcher::Event::InitDone);
        if let Err(error) = host.pods.list(host.client.clone()).await {
            let why = messages::of_cluster(&error, "pods");
            tracing::warn!(
                why,
                "pods cannot be listed; deleted caches wait until they can"
            );
        }
        lister::once(host).await.map_err(Fault)?;
        let each = stream::iter(reader.state()).map(async |object| {
            let name = object.name_any();
            let done = reconcile::reconcile(object, Arc::clone(host)).await;
            let why = match done {
                Err(broken) => Some(broken.to_string()),
                Ok(_) => host.refused(&name),
            };
            (name, why)
        });
        let mut tally = Tally::default();
        let mut each = pin!(each.buffer_unordered(usize::from(host.config.concurrency.max(1))));
        while let Some((name, why)) = each.next().await {
            tally.objects += 1;
            tally.refused.extend(why.map(|why| (name, why)));
        }
        tally.refused.sort_unstable();
        Ok(tally)
    }
}

/// The result of reconciling every object once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// The number of reconciled objects.
    pub objects: usize,
    /// The reasons why the cluster or ECI refused a request, by the name of the object.
    pub refused: Vec<(String, String)>,
}

/// The reason why nothing could be reconciled, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fault(String);
