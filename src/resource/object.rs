//! `ImageCache` and its parts as types.
//!
//! A round trip loses nothing: unknown fields are kept in `rest`, and absent fields stay absent. Values change only as
//! the API server changes them: `null` becomes absent, `25.0` becomes `25`, and `lastUpdateTime` becomes
//! `lastUpdatedTime`. Times stay text, so that one bad time in a status does not make a whole list unreadable; methods
//! parse them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};

use super::{API_VERSION, DEFAULT_SIZE_GIB, KIND, LIST_KIND, Phase};
use crate::time::Timestamp;
use crate::type_error::TypeError;

/// An image cache as Kubernetes stores it.
///
/// ```
/// use imagecache::resource::{ImageCache, Phase};
/// let cache: ImageCache = serde_json::from_value(serde_json::json!({
///     "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
///     "metadata": {"name": "base"},
///     "spec": {"images": ["nginx:1.27"]},
///     "status": {"phase": "Ready", "nextMove": "none"},
/// })).unwrap();
/// assert_eq!(cache.spec.size_gib(), 20);
/// assert_eq!(cache.phase(), Some(&Phase::Ready));
/// assert_eq!(serde_json::to_value(&cache).unwrap()["status"]["nextMove"], "none");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageCache {
    /// [`API_VERSION`]. Items of a list may lack it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// [`KIND`]. Items of a list may lack it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name, annotations and what the API server adds.
    pub metadata: Metadata,
    /// The desired cache.
    pub spec: Spec,
    /// The observed cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Unknown fields.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl ImageCache {
    /// Creates an object with this name and `spec`.
    #[must_use]
    pub fn new(name: &str, spec: Spec) -> Self {
        ImageCache {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(KIND.to_owned()),
            metadata: Metadata {
                name: Some(name.to_owned()),
                ..Metadata::default()
            },
            spec,
            status: None,
            rest: Map::new(),
        }
    }

    /// Returns `status.phase`.
    #[must_use]
    pub fn phase(&self) -> Option<&Phase> {
        self.status.as_ref()?.phase.as_ref()
    }
}

/// A list of image caches as the API server returns it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageCacheList {
    /// [`API_VERSION`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// [`LIST_KIND`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `resourceVersion`, `continue` and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// The caches.
    pub items: Vec<ImageCache>,
    /// Unknown fields.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl From<Vec<ImageCache>> for ImageCacheList {
    fn from(items: Vec<ImageCache>) -> Self {
        ImageCacheList {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(LIST_KIND.to_owned()),
            metadata: None,
            items,
            rest: Map::new(),
        }
    }
}

/// The fields of Kubernetes' ObjectMeta that this project reads; the others are kept in `rest`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Unique in the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Prefix of a name that the API server completes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate_name: Option<String>,
    /// Invalid on this cluster-scoped kind; kept so that validation can report it (IC012).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Identity over time: an object that is deleted and created again has another uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Opaque version of the stored object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
    /// Number of changes of `spec`, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Time at which the object was stored, RFC 3339; see [`Metadata::created`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// Time at which the deletion was requested, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<String>,
    /// Finalizers, which are removed before the object is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finalizers: Option<Vec<String>>,
    /// Labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations, see [`crate::resource::annotation`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Unknown fields.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Metadata {
    /// Returns the value of an annotation.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// Returns the time at which the object was stored; `None` before that, or when the text is not a time.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        time(self.creation_timestamp.as_deref())
    }
}

/// The desired cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// The images, 1 to [`super::MAX_IMAGES`].
    pub images: Vec<String>,
    /// Secrets of private registries, each `namespace:name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_secrets: Option<Vec<String>>,
    /// Size in GiB as written; see [`Spec::size_gib`].
    #[serde(
        default,
        deserialize_with = "optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub image_cache_size: Option<i64>,
    /// Days of 24 h until the cache expires; not set, the cache never expires.
    #[serde(
        default,
        deserialize_with = "optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub retention_days: Option<i64>,
    /// Unknown fields.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Spec {
    /// Returns the size in GiB: as written, or [`DEFAULT_SIZE_GIB`].
    #[must_use]
    pub fn size_gib(&self) -> i64 {
        self.image_cache_size.unwrap_or(DEFAULT_SIZE_GIB)
    }

    /// Returns the secrets, each `namespace:name`; none when absent.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        self.image_pull_secrets.as_deref().unwrap_or_default()
    }
}

/// The observed cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct Status {
    /// Phase of the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Percentage with sign: `100%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// Id of the cache in ECI, `imc-…`, for annotations of pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_cache_id: Option<String>,
    /// Start of the creation, RFC 3339; see [`Status::started`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// Time of the last change, RFC 3339; see [`Status::updated`]. Also read from `lastUpdateTime`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_time: Option<String>,
    /// Time at which the cache expires, RFC 3339; see [`Status::expires`] and [`crate::expiry`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_date_time: Option<String>,
    /// Events of the creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<CacheEvent>>,
    /// Unknown fields.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Status {
    /// Returns the progress as a number, 0 to 100.
    #[must_use]
    pub fn percent(&self) -> Option<u8> {
        percent(self.progress.as_deref()?)
    }

    /// Returns the time at which ECI began to create the cache.
    #[must_use]
    pub fn started(&self) -> Option<Timestamp> {
        time(self.start_time.as_deref())
    }

    /// Returns the time of the last change.
    #[must_use]
    pub fn updated(&self) -> Option<Timestamp> {
        time(self.last_updated_time.as_deref())
    }

    /// Returns the time at which the cache expires, as the cluster recorded it.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        time(self.expire_date_time.as_deref())
    }
}

/// Parses `45%` as 45. Returns `None` for text that is not a percentage from 0 to 100.
pub(crate) fn percent(text: &str) -> Option<u8> {
    let percent = text.trim_end_matches('%').parse().ok();
    percent.filter(|percent| *percent <= 100)
}

// One status may have both spellings, which a serde alias would report as a duplicate field.
impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        if let Some(old) = fields.remove("lastUpdateTime") {
            let new = fields.entry("lastUpdatedTime").or_insert(Value::Null);
            if new.is_null() {
                *new = old;
            }
        }
        Status::deserialize(Value::Object(fields)).map_err(D::Error::custom)
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Status::serialize(self, serializer)
    }
}

/// An event of the creation of a cache: a core/v1 Event, mostly empty, whose name is an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheEvent {
    /// `Normal` or `Warning`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Reason, one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Message: `Success pull image …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Number of occurrences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// First occurrence, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_timestamp: Option<String>,
    /// Last occurrence, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_timestamp: Option<String>,
    /// Unknown fields.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl CacheEvent {
    /// Returns the image of the event: its `metadata.name`.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        self.rest.get("metadata")?.get("name")?.as_str()
    }
}

fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// Reads a whole number as the API server does: `25` and `25.0`, within ±2^53.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| {
        let number = value
            .as_f64()
            .filter(|n| n.fract() == 0.0 && n.abs() <= EXACT)?;
        let whole = i64::try_from(whole_part(number.abs())).ok()?;
        Some(if number < 0.0 { -whole } else { whole })
    })
}

/// Returns the whole part of a number that is not negative, from its bits: a cast would saturate silently.
pub(crate) fn whole_part(number: f64) -> u64 {
    let bits = number.to_bits();
    let (exponent, fraction) = (bits >> 52, bits & ((1 << 52) - 1));
    let mantissa = fraction | (1 << 52);
    match exponent {
        0..1023 => 0,
        1023..1075 => mantissa >> (1075 - exponent),
        1075..1087 => mantissa << (exponent - 1075),
        _ => u64::MAX,
    }
}

fn optional_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value => match whole(&value) {
            Some(number) => Ok(Some(number)),
            None => Err(D::Error::custom(TypeError {
                expected: "a whole number",
                found: &value,
            })),
        },
    }
}
