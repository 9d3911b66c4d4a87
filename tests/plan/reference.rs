//! A slow planner: it tries every way to put workloads into caches, and counts in its own words.

use std::collections::BTreeSet;

/// A small case: sizes of images in quarters of a GiB, workloads, caches that exist.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) sizes: Vec<u64>,
    pub(super) workloads: Vec<Workload>,
    pub(super) caches: Vec<(BTreeSet<usize>, u64)>,
    pub(super) max_images: usize,
    /// Millionths of the currency for a saved second; `None`: every workload is covered.
    pub(super) worth: Option<u64>,
}

#[derive(Debug, Clone)]
pub(super) struct Workload {
    pub(super) images: BTreeSet<usize>,
    pub(super) pods: u64,
    pub(super) hours: u64,
    pub(super) storage: u64,
}

/// Prices in billionths.
pub(super) const USE: u128 = 500_000;
pub(super) const STORE: u128 = 20_000_000;
pub(super) const BUILDER: u128 = 19_240;

/// Units: 1 / 3,600,000 of a billionth, so that every term is whole.
pub(super) const UNIT: u128 = 3_600_000;

/// The seconds that a quarter of a GiB takes: the build rate of the tests is 40 s a GiB.
const BUILD_SECONDS: u128 = 10;

impl Setup {
    fn bytes(&self, images: &BTreeSet<usize>) -> u128 {
        images
            .iter()
            .map(|image| u128::from(self.sizes[*image]) << 28)
            .sum()
    }

    fn size(&self, images: &BTreeSet<usize>, storage: u64) -> u64 {
        let needed = (self.bytes(images) * 2).div_ceil(1 << 30);
        (needed as u64).max(20).max(storage)
    }

    fn keep(&self, images: &BTreeSet<usize>) -> u128 {
        // A quarter of a GiB is half a GiB of snapshot.
        images
            .iter()
            .map(|image| u128::from(self.sizes[*image]) * STORE * UNIT / 2)
            .sum()
    }

    fn group(&self, members: &[usize]) -> Option<u128> {
        let images: BTreeSet<usize> = members
            .iter()
            .flat_map(|member| self.workloads[*member].images.clone())
            .collect();
        if images.len() > self.max_images {
            return None;
        }
        let storage = members
            .iter()
            .map(|member| self.workloads[*member].storage)
            .max()?;
        let size = u128::from(self.size(&images, storage));
        let hours: u128 = members
            .iter()
            .map(|member| u128::from(self.workloads[*member].pods * self.workloads[*member].hours))
            .sum();
        let quarters: u128 = images
            .iter()
            .map(|image| u128::from(self.sizes[*image]))
            .sum();
        let seconds = quarters * BUILD_SECONDS;
        let building = seconds * BUILDER * UNIT + seconds * size * USE * UNIT / 3_600;
        Some(hours * size * USE * UNIT + self.keep(&images) + building)
    }

    pub(super) fn skip(&self, member: usize) -> Option<u128> {
        let workload = &self.workloads[member];
        let micros = u128::from(self.worth?);
        // One start of each pod a month; the pull rate of the tests is 2^20 bytes a second.
        let milliseconds =
            self.bytes(&workload.images) * u128::from(workload.pods) * 1_000 / (1 << 20);
        Some(milliseconds * micros * UNIT)
    }

    /// Returns the least cost of any plan, and of what it leaves out, in units; `None` if a workload cannot be covered.
    pub(super) fn best(&self) -> Option<u128> {
        let mut best = None;
        self.branch(
            0,
            &mut Vec::new(),
            &mut vec![Vec::new(); self.caches.len()],
            0,
            &mut best,
        );
        best
    }

    /// ECI uses a cache that has all images of a workload, whatever the plan says.
    fn covers_what_it_leaves_out(&self, groups: &[Vec<usize>], olds: &[Vec<usize>]) -> bool {
        let placed: BTreeSet<usize> = groups.iter().chain(olds).flatten().copied().collect();
        let mut caches: Vec<(BTreeSet<usize>, u64)> = Vec::new();
        for group in groups {
            let images: BTreeSet<usize> = group
                .iter()
                .flat_map(|member| self.workloads[*member].images.clone())
                .collect();
            let storage = group
                .iter()
                .map(|member| self.workloads[*member].storage)
                .max()
                .unwrap();
            let size = self.size(&images, storage);
            caches.push((images, size));
        }
        for (old, cache) in olds.iter().zip(&self.caches) {
            if !old.is_empty() {
                caches.push(cache.clone());
            }
        }
        (0..self.workloads.len())
            .filter(|member| !placed.contains(member))
            .any(|member| {
                let workload = &self.workloads[member];
                caches.iter().any(|(images, size)| {
                    workload.images.is_subset(images) && *size >= workload.storage
                })
            })
    }

    fn branch(
        &self,
        member: usize,
        groups: &mut Vec<Vec<usize>>,
        olds: &mut Vec<Vec<usize>>,
        skipped: u128,
        best: &mut Option<u128>,
    ) {
        if member == self.workloads.len() {
            if self.covers_what_it_leaves_out(groups, olds) {
                return;
            }
            let mut cost = skipped;
            for group in groups.iter() {
                match self.group(group) {
                    Some(more) => cost += more,
                    None => return,
                }
            }
            for (old, (images, size)) in olds.iter().zip(&self.caches) {
                let hours: u128 = old
                    .iter()
                    .map(|m| u128::from(self.workloads[*m].pods * self.workloads[*m].hours))
                    .sum();
                if !old.is_empty() {
                    cost += hours * u128::from(*size) * USE * UNIT + self.keep(images);
                }
            }
            if best.is_none_or(|best| cost < best) {
                *best = Some(cost);
            }
            return;
        }
        for at in 0..groups.len() {
            groups[at].push(member);
            self.branch(member + 1, groups, olds, skipped, best);
            groups[at].pop();
        }
        groups.push(vec![member]);
        self.branch(member + 1, groups, olds, skipped, best);
        groups.pop();
        for at in 0..self.caches.len() {
            let (images, size) = &self.caches[at];
            if self.workloads[member].images.is_subset(images)
                && *size >= self.workloads[member].storage
            {
                olds[at].push(member);
                self.branch(member + 1, groups, olds, skipped, best);
                olds[at].pop();
            }
        }
        if let Some(skip) = self.skip(member) {
            self.branch(member + 1, groups, olds, skipped + skip, best);
        }
    }
}
