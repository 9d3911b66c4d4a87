//! The problem that the search solves, without names: needs, images, caches that exist.
//!
//! A *need* is a set of images that pods start with, weighted by the hours of these pods. A plan puts needs into groups;
//! the cache of a group holds the images of all its needs. So the cost of a group is
//!
//! ```text
//! size x (weights of its needs + building hours of its images) + what its images cost to build and to keep
//! size = the larger of the smallest size, of percent x bytes, and of the storage that its needs ask for
//! ```
//!
//! A need that is left out must not have all its images in a cache of the plan: its pods would use that cache, and pay.
//!
//! Two facts carry the search. The cost of a group never falls when a need is added. And two groups without a common image
//! never cost less as one: only the sharing of images saves something.

use crate::pod::GIB;

/// An image.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ImageCost {
    pub(super) bytes: u64,
    /// The cost to build and to keep, in units of [`super::Amount`].
    pub(super) fixed: u128,
    /// The part of it to keep.
    pub(super) keep: u128,
    /// The cost to build, for each GiB of the cache.
    pub(super) per_gib: u128,
}

/// A set of images that pods start with.
#[derive(Debug, Clone, Default)]
pub(super) struct Need {
    /// The numbers of the images, in order.
    pub(super) images: Vec<u32>,
    /// The cost of a GiB for its pods.
    pub(super) weight: u128,
    /// The least size of its cache, in GiB.
    pub(super) storage: u64,
    /// What it costs to leave the need out; `None`: it must be covered.
    pub(super) skip: Option<u128>,
    /// A new cache can be made for it.
    pub(super) can_be_made: bool,
}

/// A cache that exists.
#[derive(Debug, Clone, Default)]
pub(super) struct Existing {
    pub(super) size: u64,
    /// The cost to keep it; 0 for one that stays in any case.
    pub(super) keep: u128,
    /// The needs that it covers, in order.
    pub(super) needs: Vec<usize>,
}

/// The limits of new caches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The size of a cache in hundredths of a percent of its images.
    pub(super) share: u64,
    pub(super) min_size: u64,
    pub(super) max_size: u64,
    pub(super) max_images: usize,
}

/// A problem.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) images: Vec<ImageCost>,
    pub(super) needs: Vec<Need>,
    pub(super) existing: Vec<Existing>,
    pub(super) limits: Limits,
}

/// Where a need goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// To a new cache.
    New(usize),
    /// To a cache that exists.
    Old(usize),
    /// Nowhere.
    Skipped,
}

/// A plan of a problem.
#[derive(Debug, Clone, Default)]
pub(super) struct Solution {
    /// The place of each need.
    pub(super) places: Vec<Place>,
    pub(super) cost: u128,
    /// No plan costs less than this.
    pub(super) bound: u128,
}

/// The cache of some needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) images: Vec<u32>,
    pub(super) bytes: u64,
    fixed: u128,
    per_gib: u128,
    pub(super) weight: u128,
    pub(super) storage: u64,
    pub(super) size: u64,
    pub(super) cost: u128,
}

impl Group {
    /// Returns true if the cache has all images of a need, and is large enough for it.
    pub(super) fn covers(&self, need: &Need) -> bool {
        let has = |image: &u32| self.images.binary_search(image).is_ok();
        self.size >= need.storage && need.images.iter().all(has)
    }
}

impl Limits {
    /// Returns the size of a cache with these bytes of images, at least `storage`; `None` if it is too large.
    pub(super) fn size(&self, bytes: u64, storage: u64) -> Option<u64> {
        let needed = u128::from(bytes).saturating_mul(u128::from(self.share));
        let gib = u64::try_from(needed.div_ceil(10_000 * GIB)).ok()?;
        Some(gib.max(self.min_size).max(storage)).filter(|size| *size <= self.max_size)
    }
}

impl Problem {
    /// Returns the cache of no need.
    pub(super) fn empty(&self) -> Group {
        Group::default()
    }

    /// Returns the cache of a group and one more need; `None` if there can be no such cache.
    pub(super) fn with(&self, group: &Group, need: &Need) -> Option<Group> {
        if !need.can_be_made {
            return None;
        }
        self.joined(group, &need.images, need.weight, need.storage)
    }

    /// Returns the cache of two groups.
    pub(super) fn merged(&self, a: &Group, b: &Group) -> Option<Group> {
        self.joined(a, &b.images, b.weight, b.storage)
    }

    fn joined(&self, group: &Group, images: &[u32], weight: u128, storage: u64) -> Option<Group> {
        let mut all = Vec::with_capacity(group.images.len() + images.len());
        let (mut bytes, mut fixed, mut per_gib) = (group.bytes, group.fixed, group.per_gib);
        let mut old = group.images.iter().copied().peekable();
        for &image in images {
            while let Some(before) = old.next_if(|old| *old < image) {
                all.push(before);
            }
            if old.next_if_eq(&image).is_none() {
                let costs = self.images.get(image as usize)?;
                bytes = bytes.checked_add(costs.bytes)?;
                fixed = fixed.saturating_add(costs.fixed);
                per_gib = per_gib.saturating_add(costs.per_gib);
            }
            all.push(image);
        }
        all.extend(old);
        if all.len() > self.limits.max_images {
            return None;
        }
        let storage = group.storage.max(storage);
        let weight = group.weight.saturating_add(weight);
        let size = self.limits.size(bytes, storage)?;
        let cost = weight
            .saturating_add(per_gib)
            .saturating_mul(u128::from(size));
        Some(Group {
            images: all,
            bytes,
            fixed,
            per_gib,
            weight,
            storage,
            size,
            cost: cost.saturating_add(fixed),
        })
    }

    /// Returns the cache of these needs.
    pub(super) fn group(&self, needs: impl IntoIterator<Item = usize>) -> Option<Group> {
        let mut group = self.empty();
        for need in needs {
            group = self.with(&group, self.needs.get(need)?)?;
        }
        Some(group)
    }

    /// Returns what the needs that a plan leaves out are worth.
    pub(super) fn skipped(&self, places: &[Place]) -> u128 {
        let needs = self.needs.iter().zip(places);
        let skipped = needs.filter(|(_, place)| **place == Place::Skipped);
        skipped.fold(0, |sum, (need, _)| {
            sum.saturating_add(need.skip.unwrap_or_default())
        })
    }

    /// Returns the cost of a plan.
    pub(super) fn cost(&self, places: &[Place]) -> u128 {
        let (mut new, mut old) = (Vec::<Vec<usize>>::new(), vec![false; self.existing.len()]);
        let mut cost = 0_u128;
        for (need, place) in places.iter().enumerate() {
            let Some(facts) = self.needs.get(need) else {
                continue;
            };
            match *place {
                Place::New(group) => {
                    if new.len() <= group {
                        new.resize(group + 1, Vec::new());
                    }
                    if let Some(group) = new.get_mut(group) {
                        group.push(need);
                    }
                }
                Place::Old(number) => {
                    let Some(existing) = self.existing.get(number) else {
                        continue;
                    };
                    if let Some(used) = old.get_mut(number)
                        && !std::mem::replace(used, true)
                    {
                        cost = cost.saturating_add(existing.keep);
                    }
                    let size = u128::from(existing.size);
                    cost = cost.saturating_add(facts.weight.saturating_mul(size));
                }
                Place::Skipped => cost = cost.saturating_add(facts.skip.unwrap_or_default()),
            }
        }
        let groups = new.into_iter().filter(|needs| !needs.is_empty());
        let groups = groups.filter_map(|needs| self.group(needs));
        groups.fold(cost, |sum, group| sum.saturating_add(group.cost))
    }
}

/// Lower bounds, need by need.
pub(super) struct Bounds {
    /// The least that a need costs by itself, in the smallest cache that can hold it; without its images.
    pub(super) alone: Vec<u128>,
    /// The least that an image costs once.
    image: Vec<u128>,
    /// The needs of each image.
    pub(super) holders: Vec<Vec<usize>>,
    /// Each image is at least in this number of caches.
    copies: Vec<u128>,
    /// A cache that exists may hold the image: paid for one need, it costs nothing for the next.
    in_old: Vec<bool>,
}

impl Bounds {
    pub(super) fn of(problem: &Problem) -> Self {
        let mut alone = Vec::with_capacity(problem.needs.len());
        let mut holders = vec![Vec::new(); problem.images.len()];
        let mut least_size = vec![u64::MAX; problem.images.len()];
        for (number, need) in problem.needs.iter().enumerate() {
            let group = problem.with(&problem.empty(), need);
            let size = group.as_ref().map_or(u64::MAX, |group| group.size);
            let old = problem
                .existing
                .iter()
                .filter(|old| old.needs.binary_search(&number).is_ok());
            let least = old.map(|old| old.size).min().unwrap_or(u64::MAX).min(size);
            alone.push(need.weight.saturating_mul(u128::from(least)));
            for &image in &need.images {
                if let Some(holders) = holders.get_mut(image as usize) {
                    holders.push(number);
                }
                if let Some(least) = least_size.get_mut(image as usize) {
                    *least = size.min(*least);
                }
            }
        }
        let once = |(image, least): (&ImageCost, &u64)| {
            let building = image.per_gib.saturating_mul(u128::from(*least));
            image.fixed.saturating_add(building)
        };
        let mut image: Vec<u128> = problem.images.iter().zip(&least_size).map(once).collect();
        let mut in_old = vec![false; problem.images.len()];
        for old in &problem.existing {
            for need in old.needs.iter().filter_map(|need| problem.needs.get(*need)) {
                for &number in &need.images {
                    let number = number as usize;
                    let keep = problem.images.get(number).map_or(0, |image| image.keep);
                    // A cache that exists may hold images that no need shares; its own cost is at least that of one.
                    let least = if old.keep == 0 { 0 } else { keep.min(old.keep) };
                    if let (Some(cost), Some(in_old)) =
                        (image.get_mut(number), in_old.get_mut(number))
                    {
                        *cost = least.min(*cost);
                        *in_old = true;
                    }
                }
            }
        }
        let copies = holders.iter().zip(&in_old).map(|(holders, in_old)| {
            if *in_old {
                return 1;
            }
            let needs = || holders.iter().filter_map(|need| problem.needs.get(*need));
            if needs().any(|need| need.skip.is_some()) {
                return 1;
            }
            // Each image that some need has beside this one is beside it in some cache.
            let mut beside: Vec<u32> = needs()
                .flat_map(|need| need.images.iter().copied())
                .collect();
            beside.sort_unstable();
            beside.dedup();
            let beside_it = problem.limits.max_images.saturating_sub(1).max(1);
            beside.len().saturating_sub(1).div_ceil(beside_it).max(1) as u128
        });
        let copies = copies.collect();
        Bounds {
            alone,
            image,
            holders,
            copies,
            in_old,
        }
    }

    /// Returns a lower bound of the cost of the problem: each need in the smallest cache that can hold it, and each image
    /// paid as often as it must be. The cost of an image is shared by its needs, so that a need can be left out.
    pub(super) fn root(&self, problem: &Problem) -> u128 {
        let mut bound = 0_u128;
        for (number, need) in problem.needs.iter().enumerate() {
            let images = need.images.iter().map(|image| self.share(*image as usize));
            let covered = images.fold(
                self.alone.get(number).copied().unwrap_or_default(),
                u128::saturating_add,
            );
            bound = bound.saturating_add(need.skip.map_or(covered, |skip| skip.min(covered)));
        }
        bound
    }

    /// Returns the part of an image that one of its needs adds to a plan in which no need before has the image.
    pub(super) fn first_share(&self, image: usize) -> u128 {
        if self.in_old.get(image).copied().unwrap_or_default() {
            return 0;
        }
        let holders = self.holders.get(image).map_or(1, Vec::len).max(1);
        self.image.get(image).copied().unwrap_or_default() / holders as u128
    }

    fn share(&self, image: usize) -> u128 {
        let cost = self.image.get(image).copied().unwrap_or_default();
        let copies = self.copies.get(image).copied().unwrap_or(1);
        let holders = self.holders.get(image).map_or(1, Vec::len).max(1);
        cost.saturating_mul(copies) / holders as u128
    }
}
