//! Which cache will this pod hit, and why.
//!
//! [`Inventory`] reads pods and caches out of manifests, lists and replies; an [`Index`] takes the caches and answers
//! pods: [`Index::winner`] says who wins, [`Index::explain`] why. [`MatchRules`] hold what the caller knows beyond the
//! objects and the choices that documents leave open; [`ImageFacts`] what registries tell about images.
//!
//! ```
//! use imagecache::diagnostic::{Levels, Report};
//! use imagecache::matching::{Index, Inventory, MatchRules, SearchBuffers};
//! let reply = serde_json::json!({"ImageCaches": [
//!     {"ImageCacheId": "imc-1", "Images": ["nginx:1.27"], "Status": "Ready"},
//!     {"ImageCacheId": "imc-2", "Images": ["nginx:1.27", "redis:7"], "Status": "Creating"},
//! ]});
//! let pod = serde_json::json!({"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [
//!     {"image": "nginx:1.27"}, {"image": "redis:7"},
//! ]}});
//! let mut inventory = Inventory::default();
//! let levels = Levels::default();
//! let mut report = Report::new(&levels);
//! inventory.add(&reply, &mut report);
//! inventory.add(&pod, &mut report);
//! let index: Index = inventory.caches.into_iter().collect();
//! let answer = index.explain(&inventory.pods[0], &MatchRules::default(), &mut SearchBuffers::default());
//! assert_eq!(answer.decision.as_str(), "Partial");
//! assert_eq!(answer.candidates[1].why, "is Creating, only Ready caches are used");
//! ```
//!
//! # The rules
//! 1. A pod that names a cache gets it, or is refused when the cache does not exist (in its region, at this time) or
//!    is not ready. Whether the cache fits is not asked.
//! 2. Otherwise, unless automatic matching is off: candidates are the caches of the pod's region that are ready, have
//!    not ended, have the pod's architecture and system (`amd64` and `linux` when not told), and are as large as the
//!    temporary storage that the pod needs.
//! 3. Images are compared as references in full: a missing tag is `latest`, registry and namespace are filled in, a
//!    digest is kept. The degree of a match is the number of the pod's distinct images that a cache has exactly,
//!    then the number of those it has in another version. Degree (0, 0) is no match.
//! 4. A perfect match, else a match count, bars caches with fewer exact matches.
//! 5. The highest degree wins; then the size closest to the need, then the newest, then the lowest id. A cache is
//!    never combined with another.
//! 6. ECI starts a cache of its own when not all images matched exactly.
//!
//! Documents state 1, 2, 4 and the order in 5; the formula of 3, the last resort of 5, and "not all" in 6 are this
//! project's. A pod reads its annotations once, when it is created.
//!
//! # What it costs
//! The index maps repository → version → caches. With *n* images in a pod, *e* caches that have one of them exactly
//! and *r* that share a repository:
//!
//! | call | time |
//! |---|---|
//! | [`Index::insert`], [`Index::remove`] | the number of the cache's images |
//! | [`Index::winner`] | *n* + *e*; when none of those can be used, *n* + *e* + *r* |
//! | [`Index::explain`] | *n* + *r* log *r* |
//!
//! Comparing two caches of equal exact degree may walk the repositories that they hold, at most 20 in a valid cache.
//! Each cache is visited once per image, however many images the pod has of one repository and however popular a
//! repository is: a pod of 10,000 tags of `nginx` beside 10,000 caches of `nginx` costs the sum, not the product.
//! Whatever the caches, a pod that shares nothing with them costs one lookup per image.
//!
//! Lookups go by hashes with a fixed key (`SipHash`, the hash of the standard library without its random seed): the
//! core draws no random numbers, and no answer depends on the order of a hash table. Texts with equal hashes are told
//! apart by comparing them.

mod cache;
mod cache_store;
mod event;
mod explain;
mod explanation;
mod fields;
mod image;
mod index;
mod inventory;
mod locality;
mod pod;
mod reason;
mod rules;
mod select;
mod slab;
mod storage;
mod verdict;
mod wish;

pub use cache::{Cache, CacheName, CacheOrigin};
pub use cache_store::CacheStore;
#[cfg(feature = "eci")]
pub(crate) use event::HIT;
pub use event::PodEvent;
pub use explanation::{
    Candidate, Creation, Explanation, FoundImage, ImageMatch, NextSteps, Pin, RefusedPin,
};
pub use image::{Image, ImageFacts, manifest_bytes};
pub use index::Index;
pub use inventory::{DocumentObject, Inventory, MAX_NESTING, ObjectRole, subjects};
pub use locality::{
    LocalityInventory, MAX_NODE_SCORE, NodeImage, NodeImages, NodeScore, PodImages, PodScores,
    image_locality, image_signature, with_default_tag,
};
pub use pod::Pod;
pub use reason::LossReason;
pub use rules::{BYTES_PER_SECOND, DEFAULT_ARCH, DEFAULT_OS, MatchRules, PodSource, SizeTie};
pub use select::SearchBuffers;
pub use storage::{GIB, storage_bytes};
pub use verdict::{Decision, PinRefusal, Selection};
pub use wish::CacheRequest;
