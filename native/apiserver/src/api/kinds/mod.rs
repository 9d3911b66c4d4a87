//! The descriptions of everything that is served. A kind's own rules stand beside its description.

mod core;
mod custom;
mod definition;
mod deployment;
mod event;
mod lease;
mod pod;
mod review;

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::meta::{self, NameRule};
use super::resource::{Cell, Column, Name, Resource};
use super::schema::Schema;

pub(super) use custom::resources as custom;
pub use definition::{definition_faults, is_established};

/// Those that need no definition, core group first.
pub(super) fn built_in() -> Vec<Resource> {
    vec![
        core::configmaps(),
        event::core(),
        core::namespaces(),
        pod::pods(),
        core::secrets(),
        deployment::deployments(),
        event::new(),
        definition::definitions(),
        lease::leases(),
        review::user(),
        review::access(),
        review::rules(),
    ]
}

/// Verbs of built-in kinds, in the order of discovery.
const VERBS: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

/// How the built-in kinds merge their lists: the keys of items, from the published OpenAPI of Kubernetes.
static SHAPES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("shapes.json")).unwrap_or_default());

/// The shape of a built-in kind: open, with what [`SHAPES`] knows.
fn shape(kind: &str) -> Schema {
    let mut shape = resolved(SHAPES.get(kind).unwrap_or(&Value::Null), 0);
    if let Some(fields) = shape.as_object_mut() {
        fields.insert(
            "x-kubernetes-preserve-unknown-fields".to_owned(),
            true.into(),
        );
    }
    let mut schema = Schema::compile(&shape).unwrap_or_else(|_| Schema::anything());
    schema
        .properties
        .insert("metadata".to_owned(), meta::schema());
    schema
}

/// The shape with every `$ref` to another one written out, and every object open.
fn resolved(shape: &Value, depth: usize) -> Value {
    const DEEPEST: usize = 32;
    match shape {
        Value::Object(fields) => {
            if let Some(name) = fields
                .get("$ref")
                .and_then(Value::as_str)
                .filter(|_| depth < DEEPEST)
            {
                return resolved(SHAPES.get(name).unwrap_or(&Value::Null), depth + 1);
            }
            let mut fields: serde_json::Map<String, Value> = fields
                .iter()
                .map(|(name, value)| (name.clone(), resolved(value, depth + 1)))
                .collect();
            if fields.get("type").and_then(Value::as_str) == Some("object")
                && !fields.contains_key("additionalProperties")
            {
                fields.insert(
                    "x-kubernetes-preserve-unknown-fields".to_owned(),
                    true.into(),
                );
            }
            fields.into()
        }
        other => other.clone(),
    }
}

/// What most built-in kinds have in common.
fn builtin(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    singular: &'static str,
) -> Resource {
    Resource {
        schema: shape(kind),
        ..blank(group.into(), kind.into(), plural.into(), singular.into())
    }
}

fn names<const N: usize>(names: [&'static str; N]) -> Vec<Name> {
    names.map(Name::from).into()
}

/// A resource of which nothing but its names is known.
fn blank(group: Name, kind: Name, plural: Name, singular: Name) -> Resource {
    Resource {
        group,
        version: "v1".into(),
        list_kind: kind.clone(),
        kind,
        plural,
        singular,
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: true,
        kept: true,
        has_status: false,
        has_generation: false,
        unconditional_update: true,
        returns_deleted: false,
        custom: false,
        verbs: VERBS,
        columns: Vec::new(),
        schema: Schema::anything(),
        documented: Value::Null,
        selectable: Vec::new(),
        names: NameRule::Subdomain,
        blank: json!({}),
        status: |_| Value::Null,
        prepare: |_| Ok(()),
        validate: |_, _| Vec::new(),
        stored: None,
        lifetime: None,
        settle: None,
    }
}

const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, although some \
    resources may allow a client to request the generation of an appropriate name automatically. Name is primarily \
    intended for creation idempotence and configuration definition. Cannot be updated. More info: \
    https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";

const CREATED: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It \
    is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. \
    It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More \
    info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

fn name_column() -> Column {
    Column {
        name: "Name".into(),
        kind: "string".into(),
        format: "name".into(),
        description: NAME.to_owned(),
        priority: 0,
        cell: Cell::path(&["metadata", "name"]),
    }
}

fn age_column() -> Column {
    Column {
        name: "Age".into(),
        kind: "string".into(),
        format: "".into(),
        description: CREATED.to_owned(),
        priority: 0,
        cell: Cell::age(&["metadata", "creationTimestamp"]),
    }
}

fn column(name: &'static str, kind: &'static str, description: &str, cell: Cell) -> Column {
    Column {
        name: name.into(),
        kind: kind.into(),
        format: "".into(),
        description: description.to_owned(),
        priority: 0,
        cell,
    }
}

/// Sets a field that is absent.
fn default(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        let present = fields.entry(name.to_owned()).or_insert(Value::Null);
        if present.is_null() {
            *present = value;
        }
    }
}

/// The items of a list, if it is there.
fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let items = value.get(name).and_then(Value::as_array);
    items.map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
