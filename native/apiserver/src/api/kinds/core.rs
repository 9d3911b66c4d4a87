//! Namespaces, secrets and config maps.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{age_column, builtin, column, count, default, name_column, names, text};
use crate::api::cause::Cause;
use crate::api::meta::{self, NameRule};
use crate::api::resource::{Cell, Resource};

pub(super) fn namespaces() -> Resource {
    Resource {
        short_names: names(["ns"]),
        namespaced: false,
        has_status: true,
        verbs: &[
            "create", "delete", "get", "list", "patch", "update", "watch",
        ],
        columns: vec![
            name_column(),
            column(
                "Status",
                "string",
                "The status of the namespace",
                Cell::path(&["status", "phase"]),
            ),
            age_column(),
        ],
        selectable: names(["status.phase"]),
        names: NameRule::Label,
        permanent: &["default", "kube-public", "kube-system"],
        blank: json!({"spec": {}, "status": {}}),
        status: |_| json!({"phase": "Active"}),
        prepare: |object| {
            let name = meta::text(object, "name").to_owned();
            if let (false, Some(metadata)) = (name.is_empty(), meta::of(object)) {
                let labels = metadata.entry("labels").or_insert_with(|| json!({}));
                default(labels, "kubernetes.io/metadata.name", name.into());
            }
            default(object, "spec", json!({}));
            if let Some(spec) = object.get_mut("spec") {
                default(spec, "finalizers", json!(["kubernetes"]));
            }
            Ok(())
        },
        ..builtin("", "Namespace", "namespaces", "namespace")
    }
}

pub(super) fn service_accounts() -> Resource {
    Resource {
        short_names: names(["sa"]),
        columns: vec![
            name_column(),
            column(
                "Secrets",
                "string",
                "Secrets is a list of the secrets in the same namespace that pods running using this ServiceAccount are allowed to use.",
                Cell::Computed(|object| count(object, "/secrets").into()),
            ),
            age_column(),
        ],
        ..builtin("", "ServiceAccount", "serviceaccounts", "serviceaccount")
    }
}

pub(super) fn configmaps() -> Resource {
    Resource {
        short_names: names(["cm"]),
        columns: vec![
            name_column(),
            column(
                "Data",
                "string",
                "Number of entries",
                Cell::Computed(|object| {
                    (count(object, "/data") + count(object, "/binaryData")).into()
                }),
            ),
            age_column(),
        ],
        validate: |object, live| {
            let mut causes = keys(object, &["data", "binaryData"]);
            causes.extend(duplicate_keys(object));
            causes.extend(frozen(object, live, &["data", "binaryData"]));
            causes
        },
        ..builtin("", "ConfigMap", "configmaps", "configmap")
    }
}

pub(super) fn secrets() -> Resource {
    Resource {
        columns: vec![
            name_column(),
            column(
                "Type",
                "string",
                "Used to facilitate programmatic handling of secret data",
                Cell::path(&["type"]),
            ),
            column(
                "Data",
                "string",
                "Number of entries",
                Cell::Computed(|object| count(object, "/data").into()),
            ),
            age_column(),
        ],
        selectable: names(["type"]),
        prepare: prepare_secret,
        validate: validate_secret,
        ..builtin("", "Secret", "secrets", "secret")
    }
}

/// Encodes what was written as plain text, and reads what was not.
fn prepare_secret(object: &mut Value) -> Result<(), String> {
    let Some(fields) = object.as_object_mut() else {
        return Ok(());
    };
    if let Some(Value::Object(plain)) = fields.remove("stringData") {
        let data = fields.entry("data").or_insert_with(|| json!({}));
        if data.is_null() {
            *data = json!({});
        }
        for (key, value) in plain {
            if let (Some(text), Some(data)) = (value.as_str(), data.as_object_mut()) {
                data.insert(key, STANDARD.encode(text).into());
            }
        }
    }
    default(object, "type", "Opaque".into());
    Ok(())
}

/// The key that a type of secret must have, and whether it holds JSON.
const KEYS: [(&str, &[&str], bool); 4] = [
    (
        "kubernetes.io/dockerconfigjson",
        &[".dockerconfigjson"],
        true,
    ),
    ("kubernetes.io/dockercfg", &[".dockercfg"], true),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"], false),
    ("kubernetes.io/tls", &["tls.crt", "tls.key"], false),
];

fn validate_secret(object: &Value, live: Option<&Value>) -> Vec<Cause> {
    let kind = text(object, "/type");
    let mut causes = keys(object, &["data"]);
    causes.extend(frozen(object, live, &["data"]));
    if live.is_some_and(|live| text(live, "/type") != kind) {
        causes.push(Cause::invalid("type", &kind.into(), "field is immutable"));
    }
    if kind == "kubernetes.io/basic-auth"
        && ["username", "password"]
            .iter()
            .all(|key| object.get("data").and_then(|data| data.get(key)).is_none())
    {
        causes.push(Cause::required("data[username]", ""));
        causes.push(Cause::required("data[password]", ""));
    }
    for (_, keys, is_json) in KEYS.iter().filter(|(name, ..)| *name == kind) {
        for key in *keys {
            let field = format!("data[{key}]");
            let value = object
                .get("data")
                .and_then(|data| data.get(*key))
                .and_then(Value::as_str);
            match value.map(|value| STANDARD.decode(value)) {
                None => causes.push(Cause::required(&field, "")),
                Some(Ok(bytes)) if *is_json => {
                    if let Err(words) = crate::api::json::read(&bytes) {
                        // Neither the value nor a part of it is shown.
                        causes.push(Cause::invalid(
                            &field,
                            &"<secret contents redacted>".into(),
                            &words,
                        ));
                    }
                }
                Some(_) => {}
            }
        }
    }
    causes
}

/// A key has its value in one of the two maps.
fn duplicate_keys(object: &Value) -> Vec<Cause> {
    let data = object.get("data").unwrap_or(&Value::Null);
    let binary = object.get("binaryData").and_then(Value::as_object);
    let twice = binary.into_iter().flatten();
    let twice = twice.filter(|(key, _)| data.get(key.as_str()).is_some());
    twice
        .map(|(key, _)| {
            let why = format!(
                "duplicate of key present in binaryData: {}",
                crate::api::go_fmt::quote(key)
            );
            Cause::invalid(&format!("data[{key}]"), &key.as_str().into(), &why)
        })
        .collect()
}

/// Keys become names of files.
fn keys(object: &Value, fields: &[&str]) -> Vec<Cause> {
    let mut causes = Vec::new();
    for field in fields {
        let data = object.get(*field).and_then(Value::as_object);
        for key in data.into_iter().flat_map(serde_json::Map::keys) {
            for fault in meta::config_key_faults(key) {
                causes.push(Cause::invalid(
                    &format!("{field}[{key}]"),
                    &key.as_str().into(),
                    &fault,
                ));
            }
        }
    }
    causes
}

/// An object with `immutable: true` keeps its data.
fn frozen(object: &Value, live: Option<&Value>, fields: &[&str]) -> Vec<Cause> {
    let Some(live) = live.filter(|live| live.get("immutable") == Some(&Value::Bool(true))) else {
        return Vec::new();
    };
    let mut changed: Vec<&str> = fields
        .iter()
        .copied()
        .filter(|field| object.get(*field) != live.get(*field))
        .collect();
    if object.get("immutable") != Some(&Value::Bool(true)) {
        changed.insert(0, "immutable");
    }
    changed
        .into_iter()
        .map(|field| Cause::forbidden(field, "field is immutable when `immutable` is set"))
        .collect()
}
