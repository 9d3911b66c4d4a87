//! Deployments: stored and checked, never rolled out here.

use serde_json::{Value, json};

use super::{
    age_column, builtin, column, default, label_faults, name_column, names, negative_fault, pod,
    selector_faults, selector_text, text, wide,
};
use crate::api::cause::Cause;
use crate::api::resource::{Cell, Resource};

pub(super) fn deployments() -> Resource {
    Resource {
        short_names: names(["deploy"]),
        categories: names(["all"]),
        has_status: true,
        has_generation: true,
        columns: vec![
            name_column(),
            column(
                "Ready",
                "string",
                "Number of the pod with ready state",
                Cell::Computed(|object| {
                    format!(
                        "{}/{}",
                        number(object, "/status/readyReplicas"),
                        number(object, "/spec/replicas")
                    )
                    .into()
                }),
            ),
            column(
                "Up-to-date",
                "string",
                "Number of pods that have the desired template",
                Cell::Computed(|object| number(object, "/status/updatedReplicas").into()),
            ),
            column(
                "Available",
                "string",
                "Number of pods that are available",
                Cell::Computed(|object| number(object, "/status/availableReplicas").into()),
            ),
            age_column(),
            wide(column(
                "Containers",
                "string",
                "Names of each container in the template.",
                Cell::Computed(|object| containers(object, "/name")),
            )),
            wide(column(
                "Images",
                "string",
                "Images referenced by each container in the template.",
                Cell::Computed(|object| containers(object, "/image")),
            )),
            wide(column(
                "Selector",
                "string",
                "Label selector for pods. Existing ReplicaSets whose pods are selected by this will be the ones affected by this deployment.",
                Cell::Computed(|object| object.pointer("/spec/selector").map(selector_text).into()),
            )),
        ],
        blank: json!({"spec": {"strategy": {}, "template": {"metadata": {}, "spec": {}}}, "status": {}}),
        status: |_| json!({}),
        prepare: |object| {
            let Some(spec) = object.get_mut("spec") else {
                return Ok(());
            };
            for (name, value) in [
                ("replicas", json!(1)),
                ("strategy", json!({})),
                ("revisionHistoryLimit", json!(10)),
                ("progressDeadlineSeconds", json!(600)),
            ] {
                default(spec, name, value);
            }
            if let Some(strategy) = spec.get_mut("strategy") {
                default(strategy, "type", "RollingUpdate".into());
                if text(strategy, "/type") == "RollingUpdate" {
                    default(strategy, "rollingUpdate", json!({}));
                    if let Some(update) = strategy.get_mut("rollingUpdate") {
                        default(update, "maxSurge", "25%".into());
                        default(update, "maxUnavailable", "25%".into());
                    }
                }
            }
            if let Some(spec) = spec.pointer_mut("/template/spec") {
                pod::prepare_spec(spec);
            }
            Ok(())
        },
        validate: |object, live| {
            let mut causes = validate_selector(object);
            for (pointer, field) in [
                ("/spec/replicas", "spec.replicas"),
                ("/spec/minReadySeconds", "spec.minReadySeconds"),
                ("/spec/revisionHistoryLimit", "spec.revisionHistoryLimit"),
            ] {
                causes.extend(negative_fault(object, pointer, field));
            }
            let labels = object.pointer("/spec/template/metadata/labels");
            causes.extend(label_faults(labels, "spec.template.metadata.labels"));
            if let Some(selector) = object.pointer("/spec/selector") {
                causes.extend(selector_faults(selector, "spec.selector"));
            }
            let template = object
                .pointer("/spec/template/spec")
                .unwrap_or(&Value::Null);
            causes.extend(pod::validate_spec(template, "spec.template.spec"));
            let selector = |object: &Value| {
                object
                    .pointer("/spec/selector")
                    .cloned()
                    .unwrap_or_default()
            };
            if live.is_some_and(|live| selector(live) != selector(object)) {
                causes.push(Cause::invalid(
                    "spec.selector",
                    &selector(object),
                    "field is immutable",
                ));
            }
            causes
        },
        ..builtin("apps", "Deployment", "deployments", "deployment")
    }
}

/// Texts of the containers of the template, joined by commas.
fn containers(object: &Value, pointer: &str) -> Value {
    let containers = object.pointer("/spec/template/spec/containers");
    let containers = containers.and_then(Value::as_array).into_iter().flatten();
    let texts: Vec<&str> = containers
        .map(|container| text(container, pointer))
        .collect();
    texts.join(",").into()
}

fn number(object: &Value, pointer: &str) -> i64 {
    object
        .pointer(pointer)
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

/// The selector must be there, and select the pods of the template.
fn validate_selector(object: &Value) -> Vec<Cause> {
    let selector = object.pointer("/spec/selector").and_then(Value::as_object);
    let Some(selector) = selector.filter(|selector| !selector.is_empty()) else {
        return vec![Cause::required("spec.selector", "")];
    };
    let nothing = json!({});
    let labels = object
        .pointer("/spec/template/metadata/labels")
        .unwrap_or(&nothing);
    let wanted = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let fits = wanted.into_iter().all(|(key, value)| {
        text(
            labels,
            &format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        ) == value.as_str().unwrap_or_default()
    });
    if fits {
        return Vec::new();
    }
    vec![Cause::invalid(
        "spec.template.metadata.labels",
        labels,
        "`selector` does not match template `labels`",
    )]
}
