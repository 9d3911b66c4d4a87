//! Tidying up: a verdict for each cache that exists, and which ones may be deleted.
//!
//! [`TidyInput`] reads caches, workloads, pods and container groups from documents; [`tidy()`] returns a [`Tidy`].
//!
//! | [`TidyVerdict`] | the cache |
//! |---|---|
//! | `keep` | A workload would start from it, or it is too young or was used too lately to say otherwise. |
//! | `superseded-by` | Another cache, made later, has a newer version of each of its images, and no workload would start from this one. |
//! | `never-matched` | No pod has started from it since it was made. |
//! | `unused` | No pod has started from it for [`TidyOptions::unused_days`]. |
//! | `leftover` | It was made for an `ImageCache` that does not exist any more. |
//! | `blocked` | It would have one of the last four verdicts, but must not be deleted: [`TidyBlock`] says why. |
//!
//! **It fails closed.** A cache may be deleted only if every cache, workload, pod and container group was read
//! ([`TidyOptions::cluster`], [`TidyOptions::cloud`]), no running pod or group uses it, none names it, it is not being made
//! or changed, it was not used within [`TidyOptions::keep_days`], and it is ours: an `ImageCache` has its id, or its tag
//! says that one had it. What is not known blocks.
//!
//! ```
//! use imagecache::diagnostic::{Levels, Report};
//! use imagecache::tidy::{TidyInput, TidyOptions, TidyVerdict, tidy};
//! let reply = serde_json::json!({"ImageCaches": [{
//!     "ImageCacheId": "imc-1", "ImageCacheName": "old", "Status": "Ready", "Images": ["web:1"],
//!     "CreationTime": "2026-01-01T00:00:00Z",
//!     "Tags": [{"Key": "imagecache.eci.alibabacloud.com/uid", "Value": "7e1f"}],
//! }]});
//! let mut input = TidyInput::default();
//! input.add(&reply, &mut Report::new(&Levels::DEFAULT));
//! let mut options = TidyOptions::at("2026-03-01T00:00:00Z".parse().unwrap());
//! let cache = &tidy(&input, &options).caches[0];
//! assert_eq!(cache.verdict, TidyVerdict::Blocked);
//! assert_eq!(cache.otherwise, Some(TidyVerdict::Leftover));
//! // Everything was read, and no other cluster has caches in this region.
//! (options.cluster, options.cloud, options.sole_cluster) = (true, true, true);
//! let cache = &tidy(&input, &options).caches[0];
//! assert_eq!(cache.verdict, TidyVerdict::Leftover);
//! assert!(cache.target.is_some());
//! ```

mod decide;
mod input;
mod quota;
mod report;

pub use decide::tidy;
pub use input::TidyInput;
pub use report::{
    CacheQuotas, QuotaForecast, Tidy, TidyBlock, TidyCache, TidyOptions, TidyTarget, TidyVerdict,
};
