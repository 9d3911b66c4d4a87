//! One object at a time: what the core decides is performed, learnt, and asked again until there is nothing to do.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use imagecache::eci::login;
use imagecache::reconcile::{
    Decision, Effect, Listing, Login, Memory, Moment, Note, Outcome, Rival, SecretFault, Seen,
    claim, patched, step,
};
use imagecache::resource::kube::Object;
use imagecache::resource::{PLURAL, Phase};
use imagecache::time::Timestamp;
use imagecache_eci::Client as Cloud;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Client, ResourceExt as _};
use serde_json::Value;
use tokio::sync::{Notify, mpsc};

use super::metrics::{Labels, Metrics};
use super::pods::Pods;
use super::{Config, events, words};

/// The name under which the cluster knows what this process writes.
pub(super) const MANAGER: &str = "imagecache-sync";
/// An object needs a few acts to be where it should; more is a fault of the core.
const MAX_ACTS: u32 = 24;

/// Everything that steps need.
pub(super) struct Host {
    pub(super) config: Config,
    pub(super) client: Client,
    pub(super) api: Api<Object>,
    pub(super) cloud: Cloud,
    pub(super) pods: Pods,
    pub(super) metrics: Metrics,
    /// A new listing is needed.
    pub(super) awaited: Notify,
    listing: RwLock<Option<Arc<Listing>>>,
    /// What is known of each object, by name.
    slots: Mutex<HashMap<String, Slot>>,
    work: RwLock<Option<Work>>,
    faults: Mutex<Faults>,
    /// What a dry run has told.
    told: Mutex<HashSet<(String, String)>>,
}

/// What stands in the way of seeing.
#[derive(Default)]
struct Faults {
    /// Why caches cannot be listed.
    listing: Option<String>,
    /// Why ImageCaches cannot be watched.
    watch: Option<String>,
}

impl Faults {
    fn first(&self) -> Option<&String> {
        self.listing.as_ref().or(self.watch.as_ref())
    }
}

/// What there is only while this process works.
struct Work {
    objects: Store<Object>,
    wake: mpsc::UnboundedSender<ObjectRef<Object>>,
    watching: bool,
}

/// What is known of one object.
#[derive(Default)]
struct Slot {
    uid: String,
    memory: Memory,
    /// The version of the newest answer of the API server.
    version: Option<u64>,
    /// Waits for a listing.
    waits: bool,
    problem: Option<&'static str>,
    ready: bool,
}

/// Why the work on an object was broken off.
#[derive(Debug)]
pub(super) struct Broken {
    /// Tried again after so long.
    pub(super) pause: Duration,
    why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Broken {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    pub(super) fn new(client: Client, cloud: Cloud, config: Config) -> Self {
        Host {
            api: Api::all(client.clone()),
            pods: Pods::default(),
            metrics: Metrics::new(),
            awaited: Notify::new(),
            listing: RwLock::default(),
            slots: Mutex::default(),
            work: RwLock::default(),
            faults: Mutex::default(),
            told: Mutex::default(),
            config,
            client,
            cloud,
        }
    }

    /// Begins to work: nothing is remembered from before.
    pub(super) fn begin(
        &self,
        objects: Store<Object>,
        wake: mpsc::UnboundedSender<ObjectRef<Object>>,
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
    }

    pub(super) fn end(&self) {
        *self.work.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.metrics.leads.set(0);
    }

    /// Whether it works as it should; a process that stands by does.
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

    /// Whether ImageCaches have been listed.
    pub(super) fn is_watching(&self) -> bool {
        let work = self.work.read().unwrap_or_else(PoisonError::into_inner);
        work.as_ref().is_some_and(|work| work.watching)
    }

    /// The time since this process started.
    pub(super) fn moment(&self) -> Moment {
        self.cloud.nature().elapsed()
    }

    fn now(&self) -> Timestamp {
        match &self.config.clock {
            Some(clock) => clock(),
            None => self.cloud.nature().now(),
        }
    }

    fn objects(&self) -> Vec<Arc<Object>> {
        let work = self.work.read().unwrap_or_else(PoisonError::into_inner);
        work.as_ref()
            .map(|work| work.objects.state())
            .unwrap_or_default()
    }

    fn wake(&self, object: &Object) {
        let work = self.work.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(work) = work.as_ref() {
            // it fails when the work has ended
            let _ = work.wake.send(ObjectRef::from_obj(object));
        }
    }

    /// Something may have changed for those who have the cache `id`.
    pub(super) fn wake_claimants(&self, id: &str) {
        for object in self.objects() {
            let deleting = object.metadata.deletion_timestamp.is_some();
            if deleting && value(&object).as_ref().and_then(claim) == Some(id) {
                self.wake(&object);
            }
        }
    }

    /// A new listing: wakes those for whom it tells something new, and those who wait for it.
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

    /// Keeps book of the watch of ImageCaches; a fault that goes on is told once.
    pub(super) fn watched(&self, event: &Result<watcher::Event<Object>, watcher::Error>) {
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
                Some(words::of_watch(error, PLURAL))
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

    /// Keeps count of the objects that are ready.
    fn note_phase(&self, run: &Run) {
        let phase = run
            .object
            .get("status")
            .and_then(|status| status.get("phase"));
        let ready = phase.and_then(Value::as_str) == Some(Phase::Ready.as_str());
        let before = self.with_slot(run, |slot| std::mem::replace(&mut slot.ready, ready));
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

    fn forget(&self, name: &str) {
        if lock(&self.slots)
            .remove(name)
            .is_some_and(|slot| slot.ready)
        {
            self.metrics.ready.dec();
        }
    }

    /// Keeps book of finished work.
    pub(super) fn done(
        &self,
        done: Result<(ObjectRef<Object>, Action), controller::Error<Broken, watcher::Error>>,
    ) {
        match done {
            Ok(_) => {}
            Err(controller::Error::ObjectNotFound(object)) => {
                self.forget(&object.name);
            }
            Err(controller::Error::ReconcilerFailed(broken, object)) => {
                tracing::warn!(
                    object = object.name,
                    "{broken}; tried again in {:?}",
                    broken.pause
                );
            }
            // told by `watched`
            Err(controller::Error::QueueError(_)) => {}
            Err(error) => tracing::error!("{}", crate::cluster::chain(&error)),
        }
    }

    /// The objects that claim the same cache as this one, which does not have it yet.
    fn rivals(&self, object: &Value) -> Vec<Rival> {
        let Some(id) = claim(object) else {
            return Vec::new();
        };
        if object
            .get("status")
            .and_then(|status| status.get("imageCacheId"))
            .is_some()
        {
            return Vec::new();
        }
        let uid = object
            .get("metadata")
            .and_then(|metadata| metadata.get("uid"));
        self.objects()
            .iter()
            .filter(|other| other.metadata.uid.as_deref() != uid.and_then(Value::as_str))
            .filter_map(|other| value(other))
            .filter(|other| claim(other) == Some(id))
            .filter_map(|other| Rival::read(&other))
            .collect()
    }

    fn decide(&self, run: &Run, memory: &Memory) -> Decision {
        self.metrics.steps.inc();
        let listing = self
            .listing
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let pods = claim(&run.object).and_then(|id| self.pods.of(id));
        let pods = if claim(&run.object).is_none() {
            Some(Vec::new())
        } else {
            pods
        };
        let rivals = self.rivals(&run.object);
        let seen = Seen {
            listing: listing.as_deref(),
            live: run.live,
            logins: run.logins.as_deref(),
            pods: pods.as_deref(),
            rivals: &rivals,
            moment: self.moment(),
        };
        step(
            &run.object,
            &seen,
            &self.config.settings,
            memory,
            self.now(),
        )
    }

    async fn perform(&self, run: &Run, effect: &Effect) -> Outcome {
        if let Some(tell) = self.config.dry_run.as_ref().filter(|_| effect.is_write()) {
            let said = (run.name.clone(), effect.to_string());
            if lock(&self.told).insert(said.clone()) {
                tell(&said.0, &said.1);
            }
            return match effect {
                Effect::Finalizers { patch } | Effect::Status { patch, .. } => {
                    Outcome::Object(patched(&run.object, patch))
                }
                _ => Outcome::Unsent("this is a dry run".to_owned()),
            };
        }
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        match effect {
            Effect::Read => match self.api.get_opt(&run.name).await {
                Ok(Some(object)) => stored(&object),
                Ok(None) => Outcome::NoObject,
                Err(error) => unwritten(&error),
            },
            Effect::ReadSecrets(_) => Outcome::Accepted,
            Effect::Finalizers { patch } => written(
                self.api
                    .patch(&run.name, &params, &Patch::Merge(patch))
                    .await,
            ),
            Effect::Status { patch, .. } => written(
                self.api
                    .patch_status(&run.name, &params, &Patch::Merge(patch))
                    .await,
            ),
            Effect::Create { call, .. } => match self.cloud.call(call.as_ref()).await {
                Ok(reply) => Outcome::Created(reply.image_cache_id),
                Err(error) => words::outcome(error),
            },
            Effect::Update { call, .. } => match self.cloud.call(call.as_ref()).await {
                Ok(_) => Outcome::Accepted,
                Err(error) => words::outcome(error),
            },
            Effect::Delete { call } => match self.cloud.call(call).await {
                Ok(_) => Outcome::Accepted,
                Err(error) => words::outcome(error),
            },
        }
    }

    /// Reads the logins in secrets, each `namespace:name`.
    async fn logins(&self, names: &[String]) -> Vec<Login> {
        let mut logins = Vec::with_capacity(names.len());
        for secret in names {
            let (namespace, name) = secret.split_once(':').unwrap_or(("default", secret));
            let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
            let found = match api.get_opt(name).await {
                Ok(Some(secret)) => serde_json::to_value(&secret)
                    .map_err(|_| {
                        SecretFault::Unreadable("it has not the form of a secret".to_owned())
                    })
                    .and_then(|secret| login::logins(&secret).map_err(SecretFault::Bad)),
                Ok(None) => Err(SecretFault::Missing),
                Err(error) => Err(SecretFault::Unreadable(words::of_cluster(
                    &error, "secrets",
                ))),
            };
            logins.push(Login {
                secret: secret.clone(),
                found,
            });
        }
        logins
    }

    /// Tells an Event of the object; one that is not stored is no reason to do anything again.
    async fn note(&self, object: &Object, note: &Note) {
        if self.config.dry_run.is_some() {
            return;
        }
        if let Err(error) = events::tell(&self.client, object, note).await {
            tracing::debug!(
                object = object.name_any(),
                "an event was not stored: {}",
                words::of_cluster(&error, "events")
            );
        }
    }

    fn with_slot<T>(&self, run: &Run, with: impl FnOnce(&mut Slot) -> T) -> T {
        let mut slots = lock(&self.slots);
        let slot = slots.entry(run.name.clone()).or_default();
        if slot.uid != run.uid {
            if slot.ready {
                self.metrics.ready.dec();
            }
            *slot = Slot {
                uid: run.uid.clone(),
                ..Slot::default()
            };
        }
        with(slot)
    }

    fn count(&self, effect: &Effect, outcome: &Outcome) {
        let act = match effect {
            Effect::Read => "read",
            Effect::ReadSecrets(_) => "read-secrets",
            Effect::Finalizers { .. } => "finalizers",
            Effect::Status { .. } => "status",
            Effect::Create { .. } => "create",
            Effect::Update { .. } => "update",
            Effect::Delete { .. } => "delete",
        };
        let outcome = match outcome {
            Outcome::Object(_) | Outcome::Created(_) | Outcome::Accepted => "done",
            Outcome::NoObject => "no-object",
            Outcome::Conflict => "conflict",
            Outcome::Refused { .. } => "refused",
            Outcome::Lost(_) => "lost",
            Outcome::Unsent(_) => "unsent",
        };
        self.metrics
            .acts
            .get_or_create(&Labels { act, outcome })
            .inc();
    }
}

/// The work on one object, from the moment it was woken.
struct Run {
    name: String,
    uid: String,
    object: Value,
    live: bool,
    logins: Option<Vec<Login>>,
}

fn value(object: &Object) -> Option<Value> {
    serde_json::to_value(object).ok()
}

fn stored(object: &Object) -> Outcome {
    match value(object) {
        Some(object) => Outcome::Object(object),
        None => Outcome::Unsent("the object cannot be read".to_owned()),
    }
}

fn written(result: Result<Object, kube::Error>) -> Outcome {
    match result {
        Ok(object) => stored(&object),
        Err(error) => unwritten(&error),
    }
}

fn unwritten(error: &kube::Error) -> Outcome {
    let why = words::of_cluster(error, PLURAL);
    match error {
        kube::Error::Api(status) if status.code == 404 => Outcome::NoObject,
        kube::Error::Api(status) if status.code == 409 => Outcome::Conflict,
        kube::Error::Api(_) => Outcome::Unsent(why),
        _ => Outcome::Lost(why),
    }
}

/// Works on one object until there is nothing to do now.
pub(super) async fn reconcile(object: Arc<Object>, host: Arc<Host>) -> Result<Action, Broken> {
    let Some(start) = value(&object) else {
        return Ok(Action::await_change());
    };
    let mut run = Run {
        name: object.name_any(),
        uid: object.metadata.uid.clone().unwrap_or_default(),
        object: start,
        live: false,
        logins: None,
    };
    let version = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
    let newest = host.with_slot(&run, |slot| slot.version);
    if version(object.metadata.resource_version.as_deref()) < newest {
        // the watch has yet to bring what was written here
        return Ok(Action::requeue(Duration::from_secs(1)));
    }
    for _ in 0..MAX_ACTS {
        let memory = host.with_slot(&run, |slot| slot.memory.clone());
        let decision = host.decide(&run, &memory);
        if decision.listing {
            host.with_slot(&run, |slot| slot.waits = true);
            host.awaited.notify_one();
        }
        let told = host.with_slot(&run, |slot| {
            std::mem::replace(&mut slot.problem, decision.problem)
        });
        if let Some(problem) = decision.problem.filter(|problem| told != Some(*problem)) {
            tracing::warn!(object = run.name, "{problem}");
        }
        let Some(effect) = decision.act else {
            host.note_phase(&run);
            return Ok(match decision.after {
                Some(after) => Action::requeue(after.max(Duration::from_millis(100))),
                None => Action::await_change(),
            });
        };
        if let Effect::ReadSecrets(names) = &effect {
            run.logins = Some(host.logins(names).await);
            host.count(&effect, &Outcome::Accepted);
            continue;
        }
        let outcome = host.perform(&run, &effect).await;
        host.count(&effect, &outcome);
        let metadata = run.object.get("metadata");
        let generation = metadata
            .and_then(|metadata| metadata.get("generation"))
            .and_then(Value::as_i64);
        let logins = run.logins.as_deref().unwrap_or_default();
        let dry = host.config.dry_run.is_some();
        let pause = host.with_slot(&run, |slot| {
            slot.memory.learn(
                &effect,
                &outcome,
                generation.unwrap_or(1),
                logins,
                host.moment(),
            );
            if let (Outcome::Object(stored), false) = (&outcome, dry) {
                let stored = stored
                    .get("metadata")
                    .and_then(|metadata| metadata.get("resourceVersion"));
                slot.version = version(stored.and_then(Value::as_str));
            }
            slot.memory.pause()
        });
        tracing::debug!(object = run.name, %effect, ?outcome, "performed");
        match outcome {
            Outcome::Object(stored) => {
                for note in &decision.notes {
                    host.note(&object, note).await;
                }
                run.object = stored;
                run.live = true;
            }
            Outcome::Created(id) => {
                tracing::info!(object = run.name, id, "ECI makes a cache");
                run.live = false;
            }
            Outcome::Accepted => run.live = false,
            Outcome::NoObject => {
                host.forget(&run.name);
                return Ok(Action::await_change());
            }
            Outcome::Conflict => return Ok(Action::requeue(Duration::from_millis(200))),
            Outcome::Unsent(_) if dry => return Ok(Action::await_change()),
            Outcome::Refused { .. } | Outcome::Lost(_) | Outcome::Unsent(_) => {
                let write = matches!(
                    effect,
                    Effect::Read | Effect::Finalizers { .. } | Effect::Status { .. }
                );
                if let (true, Outcome::Lost(why) | Outcome::Unsent(why)) = (write, outcome) {
                    return Err(Broken { pause, why });
                }
                // the core says when, and in which words
            }
        }
    }
    Err(Broken {
        pause: Duration::from_secs(60),
        why: format!("more than {MAX_ACTS} acts in a row: this is a fault of this program"),
    })
}

/// When a broken-off work is tried again.
pub(super) fn again(_object: Arc<Object>, broken: &Broken, _host: Arc<Host>) -> Action {
    Action::requeue(broken.pause)
}
