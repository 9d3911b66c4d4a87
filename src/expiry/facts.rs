//! The facts that decide when a cache expires.

use serde_json::Value;

use crate::diagnostic::{Levels, Report};
use crate::path::Path;
use crate::resource::view::{CacheForm, CacheView};
use crate::resource::walk::{Met, Opens, Visitor, WalkFault, walk};
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
    reported_facts(document, &mut Report::new(&levels))
}

/// Reads the caches of a document as [`facts`] does, and reports what cannot be opened: items that are not objects, and
/// lists nested deeper than [`MAX_NESTING`](super::MAX_NESTING).
#[must_use]
pub fn reported_facts(document: &Value, report: &mut Report<'_>) -> Vec<ExpiryFacts> {
    let mut collector = Collector {
        found: Vec::new(),
        report,
    };
    walk(document, Opens::Everything, &mut collector);
    collector.found
}

struct Collector<'r, 'd> {
    found: Vec<ExpiryFacts>,
    report: &'r mut Report<'d>,
}

impl Visitor for Collector<'_, '_> {
    fn object(&mut self, met: &Met<'_>) {
        if met.is_cache() {
            self.found.push(ExpiryFacts::read(met.value));
        }
    }

    fn fault(&mut self, fault: WalkFault<'_>, path: &Path<'_>, _: bool) {
        fault.report(path, self.report);
    }
}
