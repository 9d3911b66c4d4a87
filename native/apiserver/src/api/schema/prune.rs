//! Dropping what a schema does not know, and nulls where nothing may be null.

use serde_json::{Map, Value};

use super::Schema;
use crate::api::path::Path;

/// Fields that were dropped, by path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pruned {
    /// Sorted paths: `spec.bar`.
    pub paths: Vec<String>,
}

/// Drops every field that the schema does not know.
pub(crate) fn prune(schema: &Schema, value: &mut Value) -> Pruned {
    let mut pruned = Pruned::default();
    walk(schema, value, &Path::root(""), &mut pruned.paths);
    pruned.paths.sort_unstable();
    pruned
}

fn walk(schema: &Schema, value: &mut Value, path: &Path<'_>, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.retain(|name, value| match schema.field(name) {
            Some(schema) => {
                walk(schema, value, &path.field(name), paths);
                true
            }
            None => {
                paths.push(path.field(name).to_string());
                false
            }
        }),
        Value::Array(items) => {
            if let Some(schema) = &schema.items {
                for (index, item) in items.iter_mut().enumerate() {
                    walk(schema, item, &path.index(index), paths);
                }
            }
        }
        _ => {}
    }
}

/// Fills in defaults, drops nulls of fields that may not be null, and writes whole numbers without a fraction.
pub(crate) fn trim(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| !value.is_null() || may_be_null(schema, name));
            for (name, schema) in &schema.properties {
                if let Some(default) = schema
                    .default
                    .as_ref()
                    .filter(|_| !fields.contains_key(name))
                {
                    fields.insert(name.clone(), default.clone());
                }
            }
            trim_fields(schema, fields);
        }
        Value::Array(items) => {
            for item in items {
                trim(schema.item(), item);
            }
        }
        Value::Number(number) if number.is_f64() => {
            if let Some(whole) = number.as_f64().and_then(whole) {
                *value = whole.into();
            }
        }
        _ => {}
    }
}

/// Fills in the defaults of fields that are missing, or `null` and may not be. Other nulls stay.
pub(crate) fn fill(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, part) in &schema.properties {
                let Some(default) = &part.default else {
                    continue;
                };
                let is_missing = match fields.get(name) {
                    None => true,
                    Some(value) => value.is_null() && !part.nullable,
                };
                if is_missing {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in fields {
                if let Some(schema) = schema.field(name) {
                    fill(schema, value);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                fill(schema.item(), item);
            }
        }
        _ => {}
    }
}

fn trim_fields(schema: &Schema, fields: &mut Map<String, Value>) {
    for (name, value) in fields {
        if let Some(schema) = schema.field(name) {
            trim(schema, value);
        }
    }
}

/// Unknown fields keep their nulls, known ones only where the schema says so.
fn may_be_null(schema: &Schema, name: &str) -> bool {
    match schema.properties.get(name) {
        Some(schema) => schema.nullable || schema.kind.is_none(),
        None => schema
            .additional
            .as_ref()
            .is_none_or(|schema| schema.nullable),
    }
}

/// A float without a fraction as the integer that Go would write: `25.0` is `25`.
fn whole(float: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (float.fract() == 0.0 && float.abs() <= EXACT).then(|| format!("{float:.0}").parse().ok())?
}
