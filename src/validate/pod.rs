//! Pods and pod templates: do they get the image cache that they ask for?
//!
//! Sources: the vendor's pages for the precedence of the annotations, the pull policy and the label of pods on ECI;
//! Kubernetes for the default of the pull policy. Of a pod that neither runs on ECI nor mentions image caches only the
//! images are validated: one that is not a reference can never be pulled.

use std::collections::BTreeSet;
use std::fmt;
use std::ptr;

use serde_json::{Map, Value};

use super::annotations::{self, Place};
use super::images::{self, MAX_ITEMS};
use super::messages::define;
use super::value::{not_a, not_a_string};
use super::{fields, labels};
use crate::diagnostic::{Code, Quoted, QuotedPart, Report};
use crate::path::{Path, Step};
use crate::pod::{CacheRequest, ContainerImage, Located, Placement, Template};
use crate::reference::Named;
use crate::resource::annotation::{
    ACS_ENABLE_CACHE, ECI_INSTANCE_ID, POD_MATCH_COUNT, POD_PERFECT_MATCH, parse_bool,
};
use crate::resource::workload::Workload;
use crate::spelling::nearest;

define! { pod:
    already_selected(explicit) "has no effect: `{explicit}` already selects a cache";
    takes_precedence(other) "has no effect: `{other}` takes precedence";
    count_of_zero() "a count of 0 asks for nothing, must be at least 1";
    acs_beside_eci(name) "an annotation for ACS beside `{name}`, which is for ECI";
    acs_policy(policy) "ACS uses no image cache with {policy}";
    always_pulls() "`Always` asks the registry at every start, even when the cache has the image";
}

/// The pods of one object. Its templates may share annotations and images: each is reported once.
pub(super) struct Pods<'p> {
    path: &'p Path<'p>,
    /// Whether the object is of Kubernetes, whose API server refuses what is not a pod spec.
    strict: bool,
    /// Whether ECI or a kubelet has written to the object.
    has_status: bool,
    seen: BTreeSet<*const Value>,
    reported: BTreeSet<(Code, *const Value, &'static str)>,
}

impl<'p> Pods<'p> {
    pub(super) fn of(workload: &Workload, object: &Value, path: &'p Path<'p>) -> Self {
        let is_pod = workload.kind == "Pod" && workload.is_built_in();
        let status = object.get("status").and_then(Value::as_object);
        Pods {
            path,
            strict: workload.is_built_in(),
            has_status: is_pod && status.is_some_and(|status| !status.is_empty()),
            seen: BTreeSet::new(),
            reported: BTreeSet::new(),
        }
    }

    /// The pods of an object of a kind that Kubernetes does not serve itself.
    pub(super) fn of_operator(path: &'p Path<'p>) -> Self {
        Pods {
            path,
            strict: false,
            has_status: false,
            seen: BTreeSet::new(),
            reported: BTreeSet::new(),
        }
    }

    /// Validates the metadata of the object and of its pod templates: the types of the object's labels, and the names of
    /// the two maps.
    pub(super) fn metadata(
        &mut self,
        workload: &Workload,
        object: &Value,
        report: &mut Report<'_>,
    ) {
        let path = self.path.field("metadata");
        if let Some(labels) = object.get("metadata").and_then(|all| all.get("labels")) {
            self.label_map(labels, &path.field("labels"), report);
        }
        if !self.strict {
            return;
        }
        let templates = workload.templates.iter();
        let belongs = templates.flat_map(|template| {
            let ways = template.annotations.iter();
            ways.map(|way| template.full(*way))
        });
        let without_effect = workload.without_effect.iter();
        for way in belongs.chain(without_effect.map(|way| way.as_str().to_owned())) {
            let mut steps: Vec<&str> = way.split('.').collect();
            steps.pop();
            let at = |steps: &[&str]| {
                let mut steps = steps.iter();
                steps.try_fold(object, |value, step| value.get(step))
            };
            let (fields, known): (_, &[&str]) = match (at(&steps), steps.split_last()) {
                (Some(metadata), _) => (metadata, &["annotations", "labels"]),
                (None, Some((_, above))) => {
                    let Some(fields) = at(above) else { continue };
                    steps.pop();
                    (fields, &["metadata"])
                }
                (None, None) => continue,
            };
            let is_new = self.seen.insert(ptr::from_ref(fields));
            if let Value::Object(fields) = fields
                && is_new
            {
                let steps: Vec<Step<'_>> = steps.into_iter().map(Step::Key).collect();
                self.path.descend(&steps, &mut |path| {
                    misspelt(fields, known, path, report);
                });
            }
        }
    }

    /// Validates the types of a map of labels, once for all templates that share it.
    fn label_map(&mut self, map: &Value, path: &Path<'_>, report: &mut Report<'_>) {
        if !self.seen.insert(ptr::from_ref(map)) {
            return;
        }
        match map {
            Value::Object(all) => labels::label_types(all, path, report),
            Value::Null => {}
            other if self.strict => not_a("an object", other, path, report),
            _ => {}
        }
    }

    /// Reports the misspelt names of the fields that are read, in the pod spec of a template and its containers.
    fn names(&mut self, template: &Template<'_>, report: &mut Report<'_>) {
        for spec in &template.pod_specs {
            if let Value::Object(fields) = spec.value
                && self.seen.insert(ptr::from_ref(spec.value))
            {
                spec.at(self.path, &mut |path| {
                    misspelt(fields, &LISTS_OF_CONTAINERS, path, report);
                });
            }
        }
        for container in template.images.iter().chain(&template.missing) {
            let Some((_, steps)) = container.image.steps.split_last() else {
                continue;
            };
            if let Value::Object(fields) = container.holder
                && self.seen.insert(ptr::from_ref(container.holder))
            {
                self.path.descend(steps, &mut |path| {
                    misspelt(fields, &["image", "imagePullPolicy"], path, report);
                });
            }
        }
    }

    /// Validates the pod of a template.
    pub(super) fn check(&mut self, template: &Template<'_>, report: &mut Report<'_>) {
        if self.strict {
            self.names(template, report);
        }
        for map in &template.labels {
            map.at(self.path, &mut |path| {
                self.label_map(map.value, path, report);
            });
        }
        // Warnings of the reader are findings of `annotations`, at their places.
        let request = CacheRequest::of(template, &mut Vec::new());
        let placement = Placement::of(template);
        let live = self.has_status || template.annotation(ECI_INSTANCE_ID).is_some();
        let place = Place::Pod { live, placement };
        for map in &template.annotations {
            self.annotation_map(map, place, report);
        }
        let acs = template.annotation(ACS_ENABLE_CACHE);
        let enabled = acs.and_then(Value::as_str).and_then(parse_bool) == Some(true);
        let use_of_caches = match placement {
            Placement::Acs if enabled => CacheUse::Acs,
            Placement::Acs => CacheUse::No,
            // Only ACS reads the annotation, so the pod is meant for ACS.
            Placement::Unspecified if enabled && request.asking().is_none() => {
                if !live {
                    let finding = (QuotedPart::Key, NOT_ON_ACS, LABEL_IT_ACS);
                    self.report(Code::IC065, template, ACS_ENABLE_CACHE, finding, report);
                }
                CacheUse::Acs
            }
            _ => {
                if placement != Placement::Eci
                    && let Some(name) = request.asking()
                {
                    let finding = (QuotedPart::Key, acs_beside_eci(name), ONE_PRODUCT);
                    self.report(Code::IC056, template, ACS_ENABLE_CACHE, finding, report);
                }
                self.conflicts(template, &request, report);
                if placement == Placement::Unspecified
                    && !template.has_untyped_label()
                    && !live
                    && let Some(name) = request.asking()
                {
                    let finding = (QuotedPart::Key, NOT_ON_ECI, LABEL_IT);
                    self.report(Code::IC065, template, name, finding, report);
                }
                let default = placement.may_be_eci() || request.asking().is_some();
                match request.uses_cache(default) {
                    true => CacheUse::Eci,
                    false => CacheUse::No,
                }
            }
        };
        let images = self.images(template, use_of_caches, report);
        if placement != Placement::Acs && request.decided_by.count.is_some() {
            self.match_count(template, &request, images, report);
        }
    }

    /// Validates a map of annotations that reaches pods whose template is in another object.
    pub(super) fn annotations(&mut self, map: &Located<'_>, report: &mut Report<'_>) {
        let place = Place::Pod {
            live: false,
            placement: Placement::Unspecified,
        };
        self.annotation_map(map, place, report);
    }

    fn annotation_map(&mut self, map: &Located<'_>, place: Place<'_>, report: &mut Report<'_>) {
        if !self.seen.insert(ptr::from_ref(map.value)) {
            return;
        }
        map.at(self.path, &mut |path| match map.value {
            Value::Object(all) => annotations::check(all, place, path, report),
            Value::Null => {}
            other if self.strict => not_a("an object", other, path, report),
            _ => {}
        });
    }

    /// Reports a finding at an annotation, once for all templates that share the annotation.
    fn report(
        &mut self,
        code: Code,
        template: &Template<'_>,
        name: &'static str,
        (part, message, help): (QuotedPart, impl fmt::Display, impl fmt::Display),
        report: &mut Report<'_>,
    ) {
        let Some(map) = template.annotation_map(name) else {
            return;
        };
        if self.reported.insert((code, ptr::from_ref(map.value), name)) {
            map.at(self.path, &mut |path| {
                report.add_part(code, &path.key(name), part.clone(), &message, &help);
            });
        }
    }

    /// Reports annotations of which one takes the effect of the other.
    fn conflicts(
        &mut self,
        template: &Template<'_>,
        request: &CacheRequest,
        report: &mut Report<'_>,
    ) {
        let by = &request.decided_by;
        let auto = by.auto.filter(|_| request.auto == Some(true));
        if let (Some(explicit), Some(auto)) = (by.explicit, auto) {
            let finding = (QuotedPart::Key, already_selected(explicit), KEEP_ONE);
            self.report(Code::IC061, template, auto, finding, report);
        }
        if request.perfect && template.annotation_map(POD_MATCH_COUNT).is_some() {
            let finding = (
                QuotedPart::Key,
                takes_precedence(POD_PERFECT_MATCH),
                REMOVE_ONE,
            );
            self.report(Code::IC062, template, POD_MATCH_COUNT, finding, report);
        }
    }

    fn match_count(
        &mut self,
        template: &Template<'_>,
        request: &CacheRequest,
        images: Option<usize>,
        report: &mut Report<'_>,
    ) {
        let finding = match (request.count, images) {
            (None, _) => (
                QuotedPart::Value,
                count_of_zero().to_string(),
                SAY_COUNT.to_owned(),
            ),
            (Some(count), Some(images)) if count > images => (
                QuotedPart::Value,
                count_too_high(count, images),
                ask_for_all(),
            ),
            _ => return,
        };
        self.report(Code::IC063, template, POD_MATCH_COUNT, finding, report);
    }

    /// Validates the images of all containers. Returns the number of distinct images that the pod starts with, if it
    /// uses a cache and each image can be read.
    fn images(
        &mut self,
        template: &Template<'_>,
        use_of_caches: CacheUse,
        report: &mut Report<'_>,
    ) -> Option<usize> {
        let mut distinct: Vec<Named<'_>> = Vec::new();
        let mut complete = template.missing.is_empty() && !template.cut_off;
        for misfit in &template.misfits {
            complete = false;
            // Other kinds than those of Kubernetes may allow a null.
            if (self.strict || !misfit.found.value.is_null())
                && self.seen.insert(ptr::from_ref(misfit.found.value))
            {
                misfit.report(self.path, report);
            }
        }
        for container in &template.images {
            if container.index() >= MAX_ITEMS {
                complete = false;
                self.too_many(container, report);
                continue;
            }
            match self.image(container, use_of_caches, report) {
                Some(named) if !distinct.contains(&named) => distinct.push(named),
                Some(_) => {}
                None => complete = false,
            }
        }
        // Ephemeral containers are added after the cache was chosen, so they do not count.
        for container in template.ephemeral_containers() {
            if container.index() >= MAX_ITEMS {
                self.too_many(&container, report);
            } else {
                self.image(&container, use_of_caches, report);
            }
        }
        (complete && use_of_caches == CacheUse::Eci).then_some(distinct.len())
    }

    /// Reports, at the first container that is not read, that a list is too long.
    fn too_many(&self, container: &ContainerImage<'_>, report: &mut Report<'_>) {
        if container.index() != MAX_ITEMS {
            return;
        }
        let Some(steps) = container.image.steps.split_last_chunk::<2>() else {
            return;
        };
        self.path.descend(steps.0, &mut |path| {
            report.add(Code::IC003, path, too_long(container.siblings), "");
        });
    }

    /// Validates the image of one container. Returns the reference with its tag.
    fn image<'v>(
        &mut self,
        container: &ContainerImage<'v>,
        use_of_caches: CacheUse,
        report: &mut Report<'_>,
    ) -> Option<Named<'v>> {
        let (holder, value) = (container.holder, container.image.value);
        if !self.seen.insert(ptr::from_ref(value)) {
            // Another template has reported what is wrong with it.
            let named = Named::parse(value.as_str()?).ok()?;
            return Some(named.with_default_tag());
        }
        let mut found = None;
        container.image.at(self.path, &mut |path| {
            let text = match value {
                Value::String(text) => text,
                Value::Null => return,
                other => return not_a_string(other, path, report),
            };
            let Some(named) = images::reference(text, path, report) else {
                return;
            };
            let policy = holder.get("imagePullPolicy").and_then(Value::as_str);
            match use_of_caches {
                CacheUse::Eci => pull_policy(text, &named, policy, path, report),
                CacheUse::Acs => acs_pull_policy(text, &named, policy, path, report),
                CacheUse::No => {}
            }
            found = Some(named.with_default_tag());
        });
        found
    }
}

/// The fields of a pod spec that hold containers.
const LISTS_OF_CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Reports fields whose names are misspelt ones of the `known` fields. The API server ignores them.
fn misspelt(fields: &Map<String, Value>, known: &[&str], path: &Path<'_>, report: &mut Report<'_>) {
    for field in fields.keys().take(MAX_ITEMS) {
        if known.contains(&field.as_str()) {
            continue;
        }
        if let Some(meant) = nearest(field, known.iter().copied()) {
            report.add_part(
                Code::IC015,
                &path.field(field),
                QuotedPart::Key,
                fields::unknown(Quoted(field)),
                format_args!("Did you mean `{meant}`?"),
            );
        }
    }
}

/// The image caches that a pod uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CacheUse {
    No,
    Eci,
    Acs,
}

/// Validates the pull policy of a container whose pod uses image caches of ECI.
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
    policy: Option<&str>,
    image: &Path<'_>,
    report: &mut Report<'_>,
) {
    match policy.unwrap_or_default() {
        "Always" => {
            let path = policy_path(image);
            report.add(Code::IC064, &path, always_pulls(), WRITE_IF_NOT_PRESENT);
        }
        "" if images::moving_tag(named).is_some() => {
            let message = becomes_always(text, named);
            report.add(Code::IC064, image, message, NAME_A_VERSION);
        }
        "" => {}
        _ => images::mutable_tag(text, named, image, report),
    }
}

/// Validates the pull policy of a container whose pod uses image caches of ACS: only `Always` does. Kubernetes fills it
/// in where the tag is missing or `latest`.
fn acs_pull_policy(
    text: &str,
    named: &Named<'_>,
    policy: Option<&str>,
    image: &Path<'_>,
    report: &mut Report<'_>,
) {
    match policy.unwrap_or_default() {
        "Always" => {}
        "" if images::moving_tag(named).is_some() => {}
        "" => report.add(Code::IC064, image, acs_default(text), WRITE_ALWAYS),
        other => {
            let path = policy_path(image);
            report.add(Code::IC064, &path, acs_policy(Quoted(other)), WRITE_ALWAYS);
        }
    }
}

/// Returns the path of the pull policy beside an image.
fn policy_path<'a>(image: &'a Path<'a>) -> Path<'a> {
    match image {
        Path::Field(container, _) | Path::Key(container, _) => container.field("imagePullPolicy"),
        other => *other,
    }
}

const NOT_ON_ECI: &str = "the pod does not ask for ECI, and only ECI uses image caches";
const LABEL_IT: &str = "Label it `alibabacloud.com/eci: \"true\"`; on a serverless cluster, where every pod runs on ECI, ignore this.";
const NOT_ON_ACS: &str = "the pod does not ask for ACS, and only ACS reads this annotation";
const LABEL_IT_ACS: &str = "Label it `alibabacloud.com/acs: \"true\"`; on a cluster of ACS, where every pod runs on ACS, ignore this.";
const ONE_PRODUCT: &str = "A pod runs on ECI or on ACS; keep the annotations of one of them.";
const KEEP_ONE: &str = "Keep one of them. If the named cache is missing or not Ready, the pod fails; nothing else is matched.";
const REMOVE_ONE: &str = "Remove one of them; perfect match is the recommended one.";
const SAY_COUNT: &str = "Remove it, or write how many images must match.";
const WRITE_IF_NOT_PRESENT: &str = "Write `IfNotPresent`.";
const NAME_A_VERSION: &str =
    "Name a version, or write `imagePullPolicy: IfNotPresent` to run what the cache holds.";
const WRITE_ALWAYS: &str = "Write `imagePullPolicy: Always`.";

fn count_too_high(count: usize, images: usize) -> String {
    format!("{count} images must match, but the pod has {images}: no cache can match")
}

fn ask_for_all() -> String {
    format!("To ask for all images, write `{POD_PERFECT_MATCH}: \"true\"`.")
}

fn too_long(containers: usize) -> String {
    format!("{containers} containers, only the first {MAX_ITEMS} were read")
}

fn becomes_always(image: &str, named: &Named<'_>) -> String {
    let tag = match named.tag() {
        Some(_) => "the tag `latest`",
        None => "no tag",
    };
    format!(
        "{} has {tag}, so imagePullPolicy becomes `Always`",
        Quoted(image)
    )
}

fn acs_default(image: &str) -> String {
    format!(
        "{} has a fixed tag, so imagePullPolicy becomes `IfNotPresent`, and ACS uses no image cache",
        Quoted(image)
    )
}
