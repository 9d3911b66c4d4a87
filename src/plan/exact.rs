//! Branch and bound: the best plan, as far as the budget of steps reaches.

use super::model::{Bounds, Existing, Group, Place, Problem};

/// Most needs for which the search is tried.
pub(super) const MAX_NEEDS: usize = 64;

/// Improves a plan. Returns true if the search ended within the budget: then no plan costs less.
pub(super) fn improve(
    problem: &Problem,
    bounds: &Bounds,
    places: &mut Vec<Place>,
    cost: &mut u128,
    steps: &mut u64,
) -> bool {
    if problem.needs.len() > MAX_NEEDS {
        return false;
    }
    // The needs that cost most first: a wrong decision on one of them is seen early.
    let mut order: Vec<usize> = (0..problem.needs.len()).collect();
    order.sort_by_key(|need| (std::cmp::Reverse(bounds.alone.get(*need).copied()), *need));
    let mut search = Search {
        problem,
        rest: rest(problem, bounds, &order),
        order,
        groups: Vec::new(),
        open: vec![false; problem.existing.len()],
        now: vec![Place::Skipped; problem.needs.len()],
        best: places,
        best_cost: *cost,
        steps,
    };
    let done = search.branch(0, 0);
    *cost = search.best_cost;
    done
}

/// Returns, for each depth, the least that the needs from there on add: each in the smallest cache that can hold it, and
/// the images that no need before it has.
fn rest(problem: &Problem, bounds: &Bounds, order: &[usize]) -> Vec<u128> {
    let mut seen_at = vec![usize::MAX; problem.images.len()];
    for (depth, need) in order.iter().enumerate() {
        for image in problem
            .needs
            .get(*need)
            .iter()
            .flat_map(|need| &need.images)
        {
            if let Some(seen) = seen_at.get_mut(*image as usize) {
                *seen = depth.min(*seen);
            }
        }
    }
    let least = |from: usize, number: usize| {
        let alone = bounds.alone.get(number).copied().unwrap_or_default();
        let Some(need) = problem.needs.get(number) else {
            return alone;
        };
        let images = need.images.iter().map(|image| *image as usize);
        let new = images.filter(|image| seen_at.get(*image).is_some_and(|seen| *seen >= from));
        let covered = new
            .map(|image| bounds.first_share(image))
            .fold(alone, u128::saturating_add);
        need.skip.map_or(covered, |skip| skip.min(covered))
    };
    (0..=order.len())
        .map(|from| {
            let needs = order.iter().skip(from);
            needs.fold(0_u128, |sum, need| sum.saturating_add(least(from, *need)))
        })
        .collect()
}

struct Search<'p> {
    problem: &'p Problem,
    order: Vec<usize>,
    rest: Vec<u128>,
    groups: Vec<Group>,
    /// The caches that exist and are kept.
    open: Vec<bool>,
    now: Vec<Place>,
    best: &'p mut Vec<Place>,
    best_cost: u128,
    steps: &'p mut u64,
}

impl Search<'_> {
    /// Decides the need at this depth; `cost` is that of the decisions before. Returns false when the steps are used up.
    fn branch(&mut self, depth: usize, cost: u128) -> bool {
        let Some(&number) = self.order.get(depth) else {
            if cost < self.best_cost && self.keeps_out() {
                self.best_cost = cost;
                self.best.clone_from(&self.now);
            }
            return true;
        };
        let rest = self.rest.get(depth + 1).copied().unwrap_or_default();
        let limit = |best: u128| best.checked_sub(rest);
        for (after, place, group) in self.choices(number, cost) {
            // Costs are never negative, so an equal cost is not better.
            if limit(self.best_cost).is_none_or(|limit| after >= limit) {
                continue;
            }
            let Some(left) = self.steps.checked_sub(1) else {
                return false;
            };
            *self.steps = left;
            if let Some(now) = self.now.get_mut(number) {
                *now = place;
            }
            let done = self.take(place, group, depth, after);
            if !done {
                return false;
            }
        }
        true
    }

    /// Returns true if no cache has all images of a need that is left out: ECI would use it all the same. That the need is
    /// in the cache is another branch.
    fn keeps_out(&self) -> bool {
        self.now.iter().enumerate().all(|(number, place)| {
            let left_out = self
                .problem
                .needs
                .get(number)
                .filter(|_| *place == Place::Skipped);
            let in_old = |(at, old): (usize, &Existing)| {
                let open = old.keep == 0 || self.open.get(at).copied().unwrap_or_default();
                open && old.needs.binary_search(&number).is_ok()
            };
            left_out.is_none_or(|need| {
                !self.groups.iter().any(|group| group.covers(need))
                    && !self.problem.existing.iter().enumerate().any(in_old)
            })
        })
    }

    /// Makes a decision, decides the rest, and takes the decision back.
    fn take(&mut self, place: Place, group: Option<Group>, depth: usize, after: u128) -> bool {
        match (place, group) {
            (Place::New(at), Some(group)) if at == self.groups.len() => {
                self.groups.push(group);
                let done = self.branch(depth + 1, after);
                self.groups.pop();
                done
            }
            (Place::New(at), Some(group)) => {
                let before = self
                    .groups
                    .get_mut(at)
                    .map(|place| std::mem::replace(place, group));
                let done = self.branch(depth + 1, after);
                if let (Some(place), Some(before)) = (self.groups.get_mut(at), before) {
                    *place = before;
                }
                done
            }
            (Place::Old(at), _) => {
                let before = self
                    .open
                    .get_mut(at)
                    .map(|open| std::mem::replace(open, true));
                let done = self.branch(depth + 1, after);
                if let (Some(open), Some(before)) = (self.open.get_mut(at), before) {
                    *open = before;
                }
                done
            }
            _ => self.branch(depth + 1, after),
        }
    }

    /// Returns the ways to go on with a need, the cheapest first, each with the cost afterwards.
    fn choices(&self, number: usize, cost: u128) -> Vec<(u128, Place, Option<Group>)> {
        let mut choices = Vec::with_capacity(self.groups.len() + 2);
        let Some(need) = self.problem.needs.get(number) else {
            return choices;
        };
        for (at, group) in self.groups.iter().enumerate() {
            if let Some(more) = self.problem.with(group, need) {
                let after = cost.saturating_add(more.cost.saturating_sub(group.cost));
                choices.push((after, Place::New(at), Some(more)));
            }
        }
        if let Some(group) = self.problem.with(&self.problem.empty(), need) {
            let after = cost.saturating_add(group.cost);
            choices.push((after, Place::New(self.groups.len()), Some(group)));
        }
        for (at, old) in self.problem.existing.iter().enumerate() {
            if old.needs.binary_search(&number).is_ok() {
                let open = self.open.get(at).copied().unwrap_or_default();
                let keep = if open { 0 } else { old.keep };
                let used = need.weight.saturating_mul(u128::from(old.size));
                let after = cost.saturating_add(keep).saturating_add(used);
                choices.push((after, Place::Old(at), None));
            }
        }
        if let Some(skip) = need.skip {
            choices.push((cost.saturating_add(skip), Place::Skipped, None));
        }
        choices.sort_by_key(|(after, place, _)| (*after, *place));
        choices
    }
}
