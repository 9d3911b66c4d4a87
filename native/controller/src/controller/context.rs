//! The state that all reconciliations share: observations of the cluster and ECI, and the record of each object.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use imagecache::expiry::{self, ExpiryFacts};
use imagecache::reconcile::{
    EventNote, Listing, Monotonic, ReconcileRecord, Spending, claim, is_stale, refusal,
};
use imagecache::resource::kube::ImageCacheObject;
use imagecache::resource::{PLURAL, Phase};
use imagecache::time::Timestamp;
use imagecache_eci::Client as Cloud;
use kube::api::Api;
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Client, ResourceExt as _};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use serde_json::Value;
use tokio::sync::{Notify, mpsc};

use super::metrics::{CacheLabels, Metrics};
use super::pods::Pods;
use super::registries::Registries;
use super::run::{Broken, Run};
use super::{Config, messages};

/// The field manager of this process.
pub(super) const MANAGER: &str = "imagecache-sync";

/// The shared state and clients.
pub(super) struct Host {
    pub(super) config: Config,
    pub(super) client: Client,
    pub(super) api: Api<ImageCacheObject>,
    pub(super) cloud: Cloud,
    pub(super) registries: Registries,
    pub(super) pods: Pods,
    pub(super) metrics: Metrics,
    /// A new listing is needed.
    pub(super) awaited: Notify,
    listing: RwLock<Option<Arc<Listing>>>,
    /// What was created and deleted within the last hour; it is kept when the Lease is lost.
    spending: Mutex<Spending>,
    /// The records of the objects, by name.
    slots: Mutex<HashMap<String, Slot>>,
    work: RwLock<Option<Work>>,
    faults: Mutex<Faults>,
    /// The effects that a dry run has reported.
    reported: Mutex<HashSet<(String, String)>>,
}

/// The reasons why observations are missing.
#[derive(Default)]
struct Faults {
    /// The reason why caches cannot be listed.
    listing: Option<String>,
    /// The reason why ImageCaches cannot be watched.
    watch: Option<String>,
}

impl Faults {
    fn first(&self) -> Option<&String> {
        self.listing.as_ref().or(self.watch.as_ref())
    }
}

/// The state that exists only while this process is the leader.
struct Work {
    objects: Store<ImageCacheObject>,
    wake: mpsc::UnboundedSender<ObjectRef<ImageCacheObject>>,
    watching: bool,
}

/// The record of one object.
#[derive(Default)]
pub(super) struct Slot {
    uid: String,
    pub(super) memory: ReconcileRecord,
    /// The resource version of the newest response of the API server.
    pub(super) version: Option<u64>,
    /// Whether the object waits for a listing.
    pub(super) waits: bool,
    pub(super) problem: Option<EventNote>,
    ready: bool,
    /// The metric of the time at which the cache expires.
    expires: Option<CacheLabels>,
    /// The metric of the tags in the cache.
    stale: Option<CacheLabels>,
    /// The refused request.
    pub(super) refused: Option<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    pub(super) fn new(client: Client, cloud: Cloud, config: Config) -> Self {
        Host {
            api: Api::all(client.clone()),
            registries: Registries::new(&config.settings),
            pods: Pods::default(),
            metrics: Metrics::new(),
            awaited: Notify::new(),
            listing: RwLock::default(),
            spending: Mutex::default(),
            slots: Mutex::default(),
            work: RwLock::default(),
            faults: Mutex::default(),
            reported: Mutex::default(),
            config,
            client,
            cloud,
        }
    }

    /// Starts to reconcile with empty records.
    pub(super) fn begin(
        &self,
        objects: Store<ImageCacheObject>,
        wake: mpsc::UnboundedSender<ObjectRef<ImageCacheObject>>,
    ) {
        let work = Work {
            objects,
            wake,
            watching: false,
        };
        *self.work.write().unwrap_or_else(PoisonError::into_inner) = Some(work);
        *self.listing.write().unwrap_or_else(PoisonError::into_inner) = None;
        lock(&self.slots).clear();
        self.metrics.ready.set(0);
        self.metrics.expires.clear();
        self.metrics.stale.clear();
    }

    pub(super) fn end(&self) {
        *self.work.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.metrics.leads.set(0);
        self.metrics.expires.clear();
        self.metrics.stale.clear();
    }

    /// Reports whether the process is healthy; a standby process is.
    pub(super) fn is_ready(&self) -> Result<(), String> {
        let work = self.work.read().unwrap_or_else(PoisonError::into_inner);
        let Some(work) = work.as_ref() else {
            return Ok(());
        };
        if let Some(why) = lock(&self.faults).first() {
            return Err(why.clone());
        }
        if !work.watching {
            return Err("ImageCaches have not been listed yet".to_owned());
        }
        let listed = self
            .listing
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some();
        listed
            .then_some(())
            .ok_or_else(|| "caches have not been listed yet".to_owned())
    }

    /// Reports whether ImageCaches have been listed.
    pub(super) fn is_watching(&self) -> bool {
        let work = self.work.read().unwrap_or_else(PoisonError::into_inner);
        work.as_ref().is_some_and(|work| work.watching)
    }

    /// Returns the time since the start of this process.
    pub(super) fn moment(&self) -> Monotonic {
        self.cloud.environment().elapsed()
    }

    pub(super) fn now(&self) -> Timestamp {
        match &self.config.clock {
            Some(clock) => clock(),
            None => self.cloud.environment().now(),
        }
    }

    pub(super) fn objects(&self) -> Vec<Arc<ImageCacheObject>> {
        let work = self.work.read().unwrap_or_else(PoisonError::into_inner);
        work.as_ref()
            .map(|work| work.objects.state())
            .unwrap_or_default()
    }

    fn wake(&self, object: &ImageCacheObject) {
        let work = self.work.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(work) = work.as_ref() {
            // it fails after the end of the run
            let _ = work.wake.send(ObjectRef::from_obj(object));
        }
    }

    /// Wakes the objects that have the cache `id`.
    pub(super) fn wake_claimants(&self, id: &str) {
        for object in self.objects() {
            let deleting = object.metadata.deletion_timestamp.is_some();
            if deleting && value(&object).as_ref().and_then(claim) == Some(id) {
                self.wake(&object);
            }
        }
    }

    /// Stores a new listing. Wakes the objects that it changes something for, and those that wait for it.
    pub(super) fn listed(&self, listing: Arc<Listing>) {
        lock(&self.faults).listing = None;
        let before = {
            let mut current = self.listing.write().unwrap_or_else(PoisonError::into_inner);
            current.replace(Arc::clone(&listing))
        };
        for object in self.objects() {
            let name = object.name_any();
            let waits = {
                let mut slots = lock(&self.slots);
                slots
                    .get_mut(&name)
                    .is_none_or(|slot| std::mem::take(&mut slot.waits))
            };
            let uid = object.metadata.uid.as_deref().unwrap_or_default();
            let id = object
                .rest
                .get("status")
                .and_then(|status| status.get("imageCacheId"));
            let id = id.and_then(Value::as_str);
            let same = before
                .as_ref()
                .is_some_and(|before| listing.same_for(before, uid, id));
            if waits || !same {
                self.wake(&object);
            }
        }
    }

    pub(super) fn cannot_list(&self, why: &str) {
        lock(&self.faults).listing = Some(why.to_owned());
    }

    /// Records the state of the watch of ImageCaches. A lasting error is logged once.
    pub(super) fn watched(&self, event: &Result<watcher::Event<ImageCacheObject>, watcher::Error>) {
        let fault = match event {
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => return,
            Ok(watcher::Event::InitDone) => {
                let mut work = self.work.write().unwrap_or_else(PoisonError::into_inner);
                if let Some(work) = work.as_mut() {
                    work.watching = true;
                }
                None
            }
            Ok(_) => None,
            Err(error) => {
                self.metrics.watch_faults.inc();
                Some(messages::of_watch(error, PLURAL))
            }
        };
        let before = std::mem::replace(&mut lock(&self.faults).watch, fault.clone());
        match (before, fault) {
            (before, Some(why)) if before.as_ref() != Some(&why) => {
                tracing::warn!(why, "ImageCaches cannot be watched");
            }
            (Some(_), None) => tracing::info!("ImageCaches are watched again"),
            _ => {}
        }
        let known = {
            let work = self.work.read().unwrap_or_else(PoisonError::into_inner);
            work.as_ref().map_or(0, |work| work.objects.len())
        };
        let known = i64::try_from(known).unwrap_or(i64::MAX);
        self.metrics.objects.set(known);
    }

    /// Records the result for an object: whether it is ready, and the refused request.
    pub(super) fn leave(&self, run: &Run) {
        let phase = run
            .object
            .get("status")
            .and_then(|status| status.get("phase"));
        let ready = phase.and_then(Value::as_str) == Some(Phase::Ready.as_str());
        let before = self.with_slot(run, |slot| {
            let problem = slot.problem.as_ref().map(|problem| problem.message.clone());
            slot.refused = problem.or_else(|| refusal(&run.object, &slot.memory));
            self.record_cache(slot, &run.object);
            std::mem::replace(&mut slot.ready, ready)
        });
        match (before, ready) {
            (false, true) => {
                self.metrics.ready.inc();
            }
            (true, false) => {
                self.metrics.ready.dec();
            }
            _ => {}
        }
    }

    /// Reads or changes what was created for all objects.
    pub(super) fn with_spending<T>(&self, with: impl FnOnce(&mut Spending) -> T) -> T {
        with(&mut lock(&self.spending))
    }

    /// Returns the newest listing.
    pub(super) fn listing(&self) -> Option<Arc<Listing>> {
        let listing = self.listing.read().unwrap_or_else(PoisonError::into_inner);
        listing.clone()
    }

    /// Reports whether a dry run has not reported this effect yet.
    pub(super) fn is_news(&self, said: &(String, String)) -> bool {
        lock(&self.reported).insert(said.clone())
    }

    /// Returns the refused request of an object, if there is one.
    pub(super) fn refused(&self, name: &str) -> Option<String> {
        lock(&self.slots).get(name)?.refused.clone()
    }

    pub(super) fn forget(&self, name: &str) {
        let slot = lock(&self.slots).remove(name);
        if let Some(slot) = slot {
            self.drop_metrics(&slot);
        }
    }

    /// Records when the cache of an object expires, and whether its tags have moved. Where that is unknown, or there is no
    /// cache, there is no such metric.
    fn record_cache(&self, slot: &mut Slot, object: &Value) {
        let facts = ExpiryFacts::read(object);
        let end = expiry::end(&facts).map(Timestamp::seconds);
        let stale = is_stale(object).map(i64::from);
        let labels = facts.name.zip(facts.image_cache_id);
        let labels = labels.map(|(name, id)| CacheLabels { name, id });
        let set = |family: &Family<CacheLabels, Gauge>,
                   before: &mut Option<CacheLabels>,
                   value: Option<i64>| {
            let labels = labels.clone().filter(|_| value.is_some());
            if let Some(before) = before
                .take()
                .filter(|before| Some(before) != labels.as_ref())
            {
                family.remove(&before);
            }
            if let Some((labels, value)) = labels.as_ref().zip(value) {
                family.get_or_create(labels).set(value);
            }
            *before = labels;
        };
        set(&self.metrics.expires, &mut slot.expires, end);
        set(&self.metrics.stale, &mut slot.stale, stale);
    }

    /// Takes an object out of the metrics.
    fn drop_metrics(&self, slot: &Slot) {
        if slot.ready {
            self.metrics.ready.dec();
        }
        if let Some(labels) = &slot.expires {
            self.metrics.expires.remove(labels);
        }
        if let Some(labels) = &slot.stale {
            self.metrics.stale.remove(labels);
        }
    }

    /// Records the end of a reconciliation.
    pub(super) fn done(
        &self,
        done: Result<
            (ObjectRef<ImageCacheObject>, Action),
            controller::Error<Broken, watcher::Error>,
        >,
    ) {
        match done {
            Ok(_) => {}
            Err(controller::Error::ObjectNotFound(object)) => {
                self.forget(&object.name);
            }
            Err(controller::Error::ReconcilerFailed(broken, object)) => {
                tracing::warn!(
                    object = object.name,
                    "{broken}; retrying in {:?}",
                    broken.pause
                );
            }
            // logged by `watched`
            Err(controller::Error::QueueError(_)) => {}
            Err(error) => tracing::error!("{}", crate::cluster::chain(&error)),
        }
    }

    pub(super) fn with_slot<T>(&self, run: &Run, with: impl FnOnce(&mut Slot) -> T) -> T {
        let mut slots = lock(&self.slots);
        let slot = slots.entry(run.name.clone()).or_default();
        if slot.uid != run.uid {
            self.drop_metrics(slot);
            *slot = Slot {
                uid: run.uid.clone(),
                ..Slot::default()
            };
        }
        with(slot)
    }
}

pub(super) fn value(object: &ImageCacheObject) -> Option<Value> {
    serde_json::to_value(object).ok()
}
