//! Objects that make pods: their pod templates, and the places above them where pod annotations have no effect.
//!
//! Sources: the schemas of each project for the kinds ([`crate::resource::workload`]); the vendor ("in the metadata of
//! the pod") and users for the level of the annotations.

use std::fmt;

use serde_json::{Map, Value};

use super::annotations::{self, Place};
use super::pod::Pods;
use super::value::not_a;
use crate::diagnostic::{Code, Quoted, Report};
use crate::path::{Path, Step};
use crate::pod::{self, Located};
use crate::resource::workload::{PodPath, Workload};

/// Groups of policies, whose patterns look like pod specs.
const POLICIES: [&str; 2] = ["kyverno.io", "policies.kyverno.io"];

/// Validates what an object of a known kind says about image caches; silent when it says nothing.
pub(super) fn check(
    workload: &'static Workload,
    object: &Value,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    let place = Place::Above {
        kind: workload.kind,
        belongs: workload.belongs,
    };
    for way in workload.without_effect {
        for map in pod::values(*way, object) {
            check_map(&map, place, path, report);
        }
    }
    let mut pods = Pods::of(workload, object, path);
    pods.metadata(workload, object, report);
    let templates = pod::templates(workload, object);
    let above = pod::misfits_above(workload, object, &templates);
    above.iter().for_each(|misfit| misfit.report(path, report));
    for template in &templates {
        pods.check(template, report);
    }
    let is_read = |template: &pod::Template<'_>| {
        template.makes_pod || !template.missing.is_empty() || !template.misfits.is_empty()
    };
    if above.is_empty() && !templates.iter().any(is_read) {
        check_misplaced(workload, object, path, report);
    }
    // Annotations that reach the pods of another object's template.
    for way in workload.references.iter().flat_map(|one| one.annotations) {
        for map in pod::values(*way, object) {
            pods.annotations(&map, report);
        }
    }
}

/// Validates the pods that pod paths lead to. Returns whether there is one.
pub(super) fn check_taught<'p>(
    paths: impl Iterator<Item = &'p PodPath>,
    object: &Value,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> bool {
    let templates = pod::taught(paths, object);
    let mut pods = Pods::of_operator(path);
    for template in &templates {
        pods.check(template, report);
    }
    !templates.is_empty()
}

fn check_map(map: &Located<'_>, place: Place<'_>, path: &Path<'_>, report: &mut Report<'_>) {
    map.at(path, &mut |path| match map.value {
        Value::Object(all) => annotations::check(all, place, path, report),
        Value::Null => {}
        other => not_a("an object", other, path, report),
    });
}

/// Reports a pod spec at a place where the kind has none: nothing in it is validated. Kubernetes itself makes no pods from
/// it; of an operator another version may.
fn check_misplaced(workload: &Workload, object: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    let Some(template) = workload.templates.first() else {
        return;
    };
    let found = pod::search(object);
    let Some(spec) = found.iter().flat_map(|template| &template.pod_specs).next() else {
        return;
    };
    let code = match workload.is_built_in() {
        true => Code::IC015,
        false => Code::IC068,
    };
    let belongs = template.pod_specs.first().copied().unwrap_or(template.at);
    spec.at(path, &mut |path| {
        report.add(
            code,
            path,
            format_args!("a {} has no pod spec here: not validated", workload.kind),
            format_args!("Its pods are read from `{}`.", template.full(belongs)),
        );
    });
}

/// Reports an object of an unknown kind in which there is a pod spec: nothing in it is validated.
pub(super) fn check_unknown(
    (group, kind): (&str, &str),
    object: &Map<String, Value>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    if POLICIES.contains(&group) {
        return;
    }
    let found = object.iter().flat_map(|(key, value)| {
        let found = pod::search(value).into_iter();
        found.flat_map(move |template| {
            let specs = template.pod_specs.into_iter();
            specs.map(move |spec| (key, spec))
        })
    });
    let found: Vec<_> = found.collect();
    let Some((key, spec)) = found.first() else {
        return;
    };
    let above = path.steps().len();
    spec.at(&path.member(key), &mut |path| {
        let more = found.len() - 1;
        report.add(
            Code::IC068,
            path,
            UnknownKind { group, kind, more },
            PodPathHelp(group, kind, path.steps().get(above..).unwrap_or_default()),
        );
    });
}

/// The help for an unknown kind: the pod path of the pod spec.
struct PodPathHelp<'a>(&'a str, &'a str, &'a [Step<'a>]);

impl fmt::Display for PodPathHelp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PodPathHelp(group, kind, steps) = *self;
        if kind.is_empty() {
            return Ok(());
        }
        f.write_str("To validate its pods, name their place with --pod-path, or in settings with `podPaths`: `")?;
        if !group.is_empty() {
            write!(f, "{group}/")?;
        }
        write!(f, "{kind}=")?;
        for step in steps {
            match step {
                Step::Key(key) => write!(f, "/{}", key.replace('~', "~0").replace('/', "~1"))?,
                Step::Index(_) => f.write_str("/*")?,
            }
        }
        f.write_str("`.")
    }
}

struct UnknownKind<'a> {
    group: &'a str,
    kind: &'a str,
    more: usize,
}

impl fmt::Display for UnknownKind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pod spec of the unknown kind {}", Quoted(self.kind))?;
        if !self.group.is_empty() {
            write!(f, " of {}", Quoted(self.group))?;
        }
        if self.more > 0 {
            write!(f, ", and {} more", self.more)?;
        }
        f.write_str(": not validated")
    }
}
