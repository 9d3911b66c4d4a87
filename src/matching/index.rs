//! An index of caches by their images: repository → version → caches. Changes are made in place.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use super::cache::Cache;
use super::rules::{DEFAULT_ARCH, DEFAULT_OS};
use super::slab::{Table, hash};
use crate::diagnostic::{Code, Diagnostic, Levels, Report};
use crate::image::{Key, Name};
use crate::path::Path;
use crate::resource::Phase;

/// Caches that pods are matched against.
///
/// ```
/// use imagecache::matching::{Cache, Image, Index, Pod, MatchRules};
/// let mut index: Index = [
///     Cache::ready("imc-1", [Image::new("nginx:1.27")]),
///     Cache::ready("imc-2", ["nginx:1.27", "redis:7"].map(Image::new)),
/// ].into_iter().collect();
/// let pod = Pod::new("web", ["nginx:1.27", "redis:7"].map(Image::new));
/// let verdict = index.winner(&pod, &MatchRules::default());
/// assert_eq!(verdict.winner.unwrap().id.as_deref(), Some("imc-2"));
/// index.remove("imc-2");
/// let verdict = index.winner(&pod, &MatchRules::default());
/// assert_eq!(verdict.winner.unwrap().id.as_deref(), Some("imc-1"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Index {
    pub(super) caches: Table<Entry>,
    /// The facts that filters use, by the number of the cache, in one block of memory.
    pub(super) records: Vec<Record>,
    pub(super) repositories: Table<Repository>,
    pub(super) versions: Table<Version>,
    words: Table<Box<str>>,
    /// The same caches with images that are compared as text, once a search asks for them.
    as_text: OnceLock<Box<Index>>,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) cache: Cache,
    /// Positions of the cache in the holder lists of its versions, ordered by version.
    places: Box<[Place]>,
    /// Distinct repositories of the images, in order.
    pub(super) repositories: Box<[usize]>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    version: usize,
    at: usize,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Record {
    pub(super) size_gib: u64,
    pub(super) created: i64,
    pub(super) expires: i64,
    pub(super) region: u32,
    pub(super) arch: u32,
    pub(super) os: u32,
    pub(super) stage: Stage,
}

/// The usability of a cache by its phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    Ready,
    /// A previous snapshot exists. By the documents it is not used.
    Stale,
    #[default]
    Unusable,
}

#[derive(Debug, Clone)]
pub(super) struct Repository {
    /// A full reference whose first `length` bytes are the name of the repository.
    reference: Arc<str>,
    length: usize,
    pub(super) versions: Vec<usize>,
}

/// A version of a repository: the full reference with tag, digest, or both.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) repository: usize,
    text: Arc<str>,
    /// Position in the list of the repository.
    at: usize,
    pub(super) holders: Vec<Holder>,
}

/// A cache that holds a version, and the number of the place in [`Entry::places`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder {
    pub(super) cache: usize,
    place: usize,
}

/// The number for an absent word.
pub(super) const UNTOLD: u32 = 0;
/// The number for a word that no cache uses.
pub(super) const UNHEARD: u32 = u32::MAX;

impl Index {
    /// Returns the index of the same caches with images that are compared as text.
    pub(super) fn as_text(&self) -> &Index {
        self.as_text.get_or_init(|| {
            let caches = self.iter().map(Cache::with_images_as_text);
            Box::new(caches.collect())
        })
    }

    /// Returns the number of caches.
    #[must_use]
    pub fn len(&self) -> usize {
        self.caches.len()
    }

    /// Returns true when there is no cache.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the cache with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Cache> {
        Some(&self.caches.get(self.by_id(id)?)?.cache)
    }

    /// Returns every cache, in an unspecified order.
    pub fn iter(&self) -> impl Iterator<Item = &Cache> {
        self.caches.iter().map(|(_, entry)| &entry.cache)
    }

    /// Adds a cache and returns the one that it replaces: the cache with the same id, or the same name when neither has
    /// an id. An object that gets its id is a new cache here: remove the one without id by
    /// [`Index::remove_unidentified`]. Takes time linear in the number of images of the cache.
    pub fn insert(&mut self, cache: Cache) -> Option<Cache> {
        if let Some(as_text) = self.as_text.get_mut() {
            as_text.insert(cache.with_images_as_text());
        }
        let before = self.number_of(&cache).and_then(|number| self.take(number));
        self.add(cache);
        before
    }

    /// Removes the cache with this id. Takes time linear in the number of images of the cache.
    pub fn remove(&mut self, id: &str) -> Option<Cache> {
        if let Some(as_text) = self.as_text.get_mut() {
            as_text.remove(id);
        }
        self.take(self.by_id(id)?)
    }

    /// Removes the cache with this name and without an id.
    pub fn remove_unidentified(&mut self, name: &str) -> Option<Cache> {
        if let Some(as_text) = self.as_text.get_mut() {
            as_text.remove_unidentified(name);
        }
        self.take(self.by_name(name)?)
    }

    pub(super) fn by_id(&self, id: &str) -> Option<usize> {
        self.caches.find(hash(&["id ", id]), |entry| {
            entry.cache.id.as_deref() == Some(id)
        })
    }

    fn by_name(&self, name: &str) -> Option<usize> {
        let same = |entry: &Entry| entry.cache.id.is_none() && entry.cache.name == name;
        self.caches.find(hash(&["name ", name]), same)
    }

    fn number_of(&self, cache: &Cache) -> Option<usize> {
        match &cache.id {
            Some(id) => self.by_id(id),
            None => self.by_name(&cache.name),
        }
    }

    fn add(&mut self, cache: Cache) {
        let mut held: Vec<(usize, usize)> = Vec::with_capacity(cache.images.len());
        for image in &cache.images {
            let Some(key) = image.key() else {
                continue;
            };
            let repository = self.repository(key);
            for name in key.names() {
                held.push((self.version(repository, name), repository));
            }
        }
        held.sort_unstable();
        held.dedup();
        let identity = match &cache.id {
            Some(id) => hash(&["id ", id]),
            None => hash(&["name ", &cache.name]),
        };
        let record = self.record(&cache);
        // Pairs, because the sort of the standard library is compiled for each type.
        let mut repositories: Vec<(usize, usize)> = held
            .iter()
            .map(|(version, repository)| (*repository, *version))
            .collect();
        repositories.sort_unstable();
        repositories.dedup_by_key(|(repository, _)| *repository);
        let places = held.iter().map(|(version, _)| {
            let at = self
                .versions
                .get(*version)
                .map_or(0, |version| version.holders.len());
            Place {
                version: *version,
                at,
            }
        });
        let places = places.collect();
        let repositories = repositories
            .into_iter()
            .map(|(repository, _)| repository)
            .collect();
        let number = self.caches.add(
            identity,
            Entry {
                cache,
                places,
                repositories,
            },
        );
        for (place, (version, _)) in held.into_iter().enumerate() {
            if let Some(version) = self.versions.get_mut(version) {
                version.holders.push(Holder {
                    cache: number,
                    place,
                });
            }
        }
        match self.records.get_mut(number) {
            Some(place) => *place = record,
            None => self.records.push(record),
        }
    }

    fn take(&mut self, number: usize) -> Option<Cache> {
        let entry = self.caches.remove(number)?;
        for place in &entry.places {
            let Some(version) = self.versions.get_mut(place.version) else {
                continue;
            };
            version.holders.swap_remove(place.at);
            if let Some(moved) = version.holders.get(place.at)
                && let Some(mover) = self.caches.get_mut(moved.cache)
                && let Some(stands) = mover.places.get_mut(moved.place)
            {
                stands.at = place.at;
            }
            if version.holders.is_empty() {
                self.forget_version(place.version);
            }
        }
        Some(entry.cache)
    }

    fn forget_version(&mut self, number: usize) {
        let Some(version) = self.versions.remove(number) else {
            return;
        };
        let Some(repository) = self.repositories.get_mut(version.repository) else {
            return;
        };
        repository.versions.swap_remove(version.at);
        if let Some(moved) = repository.versions.get(version.at)
            && let Some(mover) = self.versions.get_mut(*moved)
        {
            mover.at = version.at;
        }
        if repository.versions.is_empty() {
            self.repositories.remove(version.repository);
        }
    }

    fn repository(&mut self, key: &Key) -> usize {
        self.find_repository(key).unwrap_or_else(|| {
            let (reference, length) = (Arc::clone(&key.name.text), key.split);
            let repository = Repository {
                reference,
                length,
                versions: Vec::with_capacity(1),
            };
            self.repositories.add(key.repository_hash, repository)
        })
    }

    fn version(&mut self, repository: usize, name: &Name) -> usize {
        if let Some(number) = self.find_version(name) {
            return number;
        }
        let at = self
            .repositories
            .get(repository)
            .map_or(0, |found| found.versions.len());
        let text = Arc::clone(&name.text);
        let version = Version {
            repository,
            text,
            at,
            holders: Vec::with_capacity(1),
        };
        let number = self.versions.add(name.hash, version);
        if let Some(repository) = self.repositories.get_mut(repository) {
            repository.versions.push(number);
        }
        number
    }

    pub(super) fn find_repository(&self, key: &Key) -> Option<usize> {
        self.repositories.find(key.repository_hash, |found| {
            found.reference.get(..found.length) == Some(key.repository())
        })
    }

    pub(super) fn find_version(&self, name: &Name) -> Option<usize> {
        self.versions
            .find(name.hash, |found| found.text == name.text)
    }

    fn record(&mut self, cache: &Cache) -> Record {
        Record {
            size_gib: cache.size_gib,
            created: cache.created.map_or(i64::MIN, |created| created.seconds()),
            expires: cache.expires.map_or(i64::MAX, |expires| expires.seconds()),
            region: cache
                .region
                .as_deref()
                .map_or(UNTOLD, |region| self.learn(region)),
            arch: self.learn(cache.arch.as_deref().unwrap_or(DEFAULT_ARCH)),
            os: self.learn(cache.os.as_deref().unwrap_or(DEFAULT_OS)),
            stage: match &cache.phase {
                Some(phase) if phase.is_usable() => Stage::Ready,
                Some(Phase::Updating | Phase::UpdateFailed) => Stage::Stale,
                _ => Stage::Unusable,
            },
        }
    }

    /// Returns the number of a region, architecture or operating system, from 1, and adds it when it is new. There are a
    /// few dozen; none is removed.
    fn learn(&mut self, word: &str) -> u32 {
        match self.word(word) {
            UNHEARD => numbered(self.words.add(hash(&[word]), word.into())),
            number => number,
        }
    }

    pub(super) fn word(&self, word: &str) -> u32 {
        let found = self.words.find(hash(&[word]), |heard| **heard == *word);
        found.map_or(UNHEARD, numbered)
    }
}

/// Returns the number of a word by its row.
fn numbered(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(UNHEARD).saturating_add(1)
}

impl Entry {
    /// Returns true when the cache holds this version.
    pub(super) fn holds(&self, version: usize) -> bool {
        self.places
            .binary_search_by_key(&version, |place| place.version)
            .is_ok()
    }
}

impl Index {
    fn of(caches: Vec<Cache>) -> Self {
        let mut index = Index::default();
        index.caches.reserve(caches.len());
        index.records.reserve(caches.len());
        index.versions.reserve(caches.len());
        // Further descriptions, by the number of their cache.
        let mut further: Vec<Vec<Cache>> = Vec::new();
        for cache in caches {
            let Some(number) = index.number_of(&cache) else {
                index.add(cache);
                continue;
            };
            if further.len() <= number {
                further.resize_with(number + 1, Vec::new);
            }
            if let Some(copies) = further.get_mut(number) {
                copies.push(cache);
            }
        }
        for (number, mut copies) in further.into_iter().enumerate() {
            if !copies.is_empty() {
                copies.extend(index.take(number));
                if let Some(cache) = Cache::merged(copies) {
                    index.add(cache);
                }
            }
        }
        index
    }

    /// Inserts the caches of one input by [`Index::insert`], and returns a finding for each id that two of them have, or
    /// one of them and an older cache of another name, with different images.
    pub fn insert_all(&mut self, caches: Vec<Cache>) -> Vec<Diagnostic> {
        let mut fresh = BTreeSet::new();
        let ids = caches.iter().filter_map(|cache| cache.id.as_deref());
        let mut unique = true;
        for id in ids {
            unique &= fresh.insert(id.to_owned());
        }
        let caches = if unique {
            caches
        } else {
            // The order of one input does not matter.
            let merged: Index = caches.into_iter().collect();
            merged.iter().cloned().collect()
        };
        for mut cache in caches {
            if let (Some(id), None) = (&cache.id, &cache.conflict) {
                let other = self
                    .get(id)
                    .filter(|other| other.name != cache.name && cache.contradicts(other));
                cache.conflict = other.map(|other| other.name.clone());
            }
            self.insert(cache);
        }
        let fresh = fresh.iter().filter_map(|id| self.get(id));
        conflicts(fresh)
    }

    /// Returns a finding ([`Code::IC083`]) for each id that several caches with different images have, by id. Of such
    /// caches the index has one.
    #[must_use]
    pub fn conflicts(&self) -> Vec<Diagnostic> {
        let mut caches: Vec<&Cache> = self.iter().collect();
        caches.retain(|cache| cache.conflict.is_some());
        caches.sort_by(|a, b| a.id.cmp(&b.id));
        conflicts(caches)
    }
}

fn conflicts<'c>(caches: impl IntoIterator<Item = &'c Cache>) -> Vec<Diagnostic> {
    let mut report = Report::new(&Levels::DEFAULT);
    for cache in caches {
        if let Some(message) = cache.conflict_message() {
            report.add(Code::IC083, &Path::Root, message, ONE_OBJECT);
        }
    }
    report.finish()
}

const ONE_OBJECT: &str = "Delete the object that does not describe the cache of this id.";

impl Extend<Cache> for Index {
    /// Inserts each cache by [`Index::insert`]: of caches with the same id the last one is kept.
    fn extend<I: IntoIterator<Item = Cache>>(&mut self, caches: I) {
        for cache in caches {
            self.insert(cache);
        }
    }
}

impl FromIterator<Cache> for Index {
    /// Builds an index of caches in any order. Several descriptions of one cache (an object and an entry of a reply) are
    /// merged: the reply takes precedence, the object fills absent fields.
    fn from_iter<I: IntoIterator<Item = Cache>>(caches: I) -> Self {
        Index::of(caches.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::Image;

    #[test]
    fn index_emptied_keeps_no_rows() {
        let mut index = Index::default();
        let texts = [
            "nginx:1",
            "nginx:2",
            "redis",
            "nginx:1@sha256:0",
            "Bad",
            "redis:latest",
        ];
        for number in 0..60 {
            let images = texts.iter().skip(number % 4).map(|text| Image::new(text));
            index.insert(Cache::ready(&format!("imc-{}", number % 20), images));
        }
        assert_eq!(
            (index.len(), index.repositories.len(), index.versions.len()),
            (20, 2, 3)
        );
        for number in (0..20).rev() {
            assert!(index.remove(&format!("imc-{number}")).is_some());
        }
        assert_eq!(
            (index.len(), index.repositories.len(), index.versions.len()),
            (0, 0, 0)
        );
        assert_eq!(index.records.len(), 20, "rows are used again");
    }
}
