//! Solves a problem: parts without a common image by themselves, exactly as far as the steps reach.

use std::collections::BTreeMap;

use super::model::{Bounds, Existing, Group, ImageCost, Need, Place, Problem, Solution};
use super::{exact, greedy};

/// Most pairs of caches that are compared when there are more caches than the quota.
const CANDIDATES: usize = 64;

/// Solves a problem within a budget of steps.
pub(super) fn solve(problem: &Problem, steps: &mut u64) -> Solution {
    let mut places = vec![Place::Skipped; problem.needs.len()];
    let mut bound = 0_u128;
    let mut next = 0;
    let mut parts = parts(problem);
    // Small parts first: what they leave of the budget goes to the large ones.
    parts.sort_by_key(|needs| (needs.len(), needs.first().copied()));
    let mut left = parts.len() as u64;
    for needs in &parts {
        let (part, olds) = problem.part(needs);
        let mut share = *steps / left.max(1);
        let before = share;
        let found = solve_part(&part, &mut share);
        *steps = steps.saturating_sub(before.saturating_sub(share));
        left = left.saturating_sub(1);
        bound = bound.saturating_add(found.bound);
        let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
        for (need, place) in needs.iter().zip(&found.places) {
            let place = match *place {
                Place::New(group) => {
                    let number = *numbers.entry(group).or_insert_with(|| {
                        next += 1;
                        next - 1
                    });
                    Place::New(number)
                }
                Place::Old(at) => olds.get(at).map_or(Place::Skipped, |at| Place::Old(*at)),
                Place::Skipped => Place::Skipped,
            };
            if let Some(slot) = places.get_mut(*need) {
                *slot = place;
            }
        }
    }
    settle(problem, &mut places);
    let cost = problem.cost(&places);
    Solution {
        bound: bound.min(cost),
        places,
        cost,
    }
}

fn solve_part(part: &Problem, steps: &mut u64) -> Solution {
    let bounds = Bounds::of(part);
    let mut places = greedy::plan(part, &bounds, steps);
    settle(part, &mut places);
    let mut cost = part.cost(&places);
    let root = bounds.root(part).min(cost);
    let exact = cost == root || exact::improve(part, &bounds, &mut places, &mut cost, steps);
    Solution {
        places,
        cost,
        bound: if exact { cost } else { root },
    }
}

/// Returns the needs of each part: needs in different parts have no image and no cache that exists in common.
fn parts(problem: &Problem) -> Vec<Vec<usize>> {
    let mut roots: Vec<usize> = (0..problem.needs.len()).collect();
    fn root(roots: &mut [usize], number: usize) -> usize {
        let mut at = number;
        while let Some(&up) = roots.get(at).filter(|up| **up != at) {
            let above = roots.get(up).copied().unwrap_or(up);
            if let Some(slot) = roots.get_mut(at) {
                *slot = above;
            }
            at = up;
        }
        at
    }
    let mut first: Vec<Option<usize>> = vec![None; problem.images.len()];
    let mut join = |a: usize, b: usize| {
        let (a, b) = (root(&mut roots, a), root(&mut roots, b));
        if let Some(slot) = roots.get_mut(a.max(b)) {
            *slot = a.min(b);
        }
    };
    for (number, need) in problem.needs.iter().enumerate() {
        for image in &need.images {
            if let Some(first) = first.get_mut(*image as usize) {
                join(*first.get_or_insert(number), number);
            }
        }
    }
    for old in &problem.existing {
        if let Some((one, others)) = old.needs.split_first() {
            others.iter().for_each(|other| join(*one, *other));
        }
    }
    let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for number in 0..problem.needs.len() {
        parts
            .entry(root(&mut roots, number))
            .or_default()
            .push(number);
    }
    parts.into_values().collect()
}

impl Problem {
    /// Returns the problem of some needs, and the numbers of its caches that exist.
    pub(super) fn part(&self, needs: &[usize]) -> (Problem, Vec<usize>) {
        let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
        for need in needs.iter().filter_map(|need| self.needs.get(*need)) {
            numbers.extend(need.images.iter().map(|image| (*image, 0)));
        }
        let mut images: Vec<ImageCost> = Vec::with_capacity(numbers.len());
        for (image, number) in &mut numbers {
            *number = u32::try_from(images.len()).unwrap_or(u32::MAX);
            images.push(
                self.images
                    .get(*image as usize)
                    .copied()
                    .unwrap_or_default(),
            );
        }
        let renumbered = |need: &Need| Need {
            images: need
                .images
                .iter()
                .filter_map(|image| numbers.get(image).copied())
                .collect(),
            ..need.clone()
        };
        let places: BTreeMap<usize, usize> = needs
            .iter()
            .enumerate()
            .map(|(new, old)| (*old, new))
            .collect();
        let mut existing = Vec::new();
        let mut olds = Vec::new();
        for (at, old) in self.existing.iter().enumerate() {
            let covered: Vec<usize> = old
                .needs
                .iter()
                .filter_map(|need| places.get(need).copied())
                .collect();
            if !covered.is_empty() {
                existing.push(Existing {
                    needs: covered,
                    ..old.clone()
                });
                olds.push(at);
            }
        }
        let part = Problem {
            images,
            needs: needs
                .iter()
                .filter_map(|need| Some(renumbered(self.needs.get(*need)?)))
                .collect(),
            existing,
            limits: self.limits,
        };
        (part, olds)
    }

    /// Returns the needs of each new cache.
    pub(super) fn groups(&self, places: &[Place]) -> BTreeMap<usize, Vec<usize>> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (need, place) in places.iter().enumerate() {
            if let Place::New(group) = place {
                groups.entry(*group).or_default().push(need);
            }
        }
        groups
    }
}

/// Moves each need to the smallest cache that has all its images, as ECI does, until nothing moves. No such move costs
/// anything: the disk is smaller, and caches that needs leave can only shrink. Only needs that were left out may cost more.
fn settle(problem: &Problem, places: &mut [Place]) {
    loop {
        let groups: BTreeMap<usize, Group> = problem
            .groups(places)
            .into_iter()
            .filter_map(|(number, needs)| Some((number, problem.group(needs)?)))
            .collect();
        let mut holders: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (number, group) in &groups {
            for image in &group.images {
                holders.entry(*image).or_default().push(*number);
            }
        }
        let in_use: Vec<bool> = (0..problem.existing.len())
            .map(|at| {
                problem.existing.get(at).is_some_and(|old| old.keep == 0)
                    || places.contains(&Place::Old(at))
            })
            .collect();
        let mut moved = false;
        for number in 0..problem.needs.len() {
            let (Some(need), Some(&place)) = (problem.needs.get(number), places.get(number)) else {
                continue;
            };
            let size = match place {
                Place::New(group) => groups.get(&group).map(|group| group.size),
                Place::Old(at) => problem.existing.get(at).map(|old| old.size),
                Place::Skipped => None,
            };
            let mut best = (size.unwrap_or(u64::MAX), place);
            let rarest = need
                .images
                .iter()
                .filter_map(|image| holders.get(image))
                .min_by_key(|held| held.len());
            for other in rarest.into_iter().flatten() {
                let fits = groups.get(other).filter(|group| group.covers(need));
                if let Some(group) = fits.filter(|group| group.size < best.0) {
                    best = (group.size, Place::New(*other));
                }
            }
            for (at, old) in problem.existing.iter().enumerate() {
                let used = in_use.get(at).copied().unwrap_or_default();
                if used && old.size < best.0 && old.needs.binary_search(&number).is_ok() {
                    best = (old.size, Place::Old(at));
                }
            }
            if best.1 != place {
                if let Some(slot) = places.get_mut(number) {
                    *slot = best.1;
                }
                moved = true;
            }
        }
        if !moved {
            return;
        }
    }
}

/// Reduces a plan to this many caches: joins the caches whose joining costs least, else leaves out those of the fewest
/// workloads. Returns the needs that were left out.
pub(super) fn fit(
    problem: &Problem,
    lost: &[u64],
    places: &mut [Place],
    most: usize,
) -> Vec<usize> {
    let mut left_out = Vec::new();
    loop {
        let groups = problem.groups(places);
        let olds = (0..problem.existing.len())
            .filter(|at| places.contains(&Place::Old(*at)))
            .count();
        if groups.len() + olds <= most {
            break;
        }
        let mut made: Vec<(usize, Group)> = groups
            .iter()
            .filter_map(|(number, needs)| Some((*number, problem.group(needs.iter().copied())?)))
            .collect();
        made.sort_by_key(|(number, group)| (group.weight, *number));
        let mut best: Option<(u128, usize, usize)> = None;
        let few: Vec<_> = made.iter().take(CANDIDATES).collect();
        for (index, (a, one)) in few.iter().enumerate() {
            for (b, two) in few.iter().skip(index + 1) {
                if let Some(both) = problem.merged(one, two) {
                    let more = both.cost.saturating_sub(one.cost.saturating_add(two.cost));
                    if best.is_none_or(|(least, ..)| more < least) {
                        best = Some((more, *a, *b));
                    }
                }
            }
        }
        if let Some((_, a, b)) = best {
            places
                .iter_mut()
                .filter(|place| **place == Place::New(b))
                .for_each(|place| *place = Place::New(a));
            continue;
        }
        let of = |needs: &[usize]| needs.iter().filter_map(|need| lost.get(*need)).sum::<u64>();
        let new = groups
            .iter()
            .map(|(number, needs)| (of(needs), Place::New(*number)));
        let old = problem
            .existing
            .iter()
            .enumerate()
            .filter(|(at, _)| places.contains(&Place::Old(*at)));
        let old = old.map(|(at, old)| {
            let needs = old
                .needs
                .iter()
                .copied()
                .filter(|need| places.get(*need) == Some(&Place::Old(at)));
            (of(&needs.collect::<Vec<_>>()), Place::Old(at))
        });
        let Some((_, least)) = new.chain(old).min() else {
            break;
        };
        for (need, place) in places
            .iter_mut()
            .enumerate()
            .filter(|(_, place)| **place == least)
        {
            *place = Place::Skipped;
            left_out.push(need);
        }
    }
    settle(problem, places);
    left_out
}
