//! An `ImageCache` object on its way to ECI, and ECI's answer on its way back into the object's status.
//!
//! | in the object | in the call |
//! |---|---|
//! | `metadata.name` | `ImageCacheName` |
//! | `spec.images`, `spec.imageCacheSize`, `spec.retentionDays` | `Image.N`, `ImageCacheSize`, `RetentionDays` |
//! | `spec.imagePullSecrets` | `ImageRegistryCredential.N`, those that an image needs |
//! | `vswitch-ids`, `security-group-id`, `resource-group-id`, else the profile's | `VSwitchId`, `SecurityGroupId`, `ResourceGroupId` |
//! | `imc-enable-reuse` (old: `auto-match-imagecache`) | `AutoMatchImageCache`, which means layer reuse here |
//! | `imc-enable-flash` | `Flash` |
//! | `acr-instance-ids`, `acr-service-arns`, `acr-user-arns` | `AcrRegistryInfo.N.InstanceId`, `.RegionId`, `.ArnService`, `.ArnUser` |
//! | `plain-http-registry`, `insecure-registry` | `PlainHttpRegistry`, `InsecureRegistry`, at creation only |
//! | `imc-os-type`, unless `linux` | `OsType`, at creation only |
//! | `imc-cpu-arch`, unless `amd64` | `Annotations`, as JSON under its own name: the API has no parameter for it |
//! | [`annotation::ELIMINATION_STRATEGY`] | `EliminationStrategy` |
//! | `metadata.uid`, `metadata.generation` | `ClientToken` |
//!
//! Annotations that are not in this table have no effect.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::encoding::hex;
use super::login::{RegistryLogin, credentials_for};
use super::reply::{EventEntry, ImageCacheEntry};
use super::request::{
    AcrRegistryInfo, CreateImageCache, MAX_ACR_REGISTRIES, MAX_IMAGES, MAX_REGISTRY_CREDENTIALS,
    UpdateImageCache,
};
use crate::resource::annotation;
use crate::resource::{ImageCache, MAX_EVENTS, Status};
use crate::time::Timestamp;

/// What holds for every cache of a cluster that does not say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CallDefaults {
    /// vSwitches of the builder, comma separated.
    pub vswitch_ids: Option<String>,
    /// Security group of the builder.
    pub security_group_id: Option<String>,
    /// Resource group.
    pub resource_group_id: Option<String>,
}

impl CallDefaults {
    /// Reads the `data` of the ConfigMap `kube-system/eci-profile`. Empty values are absent ones.
    ///
    /// ```
    /// use imagecache::eci::object::CallDefaults;
    /// let profile = serde_json::json!({"vSwitchIds": "vsw-a,vsw-b", "securityGroupId": "sg-a", "resourceGroupId": ""});
    /// let defaults = CallDefaults::from_profile(&profile);
    /// assert_eq!(defaults.vswitch_ids.as_deref(), Some("vsw-a,vsw-b"));
    /// assert_eq!(defaults.resource_group_id, None);
    /// ```
    #[must_use]
    pub fn from_profile(data: &Value) -> Self {
        let text = |key: &str| {
            let text = data.get(key)?.as_str()?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        CallDefaults {
            vswitch_ids: text("vSwitchIds"),
            security_group_id: text("securityGroupId"),
            resource_group_id: text("resourceGroupId"),
        }
    }
}

/// What a call needs besides the object.
#[derive(Debug, Clone, Copy)]
pub struct CallContext<'a> {
    /// The region of the cluster.
    pub region_id: &'a str,
    /// For what the object does not say.
    pub defaults: &'a CallDefaults,
    /// The logins of the object's secrets, in the order of the secrets.
    pub logins: &'a [RegistryLogin],
    /// Which attempt this is, from 0: it goes into the `ClientToken`. Raise it only when an earlier attempt is known
    /// to have ended (its cache failed, or the token was refused because an annotation or a password has changed).
    pub attempt: u32,
}

/// An object that cannot be put into a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {fact}")]
#[non_exhaustive]
pub struct Unfit {
    /// Where in the object.
    pub path: String,
    /// What is wrong, and the limit.
    pub fact: String,
}

pub(super) fn unfit(path: impl Into<String>, fact: impl Into<String>) -> Unfit {
    Unfit {
        path: path.into(),
        fact: fact.into(),
    }
}

/// The `ClientToken` of an attempt: the same text for the same attempt at the same generation of the same object, so
/// that a repeated call has no second effect. At most 64 ASCII characters, as the API wants.
///
/// ```
/// use imagecache::eci::object::client_token;
/// let uid = "e83a1c53-f663-11e9-a0d4-fa13fc175b32";
/// assert_eq!(client_token(uid, 2, "create", 0), "e83a1c53-f663-11e9-a0d4-fa13fc175b32.2.create.0");
/// assert_eq!(client_token(&uid.repeat(2), 2, "create", 0).len(), 64);
/// ```
#[must_use]
pub fn client_token(uid: &str, generation: i64, verb: &str, attempt: u32) -> String {
    let token = format!("{uid}.{generation}.{verb}.{attempt}");
    if token.len() <= 64 && token.is_ascii() {
        token
    } else {
        hex(&Sha256::digest(token.as_bytes()))
    }
}

/// The call that makes the cache of an object. What the object and the defaults do not say is left to ECI. Without a
/// `metadata.uid` (an object that is in no cluster) the call has no `ClientToken`.
///
/// ```
/// use imagecache::eci::object::{CallContext, CallDefaults, create};
/// use imagecache::resource::{ImageCache, Spec};
/// let mut cache = ImageCache::new("base", Spec { images: vec!["nginx:1.27".into()], ..Default::default() });
/// cache.metadata.annotations = Some([("k8s.aliyun.com/imc-enable-flash".into(), "true".into())].into());
/// let context = CallContext { region_id: "cn-hangzhou", defaults: &CallDefaults::default(), logins: &[], attempt: 0 };
/// let call = create(&cache, &context).unwrap();
/// assert_eq!((call.image_cache_name.as_str(), call.flash), ("base", Some(true)));
/// ```
///
/// # Errors
/// When a value cannot be sent: no name, no image or too many, a number beyond 32 bits, an annotation of the wrong
/// form, too many logins. Everything else is validated by [`crate::validate`].
pub fn create(cache: &ImageCache, context: &CallContext<'_>) -> Result<CreateImageCache, Unfit> {
    let parts = Parts::of(cache, context)?;
    let os = cache.metadata.annotation(annotation::OS_TYPE);
    let arch = cache.metadata.annotation(annotation::CPU_ARCH);
    let list = |name: &str| cache.metadata.annotation(name).and_then(comma_list);
    Ok(CreateImageCache {
        region_id: context.region_id.to_owned(),
        image_cache_name: parts.name,
        security_group_id: parts.security_group_id,
        vswitch_id: parts.vswitch_id,
        resource_group_id: parts.resource_group_id,
        image_cache_size: parts.size,
        retention_days: parts.retention,
        reuse_layers: parts.reuse,
        flash: parts.flash,
        elimination_strategy: parts.elimination,
        client_token: token(cache, "create", context.attempt),
        annotations: arch
            .filter(|arch| *arch != "amd64")
            .map(|arch| json!({ annotation::CPU_ARCH: arch }).to_string()),
        plain_http_registry: list(annotation::PLAIN_HTTP_REGISTRY),
        insecure_registry: list(annotation::INSECURE_REGISTRY),
        os_type: os.filter(|os| *os != "linux").map(str::to_owned),
        image: cache.spec.images.clone(),
        image_registry_credential: parts.credentials,
        acr_registry_info: parts.registries,
        ..CreateImageCache::default()
    })
}

/// The call that brings the cache `image_cache_id` to what its object says now. What has a default is said in full,
/// because an update keeps a value that is not sent; a retention that was removed cannot be sent and stays.
///
/// # Errors
/// As [`create`].
pub fn update(
    cache: &ImageCache,
    image_cache_id: &str,
    context: &CallContext<'_>,
) -> Result<UpdateImageCache, Unfit> {
    let parts = Parts::of(cache, context)?;
    let mut registries = parts.registries;
    for registry in &mut registries {
        (registry.arn_service, registry.arn_user) = (None, None);
    }
    Ok(UpdateImageCache {
        region_id: context.region_id.to_owned(),
        image_cache_id: image_cache_id.to_owned(),
        image_cache_name: Some(parts.name),
        security_group_id: parts.security_group_id,
        vswitch_id: parts.vswitch_id,
        resource_group_id: parts.resource_group_id,
        client_token: token(cache, "update", context.attempt),
        image_cache_size: Some(int32("spec.imageCacheSize", cache.spec.size_gib())?),
        retention_days: parts.retention,
        reuse_layers: Some(parts.reuse.unwrap_or(false)),
        flash: Some(parts.flash.unwrap_or(false)),
        elimination_strategy: Some(parts.elimination.unwrap_or_default()),
        image: cache.spec.images.clone(),
        image_registry_credential: parts.credentials,
        acr_registry_info: registries,
        ..UpdateImageCache::default()
    })
}

fn token(cache: &ImageCache, verb: &str, attempt: u32) -> Option<String> {
    let generation = cache.metadata.generation.unwrap_or(1);
    let uid = cache.metadata.uid.as_deref()?;
    Some(client_token(uid, generation, verb, attempt))
}

/// What both calls take from an object.
struct Parts {
    name: String,
    security_group_id: Option<String>,
    vswitch_id: Option<String>,
    resource_group_id: Option<String>,
    size: Option<i32>,
    retention: Option<i32>,
    reuse: Option<bool>,
    flash: Option<bool>,
    elimination: Option<String>,
    credentials: Vec<super::request::ImageRegistryCredential>,
    registries: Vec<AcrRegistryInfo>,
}

impl Parts {
    fn of(cache: &ImageCache, context: &CallContext<'_>) -> Result<Self, Unfit> {
        let name = cache.metadata.name.clone().unwrap_or_default();
        if name.is_empty() {
            return Err(unfit("metadata.name", "required"));
        }
        check_count("spec.images", "images", cache.spec.images.len(), MAX_IMAGES)?;
        if cache.spec.images.is_empty() {
            return Err(unfit("spec.images", "no image, at least 1 needed"));
        }
        let credentials = credentials_for(&cache.spec.images, context.logins);
        check_count(
            "spec.imagePullSecrets",
            "logins",
            credentials.len(),
            MAX_REGISTRY_CREDENTIALS,
        )?;
        let said = |name: &str, default: &Option<String>| {
            let said = cache.metadata.annotation(name).and_then(comma_list);
            said.or_else(|| default.clone())
        };
        let reuse = switch(cache, annotation::ENABLE_REUSE)?;
        let size = cache.spec.image_cache_size;
        let retention = cache.spec.retention_days;
        Ok(Parts {
            name,
            security_group_id: said(
                annotation::SECURITY_GROUP_ID,
                &context.defaults.security_group_id,
            ),
            vswitch_id: said(annotation::VSWITCH_IDS, &context.defaults.vswitch_ids),
            resource_group_id: said(
                annotation::RESOURCE_GROUP_ID,
                &context.defaults.resource_group_id,
            ),
            size: size
                .map(|size| int32("spec.imageCacheSize", size))
                .transpose()?,
            retention: retention
                .map(|days| int32("spec.retentionDays", days))
                .transpose()?,
            reuse: match reuse {
                Some(reuse) => Some(reuse),
                None => switch(cache, annotation::ENABLE_REUSE_OLD)?,
            },
            flash: switch(cache, annotation::ENABLE_FLASH)?,
            elimination: elimination(cache)?,
            credentials,
            registries: registries(|name| cache.metadata.annotation(name))?,
        })
    }
}

pub(super) fn check_count(path: &str, what: &str, count: usize, limit: usize) -> Result<(), Unfit> {
    if count > limit {
        return Err(unfit(
            path,
            format!("{count} {what}, at most {limit} allowed"),
        ));
    }
    Ok(())
}

fn int32(path: &str, number: i64) -> Result<i32, Unfit> {
    i32::try_from(number).map_err(|_| unfit(path, format!("{number}, beyond the API's 32 bits")))
}

fn annotation_path(name: &str) -> String {
    format!("metadata.annotations[{name}]")
}

fn switch(cache: &ImageCache, name: &str) -> Result<Option<bool>, Unfit> {
    let Some(text) = cache.metadata.annotation(name) else {
        return Ok(None);
    };
    match annotation::parse_bool(text.trim()) {
        Some(value) => Ok(Some(value)),
        None => Err(unfit(
            annotation_path(name),
            format!("`{text}`, must be \"true\" or \"false\""),
        )),
    }
}

fn elimination(cache: &ImageCache) -> Result<Option<String>, Unfit> {
    match cache.metadata.annotation(annotation::ELIMINATION_STRATEGY) {
        None => Ok(None),
        Some(text @ ("" | "LRU")) => Ok(Some(text.to_owned())),
        Some(text) => Err(unfit(
            annotation_path(annotation::ELIMINATION_STRATEGY),
            format!("`{text}`, must be LRU or empty"),
        )),
    }
}

/// The items of a comma-separated list, without the spaces after commas.
pub(crate) fn items(text: &str) -> Vec<&str> {
    let items = text.split(',').map(str::trim);
    items.filter(|item| !item.is_empty()).collect()
}

/// A comma-separated list as the API takes it; `None` when nothing is in it.
pub(super) fn comma_list(text: &str) -> Option<String> {
    let items = items(text);
    (!items.is_empty()).then(|| items.join(","))
}

/// The architecture that an entry's or a call's `Annotations` name, where [`create`] has put it.
#[must_use]
pub fn cpu_arch(annotations: &str) -> Option<String> {
    let read: Value = serde_json::from_str(annotations).ok()?;
    read.get(annotation::CPU_ARCH)?.as_str().map(str::to_owned)
}

/// Enterprise registry instances with their roles: one role is for all instances, several go one to one.
pub(super) fn registries<'a>(
    annotation_of: impl Fn(&str) -> Option<&'a str>,
) -> Result<Vec<AcrRegistryInfo>, Unfit> {
    let list = |name: &str| items(annotation_of(name).unwrap_or_default());
    let instances = list(annotation::ACR_INSTANCE_IDS);
    let count = instances.len();
    check_count(
        &annotation_path(annotation::ACR_INSTANCE_IDS),
        "instances",
        count,
        MAX_ACR_REGISTRIES,
    )?;
    let roles = |name: &str| {
        let roles = list(name);
        if roles.len() > 1 && roles.len() != count {
            let fact = format!(
                "{} roles for {count} instances, one or {count} needed",
                roles.len()
            );
            return Err(unfit(annotation_path(name), fact));
        }
        Ok(roles)
    };
    let (service, user) = (
        roles(annotation::ACR_SERVICE_ARNS)?,
        roles(annotation::ACR_USER_ARNS)?,
    );
    let role = |roles: &[&str], index: usize| {
        let one = if roles.len() == 1 { 0 } else { index };
        roles.get(one).map(|role| (*role).to_owned())
    };
    let registry = |(index, instance): (usize, &&str)| {
        let (region, id) = match instance.split_once(':') {
            Some((region, id)) => (Some(region.to_owned()), id),
            None => (None, *instance),
        };
        AcrRegistryInfo {
            instance_id: id.to_owned(),
            region_id: region,
            arn_service: role(&service, index),
            arn_user: role(&user, index),
            ..AcrRegistryInfo::default()
        }
    };
    Ok(instances.iter().enumerate().map(registry).collect())
}

/// The status of an object whose cache ECI describes so. Fields of `before` that ECI knows nothing of are kept.
/// `lastUpdatedTime` is `now` when anything has changed since `before`, else it stays.
///
/// ```
/// use imagecache::eci::object::status;
/// let entry = serde_json::from_value(serde_json::json!({
///     "ImageCacheId": "imc-1", "Status": "Creating", "Progress": "45%", "CreationTime": "2026-01-18T13:40:58Z",
/// })).unwrap();
/// let first = status(&entry, None, "2026-01-18T13:42:00Z".parse().unwrap());
/// assert_eq!(first.progress.as_deref(), Some("45%"));
/// assert_eq!(first.last_updated_time.as_deref(), Some("2026-01-18T13:42:00Z"));
/// let again = status(&entry, Some(&first), "2026-01-18T13:43:00Z".parse().unwrap());
/// assert_eq!(again, first);
/// ```
#[must_use]
pub fn status(entry: &ImageCacheEntry, before: Option<&Status>, now: Timestamp) -> Status {
    let first = entry.events.len().saturating_sub(MAX_EVENTS);
    let events: Vec<_> = entry
        .events
        .iter()
        .skip(first)
        .map(|event| core_event(event, &entry.images))
        .collect();
    let after = Status {
        phase: Some(entry.status.clone()),
        progress: entry.progress.clone(),
        image_cache_id: Some(entry.image_cache_id.clone()),
        start_time: entry.creation_time.clone(),
        expire_date_time: entry.expire_date_time.clone(),
        events: (!events.is_empty()).then_some(events),
        ..before.cloned().unwrap_or_default()
    };
    if before == Some(&after) && after.last_updated_time.is_some() {
        return after;
    }
    Status {
        last_updated_time: Some(now.to_string()),
        ..after
    }
}

/// An event in the shape that Kubernetes shows: a core/v1 Event, mostly empty, named after its image if it has one.
fn core_event(event: &EventEntry, images: &[String]) -> crate::resource::CacheEvent {
    let message = event.message.as_deref().unwrap_or_default();
    let image = images
        .iter()
        .filter(|image| message.ends_with(image.as_str()))
        .max_by_key(|image| image.len());
    // Without the nulls that Go writes for an empty time: an API server does not store them, and what it stores is
    // compared with this.
    let name = image.or(event.name.as_ref());
    let rest = json!({
        "involvedObject": {},
        "metadata": name.map_or(json!({}), |name| json!({"name": name})),
        "reportingComponent": "",
        "reportingInstance": "",
        "source": {"component": "kubelet", "host": "eci"},
    });
    crate::resource::CacheEvent {
        kind: event.r#type.clone(),
        reason: event.reason.clone(),
        message: event.message.clone(),
        count: event.count,
        first_timestamp: event.first_timestamp.clone(),
        last_timestamp: event.last_timestamp.clone(),
        rest: match rest {
            Value::Object(rest) => rest,
            _ => Map::new(),
        },
    }
}
