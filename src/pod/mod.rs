//! Pods: the images they start with, what they ask of image caches, and where they run.
//!
//! A pod is described by a Pod object, or by a pod template in another object. The table of workloads
//! ([`crate::resource::workload`]) says where each kind keeps its templates; [`templates`] finds them in an object;
//! [`Pod::read_all`] reads them. Validation, matching and admission all read pods with this module:
//!
//! | question | answer |
//! |---|---|
//! | Which pod templates does this object have? | [`templates`], [`search`] for an unknown kind |
//! | What does the pod ask of image caches? | [`CacheRequest`] |
//! | Does the pod run on ECI? | [`Placement`] |
//! | Which images does the pod have, and how much storage does it need? | [`Pod`] |

mod defaults;
mod node;
mod placement;
mod request;
mod search;
mod storage;
mod template;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::diagnostic::{Code, Diagnostic, Levels, Report};
use crate::image::{Image, ImageFacts};
use crate::messages::define;
use crate::path::Path;
use crate::resource::annotation::{self, AnnotationHolder};
use crate::resource::whole;
use crate::resource::workload::{self, PodPaths, Workload, group_of};
use crate::type_error::TypeError;
use defaults::OwnMetadata;
use node::NodeRequirements;

pub use defaults::ClusterDefaults;
pub(crate) use defaults::gives_defaults;
pub use placement::Placement;
pub use request::{CacheRequest, DecidingAnnotations};
pub use search::search;
pub(crate) use search::taught;
pub use storage::{GIB, storage_bytes};
pub use template::{ContainerImage, Located, Misfit, Referred, Template, templates, values};

/// The origin of a pod. Automatic matching is on by default in Kubernetes, and off by default in the OpenAPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum PodSource {
    /// A pod of a cluster.
    #[default]
    Kubernetes,
    /// A container group of the OpenAPI.
    OpenApi,
}

impl PodSource {
    /// Returns true if automatic matching is on by default.
    #[must_use]
    pub fn auto_match(self) -> bool {
        self == PodSource::Kubernetes
    }
}

define! { pods:
    no_effect(kind) "has no effect on a {kind}: only annotations of pods are read";
}

/// A pod: its images, and what decides which image cache it gets.
///
/// The images are those of its containers and init containers, each distinct one once. Ephemeral containers are left
/// out: no pod has them when it is created, and matching happens once, at creation. So are image volumes, which no
/// document of ECI counts among a pod's images.
///
/// ```
/// use imagecache::{matching::Image, pod::Pod};
/// let pod = Pod::new("web", ["nginx:1.27", "docker.io/library/nginx:1.27", "redis"].map(Image::new));
/// assert_eq!(pod.distinct(), 2);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Pod {
    /// The kind of the object: `Pod`, `Deployment`, …
    pub kind: String,
    /// The namespace of the object, where written.
    pub namespace: Option<String>,
    /// The name of the object.
    pub name: String,
    /// The name of the pod template in the object: `driver`. Empty where the kind has one template.
    pub template: String,
    /// The number of pods that the object asks for, where it says so.
    pub replicas: Option<u64>,
    /// The names of its image pull secrets, in its namespace.
    pub pull_secrets: Vec<String>,
    /// The origin of the pod: decides whether automatic matching is on when no annotation says so.
    pub surface: PodSource,
    /// Where the pod runs.
    pub placement: Placement,
    /// What the pod asks of image caches.
    pub wish: CacheRequest,
    /// Temporary storage that the pod asks for, in GiB: a cache must be at least as large.
    pub storage_gib: u64,
    /// The part of it that is asked for on top of what an instance has, in GiB: an automatic cache grows by it.
    pub extra_storage_gib: u64,
    /// The region that the pod must run in, where written.
    pub region: Option<String>,
    /// The architecture that the pod must run on, where written.
    pub arch: Option<String>,
    /// The operating system that the pod must run on, where written.
    pub os: Option<String>,
    /// Sentences on what could not be read, or has no effect.
    pub warnings: Vec<String>,
    /// A label or an annotation of the pod that decides its cache has the wrong type, and counts as absent.
    pub doubtful: bool,
    /// Sentences on what the cluster adds to the pod.
    pub notes: Vec<String>,
    /// What the pod has itself, until defaults of the cluster are added.
    own: Option<Box<OwnMetadata>>,
    images: Vec<Image>,
    /// Further texts for images of the pod.
    spellings: Vec<Image>,
    unreadable: Vec<Image>,
}

/// An object that describes no pod. `Display` joins the findings with `; `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct PodError {
    /// The findings, at least one.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for PodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, found) in self.diagnostics.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{found}")?;
        }
        Ok(())
    }
}

impl Pod {
    /// Returns a pod of a cluster with these images that asks for nothing.
    #[must_use]
    pub fn new(name: &str, images: impl IntoIterator<Item = Image>) -> Self {
        let mut pod = Pod {
            kind: "Pod".to_owned(),
            name: name.to_owned(),
            ..Pod::default()
        };
        pod.set_images(images.into_iter().collect());
        pod
    }

    /// Returns the distinct images, by repository, then version.
    #[must_use]
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// Returns the distinct images that are not references. They match nothing. An image that is missing or not a
    /// string has its path as text.
    #[must_use]
    pub fn unreadable(&self) -> &[Image] {
        &self.unreadable
    }

    /// Returns the number of distinct images, readable or not.
    #[must_use]
    pub fn distinct(&self) -> usize {
        self.images.len() + self.unreadable.len()
    }

    /// Returns `namespace/name`, or the name alone; with the name of the template in parentheses.
    #[must_use]
    pub fn full_name(&self) -> String {
        let mut name = match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        };
        if !self.template.is_empty() {
            name.push_str(&format!(" ({})", self.template));
        }
        name
    }

    /// Reads the images again, with what registries report about them.
    pub fn apply(&mut self, facts: &ImageFacts) {
        let again = |image: &Image| Image::read(image.text(), facts);
        let read = self.images.iter().chain(&self.spellings);
        let mut images: Vec<Image> = read.map(again).collect();
        images.append(&mut self.unreadable);
        self.set_images(images);
    }

    /// Returns the pod with images that are compared as text.
    pub(crate) fn with_images_as_text(&self) -> Self {
        let mut pod = self.clone();
        let read = self.images.iter().chain(&self.spellings);
        let texts = read.map(Image::as_text);
        pod.set_images(texts.chain(self.unreadable.iter().cloned()).collect());
        pod
    }

    fn set_images(&mut self, images: Vec<Image>) {
        (self.images, self.unreadable) = images
            .into_iter()
            .partition(|image| image.normalized().is_some());
        fn order(image: &Image) -> (Option<&str>, Option<&str>, &str) {
            (image.repository(), image.normalized(), image.text())
        }
        self.images.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
        self.spellings.clear();
        let spellings = &mut self.spellings;
        self.images.dedup_by(|a, b| {
            let same = a.normalized() == b.normalized();
            if same && a.text() != b.text() {
                spellings.push(a.clone());
            }
            same
        });
        self.unreadable
            .sort_unstable_by(|a, b| a.text().cmp(b.text()));
        self.unreadable.dedup_by(|a, b| a.text() == b.text());
    }

    /// Reads the first pod of an object: see [`Pod::read_all`].
    #[must_use]
    pub fn read(value: &Value, report: &mut Report<'_>) -> Option<Self> {
        Reading::PLAIN.first(value, report)
    }

    /// Parses the first pod of an object: a Pod, or an object with a pod template. An image that is not a reference does not
    /// fail; it is in [`Pod::unreadable`].
    ///
    /// ```
    /// use imagecache::pod::Pod;
    /// let object = serde_json::json!({"kind": "Pod", "spec": {"containers": [{"image": "nginx:1.27"}]}});
    /// assert_eq!(Pod::parse(&object).unwrap().images()[0].text(), "nginx:1.27");
    /// let error = Pod::parse(&serde_json::json!({"kind": "Service"})).unwrap_err();
    /// assert_eq!(error.to_string(), "neither a Pod nor an object with a pod template");
    /// ```
    ///
    /// # Errors
    /// Returns [`PodError`] if the object describes no pod.
    pub fn parse(value: &Value) -> Result<Self, PodError> {
        Reading::PLAIN.parse(value)
    }

    /// Reads the pods that an object describes, one for each pod template with an image: a Pod, an object of a kind in
    /// the table of workloads, or one of an unknown kind with a pod spec in it. `kind` is the kind of an object that
    /// does not say its own. Reports what could not be read; paths begin with `path`.
    #[must_use]
    pub fn read_all(
        value: &Value,
        kind: Option<&str>,
        path: &Path<'_>,
        report: &mut Report<'_>,
    ) -> Vec<Self> {
        Reading::PLAIN.pods(value, kind, path, report)
    }

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
        let secrets = template.spec("imagePullSecrets").and_then(Value::as_array);
        let names = secrets
            .into_iter()
            .flatten()
            .filter_map(|secret| secret.get("name")?.as_str());
        pod.pull_secrets = names.map(str::to_owned).collect();
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
                        let message = expected("a string", other);
                        report.add(Code::IC016, path, &message, IMAGE_COUNTS);
                        Image::unreadable(&path.to_string(), &message)
                    }
                });
            });
        }
        for misfit in &template.misfits {
            misfit.found.at(path, &mut |path| {
                let message = expected(misfit.expected, misfit.found.value);
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

/// Reports labels that are not strings. Returns true if there is one, or an annotation for pods that is not.
fn report_types(template: &Template<'_>, path: &Path<'_>, report: &mut Report<'_>) -> bool {
    let untyped = |value: &&Value| !matches!(value, Value::String(_) | Value::Null);
    let mut doubtful = template.has_untyped_label();
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
    fn first(self, value: &Value, report: &mut Report<'_>) -> Option<Pod> {
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
        let mut broken = false;
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

    /// Reports the objects that have pod templates or images for the pods of this one; `without_pods`: it has none itself.
    pub(crate) fn report_elsewhere(
        self,
        value: &Value,
        kind: Option<&str>,
        without_pods: bool,
        path: &Path<'_>,
        report: &mut Report<'_>,
    ) {
        let Some(row) = row_of(value, kind).0 else {
            return;
        };
        if row.references.is_empty() {
            return;
        }
        let (templates, _) = self.templates(value, kind);
        let broken = templates
            .iter()
            .any(|template| !template.misfits.is_empty());
        let referred = report_references(row, value, &templates, path, report);
        let certain = row.is_built_in() || value.get("apiVersion").is_some();
        if without_pods && certain && !broken && !referred && !row.templates.is_empty() {
            let name = named(value, kind).full_name();
            report.add(Code::IC069, path, without_image(&name), CHOSEN_ELSEWHERE);
        }
    }
}

/// Reports each object that an object names because it has a pod template or an image. Returns whether there is one.
fn report_references(
    row: &Workload,
    value: &Value,
    templates: &[Template<'_>],
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> bool {
    // A container whose image is elsewhere is an image of its pod that is named there.
    let of_containers = templates
        .iter()
        .filter(|template| template.makes_pod)
        .flat_map(|template| &template.missing)
        .filter_map(|container| container.elsewhere.as_ref())
        .map(|referred| std::ptr::from_ref(referred.name.value));
    let of_containers: BTreeSet<_> = of_containers.collect();
    let references = template::references(row, value);
    for referred in &references {
        if !of_containers.contains(&std::ptr::from_ref(referred.name.value)) {
            referred.name.at(path, &mut |path| {
                report.add(Code::IC069, path, made_from(referred), MATCH_IT);
            });
        }
    }
    !references.is_empty()
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

/// Returns the message on a value of the wrong type.
fn expected(wanted: &str, found: &Value) -> String {
    match found {
        Value::Null => format!("expected {wanted}, found null"),
        Value::Bool(value) => format!("expected {wanted}, found the boolean `{value}`"),
        Value::Number(value) => format!("expected {wanted}, found the number `{value}`"),
        Value::String(_) => format!("expected {wanted}, found a string"),
        Value::Array(_) => format!("expected {wanted}, found a list"),
        Value::Object(_) => format!("expected {wanted}, found an object"),
    }
}
