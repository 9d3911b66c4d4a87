//! A world: a model cluster, a model cloud and one host that steps, with everything that may go wrong as a move.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{Hash as _, Hasher as _};
use std::rc::Rc;
use std::time::Duration;

use imagecache::annotation::{ADOPT, FINALIZER};
use imagecache::eci::login::RegistryLogin;
use imagecache::reconcile::{
    Decision, Effect, Listing, Login, Memory, Outcome, Rival, Seen, Settings, claim, patched, step,
};
use imagecache::time::Timestamp;
use serde_json::{Value, json};

use crate::cloud::{Call, Cloud};

pub(crate) const PASSWORD: &str = "hunter2";
/// A cache that nobody here may touch.
pub(crate) const FOREIGN: &str = "imc-foreign";

/// The function under test: [`step`], or a mutant of it.
pub(crate) type Step = fn(&Value, &Seen<'_>, &Settings, &Memory, Timestamp) -> Decision;
pub(crate) const REAL: Step = step;

/// What becomes of an act and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    /// It has its effect, and the answer is lost.
    AnswerLost,
    /// It never arrives.
    Lost,
    /// It arrives later; whoever sent it gave up before.
    Late,
    /// ECI refuses.
    Refused,
}

/// A move of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// The host takes one step about an object and performs the act.
    Step(usize, Fate),
    /// The watch tells the host of an object.
    Watch(usize),
    /// A listing, begun and told.
    List,
    /// A listing begins, and is told later.
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
    /// Somebody removes a cache in the cloud.
    Remove(usize),
    /// Time passes: a minute.
    Minute,
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
    pub(crate) removals: u8,
    pub(crate) failures: u8,
    pub(crate) stale_listings: u8,
    pub(crate) minutes: u8,
    pub(crate) days: u8,
}

/// A reconcile that is under way: the object as it was last read.
#[derive(Debug, Clone)]
struct Run {
    object: Rc<Value>,
    live: bool,
    logins: Option<Vec<Login>>,
}

#[derive(Debug, Clone, Default)]
struct Host {
    store: BTreeMap<usize, Rc<Value>>,
    memories: BTreeMap<String, Memory>,
    runs: BTreeMap<usize, Run>,
    listing: Option<Rc<Listing>>,
    begun: Option<Rc<Listing>>,
    moment: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    step: Step,
    pub(crate) objects: Vec<Option<Rc<Value>>>,
    version: u64,
    pub(crate) cloud: Cloud,
    late: Vec<Call>,
    host: Host,
    now: Timestamp,
    /// The watch tells of every change at once.
    prompt: bool,
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

impl World {
    /// So many objects that want a cache each, nothing known and nothing made.
    pub(crate) fn new(step: Step, objects: usize, budget: Budget) -> Self {
        let foreign = crate::cloud::Cache {
            id: FOREIGN.to_owned(),
            status: "Ready",
            images: vec![image(0, 1)],
            owner: Some("another-cluster".to_owned()),
            expires: None,
            created: "2026-01-01T00:00:00Z".to_owned(),
        };
        let nobodys = crate::cloud::Cache {
            id: "imc-nobody".to_owned(),
            owner: None,
            ..foreign.clone()
        };
        World {
            step,
            objects: (0..objects)
                .map(|index| Some(Rc::new(object(index, None))))
                .collect(),
            version: 0,
            cloud: Cloud {
                ever_ready: vec![("imc-nobody".to_owned(), nobodys.images.clone())],
                caches: vec![foreign, nobodys],
                ..Cloud::default()
            },
            late: Vec::new(),
            host: Host::default(),
            now: "2026-01-18T13:41:00Z".parse().unwrap(),
            prompt: false,
            budget,
            writes: 0,
            broken: None,
        }
    }

    /// The watch of this world is never late, which leaves fewer states.
    pub(crate) fn prompt(mut self) -> Self {
        self.prompt = true;
        self.tell_all();
        self
    }

    fn tell_all(&mut self) {
        for (index, object) in self.objects.iter().enumerate() {
            match object {
                Some(object) => self.host.store.insert(index, Rc::clone(object)),
                None => self.host.store.remove(&index),
            };
        }
    }

    /// The object wants this cache instead of one of its own.
    pub(crate) fn adopting(mut self, index: usize, id: &str) -> Self {
        self.objects[index] = Some(Rc::new(object(index, Some(id))));
        self
    }

    /// The object's caches are kept so many days.
    pub(crate) fn retaining(mut self, index: usize, days: i64) -> Self {
        let mut object = self.objects[index].as_deref().unwrap().clone();
        object["spec"]["retentionDays"] = days.into();
        self.objects[index] = Some(Rc::new(object));
        self
    }

    fn breach(&mut self, what: impl Into<String>) {
        self.broken.get_or_insert(what.into());
    }

    /// Every move that is possible now.
    pub(crate) fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
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
            if self.objects[index].as_deref() != self.host.store.get(&index).map(Rc::as_ref) {
                moves.push(Move::Watch(index));
            }
            let live = self.objects[index].as_deref();
            if live.is_some_and(|object| object["metadata"].get("deletionTimestamp").is_none()) {
                if budget.edits > 0 {
                    moves.push(Move::Edit(index));
                }
                if budget.deletions > 0 {
                    moves.push(Move::Delete(index));
                }
            }
        }
        let listed = self
            .host
            .listing
            .as_ref()
            .map(|listing| listing.entries().to_vec());
        if listed != Some(self.entries()) || wants_listing {
            moves.push(Move::List);
            if budget.stale_listings > 0 && self.host.begun.is_none() {
                moves.push(Move::Begin);
            }
        }
        if self.host.begun.is_some() {
            moves.push(Move::Tell);
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
        if budget.minutes > 0 && self.late.is_empty() {
            moves.push(Move::Minute);
        }
        if budget.days > 0 && self.late.is_empty() {
            moves.push(Move::Day);
        }
        moves
    }

    pub(crate) fn entries(&self) -> Vec<imagecache::eci::reply::ImageCacheEntry> {
        let mut entries: Vec<_> = self
            .cloud
            .caches
            .iter()
            .map(crate::cloud::Cache::entry)
            .collect();
        entries.sort_by(|a, b| a.image_cache_id.cmp(&b.image_cache_id));
        entries
    }

    fn decide(&self, index: usize) -> Option<Decision> {
        let run = self.host.runs.get(&index);
        let (object, live, logins) = match run {
            Some(run) => (&run.object, run.live, run.logins.as_deref()),
            None => (self.host.store.get(&index)?, false, None),
        };
        let uid = object["metadata"]["uid"].as_str()?;
        let memory = self.host.memories.get(uid).cloned().unwrap_or_default();
        let wanted = claim(object);
        let rivals: Vec<Rival> = self
            .host
            .store
            .iter()
            .filter(|(other, object)| {
                **other != index && wanted.is_some() && claim(object) == wanted
            })
            .filter_map(|(_, object)| Rival::read(object))
            .collect();
        let seen = Seen {
            listing: self.host.listing.as_deref(),
            live,
            logins,
            pods: Some(&[]),
            rivals: &rivals,
            moment: self.host.moment,
        };
        let settings = Settings {
            region_id: "cn-hangzhou".to_owned(),
            ..Settings::default()
        };
        Some((self.step)(object, &seen, &settings, &memory, self.now))
    }

    /// Makes a move.
    pub(crate) fn make(&mut self, one: Move) {
        match one {
            Move::Step(index, fate) => self.advance(index, fate),
            Move::Watch(index) => match &self.objects[index] {
                Some(object) => drop(self.host.store.insert(index, Rc::clone(object))),
                None => drop(self.host.store.remove(&index)),
            },
            Move::List => {
                self.host.listing = Some(self.snapshot());
                self.host.begun = None;
            }
            Move::Begin => {
                self.budget.stale_listings -= 1;
                self.host.begun = Some(self.snapshot());
            }
            Move::Tell => self.host.listing = self.host.begun.take(),
            Move::Crash => {
                self.budget.crashes -= 1;
                self.host = Host::default();
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
            Move::Remove(index) => {
                self.budget.removals -= 1;
                self.cloud.caches.remove(index);
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
        if self.prompt {
            self.tell_all();
        }
        self.check();
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

    fn snapshot(&mut self) -> Rc<Listing> {
        self.host.moment += Duration::from_nanos(1);
        Rc::new(Listing::new(self.entries(), self.host.moment))
    }

    fn edit(&mut self, index: usize) {
        let mut object = self.objects[index].as_deref().unwrap().clone();
        let generation = object["metadata"]["generation"].as_i64().unwrap() + 1;
        object["metadata"]["generation"] = generation.into();
        object["spec"]["images"] = json!([image(index, generation)]);
        self.store(index, object);
    }

    fn remove(&mut self, index: usize) {
        let mut object = self.objects[index].as_deref().unwrap().clone();
        if object["metadata"]
            .get("finalizers")
            .is_none_or(|list| list.as_array().unwrap().is_empty())
        {
            self.objects[index] = None;
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
        self.objects[index] = Some(Rc::new(object));
    }

    fn advance(&mut self, index: usize, fate: Fate) {
        let decision = self.decide(index).unwrap();
        let run = self.host.runs.remove(&index).unwrap_or_else(|| Run {
            object: Rc::clone(&self.host.store[&index]),
            live: false,
            logins: None,
        });
        let Some(act) = decision.act else { return };
        self.budget.faults -= u8::from(matches!(fate, Fate::AnswerLost | Fate::Lost | Fate::Late));
        self.budget.refusals -= u8::from(fate == Fate::Refused);
        let said = format!("{act} {act:?} {:?}", decision.notes);
        if said.contains(PASSWORD) {
            self.breach(format!("a secret is told: {said}"));
        }
        let outcome = match &act {
            Effect::ReadSecrets(names) => {
                let logins = names.iter().map(|name| login(name)).collect();
                self.host.runs.insert(
                    index,
                    Run {
                        logins: Some(logins),
                        ..run
                    },
                );
                return;
            }
            Effect::Read => match &self.objects[index] {
                Some(object) if object["metadata"]["uid"] == run.object["metadata"]["uid"] => {
                    Outcome::Object(object.as_ref().clone())
                }
                _ => Outcome::NoObject,
            },
            Effect::Finalizers { patch } | Effect::Status { patch, .. } => {
                let outcome = self.write(index, patch);
                if fate == Fate::AnswerLost {
                    Outcome::Lost("cut".to_owned())
                } else {
                    outcome
                }
            }
            Effect::Create { call, .. } => {
                self.call(&run.object, Call::Create(call.as_ref().clone()), fate)
            }
            Effect::Update { call, .. } => {
                self.call(&run.object, Call::Update(call.as_ref().clone()), fate)
            }
            Effect::Delete { call } => self.call(&run.object, Call::Delete(call.clone()), fate),
        };
        let generation = run.object["metadata"]["generation"].as_i64().unwrap();
        let uid = run.object["metadata"]["uid"].as_str().unwrap().to_owned();
        self.host.moment += Duration::from_nanos(1);
        let logins = run.logins.as_deref().unwrap_or_default();
        let memory = self.host.memories.entry(uid.clone()).or_default();
        memory.learn(&act, &outcome, generation, logins, self.host.moment);
        match outcome {
            Outcome::Object(object) => {
                let run = Run {
                    object: Rc::new(object),
                    live: true,
                    ..run
                };
                self.host.runs.insert(index, run);
            }
            // the object as it was read goes on being the newest that is known, but is no longer taken for it
            Outcome::Created(_) | Outcome::Accepted => {
                drop(self.host.runs.insert(index, Run { live: false, ..run }))
            }
            Outcome::NoObject => {
                self.host.memories.remove(&uid);
            }
            _ => {}
        }
    }

    /// The API server takes a patch.
    fn write(&mut self, index: usize, patch: &Value) -> Outcome {
        let Some(object) = self.objects[index].clone() else {
            return Outcome::NoObject;
        };
        let meant = &patch["metadata"];
        if meant["resourceVersion"] != object["metadata"]["resourceVersion"]
            || meant["uid"] != object["metadata"]["uid"]
        {
            return Outcome::Conflict;
        }
        self.writes += 1;
        let stored = patched(&object, patch);
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
            self.objects[index] = None;
            return Outcome::NoObject;
        }
        self.claimed(&stored);
        self.store(index, stored);
        Outcome::Object(self.objects[index].as_deref().unwrap().clone())
    }

    /// The finalizer goes: nothing that was made for the object may be left, or still come.
    fn released(&mut self, object: &Value) {
        let uid = object["metadata"]["uid"].as_str().unwrap();
        let left = self
            .cloud
            .caches
            .iter()
            .any(|cache| cache.owner.as_deref() == Some(uid));
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

    fn call(&mut self, object: &Value, call: Call, fate: Fate) -> Outcome {
        self.writes += 1;
        self.trespass(object, &call);
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

    /// A call about a cache that was not made for the object, and that it was not told to adopt.
    fn trespass(&mut self, object: &Value, call: &Call) {
        let id = match call {
            Call::Create(_) => return,
            Call::Update(call) => &call.image_cache_id,
            Call::Delete(call) => &call.image_cache_id,
        };
        let metadata = &object["metadata"];
        let adopted = metadata["annotations"][ADOPT].as_str() == Some(id);
        let found = self.cloud.caches.iter().find(|cache| cache.id == *id);
        let owner = found.map(|cache| cache.owner.clone());
        let own = match owner {
            None => true,
            Some(Some(owner)) => Some(owner.as_str()) == metadata["uid"].as_str(),
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
            .filter_map(|cache| cache.owner.clone())
        {
            *owners.entry(owner).or_insert(0) += 1;
        }
        if let Some((owner, count)) = owners.iter().find(|(_, count)| **count > 1) {
            let told = format!("{count} caches were made for {owner}");
            self.breach(told);
        }
        let claims: Vec<&str> = self
            .objects
            .iter()
            .flatten()
            .filter_map(|object| object["status"]["imageCacheId"].as_str())
            .collect();
        if (1..claims.len()).any(|at| claims[..at].contains(&claims[at])) {
            self.breach("two objects have one cache");
        }
        let told = self
            .objects
            .iter()
            .flatten()
            .any(|object| object.to_string().contains(PASSWORD));
        if told {
            self.breach("a secret stands in an object");
        }
    }

    /// Everything that is under way comes to its end, without any more faults, until nothing moves. Returns how many
    /// rounds it took; `None` when it does not come to rest.
    pub(crate) fn rest(&mut self) -> Option<u32> {
        self.budget = Budget {
            minutes: u8::MAX,
            days: u8::MAX,
            ..Budget::default()
        };
        let (mut quiet, mut days) = (0, 0);
        for round in 0..60 {
            let before = self.writes;
            while !self.late.is_empty() {
                self.make(Move::Arrive);
            }
            self.make(Move::List);
            for index in 0..self.objects.len() {
                self.make(Move::Watch(index));
                let mut acts = 0;
                while self.is_busy(index) {
                    self.make(Move::Step(index, Fate::Done));
                    self.make(Move::Watch(index));
                    acts += 1;
                    if acts > 30 || self.broken.is_some() {
                        self.breach("the acts about one object have no end");
                        return None;
                    }
                }
            }
            for index in 0..self.cloud.caches.len() {
                self.make(Move::Settle(index, true));
            }
            quiet = if self.writes == before { quiet + 1 } else { 0 };
            if quiet >= 3 {
                return Some(round);
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
        None
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
    pub(crate) fn agrees(&self) -> Result<(), String> {
        for (index, object) in self.objects.iter().enumerate() {
            let uid = format!("uid-{index}");
            let Some(object) = object else {
                if self
                    .cloud
                    .caches
                    .iter()
                    .any(|cache| cache.owner.as_ref() == Some(&uid))
                {
                    return Err(format!("{uid} is gone and has a cache"));
                }
                continue;
            };
            if object["metadata"].get("deletionTimestamp").is_some() {
                return Err(format!("{uid} is not let go: {}", object["status"]));
            }
            let status = &object["status"];
            let adopts = object["metadata"]["annotations"].get(ADOPT).is_some();
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
                }
                None if adopts && status["phase"] == "Pending" => {}
                None if status.get("phase").is_none()
                    && object["spec"].get("retentionDays").is_some() => {}
                other => return Err(format!("{uid}: {status}, and {other:?} in the cloud")),
            }
        }
        Ok(())
    }

    /// A number that equal states share: times count only by their order, and by whether they are far apart.
    pub(crate) fn key(&self) -> u64 {
        let mut text = String::new();
        let bare = |object: &Value| {
            let mut object = object.clone();
            object["metadata"]["resourceVersion"] = Value::Null;
            object
        };
        for (index, object) in self.objects.iter().enumerate() {
            let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
            let live = object.as_deref();
            write!(text, "{:?}|", live.map(bare)).unwrap();
            let copies = [
                self.host.store.get(&index),
                self.host.runs.get(&index).map(|run| &run.object),
            ];
            for copy in copies {
                let newest = copy.map(|copy| Some(version(copy)) == live.map(version));
                let content = if newest == Some(true) {
                    None
                } else {
                    copy.map(|copy| bare(copy))
                };
                write!(text, "{newest:?}{content:?}|").unwrap();
            }
            let run = self.host.runs.get(&index);
            write!(
                text,
                "{:?}|",
                run.map(|run| (run.live, run.logins.is_some()))
            )
            .unwrap();
        }
        let listing = |listing: &Option<Rc<Listing>>| {
            listing.as_ref().map(|listing| {
                let caches: Vec<_> = listing
                    .entries()
                    .iter()
                    .map(|entry| {
                        (
                            entry.image_cache_id.clone(),
                            entry.status.clone(),
                            entry.images.clone(),
                        )
                    })
                    .collect();
                format!("{caches:?} begun: {:?}", listing.begun())
            })
        };
        let host = &self.host;
        let times = format!(
            "{:?} {:?} {:?} now: {:?}",
            host.memories,
            listing(&host.listing),
            listing(&host.begun),
            host.moment
        );
        text.push_str(&ranked(&times));
        let mut caches = self.cloud.caches.clone();
        caches.sort();
        write!(
            text,
            "{:?}{:?}{:?}{:?}{:?}{:?}",
            caches, self.cloud.tokens, self.cloud.ever_ready, self.late, self.now, self.budget
        )
        .unwrap();
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        hasher.finish()
    }
}

/// A text with every duration in it replaced by its rank, and the gaps of a minute between ranks.
fn ranked(text: &str) -> String {
    let mut parts: Vec<(String, Option<Duration>)> = vec![(String::new(), None)];
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        parts.last_mut().unwrap().0.push_str(before);
        let end = from
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        let unit = [("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];
        let inside = before.ends_with(|c: char| {
            c.is_alphanumeric() || c == '-' || c == ':' && !before.ends_with(": ")
        });
        match unit.iter().find(|(unit, _)| after.starts_with(unit)) {
            Some((unit, scale)) if !inside => {
                let time = Duration::from_secs_f64(number.parse::<f64>().unwrap() * scale);
                parts.push((String::new(), Some(time)));
                rest = after.strip_prefix(unit).unwrap();
            }
            _ => {
                parts.last_mut().unwrap().0.push_str(number);
                rest = after;
            }
        }
    }
    parts.last_mut().unwrap().0.push_str(rest);
    let mut times: Vec<Duration> = parts.iter().filter_map(|(_, time)| *time).collect();
    times.sort();
    times.dedup();
    let mut ranks = BTreeMap::new();
    let mut rank = 0;
    for (at, time) in times.iter().enumerate() {
        let far = at > 0 && *time - times[at - 1] > Duration::from_secs(1);
        rank += if far { 1000 } else { 1 };
        ranks.insert(*time, rank);
    }
    let mut out = String::new();
    for (text, time) in parts {
        if let Some(time) = time {
            write!(out, "#{}", ranks[&time]).unwrap();
        }
        out.push_str(&text);
    }
    out
}

fn login(secret: &str) -> Login {
    Login {
        secret: secret.to_owned(),
        found: Ok(vec![RegistryLogin {
            host: "registry.example.com".to_owned(),
            path: String::new(),
            user_name: "robot".to_owned(),
            password: PASSWORD.into(),
        }]),
    }
}
