//! A cache as matching sees it, from an `ImageCache` object or from an entry of a DescribeImageCaches reply.

use serde::Serialize;
use serde_json::Value;

use super::fields::{Fields, find, kind_of};
use super::image::{Image, ImageFacts};
use super::rules::{DEFAULT_ARCH, DEFAULT_OS};
use crate::diagnostic::{Code, Report};
use crate::path::Path;
use crate::resource::{self, Phase};
use crate::time::Timestamp;
use crate::{annotation, expiry};

/// What a cache was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum CacheOrigin {
    /// An `ImageCache` object of a cluster: knows architecture and operating system, not the region.
    #[default]
    Object,
    /// An entry of the regional API: knows the region and the last use, not the architecture.
    Reply,
}

/// A cache as matching sees it.
///
/// ```
/// use imagecache::matching::Cache;
/// use imagecache::diagnostic::{Levels, Report};
/// let levels = Levels::default();
/// let mut report = Report::new(&levels);
/// let object = serde_json::json!({
///     "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "web"},
///     "spec": {"images": ["nginx:1.27"]}, "status": {"imageCacheId": "imc-1", "phase": "Ready"},
/// });
/// let cache = Cache::read(&object, &mut report).unwrap();
/// assert_eq!((cache.id.as_deref(), cache.size_gib), (Some("imc-1"), 20));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cache {
    /// `imc-…`; absent before ECI has given one.
    pub id: Option<String>,
    /// Name of the object or the entry; empty when it has none. Names of entries are not unique.
    pub name: String,
    /// What it holds.
    pub images: Vec<Image>,
    /// Size of its disk, in GiB; 20 when not written.
    pub size_gib: u64,
    /// Its phase, once it has one. Only [`Phase::Ready`] is used.
    pub phase: Option<Phase>,
    /// When it was created; unknown counts as oldest.
    pub created: Option<Timestamp>,
    /// When it last changed, where told.
    pub updated: Option<Timestamp>,
    /// When it ends, by the rules of [`crate::expiry`].
    pub expires: Option<Timestamp>,
    /// When a pod last used it.
    pub last_matched: Option<Timestamp>,
    /// The region it lives in, where known.
    pub region: Option<String>,
    /// Architecture of its images, where known.
    pub arch: Option<String>,
    /// Operating system of its images, where known.
    pub os: Option<String>,
    /// Its snapshot `s-…`.
    pub snapshot: Option<String>,
    /// Its temporary local snapshot.
    pub flash_snapshot: Option<String>,
    /// What it was read from.
    pub origin: CacheOrigin,
}

/// A cache in an answer: enough to find it again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheName {
    /// `imc-…`, where ECI has given one.
    pub image_cache_id: Option<String>,
    /// Name of the object or entry.
    pub name: String,
}

impl Cache {
    /// A ready cache of 20 GiB with these images; the rest is for the caller to fill in.
    #[must_use]
    pub fn ready(id: &str, images: impl IntoIterator<Item = Image>) -> Self {
        Cache {
            id: Some(id.to_owned()),
            images: images.into_iter().collect(),
            phase: Some(Phase::Ready),
            size_gib: default_size(),
            ..Cache::default()
        }
    }

    /// Reads an `ImageCache` object, or an entry of a DescribeImageCaches reply, told apart by `kind` and `spec`.
    /// Fields of the wrong form are reported and count as absent. `None`, with a report, for what is no object or
    /// has neither id nor name.
    #[must_use]
    pub fn read(value: &Value, report: &mut Report<'_>) -> Option<Self> {
        Self::read_at(value, &Path::Root, report)
    }

    pub(super) fn read_at(value: &Value, path: &Path<'_>, report: &mut Report<'_>) -> Option<Self> {
        let mut cache = Self::read_fields(value, path, report)?;
        // What stands there was read for its form; whether it is true, one room decides for all.
        cache.expires = expiry::end(&expiry::ExpiryFacts::read(value));
        Some(cache)
    }

    fn read_fields(value: &Value, path: &Path<'_>, report: &mut Report<'_>) -> Option<Self> {
        let Some(object) = value.as_object() else {
            let message = format!("{}, an image cache expected", kind_of(value));
            report.add(Code::IC004, path, message, "The entry is passed over.");
            return None;
        };
        let mut fields = Fields {
            object,
            path: *path,
            report,
        };
        let cache = if object.contains_key("kind") || object.contains_key("spec") {
            Self::from_object(&mut fields)
        } else {
            Self::from_entry(&mut fields)
        };
        if cache.id.is_none() && cache.name.is_empty() {
            let help = "The entry is passed over: nothing could name it in an answer.";
            report.add(Code::IC013, path, "neither an id nor a name", help);
            return None;
        }
        Some(cache)
    }

    /// [`Cache::read`] for a question that is asked without a time: when the cache ends is left open.
    pub(crate) fn read_endless(value: &Value, report: &mut Report<'_>) -> Option<Self> {
        Self::read_fields(value, &Path::Root, report)
    }

    fn from_object(top: &mut Fields<'_, '_, '_>) -> Self {
        let mut cache = Cache {
            origin: CacheOrigin::Object,
            size_gib: default_size(),
            ..Cache::default()
        };
        let (mut arch, mut os) = (None, None);
        top.below("metadata", |metadata| {
            cache.name = metadata.owned("name").unwrap_or_default();
            cache.created = metadata.time("creationTimestamp");
            metadata.below("annotations", |annotations| {
                arch = annotations.owned(annotation::CPU_ARCH);
                os = annotations.owned(annotation::OS_TYPE);
            });
        });
        cache.arch = Some(arch.unwrap_or_else(|| DEFAULT_ARCH.to_owned()));
        cache.os = Some(os.unwrap_or_else(|| DEFAULT_OS.to_owned()));
        top.below("spec", |spec| {
            cache.images = images(spec, "images");
            cache.size_gib = spec.number("imageCacheSize").unwrap_or_else(default_size);
        });
        top.below("status", |status| {
            cache.id = status.owned("imageCacheId");
            cache.phase = status.text("phase").map(Phase::from);
            cache.expires = status.time("expireDateTime");
            cache.updated = status
                .time("lastUpdatedTime")
                .or_else(|| status.time("lastUpdateTime"));
        });
        cache
    }

    fn from_entry(entry: &mut Fields<'_, '_, '_>) -> Self {
        Cache {
            origin: CacheOrigin::Reply,
            id: entry.owned("ImageCacheId"),
            name: entry.owned("ImageCacheName").unwrap_or_default(),
            images: images(entry, "Images"),
            size_gib: entry.number("ImageCacheSize").unwrap_or_else(default_size),
            phase: entry.text("Status").map(Phase::from),
            created: entry.time("CreationTime"),
            updated: None,
            expires: entry.time("ExpireDateTime"),
            last_matched: entry.time("LastMatchedTime"),
            region: entry.owned("RegionId"),
            arch: None,
            os: None,
            snapshot: entry.owned("SnapshotId"),
            flash_snapshot: entry.owned("FlashSnapshotId"),
        }
    }

    /// Reads every image again, beside what registries tell.
    pub fn apply(&mut self, facts: &ImageFacts) {
        for image in &mut self.images {
            *image = Image::read(image.text(), facts);
        }
    }

    /// Id and name, for an answer.
    #[must_use]
    pub fn named(&self) -> CacheName {
        CacheName {
            image_cache_id: self.id.clone(),
            name: self.name.clone(),
        }
    }

    /// What the order of caches falls back to when all else is equal: id, then name; a cache without id last.
    pub(super) fn last_resort(&self) -> (bool, Option<&str>, &str) {
        (self.id.is_none(), self.id.as_deref(), &self.name)
    }

    /// One cache told of several times becomes one. The entry of the API has the word, being nearer to the fact, then
    /// what was written last; the others fill what it leaves open. Their order does not matter.
    pub(super) fn merged(mut tellings: Vec<Cache>) -> Option<Cache> {
        tellings.sort_by(|a, b| {
            let (images_a, images_b) = (a.images.iter(), b.images.iter());
            let images = || images_a.map(Image::text).cmp(images_b.map(Image::text));
            a.weight().cmp(&b.weight()).then_with(images)
        });
        let last = tellings.pop()?;
        Some(tellings.into_iter().rev().fold(last, Cache::filled))
    }

    /// What decides which of several tellings has the word: where it is from and when it was written, then everything
    /// else, so that their order does not matter.
    fn weight(&self) -> impl Ord + '_ {
        let told = (self.origin, self.updated, self.created);
        let names = (&self.id, &self.name, &self.snapshot, &self.flash_snapshot);
        let state = (self.size_gib, &self.phase, self.expires, self.last_matched);
        (told, names, state, (&self.region, &self.arch, &self.os))
    }

    fn filled(self, rest: Cache) -> Cache {
        Cache {
            id: self.id.or(rest.id),
            name: if self.name.is_empty() {
                rest.name
            } else {
                self.name
            },
            created: self.created.or(rest.created),
            updated: self.updated.or(rest.updated),
            expires: self.expires.or(rest.expires),
            last_matched: self.last_matched.or(rest.last_matched),
            region: self.region.or(rest.region),
            arch: self.arch.or(rest.arch),
            os: self.os.or(rest.os),
            snapshot: self.snapshot.or(rest.snapshot),
            flash_snapshot: self.flash_snapshot.or(rest.flash_snapshot),
            ..self
        }
    }
}

/// Does this look like an entry of a DescribeImageCaches reply?
pub(super) fn is_entry(object: &serde_json::Map<String, Value>) -> bool {
    ["ImageCacheId", "ImageCacheName"]
        .iter()
        .any(|name| find(object, name).is_some())
}

fn default_size() -> u64 {
    u64::try_from(resource::DEFAULT_SIZE_GIB).unwrap_or_default()
}

fn images<'a>(fields: &mut Fields<'a, '_, '_>, name: &'a str) -> Vec<Image> {
    if fields.is_absent(name) {
        let help = "The cache matches no pod; only its id can still be named.";
        fields
            .report
            .add(Code::IC020, &fields.path.field(name), "no images", help);
    }
    let texts = fields.texts(name).unwrap_or_default();
    let list = fields.path.field(name);
    let mut images = Vec::with_capacity(texts.len());
    for (index, text) in texts {
        let image = Image::new(text);
        if let Some(fault) = image.fault() {
            let help = "The image matches nothing; the others of this cache still do.";
            fields.report.add(
                Code::IC023,
                &list.index(index),
                format!("`{text}`: {fault}"),
                help,
            );
        }
        images.push(image);
    }
    images
}
