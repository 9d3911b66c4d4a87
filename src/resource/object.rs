//! `ImageCache` and its parts as types.
//!
//! Reading and writing again loses nothing: fields that are not known here are kept in `rest`, absent stays absent.
//! Only what the API server itself does happens on the way: `null` means absent, `25.0` is `25`, and
//! `lastUpdateTime` becomes `lastUpdatedTime`. Times stay the text they were, so that one bad time in a status does
//! not make a whole list unreadable; the methods read them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};

use super::{API_VERSION, DEFAULT_SIZE_GIB, KIND, LIST_KIND, Phase};
use crate::time::Timestamp;

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
    /// What is wanted.
    pub spec: Spec,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl ImageCache {
    /// A new object of this name that wants `spec`.
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

    /// `status.phase`.
    #[must_use]
    pub fn phase(&self) -> Option<&Phase> {
        self.status.as_ref()?.phase.as_ref()
    }
}

/// A list of image caches as the API server answers it.
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
    /// Fields that are not known here.
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

/// The part of Kubernetes' ObjectMeta that concerns this project; the rest is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Unique in the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Begin of a name that the API server completes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate_name: Option<String>,
    /// Never set on an object of the cluster's scope; kept to be judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Identity over time: a deleted and made-again object has another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Opaque version of the stored object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
    /// Counts changes of `spec`, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// When the object was stored, RFC 3339; see [`Metadata::created`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// When deletion was asked for, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<String>,
    /// Who must agree before the object goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finalizers: Option<Vec<String>>,
    /// Labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations, see [`crate::annotation`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Metadata {
    /// The value of one annotation.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// When the object was stored; `None` before that, or when the text is no time.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        time(self.creation_timestamp.as_deref())
    }
}

/// What is wanted.
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
    /// Days of 24 h until the cache is removed; absent means never.
    #[serde(
        default,
        deserialize_with = "optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub retention_days: Option<i64>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Spec {
    /// Size in GiB: as written, or [`DEFAULT_SIZE_GIB`].
    #[must_use]
    pub fn size_gib(&self) -> i64 {
        self.image_cache_size.unwrap_or(DEFAULT_SIZE_GIB)
    }

    /// The secrets, each `namespace:name`; none when absent.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        self.image_pull_secrets.as_deref().unwrap_or_default()
    }
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct Status {
    /// How far the cache is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Percentage with sign: `100%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// Id of the cache in ECI, `imc-…`: the one for annotations of pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_cache_id: Option<String>,
    /// When ECI began to make it, RFC 3339; see [`Status::started`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// When it last changed, RFC 3339; see [`Status::updated`]. Read as `lastUpdateTime` too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_time: Option<String>,
    /// When it ends, RFC 3339; see [`Status::expires`] and [`crate::expiry`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_date_time: Option<String>,
    /// What happened while it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<CacheEvent>>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Status {
    /// The progress as a number, 0 to 100.
    #[must_use]
    pub fn percent(&self) -> Option<u8> {
        percent(self.progress.as_deref()?)
    }

    /// When ECI began to make the cache.
    #[must_use]
    pub fn started(&self) -> Option<Timestamp> {
        time(self.start_time.as_deref())
    }

    /// When the cache last changed.
    #[must_use]
    pub fn updated(&self) -> Option<Timestamp> {
        time(self.last_updated_time.as_deref())
    }

    /// When the cache ends, as the cluster recorded it.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        time(self.expire_date_time.as_deref())
    }
}

/// `45%` as 45; `None` for what is no percentage from 0 to 100.
pub(crate) fn percent(text: &str) -> Option<u8> {
    let percent = text.trim_end_matches('%').parse().ok();
    percent.filter(|percent| *percent <= 100)
}

// Both spellings may stand in one status, which a serde alias would call a duplicate field.
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

/// Something that happened while a cache was made: a core/v1 Event, mostly empty, whose name is an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheEvent {
    /// `Normal` or `Warning`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// One word on why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What happened: `Success pull image …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// The first time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_timestamp: Option<String>,
    /// The last time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_timestamp: Option<String>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl CacheEvent {
    /// The image that the event is about: its `metadata.name`.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        self.rest.get("metadata")?.get("name")?.as_str()
    }
}

fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// A whole number as the API server reads one: `25` and `25.0`, within ±2^53.
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

/// The whole part of a number of 0 and up, from its bits: a cast would wrap or saturate in silence.
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
            None => Err(D::Error::custom(format!("`{value}` is no whole number"))),
        },
    }
}
