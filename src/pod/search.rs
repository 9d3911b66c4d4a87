//! The pods of kinds that the table of workloads does not have: by pod paths, else by the form of a pod spec.

use std::collections::BTreeSet;
use std::ptr;

use serde_json::Value;

use super::template::{Misfit, Template, read_pod_spec};
use super::way::Match;
use crate::path;
use crate::resource::workload::PodPath;

/// Depth to which an object of an unknown kind is searched for pod specs.
const MAX_SEARCH_DEPTH: usize = 64;

/// Returns a template for each pod that the paths lead to. A value that is neither a pod template nor a pod spec is a
/// misfit.
pub(crate) fn taught<'v, 'p>(
    paths: impl Iterator<Item = &'p PodPath>,
    object: &'v Value,
) -> Vec<Template<'v>> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for path in paths {
        lead(path.steps(), &mut Match::object(object), &mut |at| {
            // Two paths may lead to one pod.
            if seen.insert(ptr::from_ref(at.value())) {
                found.extend(template_at(at));
            }
        });
    }
    if found.len() > 1 {
        for template in &mut found {
            template.name = template.place();
        }
    }
    found
}

/// Reads a pod template or a pod spec. A null is a template that is not set.
fn template_at<'v>(at: &mut Match<'v>) -> Option<Template<'v>> {
    let value = at.value();
    if value.is_null() {
        return None;
    }
    if value.get("containers").is_some() {
        return Some(read_pod_spec(at));
    }
    let Some(spec) = value.get("spec").filter(|spec| spec.is_object()) else {
        return Some(Template {
            misfits: vec![Misfit {
                found: at.located(),
                expected: "a pod template or a pod spec",
            }],
            ..Template::default()
        });
    };
    at.path.push(path::Step::Key("spec"));
    at.values.push(spec);
    let template = read_pod_spec(at);
    at.path.pop();
    at.values.pop();
    Some(template)
}

/// Visits each value that the steps of a pod path lead to.
fn lead<'v>(steps: &[String], at: &mut Match<'v>, visit: &mut dyn FnMut(&mut Match<'v>)) {
    let Some((step, rest)) = steps.split_first() else {
        return visit(at);
    };
    let value = at.value();
    let mut enter = |step, value| {
        at.path.push(step);
        at.values.push(value);
        lead(rest, at, visit);
        at.path.pop();
        at.values.pop();
    };
    match value {
        Value::Object(members) if step == "*" => {
            for (key, value) in members {
                enter(path::Step::Key(key), value);
            }
        }
        Value::Array(items) if step == "*" => {
            for (index, value) in items.iter().enumerate() {
                enter(path::Step::Index(index), value);
            }
        }
        Value::Object(members) => {
            if let Some((key, value)) = members.get_key_value(step) {
                enter(path::Step::Key(key), value);
            }
        }
        Value::Array(items) => {
            let index = step.parse().ok();
            if let Some((index, value)) = index.and_then(|index| Some((index, items.get(index)?))) {
                enter(path::Step::Index(index), value);
            }
        }
        _ => {}
    }
}

/// Returns a template for each pod spec in an object of an unknown kind: an object with a list `containers` of which
/// one has an image. Annotations and labels are taken from `metadata` beside it, as in a `PodTemplateSpec`.
#[must_use]
pub fn search(object: &Value) -> Vec<Template<'_>> {
    let mut found = Vec::new();
    seek(&mut Match::object(object), &mut found);
    found
}

fn seek<'v>(at: &mut Match<'v>, found: &mut Vec<Template<'v>>) {
    if at.path.len() > MAX_SEARCH_DEPTH {
        return;
    }
    let value = at.value();
    if is_pod_spec(value) {
        found.push(read_pod_spec(at));
        return;
    }
    let mut enter = |step, value| {
        at.path.push(step);
        at.values.push(value);
        seek(at, found);
        at.path.pop();
        at.values.pop();
    };
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                enter(path::Step::Key(key), value);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                enter(path::Step::Index(index), value);
            }
        }
        _ => {}
    }
}

fn is_pod_spec(value: &Value) -> bool {
    let containers = value.get("containers").and_then(Value::as_array);
    containers.is_some_and(|all| {
        let image =
            |container: &Value| container.get("image").is_some_and(|image| !image.is_null());
        all.iter().any(image)
    })
}
