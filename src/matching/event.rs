//! The pod events in which ECI reports the result of matching, in its own words.

use serde::{Deserialize, Serialize};

/// An event of the pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PodEvent {
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its reason: `ImageCacheMissed`, …
    pub reason: String,
    /// Its message.
    pub message: String,
}

/// The reason of the event that names the cache that a pod starts from.
pub(crate) const HIT: &str = "SuccessfulHitImageCache";

/// The reason of the event of a pod that starts without a cache.
pub(crate) const MISSED: &str = "ImageCacheMissed";
/// The reason of the event of a pod for which ECI has begun to make a cache.
pub(crate) const AUTO_CREATED: &str = "ImageCacheAutoCreated";
/// The reason of the event of a pod for which ECI could not make a cache.
pub(crate) const AUTO_FAILED: &str = "ImageCacheAutoCreateFailed";
/// The reason of the event of a pod that names a cache that does not exist.
pub(crate) const NOT_FOUND: &str = "ImageCacheNotFound";
/// The reason of the event of a pod that names a cache that is not ready.
pub(crate) const NOT_COMPLETE: &str = "ImageCacheNotComplete";

impl PodEvent {
    fn normal(reason: &str, message: String) -> Self {
        PodEvent {
            kind: "Normal".to_owned(),
            reason: reason.to_owned(),
            message,
        }
    }

    fn warning(reason: &str, message: String) -> Self {
        PodEvent {
            kind: "Warning".to_owned(),
            reason: reason.to_owned(),
            message,
        }
    }

    /// Creates the event of a pod that starts from this cache.
    #[must_use]
    pub fn hit(cache: &str) -> Self {
        Self::normal(
            HIT,
            format!(
                "[eci.imagecache]Successfully hit image cache {cache}, eci will be scheduled with this image cache."
            ),
        )
    }

    /// Creates the event of a pod without a matching cache.
    #[must_use]
    pub fn missed() -> Self {
        let message = "[eci.imagecache]Missed image cache.".to_owned();
        Self::warning(MISSED, message)
    }

    /// Creates the event of an automatically created cache.
    #[must_use]
    pub fn auto_created(cache: &str) -> Self {
        Self::normal(
            AUTO_CREATED,
            format!("[eci.imagecache]Image cache {cache} is auto created"),
        )
    }

    /// Creates the event of a failed automatic creation. The message is documented, the reason is this project's choice.
    #[must_use]
    pub fn auto_create_failed(why: &str) -> Self {
        Self::warning(
            AUTO_FAILED,
            format!("[eci.imagecache]Image cache auto create failed for {why}"),
        )
    }

    /// Creates the event of a pod that names a cache that does not exist.
    #[must_use]
    pub fn not_found(cache: &str) -> Self {
        Self::warning(
            NOT_FOUND,
            format!("The specified image cache {cache} does not exist."),
        )
    }

    /// Creates the event of a pod that names a cache that is not ready.
    #[must_use]
    pub fn not_complete(cache: &str) -> Self {
        Self::normal(
            NOT_COMPLETE,
            format!("The production for specified image cache {cache} is not yet complete."),
        )
    }
}
