//! Definitions in the store: what is served because of them, and what becomes of them after each write.

use std::sync::{Arc, OnceLock, PoisonError};

use super::store::{self, List, Object, Transaction};
use super::{Cluster, Served, now};
use crate::api::fields::{self, Writer};
use crate::api::resource::Settle;
use crate::api::{ApiError, Resource, Resources, is_established, meta};

/// Where definitions are stored.
pub(super) const DEFINITIONS: (&str, &str) = ("apiextensions.k8s.io", "customresourcedefinitions");

impl Cluster {
    /// Returns the resources that the server has now: the built-in ones and those of the stored definitions.
    pub(super) fn served(&self) -> Arc<Served> {
        let definitions = self.definitions();
        // Versions only grow, and a deleted definition reduces the number: no two states have the same pair.
        let newest = definitions.iter().map(|definition| definition.version);
        let state = (definitions.len(), newest.max().unwrap_or_default());
        let mut known = self
            .inner
            .served
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(served) if served.state == state => Arc::clone(served),
            _ => {
                let definitions = definitions.iter().map(|definition| &definition.value);
                let established = definitions.filter(|definition| is_established(definition));
                let served = Arc::new(Served {
                    state,
                    resources: Resources::new(established),
                    documents: OnceLock::new(),
                });
                *known = Some(Arc::clone(&served));
                served
            }
        }
    }

    fn definitions(&self) -> Vec<Arc<Object>> {
        let (group, plural) = DEFINITIONS;
        let page = self.store().list(&List {
            prefix: &store::prefix(group, plural, None),
            at: None,
            from: None,
            limit: None,
            keep: &|_| true,
        });
        page.unwrap_or_default().items // the present is never forgotten
    }
}

/// Checks that the definition of a custom resource exists and is not being deleted.
pub(super) fn is_to_stay(
    transaction: &Transaction<'_>,
    resource: &Resource,
    name: &str,
) -> Result<(), ApiError> {
    if !resource.custom {
        return Ok(());
    }
    let (group, plural) = resource.storage();
    let definition = transaction.get(&definition_key(group, plural));
    let definition = definition.ok_or_else(ApiError::no_such_path)?;
    if meta::is_deleting(&definition.value) {
        let why = "create not allowed while custom resource definition is terminating";
        return Err(ApiError::forbidden(resource, name, why));
    }
    Ok(())
}

/// Where the definition of a kind is stored.
pub(super) fn definition_key(group: &str, plural: &str) -> String {
    let (of, definitions) = DEFINITIONS;
    store::key(of, definitions, None, &format!("{plural}.{group}"))
}

/// Writes what becomes of the objects of a resource now that one of them has changed.
pub(super) fn settle(
    transaction: &mut Transaction<'_>,
    resource: &Resource,
) -> Result<(), ApiError> {
    let Some(settle) = &resource.settle else {
        return Ok(());
    };
    let keys = transaction.keys(&store::prefix(&resource.group, &resource.plural, None));
    // What one gives up another may take, so it is asked again until nothing changes.
    for _ in 0..=keys.len() {
        let mut changed = false;
        for key in &keys {
            changed |= settle_one(transaction, resource, settle, &keys, key)?;
        }
        if !changed {
            break;
        }
    }
    Ok(())
}

fn settle_one(
    transaction: &mut Transaction<'_>,
    resource: &Resource,
    settle: &Settle,
    keys: &[Arc<str>],
    key: &str,
) -> Result<bool, ApiError> {
    let Some(object) = transaction.get(key) else {
        return Ok(false);
    };
    let all: Vec<_> = keys.iter().filter_map(|key| transaction.get(key)).collect();
    let values: Vec<_> = all.iter().map(|object| &object.value).collect();
    let (mut settled, now) = (object.value.clone(), now());
    (settle.settle)(&mut settled, &values, now);
    if settled == object.value {
        return Ok(false);
    }
    let writer = Writer {
        manager: "kube-apiserver",
        subresource: "status",
        now,
    };
    fields::record(resource, &object.value, &mut settled, &writer);
    transaction.put(key, settled)?;
    Ok(true)
}
