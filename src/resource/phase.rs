//! The phases of a cache.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The phase of a cache: `status.phase`, or `Status` in the ECI API.
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
/// Another value is kept as written, so that nothing is lost when a cluster knows more phases.
///
/// ```
/// use imagecache::resource::Phase;
/// let phase = Phase::from("UpdateFailed");
/// assert!(phase.can_update() && !phase.is_usable());
/// assert_eq!(Phase::from("Thawing").as_str(), "Thawing");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum Phase {
    /// Accepted; ECI has not assigned an id yet. Only seen through Kubernetes.
    Pending,
    /// ECI prepares the builder instance and its disk.
    Preparing,
    /// ECI pulls the images, then takes a snapshot of the disk.
    Creating,
    /// Pods may start from it.
    Ready,
    /// The creation failed; ECI removes the cache 24 h later.
    Failed,
    /// ECI updates a ready cache.
    Updating,
    /// The update failed; another update is possible.
    UpdateFailed,
    /// A phase that is not documented, as written.
    Unknown(String),
}

impl Phase {
    /// The known phases, in the order of a cache's life.
    pub const KNOWN: [Phase; 7] = [
        Phase::Pending,
        Phase::Preparing,
        Phase::Creating,
        Phase::Ready,
        Phase::Failed,
        Phase::Updating,
        Phase::UpdateFailed,
    ];

    /// Returns the phase as written.
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

    /// Returns true when a pod may start from a cache in this phase: only [`Phase::Ready`]. A pod that names a cache in
    /// another phase is not created. Source: the vendor's guide.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        *self == Phase::Ready
    }

    /// Returns true when ECI accepts an update of a cache in this phase: [`Phase::Ready`] and [`Phase::UpdateFailed`].
    /// Source: the vendor's API text.
    #[must_use]
    pub fn can_update(&self) -> bool {
        matches!(self, Phase::Ready | Phase::UpdateFailed)
    }

    /// Returns true when the phase lasts until an update or the end of the cache: [`Phase::Ready`], [`Phase::Failed`]
    /// and [`Phase::UpdateFailed`].
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self, Phase::Ready | Phase::Failed | Phase::UpdateFailed)
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
