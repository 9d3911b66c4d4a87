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
use crate::path::Path;
use crate::pod::{self, Located};
use crate::resource::workload::Workload;

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
    for template in pod::templates(workload, object) {
        pods.check(&template, report);
    }
    // Annotations that reach the pods of another object's template.
    for way in workload.references.iter().flat_map(|one| one.annotations) {
        for map in pod::values(*way, object) {
            pods.annotations(&map, report);
        }
    }
}

fn check_map(map: &Located<'_>, place: Place<'_>, path: &Path<'_>, report: &mut Report<'_>) {
    map.at(path, &mut |path| match map.value {
        Value::Object(all) => annotations::check(all, place, path, report),
        Value::Null => {}
        other => not_a("an object", other, path, report),
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
    spec.at(&path.member(key), &mut |path| {
        let more = found.len() - 1;
        report.add(
            Code::IC068,
            path,
            UnknownKind { group, kind, more },
            NOT_VALIDATED,
        );
    });
}

const NOT_VALIDATED: &str =
    "To validate its pods, also check a PodTemplate object that has the same metadata and spec.";

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
