//! Why a cache was not taken.

use std::fmt;

use serde::Serialize;

use crate::annotation::POD_PERFECT_MATCH;
use crate::resource::Phase;
use crate::time::Timestamp;

/// Why a cache was not taken: the first reason that holds, in the order of these variants, save that a cache which
/// shares nothing with the pod is told so at once. `Display` is a sentence about the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LossReason {
    /// It has no image of a repository that the pod uses.
    NothingShared,
    /// The pod names another cache.
    NotNamed {
        /// The one it names.
        id: String,
    },
    /// The pod is not matched automatically.
    MatchingOff,
    /// It lives in another region.
    OtherRegion {
        /// Of the cache.
        cache: String,
        /// Of the pod.
        pod: String,
    },
    /// Its phase is not `Ready`.
    NotReady {
        /// Its phase, once it has one.
        phase: Option<Phase>,
    },
    /// Its end has come.
    Ended {
        /// Its end as recorded.
        at: Timestamp,
    },
    /// Its images are for another architecture.
    OtherArchitecture {
        /// Of the cache.
        cache: String,
        /// Of the pod.
        pod: String,
    },
    /// Its images are for another operating system.
    OtherSystem {
        /// Of the cache.
        cache: String,
        /// Of the pod.
        pod: String,
    },
    /// It is smaller than the temporary storage that the pod needs.
    TooSmall {
        /// Size of the cache in GiB.
        size: u64,
        /// The need in GiB.
        need: u64,
    },
    /// The pod asks for a perfect match, and not every image matches.
    NotPerfect {
        /// Images that match exactly.
        exact: usize,
        /// Distinct images of the pod.
        images: usize,
    },
    /// The pod asks for more exact matches.
    BelowCount {
        /// Images that match exactly.
        exact: usize,
        /// So many are asked for.
        count: usize,
    },
    /// It has other versions only, and matching is strict.
    OtherVersionsOnly,
    /// The winner matches more images exactly.
    FewerExact {
        /// Images that match exactly here.
        exact: usize,
        /// In the winner.
        winner: usize,
    },
    /// The winner has another version of more images.
    FewerByRepository {
        /// Images whose repository is here in another version.
        count: usize,
        /// In the winner.
        winner: usize,
    },
    /// The winner's size is closer to the need.
    LargerSurplus {
        /// Size in GiB.
        size: u64,
        /// Of the winner.
        winner: u64,
    },
    /// The winner's matched images are larger together.
    FewerBytes {
        /// Bytes of the images that match exactly here.
        bytes: u64,
        /// In the winner.
        winner: u64,
    },
    /// The winner was created later.
    Older {
        /// When this one was created, where known.
        created: Option<Timestamp>,
        /// When the winner was.
        winner: Option<Timestamp>,
    },
    /// All else is equal, and the winner's id (or name) comes first.
    LaterInOrder {
        /// The winner's id or name.
        winner: String,
    },
}

impl LossReason {
    /// Whether the cache could have been taken, had the winner not been better.
    #[must_use]
    pub fn is_rank(&self) -> bool {
        matches!(
            self,
            LossReason::FewerExact { .. }
                | LossReason::FewerByRepository { .. }
                | LossReason::LargerSurplus { .. }
                | LossReason::FewerBytes { .. }
                | LossReason::Older { .. }
                | LossReason::LaterInOrder { .. }
        )
    }

    /// The reason as one word that scripts can rely on.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            LossReason::NothingShared => "nothingShared",
            LossReason::NotNamed { .. } => "notNamed",
            LossReason::MatchingOff => "matchingOff",
            LossReason::OtherRegion { .. } => "otherRegion",
            LossReason::NotReady { .. } => "notReady",
            LossReason::Ended { .. } => "ended",
            LossReason::OtherArchitecture { .. } => "otherArchitecture",
            LossReason::OtherSystem { .. } => "otherSystem",
            LossReason::TooSmall { .. } => "tooSmall",
            LossReason::NotPerfect { .. } => "notPerfect",
            LossReason::BelowCount { .. } => "belowCount",
            LossReason::OtherVersionsOnly => "otherVersionsOnly",
            LossReason::FewerExact { .. } => "fewerExact",
            LossReason::FewerByRepository { .. } => "fewerByRepository",
            LossReason::LargerSurplus { .. } => "largerSurplus",
            LossReason::FewerBytes { .. } => "fewerBytes",
            LossReason::Older { .. } => "older",
            LossReason::LaterInOrder { .. } => "laterInOrder",
        }
    }
}

impl Serialize for LossReason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LossReason::NothingShared => {
                f.write_str("has no image of a repository that the pod uses")
            }
            LossReason::NotNamed { id } => {
                write!(f, "the pod names `{id}`, and no other cache is used")
            }
            LossReason::MatchingOff => f.write_str("automatic matching is off for this pod"),
            LossReason::OtherRegion { cache, pod } => {
                write!(f, "is in region `{cache}`, the pod is in `{pod}`")
            }
            LossReason::NotReady { phase: None } => {
                f.write_str("has no phase yet, only Ready caches are used")
            }
            LossReason::NotReady { phase: Some(phase) } => {
                write!(f, "is {phase}, only Ready caches are used")
            }
            LossReason::Ended { at } => write!(f, "ended at {at}"),
            LossReason::OtherArchitecture { cache, pod } => {
                write!(f, "holds images for {cache}, the pod runs on {pod}")
            }
            LossReason::OtherSystem { cache, pod } => {
                write!(f, "holds images for {cache}, the pod runs on {pod}")
            }
            LossReason::TooSmall { size, need } => write!(
                f,
                "has {size} GiB, the pod needs {need} GiB of temporary storage"
            ),
            LossReason::NotPerfect { exact, images } => write!(
                f,
                "has {exact} of {images} images exactly, all are asked for by {POD_PERFECT_MATCH}"
            ),
            LossReason::BelowCount { exact, count } => {
                write!(
                    f,
                    "has {} exactly, at least {count} asked for",
                    images(*exact)
                )
            }
            LossReason::OtherVersionsOnly => {
                f.write_str("has other versions only, and matching is strict")
            }
            LossReason::FewerExact { exact, winner } => {
                write!(f, "has {} exactly, the winner {winner}", images(*exact))
            }
            LossReason::FewerByRepository { count, winner } => write!(
                f,
                "has another version of {}, the winner of {winner}",
                images(*count)
            ),
            LossReason::LargerSurplus { size, winner } => write!(
                f,
                "has {size} GiB, the winner's {winner} GiB are closer to what the pod needs"
            ),
            LossReason::FewerBytes { bytes, winner } => write!(
                f,
                "its matching images have {bytes} bytes together, the winner's {winner}"
            ),
            LossReason::Older { created, winner } => {
                let (created, winner) = (told(*created), told(*winner));
                write!(f, "was created {created}, the winner {winner}")
            }
            LossReason::LaterInOrder { winner } => {
                write!(
                    f,
                    "is equal in all that counts, and `{winner}` comes first by id"
                )
            }
        }
    }
}

fn images(count: usize) -> String {
    format!("{count} {}", if count == 1 { "image" } else { "images" })
}

fn told(time: Option<Timestamp>) -> String {
    time.map_or_else(
        || "at an unknown time".to_owned(),
        |time| format!("at {time}"),
    )
}
