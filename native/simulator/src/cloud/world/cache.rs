//! A cache: its state, its pending steps, and its form in the API.

use std::collections::VecDeque;

use imagecache::eci::reply::{EventEntry, ImageCacheEntry, TagEntry};
use imagecache::expiry::{self, ExpiryFacts, Retention};
use imagecache::matching::{Cache, CacheOrigin, Image};
use imagecache::resource::{MAX_EVENTS, Phase};
use imagecache::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Map;

/// What a cache is asked to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) name: String,
    pub(super) images: Vec<String>,
    pub(super) size_gib: i64,
    pub(super) retention_days: Option<i64>,
    pub(super) elimination: String,
    pub(super) resource_group: Option<String>,
    pub(super) security_group: Option<String>,
    pub(super) vswitch: Option<String>,
    pub(super) eip: Option<String>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) arch: Option<String>,
    pub(super) os: Option<String>,
    pub(super) flash: bool,
    pub(super) reuse: bool,
    pub(super) standard_copies: Option<i32>,
    pub(super) flash_copies: Option<i32>,
    /// Images that were pulled with a login or through a registry instance: the secrets themselves are not kept.
    pub(super) granted: Vec<String>,
}

/// What happens to a cache at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Turn {
    /// The builder is ready.
    Begin,
    /// An event is recorded.
    Tell(EventEntry),
    /// The local snapshot can be used.
    Flash(String),
    /// The snapshot is there, or what is changed without one.
    Finish(Option<String>),
    /// It failed.
    Fail(EventEntry),
}

/// A cache.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) region: String,
    /// The instance that builds it.
    pub(super) builder: String,
    pub(super) created: Timestamp,
    /// It came about for a group that did not match fully.
    pub(super) automatic: bool,
    pub(super) phase: Phase,
    pub(super) spec: Spec,
    /// What it becomes when the update succeeds.
    pub(super) target: Option<Box<Spec>>,
    pub(super) snapshot: Option<String>,
    pub(super) flash_snapshot: Option<String>,
    pub(super) events: VecDeque<EventEntry>,
    pub(super) failed: Option<Timestamp>,
    pub(super) last_matched: Option<Timestamp>,
    /// What will happen, in the order of time.
    pub(super) steps: VecDeque<(Timestamp, Turn)>,
    /// When the building began and will be done.
    pub(super) span: Option<(Timestamp, Timestamp)>,
}

impl Record {
    /// Whether its builder is at work.
    pub(super) fn is_building(&self) -> bool {
        !self.steps.is_empty()
    }

    /// When it ends, by the rules of the core.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        let mut facts = ExpiryFacts::default();
        facts.phase = Some(self.phase.clone());
        facts.retention = match self.spec.retention_days {
            Some(days) => Retention::Days(days),
            None => Retention::Forever,
        };
        facts.automatic = self.automatic;
        facts.created = Some(self.created);
        facts.updated = self.failed;
        facts.last_matched = self.last_matched;
        expiry::end(&facts)
    }

    /// When something happens next.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let step = self.steps.front().map(|(at, _)| *at);
        // a cache that is being built does not end under its builder
        step.or_else(|| self.ends())
    }

    /// What counts for elimination: the last use, or the creation of a cache that was never used.
    pub(super) fn last_use(&self) -> Timestamp {
        self.last_matched.unwrap_or(self.created)
    }

    /// Does what is due at this time.
    pub(super) fn step(&mut self, at: Timestamp) {
        while let Some((_, turn)) = self.steps.pop_front_if(|(due, _)| *due <= at) {
            self.turn(turn, at);
        }
    }

    fn turn(&mut self, turn: Turn, at: Timestamp) {
        let updating = self.phase == Phase::Updating;
        match turn {
            Turn::Begin if updating => {}
            Turn::Begin => self.phase = Phase::Creating,
            Turn::Tell(event) => self.record(event),
            Turn::Flash(snapshot) => {
                self.flash_snapshot = Some(snapshot);
                self.become_target();
                self.phase = Phase::Ready;
            }
            Turn::Finish(snapshot) => {
                if snapshot.is_some() {
                    (self.snapshot, self.flash_snapshot) = (snapshot, None);
                }
                self.become_target();
                self.phase = Phase::Ready;
                self.span = None;
            }
            Turn::Fail(event) => {
                self.record(event);
                self.steps.clear();
                self.target = None;
                if updating || self.snapshot.is_some() {
                    self.phase = Phase::UpdateFailed;
                } else {
                    self.phase = Phase::Failed;
                    self.failed = Some(at);
                }
            }
        }
    }

    fn become_target(&mut self) {
        if let Some(target) = self.target.take() {
            self.spec = *target;
        }
    }

    fn record(&mut self, event: EventEntry) {
        self.events.push_back(event);
        while self.events.len() > MAX_EVENTS {
            self.events.pop_front();
        }
    }

    /// Percent of the work that is done, at a time.
    fn percent(&self, now: Timestamp) -> i64 {
        match self.span {
            _ if self.phase == Phase::Preparing => 0,
            None if self.phase == Phase::Ready => 100,
            None => 0,
            // what failed stays where it was
            Some((from, to)) => {
                let now = self.failed.unwrap_or(now);
                let (done, whole) = (now.since(from).max(0), to.since(from).max(1));
                (done.saturating_mul(100) / whole).min(99)
            }
        }
    }

    /// Returns the cache in the form of the API.
    pub(super) fn entry(&self, now: Timestamp) -> ImageCacheEntry {
        let spec = &self.spec;
        let time = |time: Timestamp| time.to_string();
        ImageCacheEntry {
            image_cache_id: self.id.clone(),
            image_cache_name: spec.name.clone(),
            status: self.phase.clone(),
            progress: Some(format!("{}%", self.percent(now))),
            container_group_id: Some(self.builder.clone()),
            region_id: Some(self.region.clone()),
            resource_group_id: spec.resource_group.clone(),
            snapshot_id: self.snapshot.clone(),
            flash_snapshot_id: self.flash_snapshot.clone(),
            images: spec.images.clone(),
            image_cache_size: Some(spec.size_gib),
            creation_time: Some(time(self.created)),
            expire_date_time: self.ends().map(time),
            last_matched_time: self.last_matched.map(time),
            elimination_strategy: Some(spec.elimination.clone()),
            events: self.events.iter().cloned().collect(),
            tags: spec
                .tags
                .iter()
                .map(|(key, value)| tag(key, value))
                .collect(),
            unknown: Map::new(),
        }
    }

    /// The cache as matching sees it.
    pub(super) fn for_matching(&self) -> Cache {
        let images = self.spec.images.iter().map(|image| Image::new(image));
        Cache {
            name: self.spec.name.clone(),
            phase: Some(self.phase.clone()),
            size_gib: u64::try_from(self.spec.size_gib).unwrap_or_default(),
            created: Some(self.created),
            expires: self.ends(),
            last_matched: self.last_matched,
            region: Some(self.region.clone()),
            arch: self.spec.arch.clone(),
            os: self.spec.os.clone(),
            snapshot: self.snapshot.clone(),
            flash_snapshot: self.flash_snapshot.clone(),
            origin: CacheOrigin::Reply,
            ..Cache::ready(&self.id, images)
        }
    }
}

/// Returns a tag in the form of the API.
pub(super) fn tag(key: &str, value: &str) -> TagEntry {
    TagEntry {
        key: key.to_owned(),
        value: value.to_owned(),
        unknown: Map::new(),
    }
}

/// An event of something of this name.
pub(super) fn event(
    kind: &str,
    reason: &str,
    name: &str,
    message: &str,
    at: Timestamp,
    mark: u64,
) -> EventEntry {
    EventEntry {
        count: Some(1),
        r#type: Some(kind.to_owned()),
        reason: Some(reason.to_owned()),
        name: Some(format!("{name}.{mark:016x}")),
        message: Some(message.to_owned()),
        first_timestamp: Some(at.to_string()),
        last_timestamp: Some(at.to_string()),
        unknown: Map::new(),
    }
}
