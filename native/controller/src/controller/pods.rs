//! The pods that name a cache, which is not deleted while they exist.
//!
//! Only the metadata of pods is requested, and only the name of the cache is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{PoisonError, RwLock};

use futures_util::StreamExt as _;
use imagecache::matching::CacheRequest;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::context::Host;
use super::messages;

/// Selects pods that have not terminated.
const LIVING: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// Selects pods that are starting: the images of a pod are pulled before it is `Running`.
const STARTING: &str = "status.phase=Pending";

impl Host {
    /// Lists the pods that name a cache and are starting, sorted.
    ///
    /// # Errors
    /// Returns the reason why pods cannot be listed.
    pub(super) async fn starting(&self, id: &str) -> Result<Vec<String>, String> {
        let api: Api<PartialObjectMeta<Pod>> = Api::all(self.client.clone());
        let pods = api
            .list(&kube::api::ListParams::default().fields(STARTING))
            .await;
        let pods = pods.map_err(|error| messages::of_cluster(&error, "pods"))?;
        let pods = pods.items.iter();
        let naming = pods.filter(|pod| named(pod).as_deref() == Some(id));
        let names: BTreeSet<String> = naming.map(key).collect();
        Ok(names.into_iter().collect())
    }
}

/// The pods and the caches that they name.
#[derive(Debug, Default)]
pub(super) struct Pods(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    listed: bool,
    /// The pods by the cache that they name.
    by_cache: BTreeMap<String, BTreeSet<String>>,
    by_pod: BTreeMap<String, String>,
}

impl State {
    /// Records the cache that a pod names. Returns the cache that it no longer names.
    fn put(&mut self, pod: &PartialObjectMeta<Pod>) -> Option<String> {
        let key = key(pod);
        let named = named(pod);
        if self.by_pod.get(&key) == named.as_ref() {
            return None;
        }
        let before = self.take(&key);
        if let Some(id) = named {
            self.by_cache
                .entry(id.clone())
                .or_default()
                .insert(key.clone());
            self.by_pod.insert(key, id);
        }
        before
    }

    fn take(&mut self, key: &str) -> Option<String> {
        let id = self.by_pod.remove(key)?;
        if let Some(pods) = self.by_cache.get_mut(&id) {
            pods.remove(key);
            if pods.is_empty() {
                self.by_cache.remove(&id);
            }
        }
        Some(id)
    }
}

fn key(pod: &PartialObjectMeta<Pod>) -> String {
    format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any())
}

/// Returns the cache that the annotations of a pod name.
fn named(pod: &PartialObjectMeta<Pod>) -> Option<String> {
    let annotations = pod.metadata.annotations.as_ref()?;
    let annotations: Map<String, Value> = annotations
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect();
    CacheRequest::read(&annotations, &mut Vec::new()).explicit
}

impl Pods {
    /// Returns the pods that name a cache, sorted, or `None` while they are unknown.
    pub(super) fn of(&self, id: &str) -> Option<Vec<String>> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if !state.listed {
            return None;
        }
        Some(
            state
                .by_cache
                .get(id)
                .map(|pods| pods.iter().cloned().collect())
                .unwrap_or_default(),
        )
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lists all pods of the cluster once.
    pub(super) async fn list(&self, client: Client) -> Result<(), kube::Error> {
        let api: Api<PartialObjectMeta<Pod>> = Api::all(client);
        let pods = api
            .list(&kube::api::ListParams::default().fields(LIVING))
            .await?;
        self.change(|state| {
            for pod in &pods.items {
                state.put(pod);
            }
            state.listed = true;
        });
        Ok(())
    }

    /// Watches the pods of the cluster until `stop`; calls `freed` with each cache that a pod no longer names.
    pub(super) async fn follow(
        &self,
        client: Client,
        stop: CancellationToken,
        freed: impl Fn(&str),
    ) {
        let api: Api<PartialObjectMeta<Pod>> = Api::all(client);
        let changes = watcher(api, watcher::Config::default().fields(LIVING)).default_backoff();
        let mut changes = pin!(changes.take_until(stop.cancelled_owned()));
        let mut listing = State::default();
        let mut logged = String::new();
        while let Some(change) = changes.next().await {
            let released: Vec<String> = match change {
                Ok(Event::Init) => {
                    listing = State::default();
                    Vec::new()
                }
                Ok(Event::InitApply(pod)) => {
                    listing.put(&pod);
                    Vec::new()
                }
                Ok(Event::InitDone) => {
                    listing.listed = true;
                    let listing = std::mem::take(&mut listing);
                    let before = self.change(|state| std::mem::replace(state, listing));
                    // objects may also have waited for this list
                    let all = before.by_cache.into_keys();
                    all.filter(|id| self.of(id).is_some_and(|pods| pods.is_empty()))
                        .collect()
                }
                Ok(Event::Apply(pod)) => self.change(|state| state.put(&pod)).into_iter().collect(),
                Ok(Event::Delete(pod)) => self
                    .change(|state| state.take(&key(&pod)))
                    .into_iter()
                    .collect(),
                Err(error) => {
                    let why = messages::of_watch(&error, "pods");
                    if logged != why {
                        tracing::warn!(
                            why,
                            "pods cannot be watched; deleted caches wait until they can"
                        );
                        logged = why;
                    }
                    Vec::new()
                }
            };
            released.iter().for_each(|id| freed(id));
        }
    }
}
