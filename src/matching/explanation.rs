//! What happens to a pod, with every reason: the form of the answer.

use serde::Serialize;

use super::cache::CacheName;
use super::event::PodEvent;
use super::reason::LossReason;
use super::verdict::Decision;
use crate::resource::Phase;
use crate::time::Timestamp;

/// What happens to a pod, with every reason. As JSON it is the contract of the command line's `match`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `namespace/name` of the pod, or its name alone.
    pub pod: String,
    /// Kind of the object: `Pod`, `Deployment`, …
    pub kind: String,
    /// What happens.
    pub decision: Decision,
    /// The cache it starts from.
    pub winner: Option<CacheName>,
    /// The caches that share a repository with the pod, and the one it names: the winner, then those that could have
    /// been taken, best first, then those that could not.
    pub candidates: Vec<Candidate>,
    /// So many more caches share nothing with the pod.
    pub unrelated: usize,
    /// The pod's distinct images, and what the winner has of each.
    pub images: Vec<FoundImage>,
    /// Does ECI start to make a cache of its own?
    pub auto_create: bool,
    /// What ECI does next.
    pub next: NextSteps,
    /// The annotation that holds the pod to this result.
    pub pin: Option<Pin>,
    /// The pod events that ECI emits, in order.
    pub events: Vec<PodEvent>,
    /// Bytes that need not travel, as far as sizes are known.
    pub bytes_saved: Option<u64>,
    /// Seconds that the pod starts earlier, at the rules' rate.
    pub seconds_saved: Option<u64>,
    /// Why the pod is refused.
    pub error: Option<RefusedPin>,
    /// What of the pod could not be read or will not work, in sentences.
    pub warnings: Vec<String>,
}

/// A cache that was considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Which cache.
    #[serde(flatten)]
    pub cache: CacheName,
    /// Images of the pod that it has exactly.
    pub exact: usize,
    /// More images of the pod that it has in another version.
    pub repository_only: usize,
    /// Why it was not taken; `None` for the winner. One word in JSON.
    pub reason: Option<LossReason>,
    /// The reason as a sentence about the cache; for the winner, what it has.
    pub why: String,
    /// Its phase, once it has one.
    pub phase: Option<Phase>,
    /// Its size in GiB.
    pub size_gib: u64,
    /// When it was created.
    pub created: Option<Timestamp>,
}

/// An image of the pod, and what the winner has of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundImage {
    /// As the pod writes it.
    pub image: String,
    /// What the winner has.
    pub found: ImageMatch,
    /// The image of the winner that matches, as the winner writes it.
    pub cached: Option<String>,
}

/// What a cache has of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ImageMatch {
    /// The image itself.
    Exact,
    /// Another version of its repository: layers that both have need not travel.
    RepositoryOnly,
    /// Nothing of it.
    Nothing,
    /// The pod's text is no image reference.
    Invalid,
}

/// What ECI does next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NextSteps {
    /// The images that it pulls, as the pod writes them; of those that the winner has in another version only what
    /// differs.
    pub pull: Vec<String>,
    /// The cache that it starts to make.
    pub create: Option<Creation>,
}

/// A cache that ECI makes by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Creation {
    /// Its name; the instance's id is known once there is an instance.
    pub name: String,
    /// Its size in GiB: 30, and the pod's extra temporary storage.
    pub size_gib: u64,
    /// What it will hold.
    pub images: Vec<String>,
}

/// An annotation for the pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pin {
    /// Its name.
    pub annotation: &'static str,
    /// Its value.
    pub value: String,
}

/// ECI's answer to a pod that it refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedPin {
    /// HTTP status.
    pub http: u16,
    /// Error code.
    pub code: &'static str,
    /// Our words.
    pub message: String,
}
