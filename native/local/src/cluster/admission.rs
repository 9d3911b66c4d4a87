//! The core's admission on the way into the store.

use imagecache::admission::{AdmissionSettings, CacheSource, decide};
use imagecache::resource::{GROUP, PLURAL};
use serde_json::{Value, json};

use super::now;
use super::store::{Transaction, prefix};
use crate::api::write::Admitted;
use crate::api::{ApiError, Resource};

/// Asks the core about an object as an API server asks a webhook: what it may not be, what to tell, what to change.
pub(super) fn admit(
    settings: &AdmissionSettings,
    transaction: &Transaction<'_>,
    resource: &Resource,
    live: Option<&Value>,
    object: Value,
) -> Result<Admitted, ApiError> {
    let name = |field: &str| {
        let metadata = object.get("metadata");
        metadata.and_then(|metadata| metadata.get(field)).cloned()
    };
    let request = json!({
        "uid": name("uid"),
        "operation": if live.is_some() { "UPDATE" } else { "CREATE" },
        "kind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "resource": {"group": resource.group, "version": resource.version, "resource": resource.plural},
        "name": name("name"),
        "namespace": name("namespace"),
        "object": object,
        "oldObject": live,
    });
    let verdict = decide(
        &request,
        settings,
        || Ok(CacheSource::Text(caches(transaction))),
        Some(now()),
    );
    if !verdict.allowed {
        let message = format!("admission denied the request: {}", verdict.message);
        let error = ApiError::new(verdict.code, verdict.reason, message);
        return Err(error.with_warnings(verdict.warnings));
    }
    Ok(Admitted {
        object: verdict.object.unwrap_or(object),
        warnings: verdict.warnings,
    })
}

/// The text of a list of every image cache.
fn caches(transaction: &Transaction<'_>) -> Vec<u8> {
    let keys = transaction.keys(&prefix(GROUP, PLURAL, None));
    let mut text = br#"{"items":["#.to_vec();
    for (place, object) in keys
        .iter()
        .filter_map(|key| transaction.get(key))
        .enumerate()
    {
        if place > 0 {
            text.push(b',');
        }
        text.extend_from_slice(&object.text);
    }
    text.extend_from_slice(b"]}");
    text
}
