//! Whole AdmissionReviews (`admission.k8s.io/v1`), as an API server sends them to a webhook and wants them back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::caches::{CacheSource, CachesUnavailable};
use super::decide;
use super::settings::AdmissionSettings;
use super::verdict::{AdmissionVerdict, DenialReason};
use crate::time::Timestamp;

/// The only version of AdmissionReview that is answered.
const API_VERSION: &str = "admission.k8s.io/v1";

/// A value that is not an AdmissionReview of version v1 with a request. There is no request to answer: a webhook responds
/// with HTTP 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReviewError {
    /// `apiVersion` or `kind` has another value.
    #[error("{field}: `{found}`, `{wanted}` expected")]
    Other {
        /// The field.
        field: &'static str,
        /// The value of the field.
        found: String,
        /// The value that is required.
        wanted: &'static str,
    },
    /// `apiVersion` or `kind` is missing or not a string.
    #[error("{field}: missing, `{wanted}` expected")]
    Missing {
        /// The field.
        field: &'static str,
        /// The value that is required.
        wanted: &'static str,
    },
    /// `request` is missing.
    #[error("request: missing")]
    NoRequest,
    /// `request.uid` is missing or empty.
    #[error("request.uid: missing, so nothing can be answered")]
    NoUid,
}

/// Answers an AdmissionReview with an AdmissionReview: the `uid` is the request's, the patch a base64 JSON Patch.
///
/// # Errors
/// Returns [`ReviewError`] if the value is not an AdmissionReview of version v1 or its request has no `uid`.
pub fn review<'c>(
    review: &Value,
    settings: &AdmissionSettings,
    caches: impl FnOnce() -> Result<CacheSource<'c>, CachesUnavailable>,
    now: Option<Timestamp>,
) -> Result<Value, ReviewError> {
    let is = |field, wanted| match review.get(field).and_then(Value::as_str) {
        Some(found) if found == wanted => Ok(()),
        Some(found) => Err(ReviewError::Other {
            field,
            found: found.to_owned(),
            wanted,
        }),
        None => Err(ReviewError::Missing { field, wanted }),
    };
    is("apiVersion", API_VERSION)?;
    is("kind", "AdmissionReview")?;
    let request = review.get("request").ok_or(ReviewError::NoRequest)?;
    let uid = request
        .get("uid")
        .and_then(Value::as_str)
        .filter(|uid| !uid.is_empty());
    let uid = uid.ok_or(ReviewError::NoUid)?;
    let verdict = decide(request, settings, caches, now);
    Ok(object(&mut [
        ("apiVersion", API_VERSION.into()),
        ("kind", "AdmissionReview".into()),
        ("response", response(uid, request, verdict)),
    ]))
}

/// An object of these members, as far as they are set.
fn object(members: &mut [(&str, Value)]) -> Value {
    let mut object = Map::new();
    for (name, value) in members {
        if !value.is_null() {
            object.insert((*name).to_owned(), value.take());
        }
    }
    Value::Object(object)
}

fn response(uid: &str, request: &Value, verdict: AdmissionVerdict) -> Value {
    let status = if verdict.allowed {
        Value::Null
    } else {
        status(request, &verdict)
    };
    let (patch, patch_type) = if verdict.patch.is_empty() {
        (Value::Null, Value::Null)
    } else {
        let patch = serde_json::to_vec(&verdict.patch).unwrap_or_default();
        (STANDARD.encode(patch).into(), "JSONPatch".into())
    };
    let audit = verdict.audit_annotations;
    object(&mut [
        ("uid", uid.into()),
        ("allowed", verdict.allowed.into()),
        ("status", status),
        ("patchType", patch_type),
        ("patch", patch),
        ("warnings", list(verdict.warnings)),
        (
            "auditAnnotations",
            if audit.is_empty() {
                Value::Null
            } else {
                audit.into()
            },
        ),
    ])
}

/// The Status of a denial. `details` carries kind, name and causes, from which `kubectl` makes one line a fault.
fn status(request: &Value, verdict: &AdmissionVerdict) -> Value {
    let causes = verdict.causes.iter().map(|cause| {
        object(&mut [
            ("reason", "FieldValueInvalid".into()),
            ("field", cause.field.as_str().into()),
            ("message", cause.message.as_str().into()),
        ])
    });
    let causes: Vec<Value> = causes.collect();
    let details = if causes.is_empty() {
        Value::Null
    } else {
        let text = |value: Option<&Value>| value.filter(|value| value.is_string()).cloned();
        let kind =
            |part| text(request.get("kind").and_then(|kind| kind.get(part))).unwrap_or_default();
        object(&mut [
            ("causes", causes.into()),
            ("group", kind("group")),
            ("kind", kind("kind")),
            ("name", text(request.get("name")).unwrap_or_default()),
        ])
    };
    object(&mut [
        ("code", verdict.code.into()),
        (
            "reason",
            verdict.reason.map_or("", DenialReason::as_str).into(),
        ),
        ("message", verdict.message.as_str().into()),
        ("details", details),
    ])
}

/// A list, unless it is empty.
fn list(items: Vec<String>) -> Value {
    if items.is_empty() {
        Value::Null
    } else {
        items.into()
    }
}
