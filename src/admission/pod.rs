//! A new pod: which cache it gets, and what is written on it.

use serde_json::Value;

use super::caches::CacheSource;
use super::patch::Edit;
use super::settings::{AdmissionMode, AdmissionSettings, AdmittedPods, OnMiss, OnUnavailable};
use super::verdict::AdmissionVerdict;
use crate::annotation::{ECI_LABEL, POD_CACHE_ID};
use crate::diagnostic::{Levels, Report};
use crate::matching::{self, Cache, Decision, Image, PinRefusal, Pod};
use crate::reference::{DEFAULT_TAG, Named};

/// Name of the virtual nodes, and the value of their label `type`.
const VIRTUAL_NODE: &str = "virtual-kubelet";

/// Matches a new pod and changes it as the settings say.
pub(super) fn admit<'c>(
    object: &Value,
    settings: &AdmissionSettings,
    caches: impl FnOnce() -> Result<CacheSource<'c>, String>,
    verdict: &mut AdmissionVerdict,
) {
    if !settings.asks_for_caches() || (settings.pods == AdmittedPods::Eci && !goes_to_eci(object)) {
        return;
    }
    // What is wrong with the pod is judged elsewhere; here it only counts what can be read.
    let levels = Levels::default();
    let Some(pod) = Pod::read(object, &mut Report::new(&levels)) else {
        verdict
            .warnings
            .push("the pod has no container with an image, so it was not matched".to_owned());
        return;
    };
    if !depends_on_caches(&pod, settings) {
        return;
    }
    match caches().and_then(|caches| caches.winner(&pod, &settings.rules)) {
        Ok(found) => follow(object, &pod, &found, settings, verdict),
        Err(mut fault) => {
            if fault.is_empty() {
                fault.push_str("no reason was given");
            }
            let message = format!("image caches cannot be listed: {fault}");
            verdict.audit("caches-unavailable", fault);
            match settings.on_caches_unavailable {
                OnUnavailable::Warn => verdict
                    .warnings
                    .push(format!("{message}; the pod was not matched")),
                OnUnavailable::Reject => verdict.refuse(503, "ServiceUnavailable", message),
            }
        }
    }
}

/// Whether a pod says for certain that it runs on ECI: by the label, by its node, or by a selector of virtual nodes.
/// Tolerations and affinities only allow it.
fn goes_to_eci(pod: &Value) -> bool {
    let text = |parent: &str, map: &str, key: &str| pod.get(parent)?.get(map)?.get(key)?.as_str();
    let node = pod
        .get("spec")
        .and_then(|spec| spec.get("nodeName")?.as_str());
    text("metadata", "labels", ECI_LABEL) == Some("true")
        || node.is_some_and(|node| node.starts_with(VIRTUAL_NODE))
        || text("spec", "nodeSelector", "type") == Some(VIRTUAL_NODE)
}

/// A pod that refuses matching gets nothing; one that names its cache needs the list only to learn what that holds.
fn depends_on_caches(pod: &Pod, settings: &AdmissionSettings) -> bool {
    if pod.wish.explicit.is_some() {
        return settings.if_not_present || settings.on_miss != OnMiss::Allow;
    }
    let default = settings
        .rules
        .auto_match
        .unwrap_or_else(|| pod.surface.auto_match());
    pod.wish.auto.unwrap_or(default)
}

/// The cache that a pod gets, taken out of whatever it was found in.
pub(super) struct Found {
    pub(super) decision: Decision,
    pub(super) cache: Option<Cache>,
    pub(super) exact: usize,
    pub(super) repository_only: usize,
    pub(super) images: usize,
}

impl From<matching::Selection<'_>> for Found {
    fn from(verdict: matching::Selection<'_>) -> Self {
        Found {
            cache: verdict.winner.cloned(),
            decision: verdict.decision,
            exact: verdict.exact,
            repository_only: verdict.repository_only,
            images: verdict.images,
        }
    }
}

fn follow(
    object: &Value,
    pod: &Pod,
    found: &Found,
    settings: &AdmissionSettings,
    verdict: &mut AdmissionVerdict,
) {
    let Some(cache) = &found.cache else {
        return miss(pod, found, settings, verdict);
    };
    let name = cache.id.as_deref().unwrap_or(&cache.name);
    verdict.audit("matched-image-cache", name.to_owned());
    let (exact, near, images) = (found.exact, found.repository_only, found.images);
    verdict.audit(
        "match",
        format!("{exact} of {images} images exactly, {near} in another version"),
    );
    let mut edit = Edit::of(object);
    if settings.mode == AdmissionMode::Pin
        && pod.wish.explicit.is_none()
        && let Some(id) = &cache.id
    {
        edit.set(
            &["metadata", "annotations"],
            POD_CACHE_ID,
            id.as_str().into(),
        );
    }
    if settings.if_not_present {
        for path in keep_local(object, cache, &mut edit) {
            verdict
                .warnings
                .retain(|warning| !warning.starts_with(&path));
        }
    }
    (verdict.patch, verdict.object) = edit.finish();
}

/// Sets `IfNotPresent` where nothing or `Always` is said, on images that the cache holds exactly. An image whose tag
/// moves keeps its policy: `Always` is what keeps it fresh, and costs only a look at the registry. Returns the
/// paths (with `: `) of what was mended.
fn keep_local(pod: &Value, cache: &Cache, edit: &mut Edit<'_>) -> Vec<String> {
    let held = |image: &str| {
        cache
            .images
            .iter()
            .any(|held| held.normalized() == Some(image))
    };
    let mut mended = Vec::new();
    for list in ["initContainers", "containers"] {
        let containers = pod.get("spec").and_then(|spec| spec.get(list)?.as_array());
        for (index, container) in containers.into_iter().flatten().enumerate() {
            let replaceable = match container.get("imagePullPolicy") {
                None | Some(Value::Null) => true,
                Some(policy) => policy == "Always" || policy == "",
            };
            let image = container
                .get("image")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let exact = || Image::new(image).normalized().is_some_and(held);
            if replaceable && !moves(image) && exact() {
                let index = index.to_string();
                edit.set(
                    &["spec", list, &index],
                    "imagePullPolicy",
                    "IfNotPresent".into(),
                );
                mended.push(format!("spec.{list}[{index}].imagePullPolicy: "));
            }
        }
    }
    mended
}

/// Whether the same text may name another image tomorrow.
fn moves(image: &str) -> bool {
    Named::parse(image).is_ok_and(|named| {
        named.digest().is_none() && named.tag().is_none_or(|tag| tag == DEFAULT_TAG)
    })
}

fn miss(pod: &Pod, found: &Found, settings: &AdmissionSettings, verdict: &mut AdmissionVerdict) {
    let message = match &found.decision {
        // Caches that no object stands for are not seen from here, so this is no ground to deny.
        Decision::Refused(PinRefusal::NotFound { id }) => {
            if settings.on_miss != OnMiss::Allow {
                let warning =
                    format!("no ImageCache of this cluster has the id `{id}`, which the pod names");
                verdict.warnings.push(warning);
            }
            return;
        }
        Decision::Refused(refusal) => refusal.to_string(),
        _ => {
            let images = found.images;
            let unit = if images == 1 { "image" } else { "images" };
            match (pod.wish.perfect, pod.wish.count) {
                (true, _) => {
                    format!("no image cache fits the pod: {images} {unit}, all must match exactly")
                }
                (false, Some(count)) => {
                    format!(
                        "no image cache fits the pod: {images} {unit}, at least {count} must match exactly"
                    )
                }
                (false, None) => format!("no image cache fits the pod: {images} {unit}"),
            }
        }
    };
    match settings.on_miss {
        OnMiss::Allow => {}
        OnMiss::Warn => verdict.warnings.push(message),
        OnMiss::Reject => verdict.refuse(403, "Forbidden", message),
    }
}
