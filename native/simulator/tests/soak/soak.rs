//! One run: moves by chance while there are faults, then rest, and the promises that must hold.

use std::collections::{BTreeMap, BTreeSet};

use imagecache::eci::reply::ImageCacheEntry;
use imagecache::reconcile::{
    Allowed, Observed, ReconcileDecision, ReconcileRecord, ReconcileSettings, step,
};
use imagecache::resource::annotation::ADOPT;
use imagecache::time::Timestamp;
use serde_json::Value;

use crate::chance::Chance;
use crate::cloud::{Cloud, owner};
use crate::host::{Host, NAMESPACE, PASSWORD};
use crate::server::Server;

/// Moves while there are faults.
const MOVES: u32 = 200;
/// Creations for one object within an hour that the operator allows.
pub(crate) const CAP: u32 = 3;
/// Farthest step of the controller's clock, in seconds: ECI refuses calls that are dated further off.
const CLOCK: i64 = 840;
/// Rounds within which everything comes to rest.
const ROUNDS: u32 = 400;

/// The function under test: [`step`], or a mutant of it.
pub(crate) type StepFn =
    fn(&Value, &Observed<'_>, &ReconcileSettings, &ReconcileRecord, Timestamp) -> ReconcileDecision;

/// What the controller goes by; the promises do not depend on it.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) step: StepFn,
    pub(crate) settings: ReconcileSettings,
    /// Changes the settings once the cloud is there.
    pub(crate) alter: fn(&mut ReconcileSettings),
}

impl Default for Rules {
    fn default() -> Self {
        let mut settings = ReconcileSettings::default();
        settings.region_id = crate::cloud::REGION.to_owned();
        settings.trust.secret_namespaces = Allowed::of([NAMESPACE]);
        settings.budget.creations_per_object_hour = CAP;
        Rules {
            step,
            settings,
            alter: |_| {},
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Move {
    Step,
    Answer,
    Watch,
    List,
    Pass,
    Act,
    Fail,
}

/// What somebody wrote and the API server acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wish {
    pub(crate) uid: String,
    pub(crate) spec: Value,
    pub(crate) annotations: Value,
}

pub(crate) struct Soak {
    pub(crate) rules: Rules,
    pub(crate) chance: Chance,
    /// Seconds since the start.
    pub(crate) now: i64,
    start: Timestamp,
    /// By how much the controller's clock is off, and the extremes of it.
    offset: i64,
    offsets: (i64, i64),
    /// Until when there are no credentials.
    pub(crate) ended: i64,
    pub(crate) faulty: bool,
    /// Somebody edits one object all the time, to something that fails.
    pub(crate) storm: bool,
    pub(crate) server: Server,
    pub(crate) cloud: Cloud,
    pub(crate) host: Host,
    pub(crate) wishes: BTreeMap<String, Wish>,
    /// Objects whose caches stay when they go.
    pub(crate) retained: BTreeSet<String>,
    /// Objects whose status somebody has forged.
    pub(crate) forged: BTreeSet<String>,
    trace: Vec<String>,
    pub(crate) broken: Option<String>,
}

/// A field of an object's metadata.
pub(crate) fn of<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

pub(crate) fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object["metadata"]["annotations"].get(name)?.as_str()
}

/// What became of a seed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) broken: Option<String>,
    pub(crate) trace: Vec<String>,
    pub(crate) creations: usize,
}

pub(crate) fn run(seed: u64, rules: Rules) -> Ended {
    let mut soak = Soak::new(seed, rules);
    let moves = if soak.storm { 2 * MOVES } else { MOVES };
    for _ in 0..moves {
        soak.make_move();
        soak.check();
        if soak.broken.is_some() {
            break;
        }
    }
    if soak.broken.is_none() {
        soak.rest();
    }
    Ended {
        creations: soak.cloud.made.len(),
        broken: soak.broken,
        trace: soak.trace,
    }
}

impl Soak {
    fn new(seed: u64, rules: Rules) -> Self {
        let mut chance = Chance::new(seed);
        let start: Timestamp = "2026-01-18T13:41:00Z".parse().unwrap();
        // by then the caches that were there before are ready
        let cloud = Cloud::new(Chance::new(chance.number()), start.plus(-600));
        let on_disk = chance.one_in(8);
        let storm = chance.one_in(4);
        let mut soak = Soak {
            rules,
            chance,
            now: 0,
            start,
            offset: 0,
            offsets: (0, 0),
            ended: 0,
            faulty: true,
            storm,
            server: Server::new(on_disk),
            cloud,
            host: Host::default(),
            wishes: BTreeMap::new(),
            retained: BTreeSet::new(),
            forged: BTreeSet::new(),
            trace: Vec::new(),
            broken: None,
        };
        soak.rules.settings.trust.adoption = Allowed::of([&soak.cloud.adoptable]);
        (soak.rules.alter)(&mut soak.rules.settings);
        soak.start_host();
        soak
    }

    /// The time of the cloud and of the API server.
    pub(crate) fn time(&self) -> Timestamp {
        self.start.plus(self.now)
    }

    /// The time by the controller's clock.
    pub(crate) fn clock(&self) -> Timestamp {
        self.time().plus(self.offset)
    }

    /// Notes what happens; nothing of it may hold a secret.
    pub(crate) fn say(&mut self, what: &str) {
        self.trace.push(format!("{:>7} {what}", self.now));
        if what.contains(PASSWORD) {
            self.breach("a secret is in the trace".to_owned());
        }
    }

    pub(crate) fn breach(&mut self, what: String) {
        self.trace.push(format!("{:>7} BREACH {what}", self.now));
        self.broken.get_or_insert(what);
    }

    /// One of the moves that are possible now.
    fn make_move(&mut self) {
        let (runnable, flights) = (self.runnable(), self.flights());
        let weights = [
            (Move::Step, if runnable.is_empty() { 0 } else { 40 }),
            (Move::Answer, if flights.is_empty() { 0 } else { 22 }),
            (Move::Watch, if self.is_watch_done() { 0 } else { 12 }),
            (
                Move::List,
                if self.is_listing() || self.wants_listing() {
                    10
                } else {
                    0
                },
            ),
            (Move::Pass, 12),
            (Move::Act, 8),
            // in a storm creations are counted over a whole hour: by one controller, on a clock that does not step
            (Move::Fail, if self.storm { 0 } else { 2 }),
        ];
        let mut draw = self
            .chance
            .below(weights.iter().map(|(_, weight)| weight).sum());
        let drawn = weights.iter().find(|(_, weight)| {
            let found = draw < *weight;
            draw = draw.saturating_sub(*weight);
            found
        });
        match drawn.unwrap().0 {
            Move::Step => {
                let name = self.chance.pick(&runnable).clone();
                self.step(&name);
            }
            Move::Answer => {
                let name = self.chance.pick(&flights).clone();
                self.answer(&name);
            }
            Move::Watch => self.watch(),
            Move::List if self.is_listing() => self.end_listing(),
            Move::List => self.begin_listing(),
            Move::Pass => {
                let seconds = match self.chance.below(12) {
                    0 if !self.storm => 1800 + self.chance.seconds(5400),
                    1..4 => self.chance.seconds(if self.storm { 60 } else { 400 }),
                    _ => self.chance.seconds(20),
                };
                self.pass(seconds);
            }
            Move::Act => self.act(),
            Move::Fail => self.fail(),
        }
    }

    fn fail(&mut self) {
        match self.chance.below(6) {
            0 | 1 => {
                self.say("the controller is killed, and another starts");
                self.start_host();
            }
            2 => {
                self.say("watches expire");
                self.server.compact();
            }
            3 if self.server.is_on_disk() => {
                self.say("the API server is killed, and starts again");
                self.server.kill();
                if let Some(name) = self.server.lost() {
                    self.breach(format!("{name}: an acknowledged write is lost"));
                }
                self.start_host();
            }
            4 => {
                self.ended = self.now + self.chance.seconds(900);
                self.say(&format!("the credentials end until {}", self.ended));
            }
            _ => {
                self.offset = self.chance.seconds(2 * CLOCK) - CLOCK;
                let (low, high) = self.offsets;
                self.offsets = (low.min(self.offset), high.max(self.offset));
                self.say(&format!("the controller's clock is off by {}", self.offset));
            }
        }
    }

    /// Time passes. Requests are given up within a minute.
    pub(crate) fn pass(&mut self, seconds: i64) {
        if seconds > 9 {
            for name in self.flights() {
                self.answer(&name);
            }
            self.end_listing();
        }
        self.now += seconds;
        let now = self.time();
        self.cloud.pass(now);
    }

    /// A call must be about a cache that was made for the object, or that it may adopt.
    pub(crate) fn check_target(&mut self, name: &str, object: &Value, id: &str) {
        let uid = of(object, "uid");
        let made = self.cloud.made.get(id).map(String::as_str) == Some(uid);
        let now = self.time();
        let has_tag =
            |entry: &ImageCacheEntry| entry.image_cache_id == id && owner(entry) == Some(uid);
        // another cluster may have taken it since the last listing
        let listed = self.host.listed_owner(id) == Some(uid);
        let adopted = id == self.cloud.adoptable
            && (annotation(object, ADOPT) == Some(id)
                || listed
                || self.cloud.entries(now).iter().any(has_tag));
        if !made && !adopted {
            self.breach(format!("{name}: {id} is not its own"));
        }
    }

    /// What somebody wrote is there until somebody writes something else.
    pub(crate) fn check_wish(&mut self, name: &str) {
        let Some(object) = self.server.get(name) else {
            return;
        };
        let wish = self
            .wishes
            .get(name)
            .filter(|wish| wish.uid == of(&object, "uid"));
        let kept = wish.is_some_and(|wish| {
            wish.spec == object["spec"] && wish.annotations == object["metadata"]["annotations"]
        });
        if !kept {
            self.breach(format!("{name}: an acknowledged write is lost: {wish:?}"));
        }
        if object.to_string().contains(PASSWORD) {
            self.breach(format!("{name}: a secret is in the object"));
        }
    }

    fn check(&mut self) {
        if !self.cloud.take_touched() {
            return;
        }
        let now = self.time();
        let entries = self.cloud.entries(now);
        if let Some(id) = self.cloud.harmed(&entries) {
            self.breach(format!("{id}, a cache of others, is not as it was"));
        }
        let (low, high) = self.offsets;
        let window = 3600 - (high - low) - 60;
        let mut counts = BTreeMap::new();
        for one in self
            .cloud
            .creations
            .iter()
            .filter(|one| now.since(one.at) < window)
        {
            *counts.entry(one.uid.clone()).or_insert(0_u32) += 1;
        }
        if let Some((uid, count)) = counts.into_iter().find(|(_, count)| *count > CAP) {
            self.breach(format!(
                "{count} creations within an hour for {uid}, {CAP} allowed"
            ));
        }
        for uid in self.cloud.made.values().cloned().collect::<BTreeSet<_>>() {
            let count = self.caches_of(&entries, &uid).count();
            if count > 1 {
                self.breach(format!("{count} caches were made for {uid}"));
            }
        }
    }

    fn caches_of<'a>(
        &'a self,
        entries: &'a [ImageCacheEntry],
        uid: &'a str,
    ) -> impl Iterator<Item = &'a ImageCacheEntry> {
        entries.iter().filter(move |entry| {
            owner(entry) == Some(uid) && entry.image_cache_id != self.cloud.adoptable
        })
    }

    /// Faults end, and everything comes to rest.
    fn rest(&mut self) {
        self.faulty = false;
        self.ended = 0;
        self.say("faults end");
        self.unpause();
        let (mut quiet, mut last) = (0, String::new());
        for round in 0..ROUNDS {
            self.round();
            if self.broken.is_some() {
                return;
            }
            match self.disagreement() {
                None => quiet += 1,
                Some(what) => (quiet, last) = (0, what),
            }
            if quiet == 2 {
                return;
            }
            let next = self.next_due().map_or(300, |due| due - self.now);
            // a failed cache goes after a day
            let step = if round % 40 == 39 {
                90_000
            } else {
                next.clamp(5, 2000)
            };
            self.pass(step);
        }
        self.breach(format!("it does not come to rest: {last}"));
    }

    /// Everything that is under way comes to its end.
    fn round(&mut self) {
        while !self.is_watch_done() {
            self.watch();
        }
        for name in self.flights() {
            self.answer(&name);
        }
        self.end_listing();
        if self.wants_listing() {
            self.begin_listing();
            self.end_listing();
        }
        for _ in 0..100 {
            let Some(name) = self.runnable().first().cloned() else {
                break;
            };
            self.step(&name);
            self.answer(&name);
            while !self.is_watch_done() {
                self.watch();
            }
            self.check();
            if self.broken.is_some() {
                return;
            }
        }
    }

    /// What is not yet as it must be at last.
    fn disagreement(&mut self) -> Option<String> {
        if let Some(name) = self.server.lost() {
            return Some(format!("{name}: an acknowledged write is lost"));
        }
        let now = self.time();
        let entries = self.cloud.entries(now);
        let (objects, _) = self.server.list();
        for object in &objects {
            if let Some(what) = self.unsettled(object, &entries) {
                return Some(format!("{}: {what}", of(object, "name")));
            }
        }
        let made = self.cloud.made.values().cloned().collect::<BTreeSet<_>>();
        let live: BTreeSet<&str> = objects.iter().map(|object| of(object, "uid")).collect();
        let mut gone = made.iter().filter(|uid| !live.contains(uid.as_str()));
        gone.find(|uid| {
            !self.retained.contains(*uid) && self.caches_of(&entries, uid).next().is_some()
        })
        .map(|uid| format!("a cache of {uid} is left, which is gone"))
    }

    fn unsettled(&self, object: &Value, entries: &[ImageCacheEntry]) -> Option<String> {
        let (uid, status) = (of(object, "uid"), &object["status"]);
        if !of(object, "deletionTimestamp").is_empty() {
            return Some(format!("it is not let go: {status}"));
        }
        if !crate::people::is_good(object) || self.forged.contains(uid) {
            // it has a reason or a cache; what it may not have is checked all the time
            return None;
        }
        let id = status["imageCacheId"].as_str();
        let cache = entries
            .iter()
            .find(|entry| Some(entry.image_cache_id.as_str()) == id);
        let settled = cache.is_some_and(|cache| {
            cache.status.as_str() == "Ready"
                && status["phase"] == "Ready"
                && serde_json::json!(cache.images) == object["spec"]["images"]
                && owner(cache) == Some(uid)
        });
        // another cluster has adopted it: the status says so until somebody takes the id out of it
        let robbed =
            cache.is_some_and(|cache| owner(cache) != Some(uid)) && status["phase"] == "Pending";
        (!settled && !robbed).then(|| format!("{status}, and {cache:?} in the cloud"))
    }
}
