//! The core's JSON door, called with JSON text as a foreign host calls it.

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagecache::door::Door;
use serde_json::{Map, Value, json};

/// What the door answers, with the parts in the places where the corpus has them.
///
/// # Errors
/// If the door refuses the call or the question is malformed.
pub fn answer(door: &mut Door, call: &str, input: &Value) -> Result<Value> {
    let question = match call {
        "admit" => admission(input),
        _ => input.clone(),
    };
    let text = door.call_text(&json!({ call: question }).to_string());
    let mut told: Value = serde_json::from_str(&text)?;
    if let Some(failure) = told.get("error") {
        return match failure.get("message").and_then(Value::as_str) {
            // Faulty settings are refused before anything is judged.
            Some(message) if message.starts_with("settings: ") => Ok(json!({"error": message})),
            _ => bail!("{text}"),
        };
    }
    let reply = told.get_mut("ok").context("neither ok nor error")?.take();
    Ok(match call {
        "validate" => member(&reply, "diagnostics"),
        "expire" => json!({"expiry": reply.get(0)}),
        "admit" => verdict(&reply)?,
        _ => reply,
    })
}

/// The core's answer in the words of a host that is handed settings and request at once: faulty settings are a fault
/// of the call.
#[must_use]
pub fn words(answer: Value) -> Value {
    let message = answer.get("message").and_then(Value::as_str);
    match message.and_then(|message| message.strip_prefix("the settings are invalid: ")) {
        Some(faults) => json!({"error": format!("settings: {faults}")}),
        None => answer,
    }
}

/// The question of a case as arguments of `admit`: whole, as an API server asks it.
fn admission(input: &Value) -> Value {
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": input.get("request")});
    let mut arguments = Map::from_iter([("review".to_owned(), review)]);
    for name in ["settings", "caches"] {
        if let Some(value) = input.get(name) {
            arguments.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(arguments)
}

/// The verdict that an AdmissionReview tells.
fn verdict(review: &Value) -> Result<Value> {
    let response = review.get("response").context("no response")?;
    let patch: Value = match response.get("patch").and_then(Value::as_str) {
        Some(patch) => serde_json::from_slice(&STANDARD.decode(patch)?)?,
        None => json!([]),
    };
    let status = response.get("status").cloned().unwrap_or_default();
    let causes = status.pointer("/details/causes").and_then(Value::as_array);
    let causes: Vec<Value> = causes
        .into_iter()
        .flatten()
        .map(|cause| json!({"field": cause.get("field"), "message": cause.get("message")}))
        .collect();
    let or = |value: Option<&Value>, other: Value| value.cloned().unwrap_or(other);
    Ok(json!({
        "allowed": response.get("allowed"),
        "code": or(status.get("code"), json!(200)),
        "reason": or(status.get("reason"), json!("")),
        "message": or(status.get("message"), json!("")),
        "causes": causes,
        "warnings": or(response.get("warnings"), json!([])),
        "auditAnnotations": or(response.get("auditAnnotations"), json!({})),
        "patch": patch,
    }))
}

fn member(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap_or_default()
}
