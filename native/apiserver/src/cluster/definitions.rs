//! Definitions in the store: what is served because of them, and what becomes of them after each write.

use std::sync::{Arc, PoisonError};

use serde_json::Value;

use super::requests::{Body, Place};
use super::store::{self, List, Object, Transaction};
use super::{Cluster, Definition, now};
use crate::api::fields::{self, Writer};
use crate::api::patch::PatchKind;
use crate::api::resource::Settle;
use crate::api::{ApiError, Resource, Resources, is_established, meta};

/// Where definitions are stored.
const DEFINITIONS: (&str, &str) = ("apiextensions.k8s.io", "customresourcedefinitions");

impl Cluster {
    /// What is served now: the built-in kinds, and those of the definitions in the store.
    pub fn resources(&self) -> Arc<Resources> {
        let definitions = self.definitions();
        // Versions only grow, and a definition that goes makes them fewer: this tells every state from the next ones.
        let newest = definitions.iter().map(|definition| definition.version);
        let state = (definitions.len(), newest.max().unwrap_or_default());
        let mut known = self
            .inner
            .resources
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((of, resources)) if *of == state => Arc::clone(resources),
            _ => {
                let definitions = definitions.iter().map(|definition| &definition.value);
                let served = definitions.filter(|definition| is_established(definition));
                let resources = Arc::new(Resources::new(served));
                *known = Some((state, Arc::clone(&resources)));
                resources
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

    /// Applies a definition. A conflict with another field manager is no error unless it is forced: that manager's
    /// changes stay.
    pub(super) async fn define(&self, definition: Definition) -> Result<(), ApiError> {
        let Definition {
            object: mut definition,
            manager,
            force,
        } = definition;
        let (group, plural) = DEFINITIONS;
        let name = meta::text(&definition, "name").to_owned();
        let place = self.place((group, "v1", plural), None, Some(&name))?;
        // what another server wrote into an exported one is not this one's
        if let Some(fields) = definition.as_object_mut() {
            fields.remove("status");
        }
        let metadata = definition.get_mut("metadata");
        if let Some(metadata) = metadata.and_then(Value::as_object_mut) {
            metadata.retain(|name, _| matches!(name.as_str(), "name" | "labels" | "annotations"));
        }
        let mut body = Body::json(&definition, &manager);
        body.options.force = force;
        match self.patch(&place, PatchKind::Apply, body).await {
            Err(error) if !force && error.reason == "Conflict" => Ok(()),
            written => written.map(drop),
        }
    }
}

/// Objects come to be only of kinds whose definition is there to stay.
pub(super) fn is_to_stay(transaction: &Transaction<'_>, place: &Place) -> Result<(), ApiError> {
    if !place.resource.custom {
        return Ok(());
    }
    let (group, plural) = place.resource.storage();
    let definition = transaction.get(&definition_key(group, plural));
    let definition = definition.ok_or_else(ApiError::no_such_path)?;
    if meta::is_deleting(&definition.value) {
        return Err(ApiError::definition_ends());
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
