//! `metadata`: reading it, and the rules for names, labels, annotations, finalizers and owners, with the words of
//! apimachinery.

mod decode;
mod names;
mod rules;

use imagecache::time::Timestamp;
use serde_json::{Map, Value, json};

pub(super) use decode::{decode, schema};
pub(crate) use names::NameRule;
pub(super) use names::{config_key_faults, key_faults, name_faults, value_faults};
pub(crate) use rules::MAX_MANAGER;
pub(super) use rules::{finalizer_warnings, validate, validate_update};

/// A text of `metadata`; empty where there is none.
#[must_use]
pub(crate) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get(name))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Returns the time of the last write, from the managed fields of the object.
#[must_use]
pub(crate) fn last_write(object: &Value) -> Option<Timestamp> {
    let writes = get(object, "managedFields").as_array();
    let writes = writes.into_iter().flatten();
    let writes = writes.filter_map(|write| write.get("time")?.as_str());
    let times = writes.chain([text(object, "creationTimestamp")]);
    times.filter_map(|time| time.parse().ok()).max()
}

/// Is the object being deleted?
#[must_use]
pub(crate) fn is_deleting(object: &Value) -> bool {
    !text(object, "deletionTimestamp").is_empty()
}

/// The finalizers of an object.
pub(crate) fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get("finalizers"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// The `metadata` of an object, made if there is none. `None` if the value is not an object.
pub(super) fn of(object: &mut Value) -> Option<&mut Map<String, Value>> {
    let metadata = object
        .as_object_mut()?
        .entry("metadata")
        .or_insert_with(|| json!({}));
    if !metadata.is_object() {
        *metadata = json!({});
    }
    metadata.as_object_mut()
}

/// Sets a field of `metadata`; `null` removes it.
pub(super) fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(metadata) = of(object) {
        if value.is_null() {
            metadata.remove(name);
        } else {
            metadata.insert(name.to_owned(), value);
        }
    }
}

/// A field of `metadata`; null where there is none.
pub(crate) fn get<'a>(object: &'a Value, name: &str) -> &'a Value {
    static NULL: Value = Value::Null;
    object
        .get("metadata")
        .and_then(|metadata| metadata.get(name))
        .unwrap_or(&NULL)
}
