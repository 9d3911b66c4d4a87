//! From documents to problems: one for each region, architecture and operating system.

use std::collections::{BTreeMap, BTreeSet};

use super::hours::{GivenHours, Usage, usage};
use super::input::{Demand, PlanInput};
use super::model::{Existing, ImageCost, Limits, Need, Problem};
use super::options::PlanOptions;
use super::prices::PriceTable;
use super::rates::Rates;
use super::report::Finding;
use crate::matching::{Cache, CacheOrigin, DEFAULT_ARCH, DEFAULT_OS, Image, ImageFacts, Index};
use crate::pod::{GIB, Placement};
use crate::resource::Phase;

/// Region, architecture and operating system.
pub(crate) type Scope = (Option<String>, String, String);

/// A workload, counted.
pub(super) struct Counted {
    pub(super) demand: Demand,
    pub(super) usage: Usage,
    pub(super) scope: Scope,
    /// Why no cache is planned for it.
    pub(super) refusal: Option<Refusal>,
    /// The sum of its images, where every size is known.
    pub(super) bytes: Option<u64>,
}

/// Why no cache is planned for a workload.
pub(super) struct Refusal {
    pub(super) reason: String,
    /// A cache is wanted, and cannot be made.
    pub(super) blocks: bool,
}

/// A cache that exists.
pub(super) struct Present {
    pub(super) cache: Cache,
    /// It can be used, now or as soon as it is ready.
    pub(super) usable: bool,
    /// A pod names it.
    pub(super) named: bool,
    /// It is an `ImageCache` object of the cluster; ECI alone may report it, too.
    pub(super) is_object: bool,
}

impl Present {
    pub(super) fn scope(&self) -> Scope {
        let or =
            |text: &Option<String>, default: &str| text.as_deref().unwrap_or(default).to_owned();
        let cache = &self.cache;
        (
            cache.region.clone(),
            or(&cache.arch, DEFAULT_ARCH),
            or(&cache.os, DEFAULT_OS),
        )
    }
}

/// The problem of one scope, and the names that it leaves out.
pub(super) struct Part {
    pub(super) scope: Scope,
    pub(super) problem: Problem,
    /// The names of the images.
    pub(super) images: Vec<String>,
    /// The workloads of each need.
    pub(super) members: Vec<Vec<usize>>,
    /// What is lost without a need.
    pub(super) lost: Vec<u64>,
    /// The number in [`Prepared::present`] of each cache that exists.
    pub(super) existing: Vec<usize>,
}

/// Everything that the search and the report need.
pub(super) struct Prepared {
    pub(super) workloads: Vec<Counted>,
    pub(super) present: Vec<Present>,
    pub(super) parts: Vec<Part>,
    pub(super) sizes: Sizes,
    pub(super) findings: Vec<Finding>,
}

/// The compressed sizes of images by full name, each with its source.
pub(super) type Sizes = BTreeMap<String, (u64, String)>;

pub(super) fn prepare(input: &PlanInput, table: &PriceTable, options: &PlanOptions) -> Prepared {
    let mut findings = input.findings.clone();
    findings.extend(table.findings().iter().cloned());
    let present = present(input, options);
    let sizes = sizes(input, &present);
    let mut facts = input.facts.clone();
    for (image, (bytes, _)) in &sizes {
        // The name was an image before.
        let _ = facts.size(image, *bytes);
    }
    let mut given = GivenHours::read(options, &mut findings);
    let mut workloads: Vec<Counted> = input
        .demands
        .iter()
        .map(|demand| counted(demand, input, &facts, &mut given, options))
        .collect();
    given.unused(&mut findings);
    let mut present: Vec<Present> = present
        .into_iter()
        .map(|mut present| {
            present.cache.apply(&facts);
            present
        })
        .collect();
    for present in &mut present {
        let id = present.cache.id.as_ref();
        present.named |= id.is_some_and(|id| input.named.contains(id));
    }
    for workload in &workloads {
        let id = workload.demand.pod.wish.explicit.as_deref();
        for present in present
            .iter_mut()
            .filter(|present| id.is_some() && present.cache.id.as_deref() == id)
        {
            present.named = true;
        }
    }
    let scopes: BTreeSet<Scope> = workloads
        .iter()
        .map(|workload| workload.scope.clone())
        .collect();
    let parts = scopes
        .into_iter()
        .map(|scope| part(scope, &mut workloads, &present, &sizes, table, options))
        .collect();
    Prepared {
        workloads,
        present,
        parts,
        sizes,
        findings,
    }
}

/// Returns the caches that exist, each once, in an order that does not depend on the input's.
fn present(input: &PlanInput, options: &PlanOptions) -> Vec<Present> {
    let index: Index = input.caches.iter().cloned().collect();
    let elsewhere = |cache: &Cache| {
        let (region, ours) = (cache.region.as_deref(), options.region.as_deref());
        region.is_some() && ours.is_some() && region != ours
    };
    let expired = |cache: &Cache| {
        cache
            .expires
            .zip(options.now)
            .is_some_and(|(end, now)| end <= now)
    };
    let there = index
        .iter()
        .filter(|cache| !elsewhere(cache) && !expired(cache));
    // A cache that ECI reports, too, keeps the name of its object.
    let objects = || {
        input
            .caches
            .iter()
            .filter(|cache| cache.origin == CacheOrigin::Object)
    };
    let by_id: BTreeMap<&str, &str> = objects()
        .filter_map(|cache| Some((cache.id.as_deref()?, cache.name.as_str())))
        .collect();
    let mut present: Vec<Present> = there
        .map(|cache| Present {
            is_object: cache.origin == CacheOrigin::Object || object_of(cache, &by_id).is_some(),
            usable: !matches!(
                cache.phase,
                Some(Phase::Failed | Phase::UpdateFailed | Phase::Unknown(_))
            ),
            named: false,
            cache: Cache {
                name: object_of(cache, &by_id).unwrap_or(&cache.name).to_owned(),
                ..cache.clone()
            },
        })
        .collect();
    present.sort_by(|a, b| (&a.cache.name, &a.cache.id).cmp(&(&b.cache.name, &b.cache.id)));
    present
}

fn object_of<'n>(cache: &Cache, by_id: &BTreeMap<&str, &'n str>) -> Option<&'n str> {
    by_id.get(cache.id.as_deref()?).copied()
}

/// Returns the sizes that are known: as given, else as nodes report them, else as large as a cache that holds the image
/// allows.
fn sizes(input: &PlanInput, present: &[Present]) -> Sizes {
    let mut sizes = input.node_sizes.clone();
    sizes.extend(
        input
            .sizes
            .iter()
            .map(|(image, size)| (image.clone(), size.clone())),
    );
    let mut bounds = Sizes::new();
    for Present { cache, .. } in present {
        let names = cache.images.iter().filter_map(Image::normalized);
        let (known, unknown): (Vec<&str>, Vec<&str>) =
            names.partition(|name| sizes.contains_key(*name));
        let &[image] = unknown.as_slice() else {
            continue;
        };
        let known = known
            .iter()
            .filter_map(|name| sizes.get(*name))
            .map(|(bytes, _)| *bytes);
        let half = cache
            .size_gib
            .saturating_mul(u64::try_from(GIB / 2).unwrap_or(u64::MAX));
        let most = half.saturating_sub(known.fold(0, u64::saturating_add));
        let name = cache.id.as_deref().unwrap_or(&cache.name);
        let source = format!(
            "at most, because cache `{name}` of {} GiB holds it",
            cache.size_gib
        );
        if most > 0 {
            let bound = bounds
                .entry(image.to_owned())
                .or_insert((most, source.clone()));
            if most < bound.0 {
                *bound = (most, source);
            }
        }
    }
    sizes.extend(bounds);
    sizes
}

fn counted(
    demand: &Demand,
    input: &PlanInput,
    facts: &ImageFacts,
    given: &mut GivenHours<'_>,
    options: &PlanOptions,
) -> Counted {
    let mut demand = demand.clone();
    demand.pod.apply(facts);
    let pod = &demand.pod;
    let text = |own: &Option<String>, other: &Option<String>, default: &str| {
        own.as_deref()
            .or(other.as_deref())
            .unwrap_or(default)
            .to_owned()
    };
    let scope = (
        pod.region.clone().or_else(|| options.region.clone()),
        text(&pod.arch, &options.arch, DEFAULT_ARCH),
        text(&pod.os, &options.os, DEFAULT_OS),
    );
    let bytes = pod
        .images()
        .iter()
        .try_fold(0_u64, |sum, image| sum.checked_add(image.bytes()?));
    let usage = usage(&demand, &input.autoscalers, given, options);
    let refusal = refusal(&demand, options);
    Counted {
        usage,
        scope,
        refusal,
        bytes: bytes.filter(|_| pod.unreadable().is_empty()),
        demand,
    }
}

/// Returns why no cache can be planned, by the workload alone.
fn refusal(demand: &Demand, options: &PlanOptions) -> Option<Refusal> {
    let pod = &demand.pod;
    let wish = &pod.wish;
    let not_wanted = |reason: String| {
        Some(Refusal {
            reason,
            blocks: false,
        })
    };
    let blocked = |reason: String| {
        Some(Refusal {
            reason,
            blocks: true,
        })
    };
    if pod.placement == Placement::Acs {
        return not_wanted("runs on ACS, which has image caches of its own".to_owned());
    }
    if wish.explicit.is_some() {
        return None;
    }
    if !wish.uses_cache(options.auto_match.unwrap_or(true)) {
        let by = wish.decided_by.auto.unwrap_or("the default of the cluster");
        return not_wanted(format!("automatic matching is off: {by}"));
    }
    if let Some(image) = pod.unreadable().first() {
        let fault = image.fault().unwrap_or_default();
        return blocked(format!("`{image}` is not an image reference: {fault}"));
    }
    let images = pod.images().len();
    if images > options.max_images {
        return blocked(format!(
            "{images} images, at most {} fit into a cache",
            options.max_images
        ));
    }
    None
}

fn part(
    scope: Scope,
    workloads: &mut [Counted],
    present: &[Present],
    sizes: &Sizes,
    table: &PriceTable,
    options: &PlanOptions,
) -> Part {
    let rates = Rates::of(table.of(scope.0.as_deref()), options);
    let limits = limits(options);
    let wanted = |workload: &Counted| {
        workload.scope == scope
            && workload.refusal.is_none()
            && workload.demand.pod.wish.explicit.is_none()
    };
    let names: BTreeSet<String> = workloads
        .iter()
        .filter(|workload| wanted(workload))
        .flat_map(|workload| {
            workload
                .demand
                .pod
                .images()
                .iter()
                .filter_map(Image::normalized)
        })
        .map(str::to_owned)
        .collect();
    let images: Vec<String> = names.into_iter().collect();
    let number = |name: &str| {
        images
            .binary_search_by(|image| image.as_str().cmp(name))
            .ok()
    };
    let numbers = |workload: &Counted| {
        let names = workload
            .demand
            .pod
            .images()
            .iter()
            .filter_map(Image::normalized);
        let mut numbers: Vec<u32> = names
            .filter_map(number)
            .filter_map(|number| u32::try_from(number).ok())
            .collect();
        numbers.sort_unstable();
        numbers
    };
    let costs: Vec<ImageCost> = images
        .iter()
        .map(|name| rates.image(sizes.get(name).map_or(0, |(bytes, _)| *bytes)))
        .collect();
    let existing: Vec<usize> = present
        .iter()
        .enumerate()
        .filter(|(_, present)| present.usable && fits(&present.cache, &scope))
        .map(|(number, _)| number)
        .collect();
    // Workloads with the same images and the same storage are one need.
    let mut needs = BTreeMap::new();
    for at in 0..workloads.len() {
        let Some(workload) = workloads.get(at).filter(|workload| wanted(workload)) else {
            continue;
        };
        let need = Need {
            images: numbers(workload),
            storage: workload.demand.pod.storage_gib,
            ..Need::default()
        };
        let unknown = unknown_size(workload, sizes, limits);
        let old = existing.iter().any(|number| {
            present
                .get(*number)
                .is_some_and(|present| covers(&present.cache, workload))
        });
        if let Some(reason) = unknown.clone().filter(|_| !old) {
            if let Some(workload) = workloads.get_mut(at) {
                workload.refusal = Some(Refusal {
                    reason,
                    blocks: true,
                });
            }
            continue;
        }
        let (weight, lost, skip) = rates.workload(workload, options);
        let key = (need.images.clone(), need.storage);
        let (need, members, sum) = needs
            .entry(key)
            .or_insert_with(|| (need, Vec::new(), 0_u64));
        need.can_be_made = unknown.is_none();
        need.weight = need.weight.saturating_add(weight);
        need.skip = match (skip, members.is_empty(), need.skip) {
            (Some(skip), true, _) => Some(skip),
            (Some(skip), false, Some(before)) => Some(before.saturating_add(skip)),
            _ => None,
        };
        members.push(at);
        *sum = sum.saturating_add(lost);
    }
    let (mut list, mut members, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    for (need, of, sum) in needs.into_values() {
        list.push(need);
        members.push(of);
        lost.push(sum);
    }
    let olds = existing
        .iter()
        .filter_map(|number| present.get(*number))
        .map(|present| Existing {
            size: present.cache.size_gib,
            keep: if present.named {
                0
            } else {
                rates.keep_of(&present.cache, sizes).0.max(1)
            },
            needs: (0..members.len())
                .filter(|need| {
                    let one = members
                        .get(*need)
                        .and_then(|members| workloads.get(*members.first()?));
                    one.is_some_and(|workload| covers(&present.cache, workload))
                })
                .collect(),
        });
    Part {
        problem: Problem {
            images: costs,
            existing: olds.collect(),
            needs: list,
            limits,
        },
        scope,
        images,
        members,
        lost,
        existing,
    }
}

pub(super) fn limits(options: &PlanOptions) -> Limits {
    Limits {
        share: options
            .size_percent
            .saturating_mul(options.headroom_percent.saturating_add(100)),
        min_size: options.min_size_gib,
        max_size: options.max_size_gib,
        max_images: options.max_images,
    }
}

/// Returns true if the cache can be used by pods of the scope.
pub(super) fn fits(cache: &Cache, (region, arch, os): &Scope) -> bool {
    let same_region = cache.region.is_none() || region.is_none() || cache.region == *region;
    same_region
        && cache.arch.as_deref().unwrap_or(DEFAULT_ARCH) == arch
        && cache.os.as_deref().unwrap_or(DEFAULT_OS) == os
}

/// Returns true if the cache has every image of the workload, and is large enough.
fn covers(cache: &Cache, workload: &Counted) -> bool {
    let pod = &workload.demand.pod;
    let has = |image: &Image| {
        cache
            .images
            .iter()
            .any(|held| held.normalized() == image.normalized())
    };
    cache.size_gib >= pod.storage_gib && pod.unreadable().is_empty() && pod.images().iter().all(has)
}

/// Returns why no new cache can be made for a workload, by its sizes.
fn unknown_size(workload: &Counted, sizes: &Sizes, limits: Limits) -> Option<String> {
    let images = workload.demand.pod.images();
    let unknown: Vec<String> = images
        .iter()
        .filter(|image| {
            image
                .normalized()
                .is_none_or(|name| !sizes.contains_key(name))
        })
        .map(|image| format!("`{image}`"))
        .collect();
    if !unknown.is_empty() {
        return Some(format!("unknown size of {}", unknown.join(", ")));
    }
    let bytes = workload.bytes.unwrap_or(u64::MAX);
    if limits
        .size(bytes, workload.demand.pod.storage_gib)
        .is_some()
    {
        return None;
    }
    let most = limits.max_size;
    Some(match limits.size(bytes, 0) {
        Some(_) => format!(
            "asks for {} GiB of temporary storage, a cache has at most {most} GiB",
            workload.demand.pod.storage_gib
        ),
        None => format!(
            "images of {} are too large, a cache has at most {most} GiB",
            gib(bytes)
        ),
    })
}

/// Writes bytes as GiB with one digit, rounded up.
pub(super) fn gib(bytes: u64) -> String {
    let tenths = u128::from(bytes).saturating_mul(10).div_ceil(GIB);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}
