//! A model: a model cluster, a model cloud and one host that steps, with everything that may go wrong as a move.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::hash::{Hash, Hasher as _};
use std::rc::Rc;
use std::time::Duration;

use imagecache::eci::login::RegistryLogin;
use imagecache::reconcile::{
    AdoptionClaim, Allowed, Effect, FreshnessSettings, GONE_AFTER, Listing, Observed, OnDrift,
    Outcome, ReconcileDecision, ReconcileRecord, ReconcileSettings, SecretLogins, Spending, Trust,
    claim, patched, step,
};
use imagecache::registry::{FailureReason, ImageRecord, RegistryAnswer, RegistryFailure};
use imagecache::resource::annotation::{ADOPT, DIGESTS, FINALIZER};
use imagecache::time::Timestamp;
use serde_json::{Value, json};

use crate::cloud::{Cache, Call, Cloud, NOBODYS};

pub(crate) const PASSWORD: &str = "hunter2";
/// A cache that no object here may change.
pub(crate) const FOREIGN: &str = "imc-foreign";

/// The function under test: [`step`], or a mutant of it.
pub(crate) type StepFn =
    fn(&Value, &Observed<'_>, &ReconcileSettings, &ReconcileRecord, Timestamp) -> ReconcileDecision;
pub(crate) const REAL: StepFn = step;

/// What becomes of an act and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    /// It has its effect, and the answer is lost.
    AnswerLost,
    /// It never arrives.
    Lost,
    /// It arrives later; its sender gave up before.
    Late,
    /// ECI refuses.
    Refused,
}

/// A move of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// The host takes one step about an object and performs the act.
    Step(usize, Fate),
    /// The watch delivers the next change to the host.
    Watch,
    /// A listing, begun and delivered.
    List,
    /// A listing begins, and is delivered later.
    Begin,
    Tell,
    /// The host dies and another starts.
    Crash,
    /// A late call arrives.
    Arrive,
    /// The work on a cache ends, well or not.
    Settle(usize, bool),
    /// Somebody edits the spec of an object.
    Edit(usize),
    /// Somebody deletes an object.
    Delete(usize),
    /// A user annotates an object so that it wants `imc-untagged`.
    Wish(usize),
    /// Somebody removes a cache in the cloud.
    Remove(usize),
    /// Somebody writes the id of a cache into the status of an object.
    Forge(usize, &'static str),
    /// The controller of another cluster adopts `imc-untagged`.
    Rob,
    /// A listing that shows no cache at all.
    ListNothing,
    /// Every tag means something else from now on.
    Retag,
    /// A pod that names the cache starts, or has started.
    Pod,
    /// Time passes: a minute.
    Minute,
    /// Time passes: more than an hour.
    Hour,
    /// Time passes: more than a day. Failed caches go, and those whose retention ended.
    Day,
}

/// How often what may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Budget {
    pub(crate) faults: u8,
    pub(crate) refusals: u8,
    pub(crate) crashes: u8,
    pub(crate) edits: u8,
    pub(crate) deletions: u8,
    pub(crate) wishes: u8,
    pub(crate) removals: u8,
    pub(crate) forgeries: u8,
    pub(crate) robberies: u8,
    pub(crate) empty_listings: u8,
    pub(crate) failures: u8,
    pub(crate) stale_listings: u8,
    pub(crate) retags: u8,
    pub(crate) pods: u8,
    pub(crate) minutes: u8,
    pub(crate) hours: u8,
    pub(crate) days: u8,
}

/// A value that never changes, with the hash of it.
#[derive(Debug)]
struct Hashed<T> {
    value: T,
    hash: u64,
}

type Shared<T> = Rc<Hashed<T>>;

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// An object as it was stored; the hash leaves its version out.
type Object = Shared<Value>;

fn shared(object: Value) -> Object {
    let mut bare = object.clone();
    bare["metadata"]["resourceVersion"] = Value::Null;
    Rc::new(Hashed {
        value: object,
        hash: hash_of(&bare),
    })
}

fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// A reconcile that is under way: the object as it was last read.
#[derive(Debug, Clone)]
struct Run {
    object: Object,
    live: bool,
}

/// What is remembered of an object; the hash leaves its times out.
#[derive(Debug)]
struct Known {
    memory: ReconcileRecord,
    hash: u64,
    times: Vec<Duration>,
}

#[derive(Debug, Clone, Default)]
struct Host {
    store: BTreeMap<usize, Object>,
    memories: BTreeMap<String, Rc<Known>>,
    runs: BTreeMap<usize, Run>,
    listing: Option<Shared<Listing>>,
    spending: Spending,
    begun: Option<Shared<Listing>>,
    /// The version of the newest answer of the API server about an object.
    newest: BTreeMap<usize, u64>,
    moment: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct Model {
    step: StepFn,
    pub(crate) settings: ReconcileSettings,
    /// The cache of this id is in no listing.
    hidden: Option<&'static str>,
    /// A listing shows the caches as they were this many listings before.
    lag: usize,
    shots: VecDeque<Vec<Cache>>,
    /// A status has been forged.
    forged: bool,
    /// When ECI first said, asked by its id, that there is no such cache; since the host started.
    absent: BTreeMap<String, Duration>,
    /// The caches whose deletion ECI accepted, and the host got the answer.
    deleted: BTreeSet<String>,
    objects: Vec<Option<Object>>,
    version: u64,
    pub(crate) cloud: Cloud,
    late: Vec<Call>,
    host: Host,
    /// Changes that the watch has yet to deliver, in the order in which they were stored, as an API server delivers them.
    untold: VecDeque<(usize, Option<Object>)>,
    now: Timestamp,
    /// The host begins with no object that is older than an answer it was given, as the real one does. Where it may, more
    /// goes wrong, and there are more states.
    patient: bool,
    /// The watch is never late.
    prompt: bool,
    /// Nothing is looked at any more once each object has a cache.
    short: bool,
    /// A pod that names the cache of each object is starting.
    starting: bool,
    /// When a rebuild was written down; since the host started.
    rebuilds: Vec<Timestamp>,
    /// What the API server makes of a status before it stores it.
    alters: Option<fn(&mut Value)>,
    pub(crate) budget: Budget,
    /// Writes to either side so far.
    pub(crate) writes: u32,
    /// The first promise that was broken.
    pub(crate) broken: Option<String>,
}

pub(crate) fn image(name: usize, generation: i64) -> String {
    format!("registry.example.com/demo/{name}:{generation}")
}

fn object(index: usize, adopt: Option<&str>) -> Value {
    let mut object = json!({
        "metadata": {
            "name": format!("object-{index}"), "uid": format!("uid-{index}"), "generation": 1,
            "resourceVersion": "0", "creationTimestamp": format!("2026-01-18T13:40:0{index}Z"),
        },
        "spec": {"images": [image(index, 1)], "imagePullSecrets": ["default:registry"]},
    });
    if let Some(id) = adopt {
        object["metadata"]["annotations"] = json!({ADOPT: id});
    }
    object
}

impl Model {
    /// This many objects that want a cache each, nothing known and nothing made.
    pub(crate) fn new(step: StepFn, objects: usize, budget: Budget) -> Self {
        let foreign = Cache {
            id: FOREIGN.to_owned(),
            status: "Ready",
            images: vec![image(0, 1)],
            owner: Some("another-cluster".to_owned()),
            expires: None,
            created: "2026-01-01T00:00:00Z".to_owned(),
            size: 20,
            pulled: 0,
        };
        let nobodys = Cache {
            id: NOBODYS.to_owned(),
            owner: None,
            ..foreign.clone()
        };
        let mut model = Model {
            step,
            settings: {
                let mut settings = ReconcileSettings::default();
                settings.region_id = "cn-hangzhou".to_owned();
                settings.trust = {
                    let mut trust = Trust::default();
                    trust.secret_namespaces = Allowed::of(["default"]);
                    trust.adoption = Allowed::All;
                    trust
                };
                settings
            },
            hidden: None,
            lag: 0,
            shots: VecDeque::new(),
            forged: false,
            absent: BTreeMap::new(),
            deleted: BTreeSet::new(),
            objects: (0..objects)
                .map(|index| Some(shared(object(index, None))))
                .collect(),
            version: 0,
            cloud: Cloud {
                ever_ready: [("imc-untagged".to_owned(), nobodys.images.clone())].into(),
                caches: vec![foreign, nobodys],
                ..Cloud::default()
            },
            late: Vec::new(),
            host: Host::default(),
            now: "2026-01-18T13:41:00Z".parse().unwrap(),
            untold: VecDeque::new(),
            patient: false,
            prompt: false,
            short: false,
            starting: false,
            rebuilds: Vec::new(),
            alters: None,
            budget,
            writes: 0,
            broken: None,
        };
        model.start();
        model
    }

    /// The host waits for the watch to bring what it wrote itself.
    pub(crate) fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    /// The watch is never late. Where a patient host alone writes, and no object looks at another, that shows in nothing:
    /// a late watch only keeps the host waiting.
    pub(crate) fn prompt(mut self) -> Self {
        self.prompt = true;
        self
    }

    /// The model ends when each object has a cache: whose it is has been settled, and other models cover what follows.
    pub(crate) fn until_each_has_one(mut self) -> Self {
        self.short = true;
        self
    }

    /// The API server stores what this makes of a status. What ECI is to have is what counts then, not the status.
    pub(crate) fn altering(mut self, alters: fn(&mut Value)) -> Self {
        self.alters = Some(alters);
        self
    }

    /// Listings never show the first cache that is made for the first object.
    pub(crate) fn hiding(mut self) -> Self {
        self.hidden = Some("imc-uid-0-1");
        self
    }

    /// A listing shows the caches as they were this many listings before.
    pub(crate) fn lagging(mut self, listings: usize) -> Self {
        self.lag = listings;
        self
    }

    /// The tags of caches are compared with their registries.
    pub(crate) fn comparing(mut self, on_drift: OnDrift) -> Self {
        let mut freshness = FreshnessSettings::new(on_drift, Allowed::All);
        freshness.interval = Duration::from_secs(1500);
        self.settings.freshness = Some(freshness);
        self
    }

    /// At most this many rebuilds within an hour.
    pub(crate) fn rebuilding_at_most(mut self, rebuilds: u32) -> Self {
        self.settings.budget.rebuilds_per_hour = rebuilds;
        self
    }

    /// No object may adopt anything.
    pub(crate) fn without_adoption(mut self) -> Self {
        self.settings.trust.adoption = Allowed::default();
        self
    }

    /// At most this many creations for an object within an hour.
    pub(crate) fn creating_at_most(mut self, creations: u32) -> Self {
        self.settings.budget.creations_per_object_hour = creations;
        self
    }

    /// The first object is `Ready`, and there is nothing to do.
    pub(crate) fn at_rest(mut self) -> Self {
        let budget = self.budget;
        self.rest(&mut HashSet::new());
        self.budget = budget;
        self
    }

    fn may_begin(&self, index: usize) -> bool {
        let told = self.host.store.get(&index);
        let told = told.map(|object| version(&object.value));
        !self.patient || told >= self.host.newest.get(&index).copied()
    }

    /// A host starts: it lists the objects, and remembers nothing. Until it has listed it does nothing, so both are one.
    fn start(&mut self) {
        self.untold.clear();
        self.rebuilds.clear();
        self.absent.clear();
        let objects = self.objects.iter().enumerate();
        let store = objects.filter_map(|(index, object)| Some((index, object.clone()?)));
        self.host = Host {
            store: store.collect(),
            ..Host::default()
        };
    }

    /// The object wants this cache instead of one of its own.
    pub(crate) fn adopting(mut self, index: usize, id: &str) -> Self {
        self.objects[index] = Some(shared(object(index, Some(id))));
        self.start();
        self
    }

    /// The object asks for what is in the cache without an owner, so that adoption is all there is to do.
    pub(crate) fn asking_for_nobodys(mut self, index: usize) -> Self {
        let mut object = self.live(index).unwrap().clone();
        object["spec"]["images"] = json!([image(0, 1)]);
        self.objects[index] = Some(shared(object));
        self.start();
        self
    }

    /// The object's caches are kept this many days.
    pub(crate) fn retaining(mut self, index: usize, days: i64) -> Self {
        let mut object = self.live(index).unwrap().clone();
        object["spec"]["retentionDays"] = days.into();
        self.objects[index] = Some(shared(object));
        self.start();
        self
    }

    /// An object as the API server has it.
    fn live(&self, index: usize) -> Option<&Value> {
        Some(&self.objects[index].as_ref()?.value)
    }

    fn breach(&mut self, what: impl Into<String>) {
        self.broken.get_or_insert(what.into());
    }

    /// Every move that is possible now.
    pub(crate) fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        let mut objects = self.objects.iter().flatten();
        if self.short && objects.all(|object| object.value["status"]["imageCacheId"].is_string()) {
            return moves;
        }
        let budget = &self.budget;
        let mut wants_listing = false;
        for index in 0..self.objects.len() {
            if let Some(decision) = self.decide(index) {
                wants_listing |= decision.listing;
                if let Some(act) = decision.act {
                    moves.push(Move::Step(index, Fate::Done));
                    let call = matches!(
                        act,
                        Effect::Create { .. } | Effect::Update { .. } | Effect::Delete { .. }
                    );
                    if budget.faults > 0 && act.is_write() {
                        moves.push(Move::Step(index, Fate::AnswerLost));
                    }
                    if budget.faults > 0 && matches!(act, Effect::AskRegistries(_)) {
                        moves.push(Move::Step(index, Fate::Lost));
                    }
                    if budget.faults > 0 && call {
                        moves.push(Move::Step(index, Fate::Lost));
                        moves.push(Move::Step(index, Fate::Late));
                    }
                    if budget.refusals > 0 && call {
                        moves.push(Move::Step(index, Fate::Refused));
                    }
                } else if self.host.runs.contains_key(&index) {
                    moves.push(Move::Step(index, Fate::Done));
                }
            }
            let live = self.live(index);
            if live.is_some_and(|object| object["metadata"].get("deletionTimestamp").is_none()) {
                if budget.wishes > 0 && live.is_some_and(|object| !wishes(object)) {
                    moves.push(Move::Wish(index));
                }
                if budget.edits > 0 {
                    moves.push(Move::Edit(index));
                }
                if budget.forgeries > 0 {
                    let ids = [FOREIGN, NOBODYS, "imc-none"];
                    moves.extend(ids.map(|id| Move::Forge(index, id)));
                }
                if budget.deletions > 0 {
                    moves.push(Move::Delete(index));
                }
            }
        }
        if !self.untold.is_empty() {
            moves.push(Move::Watch);
        }
        let listed = self.host.listing.as_ref();
        if wants_listing || listed.is_none_or(|listed| !self.is_told_by(&listed.value)) {
            moves.push(Move::List);
            if budget.stale_listings > 0 && self.host.begun.is_none() {
                moves.push(Move::Begin);
            }
        }
        if self.host.begun.is_some() {
            moves.push(Move::Tell);
        }
        if budget.empty_listings > 0 && listed.is_some() {
            moves.push(Move::ListNothing);
        }
        if budget.robberies > 0 {
            moves.push(Move::Rob);
        }
        if budget.crashes > 0 {
            moves.push(Move::Crash);
        }
        if !self.late.is_empty() {
            moves.push(Move::Arrive);
        }
        for (index, cache) in self.cloud.caches.iter().enumerate() {
            if matches!(cache.status, "Creating" | "Updating") {
                moves.push(Move::Settle(index, true));
                if budget.failures > 0 {
                    moves.push(Move::Settle(index, false));
                }
            }
            if budget.removals > 0 && cache.id != FOREIGN && cache.owner.is_some() {
                moves.push(Move::Remove(index));
            }
        }
        if budget.retags > 0 {
            moves.push(Move::Retag);
        }
        if budget.pods > 0 {
            moves.push(Move::Pod);
        }
        if budget.hours > 0 && self.late.is_empty() {
            moves.push(Move::Hour);
        }
        if budget.minutes > 0 && self.late.is_empty() {
            moves.push(Move::Minute);
        }
        if budget.days > 0 && self.late.is_empty() {
            moves.push(Move::Day);
        }
        moves
    }

    /// Whether a listing reports the caches as they are.
    fn is_told_by(&self, listing: &Listing) -> bool {
        listing.entries() == self.entries()
    }

    fn entries(&self) -> Vec<imagecache::eci::reply::ImageCacheEntry> {
        let shown = self.shown(&self.cloud.caches);
        let mut entries: Vec<_> = shown.iter().map(Cache::entry).collect();
        entries.sort_by(|a, b| a.image_cache_id.cmp(&b.image_cache_id));
        entries
    }

    fn shown(&self, caches: &[Cache]) -> Vec<Cache> {
        let hidden = |cache: &&Cache| self.hidden != Some(cache.id.as_str());
        caches.iter().filter(hidden).cloned().collect()
    }

    /// What is decided about an object, with its secrets read when that is needed.
    fn decide(&self, index: usize) -> Option<ReconcileDecision> {
        let (object, live) = match self.host.runs.get(&index) {
            Some(run) => (&run.object.value, run.live),
            None if self.may_begin(index) => (&self.host.store.get(&index)?.value, false),
            None => return None,
        };
        let uid = object["metadata"]["uid"].as_str()?;
        let unknown = ReconcileRecord::default();
        let known = self.host.memories.get(uid);
        let memory = known.map_or(&unknown, |known| &known.memory);
        let wanted = claim(object);
        let rivals: Vec<AdoptionClaim> = self
            .host
            .store
            .iter()
            .map(|(other, object)| (other, &object.value))
            .filter(|(other, object)| {
                **other != index && wanted.is_some() && claim(object) == wanted
            })
            .filter_map(|(_, object)| AdoptionClaim::read(object))
            .collect();
        let listing = self.host.listing.as_ref();
        let seen = Observed {
            listing: listing.map(|listing| &listing.value),
            live,
            logins: None,
            pods: Some(&[]),
            starting: None,
            rivals: &rivals,
            spending: &self.host.spending,
            moment: self.host.moment,
        };
        let settings = &self.settings;
        let decision = (self.step)(object, &seen, settings, memory, self.now);
        // reading changes nothing, and is followed by the act at once
        let reads = |decision: &ReconcileDecision| {
            let act = decision.act.as_ref();
            act.is_some_and(|act| matches!(act, Effect::ReadSecrets(_) | Effect::ReadStarting(_)))
        };
        if !reads(&decision) {
            return Some(decision);
        }
        let secrets = object["spec"]["imagePullSecrets"].as_array();
        let names = secrets.into_iter().flatten().filter_map(Value::as_str);
        let logins: Vec<SecretLogins> = names.map(login).collect();
        let pods = ["default/web".to_owned()];
        let seen = Observed {
            logins: Some(&logins),
            starting: Some(Ok(if self.starting { &pods } else { &[] })),
            ..seen
        };
        Some((self.step)(object, &seen, settings, memory, self.now))
    }

    /// Makes a move.
    pub(crate) fn make(&mut self, one: Move) {
        match one {
            Move::Step(index, fate) => self.advance(index, fate),
            Move::Watch => self.watch(),
            Move::List => {
                self.host.listing = Some(self.snapshot());
                self.host.begun = None;
            }
            Move::Begin => {
                self.budget.stale_listings -= 1;
                self.host.begun = Some(self.snapshot());
            }
            Move::Tell => self.host.listing = self.host.begun.take(),
            Move::ListNothing => {
                self.budget.empty_listings -= 1;
                self.host.listing = Some(self.told(&[]));
                self.host.begun = None;
            }
            Move::Rob => {
                self.budget.robberies -= 1;
                if let Some(cache) = self.cloud.cache(NOBODYS) {
                    cache.owner = Some("another-cluster".to_owned());
                }
            }
            Move::Forge(index, id) => {
                self.budget.forgeries -= 1;
                self.forged = true;
                let mut object = self.live(index).unwrap().clone();
                object["status"]["imageCacheId"] = id.into();
                self.store(index, object);
            }
            Move::Crash => {
                self.budget.crashes -= 1;
                // what is not there any longer cannot be counted by who starts
                let caches = &self.cloud.caches;
                let left = |id: &String| caches.iter().any(|cache| cache.id == *id);
                self.cloud.creations.retain(|(_, id, _)| left(id));
                self.start();
            }
            Move::Arrive => {
                let call = self.late.remove(0);
                let now = self.now.to_string();
                self.cloud.receive(&call, &now);
            }
            Move::Settle(index, well) => {
                let id = self.cloud.caches[index].id.clone();
                self.budget.failures -= u8::from(!well);
                let end = self.now.plus(imagecache::expiry::FAILED_KEPT).to_string();
                self.cloud.settle(&id, well, &end);
            }
            Move::Edit(index) => {
                self.budget.edits -= 1;
                self.edit(index);
            }
            Move::Delete(index) => {
                self.budget.deletions -= 1;
                self.remove(index);
            }
            Move::Wish(index) => {
                self.budget.wishes -= 1;
                let mut object = self.live(index).unwrap().clone();
                object["metadata"]["annotations"][ADOPT] = "imc-untagged".into();
                self.store(index, object);
            }
            Move::Remove(index) => {
                self.budget.removals -= 1;
                self.cloud.caches.remove(index);
            }
            Move::Retag => {
                self.budget.retags -= 1;
                self.cloud.tag += 1;
            }
            Move::Pod => {
                self.budget.pods -= 1;
                self.starting = !self.starting;
            }
            Move::Hour => {
                self.budget.hours -= 1;
                self.pass(3_700);
            }
            Move::Minute => {
                self.budget.minutes -= 1;
                self.pass(61);
            }
            Move::Day => {
                self.budget.days -= 1;
                self.pass(90_000);
            }
        }
        self.check();
    }

    fn watch(&mut self) {
        match self.untold.pop_front() {
            Some((index, Some(object))) => drop(self.host.store.insert(index, object)),
            Some((index, None)) => drop(self.host.store.remove(&index)),
            None => {}
        }
    }

    fn pass(&mut self, seconds: u32) {
        self.host.moment += Duration::from_secs(seconds.into());
        self.now = self.now.plus(seconds.into());
        let now = self.now;
        self.cloud.caches.retain(|cache| {
            let end: Option<Timestamp> = cache.expires.as_deref().map(|end| end.parse().unwrap());
            end.is_none_or(|end| end > now)
        });
        if seconds > 86_400 {
            // the life of a token is a day
            self.cloud.tokens.clear();
        }
    }

    fn snapshot(&mut self) -> Shared<Listing> {
        let shown = self.shown(&self.cloud.caches);
        self.shots.push_back(shown);
        while self.shots.len() > self.lag + 1 {
            self.shots.pop_front();
        }
        let shown = self.shots.front().cloned().unwrap_or_default();
        if self.lag == 0 {
            self.shots.clear();
        }
        self.told(&shown)
    }

    /// A listing that shows these caches.
    fn told(&mut self, caches: &[Cache]) -> Shared<Listing> {
        self.host.moment += Duration::from_nanos(1);
        let entries = caches.iter().map(Cache::entry).collect();
        let before = self.host.listing.as_ref().map(|before| &before.value);
        let listing =
            Listing::new(entries, self.host.moment).after(before, &self.host.spending, self.now);
        Rc::new(Hashed {
            hash: hash_of(&(caches, listing.is_doubtful())),
            value: listing,
        })
    }

    fn edit(&mut self, index: usize) {
        let mut object = self.live(index).unwrap().clone();
        let generation = object["metadata"]["generation"].as_i64().unwrap() + 1;
        object["metadata"]["generation"] = generation.into();
        object["spec"]["images"] = json!([image(index, generation)]);
        self.store(index, object);
    }

    fn remove(&mut self, index: usize) {
        let mut object = self.live(index).unwrap().clone();
        if object["metadata"]
            .get("finalizers")
            .is_none_or(|list| list.as_array().unwrap().is_empty())
        {
            self.change(index, None);
            return;
        }
        object["metadata"]["deletionTimestamp"] = json!(self.now);
        // as the API server does
        let generation = object["metadata"]["generation"].as_i64().unwrap() + 1;
        object["metadata"]["generation"] = generation.into();
        self.store(index, object);
    }

    fn store(&mut self, index: usize, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.change(index, Some(shared(object)));
    }

    fn change(&mut self, index: usize, object: Option<Object>) {
        self.untold.push_back((index, object.clone()));
        self.objects[index] = object;
        if self.prompt {
            self.tell_all();
        }
    }

    fn advance(&mut self, index: usize, fate: Fate) {
        let decision = self.decide(index).unwrap();
        let run = self.host.runs.remove(&index).unwrap_or_else(|| Run {
            object: Rc::clone(&self.host.store[&index]),
            live: false,
        });
        let Some(act) = decision.act else { return };
        self.budget.faults -= u8::from(matches!(fate, Fate::AnswerLost | Fate::Lost | Fate::Late));
        self.budget.refusals -= u8::from(fate == Fate::Refused);
        let said = format!("{act} {act:?} {:?}", decision.notes);
        if said.contains(PASSWORD) {
            self.breach(format!("a secret is told: {said}"));
        }
        self.host.spending.reserve(&act, self.now);
        let outcome = match &act {
            Effect::Describe { call } => {
                let id = call.image_cache_id.as_deref().unwrap();
                let found = self.cloud.cache(id).map(|cache| Box::new(cache.entry()));
                let moment = self.host.moment;
                match &found {
                    Some(_) => drop(self.absent.remove(id)),
                    None => drop(self.absent.entry(id.to_owned()).or_insert(moment)),
                }
                Outcome::Described(found)
            }
            Effect::ReadSecrets(_) | Effect::ReadStarting(_) => {
                self.breach("what was read is read again and again");
                return;
            }
            Effect::Read => match self.live(index) {
                Some(object) => Outcome::Object(object.clone()),
                None => Outcome::NoObject,
            },
            Effect::AskRegistries(tags) => {
                let answer = || match fate {
                    Fate::Lost => RegistryAnswer::Failed(RegistryFailure::new(
                        FailureReason::Unreachable,
                        "no answer",
                    )),
                    _ => RegistryAnswer::Image(ImageRecord::new(&digest(self.cloud.tag))),
                };
                let answers = tags.iter().map(|tag| (tag.ask.image.clone(), answer()));
                Outcome::Answered(answers.collect())
            }
            Effect::Finalizers { patch }
            | Effect::Annotations { patch }
            | Effect::Status { patch, .. } => {
                let outcome = self.write(index, patch);
                if fate == Fate::AnswerLost {
                    Outcome::Lost("cut".to_owned())
                } else {
                    outcome
                }
            }
            Effect::Create { call, .. } => {
                self.call(&run.object.value, Call::Create(call.as_ref().clone()), fate)
            }
            Effect::Update { call, .. } => {
                self.call(&run.object.value, Call::Update(call.as_ref().clone()), fate)
            }
            Effect::Delete { call } => {
                let outcome = self.call(&run.object.value, Call::Delete(call.clone()), fate);
                if matches!(outcome, Outcome::Accepted) {
                    self.deleted.insert(call.image_cache_id.clone());
                }
                outcome
            }
        };
        self.host.spending.settle(&act, &outcome, self.now);
        let metadata = &run.object.value["metadata"];
        let generation = metadata["generation"].as_i64().unwrap();
        let uid = metadata["uid"].as_str().unwrap().to_owned();
        self.host.moment += Duration::from_nanos(1);
        let known = self.host.memories.get(&uid);
        let mut memory = known.map_or_else(ReconcileRecord::default, |known| known.memory.clone());
        memory.record(&act, &outcome, generation, self.host.moment);
        let (hash, times) = timeless(&memory);
        let known = Known {
            memory,
            hash,
            times,
        };
        self.host.memories.insert(uid.clone(), Rc::new(known));
        match outcome {
            Outcome::Object(object) => {
                let newest = self.objects[index].as_ref();
                let object = match newest.filter(|newest| newest.value == object) {
                    Some(newest) => Rc::clone(newest),
                    None => shared(object),
                };
                self.host.newest.insert(index, version(&object.value));
                self.host.runs.insert(index, Run { object, live: true });
            }
            // the object as it was read is still the newest known, but is not used as the newest
            Outcome::Created(_) | Outcome::Accepted => {
                drop(self.host.runs.insert(index, Run { live: false, ..run }))
            }
            Outcome::Described(_) | Outcome::Answered(_) => {
                drop(self.host.runs.insert(index, run));
            }
            Outcome::NoObject => {
                self.host.memories.remove(&uid);
            }
            _ => {}
        }
    }

    /// The API server takes a patch.
    fn write(&mut self, index: usize, patch: &Value) -> Outcome {
        let Some(object) = self.live(index).cloned() else {
            return Outcome::NoObject;
        };
        let meant = &patch["metadata"];
        if meant["resourceVersion"] != object["metadata"]["resourceVersion"]
            || meant["uid"] != object["metadata"]["uid"]
        {
            return Outcome::Conflict;
        }
        self.writes += 1;
        let mut stored = patched(&object, patch);
        if let Some(alters) = self.alters.filter(|_| patch.get("status").is_some()) {
            alters(&mut stored["status"]);
        }
        let held = |object: &Value| {
            let list = object["metadata"]["finalizers"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            list.contains(&json!(FINALIZER))
        };
        let gone = stored["metadata"].get("deletionTimestamp").is_some() && !held(&stored);
        if held(&object) && !held(&stored) {
            self.released(&stored);
        }
        if gone {
            self.change(index, None);
            return Outcome::NoObject;
        }
        if stored.to_string().contains(PASSWORD) {
            self.breach("a secret stands in an object");
        }
        self.claimed(&stored);
        self.given_up(&object, &stored);
        self.fresh(&object, &stored);
        self.store(index, stored);
        Outcome::Object(self.live(index).unwrap().clone())
    }

    /// The finalizer goes: nothing that was made for the object may be left, or still come.
    fn released(&mut self, object: &Value) {
        let uid = object["metadata"]["uid"].as_str().unwrap();
        let left = self
            .cloud
            .caches
            .iter()
            .any(|cache| cache.owner.as_deref() == Some(uid) && cache.id != NOBODYS);
        let coming = self.late.iter().any(|call| match call {
            Call::Create(call) => {
                let token = call.client_token.as_deref().unwrap_or_default();
                call.tag[0].value.as_deref() == Some(uid) && !self.cloud.tokens.contains_key(token)
            }
            _ => false,
        });
        if left || coming {
            self.breach("the finalizer went before the cache");
        }
    }

    /// An object gives its cache up only for another, when the host has deleted it, or when it is proved that it is gone.
    fn given_up(&mut self, before: &Value, after: &Value) {
        let id = |object: &Value| object["status"]["imageCacheId"].as_str().map(str::to_owned);
        let (Some(old), None) = (id(before), id(after)) else {
            return;
        };
        // by its end, or on request
        let ended = before["status"]["phase"] == "Failed";
        let since = self.absent.get(&old).copied();
        let proved = since.is_some_and(|since| self.host.moment >= since + GONE_AFTER);
        let deleted = self.deleted.contains(&old);
        if !proved && !ended && !deleted && self.alters.is_none() {
            self.breach(format!("{old} is given up without proof"));
        }
    }

    /// What a status claims must be true, or have been.
    fn claimed(&mut self, object: &Value) {
        let status = &object["status"];
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions
            .iter()
            .any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
        if !ready && status["phase"] != "Ready" {
            return;
        }
        let id = status["imageCacheId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if id.is_empty() && self.alters.is_some() {
            return;
        }
        let images: Vec<String> = serde_json::from_value(object["spec"]["images"].clone()).unwrap();
        let generation = &object["metadata"]["generation"];
        let of_now = conditions
            .iter()
            .filter(|condition| condition["type"] == "Ready")
            .all(|condition| condition["observedGeneration"] == *generation);
        if !of_now || !self.cloud.ever_ready.contains(&(id, images)) {
            self.breach(format!(
                "Ready is claimed for what was never ready: {status}"
            ));
        }
    }

    /// What is claimed about tags: a cache is never called fresh that has what its tags meant before they were recorded.
    fn fresh(&mut self, before: &Value, after: &Value) {
        let reason = |object: &Value| condition(object, "Synced")["reason"].clone();
        if reason(after) == "Rebuilding" && reason(before) != "Rebuilding" {
            self.rebuilds.push(self.now);
            if self.starting {
                self.breach("a rebuild is written down while a pod starts");
            }
        }
        if condition(after, "Fresh")["status"] != "True" {
            return;
        }
        let id = after["status"]["imageCacheId"].as_str().unwrap_or_default();
        let pulled = self.cloud.cache(id).map(|cache| cache.pulled);
        let claim = condition(after, "Fresh") != condition(before, "Fresh");
        if claim && pulled.is_some_and(|pulled| recorded(after).is_none_or(|tag| tag > pulled)) {
            self.breach(format!("{id} is called fresh and is not"));
        }
    }

    fn call(&mut self, object: &Value, call: Call, fate: Fate) -> Outcome {
        self.writes += 1;
        // there always is the cache of another cluster
        let listing = self.host.listing.as_ref();
        let empty = listing.is_some_and(|listing| listing.value.entries().is_empty());
        if empty && matches!(call, Call::Create(_)) {
            self.breach("a cache is made while nothing is listed");
        }
        self.trespass(object, &call);
        let rebuilds = condition(object, "Synced")["reason"] == "Rebuilding";
        if rebuilds && self.starting {
            self.breach("a cache is rebuilt while a pod starts");
        }
        match fate {
            Fate::Refused => Cloud::refuse(&call),
            Fate::Lost => Outcome::Lost("no answer".to_owned()),
            Fate::Late => {
                self.late.push(call);
                Outcome::Lost("no answer".to_owned())
            }
            Fate::Done | Fate::AnswerLost => {
                let now = self.now.to_string();
                let outcome = self.cloud.receive(&call, &now);
                if fate == Fate::Done {
                    outcome
                } else {
                    Outcome::Lost("no answer".to_owned())
                }
            }
        }
    }

    /// A call about a cache that was not made for the object, and that it was not allowed to adopt.
    fn trespass(&mut self, object: &Value, call: &Call) {
        let id = match call {
            Call::Create(_) => return,
            Call::Update(call) => &call.image_cache_id,
            Call::Delete(call) => &call.image_cache_id,
        };
        let metadata = &object["metadata"];
        let adopted = metadata["annotations"][ADOPT].as_str() == Some(id)
            && self.settings.trust.adoption.includes(id);
        let found = self.cloud.caches.iter().find(|cache| cache.id == *id);
        let owner = found.map(|cache| cache.owner.clone());
        let own = match owner {
            None => true,
            // another cluster may adopt it after it was listed
            Some(Some(owner)) => {
                Some(owner.as_str()) == metadata["uid"].as_str() || (adopted && id == NOBODYS)
            }
            Some(None) => adopted,
        };
        if !own {
            self.breach(format!("{call:?} touches what is not ours"));
        }
    }

    /// Promises that hold in every state.
    fn check(&mut self) {
        let mut owners = BTreeMap::new();
        for owner in self
            .cloud
            .caches
            .iter()
            .filter(|cache| cache.id != NOBODYS)
            .filter_map(|cache| cache.owner.clone())
        {
            *owners.entry(owner).or_insert(0) += 1;
        }
        if let Some((owner, count)) = owners.iter().find(|(_, count)| **count > 1) {
            let message = format!("{count} caches were made for {owner}");
            self.breach(message);
        }
        let hour = |at: &Timestamp| self.now.since(*at) < 3_480;
        let mut creations = BTreeMap::new();
        for (owner, _, _) in self.cloud.creations.iter().filter(|(_, _, at)| hour(at)) {
            *creations.entry(owner.clone()).or_insert(0) += 1;
        }
        let cap = self.settings.budget.creations_per_object_hour;
        if let Some((owner, count)) = creations.iter().find(|(_, count)| **count > cap) {
            let message =
                format!("{count} creations within an hour for {owner}, {cap} are allowed");
            self.breach(message);
        }
        let mut rebuilt = BTreeMap::new();
        for id in &self.cloud.rebuilt {
            *rebuilt.entry(id.clone()).or_insert(0) += 1;
        }
        let tag = self.cloud.tag;
        if let Some((id, count)) = rebuilt.iter().find(|(_, count)| **count > tag) {
            let message = format!("{id} is rebuilt {count} times for {tag} changes");
            self.breach(message);
        }
        let hour = |at: &&Timestamp| self.now.since(**at) < 3_600;
        let rebuilds = self.rebuilds.iter().filter(hour).count();
        let cap = self.settings.budget.rebuilds_per_hour;
        if rebuilds > usize::try_from(cap).unwrap() {
            let message = format!("{rebuilds} rebuilds within an hour, {cap} are allowed");
            self.breach(message);
        }
        if self.forged {
            return;
        }
        let claims: Vec<&str> = self
            .objects
            .iter()
            .flatten()
            .filter_map(|object| object.value["status"]["imageCacheId"].as_str())
            .collect();
        if (1..claims.len()).any(|at| claims[..at].contains(&claims[at])) {
            self.breach("two objects have one cache");
        }
    }

    /// Everything that is under way comes to its end, without any more faults, until nothing moves. `known` are states
    /// from which that is so; those on the way are added.
    pub(crate) fn rest(&mut self, known: &mut HashSet<u64>) {
        self.starting = false;
        self.budget = Budget {
            minutes: u8::MAX,
            days: u8::MAX,
            ..Budget::default()
        };
        let (mut quiet, mut days) = (0, 0);
        let mut way = Vec::new();
        for _ in 0..60 {
            let here = hash_of(&(self.key(), quiet, days));
            if known.contains(&here) {
                known.extend(way);
                return;
            }
            way.push(here);
            let before = self.writes;
            self.round();
            if self.broken.is_some() {
                return;
            }
            quiet = if self.writes == before { quiet + 1 } else { 0 };
            // a listing that lags shows a change only later
            if quiet >= 3 + self.lag {
                match self.agrees() {
                    _ if self.alters.is_some() => known.extend(way),
                    Ok(()) => known.extend(way),
                    Err(what) => self.breach(format!("at rest: {what}")),
                }
                return;
            }
            let failing = self
                .cloud
                .caches
                .iter()
                .any(|cache| matches!(cache.status, "Failed" | "UpdateFailed"));
            if quiet > 0 && failing && days < 3 {
                self.make(Move::Day);
                (quiet, days) = (0, days + 1);
            } else if quiet > 0 {
                // longer than any pause after refusals, and twice of it longer than until another update
                self.pass(2_000);
            }
        }
        self.breach("it does not come to rest");
    }

    /// Everything that is under way comes to its end, once.
    pub(crate) fn round(&mut self) {
        while !self.late.is_empty() {
            self.make(Move::Arrive);
        }
        self.make(Move::List);
        self.tell_all();
        for index in 0..self.objects.len() {
            let mut acts = 0;
            while self.is_busy(index) {
                self.make(Move::Step(index, Fate::Done));
                self.tell_all();
                acts += 1;
                if acts > 30 || self.broken.is_some() {
                    self.breach("the acts about one object have no end");
                    return;
                }
            }
        }
        for index in 0..self.cloud.caches.len() {
            self.make(Move::Settle(index, true));
        }
    }

    fn tell_all(&mut self) {
        while !self.untold.is_empty() {
            self.watch();
        }
    }

    /// Whether there is something to do about an object, or a run about it has not ended.
    fn is_busy(&self, index: usize) -> bool {
        let known = self.host.store.contains_key(&index) || self.host.runs.contains_key(&index);
        let acts = || {
            self.decide(index)
                .is_some_and(|decision| decision.act.is_some())
        };
        self.host.runs.contains_key(&index) || (known && acts())
    }

    /// Whether cluster and cloud agree: what is there has one cache, ready and as asked; what was deleted has none.
    fn agrees(&self) -> Result<(), String> {
        for index in 0..self.objects.len() {
            let uid = format!("uid-{index}");
            let Some(object) = self.live(index) else {
                if self
                    .cloud
                    .caches
                    .iter()
                    .any(|cache| cache.owner.as_ref() == Some(&uid) && cache.id != NOBODYS)
                {
                    return Err(format!("{uid} is gone and has a cache"));
                }
                continue;
            };
            if object["metadata"].get("deletionTimestamp").is_some() {
                return Err(format!("{uid} is not let go: {}", object["status"]));
            }
            let status = &object["status"];
            let adopts = wishes(object);
            let id = status["imageCacheId"].as_str();
            let cache = self
                .cloud
                .caches
                .iter()
                .find(|cache| Some(cache.id.as_str()) == id);
            match cache {
                Some(cache) if cache.status == "Ready" && status["phase"] == "Ready" => {
                    if json!(cache.images) != object["spec"]["images"] {
                        return Err(format!("{uid} has other images"));
                    }
                    if cache.owner.as_ref() != Some(&uid) {
                        return Err(format!("{id:?} has no tag of {uid}"));
                    }
                    self.tags_agree(object, cache)?;
                }
                None if adopts && status["phase"] == "Pending" => {}
                // another cluster has taken it, or somebody else has written the id
                Some(cache)
                    if cache.owner.as_ref() != Some(&uid) && status["phase"] == "Pending" => {}
                None if status.get("phase").is_none()
                    && object["spec"].get("retentionDays").is_some() => {}
                other => return Err(format!("{uid}: {status}, and {other:?} in the cloud")),
            }
        }
        Ok(())
    }

    /// Whether the condition `Fresh` says what is so, and a cache that can be rebuilt is.
    fn tags_agree(&self, object: &Value, cache: &Cache) -> Result<(), String> {
        let fresh = &condition(object, "Fresh")["status"];
        let Some(settings) = &self.settings.freshness else {
            return Ok(());
        };
        let expected = match recorded(object) {
            None => "Unknown",
            Some(tag) if tag == self.cloud.tag => "True",
            Some(_) if settings.on_drift == OnDrift::Report => "False",
            Some(tag) => return Err(format!("{tag} of {cache:?} is old, and it is not rebuilt")),
        };
        if fresh == "True" && cache.pulled != self.cloud.tag {
            return Err(format!("{cache:?} is called fresh and is not"));
        }
        match fresh == expected {
            true => Ok(()),
            false => Err(format!("Fresh is {fresh}, expected {expected}: {cache:?}")),
        }
    }

    /// A number that equal states share: the versions of an object count only by their order, and the times of its memory
    /// by their order and by whether they are far apart. Objects are compared with none but themselves.
    pub(crate) fn key(&self) -> u64 {
        let host = &self.host;
        let mut hasher = DefaultHasher::new();
        for index in 0..self.objects.len() {
            let untold = self.untold.iter().filter(|(other, _)| *other == index);
            let copies: Vec<Option<&Object>> = [
                self.objects[index].as_ref(),
                host.store.get(&index),
                host.runs.get(&index).map(|run| &run.object),
            ]
            .into_iter()
            .chain(untold.map(|(_, object)| object.as_ref()))
            .collect();
            let found = copies.iter().flatten();
            let versions = ranks(found.map(|object| version(&object.value)).collect(), |_| 1);
            for copy in copies {
                let stored = copy.map(|object| (object.hash, versions[&version(&object.value)]));
                stored.hash(&mut hasher);
            }
            let run = host.runs.get(&index).map(|run| run.live);
            (run, self.may_begin(index)).hash(&mut hasher);
        }
        let order: Vec<usize> = self.untold.iter().map(|(index, _)| *index).collect();
        order.hash(&mut hasher);
        let listings = [&host.listing, &host.begun].map(Option::as_ref);
        let begun = listings.map(|listing| listing.map(|listing| listing.value.begun()));
        let common: Vec<Duration> = begun.into_iter().flatten().chain([host.moment]).collect();
        let far = |gap: Duration| {
            if gap > Duration::from_secs(1) {
                1000 + u32::try_from(gap.as_secs() / 3_600).unwrap()
            } else {
                1
            }
        };
        for (uid, known) in &host.memories {
            let times = [&known.times[..], &common].concat();
            let ranks = ranks(times.clone(), far);
            let times: Vec<u32> = times.iter().map(|time| ranks[time]).collect();
            (uid, known.hash, times).hash(&mut hasher);
        }
        let ranks = ranks(common.clone(), far);
        let common: Vec<u32> = common.iter().map(|time| ranks[time]).collect();
        let told = listings.map(|listing| listing.map(|listing| listing.hash));
        let late: Vec<String> = self.late.iter().map(|call| format!("{call:?}")).collect();
        (common, told, &self.cloud, self.now, &self.budget, late).hash(&mut hasher);
        (&self.host.spending, &self.shots, self.forged, &self.deleted).hash(&mut hasher);
        (self.starting, &self.rebuilds).hash(&mut hasher);
        hasher.finish()
    }
}

/// The places of values in their order; `far` says how far apart two neighbours are.
fn ranks<T: Copy + Ord + std::ops::Sub>(
    mut values: Vec<T>,
    far: impl Fn(T::Output) -> u32,
) -> BTreeMap<T, u32> {
    values.sort_unstable();
    values.dedup();
    let mut rank = 0;
    let mut before = None;
    values
        .into_iter()
        .map(|value| {
            rank += before.map_or(0, |before| far(value - before));
            before = Some(value);
            (value, rank)
        })
        .collect()
}

/// The digest of every image whose tag means this.
fn digest(tag: u32) -> String {
    format!("sha256:{tag}")
}

/// What the tag of the object's image meant when it was recorded.
fn recorded(object: &Value) -> Option<u32> {
    let text = object["metadata"]["annotations"][DIGESTS].as_str()?;
    let digests: BTreeMap<String, String> = serde_json::from_str(text).unwrap();
    let digest = digests.get(object["spec"]["images"][0].as_str()?)?;
    Some(digest.strip_prefix("sha256:")?.parse().unwrap())
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let found = conditions.find(|condition| condition["type"] == kind);
    found.unwrap_or(&Value::Null)
}

fn wishes(object: &Value) -> bool {
    object["metadata"]["annotations"].get(ADOPT).is_some()
}

/// The hash of a memory without its times, and these in their order.
fn timeless(memory: &ReconcileRecord) -> (u64, Vec<Duration>) {
    let text = format!("{memory:?}");
    let mut hasher = DefaultHasher::new();
    let mut times = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        before.hash(&mut hasher);
        let end = from
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        let unit = [("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];
        // a time is a value of its own, as `Some(61.000000001s)` or `until: 2s`
        let inside = before.ends_with(|c: char| c.is_alphanumeric() || c == '-');
        match unit.iter().find(|(unit, _)| after.starts_with(unit)) {
            Some((unit, scale)) if !inside => {
                times.push(Duration::from_secs_f64(
                    number.parse::<f64>().unwrap() * scale,
                ));
                rest = after.strip_prefix(unit).unwrap();
            }
            _ => {
                number.hash(&mut hasher);
                rest = after;
            }
        }
    }
    rest.hash(&mut hasher);
    (hasher.finish(), times)
}

fn login(secret: &str) -> SecretLogins {
    SecretLogins {
        secret: secret.to_owned(),
        found: Ok(vec![RegistryLogin {
            host: "registry.example.com".to_owned(),
            path: String::new(),
            user_name: "robot".to_owned(),
            password: PASSWORD.into(),
        }]),
    }
}
