//! The decision for a pod, without the reasons.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::cache::Cache;
use super::index::Index;
use super::select::Score;
use crate::pod::Pod;
use crate::resource::Phase;
use crate::time::Timestamp;

/// The decision for a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Decision {
    /// It starts from a cache that has all its images exactly.
    Hit,
    /// It starts from a cache that lacks some of its images or has other versions; the rest is pulled.
    Partial,
    /// It starts without a cache; everything is pulled.
    Miss,
    /// It is not created: the named cache cannot be used. [`Selection::refusal`] has the reason.
    Refused,
    /// It does not run on ECI but on ACS, whose image caches follow other rules: nothing is predicted.
    NotEci,
}

/// The warning of a pod that runs on ACS.
pub(super) const RUNS_ON_ACS: &str = "runs on ACS: its image caches follow other rules";

impl Decision {
    /// Returns `Hit`, `Partial`, `Miss`, `Refused` or `NotEci`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Hit => "Hit",
            Decision::Partial => "Partial",
            Decision::Miss => "Miss",
            Decision::Refused => "Refused",
            Decision::NotEci => "NotEci",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The reason for which a pod that names a cache is not created. `Display` is the message of the error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinRefusal {
    /// The cache does not exist in the region.
    NotFound {
        /// The id that the pod names.
        id: String,
    },
    /// The cache has expired and ECI no longer knows it.
    Ended {
        /// The id that the pod names.
        id: String,
        /// Its recorded expiry.
        at: Timestamp,
    },
    /// The cache is not ready.
    NotReady {
        /// The id that the pod names.
        id: String,
        /// The phase of the cache, if it has one.
        phase: Option<Phase>,
    },
}

impl PinRefusal {
    /// Returns the HTTP status of ECI's reply to CreateContainerGroup.
    #[must_use]
    pub fn http(&self) -> u16 {
        match self {
            PinRefusal::NotFound { .. } | PinRefusal::Ended { .. } => 404,
            PinRefusal::NotReady { .. } => 400,
        }
    }

    /// Returns the error code in ECI's reply.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            PinRefusal::NotFound { .. } | PinRefusal::Ended { .. } => "ImageSnapshot.NotFound",
            PinRefusal::NotReady { .. } => "ImageSnapshot.IncorrectStatus",
        }
    }
}

impl fmt::Display for PinRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (PinRefusal::NotFound { id }
        | PinRefusal::Ended { id, .. }
        | PinRefusal::NotReady { id, .. }) = self;
        write!(f, "the pod names image cache `{id}`, which ")?;
        match self {
            PinRefusal::NotFound { .. } => f.write_str("does not exist in its region"),
            PinRefusal::Ended { at, .. } => write!(f, "expired at {at}"),
            PinRefusal::NotReady { phase: None, .. } => {
                f.write_str("has no phase yet, must be Ready")
            }
            PinRefusal::NotReady {
                phase: Some(phase), ..
            } => write!(f, "is {phase}, must be Ready"),
        }
    }
}

/// The decision for a pod, without the reasons: see [`Index::winner`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Selection<'i> {
    /// The decision.
    pub decision: Decision,
    /// The reason why the pod is refused.
    #[serde(skip)]
    pub refusal: Option<PinRefusal>,
    /// The cache that the pod starts from; only its names in JSON.
    #[serde(serialize_with = "named")]
    pub winner: Option<&'i Cache>,
    /// The number of distinct images that match exactly.
    pub exact: usize,
    /// The number of further images that match in another version.
    pub repository_only: usize,
    /// The number of distinct images of the pod.
    pub images: usize,
    /// True if ECI creates a cache by itself for the pod.
    pub auto_create: bool,
}

fn named<S: serde::Serializer>(winner: &Option<&Cache>, serializer: S) -> Result<S::Ok, S::Error> {
    winner.map(Cache::named).serialize(serializer)
}

impl<'i> Selection<'i> {
    pub(super) fn refused(pod: &Pod, refusal: PinRefusal) -> Self {
        Selection {
            refusal: Some(refusal),
            ..Self::without_search(pod, Decision::Refused)
        }
    }

    pub(super) fn not_eci(pod: &Pod) -> Self {
        Self::without_search(pod, Decision::NotEci)
    }

    fn without_search(pod: &Pod, decision: Decision) -> Self {
        Selection {
            decision,
            refusal: None,
            winner: None,
            exact: 0,
            repository_only: 0,
            images: pod.distinct(),
            auto_create: false,
        }
    }

    pub(super) fn of(index: &'i Index, pod: &Pod, best: Option<Score>, auto_create: bool) -> Self {
        let images = pod.distinct();
        let exact = best.map_or(0, |best| best.exact);
        let decision = match best {
            None => Decision::Miss,
            Some(_) if exact == images => Decision::Hit,
            Some(_) => Decision::Partial,
        };
        Selection {
            auto_create: auto_create && exact < images,
            decision,
            refusal: None,
            winner: best.and_then(|best| Some(&index.caches.get(best.number)?.cache)),
            exact,
            repository_only: best.map_or(0, |best| best.repository_only),
            images,
        }
    }
}
