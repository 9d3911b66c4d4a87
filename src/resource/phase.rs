//! How far a cache is: its phases, and which may follow which.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How far a cache is, `status.phase` (`Status` in the ECI API).
///
/// ```text
/// (create) ─► Pending ─► Preparing ─► Creating ─► Ready ◄──────┐
///                │            │           │         │ update   │ ok
///                └────────────┴─────┬─────┘         ▼          │
///                                   ▼           Updating ──────┤
///                                Failed             │ fails    │
///                           (gone after 24 h)       ▼          │
///                                             UpdateFailed ────┘ update, via Updating
/// ```
///
/// A word that is not one of these is kept as it stands, so that nothing is lost when a cluster knows more phases.
///
/// ```
/// use imagecache::resource::Phase;
/// let phase = Phase::from("UpdateFailed");
/// assert!(phase.can_update() && !phase.is_usable());
/// assert!(phase.can_become(&Phase::Updating));
/// assert_eq!(Phase::from("Thawing").as_str(), "Thawing");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Phase {
    /// Accepted; ECI has given no id yet. Only seen through Kubernetes.
    Pending,
    /// ECI readies the builder instance and its disk.
    Preparing,
    /// The images are pulled, then the disk is snapshotted.
    Creating,
    /// Pods may start from it.
    Ready,
    /// The creation failed; ECI removes the cache 24 h later.
    Failed,
    /// An update of a ready cache is under way.
    Updating,
    /// The update failed; another may be tried.
    UpdateFailed,
    /// A word that no document names, as it was written.
    Unknown(String),
}

impl Phase {
    /// The phases that documents or users name, in the order of a cache's life.
    pub const KNOWN: [Phase; 7] = [
        Phase::Pending,
        Phase::Preparing,
        Phase::Creating,
        Phase::Ready,
        Phase::Failed,
        Phase::Updating,
        Phase::UpdateFailed,
    ];

    /// The phase as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Phase::Pending => "Pending",
            Phase::Preparing => "Preparing",
            Phase::Creating => "Creating",
            Phase::Ready => "Ready",
            Phase::Failed => "Failed",
            Phase::Updating => "Updating",
            Phase::UpdateFailed => "UpdateFailed",
            Phase::Unknown(word) => word,
        }
    }

    /// Whether a pod may start from a cache in this phase: only [`Phase::Ready`]. Source: the vendor's guide; naming
    /// a cache in any other phase makes the creation of the pod fail.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        *self == Phase::Ready
    }

    /// Whether ECI accepts an update of a cache in this phase: only [`Phase::Ready`] and [`Phase::UpdateFailed`].
    /// Source: the vendor's API text.
    #[must_use]
    pub fn can_update(&self) -> bool {
        matches!(self, Phase::Ready | Phase::UpdateFailed)
    }

    /// Whether nothing more happens to a cache in this phase by itself: [`Phase::Ready`], [`Phase::Failed`] and
    /// [`Phase::UpdateFailed`].
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self, Phase::Ready | Phase::Failed | Phase::UpdateFailed)
    }

    /// Whether a cache in this phase may be in phase `next` when it is next looked at.
    ///
    /// Staying is always allowed. One step at a time, save that the first phases are short and a look may miss them.
    /// [`Phase::Failed`] is an end: such a cache is removed, never revived. About unknown phases nothing is known, so
    /// nothing is forbidden.
    #[must_use]
    pub fn can_become(&self, next: &Phase) -> bool {
        use Phase::{Creating, Failed, Pending, Preparing, Ready, Unknown, UpdateFailed, Updating};
        self == next
            || matches!(
                (self, next),
                (Unknown(_), _)
                    | (_, Unknown(_))
                    | (Pending, Preparing | Creating | Failed)
                    | (Preparing, Creating | Failed)
                    | (Creating, Ready | Failed)
                    | (Ready | UpdateFailed, Updating)
                    | (Updating, Ready | UpdateFailed)
            )
    }
}

impl From<&str> for Phase {
    fn from(word: &str) -> Self {
        Phase::KNOWN
            .into_iter()
            .find(|phase| phase.as_str() == word)
            .unwrap_or_else(|| Phase::Unknown(word.to_owned()))
    }
}

impl From<String> for Phase {
    fn from(word: String) -> Self {
        Phase::from(word.as_str())
    }
}

impl From<Phase> for String {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Unknown(word) => word,
            known => known.as_str().to_owned(),
        }
    }
}

impl FromStr for Phase {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(Phase::from(word))
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
