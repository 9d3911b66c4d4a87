//! Pods: defaults, the rules that keep nonsense out, and what `kubectl get pods` shows.

use serde_json::{Value, json};

use super::{
    age_column, builtin, choice_fault, column, count, default, list, name_column, names, or_none,
    port_fault, text, wide,
};
use crate::api::cause::Cause;
use crate::api::meta::{self, NameRule};
use crate::api::resource::{Cell, Resource};

pub(super) fn pods() -> Resource {
    Resource {
        short_names: names(["po"]),
        categories: names(["all"]),
        has_status: true,
        has_generation: true,
        returns_deleted: true,
        columns: vec![
            name_column(),
            column(
                "Ready",
                "string",
                "The aggregate readiness state of this pod for accepting traffic.",
                Cell::Computed(ready),
            ),
            column(
                "Status",
                "string",
                "The aggregate status of the containers in this pod.",
                Cell::Computed(status),
            ),
            column(
                "Restarts",
                "string",
                "The number of times the containers in this pod have been restarted.",
                Cell::Computed(restarts),
            ),
            age_column(),
            wide(column(
                "IP",
                "string",
                "The IP address of the pod.",
                Cell::Computed(|pod| or_none(text(pod, "/status/podIP"))),
            )),
            wide(column(
                "Node",
                "string",
                "The node that the pod runs on.",
                Cell::Computed(|pod| or_none(text(pod, "/spec/nodeName"))),
            )),
            wide(column(
                "Nominated Node",
                "string",
                "The node that the pod is to run on.",
                Cell::Computed(|pod| or_none(text(pod, "/status/nominatedNodeName"))),
            )),
            wide(column(
                "Readiness Gates",
                "string",
                "If specified, all readiness gates will be evaluated for pod readiness.",
                Cell::Computed(readiness_gates),
            )),
        ],
        selectable: names([
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ]),
        blank: json!({"spec": {}, "status": {}}),
        status: |_| json!({"phase": "Pending"}),
        prepare: |pod| {
            if let Some(spec) = pod.get_mut("spec") {
                prepare_spec(spec);
            }
            Ok(())
        },
        validate: |pod, live| {
            let mut causes = validate_spec(pod.get("spec").unwrap_or(&Value::Null), "spec");
            if let Some(live) = live {
                causes.extend(validate_change(pod, live));
            }
            causes
        },
        ..builtin("", "Pod", "pods", "pod")
    }
}

/// The defaults that clients look at.
pub(super) fn prepare_spec(spec: &mut Value) {
    for (name, value) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("securityContext", json!({})),
        ("schedulerName", json!("default-scheduler")),
    ] {
        default(spec, name, value);
    }
    for list in ["initContainers", "containers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let policy = pull_policy(text(container, "/image"));
            for (name, value) in [
                ("resources", json!({})),
                ("terminationMessagePath", json!("/dev/termination-log")),
                ("terminationMessagePolicy", json!("File")),
                ("imagePullPolicy", json!(policy)),
            ] {
                default(container, name, value);
            }
        }
    }
}

/// `Always` for the tag `latest` and for none, else `IfNotPresent`.
fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit('/').next().unwrap_or_default();
    match name.split_once('@') {
        Some(_) => "IfNotPresent",
        None => match name.rsplit_once(':') {
            None | Some((_, "latest")) => "Always",
            Some(_) => "IfNotPresent",
        },
    }
}

/// Checks a pod's spec, or that of a template.
pub(super) fn validate_spec(spec: &Value, at: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let containers = spec.get("containers").and_then(Value::as_array);
    if containers.is_none_or(Vec::is_empty) {
        causes.push(Cause::required(&format!("{at}.containers"), ""));
    }
    let mut names = std::collections::BTreeSet::new();
    for list in ["containers", "initContainers"] {
        let containers = spec
            .get(list)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for (index, container) in containers.enumerate() {
            let field = |name: &str| format!("{at}.{list}[{index}].{name}");
            let name = text(container, "/name");
            if name.is_empty() {
                causes.push(Cause::required(&field("name"), ""));
            } else if let Some(fault) = meta::name_faults(NameRule::Label, name).first() {
                causes.push(Cause::invalid(&field("name"), &name.into(), fault));
            } else if !names.insert(name) {
                causes.push(Cause::duplicate(&field("name"), &name.into()));
            }
            if text(container, "/image").trim().is_empty() {
                causes.push(Cause::required(&field("image"), ""));
            }
            for (index, port) in self::list(container, "ports").iter().enumerate() {
                let field = format!("{}[{index}]", field("ports"));
                causes.extend(port_fault(
                    port.get("containerPort"),
                    &format!("{field}.containerPort"),
                ));
                let protocols = ["SCTP", "TCP", "UDP"];
                causes.extend(choice_fault(
                    port,
                    "/protocol",
                    &format!("{field}.protocol"),
                    &protocols,
                ));
            }
            let policy = text(container, "/imagePullPolicy");
            if !matches!(policy, "" | "Always" | "IfNotPresent" | "Never") {
                causes.push(Cause::not_supported(
                    &field("imagePullPolicy"),
                    &crate::api::go_fmt::quote(policy),
                    &["Always", "IfNotPresent", "Never"],
                ));
            }
        }
    }
    let volumes = spec.get("volumes").and_then(Value::as_array);
    for (index, volume) in volumes.into_iter().flatten().enumerate() {
        let name = text(volume, "/name");
        let faults = meta::name_faults(NameRule::Label, name).into_iter();
        let field = format!("{at}.volumes[{index}].name");
        let faults = faults.filter(|_| !name.is_empty());
        causes.extend(faults.map(|fault| Cause::invalid(&field, &name.into(), &fault)));
    }
    let policy = text(spec, "/restartPolicy");
    if !matches!(policy, "" | "Always" | "OnFailure" | "Never") {
        causes.push(Cause::not_supported(
            &format!("{at}.restartPolicy"),
            &crate::api::go_fmt::quote(policy),
            &["Always", "OnFailure", "Never"],
        ));
    }
    causes
}

/// A pod's spec stays as it is but for what a running pod can take over.
fn validate_change(pod: &Value, live: &Value) -> Vec<Cause> {
    const WORDS: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
        `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing \
        tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
    if fixed(pod) == fixed(live) {
        return Vec::new();
    }
    vec![Cause::forbidden("spec", WORDS)]
}

/// What of a pod's spec may not change.
fn fixed(pod: &Value) -> Value {
    let mut spec = pod.get("spec").cloned().unwrap_or_default();
    if let Some(fields) = spec.as_object_mut() {
        for name in [
            "activeDeadlineSeconds",
            "tolerations",
            "terminationGracePeriodSeconds",
        ] {
            fields.remove(name);
        }
        for list in ["containers", "initContainers"] {
            let containers = fields.get_mut(list).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten() {
                container
                    .as_object_mut()
                    .map(|fields| fields.remove("image"));
            }
        }
    }
    spec
}

fn statuses(pod: &Value) -> impl Iterator<Item = &Value> {
    pod.pointer("/status/containerStatuses")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn ready(pod: &Value) -> Value {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    let total = containers.map_or(0, Vec::len);
    let ready = statuses(pod)
        .filter(|status| status.get("ready") == Some(&Value::Bool(true)))
        .count();
    format!("{ready}/{total}").into()
}

/// How many of the readiness gates are passed.
fn readiness_gates(pod: &Value) -> Value {
    let gates = pod
        .pointer("/spec/readinessGates")
        .and_then(Value::as_array);
    let Some(gates) = gates.filter(|gates| !gates.is_empty()) else {
        return or_none("");
    };
    let conditions = pod
        .get("status")
        .map(|status| list(status, "conditions"))
        .unwrap_or_default();
    let passed = gates.iter().filter(|gate| {
        conditions.iter().any(|condition| {
            text(condition, "/type") == text(gate, "/conditionType")
                && text(condition, "/status") == "True"
        })
    });
    format!("{}/{}", passed.count(), count(pod, "/spec/readinessGates")).into()
}

fn restarts(pod: &Value) -> Value {
    let counts = statuses(pod).filter_map(|status| status.get("restartCount")?.as_u64());
    counts.sum::<u64>().to_string().into()
}

/// The reason of the last container that waits or ended, else that of the pod, else its phase.
fn status(pod: &Value) -> Value {
    if meta::is_deleting(pod) {
        return "Terminating".into();
    }
    let of_container = |status: &Value| {
        ["/state/waiting/reason", "/state/terminated/reason"]
            .into_iter()
            .map(|pointer| text(status, pointer).to_owned())
            .find(|reason| !reason.is_empty())
    };
    let reason = statuses(pod).filter_map(of_container).last();
    let pod_reason = text(pod, "/status/reason");
    match reason {
        Some(reason) => reason.into(),
        None if !pod_reason.is_empty() => pod_reason.into(),
        None => text(pod, "/status/phase").into(),
    }
}
