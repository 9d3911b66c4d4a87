//! What is stored, and what happened to it.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::Unwritten;
use crate::limits::{OBJECT_BYTES, Weight};

/// One version of one object. Never changed; a write makes another one.
#[derive(Debug)]
pub struct Object {
    /// The change that made it: its `metadata.resourceVersion`.
    pub version: u64,
    /// The whole object, with its resource version.
    pub value: Value,
    /// The same as compact JSON: answers, watchers and the disk share these bytes.
    pub text: Bytes,
}

impl Object {
    /// The object as of a version: the version becomes its `metadata.resourceVersion`.
    pub fn new(mut value: Value, version: u64) -> Self {
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".to_owned(), version.to_string().into());
        }
        let text = Bytes::from(value.to_string());
        Object {
            version,
            value,
            text,
        }
    }

    /// The gate before the store: the object as of a version if it is within the limits, and if the reader of the store
    /// reads it. What is returned is what was read.
    ///
    /// # Errors
    /// Returns the limit that the object exceeds, or why it cannot be read.
    pub fn checked(value: Value, version: u64) -> Result<Self, Unwritten> {
        if let Some(fault) = Weight::of(&value).fault() {
            return Err(Unwritten::TooHeavy(fault));
        }
        let object = Object::new(value, version);
        if object.text.len() > OBJECT_BYTES {
            return Err(Unwritten::TooLarge);
        }
        let value = Object::parse(&object.text)
            .map_err(Unwritten::Unreadable)?
            .1;
        Ok(Object { value, ..object })
    }

    /// The reader of the store: the version and the value of what [`Object::new`] wrote.
    fn parse(text: &[u8]) -> Result<(u64, Value), String> {
        let value: Value = serde_json::from_slice(text)
            .map_err(|error| format!("it is not an object: {error}"))?;
        let version = value.pointer("/metadata/resourceVersion");
        let version = version
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok());
        let version = version.ok_or("it has no resource version")?;
        Ok((version, value))
    }

    /// Reads what [`Object::new`] wrote.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let (version, value) = Object::parse(text)?;
        Ok(Object {
            version,
            value,
            text: Bytes::copy_from_slice(text),
        })
    }

    /// This object at a later version: how a watcher sees the last of it.
    pub fn at(&self, version: u64) -> Self {
        Object::new(self.value.clone(), version)
    }

    /// A text of its metadata, such as `uid`; empty if it has none.
    pub fn meta(&self, field: &str) -> &str {
        let metadata = self.value.get("metadata");
        metadata
            .and_then(|metadata| metadata.get(field))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The uids of its owners.
    pub fn owners(&self) -> impl Iterator<Item = &str> {
        let references = self.value.pointer("/metadata/ownerReferences");
        references
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|reference| reference.get("uid")?.as_str())
    }
}

/// One acknowledged write of one object.
#[derive(Debug)]
pub struct Change {
    /// Its place in the order of all changes; the next change has the next number.
    pub version: u64,
    /// Where the object is stored ([`key`]).
    pub key: Arc<str>,
    /// The object before; `None` if this change created it.
    pub old: Option<Arc<Object>>,
    /// The object after; if this change deleted it, the last of it, at this version.
    pub object: Arc<Object>,
    /// Is it gone?
    pub deleted: bool,
}

impl Change {
    /// The object that is stored after this change.
    pub fn new_object(&self) -> Option<&Arc<Object>> {
        (!self.deleted).then_some(&self.object)
    }

    /// About how much memory it keeps alive, in bytes.
    pub(super) fn weight(&self) -> usize {
        let old = self.old.as_ref().map_or(0, |old| old.text.len());
        // a parsed object is about three times its text
        (self.object.text.len() + old) * 4 + 256
    }
}

/// Where an object is stored. Objects of one resource are neighbours, in the order in which they are listed.
pub fn key(group: &str, plural: &str, namespace: Option<&str>, name: &str) -> String {
    prefix(group, plural, namespace) + name
}

/// The beginning of the keys of a resource, or of those in one namespace.
pub fn prefix(group: &str, plural: &str, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("{group}/{plural}/{namespace}/"),
        None => format!("{group}/{plural}/"),
    }
}
