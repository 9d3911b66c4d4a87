//! A good plan in time that grows little faster than the input: needs are joined where that saves most, then moved one by
//! one.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::model::{Bounds, Group, Place, Problem};

/// Most groups that a group is compared with for each of its images. An image that every pod has would otherwise make
/// the work quadratic.
const NEIGHBOURS: usize = 12;
/// Most groups that a group is compared with.
const MOST_NEIGHBOURS: usize = 48;
/// Rounds of moves.
const ROUNDS: usize = 4;

/// A group and its needs; without needs it is gone.
#[derive(Debug, Clone, Default)]
struct Member {
    group: Group,
    needs: Vec<usize>,
    /// Changes of the group: a saving that was computed before is out of date.
    version: u64,
}

/// Makes a plan. Every need can be placed somewhere, or left out.
pub(super) fn plan(problem: &Problem, bounds: &Bounds, steps: &mut u64) -> Vec<Place> {
    let mut draft = Draft::new(problem, bounds);
    draft.adopt();
    draft.join(steps);
    for _ in 0..ROUNDS {
        if !draft.move_each(steps) {
            break;
        }
    }
    draft.leave_out();
    draft.places()
}

struct Draft<'p> {
    problem: &'p Problem,
    members: Vec<Member>,
    /// The members with a need that has the image, in order of their bytes at the beginning; some of them are gone.
    holders: Vec<Vec<usize>>,
    /// The place of each need.
    places: Vec<Place>,
    /// How many needs use each cache that exists.
    used: Vec<usize>,
}

impl<'p> Draft<'p> {
    fn new(problem: &'p Problem, bounds: &Bounds) -> Self {
        let mut members = Vec::with_capacity(problem.needs.len());
        let mut places = Vec::with_capacity(problem.needs.len());
        let mut used = vec![0; problem.existing.len()];
        for (number, need) in problem.needs.iter().enumerate() {
            let group = problem.with(&problem.empty(), need);
            let old = (0..problem.existing.len()).filter(|at| covers(problem, *at, number));
            let smallest = old.min_by_key(|at| problem.existing.get(*at).map(|old| old.size));
            places.push(match (&group, smallest) {
                (Some(_), _) => Place::New(number),
                (None, Some(at)) => {
                    if let Some(used) = used.get_mut(at) {
                        *used += 1;
                    }
                    Place::Old(at)
                }
                (None, None) => Place::Skipped,
            });
            members.push(Member {
                needs: if group.is_some() {
                    vec![number]
                } else {
                    Vec::new()
                },
                group: group.unwrap_or_default(),
                version: 0,
            });
        }
        let mut holders = bounds.holders.clone();
        for holders in &mut holders {
            holders.retain(|number| {
                members
                    .get(*number)
                    .is_some_and(|member| !member.needs.is_empty())
            });
            holders.sort_by_key(|number| {
                (
                    members.get(*number).map(|member| member.group.bytes),
                    *number,
                )
            });
        }
        Draft {
            problem,
            members,
            holders,
            places,
            used,
        }
    }

    /// Puts needs into caches that exist where that costs less than caches of their own.
    fn adopt(&mut self) {
        loop {
            let mut best: Option<(u128, usize, Vec<usize>)> = None;
            for (at, old) in self.problem.existing.iter().enumerate() {
                let mut saved = 0_u128;
                let mut moved = Vec::new();
                for &number in &old.needs {
                    let Some(need) = self.problem.needs.get(number) else {
                        continue;
                    };
                    let there = need.weight.saturating_mul(u128::from(old.size));
                    let here = match self.places.get(number) {
                        Some(Place::New(member)) => {
                            self.members.get(*member).map(|member| member.group.cost)
                        }
                        Some(Place::Old(other)) if *other != at => {
                            let other = self.problem.existing.get(*other);
                            other.map(|old| need.weight.saturating_mul(u128::from(old.size)))
                        }
                        _ => None,
                    };
                    if let Some(less) = here
                        .and_then(|here| here.checked_sub(there))
                        .filter(|less| *less > 0)
                    {
                        saved = saved.saturating_add(less);
                        moved.push(number);
                    }
                }
                let open = self.used.get(at).is_some_and(|used| *used > 0);
                let keep = if open { 0 } else { old.keep };
                let net = saved.saturating_sub(keep);
                if net > 0 && best.as_ref().is_none_or(|(most, ..)| net > *most) {
                    best = Some((net, at, moved));
                }
            }
            let Some((_, at, moved)) = best else {
                return;
            };
            for number in moved {
                self.put(number, Place::Old(at));
            }
        }
    }

    /// Moves a need to a place, whatever it costs.
    fn put(&mut self, number: usize, to: Place) {
        let Some(place) = self.places.get_mut(number) else {
            return;
        };
        let from = std::mem::replace(place, to);
        match from {
            Place::New(member) => self.change(member, |needs| needs.retain(|need| *need != number)),
            Place::Old(at) => {
                if let Some(used) = self.used.get_mut(at) {
                    *used = used.saturating_sub(1);
                }
            }
            Place::Skipped => {}
        }
        match to {
            Place::New(member) => self.change(member, |needs| needs.push(number)),
            Place::Old(at) => {
                if let Some(used) = self.used.get_mut(at) {
                    *used += 1;
                }
            }
            Place::Skipped => {}
        }
    }

    fn change(&mut self, number: usize, change: impl FnOnce(&mut Vec<usize>)) {
        let Some(member) = self.members.get_mut(number) else {
            return;
        };
        change(&mut member.needs);
        member.version += 1;
        member.group = self
            .problem
            .group(member.needs.iter().copied())
            .unwrap_or_default();
    }

    /// Returns the members that share an image with a member, some of them where there are many.
    fn neighbours(&self, number: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let Some(member) = self.members.get(number) else {
            return found;
        };
        for &image in &member.group.images {
            if found.len() >= MOST_NEIGHBOURS {
                break;
            }
            let Some(holders) = self.holders.get(image as usize) else {
                continue;
            };
            let alive = |other: &&usize| {
                **other != number
                    && self
                        .members
                        .get(**other)
                        .is_some_and(|member| !member.needs.is_empty())
            };
            if holders.len() <= NEIGHBOURS {
                found.extend(holders.iter().filter(alive));
                continue;
            }
            // Members of about the same size, in both directions.
            let bytes = member.group.bytes;
            let at = holders.partition_point(|other| {
                self.members
                    .get(*other)
                    .is_some_and(|other| other.group.bytes < bytes)
            });
            let (before, after) = holders.split_at(at.min(holders.len()));
            found.extend(before.iter().rev().filter(alive).take(NEIGHBOURS / 2));
            found.extend(after.iter().filter(alive).take(NEIGHBOURS / 2));
        }
        found
    }

    /// Joins the two groups that save most, again and again.
    fn join(&mut self, steps: &mut u64) {
        let mut heap = BinaryHeap::new();
        for number in 0..self.members.len() {
            for other in self.neighbours(number).range(number + 1..) {
                self.offer(number, *other, &mut heap);
            }
        }
        while let Some((saved, Reverse((a, b, version_a, version_b)))) = heap.pop() {
            let version = |number: usize| self.members.get(number).map(|member| member.version);
            if (version(a), version(b)) != (Some(version_a), Some(version_b)) || saved == 0 {
                continue;
            }
            *steps = steps.saturating_sub(1);
            let Some(gone) = self.members.get_mut(b) else {
                continue;
            };
            let needs = std::mem::take(&mut gone.needs);
            gone.version += 1;
            gone.group = Group::default();
            for need in &needs {
                if let Some(place) = self.places.get_mut(*need) {
                    *place = Place::New(a);
                }
            }
            self.change(a, |all| all.extend(needs));
            let images = self
                .members
                .get(a)
                .map(|member| member.group.images.clone());
            for image in images.unwrap_or_default() {
                if let Some(holders) = self.holders.get_mut(image as usize)
                    && let Some(place) = holders.iter().position(|number| *number == b)
                {
                    // Once is enough.
                    if holders.contains(&a) {
                        holders.remove(place);
                    } else if let Some(holder) = holders.get_mut(place) {
                        *holder = a;
                    }
                }
            }
            for other in self.neighbours(a) {
                self.offer(a.min(other), a.max(other), &mut heap);
            }
        }
    }

    /// Computes what it saves to join two groups.
    fn offer(&self, a: usize, b: usize, heap: &mut BinaryHeap<Offer>) {
        let (Some(one), Some(two)) = (self.members.get(a), self.members.get(b)) else {
            return;
        };
        if one.needs.is_empty() || two.needs.is_empty() {
            return;
        }
        let Some(both) = self.problem.merged(&one.group, &two.group) else {
            return;
        };
        let apart = one.group.cost.saturating_add(two.group.cost);
        if let Some(saved) = apart.checked_sub(both.cost).filter(|saved| *saved > 0) {
            heap.push((saved, Reverse((a, b, one.version, two.version))));
        }
    }

    /// Moves each need to where it costs least. Returns false if none moved.
    fn move_each(&mut self, steps: &mut u64) -> bool {
        let mut moved = false;
        for number in 0..self.problem.needs.len() {
            let (Some(need), Some(&here)) =
                (self.problem.needs.get(number), self.places.get(number))
            else {
                continue;
            };
            *steps = steps.saturating_sub(1);
            // What is saved where the need is now.
            let saved = match here {
                Place::New(member) => {
                    let Some(member) = self.members.get(member) else {
                        continue;
                    };
                    let rest = member
                        .needs
                        .iter()
                        .copied()
                        .filter(|other| *other != number);
                    let rest = self.problem.group(rest).map_or(0, |group| group.cost);
                    member.group.cost.saturating_sub(rest)
                }
                Place::Old(at) => self.old_cost(at, number, 1),
                Place::Skipped => continue,
            };
            let mut best = (saved, here);
            let mut consider = |cost: u128, place: Place| {
                if cost < best.0 {
                    best = (cost, place);
                }
            };
            let near = self.near(number);
            for other in near {
                let Some(member) = self.members.get(other) else {
                    continue;
                };
                if here != Place::New(other)
                    && !member.needs.is_empty()
                    && let Some(more) = self.problem.with(&member.group, need)
                {
                    consider(
                        more.cost.saturating_sub(member.group.cost),
                        Place::New(other),
                    );
                }
            }
            for at in 0..self.problem.existing.len() {
                if here != Place::Old(at) && covers(self.problem, at, number) {
                    consider(self.old_cost(at, number, 0), Place::Old(at));
                }
            }
            let alone = self.problem.with(&self.problem.empty(), need);
            let free = self
                .members
                .get(number)
                .is_some_and(|member| member.needs.is_empty());
            if let (Some(alone), true) = (alone, free) {
                consider(alone.cost, Place::New(number));
            }
            if best.1 != here {
                self.put(number, best.1);
                if let Place::New(member) = best.1 {
                    for image in &need.images {
                        if let Some(holders) = self.holders.get_mut(*image as usize)
                            && !holders.contains(&member)
                        {
                            holders.push(member);
                        }
                    }
                }
                moved = true;
            }
        }
        moved
    }

    /// Returns members that share an image with a need.
    fn near(&self, number: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for image in self
            .problem
            .needs
            .get(number)
            .iter()
            .flat_map(|need| &need.images)
        {
            let holders = self
                .holders
                .get(*image as usize)
                .map_or(&[][..], Vec::as_slice);
            let alive = |other: &&usize| {
                self.members
                    .get(**other)
                    .is_some_and(|member| !member.needs.is_empty())
            };
            if holders.len() <= NEIGHBOURS {
                found.extend(holders.iter().filter(alive));
            } else {
                let start = holders
                    .iter()
                    .position(|holder| *holder == number)
                    .unwrap_or_default();
                let ring = holders.iter().cycle().skip(start).take(holders.len());
                found.extend(ring.filter(alive).take(NEIGHBOURS));
            }
        }
        found
    }

    /// Returns what a need costs in a cache that exists; its own cost counts while at most `others` needs use it.
    fn old_cost(&self, at: usize, number: usize, others: usize) -> u128 {
        let (Some(old), Some(need)) = (
            self.problem.existing.get(at),
            self.problem.needs.get(number),
        ) else {
            return u128::MAX;
        };
        let first = self.used.get(at).is_none_or(|used| *used <= others);
        let keep = if first { old.keep } else { 0 };
        need.weight
            .saturating_mul(u128::from(old.size))
            .saturating_add(keep)
    }

    /// Leaves out the needs of a cache that is not worth its cost, and needs that are not worth theirs.
    fn leave_out(&mut self) {
        loop {
            let mut any = false;
            for member in 0..self.members.len() {
                let Some(found) = self
                    .members
                    .get(member)
                    .filter(|found| !found.needs.is_empty())
                else {
                    continue;
                };
                let needs = found.needs.clone();
                let skip = needs.iter().try_fold(0_u128, |sum, need| {
                    Some(sum.saturating_add(self.problem.needs.get(*need)?.skip?))
                });
                if skip.is_some_and(|skip| skip < found.group.cost) {
                    needs
                        .iter()
                        .for_each(|need| self.put(*need, Place::Skipped));
                    any = true;
                    continue;
                }
                for need in needs {
                    let Some(found) = self.members.get(member) else {
                        continue;
                    };
                    let rest = found.needs.iter().copied().filter(|other| *other != need);
                    let rest = self.problem.group(rest).map_or(0, |group| group.cost);
                    let saved = found.group.cost.saturating_sub(rest);
                    let skip = self.problem.needs.get(need).and_then(|need| need.skip);
                    if skip.is_some_and(|skip| skip < saved) {
                        self.put(need, Place::Skipped);
                        any = true;
                    }
                }
            }
            for number in 0..self.problem.needs.len() {
                if let Some(Place::Old(at)) = self.places.get(number).copied()
                    && let Some(skip) = self.problem.needs.get(number).and_then(|need| need.skip)
                    && skip < self.old_cost(at, number, 1)
                {
                    self.put(number, Place::Skipped);
                    any = true;
                }
            }
            if !any {
                return;
            }
        }
    }

    fn places(self) -> Vec<Place> {
        self.places
    }
}

/// A saving, and the two groups with their versions. The heap gives the largest saving, then the lowest numbers.
type Offer = (u128, Reverse<(usize, usize, u64, u64)>);

fn covers(problem: &Problem, at: usize, need: usize) -> bool {
    let old = problem.existing.get(at);
    old.is_some_and(|old| old.needs.binary_search(&need).is_ok())
}
