//! `DELETE`.

use imagecache::time::Timestamp;
use serde_json::Value;

use super::{Effect, Outcome};
use crate::api::error::ApiError;
use crate::api::meta;
use crate::api::options::{DeleteOptions, Propagation};
use crate::api::resource::Resource;

/// `DELETE`: an object goes, or waits for its finalizers ([`Effect::Update`] or [`Effect::Keep`]).
///
/// The answer is [`crate::api::Status::deleted`] where the effect is [`Effect::Remove`] and the resource does not
/// [return deleted objects](Resource::returns_deleted), else the object. The garbage collector removes
/// dependents and then the finalizers `foregroundDeletion` and `orphan`. Pods go at once, without a grace period:
/// no process here needs one.
///
/// # Errors
/// 409 for preconditions that do not hold, 403 for an object that cannot be deleted.
pub fn delete(
    resource: &Resource,
    live: &Value,
    options: &DeleteOptions,
    now: Timestamp,
) -> Result<Outcome, ApiError> {
    check_preconditions(resource, live, options)?;
    let name = meta::text(live, "name");
    if resource.permanent.contains(&name) {
        let why = "this namespace may not be deleted";
        return Err(ApiError::forbidden(resource, name, why));
    }
    let mut object = live.clone();
    let mut finalizers: Vec<&str> = meta::finalizers(live)
        .filter(|name| !matches!(*name, "orphan" | "foregroundDeletion"))
        .collect();
    if let (false, Some(settle)) = (meta::is_deleting(live), &resource.settle) {
        finalizers.retain(|name| *name != settle.finalizer);
        finalizers.push(settle.finalizer);
    }
    match options.propagation {
        Propagation::Background => {}
        Propagation::Foreground => finalizers.push("foregroundDeletion"),
        Propagation::Orphan => finalizers.push("orphan"),
    }
    let effect = if finalizers.is_empty() {
        Effect::Remove
    } else {
        meta::set(&mut object, "finalizers", finalizers.into());
        if !meta::is_deleting(live) {
            meta::set(&mut object, "deletionTimestamp", now.to_string().into());
            meta::set(&mut object, "deletionGracePeriodSeconds", 0.into());
            if let Some(generation) = meta::get(live, "generation").as_i64() {
                meta::set(
                    &mut object,
                    "generation",
                    generation.saturating_add(1).into(),
                );
            }
        }
        if object == *live {
            Effect::Keep
        } else {
            Effect::Update
        }
    };
    Ok(Outcome {
        object,
        effect,
        warnings: Vec::new(),
    })
}

fn check_preconditions(
    resource: &Resource,
    live: &Value,
    options: &DeleteOptions,
) -> Result<(), ApiError> {
    let name = meta::text(live, "name");
    let uid = meta::text(live, "uid");
    if let Some(asked) = options.uid.as_deref().filter(|asked| *asked != uid) {
        let why = format!(
            "the UID in the precondition ({asked}) does not match the UID in record ({uid}). The object might have \
             been deleted and then recreated"
        );
        return Err(ApiError::precondition(resource, name, &why));
    }
    let version = meta::text(live, "resourceVersion");
    if let Some(asked) = options
        .resource_version
        .as_deref()
        .filter(|asked| *asked != version)
    {
        let why = format!(
            "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record \
             ({version}). The object might have been modified"
        );
        return Err(ApiError::precondition(resource, name, &why));
    }
    Ok(())
}
