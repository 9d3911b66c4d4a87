//! The cloud: the simulator's state, with calls that are lost, doubled or late, and listings that lag.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use imagecache::eci::error::{ApiError, ErrorCode};
use imagecache::eci::reply::ImageCacheEntry;
use imagecache::eci::request::{
    CreateImageCache, DescribeImageCaches, Operation, Tag, UpdateImageCache,
};
use imagecache::resource::annotation::OWNER_TAG;
use imagecache::time::Timestamp;
use imagecache_simulator::cloud::world::{Settings, World, is_read};
use serde_json::Value;

use crate::chance::Chance;

pub(crate) const REGION: &str = "cn-hangzhou";
/// A listing shows the caches as they were at most this many seconds before.
pub(crate) const LAG: i64 = 45;

/// A cache that came to be on a call of the controller.
#[derive(Debug, Clone)]
pub(crate) struct Creation {
    pub(crate) at: Timestamp,
    pub(crate) uid: String,
    pub(crate) id: String,
}

pub(crate) struct Cloud {
    world: World,
    chance: Chance,
    pub(crate) creations: Vec<Creation>,
    /// Every id that was made, with the uid in its tag.
    pub(crate) made: BTreeMap<String, String>,
    /// Calls that arrive later, by their time.
    late: Vec<(Timestamp, Operation)>,
    /// What listings may still show.
    shots: VecDeque<(Timestamp, Value)>,
    /// A call has changed something since the promises were last checked.
    touched: bool,
    /// Others' caches, as they were made.
    others: Vec<ImageCacheEntry>,
    /// A cache without a tag, which objects may adopt.
    pub(crate) adoptable: String,
}

/// The uid in the tag of a cache.
pub(crate) fn owner(entry: &ImageCacheEntry) -> Option<&str> {
    let tag = entry.tags.iter().find(|tag| tag.key == OWNER_TAG)?;
    Some(&tag.value)
}

impl Cloud {
    pub(crate) fn new(chance: Chance, now: Timestamp) -> Self {
        let mut cloud = Cloud {
            world: World::new(Settings::default(), now),
            chance,
            creations: Vec::new(),
            made: BTreeMap::new(),
            late: Vec::new(),
            shots: VecDeque::new(),
            touched: false,
            others: Vec::new(),
            adoptable: String::new(),
        };
        let mut make = |name: &str, tag: Option<&str>| {
            let call = CreateImageCache {
                region_id: REGION.to_owned(),
                image_cache_name: name.to_owned(),
                image: vec!["registry.example.com/demo/app:1".to_owned()],
                tag: tag.into_iter().map(owner_tag).collect(),
                ..CreateImageCache::default()
            };
            let made = cloud.call(&Operation::CreateImageCache(call), now).unwrap();
            made["ImageCacheId"].as_str().unwrap().to_owned()
        };
        // names of objects here: a name proves nothing
        make("base", None);
        make("web", Some("uid-of-another-cluster"));
        let adoptable = make("shared", None);
        cloud.creations.clear();
        cloud.made.clear();
        cloud.others = cloud.entries(now.plus(600));
        cloud
            .others
            .retain(|entry| entry.image_cache_id != adoptable);
        cloud.adoptable = adoptable;
        cloud
    }

    /// The ids of caches that no object may touch.
    pub(crate) fn foreign(&self) -> Vec<String> {
        let ids = self.others.iter().map(|entry| entry.image_cache_id.clone());
        ids.collect()
    }

    /// A call arrives.
    pub(crate) fn call(&mut self, call: &Operation, now: Timestamp) -> Result<Value, ApiError> {
        self.touched |= !is_read(call);
        let chance = &mut self.chance;
        let reply = self.world.call(call, now, &mut || chance.number())?;
        if let (Operation::CreateImageCache(call), Some(id)) =
            (call, reply["ImageCacheId"].as_str())
        {
            let tag = call.tag.iter().find(|tag| tag.key == OWNER_TAG);
            let uid = tag.and_then(|tag| tag.value.clone()).unwrap_or_default();
            if self.made.insert(id.to_owned(), uid.clone()).is_none() {
                let id = id.to_owned();
                self.creations.push(Creation { at: now, uid, id });
            }
        }
        Ok(reply)
    }

    pub(crate) fn delay(&mut self, call: Operation, until: Timestamp) {
        self.late.push((until, call));
    }

    /// Time passes: what was late arrives.
    pub(crate) fn pass(&mut self, now: Timestamp) {
        self.late.sort_by_key(|(at, _)| *at);
        while self.late.first().is_some_and(|(at, _)| *at <= now) {
            let (at, call) = self.late.remove(0);
            // there is no one to answer
            let _ = self.call(&call, at);
        }
        let caches = self.reported(now);
        self.shots.push_back((now, caches));
        while self
            .shots
            .front()
            .is_some_and(|(at, _)| now.since(*at) > LAG)
        {
            self.shots.pop_front();
        }
    }

    /// Whether a call has changed something since this was asked last.
    pub(crate) fn take_touched(&mut self) -> bool {
        std::mem::take(&mut self.touched)
    }

    /// Every cache as it is.
    pub(crate) fn entries(&mut self, now: Timestamp) -> Vec<ImageCacheEntry> {
        read(self.reported(now))
    }

    /// Every cache in the words of the API.
    fn reported(&mut self, now: Timestamp) -> Value {
        let call = DescribeImageCaches {
            region_id: REGION.to_owned(),
            limit: Some(100),
            ..DescribeImageCaches::default()
        };
        let mut reply = self
            .call(&Operation::DescribeImageCaches(call), now)
            .unwrap();
        reply["ImageCaches"].take()
    }

    /// Every cache as it was at some time not long ago.
    pub(crate) fn lagging(&mut self) -> Option<Vec<ImageCacheEntry>> {
        let count = u64::try_from(self.shots.len()).unwrap();
        let at = usize::try_from(self.chance.below(count)).unwrap();
        Some(read(self.shots.get(at)?.1.clone()))
    }

    /// Another cluster takes the cache that may be adopted.
    pub(crate) fn rob(&mut self, now: Timestamp) {
        let call = UpdateImageCache {
            region_id: REGION.to_owned(),
            image_cache_id: self.adoptable.clone(),
            tag: vec![owner_tag("uid-of-another-cluster")],
            ..UpdateImageCache::default()
        };
        // it may be busy
        let _ = self.call(&Operation::UpdateImageCache(call), now);
    }

    /// A cache of others that is not as it was.
    pub(crate) fn harmed(&self, entries: &[ImageCacheEntry]) -> Option<String> {
        let others = self.others.iter().filter(|before| {
            let same = |entry: &&ImageCacheEntry| {
                entry.image_cache_id == before.image_cache_id
                    && entry.images == before.images
                    && entry.tags == before.tags
                    && entry.status == before.status
            };
            !entries.iter().any(|entry| same(&entry))
        });
        let ids: BTreeSet<_> = others.map(|entry| entry.image_cache_id.clone()).collect();
        ids.first().cloned()
    }
}

fn read(caches: Value) -> Vec<ImageCacheEntry> {
    serde_json::from_value(caches).unwrap()
}

fn owner_tag(uid: &str) -> Tag {
    Tag {
        key: OWNER_TAG.to_owned(),
        value: Some(uid.to_owned()),
    }
}

/// A refusal that quotes the call, as ECI's do; our client masks the secrets of a call in every answer.
pub(crate) fn refusal(code: ErrorCode, call: &Operation) -> ApiError {
    let params = call.to_params();
    let quoted: Vec<_> = params
        .masked()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    ApiError::new(code, format!("refused: {}\u{1b}[2J", quoted.join(" ")))
}
