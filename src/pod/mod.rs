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
mod misspelt;
mod node;
mod parts;
mod placement;
mod reading;
mod request;
mod search;
mod storage;
mod template;
mod way;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::{Diagnostic, Report};
use crate::image::{Image, ImageFacts};
use crate::messages::define;
use crate::path::Path;
use defaults::OwnMetadata;

pub use defaults::ClusterDefaults;
pub(crate) use defaults::gives_defaults;
pub(crate) use parts::misfits_above;
pub use placement::Placement;
pub use reading::describes_pods;
#[cfg(feature = "registry")]
pub(crate) use reading::requirements;
pub(crate) use reading::{Reading, TemplateOwner};
pub use request::{CacheRequest, DecidingAnnotations};
pub use search::search;
pub(crate) use search::taught;
pub use storage::{GIB, storage_bytes};
pub use template::{ContainerImage, Located, Misfit, Referred, Template, templates};
pub use way::values;

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

    fn set_images(&mut self, mut images: Vec<Image>) {
        fn order(image: &Image) -> (Option<&str>, Option<&str>, &str) {
            (image.repository(), image.normalized(), image.text())
        }
        images.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
        (self.images, self.unreadable) = images
            .into_iter()
            .partition(|image| image.normalized().is_some());
        self.spellings.clear();
        let spellings = &mut self.spellings;
        self.images.dedup_by(|a, b| {
            let same = a.normalized() == b.normalized();
            if same && a.text() != b.text() {
                spellings.push(a.clone());
            }
            same
        });
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
}
