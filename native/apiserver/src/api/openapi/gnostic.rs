//! OpenAPI 2 in protobuf, as kubectl before 1.29 and Helm 3 read it: `openapi.v2.Document` of gnostic.
//!
//! The message has a shape of its own: maps are lists of pairs, and what begins with `x-` is kept as YAML.

use serde_json::{Map, Value, json};

use crate::api::{protobuf, yaml};

/// The media type, and the one that older clients ask by.
pub(crate) const MEDIA_TYPES: [&str; 2] = [
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
];

/// Writes a document of version 2.
///
/// # Errors
/// Returns the path of a value that its field cannot hold.
pub(super) fn write(document: &Value) -> Result<Vec<u8>, String> {
    let of = |name: &str| document.get(name).unwrap_or(&Value::Null);
    let shaped = json!({
        "swagger": of("swagger"),
        "info": of("info"),
        "paths": {"path": pairs(of("paths"), path)},
        "definitions": {"additional_properties": pairs(of("definitions"), schema)},
    });
    protobuf::write_bare("openapi.v2.Document", &shaped)
}

/// A map as a list of names and values.
fn pairs(map: &Value, shape: fn(&Value) -> Value) -> Value {
    let fields = map.as_object().into_iter().flatten();
    let pairs = fields.map(|(name, value)| json!({"name": name, "value": shape(value)}));
    pairs.collect()
}

/// Any value.
fn any(value: &Value) -> Value {
    json!({"yaml": yaml::write(value)})
}

/// The fields of an object by the names of the message, each as `shape` has it; those that begin with `x-` apart. A
/// zero is not written.
fn fields(of: &Value, shape: impl Fn(&str, &Value) -> Value) -> Value {
    let (mut out, mut extensions) = (Map::new(), Vec::new());
    for (name, value) in of.as_object().into_iter().flatten() {
        if name.starts_with("x-") {
            extensions.push(json!({"name": name, "value": any(value)}));
            continue;
        }
        let value = shape(name, value);
        let is_zero = match &value {
            Value::String(text) => text.is_empty(),
            Value::Bool(flag) => !flag,
            Value::Number(number) => number.as_f64() == Some(0.0),
            _ => false,
        };
        if !is_zero {
            out.insert(snake_case(name), value);
        }
    }
    if !extensions.is_empty() {
        out.insert("vendor_extension".to_owned(), extensions.into());
    }
    out.into()
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            '$' => out.push('_'),
            c if c.is_ascii_uppercase() => out.extend(['_', c.to_ascii_lowercase()]),
            c => out.push(c),
        }
    }
    out
}

fn list(value: &Value, shape: fn(&Value) -> Value) -> Value {
    value.as_array().into_iter().flatten().map(shape).collect()
}

fn schema(of: &Value) -> Value {
    fields(of, |name, value| match name {
        "default" | "example" => any(value),
        "enum" => list(value, any),
        "additionalProperties" if value.is_boolean() => json!({"boolean": value}),
        "additionalProperties" => json!({"schema": schema(value)}),
        "type" => json!({"value": [value]}),
        "items" => json!({"schema": [schema(value)]}),
        "allOf" => list(value, schema),
        "properties" => json!({"additional_properties": pairs(value, schema)}),
        _ => value.clone(),
    })
}

fn path(of: &Value) -> Value {
    fields(of, |name, value| match name {
        "parameters" => list(value, parameter),
        _ => operation(value),
    })
}

fn operation(of: &Value) -> Value {
    fields(of, |name, value| match name {
        "parameters" => list(value, parameter),
        "responses" => json!({"response_code": pairs(value, response)}),
        _ => value.clone(),
    })
}

fn response(of: &Value) -> Value {
    let response = fields(of, |name, value| match name {
        "schema" => json!({"schema": schema(value)}),
        _ => value.clone(),
    });
    json!({"response": response})
}

fn parameter(of: &Value) -> Value {
    let place = of.get("in").and_then(Value::as_str);
    let shaped = fields(of, |name, value| match name {
        "schema" => schema(value),
        _ => value.clone(),
    });
    let parameter = match place {
        Some("body") => json!({"body_parameter": shaped}),
        Some("path") => json!({"non_body_parameter": {"path_parameter_sub_schema": shaped}}),
        _ => json!({"non_body_parameter": {"query_parameter_sub_schema": shaped}}),
    };
    json!({"parameter": parameter})
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn openapi_v2_protobuf_equals_that_of_another_library() {
        let fixtures = include_str!("../protobuf/fixtures.json");
        let fixtures: Value = serde_json::from_str(fixtures).unwrap();
        let of = &fixtures["openapi"];
        let written = STANDARD.encode(write(&of["json"]).unwrap());
        assert_eq!(written, of["protobuf"].as_str().unwrap());
    }
}
