//! From solutions to the plan: names, actions, reasons, totals.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Draft;
use super::model::{Bounds, Group, Place};
use super::money::Amount;
use super::options::PlanOptions;
use super::prepare::{Counted, Part, Prepared};
use super::prices::PriceTable;
use super::report::{Action, Finding, Plan, gap};
use super::solve::{fit, solve};
use crate::matching::{Cache, Image};
use crate::resource::AUTO_NAME_PREFIX;

/// A new cache.
pub(super) struct New {
    pub(super) part: usize,
    pub(super) group: Group,
    pub(super) needs: Vec<usize>,
    pub(super) action: Action,
    /// The cache in [`Prepared::present`] that it updates or replaces.
    pub(super) before: Option<usize>,
}

pub(super) fn assemble(prepared: Prepared, table: &PriceTable, options: &PlanOptions) -> Plan {
    let mut left = options.steps;
    let mut exact = true;
    let (mut cost, mut bound) = (0_u128, 0_u128);
    let mut kept: BTreeSet<usize> = BTreeSet::new();
    for (number, present) in prepared.present.iter().enumerate() {
        if present.named && present.usable {
            kept.insert(number);
        }
    }
    let mut findings = prepared.findings.clone();
    let mut left_out: BTreeMap<usize, String> = BTreeMap::new();
    let mut news: Vec<New> = Vec::new();
    let mut free: BTreeMap<Option<&str>, u64> = BTreeMap::new();
    for (at, part) in prepared.parts.iter().enumerate() {
        let region = part.scope.0.as_deref();
        let mut solution = solve(&part.problem, &mut left);
        exact &= solution.bound == solution.cost;
        let quota = options.quota.unwrap_or(u64::MAX);
        let free = free
            .entry(region)
            .or_insert_with(|| quota.saturating_sub(kept.len() as u64));
        let most = usize::try_from(*free).unwrap_or(usize::MAX);
        let needed = part.caches(&solution.places);
        if needed > most {
            exact = false;
            let out = fit(&part.problem, &part.lost, &mut solution.places, most);
            let region = region.map_or_else(String::new, |region| format!(" of {region}"));
            let message = format!(
                "{quota} caches{region}, but {needed} are needed: workloads share caches or are left out"
            );
            findings.push(Finding::new("quota".to_owned(), &message));
            for need in out {
                let reason = format!("more caches are needed than the quota of {quota}");
                left_out.extend(
                    part.workloads(need)
                        .map(|workload| (workload, reason.clone())),
                );
            }
            solution.cost = part.problem.cost(&solution.places);
            solution.bound = part.bound_of(&solution.places).min(solution.cost);
        }
        *free = free.saturating_sub(part.caches(&solution.places) as u64);
        // What leaving a need out is worth is not paid.
        let unpaid = part.problem.skipped(&solution.places);
        cost = cost.saturating_add(solution.cost.saturating_sub(unpaid));
        bound = bound.saturating_add(solution.bound.saturating_sub(unpaid));
        for (need, place) in solution.places.iter().enumerate() {
            match place {
                Place::Old(old) => {
                    kept.extend(part.existing.get(*old));
                }
                Place::Skipped => {
                    let reason = "a saved second would cost more than allowed";
                    for workload in part.workloads(need) {
                        left_out
                            .entry(workload)
                            .or_insert_with(|| reason.to_owned());
                    }
                }
                Place::New(_) => {}
            }
        }
        for needs in part.problem.groups(&solution.places).into_values() {
            if let Some(group) = part.problem.group(needs.iter().copied()) {
                news.push(New {
                    part: at,
                    group,
                    needs,
                    action: Action::Create,
                    before: None,
                });
            }
        }
    }
    keep_equal(&prepared, &mut news, &mut kept);
    change(&prepared, &mut news, &kept);
    let mut draft = Draft::new(&prepared, table, options);
    draft.list_new(&news);
    draft.list_present(&news, &kept);
    draft.list_blocked();
    let prices_known = draft.rates.iter().all(|rates| rates.has_use);
    draft.use_caches(&left_out);
    let before = draft.before();
    let mut plan = draft.plan;
    plan.before = before;
    plan.exact = exact;
    plan.cost = prices_known.then_some(Amount(cost));
    plan.bound = prices_known.then_some(Amount(bound));
    plan.gap_per_mille = gap(cost, bound);
    plan.steps = options.steps.saturating_sub(left);
    plan.findings = findings;
    super::assumed::assumptions(&mut plan, &prepared, table, options);
    plan
}

impl Part {
    /// Returns the workloads of a need.
    pub(super) fn workloads(&self, need: usize) -> impl Iterator<Item = usize> {
        self.members.get(need).into_iter().flatten().copied()
    }

    /// Returns the number of caches of a plan, without those that stay in any case.
    fn caches(&self, places: &[Place]) -> usize {
        let old = |at: &usize| {
            let free = self
                .problem
                .existing
                .get(*at)
                .is_some_and(|old| old.keep == 0);
            !free && places.contains(&Place::Old(*at))
        };
        self.problem.groups(places).len() + (0..self.problem.existing.len()).filter(old).count()
    }

    /// Returns a lower bound for the needs that a plan covers.
    fn bound_of(&self, places: &[Place]) -> u128 {
        let covered = places
            .iter()
            .enumerate()
            .filter(|(_, place)| **place != Place::Skipped);
        let needs: Vec<usize> = covered.map(|(need, _)| need).collect();
        let (problem, _) = self.problem.part(&needs);
        Bounds::of(&problem).root(&problem)
    }

    pub(super) fn names(&self, group: &Group) -> Vec<&str> {
        let numbers = group.images.iter();
        numbers
            .filter_map(|image| self.images.get(*image as usize).map(String::as_str))
            .collect()
    }
}

pub(super) fn image_names(cache: &Cache) -> BTreeSet<&str> {
    cache.images.iter().filter_map(Image::normalized).collect()
}

/// A new cache that is like one that exists is that one: making it once more would change nothing.
fn keep_equal(prepared: &Prepared, news: &mut Vec<New>, kept: &mut BTreeSet<usize>) {
    news.retain(|new| {
        let Some(part) = prepared.parts.get(new.part) else {
            return false;
        };
        let names: BTreeSet<&str> = part.names(&new.group).into_iter().collect();
        let equal = part.existing.iter().find(|number| {
            prepared.present.get(**number).is_some_and(|present| {
                present.cache.size_gib == new.group.size && image_names(&present.cache) == names
            })
        });
        match equal {
            Some(number) => {
                kept.insert(*number);
                false
            }
            None => true,
        }
    });
}

/// Decides which new cache updates or replaces one that exists: the one with most images in common, then most
/// repositories, then fewest other images.
fn change(prepared: &Prepared, news: &mut [New], kept: &BTreeSet<usize>) {
    let mut pairs = Vec::new();
    for (at, new) in news.iter().enumerate() {
        let Some(part) = prepared.parts.get(new.part) else {
            continue;
        };
        let names = part.names(&new.group);
        let held: BTreeSet<&str> = names.iter().copied().collect();
        let repositories: BTreeSet<String> =
            names.iter().filter_map(|name| repository(name)).collect();
        for (number, present) in prepared.present.iter().enumerate() {
            let automatic = present.cache.name.starts_with(AUTO_NAME_PREFIX);
            if kept.contains(&number) || automatic || !part.same_kind(&present.cache) {
                continue;
            }
            let before = image_names(&present.cache);
            let same = before.intersection(&held).count();
            let alike = before
                .iter()
                .filter_map(|name| repository(name))
                .filter(|name| repositories.contains(name));
            let alike = alike.count();
            if alike > 0 {
                let grows = same == before.len()
                    && present.usable
                    && present.cache.size_gib <= new.group.size;
                pairs.push((
                    !grows,
                    usize::MAX - same,
                    usize::MAX - alike,
                    names.len(),
                    number,
                    at,
                ));
            }
        }
    }
    pairs.sort_unstable();
    let mut taken = BTreeSet::new();
    for (replaces, _, _, _, number, at) in pairs {
        if let Some(new) = news.get_mut(at)
            && new.before.is_none()
            && taken.insert(number)
        {
            new.action = if replaces {
                Action::Replace
            } else {
                Action::Grow
            };
            new.before = Some(number);
        }
    }
}

fn repository(name: &str) -> Option<String> {
    Image::new(name).repository().map(str::to_owned)
}

impl Part {
    /// Returns true if the cache is for the pods of this part.
    pub(super) fn same_kind(&self, cache: &Cache) -> bool {
        super::prepare::fits(cache, &self.scope)
    }

    pub(super) fn first_workload(&self, needs: &[usize], workloads: &[Counted]) -> String {
        let all = needs.iter().flat_map(|need| self.workloads(*need));
        let names = all
            .filter_map(|at| workloads.get(at))
            .map(|workload| workload.demand.name());
        names.min().unwrap_or_default()
    }
}
