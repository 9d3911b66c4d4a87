//! Garbage collection: what happens after an object with dependents is deleted.
//!
//! A dependent goes when the last of its owners has gone. An owner with the finalizer `foregroundDeletion` waits until
//! the dependents that block it have gone; with `orphan` it waits until they have lost it. A namespace takes what is in
//! it along, a definition what it defines. Every step is one transaction that looks at the newest state, so it may be
//! taken twice and after a crash. Objects that live for a time only, such as Events, end here too.

use std::sync::Arc;
use std::time::Duration;

use imagecache::time::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::definitions::definition_key;
use super::requests::{carry_out, delete_one};
use super::store::{Change, List, Object, Transaction, key, prefix};
use super::{Cluster, now};
use crate::api::options::{DeleteOptions, Propagation};
use crate::api::write::{Effect, Outcome};
use crate::api::{ApiError, Resource, Resources, meta};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// Collects until `stop`: what a crash left first, then after every change.
pub(super) async fn run(cluster: Cluster, stop: CancellationToken) {
    let mut version = cluster.store().version();
    sweep(&cluster).await;
    let mut minutes = tokio::time::interval(Duration::from_secs(60));
    loop {
        let mut watch = cluster.store().watch("", version);
        loop {
            let changes = tokio::select! {
                () = stop.cancelled() => return,
                _ = minutes.tick() => {
                    report(cluster.expire(now()).await.map(drop));
                    continue;
                }
                changes = watch.next() => changes,
            };
            let Ok(changes) = changes else {
                // too slow for the log: look at everything again
                break;
            };
            for change in changes {
                if concerns(&change) {
                    after(&cluster, change).await;
                }
            }
        }
        version = cluster.store().version();
        sweep(&cluster).await;
    }
}

/// How many objects end in one transaction, so that writers need not wait for long.
const AT_ONCE: usize = 500;

impl Cluster {
    /// Removes the objects whose time is over at `now`, in one version of the store after another. Returns how many.
    ///
    /// # Errors
    /// What the store says.
    pub async fn expire(&self, now: Timestamp) -> Result<usize, ApiError> {
        let mut ended = 0;
        for resource in self.served().resources.iter() {
            let Some(lifetime) = resource.lifetime else {
                continue;
            };
            let is_over = move |object: &Object| {
                meta::last_write(&object.value).is_some_and(|last| now.since(last) >= lifetime)
            };
            let page = self.store().list(&List {
                prefix: &prefix(&resource.group, &resource.plural, None),
                at: None,
                from: None,
                limit: None,
                keep: &is_over,
            });
            for objects in page.unwrap_or_default().items.chunks(AT_ONCE) {
                let keys: Vec<String> = objects
                    .iter()
                    .map(|object| {
                        let namespace =
                            Some(object.meta("namespace")).filter(|name| !name.is_empty());
                        key(
                            &resource.group,
                            &resource.plural,
                            namespace,
                            object.meta("name"),
                        )
                    })
                    .collect();
                let removed = self.store().write(move |transaction| {
                    let mut removed = 0;
                    for key in &keys {
                        // somebody may have written it meanwhile
                        if transaction.get(key).is_some_and(|object| is_over(&object)) {
                            transaction.delete(key);
                            removed += 1;
                        }
                    }
                    Ok::<_, ApiError>(removed)
                });
                ended += removed.await?;
            }
        }
        Ok(ended)
    }
}

/// Can something follow from this change?
fn concerns(change: &Change) -> bool {
    change.deleted || meta::is_deleting(&change.object.value)
}

async fn after(cluster: &Cluster, change: Arc<Change>) {
    let served = cluster.served();
    let collected = cluster.store().write(move |transaction| {
        let resources = &served.resources;
        let object = &change.object;
        if change.deleted {
            owner_gone(transaction, resources, object.meta("uid"))?;
            if *change.key == *namespace_key(object.meta("name")) {
                namespace_gone(transaction, resources, object.meta("name"))?;
            }
            for owner in object.owners() {
                if let Some(key) = transaction.key_of_uid(owner) {
                    release(transaction, resources, &key)?;
                }
            }
            if let Some((group, plural)) = kind_of(&change.key) {
                release(transaction, resources, &definition_key(group, plural))?;
            }
            Ok(())
        } else {
            release(transaction, resources, &change.key)
        }
    });
    report(collected.await);
}

/// Looks at every owner and every object that waits.
async fn sweep(cluster: &Cluster) {
    let served = cluster.served();
    let swept = cluster.store().write(move |transaction| {
        let resources = &served.resources;
        let owners: Vec<String> = transaction.owners().map(str::to_owned).collect();
        for owner in owners {
            match transaction.key_of_uid(&owner) {
                Some(key) => release(transaction, resources, &key)?,
                None => owner_gone(transaction, resources, &owner)?,
            }
        }
        for key in transaction.keys("") {
            let Some(object) = transaction.get(&key) else {
                continue;
            };
            let namespace = object.meta("namespace");
            if !namespace.is_empty() && transaction.get(&namespace_key(namespace)).is_none() {
                namespace_gone(transaction, resources, namespace)?;
            } else if meta::is_deleting(&object.value) {
                release(transaction, resources, &key)?;
            }
        }
        Ok(())
    });
    report(swept.await);
}

fn report(collected: Result<(), ApiError>) {
    if let Err(error) = collected {
        tracing::warn!(%error, "garbage collection failed");
    }
}

/// Deletes the dependents of an owner that has gone, or takes the owner off those that have others.
fn owner_gone(
    transaction: &mut Transaction<'_>,
    resources: &Resources,
    uid: &str,
) -> Result<(), ApiError> {
    if uid.is_empty() || transaction.key_of_uid(uid).is_some() {
        return Ok(());
    }
    for key in transaction.dependents(uid) {
        let (Some(object), Some(resource)) = (transaction.get(&key), resource_of(resources, &key))
        else {
            continue;
        };
        let mut others = references(&object.value).filter(|reference| uid_of(reference) != uid);
        if references(&object.value)
            .any(|reference| uid_of(reference) == uid && !is_served(resources, reference))
        {
            // the kind of the owner is not served here: the owner may exist
            continue;
        }
        let has_others = others.any(|reference| {
            !is_served(resources, reference) || transaction.key_of_uid(uid_of(reference)).is_some()
        });
        if has_others {
            drop_owner(transaction, resource, &key, &object, uid)?;
        } else if !meta::is_deleting(&object.value) {
            let options = DeleteOptions {
                propagation: Propagation::Background,
                ..DeleteOptions::default()
            };
            delete_one(transaction, resource, &key, &object, &options, now())?;
        }
    }
    Ok(())
}

/// Everything in a namespace goes with it.
fn namespace_gone(
    transaction: &mut Transaction<'_>,
    resources: &Resources,
    name: &str,
) -> Result<(), ApiError> {
    for resource in resources.iter().filter(|resource| resource.namespaced) {
        let (group, plural) = resource.storage();
        delete_all(transaction, resource, &prefix(group, plural, Some(name)))?;
    }
    Ok(())
}

/// Deletes the objects whose keys have the prefix. Returns whether an object is left that waits for others.
fn delete_all(
    transaction: &mut Transaction<'_>,
    resource: &Resource,
    prefix: &str,
) -> Result<bool, ApiError> {
    let mut left = false;
    for key in transaction.keys(prefix) {
        let Some(object) = transaction.get(&key) else {
            continue;
        };
        let options = DeleteOptions::default();
        let deleted = delete_one(transaction, resource, &key, &object, &options, now())?;
        left |= deleted.effect != Effect::Remove;
    }
    Ok(left)
}

fn namespace_key(name: &str) -> String {
    key("", "namespaces", None, name)
}

/// Takes the garbage collector's own finalizers off an object that waits for them, if nothing speaks against it.
fn release(
    transaction: &mut Transaction<'_>,
    resources: &Resources,
    key: &str,
) -> Result<(), ApiError> {
    let (Some(object), Some(resource)) = (transaction.get(key), resource_of(resources, key)) else {
        return Ok(());
    };
    if !meta::is_deleting(&object.value) {
        return Ok(());
    }
    let has = |finalizer: &str| meta::finalizers(&object.value).any(|own| own == finalizer);
    let uid = object.meta("uid").to_owned();
    if has(ORPHAN) {
        for dependent in transaction.dependents(&uid) {
            if let (Some(child), Some(kind)) = (
                transaction.get(&dependent),
                resource_of(resources, &dependent),
            ) {
                drop_owner(transaction, kind, &dependent, &child, &uid)?;
            }
        }
        return drop_finalizer(transaction, resource, key, &object, ORPHAN);
    }
    if let Some(settle) = resource
        .settle
        .as_ref()
        .filter(|settle| has(settle.finalizer))
    {
        let (group, plural) = (settle.defines)(&object.value);
        let keys = prefix(group, plural, None);
        let Some(first) = transaction.keys(&keys).into_iter().next() else {
            return drop_finalizer(transaction, resource, key, &object, settle.finalizer);
        };
        if let Some(defined) = resource_of(resources, &first)
            && !delete_all(transaction, defined, &keys)?
        {
            return drop_finalizer(transaction, resource, key, &object, settle.finalizer);
        }
    }
    if has(FOREGROUND) {
        let mut blocked = false;
        for dependent in transaction.dependents(&uid) {
            let (Some(child), Some(kind)) = (
                transaction.get(&dependent),
                resource_of(resources, &dependent),
            ) else {
                continue;
            };
            let blocks = references(&child.value).any(|reference| {
                let blocks = reference.get("blockOwnerDeletion");
                uid_of(reference) == uid && blocks.and_then(Value::as_bool).unwrap_or(false)
            });
            let gone = if meta::is_deleting(&child.value) {
                false
            } else {
                let options = DeleteOptions {
                    propagation: Propagation::Foreground,
                    ..DeleteOptions::default()
                };
                let deleted = delete_one(transaction, kind, &dependent, &child, &options, now())?;
                deleted.effect == Effect::Remove
            };
            blocked |= blocks && !gone;
        }
        if !blocked {
            return drop_finalizer(transaction, resource, key, &object, FOREGROUND);
        }
    }
    Ok(())
}

fn drop_finalizer(
    transaction: &mut Transaction<'_>,
    resource: &Resource,
    key: &str,
    object: &Object,
    finalizer: &str,
) -> Result<(), ApiError> {
    let mut value = object.value.clone();
    let mut last = false;
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut)
        && let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut)
    {
        finalizers.retain(|own| own.as_str() != Some(finalizer));
        last = finalizers.is_empty();
        if last {
            metadata.remove("finalizers");
        }
    }
    let effect = if last { Effect::Remove } else { Effect::Update };
    store(transaction, resource, key, value, effect)
}

fn drop_owner(
    transaction: &mut Transaction<'_>,
    resource: &Resource,
    key: &str,
    object: &Object,
    uid: &str,
) -> Result<(), ApiError> {
    let mut value = object.value.clone();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut)
        && let Some(owners) = metadata
            .get_mut("ownerReferences")
            .and_then(Value::as_array_mut)
    {
        owners.retain(|reference| uid_of(reference) != uid);
        if owners.is_empty() {
            metadata.remove("ownerReferences");
        }
    }
    store(transaction, resource, key, value, Effect::Update)
}

/// Stores what was made of a stored object.
fn store(
    transaction: &mut Transaction<'_>,
    resource: &Resource,
    key: &str,
    mut object: Value,
    effect: Effect,
) -> Result<(), ApiError> {
    resource.read_stored(&mut object);
    let outcome = Outcome {
        object,
        effect,
        warnings: Vec::new(),
    };
    carry_out(transaction, resource, key, outcome).map(drop)
}

fn references(object: &Value) -> impl Iterator<Item = &Value> {
    let references = object.pointer("/metadata/ownerReferences");
    references.and_then(Value::as_array).into_iter().flatten()
}

fn uid_of(reference: &Value) -> &str {
    reference
        .get("uid")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Is the owner that is named of a kind that is served here?
fn is_served(resources: &Resources, reference: &Value) -> bool {
    let text = |field: &str| {
        reference
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let api_version = text("apiVersion");
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    resources.iter().any(|resource| {
        resource.kind == text("kind") && resource.group == group && resource.version == version
    })
}

/// The resource under whose keys a key is: the one that is stored so, where others see the same objects.
fn resource_of<'a>(resources: &'a Resources, key: &str) -> Option<&'a Resource> {
    let (group, plural) = kind_of(key)?;
    let kinds = resources
        .iter()
        .filter(|resource| resource.storage() == (group, plural));
    kinds
        .min_by_key(|resource| resource.stored.is_some())
        .map(|resource| &**resource)
}

/// Group and plural of a key.
fn kind_of(key: &str) -> Option<(&str, &str)> {
    let (group, rest) = key.split_once('/')?;
    let (plural, _) = rest.split_once('/')?;
    Some((group, plural))
}
