//! The objects of a store as manifests.

use std::io::{self, Write};
use std::sync::Arc;

use serde_json::Value;

use super::definitions::DEFINITIONS;
use super::store::{List, Object, SetAside, Store};
use crate::api::yaml;

/// The metadata that a server writes. Another server writes its own. `ownerReferences` name owners by the uid of this
/// server: another one would delete the objects, since it has no such owners.
const WRITTEN_BY_SERVERS: [&str; 9] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Returns all objects of a store, in the order of their keys.
#[must_use]
pub fn objects(store: &Store) -> Vec<Arc<Object>> {
    let page = store.list(&List {
        prefix: "",
        at: None,
        from: None,
        limit: None,
        keep: &|_| true,
    });
    page.unwrap_or_default().items // the present is never compacted
}

/// Writes objects as YAML documents that `kubectl apply -f` takes: first the definitions, then the namespaces, then the
/// others. What could not be read is named in comments.
///
/// # Errors
/// Returns the error of the writer.
pub fn write(objects: &[Arc<Object>], lost: &[SetAside], out: &mut dyn Write) -> io::Result<()> {
    for SetAside { key, why } in lost {
        writeln!(out, "# not exported: {}: {}", line(key), line(why))?;
    }
    let (group, _) = DEFINITIONS;
    let api_version = format!("{group}/v1");
    let rank = |object: &Object| {
        let text = |name: &str| object.value.get(name).and_then(Value::as_str);
        match (text("apiVersion"), text("kind")) {
            (Some(version), Some("CustomResourceDefinition")) if version == api_version => 0,
            (Some("v1"), Some("Namespace")) => 1,
            _ => 2,
        }
    };
    let mut objects: Vec<&Arc<Object>> = objects.iter().collect();
    objects.sort_by_key(|object| rank(object));
    for object in objects {
        let mut value = object.value.clone();
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|name, _| !WRITTEN_BY_SERVERS.contains(&name.as_str()));
        }
        write!(out, "---\n{}", yaml::write(&value))?;
    }
    out.flush()
}

/// A text of a damaged file on one line of a comment.
fn line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
