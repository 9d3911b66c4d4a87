//! The options of a plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::matching::BYTES_PER_SECOND;
use crate::resource::workload::PodPaths;
use crate::resource::{MAX_IMAGES, MAX_SIZE_GIB, MIN_SIZE_GIB};
use crate::settings::{self, SettingErrors};
use crate::time::Timestamp;

/// Hours a month by the name of a workload: numbers, or decimal numbers as text.
pub type HoursByName = BTreeMap<String, Value>;

/// What a plan aims at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Objective {
    /// As many workloads as possible start from a cache, at the least cost.
    #[default]
    Cost,
    /// As many seconds as possible are saved, at the least cost.
    Seconds,
    /// A workload starts from a cache if a saved second costs at most [`PlanOptions::micros_per_second`].
    CostPerSecond,
}

/// The options of a plan. A month is that of [`PlanOptions::hours_per_month`].
///
/// ```
/// use imagecache::plan::PlanOptions;
/// let options = PlanOptions::parse(&serde_json::json!({"retentionDays": 7, "hours": {"Deployment/web": 200}}))?;
/// assert_eq!((options.retention_days, options.size_percent), (Some(7), 200));
/// let options = PlanOptions::parse(&serde_json::json!({"retentionDays": null, "steps": null}))?;
/// assert_eq!((options.retention_days, options.steps), (None, 50_000));
/// # Ok::<(), imagecache::settings::SettingErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct PlanOptions {
    /// What the plan aims at.
    pub objective: Objective,
    /// With [`Objective::CostPerSecond`]: the most that a saved second may cost, in millionths of the currency.
    pub micros_per_second: u64,
    /// The size of a cache as a percentage of the compressed size of its images. Source: the vendor advises twice the
    /// size of the images.
    pub size_percent: u64,
    /// Further free space in a cache, in percent.
    pub headroom_percent: u64,
    /// Smallest size of a cache in GiB.
    pub min_size_gib: u64,
    /// Largest size of a cache in GiB.
    pub max_size_gib: u64,
    /// Most images of a cache.
    pub max_images: usize,
    /// Most caches of a region; null for no limit.
    pub quota: Option<u64>,
    /// Days after which ECI deletes a new cache; null for never. A cache is paid for 30 days of a month at most.
    pub retention_days: Option<u64>,
    /// How often a cache is made in a month: once for each release of its images, or when it has expired.
    pub builds_per_month: u64,
    /// Seconds that making a cache takes for a GiB of compressed images; null for the pull rate.
    pub build_seconds_per_gib: Option<u64>,
    /// The pull rate in bytes per second, for the time that a cache saves.
    pub bytes_per_second: u64,
    /// Hours of a month, for pods that always run.
    pub hours_per_month: u64,
    /// Minutes that a run of a job takes, where nothing says how long.
    pub run_minutes: u64,
    /// Starts a month of a pod that always runs: rollouts, evictions.
    pub starts_per_pod: u64,
    /// Hours a month during which the pods of a workload run, by `Kind/name` or `Kind/namespace/name`.
    pub hours: HoursByName,
    /// The region of pods that do not specify one.
    pub region: Option<String>,
    /// The architecture of pods that do not specify one. Default: `amd64`.
    pub arch: Option<String>,
    /// The operating system of pods that do not specify one. Default: `linux`.
    pub os: Option<String>,
    /// The cluster's default of automatic matching. Default: on.
    pub auto_match: Option<bool>,
    /// The current time. Caches that have expired do not exist; without a time no cache has.
    pub now: Option<Timestamp>,
    /// The work that the search for the best plan may do, in steps of about a microsecond. Beyond it the best plan found
    /// is returned, with a lower bound of what any plan costs.
    pub steps: u64,
    /// Places of pods in kinds that the table of workloads does not have, `[GROUP/]KIND=/PATH`. A host gives them to
    /// [`PlanInput::pod_paths`](super::PlanInput::pod_paths) before it reads objects.
    pub pod_paths: PodPaths,
}

impl PlanOptions {
    /// Parses the options that a JSON object sets; the others keep their defaults, and so does an option that is null.
    /// Of `quota` and `retentionDays` null is a choice: no limit, and never.
    ///
    /// # Errors
    /// Returns every option that cannot be used.
    pub fn parse(value: &Value) -> Result<Self, SettingErrors> {
        let mut options: Self = settings::read(value)?;
        let is_null = |name| value.get(name).is_some_and(Value::is_null);
        if is_null("quota") {
            options.quota = None;
        }
        if is_null("retentionDays") {
            options.retention_days = None;
        }
        Ok(options)
    }
}

impl Default for PlanOptions {
    fn default() -> Self {
        PlanOptions {
            objective: Objective::Cost,
            micros_per_second: 0,
            size_percent: 200,
            headroom_percent: 0,
            min_size_gib: MIN_SIZE_GIB.unsigned_abs(),
            max_size_gib: MAX_SIZE_GIB.unsigned_abs(),
            max_images: MAX_IMAGES,
            quota: Some(500),
            retention_days: Some(30),
            builds_per_month: 1,
            build_seconds_per_gib: None,
            bytes_per_second: BYTES_PER_SECOND,
            hours_per_month: 730,
            run_minutes: 60,
            starts_per_pod: 1,
            hours: HoursByName::new(),
            region: None,
            arch: None,
            os: None,
            auto_match: None,
            now: None,
            steps: 50_000,
            pod_paths: PodPaths::default(),
        }
    }
}
