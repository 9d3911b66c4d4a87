//! The Kubewarden policy: a waPC guest that hands requests to [`imagecache::admission`] and answers as Kubewarden
//! wants it. It decides nothing itself, keeps nothing between requests, and does not log: a host may refuse a guest's
//! log lines, and a logger that takes this for a fault stops the guest.
#![cfg(target_family = "wasm")]

use std::fmt;

use imagecache::admission::{
    self, AdmissionSettings, AdmissionVerdict, CacheSource, CachesUnavailable,
};
use serde_json::{Map, Value, json};
use wapc_guest::{CallResult, host_call, register_function};

/// The one question to the cluster. It never varies, because a host keeps one watch for every variation of it; the
/// masks leave out what grows (events) and what matching does not read.
const LIST_IMAGE_CACHES: &str = r#"{"api_version":"eci.alibabacloud.com/v1","kind":"ImageCache","label_selector":null,"field_selector":null,"field_masks":["metadata.name","metadata.annotations","metadata.creationTimestamp","spec.images","spec.imageCacheSize","status.imageCacheId","status.phase","status.expireDateTime"]}"#;

/// Called once by the host, before anything else.
#[allow(unsafe_code)] // the name is the contract; see the lints in Cargo.toml
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("validate", validate);
    register_function("validate_settings", validate_settings);
    register_function("protocol_version", |_| Ok(br#""v1""#.to_vec()));
}

/// `{"request": …, "settings": …}` to a validation response. Always a response: an `Err` would read as an internal
/// error of the policy.
fn validate(payload: &[u8]) -> CallResult {
    let payload = match json(payload) {
        Ok(payload) => payload,
        Err(error) => return response(AdmissionVerdict::unreadable(&error)),
    };
    let settings = match AdmissionSettings::parse(payload.get("settings").unwrap_or(&Value::Null)) {
        Ok(settings) => settings,
        Err(faults) => return response(AdmissionVerdict::unconfigured(&faults)),
    };
    let request = payload.get("request").unwrap_or(&Value::Null);
    response(admission::decide(
        request,
        &settings,
        list_image_caches,
        None,
    ))
}

/// The settings, `{}` when there are none, to `{"valid": …, "message": …}` with every fault at once.
fn validate_settings(payload: &[u8]) -> CallResult {
    let faults = match json(payload).map(|settings| AdmissionSettings::parse(&settings)) {
        Ok(Ok(_)) => return answer(&json!({"valid": true})),
        Ok(Err(errors)) => errors.to_string(),
        Err(error) => format!("the settings are no JSON: {error}"),
    };
    answer(&json!({"valid": false, "message": faults}))
}

fn json(payload: &[u8]) -> Result<Value, String> {
    let text = str::from_utf8(payload).map_err(|_| "it is not UTF-8".to_owned())?;
    // Not `from_slice`, which would be a second reader beside the one that the core has.
    text.parse()
        .map_err(|error: serde_json::Error| error.to_string())
}

fn list_image_caches() -> Result<CacheSource<'static>, CachesUnavailable> {
    match host_call(
        "kubewarden",
        "kubernetes",
        "list_resources_all",
        LIST_IMAGE_CACHES.as_bytes(),
    ) {
        Ok(list) => Ok(CacheSource::Text(list)),
        Err(refusal) => {
            let refusal = refusal.to_string();
            let refusal = refusal.strip_prefix("Host error: ").unwrap_or(&refusal);
            Err(refusal.into())
        }
    }
}

fn response(verdict: AdmissionVerdict) -> CallResult {
    let mut response = Map::new();
    response.insert("accepted".to_owned(), verdict.allowed.into());
    if !verdict.allowed {
        response.insert("message".to_owned(), verdict.message.into());
        response.insert("code".to_owned(), verdict.code.into());
    }
    if !verdict.warnings.is_empty() {
        response.insert("warnings".to_owned(), verdict.warnings.into());
    }
    if !verdict.audit_annotations.is_empty() {
        let audit = verdict.audit_annotations.into();
        response.insert("audit_annotations".to_owned(), audit);
    }
    if let Some(object) = verdict.object {
        response.insert("mutated_object".to_owned(), object);
    }
    answer(&Value::Object(response))
}

fn answer(value: &Value) -> CallResult {
    // A value can always be written. The error that says more would bring the code along that prints it for developers.
    serde_json::to_vec(value).map_err(|_| fmt::Error.into())
}
