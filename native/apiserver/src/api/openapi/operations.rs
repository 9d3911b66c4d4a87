//! What can be done at each path, and with what parameters.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::{META_NAME, model, reference, root};
use crate::api::error::MEDIA_TYPES;
use crate::api::patch::{PatchKind, accepted};
use crate::api::resource::Resource;

/// The parameters of requests by name, as Kubernetes publishes them.
static PARAMETERS: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("parameters.json")).unwrap_or_default());

/// The paths of a resource with their operations.
pub(super) fn paths(resource: &Resource) -> Vec<(String, Value)> {
    let mut paths = Vec::new();
    let everywhere = format!("/{}/{}", root(resource), resource.plural);
    let collection = if resource.namespaced {
        format!(
            "/{}/namespaces/{{namespace}}/{}",
            root(resource),
            resource.plural
        )
    } else {
        everywhere.clone()
    };
    let one = format!("{collection}/{{name}}");
    let status = format!("{one}/status");
    for (name, served, verbs, scope) in [
        (everywhere, resource.namespaced, LISTED, Scope::Everywhere),
        (collection, true, TOGETHER, Scope::Collection),
        (one, true, ALONE, Scope::One),
        (status, resource.has_status, PARTLY, Scope::Status),
    ] {
        if served && verbs.iter().any(|verb| resource.verbs.contains(verb)) {
            paths.push((name, path(resource, verbs, scope)));
        }
    }
    paths
}

/// The verbs of each scope.
const LISTED: &[&str] = &["list"];
const TOGETHER: &[&str] = &["list", "create", "deletecollection"];
const ALONE: &[&str] = &["get", "update", "delete", "patch"];
const PARTLY: &[&str] = &["get", "update", "patch"];

/// What a path is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Everywhere,
    Collection,
    One,
    Status,
}

/// The operations of a path.
fn path(resource: &Resource, verbs: &[&str], scope: Scope) -> Value {
    let mut operations = Map::new();
    for verb in verbs.iter().filter(|verb| resource.verbs.contains(*verb)) {
        let (method, operation) = operation(resource, verb, scope);
        operations.insert(method.to_owned(), operation);
    }
    let mut parameters = Vec::new();
    let named = matches!(scope, Scope::One | Scope::Status);
    let within = resource.namespaced && scope != Scope::Everywhere;
    let namespace = "object name and auth scope, such as for teams and projects".to_owned();
    for (wanted, name, description) in [
        (named, "name", format!("name of the {}", resource.kind)),
        (within, "namespace", namespace),
    ] {
        if wanted {
            parameters.push(json!({
                "name": name, "in": "path", "required": true, "description": description,
                "schema": {"type": "string", "uniqueItems": true},
            }));
        }
    }
    parameters.push(parameter("pretty"));
    operations.insert("parameters".to_owned(), parameters.into());
    operations.into()
}

/// A parameter of the query. A patch may describe it differently.
fn parameter(name: &str) -> Value {
    let of = PARAMETERS.get(name).unwrap_or(&Value::Null);
    let name = name.split(' ').next().unwrap_or_default();
    json!({
        "name": name, "in": "query", "description": of.get("description"),
        "schema": {"type": of.get("type"), "uniqueItems": true},
    })
}

const LIST: &[&str] = &[
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "shardSelector",
    "timeoutSeconds",
    "watch",
];
const WRITE: &[&str] = &["dryRun", "fieldManager", "fieldValidation"];
const PATCH: &[&str] = &[
    "dryRun",
    "fieldManager of a patch",
    "fieldValidation",
    "force",
];
const DELETE: &[&str] = &[
    "dryRun",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "orphanDependents",
    "propagationPolicy",
];

/// The method of a verb, and what it does.
fn operation(resource: &Resource, verb: &str, scope: Scope) -> (&'static str, Value) {
    let kind = &*resource.kind;
    let of = if scope == Scope::Status {
        "status of "
    } else {
        ""
    };
    let a = match kind.chars().next() {
        Some('A' | 'E' | 'I' | 'O' | 'U') => "an",
        _ => "a",
    };
    let (method, action, name, description, parameters, codes): (_, _, _, _, _, &[&str]) =
        match verb {
            "list" => {
                let description = format!("list objects of kind {kind}");
                ("get", "list", "list", description, LIST, &["200"])
            }
            "create" => {
                let description = format!("create {a} {kind}");
                (
                    "post",
                    "post",
                    "create",
                    description,
                    WRITE,
                    &["200", "201", "202"],
                )
            }
            "deletecollection" => {
                let description = format!("delete collection of {kind}");
                (
                    "delete",
                    "deletecollection",
                    "delete",
                    description,
                    LIST,
                    &["200"],
                )
            }
            "get" => {
                let description = format!("read {of}the specified {kind}");
                (
                    "get",
                    "get",
                    "read",
                    description,
                    &["resourceVersion"],
                    &["200"],
                )
            }
            "update" => {
                let description = format!("replace {of}the specified {kind}");
                ("put", "put", "replace", description, WRITE, &["200", "201"])
            }
            "patch" => {
                let description = format!("partially update {of}the specified {kind}");
                ("patch", "patch", "patch", description, PATCH, &["200"])
            }
            _ => {
                let description = format!("delete {a} {kind}");
                (
                    "delete",
                    "delete",
                    "delete",
                    description,
                    DELETE,
                    &["200", "202"],
                )
            }
        };
    let answer = match verb {
        "list" => model(resource, &resource.list_kind),
        "delete" | "deletecollection" => format!("{META_NAME}.Status"),
        _ => model(resource, kind),
    };
    let mut responses = Map::new();
    for code in codes {
        let description = match *code {
            "200" => "OK",
            "201" => "Created",
            _ => "Accepted",
        };
        let content = content(forms(resource), &answer);
        responses.insert(
            (*code).to_owned(),
            json!({"description": description, "content": content}),
        );
    }
    responses.insert("401".to_owned(), json!({"description": "Unauthorized"}));
    let parameters: Value = parameters.iter().map(|name| parameter(name)).collect();
    let mut operation = json!({
        "description": description,
        "operationId": operation_id(resource, name, verb, scope),
        "tags": [format!("{}_{}", words(resource, false), resource.version)],
        "parameters": parameters,
        "responses": responses,
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {
            "group": resource.group, "version": resource.version, "kind": kind,
        },
    });
    if let (Some(body), Some(fields)) = (body(resource, verb), operation.as_object_mut()) {
        fields.insert("requestBody".to_owned(), body);
    }
    (method, operation)
}

fn operation_id(resource: &Resource, name: &str, verb: &str, scope: Scope) -> String {
    let version = resource.version.get(..1).unwrap_or_default().to_uppercase();
    let version = version + resource.version.get(1..).unwrap_or_default();
    let (group, kind) = (words(resource, true), &resource.kind);
    let collection = if verb == "deletecollection" {
        "Collection"
    } else {
        ""
    };
    let within = resource.namespaced && scope != Scope::Everywhere;
    let within = if within { "Namespaced" } else { "" };
    let part = match scope {
        Scope::Status => "Status",
        Scope::Everywhere => "ForAllNamespaces",
        _ => "",
    };
    format!("{name}{group}{version}{collection}{within}{kind}{part}")
}

/// The words of a group in camel case: `eciAlibabacloudCom`.
fn words(resource: &Resource, first: bool) -> String {
    let group = match &*resource.group {
        "" => "core",
        group => group.strip_suffix(".k8s.io").unwrap_or(group),
    };
    let mut upper = first;
    let mut words = String::new();
    for c in group.chars() {
        match c {
            '.' | '-' => upper = true,
            c if upper => {
                words.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => words.push(c),
        }
    }
    words
}

/// The same shape in several forms.
fn content(media: &[&str], model: &str) -> Value {
    let content = media
        .iter()
        .map(|media| ((*media).to_owned(), json!({"schema": reference(model)})));
    content.collect::<Map<_, _>>().into()
}

/// The media types of answers.
fn forms(resource: &Resource) -> &'static [&'static str] {
    match resource.custom {
        true => &["application/json", "application/yaml"],
        false => &MEDIA_TYPES,
    }
}

fn body(resource: &Resource, verb: &str) -> Option<Value> {
    match verb {
        "create" | "update" => {
            let content = content(forms(resource), &model(resource, &resource.kind));
            Some(json!({"content": content, "required": true}))
        }
        "patch" => {
            // A strategic merge patch is accepted, but not documented: kubectl would look for the keys of lists in
            // these schemas instead of in its own types.
            let kinds = accepted(resource).iter();
            let kinds = kinds.filter(|kind| **kind != PatchKind::Strategic);
            let forms: Vec<_> = kinds.map(|kind| kind.media_type()).collect();
            let content = content(&forms, &format!("{META_NAME}.Patch"));
            Some(json!({"content": content, "required": true}))
        }
        "delete" => {
            let content = content(forms(resource), &format!("{META_NAME}.DeleteOptions"));
            Some(json!({"content": content}))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_published() {
        let all = [LIST, WRITE, PATCH, DELETE, &["resourceVersion", "pretty"]];
        for name in all.into_iter().flatten() {
            assert!(PARAMETERS.contains_key(*name), "{name}");
        }
    }
}
