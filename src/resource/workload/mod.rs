//! The kinds whose objects make pods: where each kind keeps its pod templates, images and pod annotations.
//!
//! One table, [`WORKLOADS`], as data. It holds no function and no rule of one kind, so one walker reads every kind, and
//! a test resolves every [`Way`] in the schema that the project of the kind publishes.
//!
//! # How to read a row
//!
//! A [`Way`] starts at the object. `*` means each item of a list or each value of a map. One [`PodTemplate`] describes
//! one pod for each match of [`PodTemplate::at`]. A way of the template that begins with `.` continues `at`, so rows share
//! their lists of ways: [`PodTemplate::full`] returns it as a way from the object. As far as another way of the template
//! has the steps of `at`, its `*` means the item that `at` matched; every other `*` means all items. For the second part
//! of the third task:
//!
//! | `at` | way | goes to |
//! |---|---|---|
//! | `spec.tasks.*.parts.*` | `.image`, in full `spec.tasks.*.parts.*.image` | the image of this part |
//! | `spec.tasks.*.parts.*` | `spec.tasks.*.annotations` | the annotations of the third task |
//! | `spec.tasks.*.parts.*` | `spec.annotations` | the annotations of the object |
//!
//! Labels of pods are next to their annotations, where the kind has a field for them: replace the last step of a way in
//! `PodTemplate::annotations` by `labels`.
//!
//! ```
//! use imagecache::resource::workload::{WayStep, find};
//! let job = find("batch", "CronJob").unwrap();
//! let template = &job.templates[0];
//! assert_eq!(template.at.as_str(), "spec.jobTemplate.spec.template");
//! assert_eq!(template.annotations[0].as_str(), ".metadata.annotations");
//! assert_eq!(template.full(template.annotations[0]), "spec.jobTemplate.spec.template.metadata.annotations");
//! assert_eq!(template.steps(template.images[1][0]).nth(5), Some(WayStep::Field("containers")));
//! assert_eq!(job.without_effect[1].as_str(), "spec.jobTemplate.metadata.annotations");
//! assert_eq!(job.belongs, "spec.jobTemplate.spec.template.metadata.annotations");
//! ```

#[macro_use]
mod builders;
mod pod_paths;
mod table;

use serde::Serialize;

pub use pod_paths::{PodPath, PodPathError, PodPaths};
pub use table::WORKLOADS;

use crate::spelling::nearest;

/// A kind of object that makes pods, or whose annotations people mistake for those of pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Workload {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The kind, as written.
    pub kind: &'static str,
    /// The resource in a URL: `cronjobs`.
    pub plural: &'static str,
    /// The served versions that the row was read from, newest first. Every way of the row is in the schema of at least
    /// one of them.
    pub versions: &'static [&'static str],
    /// The project and release whose schema the row was read from.
    pub source: Source,
    /// The pod templates. Empty when the object has none of its own, see `Workload::references`.
    pub templates: &'static [PodTemplate],
    /// Maps of annotations that do not reach the pods, although people write pod annotations there.
    pub without_effect: &'static [Way],
    /// The place where pod annotations of this kind belong, as people write it. Empty when the kind makes no pods.
    pub belongs: &'static str,
    /// Fields that name another object whose pod template is used.
    pub references: &'static [TemplateReference],
}

/// The project that publishes the schema of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Source {
    /// The name of the project: `argo-workflows`.
    pub project: &'static str,
    /// The release that was read: `v4.1.2`.
    pub release: &'static str,
    /// The npm package that carries the schema, if one does.
    pub npm: Option<&'static str>,
}

/// One pod template of a kind: a `PodTemplateSpec`, a bare `PodSpec`, or images and annotations kept apart. Its JSON has
/// every way in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "InFull")]
#[non_exhaustive]
pub struct PodTemplate {
    /// A name for people: `driver`. Empty when the kind has only one template.
    pub name: &'static str,
    /// The way to the part of the object that this pod is made from; one pod for each match. A match without an image
    /// below `at` makes no pod that this object describes.
    pub at: Way,
    /// The way to a string that distinguishes pods of one template: the name of a task. Where `at` ends with the `*` of a
    /// map, the key is that name. `None` elsewhere.
    pub named_by: Option<Way>,
    /// The ways to objects with fields of a `PodSpec` (`nodeSelector`, `tolerations`, …), highest precedence first. Not
    /// every field is in each of them.
    pub pod_specs: &'static [Way],
    /// The images. Each entry is one container or one list of containers, given as alternatives, highest precedence
    /// first: the first way that has a value is used. The first value of a later way is also used for the items of a
    /// list that have no image. A value that an entry has seen, used or not, is not read again by a later entry.
    pub images: &'static [&'static [Way]],
    /// The maps of annotations that reach the pod, highest precedence first. Each ends with `annotations`.
    pub annotations: &'static [Way],
    /// The way to the number of pods, if a single field has it.
    pub replicas: Option<Way>,
}

impl PodTemplate {
    /// Returns a way of this template as a way from the object.
    #[must_use]
    pub fn full(&self, way: Way) -> String {
        match way.0.strip_prefix('.') {
            Some("") => self.at.0.to_owned(),
            Some(_) => format!("{}{}", self.at.0, way.0),
            None => way.0.to_owned(),
        }
    }

    /// Returns the steps of a way of this template from the object, in order.
    pub fn steps(&self, way: Way) -> impl Iterator<Item = WayStep> {
        let at = if way.continues() { self.at } else { Way("") };
        at.steps().chain(way.steps())
    }

    /// Returns the number of steps that a way of this template has in common with the beginning of `at`. Up to there, a
    /// `*` of the way means the item that `at` matched.
    #[must_use]
    pub fn shared(&self, way: Way) -> usize {
        if way.continues() {
            return self.at.steps().count();
        }
        let both = way.steps().zip(self.at.steps());
        both.take_while(|(way, at)| way == at).count()
    }
}

/// A [`PodTemplate`] with its ways in full.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InFull {
    name: &'static str,
    at: Way,
    named_by: Option<String>,
    pod_specs: Vec<String>,
    images: Vec<Vec<String>>,
    annotations: Vec<String>,
    replicas: Option<String>,
}

impl From<PodTemplate> for InFull {
    fn from(template: PodTemplate) -> Self {
        let all = |ways: &[Way]| ways.iter().map(|way| template.full(*way)).collect();
        InFull {
            name: template.name,
            at: template.at,
            named_by: template.named_by.map(|way| template.full(way)),
            pod_specs: all(template.pod_specs),
            images: template.images.iter().map(|ways| all(ways)).collect(),
            annotations: all(template.annotations),
            replicas: template.replicas.map(|way| template.full(way)),
        }
    }
}

/// A field that names another object whose pod template is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TemplateReference {
    /// The way to the name.
    pub at: Way,
    /// The API group of the other object; empty for the core group.
    pub group: &'static str,
    /// The kinds that the other object may have.
    pub kinds: &'static [&'static str],
    /// Maps of annotations of this object that reach pods made from the other object.
    pub annotations: &'static [Way],
}

/// A way through an object: steps with `.` between them. The empty way is the object itself. A way of a [`PodTemplate`]
/// that begins with `.` continues the way to the template; `.` is the template itself.
///
/// | step | goes to |
/// |---|---|
/// | `name` | the field `name` |
/// | `*` | each item of a list, each value of a map |
/// | `{name=runner}` | the items of a list whose field `name` is `runner` |
/// | `{taskName=*}` | the items of a list whose field `taskName` is the name of this pod (`PodTemplate::named_by`) |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Way(&'static str);

/// One step of a [`Way`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WayStep {
    /// To the field of this name.
    Field(&'static str),
    /// To each item of a list, or each value of a map.
    Each,
    /// To the items of a list in which `field` has a value.
    Where {
        /// The field of the item.
        field: &'static str,
        /// Its value; `None` for the name of the pod that the way is followed for.
        is: Option<&'static str>,
    },
}

impl Way {
    /// Returns the way as written in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Returns the steps that are written, in order. [`PodTemplate::steps`] returns those from the object.
    pub fn steps(self) -> impl Iterator<Item = WayStep> {
        let steps = self.0.split('.').filter(|step| !step.is_empty());
        steps.map(|step| {
            let condition = step.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
            match condition.and_then(|condition| condition.split_once('=')) {
                Some((field, value)) => WayStep::Where {
                    field,
                    is: (value != "*").then_some(value),
                },
                None if step == "*" => WayStep::Each,
                None => WayStep::Field(step),
            }
        })
    }

    /// Returns true if the way continues the way to its template.
    fn continues(self) -> bool {
        self.0.starts_with('.')
    }
}

/// Returns the row of a kind. The version does not matter: a row holds for every version that a project serves.
#[must_use]
pub fn find(group: &str, kind: &str) -> Option<&'static Workload> {
    let mut all = WORKLOADS.iter();
    all.find(|workload| workload.kind == kind && workload.group == group)
}

/// The groups that serve the kinds of Kubernetes itself, now or in older releases.
const BUILT_IN: [&str; 4] = ["", "apps", "batch", "extensions"];

/// Returns the row that an object means, as far as its `apiVersion` and `kind` say: a kind of Kubernetes in another of
/// its groups is still that kind, and without an `apiVersion` the kind alone decides.
#[must_use]
pub fn resolve(api_version: &str, kind: &str) -> Option<&'static Workload> {
    let group = group_of(api_version);
    let built_in = || {
        let mut rows = WORKLOADS.iter().filter(|row| row.kind == kind);
        rows.find(|row| row.is_built_in())
    };
    if api_version.is_empty() {
        return built_in().or_else(|| WORKLOADS.iter().find(|row| row.kind == kind));
    }
    let other = || BUILT_IN.contains(&group).then(built_in).flatten();
    find(group, kind).or_else(other)
}

/// Returns the row that an object means whose kind or group is misspelt, if exactly the other of the two is as in the
/// table: `deployment` in `apps`, `Deployment` in `app`. Without an `apiVersion` only kinds of Kubernetes are meant.
///
/// ```
/// use imagecache::resource::workload::resolve_near;
/// assert_eq!(resolve_near("apps/v1", "deployment").unwrap().kind, "Deployment");
/// assert_eq!(resolve_near("app/v1", "Deployment").unwrap().group, "apps");
/// assert_eq!(resolve_near("example.com/v1", "Deploymnet"), None);
/// ```
#[must_use]
pub fn resolve_near(api_version: &str, kind: &str) -> Option<&'static Workload> {
    let group = group_of(api_version);
    let rows = WORKLOADS.iter().filter(|row| {
        if api_version.is_empty() || BUILT_IN.contains(&group) {
            row.is_built_in()
        } else {
            row.group == group
        }
    });
    if let Some(near) = nearest(kind, rows.clone().map(|row| row.kind)) {
        return rows.into_iter().find(|row| row.kind == near);
    }
    let rows = WORKLOADS.iter().filter(|row| row.kind == kind);
    let groups = rows.clone().map(|row| row.group);
    let near = nearest(group, groups.filter(|group| !group.is_empty()))?;
    rows.into_iter().find(|row| row.group == near)
}

/// Reports whether another object can name an object of this kind as the owner of its pod template.
pub(crate) fn is_template_owner(kind: &str) -> bool {
    let references = WORKLOADS.iter().flat_map(|row| row.references);
    references.into_iter().any(|one| one.kinds.contains(&kind))
}

/// Returns the group of an `apiVersion`: empty for `v1`.
pub(crate) fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

impl Workload {
    /// Reports whether Kubernetes itself serves the kind: its API server refuses a pod template that is not valid.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        BUILT_IN.contains(&self.group)
    }

    /// Returns the `apiVersion` of the newest version.
    #[must_use]
    pub fn api_version(&self) -> String {
        let version = self.versions.first().copied().unwrap_or_default();
        match self.group {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        }
    }
}
