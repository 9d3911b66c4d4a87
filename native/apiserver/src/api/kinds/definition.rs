//! `customresourcedefinitions.apiextensions.k8s.io`: what is served beside the built-in kinds.

use std::collections::BTreeSet;

use imagecache::time::Timestamp;
use serde_json::{Value, json};

use super::custom::{self, shape};
use super::{CREATED, builtin, column, default, list, name_column, names, text};
use crate::api::cause::Cause;
use crate::api::meta::{self, NameRule, name_faults};
use crate::api::resource::{Cell, Resource, Settle};
use crate::api::schema::{Schema, structural};

pub(super) fn definitions() -> Resource {
    Resource {
        short_names: names(["crd", "crds"]),
        categories: names(["api-extensions"]),
        namespaced: false,
        has_status: true,
        has_generation: true,
        unconditional_update: false,
        columns: vec![
            name_column(),
            column(
                "Created At",
                "date",
                CREATED,
                Cell::path(&["metadata", "creationTimestamp"]),
            ),
        ],
        blank: json!({"spec": {"names": {}}, "status": {}}),
        status: |object| {
            json!({
                "conditions": null,
                "acceptedNames": {"plural": "", "kind": ""},
                "storedVersions": stored_versions(object),
            })
        },
        prepare,
        validate,
        warnings,
        settle: Some(Settle {
            settle,
            finalizer: "customresourcecleanup.apiextensions.k8s.io",
            defines: |object| {
                (
                    text(object, "/spec/group"),
                    text(object, "/spec/names/plural"),
                )
            },
        }),
        ..builtin(
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            "customresourcedefinition",
        )
    }
}

fn prepare(object: &mut Value) -> Result<(), String> {
    let Some(spec) = object.get_mut("spec") else {
        return Ok(());
    };
    default(spec, "conversion", json!({"strategy": "None"}));
    if let Some(names) = spec.get_mut("names") {
        let kind = text(names, "/kind").to_owned();
        if !kind.is_empty() {
            default(names, "singular", kind.to_lowercase().into());
            default(names, "listKind", format!("{kind}List").into());
        }
    }
    Ok(())
}

/// The names of the versions that objects are, or were, stored in.
fn stored_versions(object: &Value) -> Vec<String> {
    let stored = object.pointer("/status/storedVersions");
    let stored = stored.and_then(Value::as_array).into_iter().flatten();
    let mut versions: Vec<_> = stored
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let spec = object.get("spec").unwrap_or(&Value::Null);
    for version in list(spec, "versions") {
        let name = text(version, "/name");
        if is(version, "storage") && !versions.iter().any(|stored| stored == name) {
            versions.push(name.to_owned());
        }
    }
    versions
}

fn is(version: &Value, name: &str) -> bool {
    version.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// Is what it defines served?
pub fn is_established(definition: &Value) -> bool {
    let status = definition.get("status").unwrap_or(&Value::Null);
    list(status, "conditions").iter().any(|condition| {
        text(condition, "/type") == "Established" && text(condition, "/status") == "True"
    })
}

/// What the controllers of a real server write into the status of a definition that has siblings: are its names free,
/// is it served, in which versions are its objects stored.
fn settle(object: &mut Value, siblings: &[&Value], now: Timestamp) {
    let conflict = names_taken(object, siblings);
    let accepted = conflict.is_none();
    let established = accepted || is_established(object);
    let mut conditions = vec![
        match &conflict {
            None => (
                "NamesAccepted",
                true,
                "NoConflicts",
                "no conflicts found".to_owned(),
            ),
            Some((reason, message)) => ("NamesAccepted", false, *reason, message.clone()),
        },
        if established {
            let message = "the initial names have been accepted".to_owned();
            ("Established", true, "InitialNamesAccepted", message)
        } else {
            let message = "not all names are accepted".to_owned();
            ("Established", false, "NotAccepted", message)
        },
    ];
    if meta::is_deleting(object) {
        let message = "CustomResource deletion is in progress".to_owned();
        conditions.push(("Terminating", true, "InstanceDeletionInProgress", message));
    }
    let old = object.get("status").cloned().unwrap_or_default();
    let conditions: Vec<Value> = conditions
        .into_iter()
        .map(|(kind, holds, reason, message)| {
            let status = if holds { "True" } else { "False" };
            let since = list(&old, "conditions").iter().find(|old| {
                text(old, "/type") == kind && text(old, "/status") == status
            });
            let since = since.map_or(now.to_string(), |old| {
                text(old, "/lastTransitionTime").to_owned()
            });
            json!({
                "type": kind, "status": status, "lastTransitionTime": since, "reason": reason, "message": message,
            })
        })
        .collect();
    let names = if accepted {
        object.pointer("/spec/names").cloned()
    } else {
        old.get("acceptedNames").cloned()
    };
    let status = json!({
        "conditions": conditions,
        "acceptedNames": names.unwrap_or_else(|| json!({"plural": "", "kind": ""})),
        "storedVersions": stored_versions(object),
    });
    if let Some(fields) = object.as_object_mut() {
        fields.insert("status".to_owned(), status);
    }
}

/// Which of the names another definition of the group has already, as a reason and a message.
fn names_taken(object: &Value, siblings: &[&Value]) -> Option<(&'static str, String)> {
    let group = text(object, "/spec/group");
    let others: Vec<&Value> = siblings
        .iter()
        .filter(|other| text(other, "/spec/group") == group)
        .filter(|other| meta::text(other, "name") != meta::text(object, "name"))
        .copied()
        .collect();
    let accepted = |keys: &[&str]| -> BTreeSet<&str> {
        let names = others
            .iter()
            .filter_map(|other| other.pointer("/status/acceptedNames"));
        let names = names.flat_map(|names| keys.iter().filter_map(|key| names.get(*key)));
        names.flat_map(texts).collect()
    };
    let resources = accepted(&["plural", "singular", "shortNames"]);
    let kinds = accepted(&["kind", "listKind"]);
    for (key, reason, taken) in [
        ("plural", "PluralConflict", &resources),
        ("singular", "SingularConflict", &resources),
        ("shortNames", "ShortNamesConflict", &resources),
        ("kind", "KindConflict", &kinds),
        ("listKind", "ListKindConflict", &kinds),
    ] {
        let own = object
            .pointer("/spec/names")
            .and_then(|names| names.get(key));
        if let Some(name) = own
            .into_iter()
            .flat_map(texts)
            .find(|name| taken.contains(name))
        {
            return Some((reason, format!("{name:?} is already in use")));
        }
    }
    None
}

/// A text, or the texts of a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let items = value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice);
    items.iter().filter_map(Value::as_str)
}

/// Returns the reasons why a CustomResourceDefinition cannot be served.
#[must_use]
pub fn definition_faults(definition: &Value) -> Vec<Cause> {
    let resource = definitions();
    let of = (text(definition, "/apiVersion"), text(definition, "/kind"));
    if of != ("apiextensions.k8s.io/v1", "CustomResourceDefinition") {
        let why = "must be a CustomResourceDefinition of apiextensions.k8s.io/v1; v1beta1 is gone since Kubernetes 1.22";
        let shown = format!("{}, {}", of.0, of.1);
        return vec![Cause::invalid("apiVersion", &shown.into(), why)];
    }
    let mut object = definition.clone();
    if let Err(why) = (resource.prepare)(&mut object) {
        return vec![Cause::invalid("spec", &"object".into(), &why)];
    }
    let mut causes = meta::validate(&object, resource.names, resource.namespaced);
    causes.extend(validate(&object, None));
    causes
}

fn validate(object: &Value, live: Option<&Value>) -> Vec<Cause> {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let (group, plural) = (text(spec, "/group"), text(spec, "/names/plural"));
    let mut causes = Vec::new();
    let name = meta::text(object, "name");
    if name != format!("{plural}.{group}") {
        causes.push(Cause::invalid(
            "metadata.name",
            &name.into(),
            "must be spec.names.plural+\".\"+spec.group",
        ));
    }
    if group.is_empty() {
        causes.push(Cause::required("spec.group", ""));
    } else if let Some(fault) = name_fault(NameRule::Subdomain, "spec.group", group) {
        causes.push(fault);
    } else if !group.contains('.') {
        let why = "should be a domain with at least one dot";
        causes.push(Cause::invalid("spec.group", &group.into(), why));
    }
    causes.extend(scope_faults(spec));
    causes.extend(version_faults(spec));
    causes.extend(faults_of_names(spec));
    causes.extend(schema_faults(spec));
    causes.extend(conversion_faults(spec, live));
    if is(spec, "preserveUnknownFields") {
        let why = "must be false in order to use a schema: set x-kubernetes-preserve-unknown-fields in it instead";
        causes.push(Cause::invalid(
            "spec.preserveUnknownFields",
            &true.into(),
            why,
        ));
    }
    if let Some(live) = live {
        causes.extend(frozen(object, live));
    }
    causes
}

/// Objects are stored as they are written: no webhook converts those of an earlier storage version.
fn conversion_faults(spec: &Value, live: Option<&Value>) -> Option<Cause> {
    let strategy = text(spec, "/conversion/strategy");
    if !matches!(strategy, "None" | "Webhook") {
        return Some(Cause::not_supported(
            "spec.conversion.strategy",
            &format!("{strategy:?}"),
            &["None", "Webhook"],
        ));
    }
    if !custom::is_converted_by_webhook(spec) {
        return None;
    }
    let versions = list(spec, "versions");
    let storage = versions.iter().find(|version| is(version, "storage"));
    let storage = storage.map_or("", |version| text(version, "/name"));
    let mut stored = live.map(stored_versions).into_iter().flatten();
    let other = stored.find(|version| version != storage)?;
    let why = format!(
        "objects may be stored as {other}, and this server calls no webhook to convert them: delete the definition first"
    );
    let field = "spec.conversion.strategy";
    Some(Cause::invalid(field, &strategy.into(), &why))
}

/// What its author should know: the versions that are not served.
fn warnings(object: &Value) -> Vec<String> {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let withheld = custom::withheld(spec);
    if withheld.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "spec.conversion.strategy: no webhook is called to convert objects, so the versions {} are not served",
        withheld.join(", ")
    )]
}

fn scope_faults(spec: &Value) -> Option<Cause> {
    match text(spec, "/scope") {
        "" => Some(Cause::required("spec.scope", "")),
        "Cluster" | "Namespaced" => None,
        other => Some(Cause::not_supported(
            "spec.scope",
            &format!("{other:?}"),
            &["Cluster", "Namespaced"],
        )),
    }
}

fn version_faults(spec: &Value) -> Vec<Cause> {
    let (mut causes, mut seen) = (Vec::new(), BTreeSet::new());
    let versions = list(spec, "versions");
    let shown = Value::from(versions.to_vec());
    for (index, version) in versions.iter().enumerate() {
        let field = format!("spec.versions[{index}]");
        let name = text(version, "/name");
        causes.extend(name_fault(
            NameRule::OldLabel,
            &format!("{field}.name"),
            name,
        ));
        if !seen.insert(name) {
            causes.push(Cause::invalid(
                "spec.versions",
                &shown,
                "must contain unique version names",
            ));
        }
        if shape(version).is_null() {
            let field = format!("{field}.schema.openAPIV3Schema");
            causes.push(Cause::required(&field, "schemas are required"));
        }
        let subresources = version.get("subresources").and_then(Value::as_object);
        for part in subresources.into_iter().flat_map(serde_json::Map::keys) {
            if !matches!(part.as_str(), "scale" | "status") {
                let why = "must be scale or status";
                causes.push(Cause::forbidden(
                    &format!("{field}.subresources.{part}"),
                    why,
                ));
            }
        }
        for (index, column) in list(version, "additionalPrinterColumns").iter().enumerate() {
            let field = format!("{field}.additionalPrinterColumns[{index}]");
            causes.extend(column_faults(column, &field));
        }
    }
    if versions
        .iter()
        .filter(|version| is(version, "storage"))
        .count()
        != 1
    {
        let why = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid("spec.versions", &shown, why));
    }
    causes
}

fn column_faults(column: &Value, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    if text(column, "/name").is_empty() {
        causes.push(Cause::required(&format!("{field}.name"), ""));
    }
    let (kind, path) = (text(column, "/type"), text(column, "/jsonPath"));
    let kinds = ["integer", "number", "string", "boolean", "date"];
    if kind.is_empty() {
        let why = format!("must be one of {}", kinds.join(","));
        causes.push(Cause::required(&format!("{field}.type"), &why));
    } else if !kinds.contains(&kind) {
        let why = format!("must be one of {}", kinds.join(","));
        causes.push(Cause::invalid(&format!("{field}.type"), &kind.into(), &why));
    }
    if path.is_empty() {
        causes.push(Cause::required(&format!("{field}.JSONPath"), ""));
    } else if let Some(why) = custom::path_fault(path) {
        let shown = Value::from(path.get(..32).unwrap_or_default());
        causes.push(Cause::invalid(&format!("{field}.JSONPath"), &shown, &why));
    } else if custom::cell(path, kind).is_none() {
        let why = "is not a path of fields, such as .status.phase";
        causes.push(Cause::invalid(
            &format!("{field}.JSONPath"),
            &path.into(),
            why,
        ));
    }
    causes
}

fn name_fault(rule: NameRule, field: &str, name: &str) -> Option<Cause> {
    let faults = name_faults(rule, name);
    (!faults.is_empty()).then(|| Cause::invalid(field, &name.into(), &faults.join(",")))
}

fn faults_of_names(spec: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let kinds = ["kind", "listKind"];
    for key in ["plural", "singular", "kind", "listKind"] {
        let (name, field) = (
            text(spec, &format!("/names/{key}")),
            format!("spec.names.{key}"),
        );
        if name.is_empty() {
            causes.push(Cause::required(&field, ""));
        } else if !kinds.contains(&key) {
            causes.extend(name_fault(NameRule::OldLabel, &field, name));
        } else if let Some(fault) = name_faults(NameRule::OldLabel, &name.to_lowercase()).first() {
            let fault = format!("may have mixed case, but should otherwise match: {fault}");
            causes.push(Cause::invalid(&field, &name.into(), &fault));
        }
    }
    for key in ["shortNames", "categories"] {
        let names = spec
            .pointer(&format!("/names/{key}"))
            .into_iter()
            .flat_map(texts);
        for (index, name) in names.enumerate() {
            let field = format!("spec.names.{key}[{index}]");
            causes.extend(name_fault(NameRule::OldLabel, &field, name));
        }
    }
    let [kind, list] = kinds.map(|key| text(spec, &format!("/names/{key}")));
    if !kind.is_empty() && kind == list {
        let why = "kind and listKind may not be the same";
        causes.push(Cause::invalid("spec.names.listKind", &list.into(), why));
    }
    causes
}

/// The real server keeps the schema of a definition whose versions have the same one at one place, and names that.
fn schema_faults(spec: &Value) -> Vec<Cause> {
    let versions = list(spec, "versions");
    let shapes: Vec<&Value> = versions.iter().map(shape).collect();
    let differ = shapes.windows(2).any(|pair| pair.first() != pair.last());
    let of = |index: usize| match differ {
        true => format!("spec.versions[{index}].schema.openAPIV3Schema"),
        false => "spec.validation.openAPIV3Schema".to_owned(),
    };
    let shapes = shapes.into_iter().filter(|shape| !shape.is_null());
    let shapes = shapes.enumerate().take(if differ { usize::MAX } else { 1 });
    let mut causes = Vec::new();
    for (index, shape) in shapes {
        let faults = structural::faults(shape, &of(index));
        // its parts compile, but all together can need too much
        if let (true, Err(why)) = (faults.is_empty(), Schema::compile(shape)) {
            causes.push(Cause::invalid(&of(index), &"schema".into(), &why));
        }
        causes.extend(faults);
    }
    causes
}

/// What may not change once it is there.
fn frozen(object: &Value, live: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let always = ["/spec/group", "/spec/names/plural"];
    let established = ["/spec/scope", "/spec/names/kind"];
    let established = established.iter().filter(|_| is_established(live));
    for pointer in always.iter().chain(established) {
        if text(object, pointer) != text(live, pointer) {
            let field = pointer.trim_start_matches('/').replace('/', ".");
            causes.push(Cause::invalid(
                &field,
                &text(object, pointer).into(),
                "field is immutable",
            ));
        }
    }
    let spec = object.get("spec").unwrap_or(&Value::Null);
    for (index, stored) in stored_versions(object).iter().enumerate() {
        if !list(spec, "versions")
            .iter()
            .any(|version| text(version, "/name") == stored)
        {
            let why = format!(
                "missing from spec.versions; {stored} was previously a storage version, and must remain in \
                 spec.versions until a storage migration ensures no data remains persisted in {stored} and removes \
                 {stored} from status.storedVersions"
            );
            let field = format!("status.storedVersions[{index}]");
            causes.push(Cause::invalid(&field, &stored.as_str().into(), &why));
        }
    }
    causes
}
