//! Applies the rules to the parts of one `ImageCache`.

use serde_json::{Map, Value};

use super::annotations::Place;
use super::images::Access;
use super::value::{not_a, not_a_string};
use super::{
    ValidateOptions, annotations, fields, images, labels, name, retention, secrets, size, status,
};
use crate::diagnostic::{Code, Quoted, Report};
use crate::expiry::{ExpiryFacts, disagreement};
use crate::path::Path;
use crate::resource::annotation::ACR_INSTANCE_IDS;
use crate::time::Timestamp;

pub(super) fn check(
    value: &Value,
    object: &Map<String, Value>,
    options: &ValidateOptions,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    fields::check(object, fields::Place::Root, path, report);
    let annotations = metadata(object.get("metadata"), &path.field("metadata"), report);
    let set = |name| {
        annotations
            .and_then(|all| all.get(name))
            .is_some_and(|value| !value.is_null() && value != "")
    };
    spec(
        object.get("spec"),
        set(ACR_INSTANCE_IDS),
        options,
        &path.field("spec"),
        report,
    );
    if let Some(status) = object.get("status") {
        status::check(status, &path.field("status"), report);
        if status.get("expireDateTime").is_some() {
            expiry(value, path, report);
        }
    }
}

/// Reports the expiry disagreement that `expiry` finds at `status.expireDateTime`.
fn expiry(value: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    if let Some(found) = disagreement(&ExpiryFacts::read(value)) {
        let status = path.field("status");
        let path = status.field("expireDateTime");
        report.add(found.code, &path, found.message, found.help);
    }
}

/// Validates the metadata and returns the annotations, which other rules need.
fn metadata<'v>(
    metadata: Option<&'v Value>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> Option<&'v Map<String, Value>> {
    let fields = match metadata {
        Some(Value::Object(fields)) => fields,
        None | Some(Value::Null) => {
            name::metadata(&Map::new(), path, report);
            return None;
        }
        Some(other) => {
            not_a("an object", other, path, report);
            return None;
        }
    };
    fields::check(fields, fields::Place::Metadata, path, report);
    name::metadata(fields, path, report);
    for name in ["creationTimestamp", "deletionTimestamp"] {
        time(fields.get(name), &path.field(name), report);
    }
    if let Some(value) = fields.get("labels") {
        labels::labels(value, &path.field("labels"), report);
    }
    let path = path.field("annotations");
    match fields.get("annotations") {
        None | Some(Value::Null) => None,
        Some(Value::Object(all)) => {
            labels::annotations_length(all, &path, report);
            annotations::check(all, Place::ImageCache, &path, report);
            Some(all)
        }
        Some(other) => {
            not_a("an object", other, &path, report);
            None
        }
    }
}

/// Reports a time of the metadata that the API server refuses.
fn time(value: Option<&Value>, path: &Path<'_>, report: &mut Report<'_>) {
    match value {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => {
            if text.parse::<Timestamp>().is_err() {
                let help = "Remove it: the API server writes it.";
                report.add(Code::IC016, path, status::time(Quoted(text)), help);
            }
        }
        Some(other) => not_a_string(other, path, report),
    }
}

fn spec(
    spec: Option<&Value>,
    acr_instances: bool,
    options: &ValidateOptions,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    let fields = match spec {
        Some(Value::Object(fields)) => fields,
        None | Some(Value::Null) => {
            return report.add(
                Code::IC020,
                path,
                images::spec_required(),
                "List the images to cache in `spec.images`.",
            );
        }
        Some(other) => return not_a("an object", other, path, report),
    };
    fields::check(fields, fields::Place::Spec, path, report);
    let secrets = fields
        .get("imagePullSecrets")
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty());
    images::check(
        fields,
        Access {
            secrets,
            acr_instances,
        },
        path,
        report,
    );
    secrets::check(fields, path, report);
    size::check(fields, options, path, report);
    retention::check(fields, path, report);
}
