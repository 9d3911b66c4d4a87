//! OpenAPI: what `kubectl explain` shows and what `kubectl apply` asks the server about.
//!
//! A document names the paths of its group and version, what each takes and answers, and the shapes. That of
//! `ImageCache` is the definition's, whole; those of the built-in kinds say what this server relies on, and no more.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use imagecache::resource::{CrdVersion, crd};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha512};

use super::patch::PatchKind;
use super::resource::{RESOURCES, Resource};

/// Everything, by path.
static DOCUMENTS: LazyLock<BTreeMap<String, (Value, String)>> = LazyLock::new(|| {
    let mut paths: Vec<(String, &str, &str)> = RESOURCES
        .iter()
        .map(|resource| (root(resource), resource.group, resource.version))
        .collect();
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .map(|(path, group, version)| {
            let document = build(group, version);
            let hash: String = Sha512::digest(document.to_string())
                .iter()
                .map(|byte| format!("{byte:02X}"))
                .collect();
            (path, (document, hash))
        })
        .collect()
});

/// `/openapi/v3`: the documents there are, each with a hash that changes when it does.
#[must_use]
pub fn index() -> Value {
    let paths: Map<String, Value> = DOCUMENTS
        .iter()
        .map(|(path, (_, hash))| {
            let url = format!("/openapi/v3/{path}?hash={hash}");
            (path.clone(), json!({"serverRelativeURL": url}))
        })
        .collect();
    json!({"paths": paths})
}

/// `/openapi/v3/{path}`, such as `apis/eci.alibabacloud.com/v1`; `None` if there is none.
#[must_use]
pub fn document(path: &str) -> Option<&'static Value> {
    DOCUMENTS.get(path).map(|(document, _)| document)
}

/// The hash of a document that [`index`] tells.
#[must_use]
pub fn hash(path: &str) -> Option<String> {
    DOCUMENTS.get(path).map(|(_, hash)| hash.clone())
}

/// `/openapi/v2`: every definition in the older form. `kubectl` reads it where version 3 does not tell enough.
#[must_use]
pub fn v2() -> Value {
    let mut definitions = Map::new();
    for (document, _) in DOCUMENTS.values() {
        let schemas = document
            .pointer("/components/schemas")
            .and_then(Value::as_object);
        for (name, schema) in schemas.into_iter().flatten() {
            definitions.insert(name.clone(), older(schema));
        }
    }
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": VERSION},
        "paths": {},
        "definitions": definitions,
    })
}

/// References as version 2 writes them.
fn older(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            if let Some([only]) = fields
                .get("allOf")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
            {
                return older(only);
            }
            fields
                .iter()
                .map(|(name, value)| match value {
                    Value::String(path) if name == "$ref" => (
                        name.clone(),
                        path.replace("#/components/schemas/", "#/definitions/")
                            .into(),
                    ),
                    value => (name.clone(), older(value)),
                })
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.iter().map(older).collect(),
        other => other.clone(),
    }
}

/// The Kubernetes version whose behaviour this server follows.
pub const VERSION: &str = "v1.36.0";

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// `api/v1` or `apis/{group}/{version}`.
fn root(resource: &Resource) -> String {
    if resource.group.is_empty() {
        format!("api/{}", resource.version)
    } else {
        format!("apis/{}/{}", resource.group, resource.version)
    }
}

/// The name of a kind's shape, as `kubectl` knows it.
fn model(resource: &Resource, kind: &str) -> String {
    let version = resource.version;
    match resource.group {
        "" => format!("io.k8s.api.core.{version}.{kind}"),
        group if resource.custom => {
            let reversed: Vec<&str> = group.rsplit('.').collect();
            format!("{}.{version}.{kind}", reversed.join("."))
        }
        group => format!(
            "io.k8s.api.{}.{version}.{kind}",
            group.split('.').next().unwrap_or_default()
        ),
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn build(group: &str, version: &str) -> Value {
    let (mut paths, mut schemas) = (Map::new(), common_schemas());
    for resource in RESOURCES
        .iter()
        .filter(|resource| resource.group == group && resource.version == version)
    {
        schemas.insert(model(resource, resource.kind), shape(resource));
        schemas.insert(model(resource, resource.list_kind), list_shape(resource));
        let scope = if resource.namespaced {
            "/namespaces/{namespace}"
        } else {
            ""
        };
        let collection = format!("/{}{scope}/{}", root(resource), resource.plural);
        let one = format!("{collection}/{{name}}");
        if resource.namespaced {
            let everywhere = format!("/{}/{}", root(resource), resource.plural);
            paths.insert(everywhere, path(resource, &["list"], false));
        }
        paths.insert(
            collection,
            path(resource, &["list", "create", "deletecollection"], false),
        );
        if resource.has_status {
            paths.insert(
                format!("{one}/status"),
                path(resource, &["get", "update", "patch"], true),
            );
        }
        paths.insert(
            one,
            path(resource, &["get", "update", "delete", "patch"], true),
        );
    }
    let custom = RESOURCES
        .iter()
        .any(|resource| resource.group == group && resource.custom);
    let info = if custom {
        json!({"title": "Kubernetes CRD Swagger", "version": "v0.1.0"})
    } else {
        json!({"title": "Kubernetes", "version": VERSION})
    };
    json!({
        "openapi": "3.0.0",
        "info": info,
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

/// The operations of a path.
fn path(resource: &Resource, verbs: &[&str], named: bool) -> Value {
    let mut operations = Map::new();
    for verb in verbs.iter().filter(|verb| resource.verbs.contains(*verb)) {
        let (method, action) = match *verb {
            "list" => ("get", "list"),
            "create" => ("post", "post"),
            "update" => ("put", "put"),
            "deletecollection" => ("delete", "deletecollection"),
            other => (other, other),
        };
        operations.insert(method.to_owned(), operation(resource, verb, action));
    }
    let mut parameters = Vec::new();
    for (wanted, name) in [(named, "name"), (resource.namespaced, "namespace")] {
        if wanted {
            parameters.push(json!({
                "name": name, "in": "path", "required": true, "schema": {"type": "string", "uniqueItems": true},
                "description": format!("{name} of the {}", resource.kind),
            }));
        }
    }
    parameters.push(query(
        "pretty",
        "If 'true', then the output is pretty printed.",
        "string",
    ));
    operations.insert("parameters".to_owned(), parameters.into());
    operations.into()
}

fn query(name: &str, description: &str, kind: &str) -> Value {
    json!({
        "name": name, "in": "query", "description": description,
        "schema": {"type": kind, "uniqueItems": true},
    })
}

fn operation(resource: &Resource, verb: &str, action: &str) -> Value {
    let answer = match verb {
        "list" => model(resource, resource.list_kind),
        "delete" | "deletecollection" => format!("{META}.Status"),
        _ => model(resource, resource.kind),
    };
    let mut operation = json!({
        "description": format!("{verb} {}", resource.kind),
        "operationId": format!("{verb}{}{}{}", tag(resource), resource.kind, if verb == "list" { "s" } else { "" }),
        "tags": [tag(resource)],
        "parameters": parameters(verb),
        "responses": {
            "200": {"description": "OK", "content": {
                "application/json": {"schema": reference(&answer)},
                "application/yaml": {"schema": reference(&answer)},
            }},
        },
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {
            "group": resource.group, "version": resource.version, "kind": resource.kind,
        },
    });
    if let (Some(body), Some(fields)) = (body(resource, verb), operation.as_object_mut()) {
        fields.insert("requestBody".to_owned(), body);
    }
    operation
}

fn tag(resource: &Resource) -> String {
    let words = resource.group.split(['.', '-']).map(|word| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| format!("{}{}", first.to_ascii_uppercase(), letters.as_str()))
            .unwrap_or_default()
    });
    let group: String = words.collect();
    let group = if group.is_empty() { "Core" } else { &group };
    format!("{group}{}", resource.version.to_ascii_uppercase())
}

fn parameters(verb: &str) -> Value {
    let mut parameters = Vec::new();
    if matches!(
        verb,
        "create" | "update" | "patch" | "delete" | "deletecollection"
    ) {
        parameters.push(query("dryRun", "All: do everything but store.", "string"));
    }
    if matches!(verb, "create" | "update" | "patch") {
        parameters.push(query(
            "fieldManager",
            "Who writes; required for apply patches.",
            "string",
        ));
        parameters.push(query(
            "fieldValidation",
            "What happens to unknown and duplicate fields: Ignore, Warn or Strict.",
            "string",
        ));
    }
    if verb == "patch" {
        parameters.push(query(
            "force",
            "Take fields over from other managers (apply patches only).",
            "boolean",
        ));
    }
    if matches!(verb, "delete" | "deletecollection") {
        parameters.push(query(
            "gracePeriodSeconds",
            "Seconds that the object may take to end.",
            "integer",
        ));
        parameters.push(query(
            "propagationPolicy",
            "What happens to dependents: Background, Foreground or Orphan.",
            "string",
        ));
    }
    if matches!(verb, "list" | "deletecollection") {
        for (name, kind) in [
            ("allowWatchBookmarks", "boolean"),
            ("continue", "string"),
            ("fieldSelector", "string"),
            ("labelSelector", "string"),
            ("limit", "integer"),
            ("resourceVersion", "string"),
            ("resourceVersionMatch", "string"),
            ("sendInitialEvents", "boolean"),
            ("timeoutSeconds", "integer"),
            ("watch", "boolean"),
        ] {
            parameters.push(query(name, "", kind));
        }
    }
    parameters.into()
}

fn body(resource: &Resource, verb: &str) -> Option<Value> {
    let content: Map<String, Value> = match verb {
        "create" | "update" => ["application/json", "application/yaml"]
            .into_iter()
            .map(|media| {
                (
                    media.to_owned(),
                    json!({"schema": reference(&model(resource, resource.kind))}),
                )
            })
            .collect(),
        // A strategic merge patch is taken, but not told of: kubectl would look for the keys of lists in these shapes
        // instead of in the types that it has.
        "patch" => resource
            .patch_kinds()
            .iter()
            .filter(|kind| **kind != PatchKind::Strategic)
            .map(|kind| {
                let patch = reference(&format!("{META}.Patch"));
                (kind.media_type().to_owned(), json!({"schema": patch}))
            })
            .collect(),
        "delete" | "deletecollection" => {
            let options = json!({"schema": reference(&format!("{META}.DeleteOptions"))});
            [("application/json".to_owned(), options)]
                .into_iter()
                .collect()
        }
        _ => return None,
    };
    Some(json!({"content": content, "required": !verb.starts_with("delete")}))
}

const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object. Servers should \
    convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
const KIND: &str = "Kind is a string value representing the REST resource this object represents. Servers may infer \
    this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
const METADATA: &str = "Standard object's metadata. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

fn head(properties: &mut Map<String, Value>, metadata: &str) {
    for (name, description) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        properties.insert(
            name.to_owned(),
            json!({"description": description, "type": "string"}),
        );
    }
    properties.insert(
        "metadata".to_owned(),
        json!({"description": METADATA, "allOf": [reference(&format!("{META}.{metadata}"))]}),
    );
}

/// The shape of a kind: a definition's own, or what the blank object of a built-in kind shows.
fn shape(resource: &Resource) -> Value {
    let mut shape = if resource.custom {
        crd(CrdVersion::V1)
            .pointer_mut("/spec/versions/0/schema/openAPIV3Schema")
            .map(Value::take)
            .unwrap_or_default()
    } else {
        let fields = resource.blank.as_object().into_iter().flatten();
        let properties: Map<String, Value> = fields
            .filter(|(_, value)| value.is_object())
            .map(|(name, _)| (name.clone(), open()))
            .collect();
        let mut shape = open();
        if let Some(fields) = shape.as_object_mut() {
            fields.insert(
                "description".to_owned(),
                format!("{} of Kubernetes.", resource.kind).into(),
            );
            fields.insert("properties".to_owned(), properties.into());
        }
        shape
    };
    if let Some(properties) = shape.get_mut("properties").and_then(Value::as_object_mut) {
        head(properties, "ObjectMeta");
    }
    name_kind(&mut shape, resource, resource.kind);
    shape
}

fn open() -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

fn list_shape(resource: &Resource) -> Value {
    let mut properties = Map::new();
    head(&mut properties, "ListMeta");
    let items = json!({
        "description": format!("List of {}.", resource.plural),
        "type": "array",
        "items": reference(&model(resource, resource.kind)),
    });
    properties.insert("items".to_owned(), items);
    let mut shape = json!({
        "description": format!("{} is a list of {}", resource.list_kind, resource.kind),
        "type": "object",
        "required": ["items"],
        "properties": properties,
    });
    name_kind(&mut shape, resource, resource.list_kind);
    shape
}

fn name_kind(shape: &mut Value, resource: &Resource, kind: &str) {
    if let Some(fields) = shape.as_object_mut() {
        let names = json!([{"group": resource.group, "version": resource.version, "kind": kind}]);
        fields.insert("x-kubernetes-group-version-kind".to_owned(), names);
    }
}

/// The shapes that every document has, in short.
fn common_schemas() -> Map<String, Value> {
    let text = |description: &str| json!({"type": "string", "description": description});
    let texts = |description: &str| json!({"type": "object", "description": description, "additionalProperties": {"type": "string"}});
    let time = |description: &str| json!({"type": "string", "format": "date-time", "description": description});
    let whole = |description: &str| json!({"type": "integer", "format": "int64", "description": description});
    let shapes = json!({
        "ObjectMeta": {
            "type": "object",
            "description": "ObjectMeta is metadata that all persisted resources must have.",
            "properties": {
                "annotations": texts("Values for tools, by key."),
                "creationTimestamp": time("When the object was created. Set by the server."),
                "deletionGracePeriodSeconds": whole("Seconds that the object may take to end. Set by the server."),
                "deletionTimestamp": time("When the deletion was asked for. Set by the server."),
                "finalizers": {
                    "type": "array", "items": {"type": "string", "default": ""},
                    "description": "Who must act before the object goes.",
                    "x-kubernetes-list-type": "set", "x-kubernetes-patch-strategy": "merge",
                },
                "generateName": text("Begin of a name that the server completes."),
                "generation": whole("Counts changes of the spec. Set by the server."),
                "labels": texts("Values that selectors find objects by."),
                "managedFields": {
                    "type": "array", "items": {"type": "object"}, "description": "Who wrote which field last.",
                    "x-kubernetes-list-type": "atomic",
                },
                "name": text("Name, unique within a namespace."),
                "namespace": text("Namespace that the name is unique within."),
                "ownerReferences": {
                    "type": "array", "items": {"type": "object", "x-kubernetes-map-type": "atomic"},
                    "description": "Objects that this one goes with.",
                    "x-kubernetes-list-map-keys": ["uid"], "x-kubernetes-list-type": "map",
                    "x-kubernetes-patch-merge-key": "uid", "x-kubernetes-patch-strategy": "merge",
                },
                "resourceVersion": text("Version of the object. Set by the server."),
                "selfLink": text("No longer set."),
                "uid": text("Unique in time and space. Set by the server."),
            },
        },
        "ListMeta": {
            "type": "object",
            "description": "ListMeta describes metadata of lists.",
            "properties": {
                "continue": text("Token for the next page."),
                "remainingItemCount": whole("Items on later pages."),
                "resourceVersion": text("Version of the list."),
                "selfLink": text("No longer set."),
            },
        },
        "Status": {
            "type": "object",
            "description": "Status is a return value for calls that don't return other objects.",
            "properties": {
                "apiVersion": text(API_VERSION), "kind": text(KIND), "code": {"type": "integer", "format": "int32"},
                "message": text("For people."), "reason": text("For machines."), "status": text("Success or Failure."),
                "details": open(), "metadata": open(),
            },
            "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Status"}],
        },
        "DeleteOptions": {
            "type": "object",
            "description": "DeleteOptions may be provided when deleting an API object.",
            "properties": {
                "apiVersion": text(API_VERSION), "kind": text(KIND),
                "dryRun": {"type": "array", "items": {"type": "string", "default": ""}},
                "gracePeriodSeconds": whole("Seconds that the object may take to end."),
                "preconditions": open(),
                "propagationPolicy": text("Background, Foreground or Orphan."),
            },
        },
        "Patch": {"type": "object", "description": "Patch is provided to give a concrete name and type to the Kubernetes PATCH request body."},
    });
    let Value::Object(shapes) = shapes else {
        return Map::new();
    };
    shapes
        .into_iter()
        .map(|(name, shape)| (format!("{META}.{name}"), shape))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        for (path, (document, _)) in DOCUMENTS.iter() {
            let mut found = Vec::new();
            references(document, &mut found);
            assert!(!found.is_empty());
            for reference in found {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{path}: {reference}");
            }
        }
        let older = v2();
        let mut found = Vec::new();
        references(&older, &mut found);
        for reference in found {
            assert!(
                older
                    .pointer(reference.strip_prefix('#').unwrap())
                    .is_some(),
                "{reference}"
            );
        }
    }

    #[test]
    fn patches_of_every_resource_take_field_validation() {
        for resource in RESOURCES.iter() {
            let scope = if resource.namespaced {
                "/namespaces/{namespace}"
            } else {
                ""
            };
            let path = format!("/{}{scope}/{}/{{name}}", root(resource), resource.plural);
            let operation = &document(&root(resource)).unwrap()["paths"][&path]["patch"];
            assert!(operation.to_string().contains("fieldValidation"), "{path}");
        }
    }
}
