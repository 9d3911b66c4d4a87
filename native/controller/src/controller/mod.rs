//! The controller: makes the caches of a region what the ImageCaches of a cluster say.
//!
//! [`imagecache::reconcile`] decides; here is what it takes to see and to do:
//!
//! | what | module |
//! |---|---|
//! | One object: step, perform, learn, again | `turn` |
//! | Acts on both sides, and secrets of the cluster | `acts`, `secrets` |
//! | What was seen, and what is known of each object | `host` |
//! | All caches of the region, one listing for all objects | `lister` |
//! | Which pods name a cache | `pods` |
//! | What people are told | `events` |
//! | Which of several processes works | [`lease`] |
//! | `/metrics`, `/healthz`, `/readyz` | `server` |
//!
//! At rest it writes nothing: a listing now and then, and watches.

mod context;
mod effects;
mod events;
pub mod lease;
mod lister;
mod messages;
mod metrics;
mod pods;
mod reconcile;
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

/// Most objects that are worked on at once, unless told otherwise.
pub const CONCURRENCY: u16 = 16;
/// Longest time that acts under way get when the process is to end.
const DRAIN: Duration = Duration::from_secs(25);
/// Objects on a page of a list.
const PAGE: u32 = 500;

/// Told of every act that a dry run does not perform: the object's name, and the act in one line.
pub type Tell = Arc<dyn Fn(&str, &str) + Send + Sync>;
/// The present, by the clock that caches live by.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How a controller works.
#[derive(Clone)]
pub struct Config {
    /// What the core is told about all objects.
    pub settings: ReconcileSettings,
    /// How often caches are listed while something is awaited.
    pub poll: Duration,
    /// How often they are listed while nothing is.
    pub rest: Duration,
    /// Most objects that are worked on at once.
    pub concurrency: u16,
    /// The clock; that of the ECI client unless given.
    pub clock: Option<Clock>,
    /// Perform nothing, and tell every act here.
    pub dry_run: Option<Tell>,
}

impl Config {
    /// The usual, for a region.
    #[must_use]
    pub fn new(region_id: &str) -> Self {
        Config {
            settings: ReconcileSettings {
                region_id: region_id.to_owned(),
                ..ReconcileSettings::default()
            },
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

/// A controller that has not begun.
#[derive(Clone)]
pub struct Controller {
    host: Arc<Host>,
}

impl Controller {
    /// A controller between this cluster and this cloud.
    #[must_use]
    pub fn new(client: Client, cloud: Cloud, config: Config) -> Self {
        Controller {
            host: Arc::new(Host::new(client, cloud, config)),
        }
    }

    /// What is counted, as OpenMetrics text.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.host.metrics.text()
    }

    /// Serves `/metrics`, `/healthz` and `/readyz` until `stop`.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) {
        server::serve(Arc::clone(&self.host), listener, stop).await;
    }

    /// Works until `stop`, whenever it holds the Lease, and always without one. Ends when the acts under way have ended
    /// and the Lease is given back.
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

    /// Works until `stop`.
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
            // before the first list nothing is under way
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

    /// Looks once at everything, does what can be done now, and waits for nothing.
    ///
    /// # Errors
    /// When ImageCaches or caches cannot be listed: one line that says what to do.
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

/// What one look at everything came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Objects that were looked at.
    pub objects: usize,
    /// Objects about which the cluster or ECI did not do what was asked, by name, and why.
    pub refused: Vec<(String, String)>,
}

/// Why nothing could be done, in one line.
#[derive(Debug)]
pub struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}
