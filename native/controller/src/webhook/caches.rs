//! The image caches of the cluster, kept current by a watch, so that no review needs a request to the API server.

use std::pin::pin;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use futures_util::StreamExt as _;
use imagecache::admission::CachesUnavailable;
use imagecache::matching::{CacheStore, Index};
use imagecache::resource::PLURAL;
use imagecache::resource::kube::ImageCacheObject;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use crate::cluster::chain;

/// Longest time for the first list, before the webhook is ready without image caches.
const FIRST_LIST: Duration = Duration::from_secs(10);

/// The image caches of the cluster, as far as they are known.
#[derive(Debug)]
pub struct Caches(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    mirror: CacheStore,
    /// Whether the list was complete once. A later failure of the watch keeps the last state.
    listed: bool,
    /// Whether the cluster has responded, with a list or an error.
    asked: bool,
    /// The error of the watch; `None` while it runs.
    fault: Option<String>,
}

impl Default for Caches {
    /// Returns caches that are not known yet.
    fn default() -> Self {
        let fault = Some("they have not been listed yet".to_owned());
        Caches(RwLock::new(State {
            fault,
            ..State::default()
        }))
    }
}

impl Caches {
    /// Returns caches that stay unknown for this reason.
    #[must_use]
    pub fn never(why: &str) -> Self {
        let caches = Self::default();
        caches.change(|state| {
            state.asked = true;
            state.fault = Some(why.to_owned());
        });
        caches
    }

    /// Returns the caches, locked while they are read.
    pub(super) fn read(&self) -> Reading<'_> {
        Reading(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Watches the cluster until `stop`. A failed watch is restarted with exponential backoff. A cluster that does not answer
    /// within [`FIRST_LIST`] counts as asked.
    pub(super) async fn follow(&self, client: Client, metrics: &Metrics, stop: CancellationToken) {
        let late = async {
            let waited = tokio::time::sleep(FIRST_LIST);
            if stop.run_until_cancelled(waited).await.is_some() {
                self.change(|state| {
                    if !state.asked {
                        state.asked = true;
                        let why = format!("the cluster has not answered within {FIRST_LIST:?}");
                        state.fault = Some(why);
                    }
                });
            }
        };
        tokio::join!(late, self.watch(client, metrics, stop.clone()));
    }

    async fn watch(&self, client: Client, metrics: &Metrics, stop: CancellationToken) {
        let resource = ApiResource::erase::<ImageCacheObject>(&());
        let api = Api::<DynamicObject>::all_with(client, &resource);
        let changes = watcher(api, watcher::Config::default()).default_backoff();
        let mut changes = pin!(changes.take_until(stop.cancelled_owned()));
        let mut listing = CacheStore::default();
        while let Some(change) = changes.next().await {
            match change {
                Ok(Event::Init) => listing = CacheStore::default(),
                Ok(Event::InitApply(object)) => apply(&mut listing, object),
                Ok(Event::InitDone) => {
                    let mirror = std::mem::take(&mut listing);
                    tracing::info!(caches = mirror.len(), "image caches are listed");
                    for found in mirror.index().conflicts() {
                        tracing::warn!(code = %found.code, "{found}");
                    }
                    self.change(|state| {
                        *state = State {
                            mirror,
                            listed: true,
                            asked: true,
                            fault: None,
                        };
                    });
                }
                Ok(Event::Apply(object)) => self.change(|state| {
                    apply(&mut state.mirror, object);
                    state.fault = None;
                }),
                Ok(Event::Delete(object)) => {
                    self.change(|state| state.mirror.remove(&object.name_any()));
                }
                Err(error) => {
                    metrics.watch_faults.inc();
                    self.log(&error);
                }
            }
            let known = self.read().0.mirror.len();
            metrics.caches.set(i64::try_from(known).unwrap_or(i64::MAX));
        }
    }

    /// Logs the error of the watch; a lasting error once.
    fn log(&self, error: &watcher::Error) {
        let why = reason(error);
        let (new, listed) = self.change(|state| {
            let new = state.fault.as_ref() != Some(&why);
            state.asked = true;
            state.fault = Some(why.clone());
            (new, state.listed)
        });
        match (new, listed) {
            (true, true) => tracing::warn!(
                why,
                "the watch of image caches broke; what was known last still counts"
            ),
            (true, false) => tracing::warn!(why, "image caches cannot be listed"),
            (false, _) => tracing::debug!(why, "image caches still cannot be watched"),
        }
    }
}

/// The caches at one time.
pub(super) struct Reading<'a>(RwLockReadGuard<'a, State>);

impl Reading<'_> {
    /// Returns the caches to match with, or the reason why they are unknown.
    pub(super) fn index(&self) -> Result<&Index, CachesUnavailable> {
        if self.0.listed {
            return Ok(self.0.mirror.index());
        }
        Err(CachesUnavailable(self.0.fault.clone().unwrap_or_default()))
    }

    /// Reports whether the cluster has responded, with a list or an error.
    pub(super) fn asked(&self) -> bool {
        self.0.asked
    }
}

fn apply(mirror: &mut CacheStore, mut object: DynamicObject) {
    // managed fields are most of the bytes of an object, and matching does not read them
    object.metadata.managed_fields = None;
    if let Ok(object) = serde_json::to_value(&object) {
        mirror.apply(&object);
    }
}

/// Returns the error as one line that says what to do.
fn reason(error: &watcher::Error) -> String {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status,
        _ => return chain(error),
    };
    match status.code {
        404 => {
            "the cluster has no ImageCache definition; install it with `imagecache crd | kubectl apply -f -`"
                .to_owned()
        }
        401 => format!(
            "the cluster does not accept these credentials: {}",
            status.message
        ),
        403 => format!("not permitted to list {PLURAL}: {}", status.message),
        _ => format!(
            "the cluster answers {} {}: {}",
            status.code, status.reason, status.message
        ),
    }
}
