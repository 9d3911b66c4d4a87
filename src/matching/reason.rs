//! The reasons for which a cache is not selected.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::resource::Phase;
use crate::resource::annotation::POD_PERFECT_MATCH;
use crate::time::Timestamp;

/// The reason for which a cache is not selected: the first one that applies, in the order of these variants.
/// [`Candidate::why`](super::Candidate::why) has the facts in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum LossReason {
    /// It has no image from a repository that the pod uses.
    NothingShared,
    /// The pod names another cache.
    NotNamed,
    /// Automatic matching is off for the pod.
    MatchingOff,
    /// It is in another region.
    OtherRegion,
    /// Its phase is not `Ready`.
    NotReady,
    /// It has expired.
    Ended,
    /// Its images are for another architecture.
    OtherArchitecture,
    /// Its images are for another operating system.
    OtherSystem,
    /// It is smaller than the temporary storage that the pod requests.
    TooSmall,
    /// The pod requests a perfect match, and not every image matches.
    NotPerfect,
    /// The pod requests more exact matches.
    BelowCount,
    /// It has other versions only, and matching is strict.
    OtherVersionsOnly,
    /// The winner matches more images exactly.
    FewerExact,
    /// The winner has another version of more images.
    FewerByRepository,
    /// The winner's size is closer to the requested storage.
    LargerSurplus,
    /// The matching images of the winner are larger in total.
    FewerBytes,
    /// The winner was created later.
    Older,
    /// The caches are equal, and the winner's id (or name) sorts first.
    LaterInOrder,
}

impl LossReason {
    /// Returns true if the cache could have been selected without the winner.
    #[must_use]
    pub fn is_rank(self) -> bool {
        matches!(
            self,
            LossReason::FewerExact
                | LossReason::FewerByRepository
                | LossReason::LargerSurplus
                | LossReason::FewerBytes
                | LossReason::Older
                | LossReason::LaterInOrder
        )
    }

    /// Returns the reason as one stable word for scripts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LossReason::NothingShared => "nothingShared",
            LossReason::NotNamed => "notNamed",
            LossReason::MatchingOff => "matchingOff",
            LossReason::OtherRegion => "otherRegion",
            LossReason::NotReady => "notReady",
            LossReason::Ended => "ended",
            LossReason::OtherArchitecture => "otherArchitecture",
            LossReason::OtherSystem => "otherSystem",
            LossReason::TooSmall => "tooSmall",
            LossReason::NotPerfect => "notPerfect",
            LossReason::BelowCount => "belowCount",
            LossReason::OtherVersionsOnly => "otherVersionsOnly",
            LossReason::FewerExact => "fewerExact",
            LossReason::FewerByRepository => "fewerByRepository",
            LossReason::LargerSurplus => "largerSurplus",
            LossReason::FewerBytes => "fewerBytes",
            LossReason::Older => "older",
            LossReason::LaterInOrder => "laterInOrder",
        }
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A [`LossReason`] with its facts. `Display` describes the cache: `is Creating, only Ready caches are used`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Loss {
    /// It has no image from a repository that the pod uses.
    NothingShared,
    /// The pod names another cache.
    NotNamed {
        /// The id that the pod names.
        id: String,
    },
    /// Automatic matching is off for the pod.
    MatchingOff,
    /// It is in another region.
    OtherRegion {
        /// The value of the cache.
        cache: String,
        /// The value of the pod.
        pod: String,
    },
    /// Its phase is not `Ready`.
    NotReady {
        /// Its phase, if it has one.
        phase: Option<Phase>,
    },
    /// It has expired.
    Ended {
        /// Its recorded expiry.
        at: Timestamp,
    },
    /// Its images are for another architecture.
    OtherArchitecture {
        /// The value of the cache.
        cache: String,
        /// The value of the pod.
        pod: String,
    },
    /// Its images are for another operating system.
    OtherSystem {
        /// The value of the cache.
        cache: String,
        /// The value of the pod.
        pod: String,
    },
    /// It is smaller than the temporary storage that the pod requests.
    TooSmall {
        /// Size of the cache in GiB.
        size: u64,
        /// Requested storage in GiB.
        need: u64,
    },
    /// The pod requests a perfect match, and not every image matches.
    NotPerfect {
        /// Images that match exactly.
        exact: usize,
        /// Distinct images of the pod.
        images: usize,
    },
    /// The pod requests more exact matches.
    BelowCount {
        /// Images that match exactly.
        exact: usize,
        /// The requested number.
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
    /// The winner's size is closer to the requested storage.
    LargerSurplus {
        /// Size in GiB.
        size: u64,
        /// Size of the winner in GiB.
        winner: u64,
    },
    /// The matching images of the winner are larger in total.
    FewerBytes {
        /// Bytes of the images that match exactly here.
        bytes: u64,
        /// In the winner.
        winner: u64,
    },
    /// The winner was created later.
    Older {
        /// Creation time of this cache, if known.
        created: Option<Timestamp>,
        /// Creation time of the winner, if known.
        winner: Option<Timestamp>,
    },
    /// The caches are equal, and the winner's id (or name) sorts first.
    LaterInOrder {
        /// The winner's id or name.
        winner: String,
    },
}

impl Loss {
    pub(super) fn reason(&self) -> LossReason {
        match self {
            Loss::NothingShared => LossReason::NothingShared,
            Loss::NotNamed { .. } => LossReason::NotNamed,
            Loss::MatchingOff => LossReason::MatchingOff,
            Loss::OtherRegion { .. } => LossReason::OtherRegion,
            Loss::NotReady { .. } => LossReason::NotReady,
            Loss::Ended { .. } => LossReason::Ended,
            Loss::OtherArchitecture { .. } => LossReason::OtherArchitecture,
            Loss::OtherSystem { .. } => LossReason::OtherSystem,
            Loss::TooSmall { .. } => LossReason::TooSmall,
            Loss::NotPerfect { .. } => LossReason::NotPerfect,
            Loss::BelowCount { .. } => LossReason::BelowCount,
            Loss::OtherVersionsOnly => LossReason::OtherVersionsOnly,
            Loss::FewerExact { .. } => LossReason::FewerExact,
            Loss::FewerByRepository { .. } => LossReason::FewerByRepository,
            Loss::LargerSurplus { .. } => LossReason::LargerSurplus,
            Loss::FewerBytes { .. } => LossReason::FewerBytes,
            Loss::Older { .. } => LossReason::Older,
            Loss::LaterInOrder { .. } => LossReason::LaterInOrder,
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::NothingShared => f.write_str("has no image from a repository that the pod uses"),
            Loss::NotNamed { id } => {
                write!(f, "not considered: the pod names `{id}`")
            }
            Loss::MatchingOff => {
                f.write_str("not considered: automatic matching is off for the pod")
            }
            Loss::OtherRegion { cache, pod } => {
                write!(f, "is in region `{cache}`, the pod is in `{pod}`")
            }
            Loss::NotReady { phase: None } => {
                f.write_str("has no phase yet, only Ready caches are used")
            }
            Loss::NotReady { phase: Some(phase) } => {
                write!(f, "is {phase}, only Ready caches are used")
            }
            Loss::Ended { at } => write!(f, "expired at {at}"),
            Loss::OtherArchitecture { cache, pod } => {
                write!(f, "holds images for {cache}, the pod runs on {pod}")
            }
            Loss::OtherSystem { cache, pod } => {
                write!(f, "holds images for {cache}, the pod runs on {pod}")
            }
            Loss::TooSmall { size, need } => write!(
                f,
                "{size} GiB; the pod requests {need} GiB of temporary storage"
            ),
            Loss::NotPerfect { exact, images } => write!(
                f,
                "{exact} of {images} images match exactly; {POD_PERFECT_MATCH} requires all"
            ),
            Loss::BelowCount { exact, count } => {
                write!(f, "{} exactly; at least {count} required", matching(*exact))
            }
            Loss::OtherVersionsOnly => {
                f.write_str("only other versions match, and matching is strict")
            }
            Loss::FewerExact { exact, winner } => {
                write!(f, "{} exactly; the winner has {winner}", matching(*exact))
            }
            Loss::FewerByRepository { count, winner } => write!(
                f,
                "{} in another version; the winner has {winner}",
                images(*count)
            ),
            Loss::LargerSurplus { size, winner } => write!(
                f,
                "{size} GiB; the winner has {winner} GiB, closer to what the pod requests"
            ),
            Loss::FewerBytes { bytes, winner } => write!(
                f,
                "{bytes} bytes in matching images; the winner has {winner}"
            ),
            Loss::Older { created, winner } => {
                let (created, winner) = (time(*created), time(*winner));
                write!(f, "created {created}; the winner was created {winner}")
            }
            Loss::LaterInOrder { winner } => {
                write!(f, "equal to `{winner}`, whose id sorts first")
            }
        }
    }
}

fn images(count: usize) -> String {
    format!("{count} {}", if count == 1 { "image" } else { "images" })
}

/// Returns `2 images match`.
fn matching(count: usize) -> String {
    format!(
        "{} {}",
        images(count),
        if count == 1 { "matches" } else { "match" }
    )
}

fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(
        || "at an unknown time".to_owned(),
        |time| format!("at {time}"),
    )
}
