//! How pods are matched: what the caller knows beyond pods and caches, and the choices that no document settles.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::{self, SettingErrors};
use crate::time::Timestamp;

/// Bytes that a registry gives in a second: the vendor tells of an image of 386.26 MiB whose pod starts 45 s earlier
/// with a cache (50 s without, 5 s with).
pub const BYTES_PER_SECOND: u64 = 9_000_510;

/// Architecture of a pod or cache that names none. Source: the vendor's annotation list.
pub const DEFAULT_ARCH: &str = "amd64";
/// Operating system of a pod or cache that names none. Source: the vendor's annotation list.
pub const DEFAULT_OS: &str = "linux";

/// Where a pod comes from. Automatic matching is on unless switched off in Kubernetes, off unless switched on in the
/// OpenAPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PodSource {
    /// A pod of a cluster.
    #[default]
    Kubernetes,
    /// A container group of the OpenAPI.
    OpenApi,
}

impl PodSource {
    /// Is automatic matching on when nothing is said?
    #[must_use]
    pub fn auto_match(self) -> bool {
        self == PodSource::Kubernetes
    }
}

/// What "size" means among caches that match equally well; documents name both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizeTie {
    /// The cache whose size is closest to what the pod needs: the smallest surplus.
    #[default]
    Closest,
    /// The cache whose exactly matched images are the largest together. Images without a known size count nothing.
    MatchedBytes,
}

/// The rules of a match. `Rules::default()` is what ECI is taken to do; fields say what a pod does not say itself,
/// or settle what documents leave open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct MatchRules {
    /// Region of pods that name none. A cache of another region is no candidate; a cache whose region is unknown
    /// (an `ImageCache` object does not tell it) is taken to be of the same one.
    pub region: Option<String>,
    /// Architecture of pods that name none, [`DEFAULT_ARCH`] unless set.
    pub arch: Option<String>,
    /// Operating system of pods that name none, [`DEFAULT_OS`] unless set.
    pub os: Option<String>,
    /// Least size of a cache in GiB, where the pod does not ask for more.
    pub require_storage: u64,
    /// The present. Caches whose end has come are no candidates; without it none has ended.
    pub now: Option<Timestamp>,
    /// What "size" means among equals.
    pub size_tie: SizeTie,
    /// Only exact matches count: a cache that has another version of an image is no candidate for it.
    pub strict: bool,
    /// A cache that is being updated, or whose update failed, still serves its old snapshot. Documents say that only
    /// a ready cache is used.
    pub serve_stale_while_updating: bool,
    /// ECI makes a cache of its own when not all images matched exactly.
    pub auto_create: bool,
    /// Automatic matching of pods that neither ask for it nor refuse it, where the cluster sets a default; otherwise
    /// [`PodSource::auto_match`].
    pub auto_match: Option<bool>,
    /// How fast images are pulled, for the seconds that a cache saves.
    pub bytes_per_second: u64,
    /// List every cache of the index among the candidates, also those that share nothing with the pod.
    pub explain_all: bool,
}

impl MatchRules {
    /// Parses the rules that a JSON object sets; the others keep their defaults.
    ///
    /// # Errors
    /// Returns every setting that cannot be used.
    pub fn parse(value: &Value) -> Result<Self, SettingErrors> {
        settings::read(value)
    }
}

impl Default for MatchRules {
    fn default() -> Self {
        MatchRules {
            region: None,
            arch: None,
            os: None,
            require_storage: 0,
            now: None,
            size_tie: SizeTie::Closest,
            strict: false,
            serve_stale_while_updating: false,
            auto_create: true,
            auto_match: None,
            bytes_per_second: BYTES_PER_SECOND,
            explain_all: false,
        }
    }
}
