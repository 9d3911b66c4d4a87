//! Matching: the cache that a pod uses, and the reasons.
//!
//! [`Inventory`] reads pods and caches from manifests, lists and replies. An [`Index`] holds the caches:
//! [`Index::winner`] returns the best cache for a pod, [`Index::explain`] also returns the reasons. [`MatchRules`] give
//! values that the objects do not contain and decide what documents leave open; [`ImageFacts`] give what registries report
//! about images.
//!
//! ```
//! use imagecache::diagnostic::{Levels, Report};
//! use imagecache::matching::{Index, Inventory, MatchRules};
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
//! let answer = index.explain(&inventory.pods[0], &MatchRules::default());
//! assert_eq!(answer.decision.as_str(), "Partial");
//! assert_eq!(answer.candidates[1].why, "is Creating, only Ready caches are used");
//! ```
//!
//! # The rules
//! 1. A pod that names a cache gets it, or is refused if the cache does not exist (in its region, at this time) or is
//!    not ready. ECI does not check that the cache fits.
//! 2. Otherwise, unless automatic matching is off, candidates are the caches of the pod's region that are ready, have
//!    not expired, have the pod's architecture and system (default: `amd64` and `linux`), and are at least as large as
//!    the temporary storage that the pod requests.
//! 3. Images are compared as full references: a missing tag is `latest`, registry and namespace are filled in, a digest
//!    is kept. The degree of a match is the number of the pod's distinct images that a cache has exactly,
//!    then the number of those it has in another version. Degree (0, 0) is not a match.
//! 4. A perfect match, or else a match count, excludes caches with fewer exact matches.
//! 5. The highest degree wins; then the size closest to the requested storage, then the newest, then the lowest id.
//!    Caches are never combined.
//! 6. ECI creates a cache by itself if not all images match exactly.
//!
//! Documents state 1, 2, 4 and the order in 5. The formula of 3, the lowest id in 5, and "not all" in 6 are this
//! project's choice. ECI reads the annotations of a pod once, when it is created.
//!
//! # Cost
//! The index maps repository → version → caches. With *n* images in a pod, *e* caches that have one of them exactly
//! and *r* that share a repository:
//!
//! | call | time |
//! |---|---|
//! | [`Index::insert`], [`Index::remove`] | the number of the cache's images |
//! | [`Index::winner`] | *n* + *e*; if none of those can be used, *n* + *e* + *r* |
//! | [`Index::explain`] | *n* + *r* log *r* |
//!
//! Comparing two caches of equal exact degree may walk the repositories that they hold, at most 20 in a valid cache.
//! Each cache is visited once per image, however many images the pod has of one repository and however popular a
//! repository is: a pod of 10,000 tags of `nginx` beside 10,000 caches of `nginx` costs the sum, not the product.
//! Whatever the caches, a pod that shares nothing with them costs one lookup per image.
//!
//! Lookups go by hashes with a fixed key (`SipHash`, the hash of the standard library without its random seed): the
//! core draws no random numbers, and no answer depends on the order of a hash table. Texts with equal hashes are
//! compared.

mod cache;
mod cache_store;
mod event;
mod explain;
mod explanation;
mod group;
mod index;
mod inventory;
mod locality;
mod reason;
mod rules;
mod select;
mod slab;
mod template_owners;
mod verdict;

pub use crate::image::{Image, ImageFacts, ImageFactsError};
pub use crate::pod::{CacheRequest, GIB, Pod, PodSource, storage_bytes};
pub use crate::resource::MAX_LIST_DEPTH as MAX_NESTING;
pub use cache::{Cache, CacheName, CacheOrigin};
pub use cache_store::CacheStore;
pub use event::PodEvent;
pub(crate) use event::{AUTO_CREATED, AUTO_FAILED, HIT, MISSED, NOT_COMPLETE, NOT_FOUND};
pub use explanation::{
    Candidate, Creation, Explanation, FoundImage, ImageMatch, NextSteps, Pin, RefusedPin,
};
pub(crate) use group::{GroupView, each_group, groups, named_cache};
pub use index::Index;
pub use inventory::{DocumentObject, Inventory, ObjectRole, subjects};
pub(crate) use inventory::{each_object, kind};
pub use locality::{
    LocalityInventory, MAX_NODE_SCORE, NodeImage, NodeImages, NodeScore, PodImages, PodScores,
    image_locality, image_signature, with_default_tag,
};
pub use reason::LossReason;
pub use rules::{
    BYTES_PER_SECOND, DEFAULT_ARCH, DEFAULT_OS, MAX_CANDIDATES, MatchRules, NameComparison, SizeTie,
};
pub use select::SearchBuffers;
#[cfg(feature = "plan")]
pub(crate) use template_owners::TemplateOwners;
pub use verdict::{Decision, PinRefusal, Selection};
