//! Converts a pod into a container group of ECI, and the state of the group into the status and Events of the pod.
//!
//! | in the pod | in CreateContainerGroup |
//! |---|---|
//! | namespace and name | `ContainerGroupName` |
//! | `eci-imc-id` (old: `eci-image-snapshot-id`) | `ImageSnapshotId` |
//! | `eci-auto-imc` (old: `eci-image-cache`), on unless said | `AutoMatchImageCache`, which means matching here |
//! | `imc-perfect-match`, `imc-match-count-request` | `Tag.N` of the same name: the API has no parameter for them |
//! | `eci-extra-ephemeral-storage`, `ephemeral-storage` of the containers | `EphemeralStorage`, the larger one |
//! | containers, init containers | `Container.N`, `InitContainer.N` |
//! | `acr-instance-ids`, `acr-service-arns`, `acr-user-arns` | `AcrRegistryInfo.N` |
//! | `plain-http-registry`, `insecure-registry` | `PlainHttpRegistry`, `InsecureRegistry` |
//! | image pull secrets | `ImageRegistryCredential.N`, those that an image needs |
//! | `metadata.uid` | `ClientToken`, and the tag [`POD_TAG`], by which the group is found again |

use serde_json::{Map, Value, json};

use super::error::{ApiError, ErrorCode};
use super::login::credentials_for;
use super::object::{CallContext, Unfit, check_count, client_token, comma_list, registries, unfit};
use super::reply::{ContainerGroupEntry, EventEntry};
use super::request::{Container, CreateContainerGroup, MAX_IMAGES, MAX_REGISTRY_CREDENTIALS, Tag};
use super::target::ID_PREFIX;
use crate::diagnostic::{Levels, Report};
use crate::matching::{self, CacheRequest, HIT, Image, Pod, PodSource, storage_bytes};
use crate::resource::annotation;
use crate::time::Timestamp;

pub use crate::resource::annotation::POD_TAG;

/// Longest name of a container group, in characters. Source: the vendor's parameter table.
pub const MAX_NAME: usize = 128;
/// Shortest name of a container group, in characters. Source: as before.
pub const MIN_NAME: usize = 2;

/// Whether a text is a container group's name: [`MIN_NAME`] to [`MAX_NAME`] lower-case letters, digits and hyphens, no
/// hyphen first or last.
///
/// ```
/// use imagecache::eci::group::is_name;
/// assert!(is_name("nginx-auto"));
/// assert!(!is_name("n") && !is_name("Nginx") && !is_name("-nginx"));
/// ```
#[must_use]
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (MIN_NAME..=MAX_NAME).contains(&text.len())
        && text.bytes().all(plain)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The call that starts a pod. What the pod and the defaults do not say is left to ECI.
///
/// ```
/// use imagecache::eci::group::create;
/// use imagecache::eci::object::{CallContext, CallDefaults};
/// let pod = serde_json::json!({"kind": "Pod", "metadata": {"namespace": "shop", "name": "web.1", "annotations": {
///     "k8s.aliyun.com/eci-imc-id": "imc-1"}}, "spec": {"containers": [{"name": "web", "image": "nginx:1.27",
///     "resources": {"requests": {"cpu": "500m", "memory": "1536Mi"}}}]}});
/// let context = CallContext { region_id: "cn-hangzhou", defaults: &CallDefaults::default(), logins: &[], attempt: 0 };
/// let call = create(&pod, &context).unwrap();
/// assert_eq!((call.container_group_name.as_str(), call.image_snapshot_id.as_deref()), ("shop-web-1", Some("imc-1")));
/// assert_eq!((call.container[0].cpu.as_deref(), call.container[0].memory.as_deref()), (Some("0.5"), Some("1.5")));
/// ```
///
/// # Errors
/// When a value cannot be sent: no container, too many, an annotation of the wrong form, too many logins.
pub fn create(pod: &Value, context: &CallContext<'_>) -> Result<CreateContainerGroup, Unfit> {
    let levels = Levels::default();
    let read = Pod::read(pod, &mut Report::new(&levels));
    let read = read.ok_or_else(|| unfit("spec.containers", "no container with an image"))?;
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str);
    let annotations = pod.pointer("/metadata/annotations");
    let annotation_of = |name: &str| annotations?.get(name)?.as_str();
    let list = |name: &str| annotation_of(name).and_then(comma_list);
    let main_containers = containers(pod, "containers")?;
    let init_containers = containers(pod, "initContainers")?;
    let images: Vec<&str> = main_containers
        .iter()
        .chain(&init_containers)
        .map(|container| container.image.as_str())
        .collect();
    let credentials = credentials_for(&images, context.logins);
    check_count(
        "spec.imagePullSecrets",
        "logins",
        credentials.len(),
        MAX_REGISTRY_CREDENTIALS,
    )?;
    let automatic = read
        .wish
        .auto
        .unwrap_or_else(|| PodSource::Kubernetes.auto_match());
    Ok(CreateContainerGroup {
        region_id: context.region_id.to_owned(),
        container_group_name: name(
            text("/metadata/namespace").unwrap_or_default(),
            text("/metadata/name").unwrap_or_default(),
        ),
        security_group_id: context.defaults.security_group_id.clone(),
        vswitch_id: context.defaults.vswitch_ids.clone(),
        resource_group_id: context.defaults.resource_group_id.clone(),
        client_token: text("/metadata/uid")
            .map(|uid| client_token(uid, 1, "group", context.attempt)),
        image_snapshot_id: read.wish.explicit.clone(),
        match_image_cache: Some(automatic),
        ephemeral_storage: (read.storage_gib > 0)
            .then(|| i32::try_from(read.storage_gib))
            .transpose()
            .map_err(|_| {
                unfit(
                    "spec",
                    "more ephemeral storage than the API's 32 bits of GiB",
                )
            })?,
        plain_http_registry: list(annotation::PLAIN_HTTP_REGISTRY),
        insecure_registry: list(annotation::INSECURE_REGISTRY),
        container: main_containers,
        init_container: init_containers,
        image_registry_credential: credentials,
        acr_registry_info: registries(annotation_of)?,
        tag: tags(&read.wish, text("/metadata/uid")),
        ..CreateContainerGroup::default()
    })
}

/// `namespace-name` in the signs that a group's name may have, at most [`MAX_NAME`] of them.
fn name(namespace: &str, name: &str) -> String {
    let plain = |c: char| match c {
        'a'..='z' | '0'..='9' => c,
        'A'..='Z' => c.to_ascii_lowercase(),
        _ => '-',
    };
    let joined = [namespace, name]
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join("-");
    let cut: String = joined.chars().map(plain).take(MAX_NAME).collect();
    match cut.trim_matches('-') {
        "" => "pod".to_owned(),
        one if one.len() < MIN_NAME => format!("pod-{one}"),
        name => name.to_owned(),
    }
}

fn containers(pod: &Value, list: &str) -> Result<Vec<Container>, Unfit> {
    let path = format!("spec.{list}");
    let items = pod.pointer(&format!("/spec/{list}"));
    let items = items
        .and_then(Value::as_array)
        .map_or(&[] as &[_], Vec::as_slice);
    check_count(&path, "containers", items.len(), MAX_IMAGES)?;
    let container = |(index, item): (usize, &Value)| {
        let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
        let need = |key: &str| {
            let value = text(key).filter(|value| !value.is_empty());
            value.ok_or_else(|| unfit(format!("{path}[{index}].{key}"), "required"))
        };
        Ok(Container {
            name: need("name")?,
            image: need("image")?,
            image_pull_policy: text("imagePullPolicy"),
            cpu: resource(item, "cpu").and_then(|text| cores(&text)),
            memory: resource(item, "memory").and_then(|text| gib(&text)),
        })
    };
    items.iter().enumerate().map(container).collect()
}

/// What a container is given: its limit, else its request.
fn resource(container: &Value, name: &str) -> Option<String> {
    let resources = container.get("resources")?;
    let of = |kind: &str| resources.get(kind)?.get(name);
    match of("limits").or_else(|| of("requests"))? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `500m` as `0.5`; a thousandth of a core is the least that Kubernetes counts.
fn cores(quantity: &str) -> Option<String> {
    let thousandths = match quantity.strip_suffix('m') {
        Some(number) => storage_bytes(number)?,
        None => storage_bytes(quantity)?.saturating_mul(1000),
    };
    Some(decimal(thousandths, 1000))
}

/// `1536Mi` as `1.5`, in thousandths of a GiB, rounded up.
fn gib(quantity: &str) -> Option<String> {
    let bytes = storage_bytes(quantity)?;
    let thousandths = bytes.saturating_mul(1000).div_ceil(crate::matching::GIB);
    Some(decimal(thousandths, 1000))
}

fn decimal(value: u128, unit: u128) -> String {
    let text = format!("{}.{:03}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Whose group it is, and the wishes that the API has no parameter for.
fn tags(wish: &CacheRequest, uid: Option<&str>) -> Vec<Tag> {
    let perfect = wish.perfect.then(|| "true".to_owned());
    let count = wish.count.map(|count| count.to_string());
    [
        (POD_TAG, uid.map(str::to_owned)),
        (annotation::POD_PERFECT_MATCH, perfect),
        (annotation::POD_MATCH_COUNT, count),
    ]
    .into_iter()
    .filter_map(|(key, value)| {
        Some(Tag {
            key: key.to_owned(),
            value: Some(value?),
        })
    })
    .collect()
}

/// What a call asks of image caches: the inverse of [`create`].
///
/// ```
/// use imagecache::eci::group::matching_pod;
/// use imagecache::eci::request::{Container, CreateContainerGroup};
/// let container = Container { name: "web".into(), image: "nginx".into(), ..Default::default() };
/// let call = CreateContainerGroup { container: vec![container], ..Default::default() };
/// let pod = matching_pod(&call);
/// assert_eq!((pod.distinct(), pod.surface.auto_match()), (1, false));
/// ```
#[must_use]
pub fn matching_pod(call: &CreateContainerGroup) -> Pod {
    let containers = call.init_container.iter().chain(&call.container);
    let images = containers.map(|container| Image::new(&container.image));
    let mut pod = Pod::new(&call.container_group_name, images);
    let tags: Map<String, Value> = call
        .tag
        .iter()
        .filter_map(|tag| Some((tag.key.clone(), Value::from(tag.value.clone()?))))
        .collect();
    pod.kind = "ContainerGroup".to_owned();
    pod.surface = PodSource::OpenApi;
    pod.wish = CacheRequest {
        explicit: call.image_snapshot_id.clone().filter(|id| !id.is_empty()),
        auto: call.match_image_cache,
        ..CacheRequest::read(&tags, &mut pod.warnings)
    };
    let storage = call.ephemeral_storage.unwrap_or_default();
    pod.storage_gib = u64::try_from(storage).unwrap_or_default();
    pod.extra_storage_gib = pod.storage_gib;
    pod.region = Some(call.region_id.clone());
    pod
}

/// Returns the cache that a group was started from. Only its events name it.
///
/// ```
/// use imagecache::eci::group::matched_cache;
/// let events = serde_json::from_value::<Vec<_>>(serde_json::json!([{
///     "Reason": "SuccessfulHitImageCache",
///     "Message": "[eci.imagecache]Successfully hit image cache imc-1, eci will be scheduled with this image cache.",
/// }])).unwrap();
/// assert_eq!(matched_cache(&events), Some("imc-1"));
/// ```
#[must_use]
pub fn matched_cache(events: &[EventEntry]) -> Option<&str> {
    let hit = events
        .iter()
        .find(|event| event.reason.as_deref() == Some(HIT))?;
    let mut words = hit.message.as_deref()?.split([' ', ',']);
    words.find(|word| word.starts_with(ID_PREFIX))
}

/// The uid of the pod that a group runs.
#[must_use]
pub fn pod_uid(group: &ContainerGroupEntry) -> Option<&str> {
    let tags = group.unknown.get("Tags")?.as_array()?;
    let is_ours = |tag: &&Value| tag.get("Key").and_then(Value::as_str) == Some(POD_TAG);
    let ours = tags.iter().find(is_ours)?;
    ours.get("Value")?.as_str()
}

/// Returns the Event of a pod whose group is refused. `cache` is the one that the pod names.
///
/// ```
/// use imagecache::eci::error::{ErrorCode, ApiError};
/// use imagecache::eci::group::refused;
/// let refusal = ApiError::new(ErrorCode::ImageSnapshotNotFound, "no");
/// let at = "2026-01-18T06:11:44Z".parse().unwrap();
/// let event = refused(&refusal, Some("imc-1"), at);
/// assert_eq!(event.message.as_deref(), Some("The specified image cache imc-1 does not exist."));
/// ```
#[must_use]
pub fn refused(refusal: &ApiError, cache: Option<&str>, at: Timestamp) -> EventEntry {
    let known = match (&refusal.code, cache) {
        (ErrorCode::ImageSnapshotNotFound, Some(cache)) => {
            Some(matching::PodEvent::not_found(cache))
        }
        (ErrorCode::ImageSnapshotIncorrectStatus, Some(cache)) => {
            Some(matching::PodEvent::not_complete(cache))
        }
        _ => None,
    };
    let (kind, reason, message) = match known {
        Some(event) => (event.kind, event.reason, event.message),
        None => (
            "Warning".to_owned(),
            "ProviderCreateFailed".to_owned(),
            refusal.to_string(),
        ),
    };
    EventEntry {
        count: Some(1),
        r#type: Some(kind),
        reason: Some(reason),
        message: Some(message),
        first_timestamp: Some(at.to_string()),
        last_timestamp: Some(at.to_string()),
        ..EventEntry::default()
    }
}

/// Returns an event of a group as a core/v1 Event of its pod. The name depends on the content only, so creating it twice
/// makes one object.
#[must_use]
pub fn pod_event(event: &EventEntry, group: &str, pod: &Value) -> Value {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str);
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let content = format!("{group} {:?} {:?}", event.reason, event.message);
    let mark = super::signature::v3::content_sha256(content.as_bytes());
    let mark: String = mark.chars().take(16).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": format!("{}.{mark}", name.unwrap_or_default()), "namespace": namespace},
        "involvedObject": {
            "apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": name, "uid": text("/metadata/uid"),
        },
        "type": event.r#type,
        "reason": event.reason,
        "message": event.message,
        "count": event.count,
        "firstTimestamp": event.first_timestamp,
        "lastTimestamp": event.last_timestamp,
        "source": {"component": "EciService"},
        "reportingComponent": "EciService",
        "reportingInstance": "",
    })
}
