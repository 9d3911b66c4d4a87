//! Prices in the units of the search.

use std::collections::BTreeSet;

use super::hours::Usage;
use super::model::ImageCost;
use super::money::{MILLIS, UNITS_PER_NANO};
use super::options::{Objective, PlanOptions};
use super::prepare::{Counted, Sizes};
use super::prices::Prices;
use crate::matching::{Cache, Image};
use crate::pod::GIB;

/// The prices of one region.
pub(super) struct Rates {
    /// A GiB of disk for a thousandth of an hour. Without a price a GiB-hour counts as one billionth of the currency, so
    /// that the plan needs the fewest GiB-hours.
    use_: u64,
    pub(super) has_use: bool,
    store: Option<u64>,
    builder: Option<u64>,
    keep_days: u64,
    builds: u64,
    percent: u64,
    build_seconds_per_gib: Option<u64>,
    bytes_per_second: u64,
}

impl Rates {
    /// Without prices.
    pub(super) const UNKNOWN: Rates = Rates {
        use_: 1,
        has_use: false,
        store: None,
        builder: None,
        keep_days: 30,
        builds: 1,
        percent: 100,
        build_seconds_per_gib: None,
        bytes_per_second: 1,
    };

    pub(super) fn of(prices: Option<&Prices>, options: &PlanOptions) -> Self {
        let use_ = prices.and_then(|prices| prices.use_gib_hour);
        Rates {
            use_: use_.unwrap_or(1),
            has_use: use_.is_some(),
            store: prices.and_then(|prices| prices.store_gib_month),
            builder: prices.and_then(|prices| prices.builder_second),
            keep_days: options.retention_days.map_or(30, |days| {
                days.saturating_mul(options.builds_per_month.max(1)).min(30)
            }),
            builds: options.builds_per_month,
            percent: options.size_percent,
            build_seconds_per_gib: options.build_seconds_per_gib,
            bytes_per_second: options.bytes_per_second.max(1),
        }
    }

    /// Returns the cost to keep these bytes of images; `None` without a price.
    fn keep(&self, bytes: u64, days: u64) -> Option<u128> {
        let unpacked = u128::from(bytes).saturating_mul(u128::from(self.percent));
        let price = u128::from(self.store?)
            .saturating_mul(u128::from(days))
            .saturating_mul(UNITS_PER_NANO);
        Some(unpacked.saturating_mul(price).div_ceil(100 * GIB * 30))
    }

    /// Returns the cost to keep a cache that exists, and whether the size of its snapshot had to be assumed.
    pub(super) fn keep_of(&self, cache: &Cache, sizes: &Sizes) -> (u128, bool) {
        let names: BTreeSet<&str> = cache.images.iter().filter_map(Image::normalized).collect();
        let known: Option<Vec<u64>> = names.iter().map(|name| Some(sizes.get(*name)?.0)).collect();
        let readable = cache
            .images
            .iter()
            .all(|image| image.normalized().is_some());
        match known.filter(|_| readable) {
            Some(sizes) => (
                sizes.iter().filter_map(|bytes| self.keep(*bytes, 30)).sum(),
                false,
            ),
            // The snapshot is at most as large as the cache.
            None => {
                let bytes = u128::from(cache.size_gib).saturating_mul(GIB * 100)
                    / u128::from(self.percent.max(1));
                (
                    self.keep(u64::try_from(bytes).unwrap_or(u64::MAX), 30)
                        .unwrap_or_default(),
                    true,
                )
            }
        }
    }

    pub(super) fn has_store(&self) -> bool {
        self.store.is_some()
    }

    /// Returns true if what it costs to make a cache is known.
    pub(super) fn has_build(&self) -> bool {
        self.has_use && self.builder.is_some()
    }

    pub(super) fn image(&self, bytes: u64) -> ImageCost {
        let millis = match self.build_seconds_per_gib {
            Some(seconds) => (u128::from(bytes) * u128::from(seconds) * 1_000).div_ceil(GIB),
            None => (u128::from(bytes) * 1_000).div_ceil(u128::from(self.bytes_per_second)),
        };
        let millis = millis.saturating_mul(u128::from(self.builds));
        let keep = self.keep(bytes, self.keep_days).unwrap_or_default();
        let builder = u128::from(self.builder.unwrap_or_default());
        ImageCost {
            bytes,
            keep,
            fixed: keep.saturating_add(
                millis
                    .saturating_mul(builder)
                    .saturating_mul(UNITS_PER_NANO / 1_000),
            ),
            per_gib: millis.saturating_mul(u128::from(self.use_)),
        }
    }

    /// Returns the cost of a GiB of cache for a workload.
    pub(super) fn weight(&self, usage: &Usage) -> u128 {
        let hours = u128::from(usage.pod_hours).saturating_mul(u128::from(self.use_));
        hours.saturating_mul(UNITS_PER_NANO / u128::from(MILLIS))
    }

    /// Returns the thousandths of seconds a month that a workload saves if its cache has these bytes of its images.
    pub(super) fn saved(&self, usage: &Usage, bytes: u64) -> u64 {
        let product = u128::from(bytes).saturating_mul(u128::from(usage.starts));
        u64::try_from(product / u128::from(self.bytes_per_second)).unwrap_or(u64::MAX)
    }

    /// Returns the weight of a workload, what is lost without it, and what leaving it out costs.
    pub(super) fn workload(
        &self,
        workload: &Counted,
        options: &PlanOptions,
    ) -> (u128, u64, Option<u128>) {
        let saved = self.saved(&workload.usage, workload.bytes.unwrap_or_default());
        let weight = self.weight(&workload.usage);
        match options.objective {
            Objective::Cost => (weight, 1, None),
            Objective::Seconds => (weight, saved, (saved == 0).then_some(0)),
            Objective::CostPerSecond => {
                let worth = u128::from(saved).saturating_mul(u128::from(options.micros_per_second));
                // Thousandths of seconds times millionths of the currency are billionths.
                (weight, saved, Some(worth.saturating_mul(UNITS_PER_NANO)))
            }
        }
    }
}
