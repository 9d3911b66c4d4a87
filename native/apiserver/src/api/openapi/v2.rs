//! OpenAPI 2: everything in one document, as older clients read it. It is made of the documents of version 3.

use serde_json::{Map, Value, json};

use super::VERSION;

/// Builds the document of several of version 3.
pub(super) fn document<'a>(documents: impl Iterator<Item = &'a Value>) -> Value {
    let (mut definitions, mut paths) = (Map::new(), Map::new());
    for document in documents {
        for (name, of) in entries(document, "/components/schemas") {
            let mut of = schema(of);
            // Old kubectl makes patches by the schemas of built-in kinds, and crashes on one without fields. It has its own
            // types for those that it does not find.
            if let (true, Some(fields)) = (name.starts_with("io.k8s.api."), of.as_object_mut())
                && !fields.contains_key("properties")
            {
                fields.remove("x-kubernetes-group-version-kind");
            }
            definitions.insert(name.clone(), of);
        }
        for (name, of) in entries(document, "/paths") {
            paths.insert(name.clone(), path(of));
        }
    }
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": VERSION},
        "paths": paths,
        "definitions": definitions,
    })
}

fn entries<'a>(
    value: &'a Value,
    pointer: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    let found = value.pointer(pointer).and_then(Value::as_object);
    found.into_iter().flatten()
}

/// A schema without what version 2 does not know. As the real server does, it leaves out what kubectl cannot read: the
/// fields of an object that may have others, and the type of what may be null.
fn schema(value: &Value) -> Value {
    let Value::Object(fields) = value else {
        return value.clone();
    };
    let is_set = |name: &str| fields.get(name) == Some(&Value::Bool(true));
    let mut out = Map::new();
    for (name, value) in fields {
        let value = match name.as_str() {
            "oneOf" | "anyOf" | "not" | "nullable" => continue,
            "allOf" => {
                // a single one refers to another schema beside a description
                if let Some([only]) = value.as_array().map(Vec::as_slice)
                    && let Value::Object(only) = schema(only)
                {
                    out.extend(only);
                }
                continue;
            }
            "$ref" => {
                let path = value.as_str().unwrap_or_default();
                path.replace("#/components/schemas/", "#/definitions/")
                    .into()
            }
            "items" | "additionalProperties" => schema(value),
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties = properties.map(|(name, of)| (name.clone(), schema(of)));
                properties.collect::<Map<_, _>>().into()
            }
            _ => value.clone(),
        };
        out.insert(name.clone(), value);
    }
    let is_open = is_set("x-kubernetes-preserve-unknown-fields");
    if is_open || is_set("nullable") {
        out.remove("items");
        out.remove("properties");
    }
    let is_type = |name: &str| fields.get("type").and_then(Value::as_str) == Some(name);
    if is_set("nullable")
        || (is_type("array") && !out.contains_key("items"))
        || (is_type("object") && is_open)
    {
        out.remove("type");
    }
    let is_nullable = |name: &Value| {
        let of = name
            .as_str()
            .and_then(|name| fields.get("properties")?.get(name)?.get("nullable"));
        of == Some(&Value::Bool(true))
    };
    if let Some(Value::Array(required)) = out.get_mut("required") {
        required.retain(|name| !is_nullable(name));
        if required.is_empty() {
            out.remove("required");
        }
    }
    out.into()
}

fn path(of: &Value) -> Value {
    let operations = of.as_object().into_iter().flatten();
    let operations = operations.map(|(method, of)| {
        let of = match of {
            Value::Array(parameters) => parameters.iter().map(parameter).collect(),
            of => operation(of),
        };
        (method.clone(), of)
    });
    operations.collect::<Map<_, _>>().into()
}

/// A parameter with its type beside its name.
fn parameter(of: &Value) -> Value {
    let mut out = Map::new();
    for (name, value) in of.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("schema", Value::Object(schema)) => out.extend(schema.clone()),
            _ => {
                out.insert(name.clone(), value.clone());
            }
        }
    }
    out.into()
}

fn operation(of: &Value) -> Value {
    let mut out = of.as_object().cloned().unwrap_or_default();
    let body = out.remove("requestBody").unwrap_or_default();
    let media = |content: &Value| -> Vec<String> {
        let content = content.get("content").and_then(Value::as_object);
        content
            .into_iter()
            .flatten()
            .map(|(media, _)| media.clone())
            .collect()
    };
    let consumes = match media(&body) {
        media if media.is_empty() => vec!["*/*".to_owned()],
        media => media,
    };
    out.insert("consumes".to_owned(), json!(consumes));
    let mut parameters: Vec<Value> = Vec::new();
    if let Some((_, of)) = entries(&body, "/content").next() {
        parameters.push(json!({
            "in": "body", "name": "body",
            "required": body.get("required") == Some(&Value::Bool(true)),
            "schema": schema(of.get("schema").unwrap_or(&Value::Null)),
        }));
    }
    let others = of.get("parameters").and_then(Value::as_array);
    parameters.extend(others.into_iter().flatten().map(parameter));
    out.insert("parameters".to_owned(), parameters.into());
    let (mut responses, mut produces) = (Map::new(), Vec::new());
    for (code, of) in entries(of, "/responses") {
        let mut response = json!({"description": of.get("description")});
        if let (Some((_, of)), Some(fields)) =
            (entries(of, "/content").next(), response.as_object_mut())
        {
            let of = schema(of.get("schema").unwrap_or(&Value::Null));
            fields.insert("schema".to_owned(), of);
        }
        if produces.is_empty() {
            produces = media(of);
        }
        responses.insert(code.clone(), response);
    }
    out.insert("responses".to_owned(), responses.into());
    out.insert("produces".to_owned(), json!(produces));
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openapi_v2_schemas_have_what_older_clients_read() {
        for (of, older) in [
            (json!({"type": "string", "nullable": true}), json!({})),
            (
                json!({"type": "object", "required": ["a", "b"], "properties": {
                    "a": {"type": "string", "nullable": true}, "b": {"type": "string"}}}),
                json!({"type": "object", "required": ["b"], "properties": {
                    "a": {}, "b": {"type": "string"}}}),
            ),
            (
                json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    "properties": {"a": {"type": "string"}}}),
                json!({"x-kubernetes-preserve-unknown-fields": true}),
            ),
            (json!({"type": "array"}), json!({})),
            (
                json!({"anyOf": [{"type": "string"}], "x-kubernetes-int-or-string": true}),
                json!({"x-kubernetes-int-or-string": true}),
            ),
            (
                json!({"description": "d", "allOf": [{"$ref": "#/components/schemas/x"}]}),
                json!({"description": "d", "$ref": "#/definitions/x"}),
            ),
            (
                json!({"type": "object", "properties": {"nullable": {"type": "boolean"}},
                    "additionalProperties": true}),
                json!({"type": "object", "properties": {"nullable": {"type": "boolean"}},
                    "additionalProperties": true}),
            ),
        ] {
            assert_eq!(schema(&of), older, "{of}");
        }
    }
}
