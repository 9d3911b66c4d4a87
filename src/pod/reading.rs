//! Pods out of objects of any kind, and what of them could not be read.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::defaults::OwnMetadata;
use super::node::NodeRequirements;
use super::template::references;
use super::{
    CacheRequest, Misfit, Placement, Pod, PodError, Referred, Template, misfits_above, no_effect,
    search, storage, taught, templates, values,
};
use crate::diagnostic::{Code, Levels, Report};
use crate::image::Image;
use crate::path::Path;
use crate::resource::annotation::{self, AnnotationHolder};
use crate::resource::whole;
use crate::resource::workload::{self, PodPaths, Workload, group_of};
use crate::type_error::TypeError;

impl Pod {
    fn from_template(
        template: &Template<'_>,
        object: &Value,
        kind: Option<&str>,
        strict: bool,
        path: &Path<'_>,
        report: &mut Report<'_>,
    ) -> Self {
        let mut pod = named(object, kind);
        pod.template.clone_from(&template.name);
        pod.wish = CacheRequest::of(template, &mut pod.warnings);
        pod.doubtful = report_types(template, path, report);
        pod.placement = Placement::of(template);
        pod.read_replicas(template);
        pod.read_secrets(template);
        pod.read_storage(template);
        pod.read_requirements(template);
        let mut images = Vec::new();
        for container in template.images.iter().chain(&template.missing) {
            if let Value::String(text) = container.image.value {
                images.push(Image::new(text));
                continue;
            }
            container.image.at(path, &mut |path| {
                images.push(match container.image.value {
                    Value::Null => {
                        if strict {
                            report.add(Code::IC023, path, IMAGE_MISSING, IMAGE_COUNTS);
                        }
                        let path = path.to_string();
                        match &container.elsewhere {
                            Some(referred) => Image::unreadable(&path, &in_another(referred)),
                            None => Image::unreadable(&path, IMAGE_MISSING),
                        }
                    }
                    other => {
                        let message = expected("a string", other).to_string();
                        report.add(Code::IC016, path, &message, IMAGE_COUNTS);
                        Image::unreadable(&path.to_string(), &message)
                    }
                });
            });
        }
        for misfit in &template.misfits {
            misfit.found.at(path, &mut |path| {
                let message = expected(misfit.expected, misfit.found.value).to_string();
                images.push(Image::unreadable(&path.to_string(), &message));
            });
        }
        if template.cut_off {
            report.add(Code::IC003, path, CUT_OFF, "");
            images.push(Image::unreadable("…", CUT_OFF));
        }
        pod.set_images(images);
        pod
    }

    fn read_replicas(&mut self, template: &Template<'_>) {
        let Some(written) = &template.replicas else {
            return;
        };
        let count = whole(written.value).and_then(|count| u64::try_from(count).ok());
        if count.is_none() {
            let found = serde_json::to_string(written.value).unwrap_or_default();
            self.warnings.push(format!(
                "the number of pods is `{found}`, not a number: ignored"
            ));
        }
        self.replicas = count;
    }

    fn read_secrets(&mut self, template: &Template<'_>) {
        let secrets = template.spec("imagePullSecrets").and_then(Value::as_array);
        let names = secrets
            .into_iter()
            .flatten()
            .filter_map(|secret| secret.get("name")?.as_str());
        self.pull_secrets = names.map(str::to_owned).collect();
    }

    fn read_storage(&mut self, template: &Template<'_>) {
        let name = annotation::POD_EXTRA_STORAGE;
        let extra = template.annotation(name).and_then(Value::as_str);
        let bytes = extra.and_then(storage::storage_bytes);
        if let (Some(text), None) = (extra, bytes) {
            self.warnings
                .push(format!("annotation {name} is {}", not_a_quantity(text)));
        }
        let extra = bytes.unwrap_or_default();
        let requested = storage::requested(template, |bad| {
            let bad = serde_json::to_string(bad).unwrap_or_default();
            self.warnings
                .push(format!("ephemeral-storage is {}", not_a_quantity(&bad)));
        });
        self.extra_storage_gib = storage::gib(extra);
        self.storage_gib = storage::gib(extra.max(requested));
    }

    fn read_requirements(&mut self, template: &Template<'_>) {
        let node = NodeRequirements::of(template);
        self.region = node.label([
            "topology.kubernetes.io/region",
            "failure-domain.beta.kubernetes.io/region",
        ]);
        self.arch = node.label(["kubernetes.io/arch", "beta.kubernetes.io/arch"]);
        let os = template.spec("os").and_then(|os| os.get("name")?.as_str());
        self.os = match os {
            Some(os) => Some(os.to_owned()),
            None => node.label(["kubernetes.io/os", "beta.kubernetes.io/os"]),
        };
    }
}

/// Returns a pod of which only the platform and the pull secrets are read.
#[cfg(feature = "registry")]
pub(crate) fn requirements(template: &Template<'_>) -> Pod {
    let mut pod = Pod::default();
    pod.read_secrets(template);
    pod.read_requirements(template);
    pod
}

impl Misfit<'_> {
    /// Reports the value at its place.
    pub(crate) fn report(&self, object: &Path<'_>, report: &mut Report<'_>) {
        self.found.at(object, &mut |path| {
            report.add(
                Code::IC016,
                path,
                expected(self.expected, self.found.value),
                "",
            );
        });
    }
}

/// Reports labels that are not strings, and maps of labels and annotations that are not objects. Returns true if there is
/// one, or an annotation for pods that is not a string.
fn report_types(template: &Template<'_>, path: &Path<'_>, report: &mut Report<'_>) -> bool {
    let untyped = |value: &&Value| !matches!(value, Value::String(_) | Value::Null);
    let mut doubtful = template.has_untyped_label();
    for map in template.labels.iter().chain(&template.annotations) {
        if !matches!(map.value, Value::Object(_) | Value::Null) {
            doubtful = true;
            map.at(path, &mut |path| {
                report.add(Code::IC016, path, expected("an object", map.value), "");
            });
        }
    }
    for map in template.labels.iter().filter(|_| doubtful) {
        for (key, found) in map.value.as_object().into_iter().flatten() {
            if untyped(&found) {
                let expected = "a string";
                map.at(path, &mut |path| {
                    let error = TypeError { expected, found };
                    report.add(Code::IC016, &path.key(key), error, LABEL_COUNTS);
                });
            }
        }
    }
    for map in &template.annotations {
        let all = map.value.as_object().into_iter().flatten();
        let mut untyped = all.filter(|(_, value)| untyped(value));
        doubtful |= untyped.any(|(key, _)| is_for_pods(key));
    }
    doubtful
}

fn is_for_pods(annotation: &str) -> bool {
    annotation::find(annotation)
        .is_some_and(|known| known.holder == AnnotationHolder::Pod && !known.result)
}

/// Adds a warning for each annotation for pods that is written where it does not reach the pods.
fn without_effect(row: &Workload, object: &Value, warnings: &mut Vec<String>) {
    for map in row
        .without_effect
        .iter()
        .flat_map(|way| values(*way, object))
    {
        let keys = map.value.as_object().into_iter().flat_map(Map::keys);
        for key in keys.filter(|key| is_for_pods(key)) {
            map.at(&Path::Root, &mut |path| {
                let message = no_effect(row.kind);
                warnings.push(format!("{}: {message}", path.key(key)));
            });
        }
    }
}

/// How the pods of an object are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    /// Places of pods in kinds that the table of workloads does not have.
    pub(crate) paths: &'a PodPaths,
    /// Whether defaults of the cluster can be added to the pods.
    pub(crate) for_defaults: bool,
    /// Whether pods that are made from another object are reported.
    pub(crate) references: bool,
}

impl Reading<'static> {
    pub(crate) const PLAIN: Self = Reading {
        paths: PodPaths::NONE,
        for_defaults: false,
        references: false,
    };
}

impl Reading<'_> {
    /// Returns the pod templates of an object of any kind: those of its row in the table, those that the paths lead to,
    /// else every pod spec in it. Returns with them whether its kind is unknown.
    pub(crate) fn templates<'v>(
        self,
        value: &'v Value,
        kind: Option<&'v str>,
    ) -> (Vec<Template<'v>>, bool) {
        let (row, kind) = row_of(value, kind);
        if let Some(row) = row {
            return (templates(row, value), false);
        }
        let api_version = value.get("apiVersion").and_then(Value::as_str);
        let group = group_of(api_version.unwrap_or_default());
        let found = taught(self.paths.of(group, kind.unwrap_or_default()), value);
        if found.is_empty() {
            return (search(value), true);
        }
        (found, false)
    }

    /// Reads the first pod of an object.
    pub(super) fn first(self, value: &Value, report: &mut Report<'_>) -> Option<Pod> {
        let mut pods = self.pods(value, None, &Path::Root, report).into_iter();
        let mut pod = pods.next()?;
        let more = pods.count();
        if more > 0 {
            pod.warnings.push(only_the_first(&pod.template, more));
        }
        Some(pod)
    }

    /// Reads the first pod of an object: see [`Pod::parse`].
    pub(crate) fn parse(self, value: &Value) -> Result<Pod, PodError> {
        let mut report = Report::new(&Levels::DEFAULT);
        self.first(value, &mut report).ok_or_else(|| {
            report.add(Code::IC011, &Path::Root, NOT_A_POD, "");
            PodError {
                diagnostics: report.finish(),
            }
        })
    }

    /// Reads every pod that an object describes: see [`Pod::read_all`].
    pub(crate) fn pods(
        self,
        value: &Value,
        kind: Option<&str>,
        path: &Path<'_>,
        report: &mut Report<'_>,
    ) -> Vec<Pod> {
        let (templates, unknown) = self.templates(value, kind);
        let (row, kind) = row_of(value, kind);
        let strict = row.is_some_and(Workload::is_built_in);
        let mut pods = Vec::new();
        let above = row.map(|row| misfits_above(row, value, &templates));
        let above = above.unwrap_or_default();
        above.iter().for_each(|misfit| misfit.report(path, report));
        let mut broken = !above.is_empty();
        for template in &templates {
            for misfit in &template.misfits {
                // Only Kubernetes itself is known to refuse a null.
                if strict || !misfit.found.value.is_null() {
                    broken = true;
                    misfit.report(path, report);
                }
            }
            let incomplete = strict && !template.missing.is_empty();
            if template.makes_pod || incomplete {
                let mut pod = Pod::from_template(template, value, kind, strict, path, report);
                pod.doubtful |= !above.is_empty();
                if self.for_defaults {
                    pod.own = Some(Box::new(OwnMetadata::of(template)));
                }
                pods.push(pod);
            }
        }
        if let (true, Some(first), Some(kind)) = (unknown, pods.first_mut(), kind) {
            first.warnings.push(unknown_kind(kind));
        }
        if let (Some(row), Some(first)) = (row, pods.first_mut()) {
            without_effect(row, value, &mut first.warnings);
        }
        let needs_image = row.is_some_and(|row| {
            let certain = row.is_built_in() || value.get("apiVersion").is_some();
            certain && !row.templates.is_empty() && row.references.is_empty()
        });
        if pods.is_empty() && needs_image && !broken {
            let name = named(value, kind).full_name();
            report.add(Code::IC016, path, without_image(&name), SKIPPED);
        }
        if self.references {
            self.report_elsewhere(value, kind, pods.is_empty(), path, report);
        }
        pods
    }

    /// Reports the objects that have pod templates or images for the pods of this one, and returns them; `without_pods`: it
    /// has none itself.
    pub(crate) fn report_elsewhere(
        self,
        value: &Value,
        kind: Option<&str>,
        without_pods: bool,
        path: &Path<'_>,
        report: &mut Report<'_>,
    ) -> Vec<TemplateOwner> {
        let row = row_of(value, kind).0;
        let Some(row) = row.filter(|row| !row.references.is_empty()) else {
            return Vec::new();
        };
        let (templates, _) = self.templates(value, kind);
        let broken = templates
            .iter()
            .any(|template| !template.misfits.is_empty())
            || !misfits_above(row, value, &templates).is_empty();
        let mut owners = report_references(row, value, &templates, path, report);
        let certain = row.is_built_in() || value.get("apiVersion").is_some();
        if without_pods && certain && !broken && owners.is_empty() && !row.templates.is_empty() {
            let name = named(value, kind).full_name();
            report.add(Code::IC069, path, without_image(&name), CHOSEN_ELSEWHERE);
            owners.push(TemplateOwner::Unnamed);
        }
        owners
    }
}

/// An object that has the pod template or an image of the pods of another.
#[derive(Debug, Clone)]
pub(crate) enum TemplateOwner {
    /// The one that is named; the namespace is that of the object that names it, which may be empty.
    Named {
        kinds: &'static [&'static str],
        namespace: String,
        name: String,
    },
    /// An operator chooses it.
    Unnamed,
}

/// Reports each object that an object names because it has a pod template or an image, and returns them.
fn report_references(
    row: &Workload,
    value: &Value,
    templates: &[Template<'_>],
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> Vec<TemplateOwner> {
    // A container whose image is elsewhere is an image of its pod that is named there.
    let mut of_containers = BTreeSet::new();
    for template in templates.iter().filter(|template| template.makes_pod) {
        for referred in template
            .missing
            .iter()
            .flat_map(|missing| &missing.elsewhere)
        {
            of_containers.insert(std::ptr::from_ref(referred.name.value));
        }
    }
    let references = references(row, value);
    for referred in &references {
        if !of_containers.contains(&std::ptr::from_ref(referred.name.value)) {
            referred.name.at(path, &mut |path| {
                report.add(Code::IC069, path, made_from(referred), MATCH_IT);
            });
        }
    }
    let namespace = named(value, None).namespace.unwrap_or_default();
    let owners = references.iter().map(|referred| TemplateOwner::Named {
        kinds: referred.kinds,
        namespace: namespace.clone(),
        name: referred.name.value.as_str().unwrap_or_default().to_owned(),
    });
    owners.collect()
}

/// Reports whether an object describes pods: its kind has pod templates, or there is a pod spec in it.
#[must_use]
pub fn describes_pods(value: &Value, kind: Option<&str>) -> bool {
    match row_of(value, kind).0 {
        Some(row) if row.is_built_in() => !row.templates.is_empty(),
        Some(row) => templates(row, value)
            .iter()
            .any(|template| template.makes_pod),
        None => !search(value).is_empty(),
    }
}

/// Returns the row of an object, and its kind.
fn row_of<'v>(
    value: &'v Value,
    kind: Option<&'v str>,
) -> (Option<&'static Workload>, Option<&'v str>) {
    let text = |name| value.get(name).and_then(Value::as_str);
    let kind = text("kind").or(kind);
    let api_version = text("apiVersion").unwrap_or_default();
    (
        kind.and_then(|kind| workload::resolve(api_version, kind)),
        kind,
    )
}

/// Returns a pod without images that has the names of an object.
fn named(object: &Value, kind: Option<&str>) -> Pod {
    let metadata = |name| {
        object
            .get("metadata")?
            .get(name)?
            .as_str()
            .map(str::to_owned)
    };
    Pod {
        kind: kind.unwrap_or("Pod").to_owned(),
        namespace: metadata("namespace"),
        name: metadata("name")
            .or_else(|| metadata("generateName"))
            .unwrap_or_default(),
        ..Pod::default()
    }
}

const LABEL_COUNTS: &str = "The label counts as absent; write it in quotes.";
const NOT_A_POD: &str = "neither a Pod nor an object with a pod template";
const IMAGE_MISSING: &str = "required";
const IMAGE_COUNTS: &str = "The image counts as one that no cache has.";
const SKIPPED: &str = "The object is skipped: its pods pull no images.";
const CHOSEN_ELSEWHERE: &str = "Its operator chooses an image, which is not known here.";
const MATCH_IT: &str = "Match that object too; what this one adds to its pods is not known there.";
const CUT_OFF: &str = "the pod templates share too many values, so some were not read";

fn without_image(name: &str) -> String {
    format!("`{name}` has no container with an image")
}

fn made_from(referred: &Referred<'_>) -> String {
    format!("pods are made from {referred}")
}

fn in_another(referred: &Referred<'_>) -> String {
    format!("it is in {referred}")
}

fn unknown_kind(kind: &str) -> String {
    format!("the kind `{kind}` is unknown: the pod spec was found by its form")
}

fn only_the_first(template: &str, more: usize) -> String {
    format!("only the pod `{template}` was read, the object describes {more} more")
}

fn not_a_quantity(text: &str) -> String {
    format!("`{text}`, not a quantity: ignored")
}

fn expected<'a>(expected: &'a str, found: &'a Value) -> TypeError<'a> {
    TypeError { expected, found }
}
