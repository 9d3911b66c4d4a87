//! Covering a release: which of its pods start from a `Ready` cache that has all their images, and which caches must be
//! made before it is rolled out.
//!
//! [`cover`] answers for the caches that exist at this moment, by the rules of [`crate::matching`]; a host that waits asks
//! again with what it reads then. Pods with the same images share a cache. A cache that is to be made has a name that its
//! images decide, so asking twice makes one cache, and two releases with the same images share theirs.
//!
//! ```
//! use imagecache::cover::{CoverOptions, CoverState, cover};
//! use imagecache::matching::{Cache, Image, MatchRules, Pod};
//! let pods = [Pod::new("web", [Image::new("nginx:1.27")])];
//! let coverage = cover(&pods, [], &MatchRules::default(), &CoverOptions::default());
//! let [need] = coverage.needs.as_slice() else { panic!() };
//! assert_eq!(need.state, CoverState::Missing);
//! assert_eq!(need.manifest.as_ref().unwrap().spec.images, ["nginx:1.27"]);
//!
//! let cache = Cache::ready("imc-1", [Image::new("docker.io/library/nginx:1.27")]);
//! let coverage = cover(&pods, [cache], &MatchRules::default(), &CoverOptions::default());
//! assert!(coverage.is_covered());
//! ```

mod release;

use std::collections::BTreeMap;

use serde::Serialize;

pub use release::{APP, Mark, RELEASE, retired};

use crate::diagnostic::Severity;
use crate::matching::{Cache, CacheName, DEFAULT_ARCH, DEFAULT_OS, Decision, Index, MatchRules};
use crate::plan::names::{GeneratedName, Scope};
use crate::pod::{Placement, Pod};
use crate::resource::annotation::{CPU_ARCH, OS_TYPE};
use crate::resource::{ImageCache, Phase, Spec};
use crate::validate::{self, ValidateOptions};

/// What the caches of a release are made with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CoverOptions {
    /// The label [`APP`] of the caches: the program that is released. Without one a cache has no label.
    pub app: Option<String>,
    /// Size in GiB; `None` leaves it to ECI, which makes 20 GiB. A pod that asks for more storage gets a larger cache.
    pub size_gib: Option<u64>,
    /// Days after which a cache expires; `None` for never.
    pub retention_days: Option<u64>,
}

/// What the pods of one need have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
#[non_exhaustive]
pub enum CoverState {
    /// They start from this cache, which has all their images.
    Covered {
        /// The cache.
        cache: CacheName,
    },
    /// This cache will have all their images, and is not `Ready` yet.
    Waiting {
        /// The cache.
        cache: CacheName,
        /// Its phase, once there is one.
        phase: Option<String>,
    },
    /// The cache that was made for them has failed.
    Failed {
        /// The cache.
        cache: CacheName,
        /// What is wrong with it.
        message: String,
    },
    /// No cache has their images: [`CoverNeed::manifest`] is to be made.
    Missing,
    /// No cache can cover them.
    Blocked {
        /// Why.
        message: String,
    },
}

/// Pods that need the same images.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CoverNeed {
    /// The pods, `Kind/namespace/name`.
    pub pods: Vec<String>,
    /// The distinct images, as the first pod writes them.
    pub images: Vec<String>,
    /// What they have.
    #[serde(flatten)]
    pub state: CoverState,
    /// The cache to make; only if the state is [`CoverState::Missing`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<ImageCache>,
}

/// A pod that uses no cache by its own choice, or no cache of ECI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SkippedPod {
    /// The pod, `Kind/namespace/name`.
    pub pod: String,
    /// Why.
    pub reason: String,
}

/// What a release has.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Coverage {
    /// The needs, in the order of their first pods.
    pub needs: Vec<CoverNeed>,
    /// The pods that need no cache.
    pub skipped: Vec<SkippedPod>,
    /// Parts of pods that could not be read, or have no effect: `Kind/namespace/name: sentence`.
    pub warnings: Vec<String>,
}

impl Coverage {
    /// Returns true if every need is covered.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        let mut states = self.needs.iter().map(|need| &need.state);
        states.all(|state| matches!(state, CoverState::Covered { .. }))
    }

    /// Returns true if waiting changes nothing: every need is covered, has failed, or is blocked.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let mut states = self.needs.iter().map(|need| &need.state);
        !states.any(|state| matches!(state, CoverState::Waiting { .. } | CoverState::Missing))
    }

    /// Returns those of the caches that the release uses or will use and that have the label [`APP`]: they were made for
    /// a release.
    pub fn ours<'c>(&self, caches: &'c [ImageCache]) -> impl Iterator<Item = &'c ImageCache> {
        let used: Vec<&str> = self.caches().map(|cache| cache.name.as_str()).collect();
        caches.iter().filter(move |cache| {
            let labels = cache.metadata.labels.as_ref();
            let name = cache.metadata.name.as_deref();
            labels.is_some_and(|labels| labels.contains_key(APP))
                && name.is_some_and(|name| used.contains(&name))
        })
    }

    /// Returns the caches that the release uses or will use.
    pub fn caches(&self) -> impl Iterator<Item = &CacheName> {
        self.needs.iter().filter_map(|need| match &need.state {
            CoverState::Covered { cache }
            | CoverState::Waiting { cache, .. }
            | CoverState::Failed { cache, .. } => Some(cache),
            CoverState::Missing | CoverState::Blocked { .. } => None,
        })
    }
}

/// What decides whether two pods can share a cache: the named cache, the images, region, architecture, operating system,
/// and storage in GiB.
type Key = (Option<String>, Vec<String>, Scope, u64);

/// Returns what each pod of a release has, by the caches that exist.
#[must_use]
pub fn cover(
    pods: &[Pod],
    caches: impl IntoIterator<Item = Cache>,
    rules: &MatchRules,
    options: &CoverOptions,
) -> Coverage {
    let index: Index = caches.into_iter().collect();
    let mut coverage = Coverage::default();
    let mut numbers: BTreeMap<Key, usize> = BTreeMap::new();
    let mut members: Vec<Vec<&Pod>> = Vec::new();
    for pod in pods {
        let warnings = pod.warnings.iter();
        let warnings = warnings.map(|warning| format!("{}: {warning}", title(pod)));
        coverage.warnings.extend(warnings);
        if let Some(reason) = skipped(pod, rules) {
            let pod = title(pod);
            coverage.skipped.push(SkippedPod { pod, reason });
            continue;
        }
        let number = *numbers.entry(key(pod, rules)).or_insert(members.len());
        match members.get_mut(number) {
            Some(pods) => pods.push(pod),
            None => members.push(vec![pod]),
        }
    }
    coverage.needs = members
        .iter()
        .filter_map(|pods| need(pods, &index, rules, options))
        .collect();
    coverage
}

fn title(pod: &Pod) -> String {
    format!("{}/{}", pod.kind, pod.full_name())
}

/// Returns why a pod needs no cache.
fn skipped(pod: &Pod, rules: &MatchRules) -> Option<String> {
    if pod.placement == Placement::Acs {
        return Some("runs on ACS, which has image caches of its own".to_owned());
    }
    let default = rules.auto_match.unwrap_or_else(|| pod.surface.auto_match());
    if pod.wish.explicit.is_some() || pod.wish.uses_cache(default) {
        return None;
    }
    let by = pod.wish.decided_by.auto;
    let by = by.unwrap_or("the default of the cluster");
    Some(format!("automatic matching is off: {by}"))
}

fn scope(pod: &Pod, rules: &MatchRules) -> Scope {
    let or = |own: &Option<String>, rule: &Option<String>| own.clone().or_else(|| rule.clone());
    (
        or(&pod.region, &rules.region),
        or(&pod.arch, &rules.arch).unwrap_or_else(|| DEFAULT_ARCH.to_owned()),
        or(&pod.os, &rules.os).unwrap_or_else(|| DEFAULT_OS.to_owned()),
    )
}

fn key(pod: &Pod, rules: &MatchRules) -> Key {
    let readable = pod.images().iter().filter_map(|image| image.normalized());
    let unreadable = pod.unreadable().iter().map(|image| image.text());
    let images = readable.chain(unreadable).map(str::to_owned).collect();
    let storage = pod.storage_gib.max(rules.require_storage);
    (
        pod.wish.explicit.clone(),
        images,
        scope(pod, rules),
        storage,
    )
}

fn need(
    pods: &[&Pod],
    index: &Index,
    rules: &MatchRules,
    options: &CoverOptions,
) -> Option<CoverNeed> {
    let first = pods.first()?;
    let images = first.images().iter().chain(first.unreadable());
    let images: Vec<String> = images.map(|image| image.text().to_owned()).collect();
    let mut manifest = None;
    let state = existing(first, index, rules).unwrap_or_else(|| {
        let cache = make(pods, &images, rules, options);
        match by_name(&cache, index).or_else(|| blocked(first, &cache)) {
            Some(state) => state,
            None => {
                manifest = Some(cache);
                CoverState::Missing
            }
        }
    });
    Some(CoverNeed {
        pods: pods.iter().map(|pod| title(pod)).collect(),
        images,
        state,
        manifest,
    })
}

/// Returns the state of the cache that a pod uses, or will use.
fn existing(pod: &Pod, index: &Index, rules: &MatchRules) -> Option<CoverState> {
    let found = index.winner(pod, rules);
    if let (Decision::Hit, Some(cache)) = (found.decision, found.winner) {
        let cache = cache.named();
        return Some(CoverState::Covered { cache });
    }
    if let Some(id) = &pod.wish.explicit {
        return Some(named(id, pod, index, rules));
    }
    // The cache that is furthest: it would be used if it were Ready.
    let waiting = index.iter().filter(|cache| is_on_its_way(cache));
    let ready = waiting.map(|cache| Cache {
        phase: Some(Phase::Ready),
        ..cache.clone()
    });
    let ready: Index = ready.collect();
    let found = ready.winner(pod, rules);
    let (Decision::Hit, Some(cache)) = (found.decision, found.winner) else {
        return None;
    };
    Some(waiting_for(cache, index))
}

/// Returns the state of the cache that a pod names. Its images are not matched by ECI, so they are checked here.
fn named(id: &str, pod: &Pod, index: &Index, rules: &MatchRules) -> CoverState {
    let blocked = |message: String| CoverState::Blocked { message };
    let Some(cache) = index.get(id) else {
        return blocked(format!(
            "the pod names image cache `{id}`, which does not exist"
        ));
    };
    if is_on_its_way(cache) {
        return waiting_for(cache, index);
    }
    match index.winner(pod, rules).refusal {
        Some(refusal) => blocked(refusal.to_string()),
        None => blocked(format!(
            "the pod names image cache `{id}`, which does not have all its images"
        )),
    }
}

fn is_on_its_way(cache: &Cache) -> bool {
    matches!(
        cache.phase,
        None | Some(Phase::Pending | Phase::Preparing | Phase::Creating | Phase::Updating)
    )
}

fn waiting_for(cache: &Cache, index: &Index) -> CoverState {
    let mut all = index.iter();
    let seen = all.find(|seen| seen.id == cache.id && seen.name == cache.name);
    let phase = seen.and_then(|seen| seen.phase.as_ref());
    CoverState::Waiting {
        cache: cache.named(),
        phase: phase.map(ToString::to_string),
    }
}

/// Returns the state of a cache that has the name of the one to make: it is not on its way, and not Ready.
fn by_name(wanted: &ImageCache, index: &Index) -> Option<CoverState> {
    let name = wanted.metadata.name.as_deref()?;
    let cache = index.iter().find(|cache| cache.name == name)?;
    let message = match &cache.phase {
        Some(phase @ (Phase::Failed | Phase::UpdateFailed)) => {
            format!("is {phase}: delete it to make it again")
        }
        Some(Phase::Ready) => "has other images, or cannot be used by the pods".to_owned(),
        Some(other) => format!("is in the unknown phase {other}"),
        None => "has no phase".to_owned(),
    };
    Some(CoverState::Failed {
        cache: cache.named(),
        message,
    })
}

/// Returns why a cache would be refused.
fn blocked(pod: &Pod, cache: &ImageCache) -> Option<CoverState> {
    let message = match pod.unreadable().first() {
        Some(image) => {
            let fault = image.fault().unwrap_or_default();
            format!("`{}` is not an image reference: {fault}", image.text())
        }
        None => {
            let object = serde_json::to_value(cache).unwrap_or_default();
            let found = validate::object(&object, &ValidateOptions::default());
            let error = found.iter().find(|one| one.severity == Severity::Error)?;
            error.to_string()
        }
    };
    Some(CoverState::Blocked { message })
}

/// Returns the cache to make for these pods.
fn make(
    pods: &[&Pod],
    images: &[String],
    rules: &MatchRules,
    options: &CoverOptions,
) -> ImageCache {
    let scope = pods.first().map(|pod| scope(pod, rules));
    let scope = scope.unwrap_or_default();
    let first = images.first().map_or("", String::as_str);
    let mut secrets: Vec<String> = pods
        .iter()
        .flat_map(|pod| {
            let namespace = pod.namespace.as_deref().unwrap_or("default");
            let names = pod.pull_secrets.iter();
            names.map(move |name| format!("{namespace}:{name}"))
        })
        .collect();
    secrets.sort_unstable();
    secrets.dedup();
    let storage = pods.iter().map(|pod| pod.storage_gib).max();
    let storage = storage.unwrap_or_default().max(rules.require_storage);
    let size = options.size_gib.unwrap_or_default().max(storage);
    let number = |value: u64| i64::try_from(value).ok();
    let spec = Spec {
        images: images.to_vec(),
        image_pull_secrets: (!secrets.is_empty()).then_some(secrets),
        image_cache_size: (size > 0).then_some(size).and_then(number),
        retention_days: options.retention_days.and_then(number),
        ..Spec::default()
    };
    let images = images.iter().map(String::as_str);
    let name = GeneratedName::new(first, images, &scope).text();
    let mut cache = ImageCache::new(&name, spec);
    let (_, arch, os) = scope;
    for (name, value, default) in [(CPU_ARCH, arch, DEFAULT_ARCH), (OS_TYPE, os, DEFAULT_OS)] {
        if value != default {
            let annotations = cache.metadata.annotations.get_or_insert_default();
            annotations.insert(name.to_owned(), value);
        }
    }
    if let Some(app) = &options.app {
        let labels = cache.metadata.labels.get_or_insert_default();
        labels.insert(APP.to_owned(), app.clone());
    }
    cache
}
