//! What a node does next: pods and groups in, effects out.

use std::collections::HashMap;

use imagecache::eci::group::{matched_cache, pod_event, pod_uid};
use imagecache::eci::reply::ContainerGroupEntry;
use imagecache::resource::annotation::{ECI_INSTANCE_ID, POD_MATCHED};
use serde_json::{Map, Value, json};

/// Which pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    /// Its namespace.
    pub namespace: String,
    /// Its name in there.
    pub name: String,
    /// Its uid: a later pod of the same name is another one.
    pub uid: String,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start a group for this pod.
    Start(Value),
    /// Delete this group.
    Stop(String),
    /// Merge this into the pod.
    Patch(Name, Value),
    /// Merge this into the pod's status.
    Status(Name, Value),
    /// The pod was deleted and its group is gone: take it away.
    Remove(Name),
    /// Create this event, unless it is there.
    CreateEvent(Value),
}

/// What is to be done, in this order, and whether more will be to do without any change of a pod.
///
/// Pods that have ended (`Succeeded`, `Failed`) are left alone. A group whose pod is gone is deleted.
#[must_use]
pub fn step(pods: &[Value], groups: &[ContainerGroupEntry]) -> (Vec<Effect>, bool) {
    let mut groups: HashMap<&str, &ContainerGroupEntry> = groups
        .iter()
        .filter_map(|group| Some((pod_uid(group)?, group)))
        .collect();
    let (mut effects, mut busy) = (Vec::new(), false);
    for pod in pods {
        let Some(name) = name(pod) else {
            continue;
        };
        let group = groups.remove(name.uid.as_str());
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str);
        match (text("/metadata/deletionTimestamp"), group) {
            (Some(_), Some(group)) => {
                effects.push(Effect::Stop(group.container_group_id.clone()));
                busy = true;
            }
            (Some(_), None) => effects.push(Effect::Remove(name)),
            (None, _) if matches!(text("/status/phase"), Some("Succeeded" | "Failed")) => {}
            (None, None) => {
                effects.push(Effect::Start(pod.clone()));
                busy = true;
            }
            (None, Some(group)) => {
                busy |= group.status.as_deref() != Some("Running");
                follow(pod, &name, group, &mut effects);
            }
        }
    }
    let mut orphans: Vec<_> = groups.into_values().collect();
    orphans.sort_by(|a, b| a.container_group_id.cmp(&b.container_group_id));
    effects.extend(
        orphans
            .iter()
            .map(|group| Effect::Stop(group.container_group_id.clone())),
    );
    (effects, busy)
}

fn name(pod: &Value) -> Option<Name> {
    let text = |pointer: &str| pod.pointer(pointer)?.as_str().map(str::to_owned);
    Some(Name {
        namespace: text("/metadata/namespace")?,
        name: text("/metadata/name")?,
        uid: text("/metadata/uid")?,
    })
}

/// Returns an event of a group with its place in the name: clients sort the events of one second by their names.
fn numbered(mut event: Value, place: usize) -> Value {
    if let Some(name) = event.pointer_mut("/metadata/name")
        && let Some((pod, mark)) = name.as_str().and_then(|name| name.rsplit_once('.'))
    {
        *name = format!("{pod}.{place:04x}{mark}").into();
    }
    event
}

/// Brings a pod to what its group is.
fn follow(pod: &Value, name: &Name, group: &ContainerGroupEntry, effects: &mut Vec<Effect>) {
    let id = &group.container_group_id;
    let matched = matched_cache(&group.events);
    let annotations: Map<String, Value> =
        [(ECI_INSTANCE_ID, Some(id.as_str())), (POD_MATCHED, matched)]
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?))))
            .filter(|(key, value)| {
                let now = pod.pointer("/metadata/annotations");
                now.and_then(|now| now.get(key)) != Some(value)
            })
            .collect();
    if !annotations.is_empty() {
        let patch = json!({"metadata": {"annotations": annotations}});
        effects.push(Effect::Patch(name.clone(), patch));
    }
    for (place, event) in group.events.iter().enumerate() {
        let event = numbered(pod_event(event, id, pod), place);
        effects.push(Effect::CreateEvent(event));
    }
    let status = status(pod, group);
    let fields = status.as_object().into_iter().flatten();
    let changed: Map<String, Value> = fields
        .filter(|(key, value)| pod.get("status").and_then(|now| now.get(*key)) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !changed.is_empty() {
        effects.push(Effect::Status(name.clone(), json!({ "status": changed })));
    }
}

/// The status of a pod whose group is this.
fn status(pod: &Value, group: &ContainerGroupEntry) -> Value {
    let running = group.status.as_deref() == Some("Running");
    let started = group
        .events
        .iter()
        .filter_map(|event| event.last_timestamp.as_deref())
        .max();
    let since = if running {
        started
    } else {
        group.creation_time.as_deref()
    };
    let condition = |kind: &str, holds: bool| {
        json!({
            "type": kind,
            "status": if holds { "True" } else { "False" },
            "lastProbeTime": null,
            "lastTransitionTime": since,
        })
    };
    let list = |name: &str| {
        let list = pod
            .pointer(&format!("/spec/{name}"))
            .and_then(Value::as_array);
        list.into_iter().flatten()
    };
    let failure = group
        .events
        .iter()
        .find(|event| event.reason.as_deref() == Some("Failed"));
    let waiting = match failure {
        Some(failure) => json!({"waiting": {"reason": "ErrImagePull", "message": failure.message}}),
        None => json!({"waiting": {"reason": "ContainerCreating"}}),
    };
    let container = |state: &Value, ready: bool, container: &Value| {
        json!({
            "name": container.get("name"),
            "image": container.get("image"),
            "imageID": "",
            "ready": ready,
            "restartCount": 0,
            "started": running,
            "state": state,
        })
    };
    let state = if running {
        json!({"running": {"startedAt": since}})
    } else {
        waiting.clone()
    };
    let ended = json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": since, "finishedAt": since}});
    let init_state = if running { &ended } else { &waiting };
    let mut status = json!({
        "phase": if running { "Running" } else { "Pending" },
        "startTime": group.creation_time,
        "hostIP": "127.0.0.1",
        "conditions": [
            condition("PodScheduled", true),
            condition("Initialized", running),
            condition("ContainersReady", running),
            condition("Ready", running),
        ],
        "containerStatuses": list("containers").map(|one| container(&state, running, one)).collect::<Vec<_>>(),
    });
    if let Some(fields) = status.as_object_mut() {
        if let (true, Some(address)) = (running, group.unknown.get("IntranetIp")) {
            fields.insert("podIP".to_owned(), address.clone());
            fields.insert("podIPs".to_owned(), json!([{ "ip": address }]));
        }
        let init: Vec<_> = list("initContainers")
            .map(|one| container(init_state, running, one))
            .collect();
        if !init.is_empty() {
            fields.insert("initContainerStatuses".to_owned(), Value::from(init));
        }
    }
    status
}
