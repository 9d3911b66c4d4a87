//! Whole AdmissionReviews (`admission.k8s.io/v1`), as an API server sends them to a webhook and wants them back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::decide;
use super::list::Caches;
use super::settings::Settings;
use super::verdict::Verdict;
use crate::time::Timestamp;

/// The only version of AdmissionReview that is answered.
const API_VERSION: &str = "admission.k8s.io/v1";

/// Answers an AdmissionReview with an AdmissionReview: the `uid` is the request's, the patch a base64 JSON Patch.
///
/// # Errors
/// A sentence, when the value is no AdmissionReview of version v1 or its request has no `uid`: then there is nothing
/// that could be answered to, and a webhook answers HTTP 400.
pub fn review<'c>(
    review: &Value,
    settings: &Settings,
    caches: impl FnOnce() -> Result<Caches<'c>, String>,
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
    Ok(json!({
        "apiVersion": API_VERSION,
        "kind": "AdmissionReview",
        "response": response(uid, request, verdict),
    }))
}

fn response(uid: &str, request: &Value, verdict: Verdict) -> Value {
    let mut response = json!({"uid": uid, "allowed": verdict.allowed});
    let Some(fields) = response.as_object_mut() else {
        return response;
    };
    if !verdict.allowed {
        fields.insert("status".to_owned(), status(request, &verdict));
    }
    if !verdict.patch.is_empty() {
        let patch = serde_json::to_vec(&verdict.patch).unwrap_or_default();
        fields.insert("patchType".to_owned(), "JSONPatch".into());
        fields.insert("patch".to_owned(), STANDARD.encode(patch).into());
    }
    if !verdict.warnings.is_empty() {
        fields.insert("warnings".to_owned(), verdict.warnings.into());
    }
    if !verdict.audit_annotations.is_empty() {
        fields.insert(
            "auditAnnotations".to_owned(),
            json!(verdict.audit_annotations),
        );
    }
    response
}

/// The Status of a denial. `details` carries kind, name and causes, from which `kubectl` makes one line a fault.
fn status(request: &Value, verdict: &Verdict) -> Value {
    let mut status = json!({
        "code": verdict.code,
        "reason": verdict.reason,
        "message": verdict.message,
    });
    if !verdict.causes.is_empty()
        && let Some(fields) = status.as_object_mut()
    {
        let causes = verdict.causes.iter().map(|cause| {
            json!({"reason": "FieldValueInvalid", "field": cause.field, "message": cause.message})
        });
        let mut details = json!({"causes": causes.collect::<Vec<_>>()});
        let kind = |part| request.get("kind").and_then(|kind| kind.get(part)).cloned();
        let told = [
            ("group", kind("group")),
            ("kind", kind("kind")),
            ("name", request.get("name").cloned()),
        ];
        for (name, value) in told {
            if let (Some(details), Some(value @ Value::String(_))) =
                (details.as_object_mut(), value)
            {
                details.insert(name.to_owned(), value);
            }
        }
        fields.insert("details".to_owned(), details);
    }
    status
}
