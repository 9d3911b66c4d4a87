//! Who made an object: its uid, and the uid of the object that controls it.

use serde_json::Value;

/// Returns the uid that the API server gave an object.
pub(crate) fn uid(object: &Value) -> Option<&str> {
    let uid = object.get("metadata")?.get("uid")?.as_str()?;
    (!uid.is_empty()).then_some(uid)
}

/// Returns the uid of the object that controls this one. Other owners are left out.
pub(crate) fn controller(object: &Value) -> Option<&str> {
    let owners = object.get("metadata")?.get("ownerReferences")?.as_array()?;
    let controls = |owner: &&Value| owner.get("controller") == Some(&Value::Bool(true));
    owners.iter().find(controls)?.get("uid")?.as_str()
}
