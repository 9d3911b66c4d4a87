//! The facts that decide when a cache expires.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::end;
use crate::diagnostic::{Code, Diagnostic, Levels, Quoted, Report};
use crate::path::Path;
use crate::resource::another_product;
use crate::resource::view::{CacheForm, CacheView};
use crate::resource::walk::{Met, Opens, Pages, Visitor, WalkFault, walk};
use crate::resource::{AUTO_NAME_PREFIX, ImageCache, Phase, whole};
use crate::time::Timestamp;

/// The retention that a cache asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Retention {
    /// Unknown: replies of the ECI API do not repeat it.
    #[default]
    Unknown,
    /// No end: an object without `spec.retentionDays`.
    Forever,
    /// This number of days of 24 h.
    Days(i64),
    /// A value that is not a whole number.
    Unreadable,
}

/// The source of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum ExpirySource {
    /// An `ImageCache` object.
    #[default]
    Object,
    /// An entry of a DescribeImageCaches reply.
    Entry,
}

/// The facts that decide when one cache expires. Missing and unreadable facts are `None`.
///
/// ```
/// use imagecache::expiry::{ExpiryFacts, Retention};
/// let facts = ExpiryFacts::read(&serde_json::json!({
///     "kind": "ImageCache", "metadata": {"name": "base"}, "spec": {"images": ["nginx:1.27"], "retentionDays": 7},
/// }));
/// assert_eq!(facts.retention, Retention::Days(7));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub struct ExpiryFacts {
    /// Source of the facts.
    pub origin: ExpirySource,
    /// Name of the object or entry.
    pub name: Option<String>,
    /// Id in ECI, `imc-…`.
    pub image_cache_id: Option<String>,
    /// Phase.
    pub phase: Option<Phase>,
    /// Retention.
    pub retention: Retention,
    /// True for a cache that ECI created itself for a container group that matched no cache. Derived from the name
    /// ([`AUTO_NAME_PREFIX`]); callers that know more may set it.
    pub automatic: bool,
    /// Creation time (`metadata.creationTimestamp`, `CreationTime`).
    pub created: Option<Timestamp>,
    /// Start of the creation (`status.startTime`); objects only.
    pub started: Option<Timestamp>,
    /// Time of the last change of the status (`status.lastUpdatedTime`, or the older `lastUpdateTime`); objects only.
    pub updated: Option<Timestamp>,
    /// Time of the newest warning (`events` of type `Warning`).
    pub warned: Option<Timestamp>,
    /// Time of the last use by a container group (`LastMatchedTime`); entries only.
    pub last_matched: Option<Timestamp>,
    /// Recorded time of expiry (`status.expireDateTime`, `ExpireDateTime`).
    pub recorded: Option<Timestamp>,
    /// Name of the first of these times that is written but cannot be read: `creationTimestamp`.
    pub unreadable: Option<&'static str>,
}

impl ExpiryFacts {
    /// Reads an `ImageCache` object or an entry of a DescribeImageCaches reply. Only objects have `kind`, `metadata` or
    /// `spec`.
    #[must_use]
    pub fn read(value: &Value) -> Self {
        CacheView::of(value).map_or_else(Self::default, |view| Self::of(&view))
    }

    fn of(view: &CacheView<'_>) -> Self {
        ExpiryFacts {
            name: view.name().map(str::to_owned),
            image_cache_id: view.id().map(str::to_owned),
            warned: view.warned(),
            unreadable: view.unreadable_time(),
            ..Self::unnamed(view)
        }
    }

    /// Reads the facts that decide the end of the cache, without an allocation.
    pub(super) fn unnamed(view: &CacheView<'_>) -> Self {
        let phase = view.phase().map(Phase::from);
        // Only a failure without a last change is dated by the events, which are many.
        let dated = phase != Some(Phase::Failed) || view.updated().is_some();
        ExpiryFacts {
            origin: match view.form {
                CacheForm::Object => ExpirySource::Object,
                CacheForm::Entry => ExpirySource::Entry,
            },
            name: None,
            image_cache_id: None,
            phase,
            retention: match (view.retention_days(), view.form) {
                (Some(days), _) => whole(days).map_or(Retention::Unreadable, Retention::Days),
                (None, CacheForm::Object) => Retention::Forever,
                (None, CacheForm::Entry) => Retention::Unknown,
            },
            automatic: view
                .name()
                .is_some_and(|name| name.starts_with(AUTO_NAME_PREFIX)),
            created: view.created(),
            started: view.started(),
            updated: view.updated(),
            warned: if dated { None } else { view.warned() },
            last_matched: view.last_matched(),
            recorded: view.expires(),
            unreadable: None,
        }
    }
}

impl From<&ImageCache> for ExpiryFacts {
    fn from(cache: &ImageCache) -> Self {
        serde_json::to_value(cache).map_or_else(|_| Self::default(), |value| Self::read(&value))
    }
}

/// Reads the caches of a document: an `ImageCache`, a list of them, a DescribeImageCaches reply, one of its entries, a
/// printed SDK answer that holds the reply in `body`, and arrays of all of these. Other objects are left out.
///
/// ```
/// use imagecache::expiry::facts;
/// let reply = serde_json::json!({"ImageCaches": [{"ImageCacheId": "imc-1"}, {"ImageCacheId": "imc-2"}]});
/// assert_eq!(facts(&reply).len(), 2);
/// ```
#[must_use]
pub fn facts(document: &Value) -> Vec<ExpiryFacts> {
    let levels = Levels::default();
    let mut caches = ExpiryInventory::default();
    caches.add(document, &mut Report::new(&levels));
    caches.caches
}

/// The caches of documents, in document order, and what else the documents have.
///
/// ```
/// use imagecache::diagnostic::{Levels, Report};
/// use imagecache::expiry::ExpiryInventory;
/// let object = serde_json::json!({"kind": "ImageCache", "metadata": {"name": "a", "creationTimestamp": "yesterday"}});
/// let levels = Levels::default();
/// let mut report = Report::new(&levels);
/// let mut inventory = ExpiryInventory::default();
/// inventory.add(&object, &mut report);
/// assert_eq!((inventory.caches.len(), inventory.unread), (1, 1));
/// assert_eq!(report.finish()[0].path, "metadata.creationTimestamp");
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ExpiryInventory {
    /// The facts of each cache, as [`facts`] returns them.
    pub caches: Vec<ExpiryFacts>,
    /// The number of other objects.
    pub others: usize,
    /// The number of lists and replies without items.
    pub empty_lists: usize,
    /// The number of caches, list items and lists of which a part could not be read. Every one of them is reported. An
    /// answer about the inventory is not complete if there is one.
    pub unread: usize,
    pages: Pages,
}

impl ExpiryInventory {
    /// Returns a sentence for each list or reply whose last page is not in the inventory: see
    /// [`Inventory::missing_pages`](crate::matching::Inventory::missing_pages). An answer is not complete if there is one.
    #[must_use]
    pub fn missing_pages(&self) -> Vec<String> {
        self.pages.sentences()
    }

    /// Adds the caches of a document. Reports facts that cannot be read, items that are not objects, and lists nested
    /// deeper than [`MAX_NESTING`](super::MAX_NESTING).
    pub fn add(&mut self, document: &Value, report: &mut Report<'_>) {
        let inventory = self;
        walk(
            document,
            Opens::Everything,
            &mut Collector { inventory, report },
        );
    }

    /// Adds the caches of another inventory, after those of this one.
    pub fn append(&mut self, other: ExpiryInventory) {
        self.caches.extend(other.caches);
        self.others = self.others.saturating_add(other.others);
        self.empty_lists = self.empty_lists.saturating_add(other.empty_lists);
        self.unread = self.unread.saturating_add(other.unread);
        self.pages.append(other.pages);
    }

    /// Returns a finding ([`Code::IC083`]) for each id that two `ImageCache` objects have which end at different times.
    #[must_use]
    pub fn conflicts(&self) -> Vec<Diagnostic> {
        let objects = self
            .caches
            .iter()
            .filter(|cache| cache.origin == ExpirySource::Object);
        let mut first: BTreeMap<&str, &ExpiryFacts> = BTreeMap::new();
        let mut reported = BTreeSet::new();
        let mut report = Report::new(&Levels::DEFAULT);
        for cache in objects {
            let Some(id) = cache.image_cache_id.as_deref() else {
                continue;
            };
            let other = *first.entry(id).or_insert(cache);
            if end(other) != end(cache) && reported.insert(id) {
                let name = |cache: &ExpiryFacts| cache.name.clone().unwrap_or_default();
                let message = different_ends(id, &name(other), &name(cache));
                report.add(Code::IC083, &Path::Root, message, "");
            }
        }
        report.finish()
    }
}

fn different_ends(id: &str, name: &str, other: &str) -> String {
    let (id, name, other) = (Quoted(id), Quoted(name), Quoted(other));
    format!("{id} is the id of the image caches {name} and {other}, which end at different times")
}

struct Collector<'i, 'r, 'd> {
    inventory: &'i mut ExpiryInventory,
    report: &'r mut Report<'d>,
}

impl Visitor for Collector<'_, '_, '_> {
    fn object(&mut self, met: &Met<'_>) {
        if met.is_cache_of_another_product() {
            another_product(met.meta.group(), met.path, self.report);
        }
        if !met.is_cache() {
            self.inventory.others += 1;
            return;
        }
        let before = self.report.count();
        met.check_cache_type(self.report);
        if let Some(view) = CacheView::of(met.value) {
            view.report_end(met.path, self.report);
            self.inventory.caches.push(ExpiryFacts::of(&view));
        }
        self.inventory.unread += usize::from(self.report.count() > before);
    }

    fn page(&mut self, kind: &str, has_next: bool) {
        self.inventory.pages.add(kind, has_next);
    }

    fn empty_list(&mut self) {
        self.inventory.empty_lists += 1;
    }

    fn fault(&mut self, fault: WalkFault<'_>, path: &Path<'_>, _: bool) {
        // An empty document is null.
        let null = matches!(fault, WalkFault::NotAnObject { found, .. } if found.is_null());
        if !(null && matches!(path, Path::Root)) {
            self.inventory.unread += 1;
            fault.report(path, self.report);
        }
    }
}
