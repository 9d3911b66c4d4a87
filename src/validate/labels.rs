//! Labels, and the keys of all annotations.
//!
//! Source: Kubernetes. The API server rejects an object whose labels or annotation keys break these rules, and an object
//! whose annotations together exceed 256 KiB.

use serde_json::{Map, Value};

use super::messages::define;
use super::name;
use super::value::{InQuotes, not_a, not_a_string};
use crate::diagnostic::{Code, Quoted, QuotedPart, Report};
use crate::path::Path;
use crate::type_error::TypeError;

define! { labels:
    invalid_key(what, key, fault) "{key} is not a valid {what} key: {fault}";
    invalid_value(value, fault) "{value} is not a valid label value: {fault}";
    too_long(length, limit) "{length} bytes of annotations, at most {limit} allowed";
}

/// The maximum size of one object's annotations in bytes: all keys and values together.
pub const MAX_ANNOTATION_BYTES: usize = 256 * 1024;

/// Validates `metadata.labels`.
///
/// | label | finding |
/// |---|---|
/// | `app.kubernetes.io/name: web` | none |
/// | `bad key!: x` | IC017 at the key |
/// | `app: bad value!` | IC017 at the value |
/// | `version: 1.20` (a number) | IC016 |
pub(super) fn labels(labels: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    let labels = match labels {
        Value::Null => return,
        Value::Object(labels) => labels,
        other => return not_a("an object", other, path, report),
    };
    for (key, value) in labels {
        let path = path.key(key);
        if let Err(fault) = name::qualified(key) {
            bad_key("label", key, &fault, &path, report);
        }
        match value {
            Value::Null => {}
            Value::String(text) => {
                if let Err(fault) = name::label_value(text) {
                    report.add_part(
                        Code::IC017,
                        &path,
                        QuotedPart::Bytes(fault.at.clone()),
                        invalid_value(Quoted(text), fault),
                        "Use at most 63 letters, digits, `-`, `_` and `.`; start and end with a letter or digit.",
                    );
                }
            }
            other => not_a_string(other, &path, report),
        }
    }
}

/// Validates the key of an annotation that is not in the product's table: `说明: x` is IC017 at the key.
pub(super) fn annotation_key(key: &str, path: &Path<'_>, report: &mut Report<'_>) {
    if let Err(fault) = name::annotation_key(key) {
        bad_key("annotation", key, &fault, path, report);
    }
}

/// Reports labels whose values are not strings (IC016), as `kubectl` does: `alibabacloud.com/eci: true`.
pub(super) fn label_types(labels: &Map<String, Value>, path: &Path<'_>, report: &mut Report<'_>) {
    for (key, value) in labels {
        if !matches!(value, Value::Null | Value::String(_)) {
            not_a_string(value, &path.key(key), report);
        }
    }
}

/// Validates the type of an annotation that is not in the product's table.
///
/// | annotation | finding |
/// |---|---|
/// | `note: 缓存 <&>` | none: any string is allowed |
/// | `note: true` (a boolean) | IC050 |
pub(super) fn annotation_type(value: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    if !matches!(value, Value::Null | Value::String(_)) {
        report.add(
            Code::IC050,
            path,
            TypeError {
                expected: "a string",
                found: value,
            },
            InQuotes(value),
        );
    }
}

/// Reports annotations that together exceed [`MAX_ANNOTATION_BYTES`] (IC018).
pub(super) fn annotations_length(
    annotations: &Map<String, Value>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    let length = |(key, value): (&String, &Value)| key.len() + value.as_str().map_or(0, str::len);
    let bytes = annotations
        .iter()
        .map(length)
        .fold(0, usize::saturating_add);
    if bytes > MAX_ANNOTATION_BYTES {
        report.add(
            Code::IC018,
            path,
            too_long(bytes, MAX_ANNOTATION_BYTES),
            "Store large values elsewhere, for example in a ConfigMap.",
        );
    }
}

fn bad_key(what: &str, key: &str, fault: &name::Fault, path: &Path<'_>, report: &mut Report<'_>) {
    report.add_part(
        Code::IC017,
        path,
        QuotedPart::Key,
        invalid_key(what, Quoted(key), fault),
        "Write `name` or `prefix/name`: the prefix is a domain, the name has at most 63 letters, digits, `-`, `_` and `.`.",
    );
}
