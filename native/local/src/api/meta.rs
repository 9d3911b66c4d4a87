//! `metadata`: reading it, and the rules for names, labels, annotations, finalizers and owners, with the words of
//! apimachinery.

use serde_json::{Map, Value, json};

use super::error::Cause;
use super::go;
use super::schema::Schema;

/// A text of `metadata`; empty where there is none.
#[must_use]
pub fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get(name))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Is the object being deleted?
#[must_use]
pub fn is_deleting(object: &Value) -> bool {
    !text(object, "deletionTimestamp").is_empty()
}

/// The finalizers of an object.
pub fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get("finalizers"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// The `metadata` of an object, made if there is none. `None` for what is no object.
pub(super) fn of(object: &mut Value) -> Option<&mut Map<String, Value>> {
    let metadata = object
        .as_object_mut()?
        .entry("metadata")
        .or_insert_with(|| json!({}));
    if !metadata.is_object() {
        *metadata = json!({});
    }
    metadata.as_object_mut()
}

/// Sets a field of `metadata`; `null` removes it.
pub(super) fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(metadata) = of(object) {
        if value.is_null() {
            metadata.remove(name);
        } else {
            metadata.insert(name.to_owned(), value);
        }
    }
}

/// A field of `metadata`; null where there is none.
pub(super) fn get<'a>(object: &'a Value, name: &str) -> &'a Value {
    static NULL: Value = Value::Null;
    object
        .get("metadata")
        .and_then(|metadata| metadata.get(name))
        .unwrap_or(&NULL)
}

/// What a field of `metadata` holds.
#[derive(Clone, Copy)]
enum Shape {
    Text(&'static str),
    Whole,
    Time,
    Texts,
    TextList,
    Owners,
    Entries,
}

const FIELDS: [(&str, Shape); 16] = [
    ("annotations", Shape::Texts),
    ("creationTimestamp", Shape::Time),
    ("deletionGracePeriodSeconds", Shape::Whole),
    ("deletionTimestamp", Shape::Time),
    ("finalizers", Shape::TextList),
    ("generateName", Shape::Text("string")),
    ("generation", Shape::Whole),
    ("labels", Shape::Texts),
    ("managedFields", Shape::Entries),
    ("name", Shape::Text("string")),
    ("namespace", Shape::Text("string")),
    ("ownerReferences", Shape::Owners),
    ("resourceVersion", Shape::Text("string")),
    ("selfLink", Shape::Text("string")),
    ("uid", Shape::Text("types.UID")),
    // Gone from the API, still sent by old clients, and dropped without a word.
    ("clusterName", Shape::Text("string")),
];

/// Reads `metadata` as the server's own type does: unknown fields (their paths go to `unknown`) and empty ones are
/// dropped, a null text becomes the empty one.
///
/// # Errors
/// Go's words for a value of the wrong type.
pub(super) fn decode(
    metadata: Value,
    unknown: &mut Vec<String>,
) -> Result<Map<String, Value>, String> {
    let Value::Object(fields) = metadata else {
        return Err(format!(
            "json: cannot unmarshal {} into Go value of type v1.ObjectMeta",
            go::json_kind(&metadata)
        ));
    };
    let mut decoded = Map::new();
    for (name, value) in fields {
        let Some((_, shape)) = FIELDS.iter().find(|(field, _)| *field == name) else {
            unknown.push(format!("metadata.{name}"));
            continue;
        };
        if value.is_null() {
            continue;
        }
        let value = field(&name, *shape, value, unknown)?;
        let empty = match &value {
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty() && name != "managedFields",
            Value::Object(fields) => fields.is_empty(),
            Value::Number(number) => number.as_i64() == Some(0) && name == "generation",
            _ => false,
        };
        if !empty && name != "clusterName" {
            decoded.insert(name, value);
        }
    }
    Ok(decoded)
}

fn field(
    name: &str,
    shape: Shape,
    value: Value,
    unknown: &mut Vec<String>,
) -> Result<Value, String> {
    let refuse = |value: &Value, wanted: &str| {
        Err(format!(
            "json: cannot unmarshal {} into Go struct field ObjectMeta.{name} of type {wanted}",
            go::json_kind(value)
        ))
    };
    match (shape, value) {
        (Shape::Text(_), value @ Value::String(_)) => Ok(value),
        (Shape::Text(wanted), value) => refuse(&value, wanted),
        (Shape::Whole, value) if value.as_i64().is_some() => Ok(value),
        (Shape::Whole, Value::Number(number)) => Err(format!(
            "json: cannot unmarshal number {} into Go struct field ObjectMeta.{name} of type int64",
            go::number(&number)
        )),
        (Shape::Whole, value) => refuse(&value, "int64"),
        (Shape::Time, Value::String(text)) => time(&text).map(Value::from),
        (Shape::Time, value) => Err(format!(
            "json: cannot unmarshal {} into Go value of type string",
            go::json_kind(&value)
        )),
        (Shape::Texts, Value::Object(mut fields)) => {
            for value in fields.values_mut() {
                match value {
                    Value::String(_) => {}
                    Value::Null => *value = "".into(),
                    other => return refuse(other, "string"),
                }
            }
            Ok(fields.into())
        }
        (Shape::Texts, value) => refuse(&value, "map[string]string"),
        (Shape::TextList, Value::Array(items)) => {
            let wrong = items.iter().find(|item| !item.is_string());
            match wrong {
                Some(item) => refuse(item, "string"),
                None => Ok(items.into()),
            }
        }
        (Shape::TextList, value) => refuse(&value, "[]string"),
        (Shape::Owners, Value::Array(items)) => {
            let owners: Result<Vec<Value>, String> = items
                .into_iter()
                .enumerate()
                .map(|(index, owner)| self::owner(index, owner, unknown))
                .collect();
            owners.map(Value::from)
        }
        (Shape::Owners, value) => refuse(&value, "[]v1.OwnerReference"),
        (Shape::Entries, Value::Array(items)) => {
            match items.iter().find(|item| !item.is_object()) {
                Some(item) => refuse(item, "v1.ManagedFieldsEntry"),
                None => Ok(items.into()),
            }
        }
        (Shape::Entries, value) => refuse(&value, "[]v1.ManagedFieldsEntry"),
    }
}

fn owner(index: usize, owner: Value, unknown: &mut Vec<String>) -> Result<Value, String> {
    let refuse = |value: &Value, name: &str, wanted: &str| {
        Err(format!(
            "json: cannot unmarshal {} into Go struct field OwnerReference.metadata.ownerReferences{name} of type {wanted}",
            go::json_kind(value)
        ))
    };
    let Value::Object(mut fields) = owner else {
        return refuse(&owner, "", "v1.OwnerReference");
    };
    for name in ["apiVersion", "kind", "name", "uid"] {
        match fields.get(name) {
            Some(Value::String(_)) => {}
            None | Some(Value::Null) => {
                fields.insert(name.to_owned(), "".into());
            }
            Some(other) => return refuse(other, &format!(".{name}"), "string"),
        }
    }
    for name in ["controller", "blockOwnerDeletion"] {
        match fields.get(name) {
            None | Some(Value::Bool(_)) => {}
            Some(Value::Null) => {
                fields.remove(name);
            }
            Some(other) => return refuse(other, &format!(".{name}"), "bool"),
        }
    }
    fields.retain(|name, _| {
        let known = matches!(
            name.as_str(),
            "apiVersion" | "kind" | "name" | "uid" | "controller" | "blockOwnerDeletion"
        );
        if !known {
            unknown.push(format!("metadata.ownerReferences[{index}].{name}"));
        }
        known
    });
    Ok(fields.into())
}

/// A time in whole seconds of UTC.
fn time(text: &str) -> Result<String, String> {
    text.parse::<imagecache::time::Timestamp>()
        .map(|time| time.to_string())
        .map_err(|_| {
            format!(
                "parsing time {} as \"2006-01-02T15:04:05Z07:00\": cannot parse {} as \"2006\"",
                go::quote(text),
                go::quote(text)
            )
        })
}

/// The shape of `metadata`, for ownership of its fields.
pub(super) fn schema() -> Schema {
    let text = json!({"type": "string"});
    let map = json!({"type": "object", "additionalProperties": text});
    let shape = json!({
        "type": "object",
        "properties": {
            "annotations": map,
            "creationTimestamp": text,
            "deletionGracePeriodSeconds": {"type": "integer"},
            "deletionTimestamp": text,
            "finalizers": {"type": "array", "items": text, "x-kubernetes-list-type": "set"},
            "generateName": text,
            "generation": {"type": "integer"},
            "labels": map,
            "managedFields": {"type": "array", "items": {"x-kubernetes-preserve-unknown-fields": true}},
            "name": text,
            "namespace": text,
            "ownerReferences": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["uid"],
                "items": {
                    "type": "object",
                    "x-kubernetes-map-type": "atomic",
                    "properties": {
                        "apiVersion": text, "kind": text, "name": text, "uid": text,
                        "controller": {"type": "boolean"}, "blockOwnerDeletion": {"type": "boolean"},
                    },
                },
            },
            "resourceVersion": text,
            "selfLink": text,
            "uid": text,
        },
    });
    Schema::compile(&shape).unwrap_or_default()
}

/// How objects of a resource may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// An RFC 1123 subdomain: `a.b-c.d`, at most 253 characters.
    Subdomain,
    /// An RFC 1123 label: no dots, at most 63 characters.
    Label,
    /// What a URL can hold.
    Any,
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/// Largest sum of the keys and values of all annotations, in bytes.
pub const MAX_ANNOTATIONS: usize = 256 << 10;

fn is_label(text: &str) -> bool {
    let ok = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().copied().is_some_and(ok)
        && bytes.last().copied().is_some_and(ok)
        && bytes.iter().all(|c| ok(*c) || *c == b'-')
}

fn too_many_characters(limit: usize) -> String {
    format!("must be no more than {limit} characters")
}

fn name_faults(rule: NameRule, name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    match rule {
        NameRule::Subdomain => {
            if name.len() > 253 {
                faults.push(too_many_characters(253));
            }
            if !name.split('.').all(is_label) {
                faults.push(SUBDOMAIN.to_owned());
            }
        }
        NameRule::Label => {
            if name.len() > 63 {
                faults.push(too_many_characters(63));
            }
            if !is_label(name) {
                faults.push(LABEL.to_owned());
            }
        }
        NameRule::Any => {
            if matches!(name, "." | "..") {
                faults.push(format!("may not be '{name}'"));
            }
            for part in ['/', '%'] {
                if name.contains(part) {
                    faults.push(format!("may not contain '{part}'"));
                }
            }
        }
    }
    faults
}

/// What is wrong with a key of a label or annotation.
pub(super) fn key_faults(key: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let name = match key.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                faults.push("prefix part must be non-empty".to_owned());
            } else {
                let prefixed = name_faults(NameRule::Subdomain, prefix).into_iter();
                faults.extend(prefixed.map(|fault| format!("prefix part {fault}")));
            }
            *name
        }
        _ => {
            return vec![format!(
                "a qualified name {QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        faults.push(format!("name part {}", too_many_characters(63)));
    }
    if !is_qualified(name) {
        faults.push(format!("name part {QUALIFIED}"));
    }
    faults
}

fn is_qualified(name: &str) -> bool {
    let bytes = name.as_bytes();
    let ends = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
    ends(bytes.first())
        && ends(bytes.last())
        && bytes
            .iter()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
}

/// What is wrong with the value of a label.
pub(super) fn value_faults(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > 63 {
        faults.push(too_many_characters(63));
    }
    if !value.is_empty() && !is_qualified(value) {
        faults.push(LABEL_VALUE.to_owned());
    }
    faults
}

/// What is wrong with a key of a config map or secret.
pub(super) fn config_key_faults(key: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if key.len() > 253 {
        faults.push(too_many_characters(253));
    }
    let known = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    if key.is_empty() || !key.bytes().all(known) {
        faults.push(CONFIG_KEY.to_owned());
    }
    match key {
        "." | ".." => faults.push(format!("must not be '{key}'")),
        key if key.starts_with("..") => faults.push("must not start with '..'".to_owned()),
        _ => {}
    }
    faults
}

/// Checks the metadata of a new object.
pub(super) fn validate(object: &Value, rule: NameRule, namespaced: bool) -> Vec<Cause> {
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
        causes.push(Cause::required(
            "metadata.name",
            "name or generateName is required",
        ));
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
        if part("manager").len() > super::options::MAX_MANAGER {
            causes.push(Cause::too_long(&at("manager"), super::options::MAX_MANAGER));
        }
    }
}

/// Checks the metadata of an object against that of the stored one.
pub(super) fn validate_update(object: &Value, live: &Value) -> Vec<Cause> {
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
                go::string_slice(&added)
            );
            causes.push(Cause::forbidden("metadata.finalizers", &detail));
        }
    }
    common(object, &mut causes);
    causes
}

/// What is to be said about finalizers that the write brings.
pub(super) fn finalizer_warnings(object: &Value, live: Option<&Value>) -> Vec<String> {
    let known: Vec<&str> = live.into_iter().flat_map(finalizers).collect();
    finalizers(object)
        .filter(|name| !name.contains('/') && !known.contains(name))
        .filter(|name| !matches!(*name, "orphan" | "foregroundDeletion"))
        .map(|name| {
            format!(
                "metadata.finalizers: {}: prefer a domain-qualified finalizer name to avoid accidental conflicts \
                 with other finalizer writers",
                go::quote(name)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_kubernetes_judges_them() {
        let cases: Value =
            serde_json::from_str(include_str!("../../tests/data/names.json")).unwrap();
        let suites: [(&str, fn(&str) -> Vec<String>); 5] = [
            ("subdomain", |name| name_faults(NameRule::Subdomain, name)),
            ("label", |name| name_faults(NameRule::Label, name)),
            ("key", key_faults),
            ("value", value_faults),
            ("config key", config_key_faults),
        ];
        let mut judged = 0;
        for (suite, faults) in suites {
            for (list, valid) in [("valid", true), ("invalid", false)] {
                for name in cases[suite][list].as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    assert_eq!(faults(name).is_empty(), valid, "{suite}: {name}");
                    judged += 1;
                }
            }
        }
        assert_eq!(judged, 203);
    }

    #[test]
    fn metadata_is_read_as_the_servers_own_type_reads_it() {
        for (metadata, read) in [
            (
                json!({"name": "a", "labels": {}, "annotations": null, "finalizers": []}),
                Ok(json!({"name": "a"})),
            ),
            (
                json!({"annotations": {"a": null}}),
                Ok(json!({"annotations": {"a": ""}})),
            ),
            (
                json!({"creationTimestamp": "2026-01-01T01:00:00+01:00"}),
                Ok(json!({"creationTimestamp": "2026-01-01T00:00:00Z"})),
            ),
            (
                json!({"ownerReferences": [{"uid": "u", "controller": null}]}),
                Ok(
                    json!({"ownerReferences": [{"apiVersion": "", "kind": "", "name": "", "uid": "u"}]}),
                ),
            ),
            (
                json!("x"),
                Err("json: cannot unmarshal string into Go value of type v1.ObjectMeta"),
            ),
            (
                json!({"labels": {"a": 1}}),
                Err(
                    "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string",
                ),
            ),
            (
                json!({"finalizers": "x"}),
                Err(
                    "json: cannot unmarshal string into Go struct field ObjectMeta.finalizers of type []string",
                ),
            ),
            (
                json!({"generation": 1.5}),
                Err(
                    "json: cannot unmarshal number 1.5 into Go struct field ObjectMeta.generation of type int64",
                ),
            ),
        ] {
            let found = decode(metadata, &mut Vec::new()).map(Value::from);
            assert_eq!(found, read.map_err(str::to_owned));
        }
    }

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
