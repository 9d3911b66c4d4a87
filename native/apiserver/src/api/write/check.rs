//! What is checked and kept on the way from a request to a stored object.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Context, Subresource};
use crate::api::cause::Cause;
use crate::api::error::ApiError;
use crate::api::resource::Resource;
use crate::api::{go_fmt, meta, schema};
use crate::limits::{OBJECT_BYTES, Weight};

/// Compares resource versions, and fills in one that may be left out.
pub(super) fn check_version(
    resource: &Resource,
    live: &Value,
    object: &mut Value,
    name: &str,
) -> Result<(), ApiError> {
    let asked = meta::text(object, "resourceVersion");
    let known = meta::text(live, "resourceVersion");
    if asked == known {
        return Ok(());
    }
    let number = if asked.is_empty() {
        0
    } else {
        asked.parse::<u64>().map_err(|_| {
            ApiError::internal(format!(
                "strconv.ParseUint: parsing {}: invalid syntax",
                go_fmt::quote(asked)
            ))
        })?
    };
    if number != 0 {
        return Err(ApiError::modified(resource, name));
    }
    if resource.unconditional_update {
        meta::set(object, "resourceVersion", known.into());
        return Ok(());
    }
    Err(ApiError::invalid(
        &resource.group,
        &resource.plural,
        name,
        vec![Cause::invalid(
            "metadata.resourceVersion",
            &0.into(),
            "must be specified for an update",
        )],
    ))
}

/// Puts back what the request does not write: the status, or all but the status; metadata of the server; and counts
/// the generation.
pub(super) fn keep_what_is_not_written(
    resource: &Resource,
    live: &Value,
    object: &mut Value,
    subresource: Subresource,
) {
    let put = |object: &mut Value, name: &str, value: Option<Value>| {
        if let Some(fields) = object.as_object_mut() {
            match value {
                Some(value) => fields.insert(name.to_owned(), value),
                None => fields.remove(name),
            };
        }
    };
    if subresource == Subresource::Status {
        let status = object.get_mut("status").map(Value::take);
        let managed = meta::get(object, "managedFields").clone();
        let asked = meta::get(object, "uid").clone();
        *object = live.clone();
        put(object, "status", status);
        meta::set(object, "managedFields", managed);
        if !asked.is_null() {
            meta::set(object, "uid", asked);
        }
        return;
    }
    if resource.has_status {
        put(object, "status", live.get("status").cloned());
    }
    for name in ["generation", "creationTimestamp"] {
        meta::set(object, name, meta::get(live, name).clone());
    }
    meta::set(object, "selfLink", Value::Null);
    if meta::get(object, "uid").is_null() {
        meta::set(object, "uid", meta::get(live, "uid").clone());
    }
    if meta::is_deleting(live) {
        for name in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
            meta::set(object, name, meta::get(live, name).clone());
        }
    }
    if resource.has_generation && content(object) != content(live) {
        let generation = meta::get(live, "generation").as_i64().unwrap_or_default();
        meta::set(object, "generation", generation.saturating_add(1).into());
    }
}

/// The fields of an object but for its metadata.
fn content(object: &Value) -> Vec<(&String, &Value)> {
    let fields = object.as_object().into_iter().flatten();
    fields.filter(|(name, _)| *name != "metadata").collect()
}

/// A custom object must be of its kind and version.
pub(super) fn type_faults(resource: &Resource, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (field, expected) in [
        ("kind", &*resource.kind),
        ("apiVersion", &*resource.api_version()),
    ] {
        let found = text_of(object, field);
        if resource.custom && found != expected {
            causes.push(Cause::invalid(
                field,
                &found.into(),
                &format!("must be {expected}"),
            ));
        }
    }
    causes
}

pub(super) fn content_faults(
    resource: &Resource,
    object: &Value,
    live: Option<&Value>,
    context: &Context<'_>,
) -> Vec<Cause> {
    let mut causes = Vec::new();
    if resource.custom {
        if context.subresource == Subresource::Status {
            if let (Some(schema), Some(status)) =
                (resource.schema.field("status"), object.get("status"))
            {
                let old = live.and_then(|live| live.get("status"));
                causes.extend(schema::validate(schema, status, old, "status"));
            }
        } else {
            causes.extend(schema::validate(&resource.schema, object, live, ""));
        }
    }
    if context.subresource == Subresource::None {
        causes.extend((resource.validate)(object, live));
        if !resource.custom && resource.kept {
            let known: BTreeSet<String> = causes.iter().map(|cause| cause.field.clone()).collect();
            let missing = schema::missing(&resource.schema, object).into_iter();
            causes.extend(missing.filter(|cause| !known.contains(&cause.field)));
        }
    }
    causes
}

/// 422 if there are faults. The object says of which kind it believes to be.
pub(super) fn refuse(object: &Value, causes: Vec<Cause>) -> Result<(), ApiError> {
    if causes.is_empty() {
        return Ok(());
    }
    let api_version = text_of(object, "apiVersion");
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    // Events are validated as those of the core group, whatever group they come by.
    let group = if group == "events.k8s.io" { "" } else { group };
    let kind = text_of(object, "kind");
    Err(ApiError::invalid(
        group,
        &kind,
        meta::text(object, "name"),
        causes,
    ))
}

pub(super) fn text_of(object: &Value, name: &str) -> String {
    object
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

pub(super) fn admit(
    resource: &Resource,
    live: Option<&Value>,
    object: &mut Value,
    context: &Context<'_>,
) -> Result<Vec<String>, ApiError> {
    let Some(admit) = context.admit else {
        return Ok(Vec::new());
    };
    let admitted = admit(resource, live, std::mem::take(object))?;
    *object = admitted.object;
    Ok(admitted.warnings)
}

/// Refuses an object that is nested too deep or has too many values, before anything is made of it.
pub(super) fn check_weight(object: &Value) -> Result<(), ApiError> {
    match Weight::of(object).fault() {
        Some(fault) => Err(ApiError::request_too_large(&fault)),
        None => Ok(()),
    }
}

pub(super) fn check_size(object: &Value) -> Result<(), ApiError> {
    if object.to_string().len() > OBJECT_BYTES {
        return Err(ApiError::internal("etcdserver: request is too large"));
    }
    Ok(())
}

pub(super) fn check_name(object: &Value, name: &str) -> Result<(), ApiError> {
    let found = meta::text(object, "name");
    if found.is_empty() {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )));
    }
    if found != name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({found}) does not match the name on the URL ({name})"
        )));
    }
    Ok(())
}

/// Gives the object the namespace of the URL.
pub(super) fn settle_namespace(
    resource: &Resource,
    object: &mut Value,
    context: &Context<'_>,
) -> Result<(), ApiError> {
    let asked = context
        .namespace
        .filter(|_| resource.namespaced)
        .unwrap_or_default();
    let found = meta::text(object, "namespace");
    if found != asked {
        if !found.is_empty() && !asked.is_empty() {
            return Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        let namespace = if asked.is_empty() {
            Value::Null
        } else {
            asked.into()
        };
        meta::set(object, "namespace", namespace);
    }
    Ok(())
}

/// A name from its begin and five random characters; the begin is cut so that the whole fits a label.
pub(super) fn generated(begin: &str, suffix: &str) -> String {
    const LONGEST: usize = 58;
    let mut end = begin.len().min(LONGEST);
    while !begin.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", begin.get(..end).unwrap_or_default())
}

pub(super) fn wrong_uid(resource: &Resource, live: &Value, asked: &str) -> String {
    let mut key = String::from("/registry/");
    if resource.custom {
        key.push_str(&format!("{}/", resource.group));
    }
    key.push_str(&resource.plural);
    for name in ["namespace", "name"] {
        let part = meta::text(live, name);
        if !part.is_empty() {
            key.push_str(&format!("/{part}"));
        }
    }
    format!(
        "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition \
         failed: UID in precondition: {asked}, UID in object meta: {}",
        meta::text(live, "uid")
    )
}

/// Does a write change nothing but the times in `managedFields`? Then it is none.
pub(super) fn same_but_for_times(object: &Value, live: &Value) -> bool {
    if object == live {
        return true;
    }
    let fields = |object: &'_ Value| object.get("metadata").and_then(Value::as_object).cloned();
    if content(object) != content(live) {
        return false;
    }
    let (Some(mut new), Some(mut old)) = (fields(object), fields(live)) else {
        return false;
    };
    for metadata in [&mut new, &mut old] {
        let entries = metadata
            .get_mut("managedFields")
            .and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten() {
            entry.as_object_mut().map(|entry| entry.remove("time"));
        }
    }
    new == old
}
