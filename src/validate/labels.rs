//! Labels, and the keys of all annotations.
//!
//! Source: Kubernetes. The API server refuses an object whose labels or annotation keys break these rules, and one whose
//! annotations together are longer than 256 KiB.

use serde_json::{Map, Value};

use super::name;
use super::value::{InQuotes, not_a, not_a_string};
use crate::diagnostic::{Code, Quoted, QuotedPart, Report};
use crate::path::Path;
use crate::type_error::TypeError;

/// Most bytes of all keys and values of one object's annotations together.
pub const MAX_ANNOTATION_BYTES: usize = 256 * 1024;

/// `metadata.labels`.
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
                        format_args!("{} is no label value: {fault}", Quoted(text)),
                        "Use at most 63 letters, digits, `-`, `_` and `.`, a letter or digit first and last.",
                    );
                }
            }
            other => not_a_string(other, &path, report),
        }
    }
}

/// The key and the type of an annotation that the product's table does not have.
///
/// | annotation | finding |
/// |---|---|
/// | `note: 缓存 <&>` | none: values are free |
/// | `说明: x` | IC017 at the key |
/// | `note: true` (a boolean) | IC050 |
pub(super) fn annotation(key: &str, value: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    if let Err(fault) = name::annotation_key(key) {
        bad_key("annotation", key, &fault, path, report);
    }
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

/// The length of all annotations together: IC018 past [`MAX_ANNOTATION_BYTES`].
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
            format_args!("{bytes} bytes of annotations, at most {MAX_ANNOTATION_BYTES} allowed"),
            "Keep large values elsewhere, for example in a ConfigMap.",
        );
    }
}

fn bad_key(what: &str, key: &str, fault: &name::Fault, path: &Path<'_>, report: &mut Report<'_>) {
    report.add_part(
        Code::IC017,
        path,
        QuotedPart::Key,
        format_args!("{} is no {what} key: {fault}", Quoted(key)),
        "A key is `name` or `prefix/name`: a domain, and at most 63 letters, digits, `-`, `_` and `.`.",
    );
}
