//! What a cached tag means now, against what it meant when the cache was made, and what runs.
//!
//! A cache serves what its tags meant when it was made. This module compares three digests of each tag in a cache, and
//! asks no registry itself:
//!
//! | digest | source |
//! |---|---|
//! | now | the registry ([`RegistryFacts`]) |
//! | when the cache was made | the annotation [`DIGESTS`](crate::resource::annotation::DIGESTS) of the ImageCache |
//! | that runs | `status.containerStatuses[].imageID` of Pods in the input |
//!
//! ```
//! use imagecache::diagnostic::{Levels, Report};
//! use imagecache::freshness::{Freshness, FreshnessInventory};
//! use imagecache::registry::{ImageRecord, RegistryAnswer, RegistryFacts};
//! let mut inventory = FreshnessInventory::default();
//! inventory.add(&serde_json::json!({"kind": "ImageCache", "spec": {"images": ["web:1"]}, "metadata": {"name": "web",
//!     "annotations": {"imagecache.eci.alibabacloud.com/digests": r#"{"docker.io/library/web:1": "sha256:aa"}"#}},
//! }), &mut Report::new(&Levels::default()));
//! let mut facts = RegistryFacts::default();
//! for ask in inventory.needs().asks() {
//!     facts.insert(ask, "2026-01-02T00:00:00Z".parse().unwrap(), RegistryAnswer::Image(ImageRecord::new("sha256:bb")));
//! }
//! let found = inventory.compare(&facts);
//! assert_eq!((found[0].state, found[0].cached.as_deref()), (Freshness::Moved, Some("sha256:aa")));
//! ```

mod inventory;
mod running;

use serde::{Deserialize, Serialize};

use crate::matching::CacheName;
use crate::registry::{FailureReason, ImageRecord, RegistryAnswer, RegistryFacts};
use crate::time::Timestamp;

use inventory::CachedImage;
pub use inventory::FreshnessInventory;
pub(crate) use inventory::{NOT_RECORDED, recorded_digests};

/// The state of an image in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Freshness {
    /// The tag means what the cache has.
    Fresh,
    /// The image is named by its digest, which never moves. No registry is asked.
    Pinned,
    /// The tag means something else now.
    Moved,
    /// The registry does not have the tag any longer.
    Gone,
    /// A digest is unknown.
    Unknown,
}

impl Freshness {
    /// Returns the state as text: `fresh`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Freshness::Fresh => "fresh",
            Freshness::Pinned => "pinned",
            Freshness::Moved => "moved",
            Freshness::Gone => "gone",
            Freshness::Unknown => "unknown",
        }
    }
}

/// What the digest of a running container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RunningIs {
    /// The digest of the tag now, or of its manifest for one platform.
    Now,
    /// The digest that the tag had when the cache was made.
    Cached,
    /// Another digest.
    Other,
    /// The container runtime reports no digest of a repository.
    Unknown,
}

/// A digest that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunningDigest {
    /// The digest; `None` if the container runtime reports none.
    pub digest: Option<String>,
    /// What the digest is.
    pub is: RunningIs,
    /// The pods that run it, as `namespace/name`, sorted.
    pub pods: Vec<String>,
}

/// The comparison of one image of a cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImageFreshness {
    /// The cache.
    #[serde(flatten)]
    pub cache: CacheName,
    /// The image as written.
    pub image: String,
    /// The state.
    pub state: Freshness,
    /// The reason of an unknown state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The digest of the tag now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// The digest of the tag when the cache was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<String>,
    /// The time since when the tag is known to have moved: that of the condition `Fresh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The time after which the tag moved: the last creation or update of the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Timestamp>,
    /// The digests that run.
    pub running: Vec<RunningDigest>,
}

/// Compares one image with the answer of its registry.
fn compare(image: &CachedImage, facts: &RegistryFacts) -> ImageFreshness {
    let mut found = ImageFreshness {
        cache: image.cache.clone(),
        image: image.text.clone(),
        state: Freshness::Unknown,
        reason: None,
        now: None,
        cached: image.cached.as_ref().ok().cloned(),
        since: None,
        after: None,
        running: Vec::new(),
    };
    if let Some(digest) = &image.pinned {
        found.state = Freshness::Pinned;
        found.now = Some(digest.clone());
        found.cached = Some(digest.clone());
        found.running = image.running(Some(&ImageRecord::new(digest)));
        return found;
    }
    let answer = facts.get(&image.ask).map(|(_, answer)| answer);
    let record = match answer {
        Some(RegistryAnswer::Image(record)) => Some(record),
        _ => None,
    };
    found.now = record.map(|record| record.digest.clone());
    found.running = image.running(record);
    let cached = image.cached.as_deref().map_err(String::as_str);
    (found.state, found.reason) = tag_state(cached, answer);
    if found.state == Freshness::Moved {
        found.since = image.not_fresh_since;
        found.after = image.made.filter(|_| found.since.is_none());
    }
    found
}

/// Returns the state of a tag by its recorded digest, or the reason why there is none, and the answer of its registry;
/// with the reason of an unknown state.
pub(crate) fn tag_state(
    recorded: Result<&str, &str>,
    answer: Option<&RegistryAnswer>,
) -> (Freshness, Option<String>) {
    match (answer, recorded) {
        (None, _) => (Freshness::Unknown, Some("no registry was asked".to_owned())),
        (Some(RegistryAnswer::Failed(failure)), _) => match failure.reason {
            FailureReason::NotFound => (Freshness::Gone, None),
            _ => (Freshness::Unknown, Some(failure.message.clone())),
        },
        (Some(RegistryAnswer::Image(record)), Ok(recorded)) => match record.has_digest(recorded) {
            true => (Freshness::Fresh, None),
            false => (Freshness::Moved, None),
        },
        (Some(RegistryAnswer::Image(_)), Err(why)) => (Freshness::Unknown, Some(why.to_owned())),
    }
}
