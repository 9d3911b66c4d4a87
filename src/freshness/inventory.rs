//! Caches and pods out of documents.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::running::{Container, Containers, add_pod};
use super::{ImageFreshness, RunningDigest, RunningIs, compare};
use crate::diagnostic::{Code, Report};
use crate::image::Image;
use crate::matching::{Cache, CacheName, CacheOrigin, each_object, kind};
use crate::reference::Named;
use crate::registry::{
    ImageRecord, RegistryAnswer, RegistryAsk, RegistryFacts, RegistryNeeds, each_image,
};
use crate::resource::annotation::DIGESTS;
use crate::resource::walk::{Met, Pages};
use crate::resource::workload::PodPaths;
use crate::time::Timestamp;

/// The reason why the state of an image without a recorded digest is unknown.
pub(crate) const NOT_RECORDED: &str = "the digest when the cache was made was not recorded";

/// The caches and running containers of documents.
///
/// Documents are ImageCaches, Pods, Secrets to log in with, lists of them, and replies of DescribeImageCaches. Other
/// objects are counted.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct FreshnessInventory {
    caches: Vec<CachedImages>,
    containers: Containers,
    needs: RegistryNeeds,
    /// The number of other objects.
    pub others: usize,
    /// The number of lists and replies without items.
    pub empty_lists: usize,
    /// The number of caches and items of which a part could not be read. A comparison is not complete if there is one.
    pub unread: usize,
    pages: Pages,
}

/// The images of one cache.
#[derive(Debug, Clone)]
struct CachedImages {
    cache: Cache,
    /// Digests by the full name of an image, or the reason why there are none.
    digests: Result<BTreeMap<String, String>, String>,
    not_fresh_since: Option<Timestamp>,
    /// The image as written, and the question about it.
    images: Vec<(String, RegistryAsk)>,
}

/// One image of a cache, with all that is known of it but the digest now.
pub(super) struct CachedImage<'a> {
    pub(super) cache: CacheName,
    pub(super) text: String,
    pub(super) ask: RegistryAsk,
    /// The digest in the name of the image. Such an image is not asked for.
    pub(super) pinned: Option<String>,
    pub(super) cached: Result<String, String>,
    pub(super) not_fresh_since: Option<Timestamp>,
    pub(super) made: Option<Timestamp>,
    containers: Vec<&'a Container>,
}

impl FreshnessInventory {
    /// Returns a sentence for each list or reply whose last page is not in the inventory: see
    /// [`Inventory::missing_pages`](crate::matching::Inventory::missing_pages). A comparison is not complete if there is one.
    #[must_use]
    pub fn missing_pages(&self) -> Vec<String> {
        self.pages.sentences()
    }

    /// Adds the objects of a document. Reports what cannot be read, with its path in the document.
    pub fn add(&mut self, document: &Value, report: &mut Report<'_>) {
        let opened = each_object(document, report, |met, report| self.take(met, report));
        self.unread += opened.unread;
        self.empty_lists += opened.empty_lists;
        self.pages.append(opened.pages);
    }

    fn take(&mut self, met: &Met<'_>, report: &mut Report<'_>) {
        if met.is_cache() {
            self.add_cache(met, report);
        } else if kind(met) == Some("Pod") && met.meta.group().is_empty() {
            add_pod(met.value, &mut self.containers);
        } else if !self.needs.add_secret(met) {
            self.others += 1;
        }
    }

    fn add_cache(&mut self, met: &Met<'_>, report: &mut Report<'_>) {
        let before = report.count();
        let sound = met.check_cache_type(report);
        let (cache, doubtful) = Cache::read_at(met.value, met.path, report).unzip();
        let Some(cache) = cache else {
            self.unread += 1;
            return;
        };
        // Without an image there is nothing to compare, and nothing to be green about.
        let misfit =
            cache.images.is_empty() || cache.images.iter().any(|image| image.fault().is_some());
        if cache.images.is_empty() && report.count() == before {
            let message = "no images, nothing to compare";
            report.add(Code::IC021, met.path, message, "List the images to cache.");
        }
        self.unread += usize::from(!sound || misfit || doubtful.unwrap_or(true));
        let mut images = Vec::new();
        each_image(met, PodPaths::NONE, &mut |_, wanted| {
            images.push((wanted.text.to_owned(), wanted.ask));
        });
        self.caches.push(CachedImages {
            digests: digests_in_cache(met.value),
            not_fresh_since: not_fresh_since(met.value),
            cache,
            images,
        });
    }

    /// Adds the objects of another inventory.
    pub fn append(&mut self, other: FreshnessInventory) {
        self.caches.extend(other.caches);
        for (image, containers) in other.containers {
            self.containers.entry(image).or_default().extend(containers);
        }
        self.needs.append(other.needs);
        self.others += other.others;
        self.unread += other.unread;
        self.pages.append(other.pages);
        self.empty_lists += other.empty_lists;
    }

    /// Returns the number of caches.
    #[must_use]
    pub fn caches(&self) -> usize {
        self.caches.len()
    }

    /// Returns the questions about the tags in the caches, with the Secrets of the documents.
    #[must_use]
    pub fn needs(&self) -> RegistryNeeds {
        let mut needs = self.needs.clone();
        for image in self.images() {
            if image.pinned.is_none() {
                needs.add_ask(image.ask);
            }
        }
        needs
    }

    /// Returns the questions whose answer has another digest than a cache or a container. The digest of a manifest for one
    /// platform may explain that, so these are asked again in detail.
    #[must_use]
    pub fn undecided(&self, facts: &RegistryFacts) -> RegistryNeeds {
        let mut undecided = BTreeSet::new();
        for image in self.images() {
            let Some((_, RegistryAnswer::Image(record))) = facts.get(&image.ask) else {
                continue;
            };
            let mut digests = image
                .containers
                .iter()
                .filter_map(|one| one.digest.as_ref());
            let differs = |digest: &String| *digest != record.digest;
            if image.cached.as_ref().is_ok_and(differs) || digests.any(differs) {
                undecided.insert(image.ask);
            }
        }
        self.needs().only(|ask| undecided.contains(ask))
    }

    /// Compares each image of each cache, in the order of the documents.
    #[must_use]
    pub fn compare(&self, facts: &RegistryFacts) -> Vec<ImageFreshness> {
        let images = self.images().into_iter();
        images.map(|image| compare(&image, facts)).collect()
    }

    fn images(&self) -> Vec<CachedImage<'_>> {
        let objects = self.caches.iter().map(|one| &one.cache);
        let objects = objects.filter(|cache| cache.origin == CacheOrigin::Object);
        let ids: BTreeSet<&str> = objects.filter_map(|cache| cache.id.as_deref()).collect();
        let mut images = Vec::new();
        for cached in &self.caches {
            // An entry of ECI has no annotations; its object does.
            let is_entry = cached.cache.origin == CacheOrigin::Reply;
            if is_entry
                && cached
                    .cache
                    .id
                    .as_deref()
                    .is_some_and(|id| ids.contains(id))
            {
                continue;
            }
            for (text, ask) in &cached.images {
                images.push(self.image(cached, text, ask));
            }
        }
        images
    }

    fn image(&self, cached: &CachedImages, text: &str, ask: &RegistryAsk) -> CachedImage<'_> {
        let pinned = Named::parse(text).ok();
        let pinned = pinned.and_then(|named| named.digest().map(str::to_owned));
        let digest = cached.digests.as_ref().map_err(Clone::clone);
        let digest = digest.and_then(|digests| {
            let found = digests.get(&ask.image).cloned();
            found.ok_or_else(|| NOT_RECORDED.to_owned())
        });
        let containers = self.containers.get(&ask.image).into_iter().flatten();
        let id = cached.cache.id.as_deref();
        let of_this = |container: &&Container| match (&container.cache_id, id) {
            (Some(used), Some(id)) => used == id,
            _ => true,
        };
        CachedImage {
            cache: cached.cache.named(),
            text: text.to_owned(),
            ask: self.needs.with_known_secrets(ask.clone()),
            pinned,
            cached: digest,
            not_fresh_since: cached.not_fresh_since,
            made: cached.cache.updated.max(cached.cache.created),
            containers: containers.filter(of_this).collect(),
        }
    }
}

impl CachedImage<'_> {
    /// Returns the digests that run, compared with the image in the registry.
    pub(super) fn running(&self, record: Option<&ImageRecord>) -> Vec<RunningDigest> {
        let mut pods: BTreeMap<Option<&str>, BTreeSet<&str>> = BTreeMap::new();
        for container in &self.containers {
            let of = pods.entry(container.digest.as_deref()).or_default();
            of.insert(&container.pod);
        }
        let running = pods.into_iter().map(|(digest, pods)| RunningDigest {
            is: match digest {
                None => RunningIs::Unknown,
                Some(digest) if record.is_some_and(|record| record.has_digest(digest)) => {
                    RunningIs::Now
                }
                Some(digest) if self.cached.as_deref() == Ok(digest) => RunningIs::Cached,
                Some(_) => RunningIs::Other,
            },
            digest: digest.map(str::to_owned),
            pods: pods.into_iter().map(str::to_owned).collect(),
        });
        running.collect()
    }
}

/// Reads the digests that were recorded when a cache was made, by the full name of the image.
///
/// # Errors
/// Returns the reason why there are none.
pub(crate) fn recorded_digests(cache: &Value) -> Result<BTreeMap<String, String>, String> {
    let annotations = cache.get("metadata").and_then(|all| all.get("annotations"));
    let Some(written) = annotations.and_then(|all| all.get(DIGESTS)) else {
        return Err(format!("the cache has no annotation {DIGESTS}"));
    };
    let text = written.as_str().unwrap_or_default();
    let read: Result<BTreeMap<String, String>, _> = serde_json::from_str(text);
    let read = read.map_err(|_| format!("annotation {DIGESTS} is not a JSON object of digests"))?;
    let full = |image: &str| Image::new(image).normalized().unwrap_or(image).to_owned();
    let digests = read.into_iter();
    Ok(digests
        .map(|(image, digest)| (full(&image), digest))
        .collect())
}

/// Reads the recorded digests, if the cache has these images: they are recorded before an update.
fn digests_in_cache(cache: &Value) -> Result<BTreeMap<String, String>, String> {
    let phase = cache.get("status").and_then(|status| status.get("phase"));
    match phase.and_then(Value::as_str) {
        Some("Updating") => Err("the cache is being updated".to_owned()),
        Some("UpdateFailed") => {
            Err("the recorded digests are those of an update that has failed".to_owned())
        }
        _ => recorded_digests(cache),
    }
}

/// Returns the time since when the condition `Fresh` is false.
fn not_fresh_since(cache: &Value) -> Option<Timestamp> {
    let conditions = cache.get("status")?.get("conditions")?.as_array()?;
    let text = |condition: &Value, name: &str| condition.get(name)?.as_str().map(str::to_owned);
    let fresh = conditions.iter().find(|condition| {
        text(condition, "type").as_deref() == Some("Fresh")
            && text(condition, "status").as_deref() == Some("False")
    })?;
    text(fresh, "lastTransitionTime")?.parse().ok()
}
