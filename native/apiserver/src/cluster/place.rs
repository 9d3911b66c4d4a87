//! Which object, collection or part of an object a request is about.

use std::sync::Arc;

use serde_json::Value;

use super::store::{self, Object};
use crate::api::write::Subresource;
use crate::api::{ApiError, Resource};

/// What a request is about.
#[derive(Clone)]
pub struct Place {
    /// The kind of object.
    pub resource: Arc<Resource>,
    /// Where it lives; `None` for cluster-scoped objects and for all namespaces.
    pub namespace: Option<String>,
    /// Which one; `None` for the collection.
    pub name: Option<String>,
    /// Which part of it.
    pub subresource: Subresource,
}

impl Place {
    /// The same place's status.
    #[must_use]
    pub fn status(mut self) -> Place {
        self.subresource = Subresource::Status;
        self
    }

    /// The beginning of the keys of its collection.
    pub fn prefix(&self) -> String {
        let (group, plural) = self.resource.storage();
        store::prefix(group, plural, self.namespace.as_deref())
    }

    pub(super) fn key(&self, name: &str) -> String {
        self.prefix() + name
    }

    pub(super) fn own_key(&self) -> String {
        self.key(self.name.as_deref().unwrap_or_default())
    }

    pub(super) fn not_found(&self) -> ApiError {
        ApiError::not_found(&self.resource, self.name.as_deref().unwrap_or_default())
    }

    /// A stored object as this resource shows it.
    pub fn show(&self, object: &Object) -> Value {
        let mut value = object.value.clone();
        self.resource.read_stored(&mut value);
        value
    }
}
