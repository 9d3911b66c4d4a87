//! A cache in the form that matching uses.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rules::{DEFAULT_ARCH, DEFAULT_OS};
use crate::diagnostic::{Code, Quoted, Report};
use crate::expiry;
use crate::image::{Image, ImageFacts};
use crate::path::Path;
use crate::resource::view::{CacheForm, CacheView};
use crate::resource::{self, Phase};
use crate::time::Timestamp;
use crate::type_error::TypeError;

/// The source of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum CacheOrigin {
    /// An `ImageCache` object of a cluster. It has architecture and operating system, but no region.
    #[default]
    Object,
    /// An entry of the regional API. It has region and last use, but no architecture.
    Reply,
}

/// A cache in the form that matching uses.
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
    /// `imc-…`; absent before ECI has assigned one.
    pub id: Option<String>,
    /// Name of the object or the entry; empty when absent. Names of entries are not unique.
    pub name: String,
    /// Images that the cache holds.
    pub images: Vec<Image>,
    /// Size of the disk, in GiB; 20 when absent.
    pub size_gib: u64,
    /// Phase, once there is one. Only caches in [`Phase::Ready`] are used.
    pub phase: Option<Phase>,
    /// Creation time; a cache without one ranks as the oldest.
    pub created: Option<Timestamp>,
    /// Time of the last change; objects only.
    pub updated: Option<Timestamp>,
    /// Time at which the cache expires, by the rules of [`crate::expiry`]; `None`: never, or unknown.
    pub expires: Option<Timestamp>,
    /// Time of the last use by a pod; entries only.
    pub last_matched: Option<Timestamp>,
    /// Region, where known.
    pub region: Option<String>,
    /// Architecture of the images, where known.
    pub arch: Option<String>,
    /// Operating system of the images, where known.
    pub os: Option<String>,
    /// Snapshot, `s-…`.
    pub snapshot: Option<String>,
    /// Temporary local snapshot.
    pub flash_snapshot: Option<String>,
    /// Source of the cache.
    pub origin: CacheOrigin,
    /// Name of another cache that has the same id and other images. ECI has one cache of an id, so one of the two is
    /// wrong, and matches may be.
    pub conflict: Option<String>,
    /// Whether the cache counts as `Ready` although it is a manifest without a status: see [`Inventory::assume_ready`].
    ///
    /// [`Inventory::assume_ready`]: super::Inventory::assume_ready
    pub assumed_ready: bool,
}

/// Id and name of a cache, in answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CacheName {
    /// `imc-…`, once ECI has assigned one.
    pub image_cache_id: Option<String>,
    /// Name of the object or the entry.
    pub name: String,
}

impl Cache {
    /// Creates a ready cache of 20 GiB with these images. The caller sets other fields.
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

    /// Reads an `ImageCache` object or an entry of a DescribeImageCaches reply. Only objects have `kind`, `metadata` or
    /// `spec`. Fields of the wrong type are reported and count as absent. Returns `None`, with a finding, for a value
    /// that is not an object or has neither an id nor a name.
    #[must_use]
    pub fn read(value: &Value, report: &mut Report<'_>) -> Option<Self> {
        Some(Self::read_at(value, &Path::Root, report)?.0)
    }

    /// Reads a cache. Also returns true if a fact of the cache could not be read, and counts as absent.
    pub(crate) fn read_at(
        value: &Value,
        path: &Path<'_>,
        report: &mut Report<'_>,
    ) -> Option<(Self, bool)> {
        let Some(view) = CacheView::of(value) else {
            let error = TypeError {
                expected: "an image cache",
                found: value,
            };
            report.add(Code::IC004, path, error, "The entry is skipped.");
            return None;
        };
        let before = report.count();
        view.report(path, report);
        let doubtful = report.count() > before;
        let images = images(&view);
        view.with_images_path(path, |path| report_images(&view, &images, path, report));
        let cache = Self::of(&view, images).map(|cache| (cache, doubtful));
        if cache.is_none() {
            let help = "The entry is skipped, because an answer could not name it.";
            report.add(Code::IC013, path, "neither an id nor a name", help);
        }
        cache
    }

    /// [`Cache::read`] without findings, for callers that show none.
    pub(crate) fn read_quietly(value: &Value) -> Option<Self> {
        let view = CacheView::of(value)?;
        Self::of(&view, images(&view))
    }

    fn of(view: &CacheView<'_>, images: Vec<Image>) -> Option<Self> {
        let (id, name) = (view.id(), view.name());
        if id.is_none() && name.is_none() {
            return None;
        }
        let owned = |text: Option<&str>| text.map(str::to_owned);
        // Objects without these annotations are built for the defaults; entries do not say.
        let assumed = |written: Option<&str>, default| match view.form {
            CacheForm::Object => Some(written.unwrap_or(default).to_owned()),
            CacheForm::Entry => None,
        };
        Some(Cache {
            id: owned(id),
            name: name.unwrap_or_default().to_owned(),
            images,
            size_gib: view.size_gib(),
            phase: view.phase().map(Phase::from),
            created: view.created(),
            updated: view.updated(),
            expires: expiry::end_of(view),
            last_matched: view.last_matched(),
            region: owned(view.region()),
            arch: assumed(view.arch(), DEFAULT_ARCH),
            os: assumed(view.os(), DEFAULT_OS),
            snapshot: owned(view.snapshot()),
            flash_snapshot: owned(view.flash_snapshot()),
            origin: match view.form {
                CacheForm::Object => CacheOrigin::Object,
                CacheForm::Entry => CacheOrigin::Reply,
            },
            conflict: None,
            assumed_ready: false,
        })
    }

    /// Reads every image again with facts from registries.
    pub fn apply(&mut self, facts: &ImageFacts) {
        for image in &mut self.images {
            *image = Image::read(image.text(), facts);
        }
    }

    /// Returns the cache with images that are compared as text.
    pub(super) fn with_images_as_text(&self) -> Self {
        Cache {
            images: self.images.iter().map(Image::as_text).collect(),
            ..self.clone()
        }
    }

    /// Returns id and name, for an answer.
    #[must_use]
    pub fn named(&self) -> CacheName {
        CacheName {
            image_cache_id: self.id.clone(),
            name: self.name.clone(),
        }
    }

    /// Returns the last criterion of the order of caches: id, then name. Caches without an id rank last.
    pub(super) fn last_resort(&self) -> (bool, Option<&str>, &str) {
        (self.id.is_none(), self.id.as_deref(), &self.name)
    }

    /// Merges several descriptions of one cache. An entry of the API takes precedence over objects, a newer description
    /// over an older one; the others fill absent fields. Their order does not matter.
    pub(super) fn merged(mut copies: Vec<Cache>) -> Option<Cache> {
        copies.sort_by(|a, b| {
            let (images_a, images_b) = (a.images.iter(), b.images.iter());
            let images = || images_a.map(Image::text).cmp(images_b.map(Image::text));
            a.weight().cmp(&b.weight()).then_with(images)
        });
        let mut last = copies.pop()?;
        let others = copies.iter().filter(|copy| last.contradicts(copy));
        last.conflict = others.map(|copy| &copy.name).min().cloned();
        Some(copies.into_iter().rev().fold(last, Cache::filled))
    }

    /// Reports whether another description of the cache has other images.
    pub(super) fn contradicts(&self, other: &Cache) -> bool {
        fn images(cache: &Cache) -> BTreeSet<String> {
            let mut full = BTreeSet::new();
            for image in &cache.images {
                full.insert(image.normalized().unwrap_or(image.text()).to_owned());
            }
            full
        }
        images(self) != images(other)
    }

    /// Returns the sentence on a conflict: another cache has the id and other images.
    pub(crate) fn conflict_message(&self) -> Option<String> {
        let other = self.conflict.as_deref()?;
        let id = Quoted(self.id.as_deref().unwrap_or_default());
        let (name, other) = (Quoted(&self.name), Quoted(other));
        Some(format!(
            "{id} is the id of the image caches {name} and {other}, which have different images: {name} is used"
        ))
    }

    /// Returns the precedence of a description: source and time, then every other fact, so that the order of several
    /// descriptions does not matter.
    fn weight(&self) -> impl Ord + '_ {
        let source = (self.origin, self.updated, self.created);
        let names = (&self.id, &self.name, &self.snapshot, &self.flash_snapshot);
        let state = (self.size_gib, &self.phase, self.expires, self.last_matched);
        (source, names, state, (&self.region, &self.arch, &self.os))
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

fn default_size() -> u64 {
    u64::try_from(resource::DEFAULT_SIZE_GIB).unwrap_or_default()
}

fn images(view: &CacheView<'_>) -> Vec<Image> {
    let written = view.images();
    let mut images = Vec::with_capacity(written.len());
    images.extend(written.iter().filter_map(Value::as_str).map(Image::new));
    images
}

/// Reports missing images, and images that are not references. `images` are those of the view that are strings.
fn report_images(view: &CacheView<'_>, images: &[Image], path: &Path<'_>, report: &mut Report<'_>) {
    if view.lacks_images() {
        let help = "The cache matches no pod; only its id can still be named.";
        report.add(Code::IC020, path, "no images", help);
    }
    let mut images = images.iter();
    for (index, image) in view.images().iter().enumerate() {
        let path = path.index(index);
        if !image.is_string() {
            let error = TypeError {
                expected: "a string",
                found: image,
            };
            let help = "The image is ignored; write its reference.";
            report.add(Code::IC016, &path, error, help);
            continue;
        };
        if let Some((image, fault)) = images
            .next()
            .and_then(|image| Some((image, image.fault()?)))
        {
            let help = "The image matches nothing; the others of this cache still do.";
            report.add(Code::IC023, &path, format_args!("`{image}`: {fault}"), help);
        }
    }
}
