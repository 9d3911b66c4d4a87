//! `imagecache::ffi`, called as a foreign host calls it: every argument and every answer is JSON text.

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagecache::ffi::{self, CacheIndex, FfiError};
use serde::Serialize;
use serde_json::{Value, json};

/// Returns the answer to a case, with its parts where the corpus has them.
///
/// # Errors
/// Returns an error if the question is malformed.
pub fn answer(call: &str, input: &Value) -> Result<Value> {
    Ok(match call {
        "validate" => match input.get("text").and_then(Value::as_str) {
            Some(text) => member(&written(&ffi::validate_text(text, None)?)?, "diagnostics"),
            None => written(&ffi::validate_object(&argument(input, "object")?, None)?)?,
        },
        "reference" => written(&ffi::reference(text(input, "text")?)?)?,
        "expire" => {
            let cache = argument(input, "cache")?;
            json!({"expiry": written(&ffi::expiry(&cache, text(input, "now")?)?)?})
        }
        "match" => matched(input)?,
        "explain" => {
            let code = ffi::code(text(input, "code")?).context("unknown code")?;
            written(&ffi::rule(code))?
        }
        "crd" => ffi::crd(text(input, "version")?)?,
        "plan" => {
            let (facts, options) = (optional(input, "facts")?, optional(input, "options")?);
            let plan = ffi::plan(
                &argument(input, "objects")?,
                facts.as_ref(),
                options.as_ref(),
            )?;
            written(&plan)?
        }
        "admit" => admitted(input)?,
        other => bail!("unknown call `{other}`"),
    })
}

/// The answer of the core in the words of a host that gets settings and request at once: invalid settings are an
/// error of the call.
#[must_use]
pub fn words(answer: Value) -> Value {
    let message = answer.get("message").and_then(Value::as_str);
    match message.and_then(|message| message.strip_prefix("the settings are invalid: ")) {
        Some(errors) => json!({"error": format!("settings: {errors}")}),
        None => answer,
    }
}

fn matched(input: &Value) -> Result<Value> {
    let rules = optional(input, "rules")?;
    let pod = argument(input, "pod")?;
    let mut index = CacheIndex::default();
    let diagnostics = index.insert_document(&argument(input, "caches")?);
    let answer = written(&index.explain(&pod, rules.as_ref())?)?;
    let short = written(&index.select(&pod, rules.as_ref())?)?;
    for name in ["decision", "winner", "autoCreate"] {
        if short.get(name) != answer.get(name) {
            bail!("`select` and `explain` disagree: {short} {answer}");
        }
    }
    Ok(json!({"answer": answer, "diagnostics": written(&diagnostics)?}))
}

fn admitted(input: &Value) -> Result<Value> {
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": input.get("request")});
    let settings = optional(input, "settings")?;
    let answer = match optional(input, "caches")? {
        Some(caches) => {
            let mut index = CacheIndex::default();
            index.insert_document(&caches);
            index.review(&review, settings.as_ref(), None)
        }
        None => ffi::review(&review, settings.as_ref(), None),
    };
    match answer {
        Ok(answer) => verdict(&written(&answer)?),
        // Invalid settings are refused before the object is looked at.
        Err(FfiError::Invalid { argument, message }) if argument == "settings" => {
            Ok(json!({"error": format!("settings: {message}")}))
        }
        Err(error) => Err(error.into()),
    }
}

/// The verdict that an AdmissionReview contains.
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

/// An argument, through text.
fn argument(input: &Value, name: &str) -> Result<Value> {
    let value = input.get(name).with_context(|| format!("missing {name}"))?;
    Ok(ffi::json(name, &value.to_string())?)
}

fn optional(input: &Value, name: &str) -> Result<Option<Value>> {
    input.get(name).map(|_| argument(input, name)).transpose()
}

fn text<'v>(input: &'v Value, name: &str) -> Result<&'v str> {
    let value = input.get(name).with_context(|| format!("missing {name}"))?;
    value
        .as_str()
        .with_context(|| format!("{name}: expected a string"))
}

/// An answer, through text.
fn written(answer: &impl Serialize) -> Result<Value> {
    Ok(serde_json::from_str(&serde_json::to_string(answer)?)?)
}

fn member(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap_or_default()
}
