//! The controller: asks the core, performs its effects, keeps the answers. It does what `native/controller` does, one
//! move at a time: a request that was sent is answered some moves later.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use imagecache::eci::error::{ApiError, ErrorCode, Retry};
use imagecache::eci::login::{BadSecret, RegistryLogin};
use imagecache::eci::request::Operation;
use imagecache::reconcile::{
    AdoptionClaim, Effect, EventNote, Listing, Observed, Outcome, ReconcileDecision,
    ReconcileRecord, SecretFault, SecretLogins, Spending, claim,
};
use imagecache_apiserver::api::write::Subresource;
use imagecache_apiserver::cluster::store::{Change, Watch};
use serde_json::Value;

use crate::cloud::owner;
use crate::server::{Expired, name_of};
use crate::soak::{Soak, of};

/// The password of the registry.
pub(crate) const PASSWORD: &str = "hunter2";
/// The namespace whose Secrets may be used.
pub(crate) const NAMESPACE: &str = "default";
/// Most effects in a row, as in the real controller.
const MAX_ACTS: u32 = 24;
/// Seconds between two listings while an object waits for one.
const POLL: i64 = 5;
/// Seconds between two listings at rest.
const REST: i64 = 300;

#[derive(Debug, Clone)]
struct Run {
    object: Value,
    live: bool,
    logins: Option<Vec<SecretLogins>>,
    acts: u32,
}

#[derive(Debug, Default, Clone)]
struct Slot {
    uid: String,
    memory: ReconcileRecord,
    version: u64,
    waits: bool,
}

/// A request that was sent, with the answer that is on its way.
struct Flight {
    run: Run,
    effect: Effect,
    notes: Vec<EventNote>,
    outcome: Outcome,
}

#[derive(Default)]
pub(crate) struct Host {
    started: i64,
    watch: Option<Watch>,
    untold: VecDeque<Arc<Change>>,
    store: BTreeMap<String, Value>,
    slots: BTreeMap<String, Slot>,
    runs: BTreeMap<String, Run>,
    flights: BTreeMap<String, Flight>,
    listing: Option<Listing>,
    /// A listing that is on its way.
    begun: Option<Listing>,
    /// The last listing was empty, and wrong.
    emptied: bool,
    listed: i64,
    awaited: bool,
    spending: Spending,
    woken: BTreeSet<String>,
    due: BTreeMap<String, i64>,
}

impl Host {
    /// The owner of a cache by the listing that the controller has.
    pub(crate) fn listed_owner(&self, id: &str) -> Option<&str> {
        owner(self.listing.as_ref()?.get(id)?)
    }
}

fn version(object: &Value) -> u64 {
    let version = &object["metadata"]["resourceVersion"];
    version.as_str().and_then(|text| text.parse().ok()).unwrap()
}

/// What is in a Secret.
fn login(secret: &str) -> SecretLogins {
    let found = match secret.split_once(':') {
        Some((_, "registry")) => Ok(vec![RegistryLogin {
            host: "registry.example.com".to_owned(),
            path: String::new(),
            user_name: "robot".to_owned(),
            password: PASSWORD.into(),
        }]),
        Some((_, "broken")) => Err(SecretFault::Bad(BadSecret::NoConfig)),
        _ => Err(SecretFault::Missing),
    };
    SecretLogins {
        secret: secret.to_owned(),
        found,
    }
}

impl Soak {
    /// A controller starts, and lists the objects.
    pub(crate) fn start_host(&mut self) {
        self.host = Host {
            started: self.now,
            listed: self.now - REST,
            ..Host::default()
        };
        // what is not there any longer cannot be counted by a controller that starts
        let now = self.time();
        let caches = self.cloud.entries(now);
        let left = |id: &str| caches.iter().any(|cache| cache.image_cache_id == id);
        self.cloud.creations.retain(|one| left(&one.id));
        self.relist();
    }

    fn relist(&mut self) {
        let (objects, version) = self.server.list();
        let host = &mut self.host;
        host.untold.clear();
        host.watch = Some(self.server.watch(version));
        host.store = objects
            .into_iter()
            .map(|object| (of(&object, "name").to_owned(), object))
            .collect();
        host.woken.extend(host.store.keys().cloned());
    }

    /// The watch delivers one change.
    pub(crate) fn watch(&mut self) {
        let host = &mut self.host;
        match host.watch.as_mut().unwrap().ready() {
            Ok(changes) => host.untold.extend(changes),
            Err(Expired { .. }) => {
                self.say("the watch expired");
                return self.relist();
            }
        }
        let Some(change) = host.untold.pop_front() else {
            return;
        };
        let name = name_of(&change.key).to_owned();
        match change.new_object() {
            Some(object) => {
                host.store.insert(name.clone(), object.value.clone());
                host.woken.insert(name);
            }
            None => {
                host.store.remove(&name);
                host.due.remove(&name);
                host.woken.remove(&name);
            }
        }
    }

    pub(crate) fn is_watch_done(&mut self) -> bool {
        let host = &mut self.host;
        match host.watch.as_mut().unwrap().ready() {
            Ok(changes) => host.untold.extend(changes),
            Err(Expired { .. }) => self.relist(),
        }
        self.host.untold.is_empty()
    }

    fn moment(&self) -> Duration {
        // a listing that began in the same second as an answer came later or earlier; it is taken for earlier
        Duration::from_secs((self.now - self.host.started).unsigned_abs())
    }

    /// Whether it is time for a listing.
    pub(crate) fn wants_listing(&self) -> bool {
        let host = &self.host;
        let pause = if host.awaited { POLL } else { REST };
        host.begun.is_none() && self.now - host.listed >= pause
    }

    pub(crate) fn is_listing(&self) -> bool {
        self.host.begun.is_some()
    }

    pub(crate) fn begin_listing(&mut self) {
        let now = self.time();
        let moment = self.moment();
        self.host.listed = self.now;
        let faulty = self.faulty && !self.storm;
        // an empty listing is not believed by itself; that two in a row would be wrong is beyond what is promised
        let before = std::mem::take(&mut self.host.emptied);
        let entries = if faulty && self.chance.one_in(20) && !before {
            self.say("the listing is empty");
            self.host.emptied = true;
            Vec::new()
        } else if faulty && self.chance.one_in(3) {
            let lagging = self.cloud.lagging();
            lagging.unwrap_or_else(|| self.cloud.entries(now))
        } else {
            self.cloud.entries(now)
        };
        let mut entries = entries;
        if faulty && !entries.is_empty() && self.chance.one_in(10) {
            let id = self.chance.pick(&entries).image_cache_id.clone();
            self.say(&format!("the listing lacks {id}"));
            entries.retain(|entry| entry.image_cache_id != id);
        }
        if faulty && self.chance.one_in(10) {
            return self.say("caches cannot be listed");
        }
        self.host.begun = Some(Listing::new(entries, moment));
    }

    pub(crate) fn end_listing(&mut self) {
        let Some(listing) = self.host.begun.take() else {
            return;
        };
        let now = self.clock();
        let host = &mut self.host;
        let listing = listing.after(host.listing.as_ref(), &host.spending, now);
        for (name, object) in &host.store {
            let slot = host.slots.get_mut(name);
            let waits = slot.is_none_or(|slot| std::mem::take(&mut slot.waits));
            let id = object["status"]["imageCacheId"].as_str();
            let before = host.listing.as_ref();
            let same = |before: &Listing| listing.same_for(before, of(object, "uid"), id);
            if waits || !before.is_some_and(same) {
                host.woken.insert(name.clone());
            }
        }
        host.awaited = false;
        host.listing = Some(listing);
    }

    /// The objects about which there may be something to do.
    pub(crate) fn runnable(&self) -> Vec<String> {
        let host = &self.host;
        let due = host.due.iter().filter(|(_, at)| **at <= self.now);
        let names = host.woken.iter().chain(due.map(|(name, _)| name));
        let names: BTreeSet<&String> = names.chain(host.runs.keys()).collect();
        let idle = names
            .into_iter()
            .filter(|name| !host.flights.contains_key(*name));
        idle.cloned().collect()
    }

    /// When there is something to do next.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.host.due.values().min().copied()
    }

    pub(crate) fn flights(&self) -> Vec<String> {
        self.host.flights.keys().cloned().collect()
    }

    fn slot(&mut self, name: &str, uid: &str) -> &mut Slot {
        let slot = self.host.slots.entry(name.to_owned()).or_default();
        if slot.uid != uid {
            *slot = Slot {
                uid: uid.to_owned(),
                ..Slot::default()
            };
        }
        slot
    }

    fn decide(&mut self, run: &Run, memory: &ReconcileRecord) -> ReconcileDecision {
        let sent = memory.as_sent(&run.object);
        let wanted = claim(&sent);
        let rivals = self.host.store.values().filter(|other| {
            wanted.is_some() && of(other, "uid") != of(&run.object, "uid") && claim(other) == wanted
        });
        let rivals: Vec<_> = rivals.filter_map(AdoptionClaim::read).collect();
        let now = self.clock();
        let moment = self.moment();
        let seen = Observed {
            listing: self.host.listing.as_ref(),
            live: run.live,
            logins: run.logins.as_deref(),
            pods: Some(&[]),
            starting: None,
            rivals: &rivals,
            spending: &self.host.spending,
            moment,
        };
        let decision = (self.rules.step)(&run.object, &seen, &self.rules.settings, memory, now);
        if let Some(effect) = &decision.act {
            self.host.spending.reserve(effect, now);
        }
        decision
    }

    /// One step about one object.
    pub(crate) fn step(&mut self, name: &str) {
        let run = match self.host.runs.remove(name) {
            Some(run) => run,
            None => {
                // a change that comes while a run is under way starts another one after it
                self.host.woken.remove(name);
                self.host.due.remove(name);
                let Some(object) = self.host.store.get(name) else {
                    return;
                };
                Run {
                    object: object.clone(),
                    live: false,
                    logins: None,
                    acts: 0,
                }
            }
        };
        let uid = of(&run.object, "uid").to_owned();
        let slot = self.slot(name, &uid).clone();
        if run.acts == 0 && version(&run.object) < slot.version {
            self.host.due.insert(name.to_owned(), self.now + 1);
            return;
        }
        if run.acts > MAX_ACTS {
            return self.breach(format!("{name}: more than {MAX_ACTS} effects in a row"));
        }
        let decision = self.decide(&run, &slot.memory);
        if let Some(problem) = &decision.problem {
            self.say(&format!("{name}: {}", problem.message));
        }
        if decision.listing {
            self.slot(name, &uid).waits = true;
            self.host.awaited = true;
        }
        let Some(effect) = decision.act else {
            if let Some(after) = decision.after {
                let after = i64::try_from(after.as_secs()).unwrap().max(1);
                self.host.due.insert(name.to_owned(), self.now + after);
            }
            return;
        };
        let run = Run {
            acts: run.acts + 1,
            ..run
        };
        if let Effect::ReadSecrets(names) = &effect {
            let mut spaces = names.iter().map(|name| name.split_once(':').unwrap().0);
            if let Some(space) = spaces.find(|space| *space != NAMESPACE) {
                self.breach(format!("{name}: a Secret of {space} is read"));
            }
            let logins = Some(names.iter().map(|name| login(name)).collect());
            let run = Run { logins, ..run };
            self.host.runs.insert(name.to_owned(), run);
            return;
        }
        self.say(&format!("{name}: {effect} {:?}", decision.notes));
        if matches!(effect, Effect::Create { .. } | Effect::Update { .. }) {
            self.say(&format!("{effect:?}"));
        }
        let outcome = self.perform(name, &run, &effect);
        if matches!(
            effect,
            Effect::Finalizers { .. } | Effect::Annotations { .. } | Effect::Status { .. }
        ) {
            self.check_wish(name);
        }
        let flight = Flight {
            run,
            effect,
            notes: decision.notes,
            outcome,
        };
        self.host.flights.insert(name.to_owned(), flight);
    }

    fn perform(&mut self, name: &str, run: &Run, effect: &Effect) -> Outcome {
        match effect {
            Effect::ReadSecrets(_) | Effect::ReadStarting(_) => Outcome::Accepted,
            Effect::AskRegistries(_) => Outcome::Answered(BTreeMap::new()),
            Effect::Read => match self.server.get(name) {
                Some(object) => Outcome::Object(object),
                None => Outcome::NoObject,
            },
            Effect::Finalizers { patch } | Effect::Annotations { patch } => {
                self.write(name, Subresource::None, patch)
            }
            Effect::Status { patch, .. } => self.write(name, Subresource::Status, patch),
            Effect::Describe { call } => {
                let operation = Operation::DescribeImageCaches(call.as_ref().clone());
                match self.call(&operation) {
                    Ok(mut reply) => {
                        let entries = reply["ImageCaches"].take();
                        let entries: Vec<_> = serde_json::from_value(entries).unwrap();
                        Outcome::Described(entries.into_iter().next().map(Box::new))
                    }
                    Err(outcome) => outcome,
                }
            }
            Effect::Create { call, .. } => {
                match self.call(&Operation::CreateImageCache(call.as_ref().clone())) {
                    Ok(reply) => {
                        Outcome::Created(reply["ImageCacheId"].as_str().unwrap().to_owned())
                    }
                    Err(outcome) => outcome,
                }
            }
            Effect::Update { call, .. } => {
                self.check_target(name, &run.object, &call.image_cache_id);
                match self.call(&Operation::UpdateImageCache(call.as_ref().clone())) {
                    Ok(_) => Outcome::Accepted,
                    Err(outcome) => outcome,
                }
            }
            Effect::Delete { call } => {
                self.check_target(name, &run.object, &call.image_cache_id);
                match self.call(&Operation::DeleteImageCache(call.clone())) {
                    Ok(_) => Outcome::Accepted,
                    Err(outcome) => outcome,
                }
            }
        }
    }

    /// A number from 0 up to `limit`, for what goes wrong with a request: nothing does at `limit` and beyond.
    fn fate(&mut self, limit: u64) -> u64 {
        match (self.faulty, self.storm) {
            (false, _) => limit,
            (true, false) => self.chance.below(limit),
            (true, true) => self.chance.below(limit * 10),
        }
    }

    /// A write of the controller, whose answer may be lost.
    fn write(&mut self, name: &str, part: Subresource, patch: &Value) -> Outcome {
        let lost = Outcome::Lost("the connection was closed".to_owned());
        let fate = self.fate(20);
        if fate == 0 {
            return lost;
        }
        if fate == 1 {
            return Outcome::Unsent("the cluster responds 503".to_owned());
        }
        let now = self.time();
        let outcome = match self.server.patch(name, part, patch, now) {
            Ok(object) => Outcome::Object(object),
            Err(error) if error.code == 404 => Outcome::NoObject,
            Err(error) if error.code == 409 => Outcome::Conflict,
            Err(error) => Outcome::Unsent(error.message),
        };
        if fate == 2 { lost } else { outcome }
    }

    /// A call to the cloud, with everything that may become of it.
    fn call(&mut self, operation: &Operation) -> Result<Value, Outcome> {
        let now = self.time();
        let refused = |error: ApiError| {
            let status = error.code.status().unwrap_or(400);
            Outcome::Refused {
                retry: error.code.retry(status, None),
                code: error.code,
                message: error.message,
            }
        };
        let lost = Err(Outcome::Lost("no answer".to_owned()));
        if self.now < self.ended {
            return Err(match self.chance.below(2) {
                0 => refused(ApiError::new(
                    ErrorCode::SecurityTokenExpired,
                    "they have ended",
                )),
                _ => Outcome::Unsent("no credentials".to_owned()),
            });
        }
        let fate = self.fate(30);
        if fate < 9 {
            self.say(&format!("fate {fate} of {}", operation.action()));
        }
        let code = match fate {
            0 => return lost,
            1 => {
                let _ = self.cloud.call(operation, now);
                return lost;
            }
            2 => {
                let until = now.plus(1 + self.chance.seconds(50));
                self.cloud.delay(operation.clone(), until);
                return lost;
            }
            3 => {
                let until = now.plus(1 + self.chance.seconds(50));
                self.cloud.delay(operation.clone(), until);
                return self.cloud.call(operation, now).map_err(refused);
            }
            4 => ErrorCode::ThrottlingUser,
            5 => ErrorCode::QuotaExceeded,
            6 => ErrorCode::NoStock,
            7 => ErrorCode::InternalError,
            8 => ErrorCode::Other("\u{202e}evil".to_owned()),
            _ => return self.cloud.call(operation, now).map_err(refused),
        };
        let error = crate::cloud::refusal(code, operation);
        Err(match refused(error) {
            // the client tries again by itself, and an earlier try may have had its effect
            Outcome::Refused {
                retry: Retry::After(_),
                message,
                ..
            } if self.chance.one_in(2) => Outcome::Lost(message),
            outcome => outcome,
        })
    }

    /// The answer to a request arrives.
    pub(crate) fn answer(&mut self, name: &str) {
        let Some(flight) = self.host.flights.remove(name) else {
            return;
        };
        let Flight {
            run,
            effect,
            notes,
            outcome,
        } = flight;
        let now = self.clock();
        self.host.spending.settle(&effect, &outcome, now);
        let generation = run.object["metadata"]["generation"].as_i64().unwrap();
        let moment = self.moment();
        let uid = of(&run.object, "uid").to_owned();
        let slot = self.slot(name, &uid);
        slot.memory.record(&effect, &outcome, generation, moment);
        let pause = i64::try_from(slot.memory.pause().as_secs()).unwrap().max(1);
        if let Outcome::Object(stored) = &outcome {
            slot.version = version(stored);
        }
        match &outcome {
            Outcome::Object(_) => self.say(&format!("{name}: stored")),
            outcome => self.say(&format!("{name}: {outcome:?}")),
        }
        let next = match outcome {
            Outcome::Object(object) => {
                for note in notes {
                    self.say(&format!("{name}: event {}: {}", note.reason, note.message));
                }
                Run {
                    object,
                    live: true,
                    ..run
                }
            }
            Outcome::Created(_) | Outcome::Accepted => Run { live: false, ..run },
            Outcome::Described(_) | Outcome::Answered(_) => run,
            Outcome::NoObject => {
                self.host.slots.remove(name);
                return;
            }
            Outcome::Conflict => {
                self.host.due.insert(name.to_owned(), self.now + 1);
                return;
            }
            Outcome::Refused { .. } | Outcome::Lost(_) | Outcome::Unsent(_) => {
                if matches!(
                    effect,
                    Effect::Read | Effect::Finalizers { .. } | Effect::Status { .. }
                ) {
                    self.host.due.insert(name.to_owned(), self.now + pause);
                    return;
                }
                run
            }
        };
        self.host.runs.insert(name.to_owned(), next);
    }
}
