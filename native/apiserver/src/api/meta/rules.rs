//! The rules for metadata, of new objects and of changed ones.

use serde_json::{Value, json};

use super::names::{NameRule, key_faults, name_faults, value_faults};
use super::{finalizers, get, is_deleting, text};
use crate::api::cause::Cause;
use crate::api::go_fmt;

/// Longest name of a field manager, in bytes.
pub(crate) const MAX_MANAGER: usize = 128;

/// Largest sum of the keys and values of all annotations, in bytes.
pub(crate) const MAX_ANNOTATIONS: usize = 256 << 10;

/// Checks the metadata of a new object.
pub(in crate::api) fn validate(object: &Value, rule: NameRule, namespaced: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    let generate = text(object, "generateName");
    if !generate.is_empty() {
        // A trailing dash is fine: something follows it.
        let masked = match generate.strip_suffix('-') {
            Some(begin) if !begin.is_empty() => format!("{begin}a"),
            _ => generate.to_owned(),
        };
        invalid_each(
            &mut causes,
            "metadata.generateName",
            generate,
            name_faults(rule, &masked),
        );
    }
    let name = text(object, "name");
    if name.is_empty() {
        let why = "name or generateName is required";
        causes.extend((rule != NameRule::None).then(|| Cause::required("metadata.name", why)));
    } else {
        invalid_each(&mut causes, "metadata.name", name, name_faults(rule, name));
    }
    let namespace = text(object, "namespace");
    if namespaced {
        if namespace.is_empty() {
            causes.push(Cause::required("metadata.namespace", ""));
        } else {
            let faults = name_faults(NameRule::Label, namespace);
            invalid_each(&mut causes, "metadata.namespace", namespace, faults);
        }
    } else if !namespace.is_empty() {
        causes.push(Cause::forbidden(
            "metadata.namespace",
            "not allowed on this type",
        ));
    }
    common(object, &mut causes);
    causes
}

fn invalid_each(causes: &mut Vec<Cause>, field: &str, value: &str, faults: Vec<String>) {
    for fault in faults {
        causes.push(Cause::invalid(field, &Value::from(value), &fault));
    }
}

fn map<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a str)> {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get(name))
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| (key, value.as_str().unwrap_or_default()))
}

fn common(object: &Value, causes: &mut Vec<Cause>) {
    for (key, value) in map(object, "labels") {
        invalid_each(causes, "metadata.labels", key, key_faults(key));
        invalid_each(causes, "metadata.labels", value, value_faults(value));
    }
    let mut size = 0;
    for (key, value) in map(object, "annotations") {
        let faults = key_faults(&key.to_lowercase());
        invalid_each(causes, "metadata.annotations", key, faults);
        size += key.len() + value.len();
    }
    if size > MAX_ANNOTATIONS {
        causes.push(Cause::too_long("metadata.annotations", MAX_ANNOTATIONS));
    }
    owners(object, causes);
    let mut both = [false; 2];
    for finalizer in finalizers(object) {
        invalid_each(
            causes,
            "metadata.finalizers",
            finalizer,
            key_faults(finalizer),
        );
        both[0] |= finalizer == "orphan";
        both[1] |= finalizer == "foregroundDeletion";
    }
    if both == [true; 2] {
        let all: Vec<&str> = finalizers(object).collect();
        causes.push(Cause::invalid(
            "metadata.finalizers",
            &json!(all),
            "finalizers orphan and foregroundDeletion cannot be both set",
        ));
    }
    entries(object, causes);
}

fn owners(object: &Value, causes: &mut Vec<Cause>) {
    let owners = object
        .get("metadata")
        .and_then(|metadata| metadata.get("ownerReferences"));
    let mut controller: Option<&str> = None;
    for (index, owner) in owners
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
    {
        let part = |name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default();
        let at = |name: &str| format!("metadata.ownerReferences[{index}].{name}");
        let version = part("apiVersion").rsplit('/').next().unwrap_or_default();
        let mut empty = |name: &str, value: &str, field: &str, word: &str| {
            if value.is_empty() {
                let shown = Value::from(part(name));
                causes.push(Cause::invalid(
                    &at(field),
                    &shown,
                    &format!("{word} must not be empty"),
                ));
            }
        };
        empty("apiVersion", version, "apiVersion", "version");
        empty("kind", part("kind"), "kind", "kind");
        empty("name", part("name"), "name", "name");
        empty("uid", part("uid"), "uid", "uid");
        if owner.get("controller") == Some(&Value::Bool(true)) {
            if let Some(first) = controller {
                causes.push(Cause::invalid(
                    "metadata.ownerReferences",
                    owners.unwrap_or(&Value::Null),
                    &format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {}",
                        part("name")
                    ),
                ));
            } else {
                controller = Some(part("name"));
            }
        }
    }
}

fn entries(object: &Value, causes: &mut Vec<Cause>) {
    let entries = object
        .get("metadata")
        .and_then(|metadata| metadata.get("managedFields"));
    for (index, entry) in entries
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
    {
        let part = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let at = |name: &str| format!("metadata.managedFields[{index}].{name}");
        if !matches!(part("operation"), "Apply" | "Update") {
            causes.push(Cause::invalid(
                &at("operation"),
                &part("operation").into(),
                "must be `Apply` or `Update`",
            ));
        }
        if !matches!(part("fieldsType"), "" | "FieldsV1") {
            causes.push(Cause::invalid(
                &at("fieldsType"),
                &part("fieldsType").into(),
                "must be `FieldsV1`",
            ));
        }
        if part("manager").len() > MAX_MANAGER {
            causes.push(Cause::too_long(&at("manager"), MAX_MANAGER));
        }
    }
}

/// Checks the metadata of an object against that of the stored one.
pub(in crate::api) fn validate_update(object: &Value, live: &Value) -> Vec<Cause> {
    const IMMUTABLE: [&str; 6] = [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ];
    let mut causes = Vec::new();
    for name in IMMUTABLE {
        let new = get(object, name);
        if new != get(live, name) {
            causes.push(Cause::invalid(
                &format!("metadata.{name}"),
                new,
                "field is immutable",
            ));
        }
    }
    if is_deleting(live) {
        let known: Vec<&str> = finalizers(live).collect();
        let added: Vec<&str> = finalizers(object)
            .filter(|name| !known.contains(name))
            .collect();
        if !added.is_empty() {
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers {}",
                go_fmt::string_slice(&added)
            );
            causes.push(Cause::forbidden("metadata.finalizers", &detail));
        }
    }
    common(object, &mut causes);
    causes
}

/// What is to be said about finalizers that the write brings.
pub(in crate::api) fn finalizer_warnings(object: &Value, live: Option<&Value>) -> Vec<String> {
    let known: Vec<&str> = live.into_iter().flat_map(finalizers).collect();
    finalizers(object)
        .filter(|name| !name.contains('/') && !known.contains(name))
        .filter(|name| !matches!(*name, "orphan" | "foregroundDeletion"))
        .map(|name| {
            format!(
                "metadata.finalizers: {}: prefer a domain-qualified finalizer name to avoid accidental conflicts \
                 with other finalizer writers",
                go_fmt::quote(name)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_must_be_whole_and_one_may_control() {
        let owner = |name: &str| json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": "u", "controller": true});
        let object =
            json!({"metadata": {"name": "a", "ownerReferences": [owner("x"), owner("y"), {}]}});
        let faults = validate(&object, NameRule::Subdomain, false);
        let fields: Vec<&str> = faults.iter().map(|cause| cause.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "metadata.ownerReferences",
                "metadata.ownerReferences[2].apiVersion",
                "metadata.ownerReferences[2].kind",
                "metadata.ownerReferences[2].name",
                "metadata.ownerReferences[2].uid",
            ]
        );
    }
}
