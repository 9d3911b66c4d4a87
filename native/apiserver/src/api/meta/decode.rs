//! Reading `metadata` as the server's own type does.

use serde_json::{Map, Value, json};

use crate::api::go_fmt;
use crate::api::schema::Schema;

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
pub(in crate::api) fn decode(
    metadata: Value,
    unknown: &mut Vec<String>,
) -> Result<Map<String, Value>, String> {
    let Value::Object(fields) = metadata else {
        return Err(format!(
            "json: cannot unmarshal {} into Go value of type v1.ObjectMeta",
            go_fmt::json_kind(&metadata)
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
            go_fmt::json_kind(value)
        ))
    };
    match (shape, value) {
        (Shape::Text(_), value @ Value::String(_)) => Ok(value),
        (Shape::Text(wanted), value) => refuse(&value, wanted),
        (Shape::Whole, value) if value.as_i64().is_some() => Ok(value),
        (Shape::Whole, Value::Number(number)) => Err(format!(
            "json: cannot unmarshal number {} into Go struct field ObjectMeta.{name} of type int64",
            go_fmt::number(&number)
        )),
        (Shape::Whole, value) => refuse(&value, "int64"),
        (Shape::Time, Value::String(text)) => time(&text).map(Value::from),
        (Shape::Time, value) => Err(format!(
            "json: cannot unmarshal {} into Go value of type string",
            go_fmt::json_kind(&value)
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
                .map(|(index, owner)| owner_of(index, owner, unknown))
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

fn owner_of(index: usize, owner: Value, unknown: &mut Vec<String>) -> Result<Value, String> {
    let refuse = |value: &Value, name: &str, wanted: &str| {
        Err(format!(
            "json: cannot unmarshal {} into Go struct field OwnerReference.metadata.ownerReferences{name} of type {wanted}",
            go_fmt::json_kind(value)
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
                go_fmt::quote(text),
                go_fmt::quote(text)
            )
        })
}

/// The shape of `metadata`, for ownership of its fields.
pub(in crate::api) fn schema() -> Schema {
    let text = json!({"type": "string"});
    let map = json!({"type": "object", "additionalProperties": text});
    let shape = json!({
        "type": "object",
        "properties": {
            "annotations": map,
            "creationTimestamp": text,
            "deletionGracePeriodSeconds": {"type": "integer"},
            "deletionTimestamp": text,
            "finalizers": {
                "type": "array", "items": text, "x-kubernetes-list-type": "set",
                "x-kubernetes-patch-strategy": "merge",
            },
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
                "x-kubernetes-patch-strategy": "merge",
                "x-kubernetes-patch-merge-key": "uid",
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
