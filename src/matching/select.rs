//! The selection of the cache for a pod, without reasons.

use std::cmp::Ordering;

use super::index::{Index, Record, Stage, UNTOLD};
use super::rules::{DEFAULT_ARCH, DEFAULT_OS, MatchRules, SizeTie};
use super::verdict::{PinRefusal, Selection};
use crate::image::{Key, Name};
use crate::pod::{Placement, Pod};

/// Buffers of a search, for reuse by the next one. They grow to the size of the largest index; then a search does not
/// allocate.
#[derive(Debug, Clone, Default)]
pub struct SearchBuffers {
    round: u64,
    caches: Vec<Mark>,
    repositories: Vec<RepositoryMark>,
    /// True once the images in [`Mark::shared`] are counted.
    by_repository: bool,
    /// Versions that caches have, each with the index of the pod's image.
    versions: Vec<(usize, usize)>,
    /// Repository of each image of the pod, where a cache has it.
    found: Vec<Option<usize>>,
    /// Caches found in this round.
    pub(super) met: Vec<usize>,
}

/// The counts of a cache in one round.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    round: u64,
    /// Size of the images in `exact`, in bytes.
    bytes: u64,
    /// Number of images of the pod that the cache has exactly.
    exact: u32,
    /// Number of images of the pod whose repository the cache has, once they are counted.
    shared: u32,
    /// Number of the image that was counted last in `exact`, from 1: two versions of one image count once.
    last_exact: usize,
    /// Number of the first image of the repository that was counted last in `shared`, from 1.
    last_shared: usize,
}

/// The number of images of the pod in one repository.
#[derive(Debug, Clone, Copy, Default)]
struct RepositoryMark {
    round: u64,
    images: u32,
}

/// The score of a cache for a pod.
#[derive(Debug, Clone, Copy)]
pub(super) struct Score {
    pub(super) number: usize,
    pub(super) exact: usize,
    pub(super) repository_only: usize,
    pub(super) bytes: u64,
}

/// The reason why a cache is not a candidate, whatever its images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    Region,
    Phase,
    Expired,
    Arch,
    Os,
    Size,
}

/// The requirements of a pod for any cache.
#[derive(Debug, Clone, Copy)]
pub(super) struct Requirements {
    region: u32,
    arch: u32,
    os: u32,
    pub(super) storage_gib: u64,
    now: i64,
    stale: bool,
    /// Number of images that must match exactly.
    pub(super) exact: usize,
    strict: bool,
}

/// The strategy for a pod, decided before any search.
pub(super) enum Strategy {
    /// The pod names a cache.
    Named(Result<usize, PinRefusal>),
    /// The pod runs on ACS.
    NotEci,
    /// Automatic matching is off.
    Off,
    /// The pod is matched.
    Search,
}

impl Index {
    /// Returns the cache that this pod uses, with its score: the same answer as [`Index::explain`], without reasons.
    #[must_use]
    pub fn winner<'i>(&'i self, pod: &Pod, rules: &MatchRules) -> Selection<'i> {
        self.winner_with(pod, rules, &mut SearchBuffers::default())
    }

    /// Returns the same as [`Index::winner`], and allocates nothing once the buffers are large enough. Use it to match many
    /// pods.
    ///
    /// Takes time linear in the number of the pod's images and of the caches that share one of them: exactly, or,
    /// where no cache does, by repository.
    pub fn winner_with<'i>(
        &'i self,
        pod: &Pod,
        rules: &MatchRules,
        scratch: &mut SearchBuffers,
    ) -> Selection<'i> {
        let best = match self.course(pod, rules) {
            Strategy::Named(Ok(number)) => Some(self.standing_of(number, pod)),
            Strategy::Named(Err(refusal)) => return Selection::refused(pod, refusal),
            Strategy::NotEci => return Selection::not_eci(pod),
            Strategy::Off => return Selection::of(self, pod, None, false),
            Strategy::Search => {
                let best = self.search(pod, rules, scratch);
                return Selection::of(self, pod, best, rules.auto_create);
            }
        };
        Selection::of(self, pod, best, false)
    }

    pub(super) fn course(&self, pod: &Pod, rules: &MatchRules) -> Strategy {
        if pod.placement == Placement::Acs {
            return Strategy::NotEci;
        }
        if let Some(id) = &pod.wish.explicit {
            return Strategy::Named(self.named(id, pod, rules));
        }
        let default = rules.auto_match.unwrap_or_else(|| pod.surface.auto_match());
        if pod.wish.uses_cache(default) {
            Strategy::Search
        } else {
            Strategy::Off
        }
    }

    /// Returns the cache that a pod names. It must exist in the region, must not have expired, and must be ready. Its
    /// images, architecture, system and size are not checked.
    fn named(&self, id: &str, pod: &Pod, rules: &MatchRules) -> Result<usize, PinRefusal> {
        let missing = || PinRefusal::NotFound { id: id.to_owned() };
        let number = self.by_id(id).ok_or_else(missing)?;
        let entry = self.caches.get(number).ok_or_else(missing)?;
        let record = self.records.get(number).ok_or_else(missing)?;
        match self.needs(pod, rules).filter(record) {
            Some(Filter::Region) => Err(missing()),
            Some(Filter::Expired) => {
                let (id, at) = (id.to_owned(), entry.cache.expires.unwrap_or_default());
                Err(PinRefusal::Ended { id, at })
            }
            Some(Filter::Phase) => {
                let (id, phase) = (id.to_owned(), entry.cache.phase.clone());
                Err(PinRefusal::NotReady { id, phase })
            }
            None | Some(Filter::Arch | Filter::Os | Filter::Size) => Ok(number),
        }
    }

    pub(super) fn needs(&self, pod: &Pod, rules: &MatchRules) -> Requirements {
        let region = pod.region.as_deref().or(rules.region.as_deref());
        let arch = pod.arch.as_deref().or(rules.arch.as_deref());
        let os = pod.os.as_deref().or(rules.os.as_deref());
        Requirements {
            region: region.map_or(UNTOLD, |region| self.word(region)),
            arch: self.word(arch.unwrap_or(DEFAULT_ARCH)),
            os: self.word(os.unwrap_or(DEFAULT_OS)),
            storage_gib: pod.storage_gib.max(rules.require_storage),
            now: rules.now.map_or(i64::MIN, |now| now.seconds()),
            stale: rules.serve_stale_while_updating,
            exact: if pod.wish.perfect {
                pod.distinct()
            } else {
                pod.wish.count.unwrap_or_default()
            },
            strict: rules.strict,
        }
    }

    fn search(&self, pod: &Pod, rules: &MatchRules, scratch: &mut SearchBuffers) -> Option<Score> {
        scratch.begin(self);
        if !self.find_images(pod, scratch) {
            return None;
        }
        let needs = self.needs(pod, rules);
        self.meet_exact(pod, scratch);
        let best = self.best(0, &needs, rules, scratch);
        if best.is_some() || needs.exact > 0 || needs.strict {
            return best;
        }
        // No cache found so far can be used. The others share only repositories.
        let met = scratch.met.len();
        self.meet_by_repository(scratch);
        self.best(met, &needs, rules, scratch)
    }

    /// Returns the best of the caches found, starting at the index `from`.
    fn best(
        &self,
        from: usize,
        needs: &Requirements,
        rules: &MatchRules,
        scratch: &SearchBuffers,
    ) -> Option<Score> {
        let met = scratch.met.get(from..).unwrap_or_default();
        let usable = |number: usize| {
            self.records
                .get(number)
                .is_some_and(|record| needs.filter(record).is_none())
        };
        let mut most: Option<usize> = None;
        for number in met {
            let exact = scratch.marked(*number).exact as usize;
            let more = most.map_or(exact >= needs.exact, |most| exact > most);
            if more && usable(*number) {
                most = Some(exact);
            }
        }
        let most = most?;
        let found = scratch.found.iter().flatten().count();
        let mut best: Option<Score> = None;
        for number in met {
            let mark = scratch.marked(*number);
            if mark.exact as usize != most || !usable(*number) {
                continue;
            }
            let better = |standing: &Score| {
                best.is_none_or(|best| self.compare(standing, &best, rules) == Ordering::Less)
            };
            // Counting shared repositories is expensive, so a cache that loses with the highest possible count is skipped.
            let mut standing = Score::marked(*number, &mark);
            standing.repository_only = found.saturating_sub(most);
            if better(&standing) {
                if standing.repository_only > 0 {
                    standing = self.standing(*number, scratch);
                }
                if better(&standing) {
                    best = Some(standing);
                }
            }
        }
        best
    }

    /// Finds the pod's images and their repositories. Returns true when a cache has one of them.
    pub(super) fn find_images(&self, pod: &Pod, scratch: &mut SearchBuffers) -> bool {
        for image in pod.images() {
            let found = image.key().and_then(|key| self.find_image(key, scratch));
            if let Some(number) = found {
                scratch.count_repository(number);
            }
            scratch.found.push(found);
        }
        scratch.found.iter().any(Option::is_some)
    }

    /// Finds the repository of an image, and its versions where a cache has them.
    fn find_image(&self, key: &Key, scratch: &mut SearchBuffers) -> Option<usize> {
        let (image, versions) = (scratch.found.len(), scratch.versions.len());
        let found = key.names().filter_map(|name| self.find_version(name));
        scratch
            .versions
            .extend(found.map(|version| (image, version)));
        match scratch.versions.get(versions) {
            Some((_, version)) => Some(self.versions.get(*version)?.repository),
            None => self.find_repository(key),
        }
    }

    /// Finds every cache that has an image of the pod exactly, and counts these images.
    pub(super) fn meet_exact(&self, pod: &Pod, scratch: &mut SearchBuffers) {
        for found in 0..scratch.versions.len() {
            let Some((image, version)) = scratch.versions.get(found).copied() else {
                continue;
            };
            let bytes = pod.images().get(image).and_then(|image| image.key()?.bytes);
            let holders = self.versions.get(version).map(|version| &version.holders);
            for holder in holders.into_iter().flatten() {
                scratch.count_exact(holder.cache, image + 1, bytes.unwrap_or_default());
            }
        }
    }

    /// Finds every cache that has any version of a repository of the pod's images.
    pub(super) fn meet_by_repository(&self, scratch: &mut SearchBuffers) {
        scratch.by_repository = true;
        let mut before = None;
        for image in 0..scratch.found.len() {
            let found = scratch.found.get(image).copied().flatten();
            // Images are sorted, so images of one repository are adjacent.
            let Some(number) = found.filter(|number| before.replace(*number) != Some(*number))
            else {
                continue;
            };
            let images = scratch.images_of(number);
            let versions = self
                .repositories
                .get(number)
                .map(|repository| &repository.versions);
            let versions = versions.into_iter().flatten();
            for version in versions.filter_map(|version| self.versions.get(*version)) {
                for holder in &version.holders {
                    scratch.count_shared(holder.cache, image + 1, images);
                }
            }
        }
    }

    /// Returns the score of a cache found by the search.
    pub(super) fn standing(&self, number: usize, scratch: &SearchBuffers) -> Score {
        let mark = scratch.marked(number);
        let standing = Score::marked(number, &mark);
        if scratch.by_repository {
            return standing;
        }
        let held = self
            .caches
            .get(number)
            .map(|entry| &*entry.repositories)
            .unwrap_or_default();
        let shared: usize = held
            .iter()
            .map(|held| scratch.images_of(*held) as usize)
            .sum();
        Score {
            repository_only: shared.saturating_sub(standing.exact),
            ..standing
        }
    }

    /// Returns the score of one cache without a search.
    pub(super) fn standing_of(&self, number: usize, pod: &Pod) -> Score {
        let mut standing = Score {
            number,
            exact: 0,
            repository_only: 0,
            bytes: 0,
        };
        let Some(entry) = self.caches.get(number) else {
            return standing;
        };
        for key in pod.images().iter().filter_map(|image| image.key()) {
            let Some(repository) = self.find_repository(key) else {
                continue;
            };
            let held = |name: &Name| {
                self.find_version(name)
                    .is_some_and(|number| entry.holds(number))
            };
            if key.names().any(held) {
                standing.exact += 1;
                standing.bytes = standing.bytes.saturating_add(key.bytes.unwrap_or_default());
            } else if entry.repositories.binary_search(&repository).is_ok() {
                standing.repository_only += 1;
            }
        }
        standing
    }

    /// Compares two caches by the total order of candidates; `Less` ranks first. The criteria: exact matches, matches by
    /// repository (unless strict), size, newest, lowest id.
    pub(super) fn compare(&self, a: &Score, b: &Score, rules: &MatchRules) -> Ordering {
        let degree = b.exact.cmp(&a.exact);
        let degree = if rules.strict {
            degree
        } else {
            degree.then(b.repository_only.cmp(&a.repository_only))
        };
        degree.then_with(|| {
            let record = |standing: &Score| self.records.get(standing.number).copied();
            let (record_a, record_b) =
                (record(a).unwrap_or_default(), record(b).unwrap_or_default());
            let size = match rules.size_tie {
                // The requirement is the same for both: the smaller cache has the smaller surplus.
                SizeTie::Closest => record_a.size_gib.cmp(&record_b.size_gib),
                SizeTie::MatchedBytes => b.bytes.cmp(&a.bytes),
            };
            size.then(record_b.created.cmp(&record_a.created))
                .then_with(|| {
                    let name = |standing: &Score| {
                        self.caches
                            .get(standing.number)
                            .map(|entry| entry.cache.last_resort())
                    };
                    name(a).cmp(&name(b))
                })
        })
    }
}

impl Requirements {
    /// Returns the first reason why a cache is not a candidate.
    pub(super) fn filter(&self, record: &Record) -> Option<Filter> {
        let stage_fits = match record.stage {
            Stage::Ready => true,
            Stage::Stale => self.stale,
            Stage::Unusable => false,
        };
        let other = |a: u32, b: u32| a != b && a != UNTOLD && b != UNTOLD;
        if other(record.region, self.region) {
            Some(Filter::Region)
        } else if !stage_fits {
            Some(Filter::Phase)
        } else if record.expires <= self.now {
            Some(Filter::Expired)
        } else if record.arch != self.arch {
            Some(Filter::Arch)
        } else if record.os != self.os {
            Some(Filter::Os)
        } else if record.size_gib < self.storage_gib {
            Some(Filter::Size)
        } else {
            None
        }
    }
}

impl SearchBuffers {
    pub(super) fn begin(&mut self, index: &Index) {
        self.round += 1;
        self.met.clear();
        self.versions.clear();
        self.found.clear();
        self.by_repository = false;
        if self.caches.len() < index.caches.numbers() {
            self.caches.resize(index.caches.numbers(), Mark::default());
        }
        if self.repositories.len() < index.repositories.numbers() {
            self.repositories
                .resize(index.repositories.numbers(), RepositoryMark::default());
        }
    }

    /// Adds a cache to those found, unless it is one already.
    pub(super) fn meet(&mut self, number: usize) {
        self.mark(number);
    }

    fn mark(&mut self, number: usize) -> Option<&mut Mark> {
        let mark = self.caches.get_mut(number)?;
        if mark.round != self.round {
            *mark = Mark {
                round: self.round,
                ..Mark::default()
            };
            self.met.push(number);
        }
        Some(mark)
    }

    fn count_exact(&mut self, number: usize, ordinal: usize, bytes: u64) {
        if let Some(mark) = self.mark(number)
            && mark.last_exact != ordinal
        {
            mark.last_exact = ordinal;
            mark.exact += 1;
            mark.bytes = mark.bytes.saturating_add(bytes);
        }
    }

    fn count_shared(&mut self, number: usize, ordinal: usize, images: u32) {
        if let Some(mark) = self.mark(number)
            && mark.last_shared != ordinal
        {
            mark.last_shared = ordinal;
            mark.shared += images;
        }
    }

    fn count_repository(&mut self, number: usize) {
        if let Some(mark) = self.repositories.get_mut(number) {
            if mark.round != self.round {
                *mark = RepositoryMark {
                    round: self.round,
                    images: 0,
                };
            }
            mark.images += 1;
        }
    }

    fn marked(&self, number: usize) -> Mark {
        let mark = self
            .caches
            .get(number)
            .filter(|mark| mark.round == self.round);
        mark.copied().unwrap_or_default()
    }

    fn images_of(&self, repository: usize) -> u32 {
        let mark = self
            .repositories
            .get(repository)
            .filter(|mark| mark.round == self.round);
        mark.map_or(0, |mark| mark.images)
    }
}

impl Score {
    fn marked(number: usize, mark: &Mark) -> Self {
        let (exact, shared) = (mark.exact as usize, mark.shared as usize);
        Score {
            number,
            exact,
            repository_only: shared.saturating_sub(exact),
            bytes: mark.bytes,
        }
    }
}
