//! The descriptions of everything that is served. The rules of a kind are beside its description.

mod core;
mod custom;
mod definition;
mod deployment;
mod event;
mod lease;
mod network;
mod pod;
mod policy;
mod rbac;
mod review;
mod webhook;

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::cause::Cause;
use super::meta::{self, NameRule};
use super::resource::{Cell, Column, Name, Resource};
use super::schema::Schema;

pub(super) use custom::resources as custom;
pub use definition::{definition_faults, is_established};

/// Those that need no definition, core group first.
pub(super) fn built_in() -> Vec<Resource> {
    vec![
        core::configmaps(),
        network::endpoints(),
        event::core(),
        core::namespaces(),
        pod::pods(),
        core::secrets(),
        core::service_accounts(),
        network::services(),
        webhook::mutating(),
        policy::admission_policies(),
        policy::admission_policy_bindings(),
        webhook::validating(),
        definition::definitions(),
        deployment::deployments(),
        lease::leases(),
        network::endpoint_slices(),
        event::new(),
        network::policies(),
        policy::disruption_budgets(),
        rbac::cluster_role_bindings(),
        rbac::cluster_roles(),
        rbac::role_bindings(),
        rbac::roles(),
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

/// The published schemas of the built-in kinds, by group, version and name; `cargo xtask kinds` writes them.
static SCHEMAS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("schemas.json")).unwrap_or_default());

/// The name of the published schema of a built-in kind.
pub(super) fn published_name(group: &str, kind: &str) -> String {
    let group = match group.split('.').next().unwrap_or_default() {
        "" => "core",
        first => first,
    };
    format!("{group}.v1.{kind}")
}

/// The published schema of a name. It refers to others by their names.
pub(super) fn published(name: &str) -> Option<&'static Value> {
    SCHEMAS.get(name)
}

/// The schema of a built-in kind. A kind that is not in [`SCHEMAS`] is open.
fn shape(group: &str, kind: &str) -> Schema {
    let published = resolved(&json!({"$ref": published_name(group, kind)}));
    let mut schema = Schema::compile(&published).unwrap_or_else(|_| Schema::anything());
    for part in schema.properties.values_mut() {
        // the times of an event are shown even if they are not set
        part.nullable = matches!(part.format.as_str(), "date-time" | "micro-time");
    }
    schema
        .properties
        .insert("metadata".to_owned(), meta::schema());
    for name in ["apiVersion", "kind"] {
        schema.properties.insert(name.to_owned(), Schema::text());
    }
    schema
}

/// The schema with everything that it refers to written out. None refers to itself.
fn resolved(schema: &Value) -> Value {
    match schema {
        Value::Object(words) => match words.get("$ref").and_then(Value::as_str) {
            Some(name) => {
                let Some(referred) = SCHEMAS.get(name) else {
                    return json!({"x-kubernetes-preserve-unknown-fields": true});
                };
                let mut referred = resolved(referred);
                if let Some(words) = referred.as_object_mut() {
                    let title = name.rsplit('.').next().unwrap_or_default();
                    words.insert("title".to_owned(), title.into());
                }
                referred
            }
            None => words
                .iter()
                .map(|(word, part)| (word.clone(), resolved(part)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        },
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
        list_kind: format!("{kind}List").into(),
        schema: LazyLock::new(Box::new(move || shape(group, kind))),
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
        schema: LazyLock::new(Box::new(Schema::anything)),
        permanent: &[],
        documented: Value::Null,
        deprecated: None,
        selectable: Vec::new(),
        names: NameRule::Subdomain,
        blank: json!({}),
        status: |_| Value::Null,
        prepare: |_| Ok(()),
        validate: |_, _| Vec::new(),
        warnings: |_| Vec::new(),
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

/// A column that only `kubectl get -o wide` shows.
fn wide(column: Column) -> Column {
    Column {
        priority: 1,
        ..column
    }
}

/// The number of items of a list, or of keys of a map.
fn count(object: &Value, pointer: &str) -> usize {
    match object.pointer(pointer) {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(fields)) => fields.len(),
        _ => 0,
    }
}

fn or_none(text: &str) -> Value {
    if text.is_empty() {
        "<none>".into()
    } else {
        text.into()
    }
}

/// A label selector as `kubectl` prints it: `app=a,tier in (b,c)`.
fn selector_text(selector: &Value) -> String {
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    let mut parts: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    for expression in list(selector, "matchExpressions") {
        let key = text(expression, "/key");
        let values: Vec<&str> = list(expression, "values")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let values = values.join(",");
        parts.push(match text(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.sort_unstable();
    parts.join(",")
}

/// Validates the labels of a template or a selector: a map from keys to values.
fn label_faults(labels: Option<&Value>, field: &str) -> Vec<Cause> {
    let labels = labels.and_then(Value::as_object).into_iter().flatten();
    let mut causes = Vec::new();
    for (key, value) in labels {
        let value = value.as_str().unwrap_or_default();
        let keys = meta::key_faults(key).into_iter();
        causes.extend(keys.map(|fault| Cause::invalid(field, &key.as_str().into(), &fault)));
        let values = meta::value_faults(value).into_iter();
        causes.extend(values.map(|fault| Cause::invalid(field, &value.into(), &fault)));
    }
    causes
}

/// Validates a label selector.
fn selector_faults(selector: &Value, field: &str) -> Vec<Cause> {
    let mut causes = label_faults(selector.get("matchLabels"), &format!("{field}.matchLabels"));
    let expressions = list(selector, "matchExpressions").iter().enumerate();
    for (index, expression) in expressions {
        let field = format!("{field}.matchExpressions[{index}]");
        let values = count(expression, "/values");
        match text(expression, "/operator") {
            "In" | "NotIn" if values == 0 => {
                let why = "must be specified when `operator` is 'In' or 'NotIn'";
                causes.push(Cause::required(&format!("{field}.values"), why));
            }
            "Exists" | "DoesNotExist" if values > 0 => {
                let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                causes.push(Cause::forbidden(&format!("{field}.values"), why));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                let why = "not a valid selector operator";
                causes.push(Cause::invalid(
                    &format!("{field}.operator"),
                    &other.into(),
                    why,
                ));
            }
        }
        let key = text(expression, "/key");
        let faults = meta::key_faults(key).into_iter();
        causes.extend(
            faults.map(|fault| Cause::invalid(&format!("{field}.key"), &key.into(), &fault)),
        );
    }
    causes
}

/// Validates a text that has one of a few values.
fn choice_fault(object: &Value, pointer: &str, field: &str, choices: &[&str]) -> Option<Cause> {
    let found = text(object, pointer);
    (!found.is_empty() && !choices.contains(&found))
        .then(|| Cause::not_supported(field, &crate::api::go_fmt::quote(found), choices))
}

/// Validates the number of a port, where there is one.
fn port_fault(port: Option<&Value>, field: &str) -> Option<Cause> {
    let port = port?.as_i64()?;
    (!(1..=65535).contains(&port)).then(|| {
        Cause::invalid(
            field,
            &port.into(),
            "must be between 1 and 65535, inclusive",
        )
    })
}

/// Validates that a number is not negative.
fn negative_fault(object: &Value, pointer: &str, field: &str) -> Option<Cause> {
    let number = object.pointer(pointer)?.as_i64()?;
    (number < 0)
        .then(|| Cause::invalid(field, &number.into(), "must be greater than or equal to 0"))
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

#[cfg(test)]
mod tests {
    use super::{SCHEMAS, built_in, resolved};
    use crate::api::schema::Schema;
    use serde_json::{Value, json};

    /// Without this, a schema that cannot be read would make its kind open, in silence.
    #[test]
    fn built_in_schemas_are_read_and_complete() {
        let served = built_in();
        let names = SCHEMAS.as_object().expect("schemas.json is an object");
        for resource in &served {
            let group = resource.group.split('.').next().unwrap_or_default();
            let group = if group.is_empty() { "core" } else { group };
            let name = format!("{group}.v1.{}", resource.kind);
            assert!(names.contains_key(&name), "{name}");
            let published = resolved(&json!({"$ref": name}));
            if let Err(why) = Schema::compile(&published) {
                panic!("{name}: {why:?}");
            }
        }
        let missing: Vec<String> = references(&SCHEMAS)
            .filter(|name| !names.contains_key(name))
            .collect();
        assert_eq!(missing, [""; 0]);
    }

    fn references(value: &Value) -> Box<dyn Iterator<Item = String> + '_> {
        match value {
            Value::Object(members) => Box::new(members.iter().flat_map(|(name, part)| {
                let own = part.as_str().filter(|_| name == "$ref");
                own.map(str::to_owned).into_iter().chain(references(part))
            })),
            Value::Array(items) => Box::new(items.iter().flat_map(references)),
            _ => Box::new(std::iter::empty()),
        }
    }
}
