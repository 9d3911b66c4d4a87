//! What the rules need to know of a cache, and where it is read.

use serde_json::{Map, Value};

use crate::resource::{AUTO_NAME_PREFIX, GROUP, ImageCache, KIND, LIST_KIND, Phase, whole};
use crate::time::Timestamp;

/// Lists within lists are followed so deep; real ones nest twice (an array of lists).
pub const MAX_NESTING: usize = 8;

/// How long a cache was asked to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Retention {
    /// Not told: replies of the ECI API do not repeat it.
    #[default]
    Unknown,
    /// Told to be forever: an object without `spec.retentionDays`.
    Forever,
    /// So many days of 24 h.
    Days(i64),
    /// Told, but no whole number.
    Unreadable,
}

impl Retention {
    /// Reads the value of `retentionDays`.
    fn read(value: &Value) -> Self {
        match whole(value) {
            Some(days) => Retention::Days(days),
            None if value.is_null() => Retention::Forever,
            None => Retention::Unreadable,
        }
    }
}

/// Where facts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ExpirySource {
    /// An `ImageCache` object.
    #[default]
    Object,
    /// An entry of a DescribeImageCaches reply.
    Entry,
}

/// What the rules need to know of one cache. Whatever is missing or unreadable is `None`.
///
/// ```
/// use imagecache::expiry::{ExpiryFacts, Retention};
/// let facts = ExpiryFacts::read(&serde_json::json!({
///     "kind": "ImageCache", "metadata": {"name": "base"}, "spec": {"images": ["nginx:1.27"], "retentionDays": 7},
/// }));
/// assert_eq!(facts.retention, Retention::Days(7));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ExpiryFacts {
    /// Where the facts come from.
    pub origin: ExpirySource,
    /// Name of the object or entry.
    pub name: Option<String>,
    /// Id in ECI, `imc-…`.
    pub image_cache_id: Option<String>,
    /// How far the cache is.
    pub phase: Option<Phase>,
    /// How long it is to be kept.
    pub retention: Retention,
    /// Made by ECI itself for a container group that matched no cache. Read off the name ([`AUTO_NAME_PREFIX`]);
    /// set it where more is known.
    pub automatic: bool,
    /// When it was created (`metadata.creationTimestamp`, `CreationTime`).
    pub created: Option<Timestamp>,
    /// When ECI began to make it (`status.startTime`); objects only.
    pub started: Option<Timestamp>,
    /// When its status last changed (`status.lastUpdatedTime`, or the older `lastUpdateTime`); objects only.
    pub updated: Option<Timestamp>,
    /// The newest of its warnings (`events` of type `Warning`).
    pub warned: Option<Timestamp>,
    /// When a container group last used it (`LastMatchedTime`); entries only.
    pub last_matched: Option<Timestamp>,
    /// When it ends, as recorded (`status.expireDateTime`, `ExpireDateTime`).
    pub recorded: Option<Timestamp>,
}

impl ExpiryFacts {
    /// Reads an `ImageCache` object or an entry of a DescribeImageCaches reply, told apart by `kind`, `metadata` and
    /// `spec`, which only objects have.
    #[must_use]
    pub fn read(value: &Value) -> Self {
        let object = ["kind", "metadata", "spec"];
        if object.iter().any(|key| value.get(key).is_some()) {
            Self::of_object(value)
        } else {
            Self::of_entry(value)
        }
    }

    fn of_object(object: &Value) -> Self {
        let part = |key: &str| object.get(key).unwrap_or(&Value::Null);
        let (metadata, spec, status) = (part("metadata"), part("spec"), part("status"));
        ExpiryFacts {
            origin: ExpirySource::Object,
            image_cache_id: text(status, "imageCacheId"),
            phase: status.get("phase").and_then(Value::as_str).map(Phase::from),
            retention: Retention::read(spec.get("retentionDays").unwrap_or(&Value::Null)),
            created: time(metadata, "creationTimestamp"),
            started: time(status, "startTime"),
            updated: time(status, "lastUpdatedTime").or_else(|| time(status, "lastUpdateTime")),
            warned: warned(status, ["events", "type", "lastTimestamp"]),
            last_matched: None,
            recorded: time(status, "expireDateTime"),
            ..Self::named(text(metadata, "name"))
        }
    }

    fn of_entry(entry: &Value) -> Self {
        ExpiryFacts {
            origin: ExpirySource::Entry,
            image_cache_id: text(entry, "ImageCacheId"),
            phase: field(entry, "Status")
                .and_then(Value::as_str)
                .map(Phase::from),
            retention: field(entry, "RetentionDays").map_or(Retention::Unknown, Retention::read),
            created: time(entry, "CreationTime"),
            warned: warned(entry, ["Events", "Type", "LastTimestamp"]),
            last_matched: time(entry, "LastMatchedTime"),
            recorded: time(entry, "ExpireDateTime"),
            ..Self::named(text(entry, "ImageCacheName"))
        }
    }

    fn named(name: Option<String>) -> Self {
        ExpiryFacts {
            automatic: name
                .as_deref()
                .is_some_and(|name| name.starts_with(AUTO_NAME_PREFIX)),
            name,
            ..ExpiryFacts::default()
        }
    }
}

impl From<&ImageCache> for ExpiryFacts {
    fn from(cache: &ImageCache) -> Self {
        let status = cache.status.as_ref();
        let events = status
            .and_then(|status| status.events.as_deref())
            .unwrap_or_default();
        ExpiryFacts {
            image_cache_id: status
                .and_then(|status| status.image_cache_id.clone())
                .filter(|id| !id.is_empty()),
            phase: cache.phase().cloned(),
            retention: cache
                .spec
                .retention_days
                .map_or(Retention::Forever, Retention::Days),
            created: cache.metadata.created(),
            started: status.and_then(|status| status.started()),
            updated: status.and_then(|status| status.updated()),
            warned: events
                .iter()
                .filter(|event| event.kind.as_deref() == Some("Warning"))
                .filter_map(|event| event.last_timestamp.as_deref()?.parse().ok())
                .max(),
            recorded: status.and_then(|status| status.expires()),
            ..Self::named(cache.metadata.name.clone().filter(|name| !name.is_empty()))
        }
    }
}

/// The caches of a document: an `ImageCache`, a list of them, a DescribeImageCaches reply, one of its entries, a
/// printed SDK answer that holds the reply in `body`, and arrays of all of these. Anything else is passed over, and
/// so are lists nested deeper than [`MAX_NESTING`].
///
/// ```
/// use imagecache::expiry::facts;
/// let reply = serde_json::json!({"ImageCaches": [{"ImageCacheId": "imc-1"}, {"ImageCacheId": "imc-2"}]});
/// assert_eq!(facts(&reply).len(), 2);
/// ```
#[must_use]
pub fn facts(document: &Value) -> Vec<ExpiryFacts> {
    let mut found = Vec::new();
    collect(document, None, &mut found, 0);
    found
}

fn collect(value: &Value, list_kind: Option<&str>, found: &mut Vec<ExpiryFacts>, depth: usize) {
    if depth > MAX_NESTING {
        return;
    }
    if let Value::Array(items) = value {
        for item in items {
            collect(item, list_kind, found, depth + 1);
        }
    }
    let Value::Object(members) = value else {
        return;
    };
    let kind = members.get("kind").and_then(Value::as_str);
    if let Some(items) = members.get("items") {
        collect(items, kind, found, depth + 1);
    } else if let Some(entries) = field(value, "ImageCaches") {
        collect(entries, None, found, depth + 1);
    } else if is_object(members, kind, list_kind) || (kind.is_none() && is_entry(value)) {
        found.push(ExpiryFacts::read(value));
    } else if let Some(body) = members.get("body") {
        collect(body, None, found, depth + 1);
    }
}

/// `ImageCache` is a kind of other API groups too; an item of a list need not repeat its kind.
fn is_object(members: &Map<String, Value>, kind: Option<&str>, list_kind: Option<&str>) -> bool {
    let version = members.get("apiVersion").and_then(Value::as_str);
    let ours = version.is_none_or(|version| version.split('/').next() == Some(GROUP));
    ours && (kind == Some(KIND) || (kind.is_none() && list_kind == Some(LIST_KIND)))
}

fn is_entry(value: &Value) -> bool {
    field(value, "ImageCacheId")
        .or(field(value, "ImageCacheName"))
        .is_some()
}

/// A field of an API reply: as the service writes it (`CreationTime`), or as typed clients print it (`creationTime`).
fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).or_else(|| {
        let mut letters = name.chars();
        let first = letters.next()?.to_ascii_lowercase();
        value.get(format!("{first}{}", letters.as_str()))
    })
}

fn text(value: &Value, name: &str) -> Option<String> {
    let text = field(value, name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn time(value: &Value, name: &str) -> Option<Timestamp> {
    field(value, name)?.as_str()?.parse().ok()
}

fn warned(value: &Value, [events, kind, last]: [&str; 3]) -> Option<Timestamp> {
    field(value, events)?
        .as_array()?
        .iter()
        .filter(|event| field(event, kind).and_then(Value::as_str) == Some("Warning"))
        .filter_map(|event| time(event, last))
        .max()
}
