//! What a plan assumes, in sentences.

use std::collections::BTreeSet;

use super::hours::Life;
use super::options::PlanOptions;
use super::prepare::Prepared;
use super::prices::PriceTable;
use super::rates::Rates;
use super::report::Plan;
use crate::matching::Image;
use crate::pod::Placement;
use crate::resource::AUTO_NAME_PREFIX;

pub(super) fn assumptions(
    plan: &mut Plan,
    prepared: &Prepared,
    table: &PriceTable,
    options: &PlanOptions,
) {
    let mut said = Vec::new();
    let mut unknown = BTreeSet::new();
    for part in &prepared.parts {
        let prices = table.of(part.scope.0.as_deref());
        let region = part.scope.0.as_deref().unwrap_or("the region");
        let Some(prices) = prices else {
            unknown.insert(format!(
                "prices of {region} are unknown: planned for the fewest GiB-hours"
            ));
            continue;
        };
        if let (None, Some(priced)) = (&part.scope.0, &prices.region) {
            unknown.insert(format!(
                "the region is unknown: the prices of {priced} are used"
            ));
        }
        for (price, name) in [
            (
                prices.use_gib_hour,
                "a GiB of disk for an hour (useGibHour)",
            ),
            (
                prices.store_gib_month,
                "a GiB of snapshot for a month (storeGibMonth)",
            ),
            (
                prices.builder_second,
                "the builder (builderVcpuSecond, builderGibSecond)",
            ),
        ] {
            if price.is_none() {
                unknown.insert(format!(
                    "the price of {name} in {region} is unknown: not counted"
                ));
            }
        }
    }
    said.extend(unknown);
    let rate = options.bytes_per_second / 100_000;
    said.push(format!(
        "a cache has {} % of the compressed size of its images, its snapshot as much; \
         a pull transfers {}.{} MB a second",
        options.size_percent,
        rate / 10,
        rate % 10
    ));
    if prepared
        .workloads
        .iter()
        .any(|workload| workload.demand.runs.life == Life::Always)
    {
        said.push(format!(
            "a pod that always runs has {} hours a month; starts a month: {}",
            options.hours_per_month, options.starts_per_pod
        ));
    }
    let unspecified = prepared
        .workloads
        .iter()
        .filter(|workload| workload.demand.pod.placement == Placement::Unspecified)
        .count();
    if unspecified > 0 {
        said.push(format!(
            "workloads that do not say that they run on ECI: {unspecified}, counted as if they do"
        ));
    }
    for workload in &prepared.workloads {
        for assumed in &workload.usage.assumed {
            said.push(format!("{}: {assumed}", workload.demand.name()));
        }
    }
    let planned = plan.caches.iter().flat_map(|cache| &cache.images);
    let used: BTreeSet<String> = planned
        .filter_map(|image| Image::new(&image.image).normalized().map(str::to_owned))
        .collect();
    for (image, (bytes, source)) in &prepared.sizes {
        if source.starts_with("at most") && used.contains(image) {
            said.push(format!(
                "size of `{image}`: {} {source}",
                super::prepare::gib(*bytes)
            ));
        }
    }
    for present in &prepared.present {
        let assumed = |rates: &Rates| rates.keep_of(&present.cache, &prepared.sizes).1;
        let rates = Rates::of(table.of(present.cache.region.as_deref()), options);
        if rates.has_store() && assumed(&rates) {
            let name = present.cache.id.as_deref().unwrap_or(&present.cache.name);
            said.push(format!(
                "the snapshot of cache `{name}` is counted as large as the cache: a size is unknown"
            ));
        }
    }
    let automatic = prepared
        .present
        .iter()
        .any(|present| present.cache.name.starts_with(AUTO_NAME_PREFIX));
    if automatic || !plan.uncovered.is_empty() {
        said.push(
            "caches that ECI makes by itself for pods without a full match are not counted"
                .to_owned(),
        );
    }
    for pod in prepared
        .workloads
        .iter()
        .filter(|workload| !workload.demand.pod.warnings.is_empty())
    {
        for warning in &pod.demand.pod.warnings {
            said.push(format!("{}: {warning}", pod.demand.name()));
        }
    }
    plan.assumptions = said;
}
