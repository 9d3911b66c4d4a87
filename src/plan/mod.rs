//! Plans: which caches should exist for these workloads, what they cost, and why.
//!
//! The cost of caches is dominated by use: each running pod pays for a disk of the size of its cache. So putting images
//! together that are not used together is usually wrong, and sharing pays only where it does not make the disks larger.
//!
//! [`PlanInput`] reads workloads, caches and sizes of images from documents, [`PriceTable`] reads price files,
//! [`PlanOptions`] gives what neither contains. [`plan()`] returns a [`Plan`].
//!
//! ```
//! use imagecache::diagnostic::{Levels, Report};
//! use imagecache::plan::{PlanInput, PlanOptions, PriceTable, SAMPLE_PRICES, plan};
//! let levels = Levels::default();
//! let mut report = Report::new(&levels);
//! let mut input = PlanInput::default();
//! // 30 pods that always run, with an image that needs 5 GiB.
//! input.add(&serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
//!     "spec": {"replicas": 30, "template": {"spec": {"containers": [{"image": "example.com/web:1"}]}}},
//! }), &mut report);
//! input.size("--image-size", "example.com/web:1", 5 << 29);
//! let mut prices = PriceTable::default();
//! prices.add("sample", &SAMPLE_PRICES.parse().unwrap());
//! let plan = plan(&input, &prices, &PlanOptions::default());
//! assert_eq!(plan.caches[0].action.as_str(), "create");
//! assert_eq!(plan.caches[0].size_gib, 20);
//! assert_eq!(plan.caches[0].costs.use_.unwrap().to_string(), "219.00");
//! assert!(plan.exact);
//! ```
//!
//! # The model
//! ```text
//! cost per month = sum over pods of hours x size(cache) x use
//!                + sum over caches of (GiB kept x store + builds x (builder + disk))
//! ```
//! A pod starts from one cache. A cache holds at most 20 images. Its size is at least 20 GiB, at least
//! [`PlanOptions::size_percent`] of the compressed size of its images, and at least the temporary storage that a pod asks
//! for. The cost to make a cache grows with the bytes that it pulls; that the builder needs some time to start is left out.
//!
//! # The search
//! Workloads are split by region, architecture and operating system, then into parts without a common image: by this
//! model, joining such parts saves nothing. Each part is solved by branch and bound, within [`PlanOptions::steps`] steps;
//! what remains of a part is planned greedily, and [`Plan::bound`] is what no plan can go below. The result depends on
//! nothing but the input: not on its order, not on time. If there are more caches than the quota, caches are joined or
//! left out one by one, and the plan is not exact.
//!
//! # Agreement with ECI
//! Among caches that have all images of a pod, ECI uses the smallest. A plan is made so that this is the cache that it
//! intends: the last step of [`plan()`] asks [`crate::matching`] which cache each pod uses, and reports that.

mod assemble;
mod assumed;
mod draft;
mod exact;
mod greedy;
mod hours;
mod input;
mod manifest;
mod model;
mod money;
pub(crate) mod names;
mod options;
mod prepare;
mod prices;
mod rates;
mod reasons;
mod report;
mod schedule;
mod solve;

pub use hours::{Life, Runs};
pub use input::{Demand, PlanInput};
pub use money::Amount;
pub use options::{HoursByName, Objective, PlanOptions};
pub use prices::{PriceTable, Prices, SAMPLE_PRICES, prices_schema};
pub use report::{
    Action, Costs, CoveredPod, Finding, Plan, PlannedCache, PlannedImage, PriceSource, Totals,
    UncoveredPod,
};

/// Plans caches for the workloads of an input.
#[must_use]
pub fn plan(input: &PlanInput, prices: &PriceTable, options: &PlanOptions) -> Plan {
    assemble::assemble(prepare::prepare(input, prices, options), prices, options)
}
