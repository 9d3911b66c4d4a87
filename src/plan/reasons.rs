//! Why images share a cache, and why others do not, with the sums.

use super::model::Group;
use super::money::Amount;
use super::options::PlanOptions;
use super::prepare::{Counted, Part, gib};

/// Most other caches that a reason names.
const OTHERS: usize = 3;

/// Writes an amount, with its currency; without prices in GiB-hours.
fn shown(units: u128, currency: Option<&str>) -> String {
    match currency {
        Some(currency) => format!("{currency} {}", Amount(units)),
        None => format!("{} GiB-hours", units / super::money::UNITS_PER_NANO),
    }
}

/// Returns how the size of a cache comes about.
pub(super) fn size(
    part: &Part,
    group: &Group,
    needs: &[usize],
    workloads: &[Counted],
    options: &PlanOptions,
) -> String {
    let bytes = gib(group.bytes);
    let mut text = format!("{bytes} of images x {} %", options.size_percent);
    if options.headroom_percent > 0 {
        text.push_str(&format!(" + {} %", options.headroom_percent));
    }
    let own = super::prepare::limits(options)
        .size(group.bytes, 0)
        .unwrap_or(group.size);
    let raised = if group.size > own {
        let asks = needs
            .iter()
            .flat_map(|need| part.workloads(*need))
            .filter_map(|at| workloads.get(at));
        let most = asks.max_by_key(|workload| {
            (
                workload.demand.pod.storage_gib,
                std::cmp::Reverse(workload.demand.name()),
            )
        });
        let name = most
            .map(|workload| workload.demand.name())
            .unwrap_or_default();
        format!(
            ", raised to {} GiB, the temporary storage of {name}",
            group.size
        )
    } else if group.size == options.min_size_gib {
        format!(", at least the smallest size: {} GiB", group.size)
    } else {
        format!(": {} GiB", group.size)
    };
    text.push_str(&raised);
    text
}

/// Returns why needs share a cache.
pub(super) fn together(
    part: &Part,
    needs: &[usize],
    group: &Group,
    currency: Option<&str>,
) -> Option<String> {
    if needs.len() < 2 {
        return None;
    }
    let alone = needs.iter().filter_map(|need| part.problem.group([*need]));
    let apart = alone.fold(0_u128, |sum, group| sum.saturating_add(group.cost));
    Some(format!(
        "{} sets of images share it: {} a month together, {} in caches of their own",
        needs.len(),
        shown(group.cost, currency),
        shown(apart, currency)
    ))
}

/// Returns why the cache is not joined with others that have an image in common.
pub(super) fn apart(
    part: &Part,
    group: &Group,
    others: &[(&Group, &str)],
    currency: Option<&str>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (other, name) in others {
        let Some(image) = group
            .images
            .iter()
            .find(|image| other.images.binary_search(image).is_ok())
        else {
            continue;
        };
        let image = part.images.get(*image as usize).map_or("", String::as_str);
        let apart = group.cost.saturating_add(other.cost);
        let both = part.problem.merged(group, other);
        let more = both
            .as_ref()
            .map_or(u128::MAX, |both| both.cost.saturating_sub(apart));
        found.push((more, *name, image, apart, both));
    }
    found.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    found
        .into_iter()
        .take(OTHERS)
        .map(|(_, name, image, apart, both)| match both {
            Some(both) => format!(
                "not joined with the cache of {name}, although both have `{image}`: {} a month together ({} GiB), {} apart",
                shown(both.cost, currency),
                both.size,
                shown(apart, currency)
            ),
            None => format!(
                "not joined with the cache of {name}, although both have `{image}`: together they exceed the limits of a cache"
            ),
        })
        .collect()
}
