//! The rules of a match: values that pods and caches do not contain, and choices that no document specifies.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::{self, SettingErrors};
use crate::time::Timestamp;

/// The pull rate of a registry in bytes per second. Source: the vendor's example of an image of 386.26 MiB whose pod
/// starts in 50 s without a cache and in 5 s with one.
pub const BYTES_PER_SECOND: u64 = 9_000_510;

/// The default of [`MatchRules::max_candidates`]: an explanation is for people, and the output for a thousand pods and a
/// thousand caches of one repository must not be a million candidates.
pub const MAX_CANDIDATES: usize = 20;

/// The architecture of a pod or cache that does not specify one. Source: the vendor's annotation list.
pub const DEFAULT_ARCH: &str = "amd64";
/// The operating system of a pod or cache that does not specify one. Source: the vendor's annotation list.
pub const DEFAULT_OS: &str = "linux";

/// The meaning of "size" among caches that match equally well. Documents mention both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SizeTie {
    /// Prefer the cache whose size is closest to the storage that the pod requests.
    #[default]
    Closest,
    /// Prefer the cache whose exactly matching images are the largest in total. Images of unknown size count as 0.
    MatchedBytes,
}

/// The rules of a match. The default is the assumed behaviour of ECI. Fields give values that a pod does not contain, or
/// decide what documents leave open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct MatchRules {
    /// The region of pods that do not specify one. A cache of another region is not a candidate. A cache of unknown region
    /// (`ImageCache` objects have none) is assumed to be in the same region.
    pub region: Option<String>,
    /// The architecture of pods that do not specify one. Default: [`DEFAULT_ARCH`].
    pub arch: Option<String>,
    /// The operating system of pods that do not specify one. Default: [`DEFAULT_OS`].
    pub os: Option<String>,
    /// The minimum size of a cache in GiB, unless the pod requests more.
    pub require_storage: u64,
    /// The current time. Expired caches are not candidates; without a time no cache is expired.
    pub now: Option<Timestamp>,
    /// The meaning of "size" among equal caches.
    pub size_tie: SizeTie,
    /// Only exact matches count: a cache with another version of an image is not a candidate for it.
    pub strict: bool,
    /// A cache that is being updated, or whose update failed, is used with its old snapshot. Documents say that only ready
    /// caches are used.
    pub serve_stale_while_updating: bool,
    /// ECI creates a cache by itself if not all images match exactly.
    pub auto_create: bool,
    /// The cluster's default of automatic matching, for pods without the annotation. Default:
    /// [`PodSource::auto_match`](crate::pod::PodSource::auto_match).
    pub auto_match: Option<bool>,
    /// The pull rate in bytes per second, for the time that a cache saves.
    pub bytes_per_second: u64,
    /// List all caches of the index as candidates, including those that share nothing with the pod.
    pub explain_all: bool,
    /// The maximum number of candidates in an explanation, from the best on. [`Explanation::omitted`] is the number of the
    /// others. Default: [`MAX_CANDIDATES`].
    ///
    /// [`Explanation::omitted`]: super::Explanation::omitted
    pub max_candidates: usize,
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
            max_candidates: MAX_CANDIDATES,
        }
    }
}
