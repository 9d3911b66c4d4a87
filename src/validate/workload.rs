//! Objects that make pods: where their pod template stands, and where above it pod annotations are written in vain.
//!
//! Sources: Kubernetes for the kinds; the vendor ("in the metadata of the pod") and users for the level.

use serde_json::Value;

use super::annotations::{self, Place};
use super::pod;
use crate::diagnostic::Report;
use crate::path::Path;

/// A kind of object that makes pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Workload {
    pub(super) kind: &'static str,
    /// Its API group; empty for the core group.
    pub(super) group: &'static str,
    /// The `apiVersion` that serves it.
    pub(super) api_version: &'static str,
    /// The way from the object to its pod template; `None` when it has none.
    template: Option<&'static [&'static str]>,
    /// The same as people write it.
    there: &'static str,
    /// Ways to objects above the template whose annotations are not those of the pods.
    above: &'static [&'static [&'static str]],
}

const fn templated(kind: &'static str, group: &'static str, api_version: &'static str) -> Workload {
    Workload {
        kind,
        group,
        api_version,
        template: Some(&["spec", "template"]),
        there: "spec.template",
        above: &[&[]],
    }
}

/// Every kind that is judged.
///
/// | kind | pod template |
/// |---|---|
/// | Pod | itself |
/// | Deployment, ReplicaSet, StatefulSet, DaemonSet, ReplicationController, Job | `spec.template` |
/// | CronJob | `spec.jobTemplate.spec.template` |
/// | PodTemplate | `template` |
/// | Namespace | none |
pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        kind: "Pod",
        group: "",
        api_version: "v1",
        template: Some(&[]),
        there: "",
        above: &[],
    },
    templated("Deployment", "apps", "apps/v1"),
    templated("StatefulSet", "apps", "apps/v1"),
    templated("DaemonSet", "apps", "apps/v1"),
    templated("ReplicaSet", "apps", "apps/v1"),
    templated("ReplicationController", "", "v1"),
    templated("Job", "batch", "batch/v1"),
    Workload {
        kind: "CronJob",
        group: "batch",
        api_version: "batch/v1",
        template: Some(&["spec", "jobTemplate", "spec", "template"]),
        there: "spec.jobTemplate.spec.template",
        above: &[&[], &["spec", "jobTemplate"]],
    },
    Workload {
        kind: "PodTemplate",
        group: "",
        api_version: "v1",
        template: Some(&["template"]),
        there: "template",
        above: &[&[]],
    },
    Workload {
        kind: "Namespace",
        group: "",
        api_version: "v1",
        template: None,
        there: "",
        above: &[&[]],
    },
];

/// The row of a kind.
pub(super) fn find(kind: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.kind == kind)
}

/// Judges what an object of this kind says about image caches; silent when it says nothing.
pub(super) fn check(workload: &Workload, object: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    let place = Place::Above {
        kind: workload.kind,
        there: workload.template.map(|_| workload.there),
    };
    for steps in workload.above {
        descend(object, steps, path, &mut |above, path| {
            let metadata = path.field("metadata");
            if let Some(Value::Object(all)) = above
                .get("metadata")
                .and_then(|metadata| metadata.get("annotations"))
            {
                annotations::check(all, place, &metadata.field("annotations"), report);
            }
        });
    }
    if let Some(steps) = workload.template {
        descend(object, steps, path, &mut |template, path| {
            pod::check(template, path, report)
        });
    }
}

/// Visits what stands at the end of `steps`, if anything does, with its path.
fn descend(
    value: &Value,
    steps: &[&str],
    path: &Path<'_>,
    visit: &mut dyn FnMut(&Value, &Path<'_>),
) {
    let Some((step, rest)) = steps.split_first() else {
        return visit(value, path);
    };
    if let Some(value) = value.get(step) {
        descend(value, rest, &path.field(step), visit);
    }
}
