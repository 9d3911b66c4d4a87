//! The explanation of a match: the decision for a pod, with every reason.

use serde::{Deserialize, Serialize};

use super::cache::CacheName;
use super::event::PodEvent;
use super::reason::LossReason;
use super::verdict::Decision;
use crate::resource::Phase;
use crate::time::Timestamp;

/// The decision for a pod, with every reason. Its JSON is the stable output of `imagecache match`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Explanation {
    /// `namespace/name` of the pod, or only its name.
    pub pod: String,
    /// Kind of the object: `Pod`, `Deployment`, …
    pub kind: String,
    /// The decision.
    pub decision: Decision,
    /// The cache that the pod starts from.
    pub winner: Option<CacheName>,
    /// The caches that share a repository with the pod, and the cache that it names: the winner first, then usable
    /// caches from best to worst, then unusable caches.
    pub candidates: Vec<Candidate>,
    /// The number of further candidates, beyond [`super::MatchRules::max_candidates`].
    pub omitted: usize,
    /// The number of further caches, which share nothing with the pod.
    pub unrelated: usize,
    /// The distinct images of the pod, and the match of the winner for each.
    pub images: Vec<FoundImage>,
    /// True if ECI creates a cache by itself.
    pub auto_create: bool,
    /// The next steps of ECI.
    pub next: NextSteps,
    /// The annotation that pins the pod to this result.
    pub pin: Option<Pin>,
    /// The pod events that ECI emits, in order.
    pub events: Vec<PodEvent>,
    /// The bytes that are not pulled, as far as sizes are known.
    pub bytes_saved: Option<u64>,
    /// The seconds saved at pod start, at the pull rate of the rules.
    pub seconds_saved: Option<u64>,
    /// The error, if the pod is refused.
    pub error: Option<RefusedPin>,
    /// Warnings about parts of the pod that could not be read or have no effect.
    pub warnings: Vec<String>,
}

/// A cache that was considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Candidate {
    /// The cache.
    #[serde(flatten)]
    pub cache: CacheName,
    /// The number of images that match exactly.
    pub exact: usize,
    /// The number of further images that match in another version.
    pub repository_only: usize,
    /// The reason for which it is not selected; `None` for the winner. One word in JSON.
    pub reason: Option<LossReason>,
    /// The reason in words; for the winner, its matches.
    pub why: String,
    /// Its phase, if it has one.
    pub phase: Option<Phase>,
    /// Its size in GiB.
    pub size_gib: u64,
    /// Its creation time.
    pub created: Option<Timestamp>,
}

/// An image of the pod and its match in the winner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FoundImage {
    /// The image as the pod writes it.
    pub image: String,
    /// The match.
    pub found: ImageMatch,
    /// The matching image as the winner writes it.
    pub cached: Option<String>,
}

/// The match of an image in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ImageMatch {
    /// The same image.
    Exact,
    /// Another version from the same repository: shared layers are not pulled.
    RepositoryOnly,
    /// No image from its repository.
    Nothing,
    /// The text of the pod is not a valid image reference.
    Invalid,
}

/// The next steps of ECI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NextSteps {
    /// The images that ECI pulls, as the pod writes them. Of an image that matches in another version, only the differing
    /// layers are pulled.
    pub pull: Vec<String>,
    /// The cache that ECI creates.
    pub create: Option<Creation>,
}

/// A cache that ECI creates by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Creation {
    /// Its name. The instance id is a placeholder until the instance exists.
    pub name: String,
    /// Its size in GiB: 30 plus the pod's extra temporary storage.
    pub size_gib: u64,
    /// Its images.
    pub images: Vec<String>,
}

/// The annotation that pins a pod to a cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pin {
    /// Its name.
    pub annotation: String,
    /// Its value.
    pub value: String,
}

/// The error with which ECI refuses a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefusedPin {
    /// HTTP status.
    pub http: u16,
    /// Error code.
    pub code: String,
    /// The message, in the words of this project.
    pub message: String,
}
