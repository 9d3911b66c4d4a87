//! Admission: a hook that may change or refuse an object before it is validated and stored.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use super::store::{List, Store, prefix};
use crate::api::write::Admitted;
use crate::api::{ApiError, Resource};

/// An admission hook of a [`Cluster`](super::Cluster). Clones share the hook.
#[derive(Clone)]
pub struct Admission(Arc<Hook>);

type Hook = dyn Fn(Review<'_>) -> Result<Admitted, ApiError> + Send + Sync;

impl Admission {
    /// Creates admission from a function that decides one review.
    pub fn new(
        hook: impl Fn(Review<'_>) -> Result<Admitted, ApiError> + Send + Sync + 'static,
    ) -> Self {
        Admission(Arc::new(hook))
    }

    /// Asks the hook about an object that is about to be written.
    pub(super) fn admit(
        &self,
        store: &Store,
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
        (self.0)(Review {
            request,
            object,
            store,
        })
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admission")
    }
}

/// One object to admit, with read access to the store.
pub struct Review<'a> {
    /// The `request` of an AdmissionReview of `admission.k8s.io/v1`.
    pub request: Value,
    /// The object, as in `request`.
    pub object: Value,
    store: &'a Store,
}

impl Review<'_> {
    /// Returns every stored object of a resource as the JSON text of a list.
    #[must_use]
    pub fn list(&self, group: &str, plural: &str) -> Vec<u8> {
        let page = self.store.list(&List {
            prefix: &prefix(group, plural, None),
            at: None,
            from: None,
            limit: None,
            keep: &|_| true,
        });
        let mut text = br#"{"items":["#.to_vec();
        // the present is never compacted
        for (index, object) in page.unwrap_or_default().items.iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            text.extend_from_slice(&object.text);
        }
        text.extend_from_slice(b"]}");
        text
    }
}
