//! The plan, as values: every host prints it, none adds to it.

use std::fmt;

use serde::Serialize;

use super::money::Amount;
use super::prepare::Scope;
use crate::matching::CacheName;

/// An input that cannot be used; the rest is planned. `Display` writes `path: message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The place: a file and a field, an option, an image.
    pub path: String,
    /// The fact, and what is allowed.
    pub message: String,
}

impl Finding {
    pub(super) fn new(path: String, message: &str) -> Self {
        Finding {
            path,
            message: message.to_owned(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// What to do with a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Action {
    /// It exists and stays as it is.
    Keep,
    /// Make it.
    Create,
    /// It exists: update it with more images, or a larger size.
    Grow,
    /// Make it, then delete the cache that it replaces.
    Replace,
    /// It exists, and no workload needs it: delete it.
    Drop,
    /// Workloads need it, and it cannot be made.
    Blocked,
}

impl Action {
    /// Returns `keep`, `create`, `grow`, `replace`, `drop` or `blocked`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Keep => "keep",
            Action::Create => "create",
            Action::Grow => "grow",
            Action::Replace => "replace",
            Action::Drop => "drop",
            Action::Blocked => "blocked",
        }
    }
}

/// An image of a planned cache.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PlannedImage {
    /// The image, as the first workload or the cache writes it.
    pub image: String,
    /// The compressed size; `None` if unknown.
    pub bytes: Option<u64>,
    /// Where the size is from.
    pub source: Option<String>,
}

/// What a cache costs in a month. `None`: a price is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Costs {
    /// The instance and the disk that make it.
    #[serde(rename = "makeMicros")]
    pub make: Option<Amount>,
    /// Its snapshot.
    #[serde(rename = "keepMicros")]
    pub keep: Option<Amount>,
    /// The disks of the pods that use it.
    #[serde(rename = "useMicros")]
    pub use_: Option<Amount>,
}

impl Costs {
    /// Returns the sum of what is known.
    #[must_use]
    pub fn known(&self) -> Amount {
        [self.make, self.keep, self.use_]
            .into_iter()
            .flatten()
            .sum()
    }

    /// Returns true if every price is known.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.make.is_some() && self.keep.is_some() && self.use_.is_some()
    }
}

/// A cache of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PlannedCache {
    /// What to do.
    pub action: Action,
    /// The name of the object.
    pub name: String,
    /// `imc-…` of a cache that exists.
    pub image_cache_id: Option<String>,
    /// With [`Action::Replace`]: the cache to delete afterwards.
    pub replaces: Option<CacheName>,
    /// The images.
    pub images: Vec<PlannedImage>,
    /// The size in GiB; 0 for a blocked cache whose size is unknown.
    pub size_gib: u64,
    /// Days after which a new cache expires.
    pub retention_days: Option<u64>,
    /// The image pull secrets of its workloads, `namespace:name`. Of one that exists: none.
    pub secrets: Vec<String>,
    /// The region, where known.
    pub region: Option<String>,
    /// The architecture.
    pub arch: String,
    /// The operating system.
    pub os: String,
    /// The workloads that start from it, `Kind/namespace/name`.
    pub pods: Vec<String>,
    /// The costs of a month.
    #[serde(flatten)]
    pub costs: Costs,
    /// Seconds a month that its pods save.
    pub seconds_saved: u64,
    /// Why it is planned so, one sentence each.
    pub reasons: Vec<String>,
    /// It is an `ImageCache` object, or will be one.
    #[serde(skip)]
    pub is_object: bool,
}

/// A workload that starts from a cache that has all its images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CoveredPod {
    /// `Kind/namespace/name`.
    pub pod: String,
    /// The name of the cache.
    pub cache: String,
    /// Hours of all its pods in a month, in thousandths.
    pub milli_hours: u64,
    /// Starts of its pods in a month, in thousandths.
    pub milli_starts: u64,
    /// The costs of the disks in a month. `None`: the price is unknown.
    #[serde(rename = "useMicros")]
    pub cost: Option<Amount>,
    /// Seconds a month that are saved.
    pub seconds_saved: u64,
}

/// A workload that does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UncoveredPod {
    /// `Kind/namespace/name`.
    pub pod: String,
    /// Why.
    pub reason: String,
    /// The cache that ECI uses all the same, because it has some of the images.
    pub uses: Option<String>,
    /// The costs of the disks in a month. `None`: the price is unknown.
    #[serde(rename = "useMicros")]
    pub cost: Option<Amount>,
}

/// What all caches together cost and save in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Totals {
    /// The number of caches.
    pub caches: u64,
    /// The number of workloads whose images are all in their cache.
    pub covered: u64,
    /// The sums of the costs that are known.
    #[serde(flatten)]
    pub costs: Costs,
    /// Seconds a month that pods save.
    pub seconds_saved: u64,
}

/// Prices that were used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PriceSource {
    /// The region; `None` for every region.
    pub region: Option<String>,
    /// Where the prices are from.
    pub source: String,
    /// The day on which the source was read.
    pub date: String,
}

/// Which caches to have, what they cost and save, and why. All costs are of a month, in millionths of the currency.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Plan {
    /// The currency; `None` without prices.
    pub currency: Option<String>,
    /// The prices that were used.
    pub prices: Vec<PriceSource>,
    /// The caches, in the order of actions, then by name.
    pub caches: Vec<PlannedCache>,
    /// The workloads that start from a cache that has all their images, in the order of the input.
    pub covered: Vec<CoveredPod>,
    /// The other workloads.
    pub uncovered: Vec<UncoveredPod>,
    /// The caches that exist.
    pub before: Totals,
    /// The caches of the plan.
    pub after: Totals,
    /// No plan costs less, by the prices and sizes that are known.
    pub exact: bool,
    /// What the new and kept caches of covered workloads cost; `None` if a price is unknown.
    #[serde(rename = "costMicros")]
    pub cost: Option<Amount>,
    /// No plan that covers these workloads costs less than this.
    #[serde(rename = "boundMicros")]
    pub bound: Option<Amount>,
    /// By how many thousandths of the bound the cost is above it, rounded up.
    pub gap_per_mille: u64,
    /// Steps of the search.
    pub steps: u64,
    /// What was assumed, and is not known.
    pub assumptions: Vec<String>,
    /// Inputs that could not be used.
    pub findings: Vec<Finding>,
}

impl Plan {
    /// Returns true if something is to be done: a cache is not to be kept as it is, or cannot be made.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.caches.iter().any(|cache| cache.action != Action::Keep)
    }

    /// Returns the cache with this name or id.
    #[must_use]
    pub fn cache(&self, name: &str) -> Option<&PlannedCache> {
        let mut caches = self.caches.iter();
        caches.find(|cache| cache.name == name || cache.image_cache_id.as_deref() == Some(name))
    }
}

impl Costs {
    /// Returns costs of nothing.
    pub(super) fn nothing() -> Self {
        Costs {
            make: Some(Amount::ZERO),
            keep: Some(Amount::ZERO),
            use_: Some(Amount::ZERO),
        }
    }
}

impl PlannedCache {
    pub(super) fn of(name: &str, (region, arch, os): &Scope) -> Self {
        PlannedCache {
            action: Action::Keep,
            name: name.to_owned(),
            image_cache_id: None,
            replaces: None,
            images: Vec::new(),
            size_gib: 0,
            retention_days: None,
            secrets: Vec::new(),
            region: region.clone(),
            arch: arch.clone(),
            os: os.clone(),
            pods: Vec::new(),
            costs: Costs::default(),
            seconds_saved: 0,
            reasons: Vec::new(),
            is_object: true,
        }
    }

    /// Returns true for a cache that exists after the plan.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self.action, Action::Drop | Action::Blocked)
    }
}

/// Returns by how many thousandths a cost is above its bound, rounded up.
pub(super) fn gap(cost: u128, bound: u128) -> u64 {
    let over = cost.saturating_sub(bound).saturating_mul(1_000);
    u64::try_from(over.div_ceil(bound.max(1))).unwrap_or(u64::MAX)
}
