//! A cache as matching sees it, from an `ImageCache` object or from an entry of a DescribeImageCaches reply.

use serde::Serialize;
use serde_json::Value;

use super::image::{Image, ImageFacts};
use super::rules::{DEFAULT_ARCH, DEFAULT_OS};
use crate::diagnostic::{Code, Report};
use crate::expiry;
use crate::path::Path;
use crate::resource::view::{CacheForm, CacheView};
use crate::resource::{self, Phase};
use crate::time::Timestamp;
use crate::type_error::TypeError;

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

    /// Reads an `ImageCache` object or an entry of a DescribeImageCaches reply. Only objects have `kind`, `metadata` or
    /// `spec`. Fields of the wrong type are reported and count as absent. Returns `None`, with a finding, for a value
    /// that is not an object or has neither an id nor a name.
    #[must_use]
    pub fn read(value: &Value, report: &mut Report<'_>) -> Option<Self> {
        Self::read_at(value, &Path::Root, report)
    }

    pub(super) fn read_at(value: &Value, path: &Path<'_>, report: &mut Report<'_>) -> Option<Self> {
        let Some(view) = CacheView::of(value) else {
            let error = TypeError {
                expected: "an image cache",
                found: value,
            };
            report.add(Code::IC004, path, error, "The entry is skipped.");
            return None;
        };
        view.report(path, report);
        let images = images(&view);
        view.with_images_path(path, |path| report_images(&view, &images, path, report));
        let cache = Self::of(&view, images);
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
        })
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
