//! The verdicts, as values.

use std::fmt;

use serde::Serialize;

use crate::matching::CacheName;
use crate::time::Timestamp;

/// Days within which a used or new cache is not deleted.
const KEEP_DAYS: u32 = 7;
/// Days without use after which a cache is unused. ECI removes automatic caches after the same time.
const UNUSED_DAYS: u32 = 30;

/// The options of [`tidy`](super::tidy()).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TidyOptions {
    /// The current time.
    pub now: Timestamp,
    /// The input has every ImageCache, workload and pod of the cluster.
    pub cluster: bool,
    /// The input has every cache and container group of the region.
    pub cloud: bool,
    /// No other cluster has caches in the region: a tag of an unknown ImageCache is of one that was deleted.
    pub sole_cluster: bool,
    /// Caches that others made may be deleted, too: by hand, by other tools, or automatically by ECI.
    pub others: bool,
    /// Days within which a used or new cache is not deleted. Default: 7.
    pub keep_days: u32,
    /// Days without use after which a cache is unused. Default: 30.
    pub unused_days: u32,
    /// Most caches that the account may have in the region, for the forecast.
    pub quotas: CacheQuotas,
    /// The region of pods that do not specify one.
    pub region: Option<String>,
    /// The cluster's default of automatic matching. Default: on.
    pub auto_match: Option<bool>,
}

impl TidyOptions {
    /// Returns the default options at a time: nothing is known to be complete.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        TidyOptions {
            now,
            cluster: false,
            cloud: false,
            sole_cluster: false,
            others: false,
            keep_days: KEEP_DAYS,
            unused_days: UNUSED_DAYS,
            quotas: CacheQuotas::default(),
            region: None,
            auto_match: None,
        }
    }
}

/// Most caches of each kind; `None` if unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CacheQuotas {
    /// Most caches that are made by hand or for an ImageCache.
    pub manual: Option<u64>,
    /// Most caches that ECI makes by itself.
    pub automatic: Option<u64>,
}

/// The verdict about a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TidyVerdict {
    /// It stays.
    Keep,
    /// A later cache has newer versions of all its images.
    SupersededBy,
    /// No pod has started from it.
    NeverMatched,
    /// No pod has started from it for a long time.
    Unused,
    /// The ImageCache that it was made for does not exist any more.
    Leftover,
    /// It would go, but must not be deleted.
    Blocked,
}

impl TidyVerdict {
    /// Returns the verdict as in JSON: `superseded-by`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TidyVerdict::Keep => "keep",
            TidyVerdict::SupersededBy => "superseded-by",
            TidyVerdict::NeverMatched => "never-matched",
            TidyVerdict::Unused => "unused",
            TidyVerdict::Leftover => "leftover",
            TidyVerdict::Blocked => "blocked",
        }
    }
}

impl fmt::Display for TidyVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a cache must not be deleted. `Display` writes the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "block", content = "detail")]
#[non_exhaustive]
pub enum TidyBlock {
    /// It is being made or changed, or its phase is not known.
    BeingMade(String),
    /// Its creation failed: ECI removes it within a day.
    Failed,
    /// A running pod or container group started from it.
    InUse(String),
    /// A workload or pod names it.
    Pinned(String),
    /// Facts that decide were not read.
    UsageUnknown(String),
    /// It was used at this time, which is not long ago.
    RecentlyUsed(Timestamp),
    /// It was made at this time, which is not long ago, or at an unknown time.
    Young(Option<Timestamp>),
    /// An annotation of its ImageCache keeps it.
    Retained(&'static str),
    /// An ImageCache of another cluster may own it.
    OtherCluster,
    /// ECI made it by itself, and removes it by itself.
    Automatic,
    /// Neither a tag nor an ImageCache says that it is ours.
    NotOurs,
}

impl fmt::Display for TidyBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TidyBlock::BeingMade(phase) => write!(f, "being made: {phase}"),
            TidyBlock::Failed => f.write_str("failed, and ECI removes it by itself"),
            TidyBlock::InUse(by) => write!(f, "in use by {by}"),
            TidyBlock::Pinned(by) => write!(f, "named by {by}"),
            TidyBlock::UsageUnknown(why) => write!(f, "usage unknown: {why}"),
            TidyBlock::RecentlyUsed(at) => write!(f, "used lately, at {at}"),
            TidyBlock::Young(Some(at)) => write!(f, "made lately, at {at}"),
            TidyBlock::Young(None) => f.write_str("made at an unknown time"),
            TidyBlock::Retained(annotation) => write!(f, "its ImageCache has {annotation}"),
            TidyBlock::OtherCluster => f.write_str("an ImageCache of another cluster may own it"),
            TidyBlock::Automatic => f.write_str("made by ECI, which removes it by itself"),
            TidyBlock::NotOurs => f.write_str("not ours: no tag and no ImageCache says so"),
        }
    }
}

/// What to delete, so that a cache goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
#[non_exhaustive]
pub enum TidyTarget {
    /// The ImageCache of the cluster; its controller deletes the cache.
    #[serde(rename_all = "camelCase")]
    ImageCache {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
        /// Its version: if it has another one, it has changed since.
        resource_version: String,
    },
    /// The cache itself, in ECI.
    #[serde(rename_all = "camelCase")]
    Cache {
        /// `imc-…`
        image_cache_id: String,
    },
}

/// A cache and its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TidyCache {
    /// The verdict.
    pub verdict: TidyVerdict,
    /// `imc-…`
    pub image_cache_id: Option<String>,
    /// The name of its ImageCache, else that of ECI.
    pub name: String,
    /// The reason, as a sentence.
    pub reason: String,
    /// With `superseded-by`: the later cache.
    pub by: Option<CacheName>,
    /// With `never-matched` its creation, with `unused` its last use.
    pub since: Option<Timestamp>,
    /// With `blocked`: the verdict that it would have.
    pub otherwise: Option<TidyVerdict>,
    /// With `blocked`: every reason why it must not be deleted.
    pub blocks: Vec<TidyBlock>,
    /// ECI made it by itself: `auto-create-for-…`.
    pub automatic: bool,
    /// Size in GiB.
    pub size_gib: u64,
    /// Creation time.
    pub created: Option<Timestamp>,
    /// Last use by a pod.
    pub last_matched: Option<Timestamp>,
    /// What to delete. `None` if nothing may be deleted.
    pub target: Option<TidyTarget>,
}

/// The forecast of a quota.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct QuotaForecast {
    /// Caches there are.
    pub used: u64,
    /// Most caches; `None` if unknown.
    pub most: Option<u64>,
    /// Caches that may be deleted.
    pub removable: u64,
    /// Caches that were made in the last 30 days and still exist.
    pub made: u64,
    /// Caches that end in the next 30 days.
    pub ending: u64,
    /// Days until the quota is full, if as many caches are made as in the last 30 days. `None`: never, or unknown.
    pub full_in_days: Option<u64>,
}

/// The verdicts about all caches, and the forecasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Tidy {
    /// The caches, those that may be deleted first, then by name.
    pub caches: Vec<TidyCache>,
    /// Of caches that are made by hand or for an ImageCache.
    pub manual: QuotaForecast,
    /// Of caches that ECI makes by itself.
    pub automatic: QuotaForecast,
}

impl Tidy {
    /// Returns the caches that may be deleted.
    pub fn removable(&self) -> impl Iterator<Item = &TidyCache> {
        self.caches.iter().filter(|cache| cache.target.is_some())
    }
}
