//! Pods and pod templates: do they get the image cache that they ask for?
//!
//! Sources: the vendor's pages for the precedence of the annotations, the pull policy and the label of pods on ECI;
//! Kubernetes for the default of the pull policy. A pod that neither runs on ECI nor speaks of image caches is left
//! alone, save that an image that is no reference can never be pulled.

use serde_json::{Map, Value};

use super::annotations::{self, Place};
use super::images::{self, MAX_ITEMS};
use super::value::not_a_string;
use crate::annotation::{
    ECI_BURST, ECI_INSTANCE_ID, ECI_LABEL, POD_AUTO, POD_AUTO_OLD, POD_CACHE_ID, POD_CACHE_ID_OLD,
    POD_MATCH_COUNT, POD_PERFECT_MATCH, parse_bool,
};
use crate::diagnostic::{Code, Quoted, QuotedPart, Report};
use crate::path::Path;
use crate::reference::Named;

/// Judges a pod, or the template of one; both have `metadata` and `spec`.
pub(super) fn check(pod: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    let metadata = pod.get("metadata").unwrap_or(&Value::Null);
    let annotations = metadata.get("annotations").and_then(Value::as_object);
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let wish = Wish::read(annotations);
    let eci = Eci::read(metadata, spec);
    let live = eci == Eci::Runs
        || pod
            .get("status")
            .and_then(Value::as_object)
            .is_some_and(|status| !status.is_empty());
    if let Some(annotations) = annotations {
        let metadata = path.field("metadata");
        let path = metadata.field("annotations");
        annotations::check(annotations, Place::Pod { live }, &path, report);
        conflicts(&wish, annotations, &path, report);
        if eci == Eci::No
            && !live
            && let Some(name) = wish.first
        {
            report.add_part(
                Code::IC065,
                &path.key(name),
                QuotedPart::Key,
                "nothing in this pod asks for ECI, and only there are image caches used",
                "Label it `alibabacloud.com/eci: \"true\"`; on a serverless cluster, where every pod runs on ECI, ignore this.",
            );
        }
    }
    let cached = wish.matches(eci != Eci::No);
    let images = containers(spec, cached, &path.field("spec"), report);
    if let Some(count) = wish.count {
        let metadata = path.field("metadata");
        let annotations = metadata.field("annotations");
        match_count(count, images, &annotations.key(POD_MATCH_COUNT), report);
    }
}

/// What the annotations of a pod ask for, in as far as rules here need it.
#[derive(Debug, Default)]
struct Wish {
    /// One of the annotations that ask for something, to point at.
    first: Option<&'static str>,
    explicit: Option<&'static str>,
    /// Switches that are on.
    auto: Option<&'static str>,
    perfect: bool,
    /// The match count, if it is a number.
    count: Option<u64>,
    /// Automatic matching is switched off.
    off: bool,
}

impl Wish {
    fn read(annotations: Option<&Map<String, Value>>) -> Self {
        let mut wish = Wish::default();
        let Some(annotations) = annotations else {
            return wish;
        };
        let get = |name| annotations.get(name).and_then(Value::as_str);
        for name in [POD_CACHE_ID, POD_CACHE_ID_OLD] {
            if get(name).is_some_and(|id| !id.is_empty()) {
                wish.explicit = wish.explicit.or(Some(name));
            }
        }
        // The new switch beats the old one.
        for name in [POD_AUTO_OLD, POD_AUTO] {
            match get(name).and_then(parse_bool) {
                Some(true) => (wish.auto, wish.off) = (Some(name), false),
                Some(false) => (wish.auto, wish.off) = (None, true),
                None => {}
            }
        }
        wish.perfect = get(POD_PERFECT_MATCH).and_then(parse_bool) == Some(true);
        wish.count = get(POD_MATCH_COUNT)
            .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            .map(|text| text.parse().unwrap_or(u64::MAX));
        wish.first = wish
            .explicit
            .or(wish.auto)
            .or(wish.perfect.then_some(POD_PERFECT_MATCH))
            .or(wish.count.map(|_| POD_MATCH_COUNT));
        wish
    }

    /// Whether a cache is looked for, on ECI or where the pod asks for one. On ECI matching is on unless switched off.
    fn matches(&self, on_eci: bool) -> bool {
        self.explicit.is_some() || (!self.off && (on_eci || self.first.is_some()))
    }
}

/// Whether a pod goes to ECI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eci {
    /// Nothing says so.
    No,
    /// Its label, node or selector says so, or may.
    Asks,
    /// ECI has written its instance onto it.
    Runs,
}

impl Eci {
    fn read(metadata: &Value, spec: &Value) -> Self {
        let annotation = |name: &str| {
            metadata
                .get("annotations")
                .and_then(|all| all.get(name))
                .and_then(Value::as_str)
        };
        let label = |name: &str| {
            metadata
                .get("labels")
                .and_then(|all| all.get(name))
                .and_then(Value::as_str)
        };
        if annotation(ECI_INSTANCE_ID).is_some() {
            return Eci::Runs;
        }
        let labelled = label(ECI_LABEL).is_some_and(|value| value == "true");
        let burst = [label(ECI_BURST), annotation(ECI_BURST)]
            .into_iter()
            .flatten()
            .any(|value| value.starts_with("eci"));
        let node = spec
            .get("nodeName")
            .and_then(Value::as_str)
            .is_some_and(|name| name.starts_with(VIRTUAL_NODE));
        let selected = spec
            .get("nodeSelector")
            .and_then(|all| all.get("type"))
            .and_then(Value::as_str);
        let tolerated = spec
            .get("tolerations")
            .and_then(Value::as_array)
            .is_some_and(|all| {
                let key = |toleration: &Value| {
                    toleration
                        .get("key")?
                        .as_str()
                        .map(|key| key.starts_with("virtual-kubelet.io/"))
                };
                all.iter()
                    .take(MAX_ITEMS)
                    .any(|toleration| key(toleration) == Some(true))
            });
        // An affinity can name virtual nodes in many ways.
        let affinity = spec
            .get("affinity")
            .and_then(|all| all.get("nodeAffinity"))
            .is_some_and(Value::is_object);
        if labelled || burst || node || selected == Some(VIRTUAL_NODE) || tolerated || affinity {
            Eci::Asks
        } else {
            Eci::No
        }
    }
}

const VIRTUAL_NODE: &str = "virtual-kubelet";

/// Annotations of which one makes the other idle.
fn conflicts(
    wish: &Wish,
    annotations: &Map<String, Value>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    if let (Some(explicit), Some(auto)) = (wish.explicit, wish.auto) {
        report.add_part(
            Code::IC061,
            &path.key(auto),
            QuotedPart::Key,
            format_args!("idle, since `{explicit}` names a cache"),
            "Keep one of them. If the named cache is missing or not Ready, the pod fails; nothing else is matched.",
        );
    }
    if wish.perfect && annotations.contains_key(POD_MATCH_COUNT) {
        report.add_part(
            Code::IC062,
            &path.key(POD_MATCH_COUNT),
            QuotedPart::Key,
            format_args!("idle, since `{POD_PERFECT_MATCH}` wins"),
            "Remove one of them; perfect match is the recommended one.",
        );
    }
}

fn match_count(count: u64, images: Option<u64>, path: &Path<'_>, report: &mut Report<'_>) {
    if count == 0 {
        report.add(
            Code::IC063,
            path,
            "0 asks for nothing, at least 1 needed",
            "Remove it, or say how many images must match.",
        );
    } else if let Some(images) = images.filter(|images| count > *images) {
        report.add(
            Code::IC063,
            path,
            format_args!("{count} images must match, but the pod has {images}: no cache ever does"),
            format_args!("To ask for all images, write `{POD_PERFECT_MATCH}: \"true\"`."),
        );
    }
}

/// Judges the images of all containers. Gives the number of different images that the pod starts with, if a cache is
/// looked for and every one of them can be read.
fn containers(spec: &Value, cached: bool, path: &Path<'_>, report: &mut Report<'_>) -> Option<u64> {
    let mut seen: Vec<Named<'_>> = Vec::new();
    let mut complete = cached;
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let path = path.field(list);
        let Some(containers) = spec.get(list).and_then(Value::as_array) else {
            continue;
        };
        if containers.len() > MAX_ITEMS {
            complete = false;
            report.add(
                Code::IC003,
                &path,
                format_args!(
                    "{} containers, only the first {MAX_ITEMS} were read",
                    containers.len()
                ),
                "",
            );
        }
        for (index, container) in containers.iter().take(MAX_ITEMS).enumerate() {
            let path = path.index(index);
            match image(container, cached, &path, report) {
                // Ephemeral containers come later than the choice of the cache.
                Some(named) if cached && list != "ephemeralContainers" => {
                    if !seen.contains(&named) {
                        seen.push(named);
                    }
                }
                Some(_) => {}
                None => complete = false,
            }
        }
    }
    complete.then(|| u64::try_from(seen.len()).unwrap_or(u64::MAX))
}

/// Judges the image of one container; gives it in full.
fn image<'v>(
    container: &'v Value,
    cached: bool,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> Option<Named<'v>> {
    let at = path.field("image");
    let text = match container.get("image")? {
        Value::String(text) => text,
        Value::Null => return None,
        other => {
            not_a_string(other, &at, report);
            return None;
        }
    };
    let named = images::reference(text, &at, report)?;
    if cached {
        pull_policy(text, &named, container.get("imagePullPolicy"), path, report);
    }
    Some(named.with_default_tag())
}

/// Judges the pull policy of a container whose pod uses image caches.
///
/// | policy | tag | finding |
/// |---|---|---|
/// | `IfNotPresent`, `Never` | fixed | none |
/// | `IfNotPresent`, `Never` | moves | IC025: the old content runs |
/// | `Always` | any | IC064 |
/// | unset | fixed | none: `IfNotPresent` |
/// | unset | moves | IC064: Kubernetes fills in `Always` |
fn pull_policy(
    text: &str,
    named: &Named<'_>,
    policy: Option<&Value>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    match policy.and_then(Value::as_str).unwrap_or_default() {
        "Always" => report.add(
            Code::IC064,
            &path.field("imagePullPolicy"),
            "`Always` asks the registry at every start, even when the cache has the image",
            "Write `IfNotPresent`.",
        ),
        "" if images::moving_tag(named).is_some() => report.add(
            Code::IC064,
            &path.field("image"),
            format_args!(
                "{} has {}, so imagePullPolicy becomes `Always`",
                Quoted(text),
                if named.tag().is_some() { "the tag `latest`" } else { "no tag" }
            ),
            "Name a version, or write `imagePullPolicy: IfNotPresent` and live with what the cache holds.",
        ),
        "" => {}
        _ => images::mutable_tag(text, named, &path.field("image"), report),
    }
}
