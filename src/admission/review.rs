//! Whole AdmissionReviews (`admission.k8s.io/v1`), as an API server sends them to a webhook and wants them back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::caches::CacheSource;
use super::decide;
use super::settings::AdmissionSettings;
use super::verdict::AdmissionVerdict;
use crate::time::Timestamp;

/// The only version of AdmissionReview that is answered.
const API_VERSION: &str = "admission.k8s.io/v1";

/// Answers an AdmissionReview with an AdmissionReview: the `uid` is the request's, the patch a base64 JSON Patch.
///
/// # Errors
/// A sentence, when the value is not an AdmissionReview of version v1 or its request has no `uid`: then there is nothing
/// that could be answered to, and a webhook answers HTTP 400.
pub fn review<'c>(
    review: &Value,
    settings: &AdmissionSettings,
    caches: impl FnOnce() -> Result<CacheSource<'c>, String>,
    now: Option<Timestamp>,
) -> Result<Value, String> {
    let is = |field: &str, wanted: &str| match review.get(field).and_then(Value::as_str) {
        Some(found) if found == wanted => Ok(()),
        Some(found) => Err(format!("{field}: `{found}`, `{wanted}` expected")),
        None => Err(format!("{field}: missing, `{wanted}` expected")),
    };
    is("apiVersion", API_VERSION)?;
    is("kind", "AdmissionReview")?;
    let request = review.get("request").ok_or("request: missing")?;
    let uid = request
        .get("uid")
        .and_then(Value::as_str)
        .filter(|uid| !uid.is_empty());
    let uid = uid.ok_or("request.uid: missing, so nothing can be answered")?;
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
        ("reason", verdict.reason.into()),
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
