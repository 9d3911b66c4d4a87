//! Events: those of the core group, and the same ones as `events.k8s.io` names their fields.

use serde_json::{Value, json};

use super::{builtin, column, default, names, text};
use crate::api::cause::Cause;
use crate::api::meta;
use crate::api::resource::{Cell, Column, Resource, Stored};

/// Seconds until an event is deleted: one hour, the default of `kube-apiserver --event-ttl`.
const LIFETIME: i64 = 3600;

/// Core group: `/api/v1/events`.
pub(super) fn core() -> Resource {
    Resource {
        short_names: names(["ev"]),
        columns: columns(
            "involvedObject",
            "message",
            ["lastTimestamp", "firstTimestamp"],
        ),
        selectable: names([
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ]),
        blank: json!({
            "involvedObject": {}, "source": {}, "firstTimestamp": null, "lastTimestamp": null,
            "eventTime": null, "reportingComponent": "", "reportingInstance": "",
        }),
        prepare: |object| {
            for (name, value) in [
                ("involvedObject", json!({})),
                ("source", json!({})),
                ("firstTimestamp", Value::Null),
                ("lastTimestamp", Value::Null),
                ("eventTime", Value::Null),
                ("reportingComponent", "".into()),
                ("reportingInstance", "".into()),
            ] {
                default(object, name, value);
            }
            super::lease::micro_time(text(object, "/eventTime"))
        },
        lifetime: Some(LIFETIME),
        validate: |object, live| {
            let mut causes = same_namespace(object, "involvedObject");
            if live.is_none() && !text(object, "/eventTime").is_empty() {
                causes.extend(complete(
                    object,
                    "reportingComponent",
                    "reportingController",
                ));
            }
            causes
        },
        ..builtin("", "Event", "events", "event")
    }
}

/// `events.k8s.io`: stored as events of the core group.
pub(super) fn new() -> Resource {
    Resource {
        short_names: names(["ev"]),
        columns: columns(
            "regarding",
            "note",
            ["deprecatedLastTimestamp", "deprecatedFirstTimestamp"],
        ),
        selectable: names([
            "reason",
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reportingController",
            "type",
        ]),
        blank: json!({
            "eventTime": null, "regarding": {}, "deprecatedSource": {},
            "deprecatedFirstTimestamp": null, "deprecatedLastTimestamp": null,
        }),
        prepare: |object| {
            for (name, value) in [
                ("eventTime", Value::Null),
                ("regarding", json!({})),
                ("deprecatedSource", json!({})),
                ("deprecatedFirstTimestamp", Value::Null),
                ("deprecatedLastTimestamp", Value::Null),
            ] {
                default(object, name, value);
            }
            super::lease::micro_time(text(object, "/eventTime"))
        },
        validate: |object, live| {
            let mut causes = same_namespace(object, "regarding");
            if live.is_none() {
                if text(object, "/eventTime").is_empty() {
                    causes.push(Cause::required("eventTime", ""));
                }
                let kind = text(object, "/type");
                if !matches!(kind, "Normal" | "Warning") {
                    causes.push(Cause::invalid(
                        "type",
                        &kind.into(),
                        &format!("has invalid value: {kind}"),
                    ));
                }
                if !text(object, "/eventTime").is_empty() {
                    causes.extend(complete(
                        object,
                        "reportingController",
                        "reportingController",
                    ));
                }
            }
            causes
        },
        stored: Some(Stored {
            group: "".into(),
            version: "v1".into(),
            plural: "events".into(),
            read: |event| rename(event, false),
            write: |event| rename(event, true),
        }),
        ..builtin("events.k8s.io", "Event", "events", "event")
    }
}

/// The same field in `events.k8s.io` and in the core group, with what it holds where it is absent.
const RENAMED: [(&str, &str); 7] = [
    ("note", "message"),
    ("regarding", "involvedObject"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

fn rename(event: &mut Value, to_core: bool) {
    let Some(fields) = event.as_object_mut() else {
        return;
    };
    for (new, core) in RENAMED {
        let (from, to) = if to_core { (new, core) } else { (core, new) };
        if let Some(value) = fields.remove(from) {
            fields.insert(to.to_owned(), value);
        }
    }
    if to_core {
        for name in ["reportingComponent", "reportingInstance"] {
            fields.entry(name).or_insert_with(|| "".into());
        }
    } else {
        for name in ["reportingController", "reportingInstance"] {
            if fields.get(name).and_then(Value::as_str) == Some("") {
                fields.remove(name);
            }
        }
    }
}

/// An event lies in the namespace of what it is about; one about something without a namespace lies in `default`.
fn same_namespace(object: &Value, about: &str) -> Vec<Cause> {
    let of = text(object, &format!("/{about}/namespace"));
    let lies_in = meta::text(object, "namespace");
    if lies_in == (if of.is_empty() { "default" } else { of }) {
        return Vec::new();
    }
    vec![Cause::invalid(
        "involvedObject.namespace",
        &of.into(),
        "does not match event.namespace",
    )]
}

/// What an event with a precise time must say.
fn complete(object: &Value, controller: &str, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (name, field) in [
        (controller, field),
        ("reportingInstance", "reportingInstance"),
        ("action", "action"),
        ("reason", "reason"),
    ] {
        if text(object, &format!("/{name}")).is_empty() {
            causes.push(Cause::required(field, ""));
        }
    }
    causes
}

fn columns(about: &'static str, message: &'static str, times: [&'static str; 2]) -> Vec<Column> {
    // Events of a newer kind have a precise time only.
    let [last, first] = times;
    let seen = Cell::AgeOf(vec![last, first, "eventTime"]);
    let object = if about == "regarding" {
        Cell::Computed(|event| object_name(event, "regarding"))
    } else {
        Cell::Computed(|event| object_name(event, "involvedObject"))
    };
    vec![
        column(
            "Last Seen",
            "string",
            "The time at which the most recent occurrence was recorded",
            seen,
        ),
        column(
            "Type",
            "string",
            "Type of this event (Normal, Warning)",
            Cell::path(&["type"]),
        ),
        column(
            "Reason",
            "string",
            "Short, machine understandable reason",
            Cell::path(&["reason"]),
        ),
        column(
            "Object",
            "string",
            "The object that this event is about",
            object,
        ),
        column(
            "Message",
            "string",
            "A human-readable description",
            Cell::path(&[message]),
        ),
        Column {
            priority: 1,
            ..super::name_column()
        },
    ]
}

fn object_name(event: &Value, about: &str) -> Value {
    let kind = text(event, &format!("/{about}/kind")).to_lowercase();
    let name = text(event, &format!("/{about}/name"));
    format!("{kind}/{name}").into()
}
