//! OpenAPI: what `kubectl explain` shows and what `kubectl apply` asks the server about.
//!
//! A document has the paths of its group and version, the parameters and responses of each, and the schemas. The schema
//! of a custom resource is that of its definition; those of the built-in kinds are the published ones, with the first
//! sentence of each description.

mod gnostic;
mod operations;
mod v2;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha512};

use super::kinds;
use super::registry::Resources;
use super::resource::Resource;

pub(crate) use gnostic::MEDIA_TYPES as V2_PROTOBUF;

/// The documents of what a server serves.
pub(crate) struct Documents {
    by_path: BTreeMap<String, (Value, String)>,
}

impl Documents {
    /// Builds the documents of these resources.
    #[must_use]
    pub(crate) fn new(resources: &Resources) -> Self {
        let mut paths: Vec<(String, &str, &str)> = resources
            .iter()
            .map(|resource| (root(resource), &*resource.group, &*resource.version))
            .collect();
        paths.sort();
        paths.dedup();
        let documents = paths.into_iter().map(|(path, group, version)| {
            let document = build(resources, group, version);
            let hash: String = Sha512::digest(document.to_string())
                .iter()
                .map(|byte| format!("{byte:02X}"))
                .collect();
            (path, (document, hash))
        });
        Documents {
            by_path: documents.collect(),
        }
    }

    /// `/openapi/v3`: the documents there are, each with a hash that changes when it does.
    #[must_use]
    pub(crate) fn index(&self) -> Value {
        let paths: Map<String, Value> = self
            .by_path
            .iter()
            .map(|(path, (_, hash))| {
                let url = format!("/openapi/v3/{path}?hash={hash}");
                (path.clone(), json!({"serverRelativeURL": url}))
            })
            .collect();
        json!({"paths": paths})
    }

    /// `/openapi/v3/{path}`, such as `apis/eci.alibabacloud.com/v1`, with its hash; `None` if there is none.
    #[must_use]
    pub(crate) fn document(&self, path: &str) -> Option<(&Value, &str)> {
        let (document, hash) = self.by_path.get(path)?;
        Some((document, hash))
    }

    /// `/openapi/v2`: everything in the older form. `kubectl` reads it where version 3 is not sufficient.
    #[must_use]
    pub(crate) fn v2(&self) -> Value {
        v2::document(self.by_path.values().map(|(document, _)| document))
    }

    /// The document of [`v2`](Self::v2) in protobuf.
    ///
    /// # Errors
    /// Returns the path of a value that its field cannot hold.
    pub(crate) fn v2_protobuf(&self) -> Result<Vec<u8>, String> {
        gnostic::write(&self.v2())
    }
}

/// The shapes that every document has, as Kubernetes publishes them.
static META: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("meta.json")).unwrap_or_default());

/// The Kubernetes version whose behaviour this server follows.
pub(crate) const VERSION: &str = "v1.36.0";

const META_NAME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

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
    let version = &resource.version;
    match &*resource.group {
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

fn build(resources: &Resources, group: &str, version: &str) -> Value {
    let mut schemas: Map<String, Value> = META
        .iter()
        .map(|(name, shape)| (format!("{META_NAME}.{name}"), shape.clone()))
        .collect();
    let mut paths = Map::new();
    let is_of = |resource: &&Arc<Resource>| resource.group == group && resource.version == version;
    for resource in resources.iter().filter(is_of) {
        let mut refers = Vec::new();
        schemas.insert(
            model(resource, &resource.kind),
            shape(resource, &mut refers),
        );
        while let Some(name) = refers.pop() {
            let published = published_model(name);
            if let (false, Some(schema)) =
                (schemas.contains_key(&published), kinds::published(name))
            {
                schemas.insert(published, documented(schema, &mut refers));
            }
        }
        if resource.verbs.contains(&"list") {
            let name = model(resource, &resource.list_kind);
            schemas.insert(name, list_shape(resource));
        }
        paths.extend(operations::paths(resource));
    }
    let custom = resources
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

const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object. Servers should \
    convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
const KIND: &str = "Kind is a string value representing the REST resource this object represents. Servers may infer \
    this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
const METADATA: &str = "Standard object's metadata. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";
const LIST_METADATA: &str = "Standard list metadata. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
const CONVENTIONS: &str =
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";

fn head(properties: &mut Map<String, Value>, metadata: &str, words: &str) {
    for (name, description) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        properties.insert(
            name.to_owned(),
            json!({"description": description, "type": "string"}),
        );
    }
    properties.insert(
        "metadata".to_owned(),
        json!({"description": words, "allOf": [reference(&format!("{META_NAME}.{metadata}"))]}),
    );
}

/// The name of a published shape, as `kubectl` knows it: `core.v1.PodSpec` is `io.k8s.api.core.v1.PodSpec`.
fn published_model(name: &str) -> String {
    match name.split_once('.') {
        Some(("meta", rest)) => format!("io.k8s.apimachinery.pkg.apis.meta.{rest}"),
        Some(("apiextensions", _)) => format!("io.k8s.apiextensions-apiserver.pkg.apis.{name}"),
        _ => format!("io.k8s.api.{name}"),
    }
}

/// The shape of a kind: a definition's own, or the published one of a built-in kind, which `refers` to others.
fn shape(resource: &Resource, refers: &mut Vec<&'static str>) -> Value {
    let mut shape = if resource.custom {
        resource.documented.clone()
    } else {
        kinds::published(&kinds::published_name(&resource.group, &resource.kind)).map_or_else(
            || json!({"type": "object"}),
            |schema| documented(schema, refers),
        )
    };
    if let (false, Some(fields)) = (resource.custom, shape.as_object_mut()) {
        fields.entry("properties").or_insert_with(|| json!({}));
    }
    if let Some(properties) = shape.get_mut("properties").and_then(Value::as_object_mut) {
        head(properties, "ObjectMeta", METADATA);
    }
    name_kind(&mut shape, resource, &resource.kind);
    shape
}

/// A published schema as a document has it; `refers` gets what it refers to.
fn documented(schema: &'static Value, refers: &mut Vec<&'static str>) -> Value {
    let Value::Object(words) = schema else {
        return schema.clone();
    };
    let mut made = Map::new();
    for (word, value) in words {
        let value = match word.as_str() {
            "$ref" => {
                let name = value.as_str().unwrap_or_default();
                refers.push(name);
                let to = vec![reference(&published_model(name))];
                made.insert("allOf".to_owned(), to.into());
                continue;
            }
            "x-kubernetes-int-or-string" => {
                made.insert("format".to_owned(), "int-or-string".into());
                made.insert("type".to_owned(), "string".into());
                continue;
            }
            "items" | "additionalProperties" => documented(value, refers),
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties =
                    properties.map(|(name, part)| (name.clone(), documented(part, refers)));
                properties.collect::<Map<_, _>>().into()
            }
            "format" if value == "quantity" => {
                made.insert("type".to_owned(), "string".into());
                value.clone()
            }
            _ => value.clone(),
        };
        made.insert(word.clone(), value);
    }
    made.into()
}

fn list_shape(resource: &Resource) -> Value {
    let mut properties = Map::new();
    head(&mut properties, "ListMeta", LIST_METADATA);
    let items = json!({
        "description": format!("List of {}. More info: {CONVENTIONS}", resource.plural),
        "type": "array",
        "items": reference(&model(resource, &resource.kind)),
    });
    properties.insert("items".to_owned(), items);
    let mut shape = json!({
        "description": format!("{} is a list of {}", resource.list_kind, resource.kind),
        "type": "object",
        "required": ["items"],
        "properties": properties,
    });
    name_kind(&mut shape, resource, &resource.list_kind);
    shape
}

fn name_kind(shape: &mut Value, resource: &Resource, kind: &str) {
    if let Some(fields) = shape.as_object_mut() {
        let names = json!([{"group": resource.group, "version": resource.version, "kind": kind}]);
        fields.insert("x-kubernetes-group-version-kind".to_owned(), names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::registry::samples::RESOURCES;

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
        let documents = Documents::new(&RESOURCES);
        assert!(!META.is_empty());
        for (path, (document, _)) in &documents.by_path {
            let mut found = Vec::new();
            references(document, &mut found);
            assert!(!found.is_empty());
            for reference in found {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{path}: {reference}");
            }
        }
        let older = documents.v2();
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
        let documents = Documents::new(&RESOURCES);
        let patched = |resource: &&Arc<Resource>| resource.verbs.contains(&"patch");
        for resource in RESOURCES.iter().filter(patched) {
            let scope = if resource.namespaced {
                "/namespaces/{namespace}"
            } else {
                ""
            };
            let path = format!("/{}{scope}/{}/{{name}}", root(resource), resource.plural);
            let operation =
                &documents.document(&root(resource)).unwrap().0["paths"][&path]["patch"];
            assert!(operation.to_string().contains("fieldValidation"), "{path}");
        }
    }
}
