//! `customresourcedefinitions.apiextensions.k8s.io`: the definition of `ImageCache`, served as an object.

use imagecache::resource::{CRD_NAME, CrdVersion, crd};
use imagecache::time::Timestamp;
use serde_json::{Value, json};

use super::{CREATED, builtin, column, default, name_column};
use crate::api::error::Cause;
use crate::api::meta;
use crate::api::resource::{Cell, Resource};

pub(super) fn definitions() -> Resource {
    Resource {
        list_kind: "CustomResourceDefinitionList",
        short_names: &["crd", "crds"],
        categories: &["api-extensions"],
        namespaced: false,
        has_status: true,
        has_generation: true,
        unconditional_update: false,
        // It is not deleted: this server serves nothing without it.
        verbs: &["create", "get", "list", "patch", "update", "watch"],
        columns: vec![
            name_column(),
            column(
                "Created At",
                "date",
                CREATED,
                Cell::Path(vec!["metadata", "creationTimestamp"]),
            ),
        ],
        blank: json!({"spec": {"names": {}}, "status": {}}),
        prepare: |object| {
            if let Some(spec) = object.get_mut("spec") {
                default(spec, "conversion", json!({"strategy": "None"}));
            }
            Ok(())
        },
        validate: |object, _| {
            if meta::text(object, "name") == CRD_NAME {
                return Vec::new();
            }
            let detail = format!("this server serves {CRD_NAME} alone");
            vec![Cause::forbidden("metadata.name", &detail)]
        },
        ..builtin(
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            "customresourcedefinition",
        )
    }
}

/// The definition of `ImageCache` as a cluster holds it once it is accepted, for a store that begins at `now`.
#[must_use]
pub fn definition(now: Timestamp, uid: &str) -> Value {
    let mut object = crd(CrdVersion::V1);
    let names = object.pointer("/spec/names").cloned().unwrap_or_default();
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({
            "type": kind,
            "status": "True",
            "lastTransitionTime": now.to_string(),
            "reason": reason,
            "message": message,
        })
    };
    for (name, value) in [
        ("creationTimestamp", Value::from(now.to_string())),
        ("generation", 1.into()),
        ("uid", uid.into()),
    ] {
        meta::set(&mut object, name, value);
    }
    if let Some(spec) = object.get_mut("spec") {
        default(spec, "conversion", json!({"strategy": "None"}));
    }
    default(
        &mut object,
        "status",
        json!({
            "conditions": [
                condition("NamesAccepted", "NoConflicts", "no conflicts found"),
                condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            ],
            "acceptedNames": names,
            "storedVersions": ["v1"],
        }),
    );
    object
}
