//! A model of the cloud: what calls do, by the documents, without time or chance.

use std::collections::{BTreeMap, BTreeSet};

use imagecache::eci::error::{ErrorCode, Retry};
use imagecache::eci::reply::{ImageCacheEntry, TagEntry};
use imagecache::eci::request::{
    CreateImageCache, DeleteImageCache, Request as _, UpdateImageCache,
};
use imagecache::reconcile::Outcome;
use imagecache::time::Timestamp;

/// A cache that has no tag.
pub(crate) const NOBODYS: &str = "imc-untagged";

/// A call on the wire.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Call {
    Create(CreateImageCache),
    Update(UpdateImageCache),
    Delete(DeleteImageCache),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cache {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    pub(crate) images: Vec<String>,
    /// The tag with the uid of an object.
    pub(crate) owner: Option<String>,
    /// When it ends, in text.
    pub(crate) expires: Option<String>,
    pub(crate) created: String,
    pub(crate) size: i64,
    /// What its tags meant when ECI began to pull them.
    pub(crate) pulled: u32,
}

impl Cache {
    pub(crate) fn entry(&self) -> ImageCacheEntry {
        let tag = |uid: &String| TagEntry {
            key: imagecache::resource::annotation::OWNER_TAG.to_owned(),
            value: uid.clone(),
            ..TagEntry::default()
        };
        ImageCacheEntry {
            image_cache_id: self.id.clone(),
            image_cache_name: "a".to_owned(),
            status: self.status.into(),
            progress: Some(
                if self.status == "Ready" {
                    "100%"
                } else {
                    "50%"
                }
                .to_owned(),
            ),
            container_group_id: None,
            region_id: None,
            resource_group_id: None,
            snapshot_id: None,
            flash_snapshot_id: None,
            images: self.images.clone(),
            image_cache_size: Some(self.size),
            creation_time: Some(self.created.clone()),
            expire_date_time: self.expires.clone(),
            last_matched_time: None,
            elimination_strategy: None,
            events: Vec::new(),
            tags: self.owner.iter().map(tag).collect(),
            unknown: serde_json::Map::new(),
        }
    }
}

/// What was answered to a token.
type Answers = BTreeMap<String, (String, Option<String>)>;

#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Cloud {
    pub(crate) caches: Vec<Cache>,
    /// By token: the parameters, and the id that was answered.
    pub(crate) tokens: Answers,
    /// The owner, the id and the time of every creation.
    pub(crate) creations: Vec<(String, String, Timestamp)>,
    /// How many were ever made, by owner.
    pub(crate) made: BTreeMap<String, u32>,
    /// Every id with the images with which it was ready at some time.
    pub(crate) ever_ready: BTreeSet<(String, Vec<String>)>,
    /// What every tag means: it only grows.
    pub(crate) tag: u32,
    /// The id of each cache that was pulled again although nothing else was asked for.
    pub(crate) rebuilt: Vec<String>,
}

fn refused(code: ErrorCode, message: &str) -> Outcome {
    Outcome::Refused {
        retry: code.retry(code.status().unwrap_or(400), None),
        code,
        message: message.to_owned(),
    }
}

impl Cloud {
    pub(crate) fn cache(&mut self, id: &str) -> Option<&mut Cache> {
        self.caches.iter_mut().find(|cache| cache.id == id)
    }

    /// What a call does when it arrives.
    pub(crate) fn receive(&mut self, call: &Call, now: &str) -> Outcome {
        match call {
            Call::Create(call) => self.create(call, now),
            Call::Update(call) => self.update(call),
            Call::Delete(call) => {
                self.caches.retain(|cache| cache.id != call.image_cache_id);
                Outcome::Accepted
            }
        }
    }

    /// The answer that was given to this token before.
    fn answered(&self, token: Option<&str>, params: &str) -> Option<Outcome> {
        let (before, id) = self.tokens.get(token?)?;
        Some(if before != params {
            refused(ErrorCode::IdempotentParameterMismatch, "other parameters")
        } else {
            id.clone().map_or(Outcome::Accepted, Outcome::Created)
        })
    }

    fn create(&mut self, call: &CreateImageCache, now: &str) -> Outcome {
        let params = call.to_params().canonical();
        if let Some(answer) = self.answered(call.client_token.as_deref(), &params) {
            return answer;
        }
        let owner = call.tag.first().and_then(|tag| tag.value.clone());
        let made = self
            .made
            .entry(owner.clone().unwrap_or_default())
            .or_default();
        *made += 1;
        // whose cache is made first makes no other state
        let id = format!("imc-{}-{made}", owner.as_deref().unwrap_or_default());
        let uid = owner.clone().unwrap_or_default();
        self.creations.push((uid, id.clone(), now.parse().unwrap()));
        self.caches.push(Cache {
            id: id.clone(),
            status: "Creating",
            images: call.image.clone(),
            owner,
            expires: None,
            created: now.to_owned(),
            size: call.image_cache_size.map_or(20, i64::from),
            pulled: self.tag,
        });
        self.caches.sort();
        if let Some(token) = &call.client_token {
            self.tokens
                .insert(token.clone(), (params, Some(id.clone())));
        }
        Outcome::Created(id)
    }

    fn update(&mut self, call: &UpdateImageCache) -> Outcome {
        let params = call.to_params().canonical();
        if let Some(answer) = self.answered(call.client_token.as_deref(), &params) {
            return answer;
        }
        let tag = self.tag;
        let Some(cache) = self.cache(&call.image_cache_id) else {
            return refused(ErrorCode::InvalidImageCacheNotFound, "no such cache");
        };
        if !matches!(cache.status, "Ready" | "UpdateFailed") {
            return refused(ErrorCode::ImageCacheIncorrectStatus, "not now");
        }
        let owner = call.tag.first().and_then(|tag| tag.value.clone());
        let same = owner.is_none() || owner == cache.owner;
        let size = call.image_cache_size.map_or(cache.size, i64::from);
        let alike = cache.status == "Ready" && cache.images == call.image && same;
        if alike && cache.size == size {
            return refused(ErrorCode::NoNeedUpdate, "nothing to change");
        }
        if cache.status == "UpdateFailed" || cache.images != call.image || cache.size != size {
            cache.pulled = tag;
        }
        let rebuilt = alike.then(|| cache.id.clone());
        cache.size = size;
        cache.status = "Updating";
        cache.images.clone_from(&call.image);
        cache.owner = owner.or(cache.owner.take());
        self.rebuilt.extend(rebuilt);
        if let Some(token) = &call.client_token {
            self.tokens.insert(token.clone(), (params, None));
        }
        Outcome::Accepted
    }

    /// ECI's answer to a call that it refuses because a quota is used up; it quotes what was sent, and the client has masked
    /// the passwords.
    pub(crate) fn refuse(call: &Call) -> Outcome {
        let params = match call {
            Call::Create(call) => call.to_params(),
            Call::Update(call) => call.to_params(),
            Call::Delete(call) => call.to_params(),
        };
        let quoted: Vec<_> = params
            .masked()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Outcome::Refused {
            code: ErrorCode::QuotaExceeded,
            message: format!("no room for {}", quoted.join(" ")),
            retry: Retry::Never,
        }
    }

    /// The work on a cache ends.
    pub(crate) fn settle(&mut self, id: &str, well: bool, fails_at: &str) {
        let Some(cache) = self.cache(id) else { return };
        cache.status = match (cache.status, well) {
            ("Creating" | "Updating", true) => "Ready",
            ("Creating", false) => "Failed",
            ("Updating", false) => "UpdateFailed",
            (other, _) => other,
        };
        if cache.status == "Failed" {
            cache.expires = Some(fails_at.to_owned());
        }
        if cache.status == "Ready" {
            let ready = (cache.id.clone(), cache.images.clone());
            self.ever_ready.insert(ready);
        }
    }
}
