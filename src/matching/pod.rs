//! A pod as matching sees it, from a Pod or from any workload that has a pod template.

use serde_json::{Map, Value};

use super::fields::kind_of;
use super::image::{Image, ImageFacts};
use super::rules::PodSource;
use super::storage;
use super::wish::CacheRequest;
use crate::annotation;
use crate::diagnostic::{Code, Report};
use crate::path::Path;

/// A pod as matching sees it.
///
/// Its images are those of its containers and init containers, each distinct one once. Ephemeral containers are left
/// out: no pod has them when it is created, and matching happens once, at creation. So are image volumes, which no
/// document of ECI counts among a pod's images.
///
/// ```
/// use imagecache::matching::{Image, Pod};
/// let pod = Pod::new("web", ["nginx:1.27", "docker.io/library/nginx:1.27", "redis"].map(Image::new));
/// assert_eq!(pod.distinct(), 2);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Pod {
    /// Kind of the object: `Pod`, `Deployment`, …
    pub kind: String,
    /// Its namespace, where written.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Where it comes from: decides whether automatic matching is on when nothing is said.
    pub surface: PodSource,
    /// What it asks of image caches.
    pub wish: CacheRequest,
    /// Temporary storage that it asks for, in GiB: a cache must be as large.
    pub storage_gib: u64,
    /// The part of it that is asked for on top of what an instance has, in GiB: an automatic cache grows by it.
    pub extra_storage_gib: u64,
    /// The region it must run in, where it says so.
    pub region: Option<String>,
    /// The architecture it must run on, where it says so.
    pub arch: Option<String>,
    /// The operating system it must run on, where it says so.
    pub os: Option<String>,
    /// What of it could not be read, in sentences.
    pub warnings: Vec<String>,
    images: Vec<Image>,
    unreadable: Vec<Image>,
}

impl Pod {
    /// A pod of a cluster with these images that asks for nothing.
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

    /// Its distinct images, by repository, then version.
    #[must_use]
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// Its distinct images that are no references: they match nothing.
    #[must_use]
    pub fn unreadable(&self) -> &[Image] {
        &self.unreadable
    }

    /// The number of its distinct images, readable or not.
    #[must_use]
    pub fn distinct(&self) -> usize {
        self.images.len() + self.unreadable.len()
    }

    /// `namespace/name`, or the name alone.
    #[must_use]
    pub fn full_name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Reads every image again, beside what registries tell.
    pub fn apply(&mut self, facts: &ImageFacts) {
        let all = self.images.iter().chain(&self.unreadable);
        let images = all.map(|image| Image::read(image.text(), facts)).collect();
        self.set_images(images);
    }

    fn set_images(&mut self, images: Vec<Image>) {
        (self.images, self.unreadable) =
            images.into_iter().partition(|image| image.key().is_some());
        self.images
            .sort_by(|a, b| (version_of(a), a.text()).cmp(&(version_of(b), b.text())));
        self.images.dedup_by(|a, b| version_of(a) == version_of(b));
        self.unreadable.sort_by(|a, b| a.text().cmp(b.text()));
        self.unreadable.dedup_by(|a, b| a.text() == b.text());
    }

    /// Reads a Pod or a workload with a pod template (Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob,
    /// and any other kind that keeps it in the same place). Annotations count where ECI reads them: on the pod or
    /// the template. `None` for other objects, and, with a report, for one without containers.
    #[must_use]
    pub fn read(value: &Value, report: &mut Report<'_>) -> Option<Self> {
        Self::read_at(value, None, &Path::Root, report)
    }

    /// [`Pod::read`] of what a user calls a pod: it is reported when it is none.
    #[must_use]
    pub fn read_named(value: &Value, report: &mut Report<'_>) -> Option<Self> {
        let pod = Self::read(value, report);
        if pod.is_none() {
            let message = "neither a Pod nor a workload with a pod template";
            report.add(Code::IC011, &Path::Root, message, "");
        }
        pod
    }

    pub(super) fn read_at(
        value: &Value,
        kind: Option<&str>,
        path: &Path<'_>,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let kind = value.get("kind").and_then(Value::as_str).or(kind);
        let template = template(value, kind)?;
        let metadata = |name| {
            value
                .get("metadata")?
                .get(name)?
                .as_str()
                .map(str::to_owned)
        };
        let mut pod = Pod {
            kind: kind.unwrap_or("Pod").to_owned(),
            namespace: metadata("namespace"),
            name: metadata("name")
                .or_else(|| metadata("generateName"))
                .unwrap_or_default(),
            ..Pod::default()
        };
        let empty = Map::new();
        let annotations = template
            .get("metadata")
            .and_then(|metadata| metadata.get("annotations"));
        let annotations = annotations.and_then(Value::as_object).unwrap_or(&empty);
        pod.wish = CacheRequest::read(annotations, &mut pod.warnings);
        let spec = template.get("spec").unwrap_or(&Value::Null);
        pod.read_storage(spec, annotations);
        pod.read_placement(spec);
        let images = images(spec, path, report);
        if images.is_empty() {
            let message = format!("`{}` has no container with an image", pod.full_name());
            report.add(
                Code::IC016,
                path,
                message,
                "The pod is passed over: it pulls nothing.",
            );
            return None;
        }
        pod.set_images(images);
        Some(pod)
    }

    fn read_storage(&mut self, spec: &Value, annotations: &Map<String, Value>) {
        let extra = annotations
            .get(annotation::POD_EXTRA_STORAGE)
            .and_then(Value::as_str);
        let bytes = extra.and_then(storage::storage_bytes);
        if let (Some(text), None) = (extra, bytes) {
            let name = annotation::POD_EXTRA_STORAGE;
            self.warnings.push(format!(
                "annotation {name} is `{text}`, no quantity: ignored"
            ));
        }
        let extra = bytes.unwrap_or_default();
        let requested = storage::requested(spec, |bad| {
            let bad = serde_json::to_string(bad).unwrap_or_default();
            self.warnings.push(format!(
                "ephemeral-storage is `{bad}`, no quantity: ignored"
            ));
        });
        self.extra_storage_gib = storage::gib(extra);
        self.storage_gib = storage::gib(extra.max(requested));
    }

    fn read_placement(&mut self, spec: &Value) {
        let os = spec.get("os").and_then(|os| os.get("name"));
        self.os = os.and_then(Value::as_str).map(str::to_owned);
        let Some(placement) = Placement::of(spec) else {
            return;
        };
        let of = |labels: [&str; 2]| {
            let value = labels
                .into_iter()
                .find_map(|label| placement.required(label));
            value.map(str::to_owned)
        };
        self.region = of([
            "topology.kubernetes.io/region",
            "failure-domain.beta.kubernetes.io/region",
        ]);
        self.arch = of(["kubernetes.io/arch", "beta.kubernetes.io/arch"]);
        if self.os.is_none() {
            self.os = of(["kubernetes.io/os", "beta.kubernetes.io/os"]);
        }
    }
}

fn version_of(image: &Image) -> Option<(&str, &str)> {
    image.key().map(|key| (key.repository(), key.version()))
}

/// Is this a Pod, or a workload with a pod template?
pub(super) fn is_pod(value: &Value, kind: Option<&str>) -> bool {
    template(value, kind).is_some()
}

/// The pod in an object: the object itself, or the template at one of the places where workloads keep it.
pub(super) fn template<'a>(value: &'a Value, kind: Option<&str>) -> Option<&'a Value> {
    if kind == Some("Pod") {
        return Some(value);
    }
    let spec = value.get("spec");
    let in_spec = |spec: Option<&'a Value>| spec?.get("template");
    let job = || in_spec(spec?.get("jobTemplate")?.get("spec"));
    let found = in_spec(spec).or_else(job).or_else(|| value.get("template"));
    let found = found.filter(|template| template.get("spec").is_some_and(has_containers));
    found.or_else(|| (kind.is_none() && has_containers(spec?)).then_some(value))
}

fn has_containers(spec: &Value) -> bool {
    spec.get("containers").is_some()
}

fn images(spec: &Value, path: &Path<'_>, report: &mut Report<'_>) -> Vec<Image> {
    let mut images = Vec::new();
    for name in ["initContainers", "containers"] {
        let list = spec.get(name).and_then(Value::as_array);
        for (index, container) in list.into_iter().flatten().enumerate() {
            match container.get("image") {
                Some(Value::String(text)) => images.push(Image::new(text)),
                None | Some(Value::Null) => {}
                Some(other) => {
                    let message = format!(
                        "`image` of {name}[{index}] is {}, a string expected",
                        kind_of(other)
                    );
                    report.add(Code::IC016, path, message, "The container is passed over.");
                }
            }
        }
    }
    images
}

/// Where a pod may run, as far as it says so; most pods do not.
struct Placement<'a> {
    selector: Option<&'a Value>,
    terms: &'a [Value],
}

impl<'a> Placement<'a> {
    fn of(spec: &'a Value) -> Option<Self> {
        let terms = || {
            let affinity = spec.get("affinity")?.get("nodeAffinity")?;
            let required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")?;
            required.get("nodeSelectorTerms")?.as_array()
        };
        let (selector, terms) = (spec.get("nodeSelector"), terms());
        (selector.is_some() || terms.is_some()).then(|| Placement {
            selector,
            terms: terms.map_or(&[], Vec::as_slice),
        })
    }

    /// The one value that the node selector or the required node affinity leaves for a label; `None` when they leave
    /// several, or do not speak of it.
    fn required(&self, label: &str) -> Option<&'a str> {
        let selected = self.selector.and_then(|labels| labels.get(label)?.as_str());
        selected.or_else(|| {
            // Terms are alternatives: all of them must leave the same value.
            let mut values = self.terms.iter().map(|term| term_requires(term, label));
            let first = values.next()??;
            values.all(|value| value == Some(first)).then_some(first)
        })
    }
}

fn term_requires<'a>(term: &'a Value, label: &str) -> Option<&'a str> {
    let expressions = term.get("matchExpressions")?.as_array()?;
    expressions.iter().find_map(|expression| {
        let is =
            |name: &str, text: &str| expression.get(name).and_then(Value::as_str) == Some(text);
        match expression.get("values")?.as_array()?.as_slice() {
            [value] if is("key", label) && is("operator", "In") => value.as_str(),
            _ => None,
        }
    })
}
