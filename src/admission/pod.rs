//! Selects the cache of a new pod, and changes the pod.

use serde_json::Value;

use super::caches::{CacheSource, CachesUnavailable};
use super::patch::Edit;
use super::settings::{AdmissionMode, AdmissionSettings, AdmittedPods, OnMiss, OnUnavailable};
use super::verdict::{AdmissionVerdict, DenialReason};
use crate::diagnostic::{Levels, Report};
use crate::matching::{self, Cache, Decision, Image, PinRefusal};
use crate::pod::{Placement, Pod};
use crate::reference::{DEFAULT_TAG, Named};
use crate::resource::annotation::POD_CACHE_ID;

/// Matches a new pod and changes it as the settings say.
pub(super) fn admit<'c>(
    object: &Value,
    settings: &AdmissionSettings,
    caches: impl FnOnce() -> Result<CacheSource<'c>, CachesUnavailable>,
    verdict: &mut AdmissionVerdict,
) {
    if !settings.asks_for_caches() || !applies(Placement::of_pod(object), settings.pods) {
        return;
    }
    // Findings on the pod are those of `validate`.
    let levels = Levels::default();
    let Some(pod) = Pod::read(object, &mut Report::new(&levels)) else {
        verdict.warnings.push(NO_IMAGE.to_owned());
        return;
    };
    if !depends_on_caches(&pod, settings) {
        return;
    }
    match caches().and_then(|caches| caches.winner(&pod, &settings.rules)) {
        Ok(found) => follow(object, &pod, &found, settings, verdict),
        Err(CachesUnavailable(mut fault)) => {
            if fault.is_empty() {
                fault.push_str(NO_REASON);
            }
            let message = unavailable(&fault);
            verdict.audit("caches-unavailable", fault);
            match settings.on_caches_unavailable {
                OnUnavailable::Warn => verdict.warnings.push(not_matched(&message)),
                OnUnavailable::Reject => {
                    verdict.refuse(503, DenialReason::ServiceUnavailable, message)
                }
            }
        }
    }
}

/// Reports whether the verdict depends on the caches. A pod that switches matching off gets none; for a pod that names
/// its cache, the list of caches only says what that cache holds.
fn depends_on_caches(pod: &Pod, settings: &AdmissionSettings) -> bool {
    if pod.wish.explicit.is_some() {
        return settings.if_not_present || settings.on_miss != OnMiss::Allow;
    }
    let default = settings.rules.auto_match;
    pod.wish
        .uses_cache(default.unwrap_or_else(|| pod.surface.auto_match()))
}

/// Reports whether the settings apply to a pod that runs there.
fn applies(placement: Placement, pods: AdmittedPods) -> bool {
    match (placement, pods) {
        (Placement::Acs, _) => false,
        (Placement::Eci, _) | (_, AdmittedPods::All) => true,
        (Placement::PossiblyEci | Placement::Unspecified, AdmittedPods::Eci) => false,
    }
}

/// The cache that a pod gets.
pub(super) struct Found {
    pub(super) decision: Decision,
    pub(super) refusal: Option<PinRefusal>,
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
            refusal: verdict.refusal,
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
    verdict.warnings.extend(cache.conflict_message());
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

/// Sets `IfNotPresent` where the policy is unset or `Always`, on images that the cache holds exactly. An image with a
/// mutable tag keeps its policy: `Always` keeps it up to date, and costs only a request to the registry. Returns the
/// changed paths, each with `: `.
fn keep_local(pod: &Value, cache: &Cache, edit: &mut Edit<'_>) -> Vec<String> {
    let held = |image: &str| {
        cache
            .images
            .iter()
            .any(|held| held.normalized() == Some(image))
    };
    let mut changed = Vec::new();
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
                changed.push(format!("spec.{list}[{index}].imagePullPolicy: "));
            }
        }
    }
    changed
}

/// Reports whether the tag of an image is mutable.
fn moves(image: &str) -> bool {
    Named::parse(image).is_ok_and(|named| {
        named.digest().is_none() && named.tag().is_none_or(|tag| tag == DEFAULT_TAG)
    })
}

fn miss(pod: &Pod, found: &Found, settings: &AdmissionSettings, verdict: &mut AdmissionVerdict) {
    let message = match (found.decision, &found.refusal) {
        // Caches without an ImageCache are not visible here, so this is not a reason to deny.
        (_, Some(PinRefusal::NotFound { id })) => {
            if settings.on_miss != OnMiss::Allow {
                verdict.warnings.push(unknown_cache(id));
            }
            return;
        }
        (_, Some(refusal)) => refusal.to_string(),
        (Decision::NotEci, None) => return,
        (_, None) => no_cache_fits(pod, found.images),
    };
    match settings.on_miss {
        OnMiss::Allow => {}
        OnMiss::Warn => verdict.warnings.push(message),
        OnMiss::Reject => verdict.refuse(403, DenialReason::Forbidden, message),
    }
}

const NO_IMAGE: &str = "the pod has no container with an image, so it was not matched";
const NO_REASON: &str = "no reason was given";

fn unavailable(fault: &str) -> String {
    format!("image caches cannot be listed: {fault}")
}

fn not_matched(why: &str) -> String {
    format!("{why}; the pod was not matched")
}

fn unknown_cache(id: &str) -> String {
    format!("no ImageCache of this cluster has the id `{id}`, which the pod names")
}

fn no_cache_fits(pod: &Pod, images: usize) -> String {
    let unit = if images == 1 { "image" } else { "images" };
    let mut message = format!("no image cache fits the pod: {images} {unit}");
    match (pod.wish.perfect, pod.wish.count) {
        (true, _) => message.push_str(", all must match exactly"),
        (false, Some(count)) => message.push_str(&format!(", at least {count} must match exactly")),
        (false, None) => {}
    }
    message
}
