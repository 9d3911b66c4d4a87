//! The kinds that CustomResourceDefinitions define.

use std::sync::LazyLock;

use jsonpath_rust::parser::parse_json_path;
use serde_json::{Value, json};

use super::{CREATED, age_column, blank, list, name_column, text};
use crate::api::meta;
use crate::api::resource::{Cell, Column, Name, Resource, Stored, VERBS};
use crate::api::schema::Schema;
use crate::limits::{COLUMN_PATH_BYTES, COLUMN_PATH_DEPTH};

/// The resources of an accepted definition: one a version that is served.
pub(in crate::api) fn resources(definition: &Value) -> Vec<Resource> {
    let spec = definition.get("spec").unwrap_or(&Value::Null);
    let versions = list(spec, "versions");
    let stored = versions.iter().find(|version| flag(version, "storage"));
    let stored = stored.map_or("", |version| text(version, "/name"));
    let by_webhook = is_converted_by_webhook(spec);
    versions
        .iter()
        .filter(|version| flag(version, "served"))
        // no webhook converts here
        .filter(|version| !by_webhook || flag(version, "storage"))
        .map(|version| resource(spec, version, (versions.len() > 1).then_some(stored)))
        .collect()
}

/// Does a webhook convert its objects?
pub(super) fn is_converted_by_webhook(spec: &Value) -> bool {
    text(spec, "/conversion/strategy") == "Webhook"
}

/// The served versions of a definition that are not served here, because a webhook would have to convert to them.
pub(super) fn withheld(spec: &Value) -> Vec<&str> {
    let versions = list(spec, "versions").iter();
    versions
        .filter(|_| is_converted_by_webhook(spec))
        .filter(|version| flag(version, "served") && !flag(version, "storage"))
        .map(|version| text(version, "/name"))
        .collect()
}

/// A version of a definition. Where there are several, objects are `stored` in one of them.
fn resource(spec: &Value, version: &Value, stored: Option<&str>) -> Resource {
    let name = |pointer: &str| Name::from(text(spec, pointer).to_owned());
    let names = |key: &str| {
        let names = spec.pointer(&format!("/names/{key}"));
        let names = names.and_then(Value::as_array).into_iter().flatten();
        let names = names.filter_map(Value::as_str);
        names.map(|name| Name::from(name.to_owned())).collect()
    };
    let documented = shape(version).clone();
    // What does not compile is refused before it gets here.
    let mut schema = Schema::compile(&documented).unwrap_or_else(|_| Schema::anything());
    schema
        .properties
        .insert("metadata".to_owned(), meta::schema());
    // Every object has these, whatever the schema says of them.
    for name in ["apiVersion", "kind"] {
        schema.properties.insert(name.to_owned(), Schema::text());
    }
    let (group, plural) = (name("/group"), name("/names/plural"));
    Resource {
        version: text(version, "/name").to_owned().into(),
        list_kind: name("/names/listKind"),
        short_names: names("shortNames"),
        categories: names("categories"),
        namespaced: text(spec, "/scope") == "Namespaced",
        has_status: version.pointer("/subresources/status").is_some(),
        has_generation: true,
        unconditional_update: false,
        custom: true,
        verbs: VERBS,
        columns: columns(version),
        schema: LazyLock::new(Box::new(move || schema)),
        documented,
        deprecated: deprecation(spec, version),
        selectable: list(version, "selectableFields")
            .iter()
            .map(|field| text(field, "/jsonPath").trim_start_matches('.'))
            .map(|field| Name::from(field.to_owned()))
            .collect(),
        blank: json!({}),
        stored: stored.map(|version| Stored {
            group: group.clone(),
            version: version.to_owned().into(),
            plural: plural.clone(),
            read: |_| {},
            write: |_| {},
        }),
        ..blank(group, name("/names/kind"), plural, name("/names/singular"))
    }
}

/// The warning that a deprecated version has.
fn deprecation(spec: &Value, version: &Value) -> Option<String> {
    if !flag(version, "deprecated") {
        return None;
    }
    Some(match text(version, "/deprecationWarning") {
        "" => format!(
            "{}/{} {} is deprecated",
            text(spec, "/group"),
            text(version, "/name"),
            text(spec, "/names/kind")
        ),
        warning => warning.to_owned(),
    })
}

/// The schema of a version, or `null`.
pub(super) fn shape(version: &Value) -> &Value {
    version
        .pointer("/schema/openAPIV3Schema")
        .unwrap_or(&Value::Null)
}

fn flag(version: &Value, name: &str) -> bool {
    version.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn columns(version: &Value) -> Vec<Column> {
    let columns = list(version, "additionalPrinterColumns");
    if columns.is_empty() {
        let age = Column {
            kind: "date".into(),
            description: CREATED.to_owned(),
            ..age_column()
        };
        return vec![name_column(), age];
    }
    let columns = columns.iter().map(|column| {
        let path = text(column, "/jsonPath");
        let description = match text(column, "/description") {
            "" => format!("Custom resource definition column (in JSONPath format): {path}"),
            description => description.to_owned(),
        };
        Column {
            name: text(column, "/name").to_owned().into(),
            kind: text(column, "/type").to_owned().into(),
            format: text(column, "/format").to_owned().into(),
            description,
            priority: column.get("priority").and_then(Value::as_i64).unwrap_or(0),
            cell: cell(path, text(column, "/type")).unwrap_or(Cell::Computed(|_| Value::Null)),
        }
    });
    std::iter::once(name_column()).chain(columns).collect()
}

/// What a path of a column names, if it is one.
pub(super) fn cell(path: &str, kind: &str) -> Option<Cell> {
    let names = path.strip_prefix('.')?;
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    if names.split('.').all(is_name) {
        let names = names.split('.').map(|name| Name::from(name.to_owned()));
        let names = names.collect();
        return Some(match kind {
            "date" => Cell::Age(names),
            _ => Cell::Path(names),
        });
    }
    if path_fault(path).is_some() {
        return None;
    }
    parse_json_path(&query(path)?).ok().map(Cell::Query)
}

/// Returns the limit that the path of a column exceeds: its parser recurses.
pub(super) fn path_fault(path: &str) -> Option<String> {
    if path.len() > COLUMN_PATH_BYTES {
        let length = path.len();
        return Some(format!("is {length} bytes long, limit {COLUMN_PATH_BYTES}"));
    }
    let (mut depth, mut deepest) = (0_usize, 0);
    for c in path.chars() {
        match c {
            '(' | '[' | '!' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    (deepest > COLUMN_PATH_DEPTH)
        .then(|| format!("is nested {deepest} levels deep, limit {COLUMN_PATH_DEPTH}"))
}

/// The path as RFC 9535 writes it. Kubernetes leaves the root out, and writes a dot in a name as `\\.`.
fn query(path: &str) -> Option<String> {
    fn end(name: &mut String, query: &mut String) {
        match name.as_str() {
            "" => {}
            "*" => query.push_str("[*]"),
            quoted => query.push_str(&format!("['{}']", quoted.replace('\'', "\\'"))),
        }
        name.clear();
    }
    let path = unquoted(path);
    let (mut query, mut name, mut depth) = (String::from("$"), String::new(), 0_usize);
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match c {
            ']' => depth = depth.checked_sub(1)?,
            '[' => {
                end(&mut name, &mut query);
                depth += 1;
            }
            _ if depth > 0 => {}
            '.' if chars.as_str().starts_with('.') => {
                end(&mut name, &mut query);
                chars.next();
                query.push_str("..");
                continue;
            }
            '.' => {
                end(&mut name, &mut query);
                continue;
            }
            '\\' => {
                name.push(chars.next()?);
                continue;
            }
            c => {
                name.push(c);
                continue;
            }
        }
        query.push(c);
    }
    end(&mut name, &mut query);
    (!query.ends_with("..")).then_some(query)
}

/// Returns a path with `.name` in place of `['name']`, as Kubernetes reads it, but for those within filters.
fn unquoted(path: &str) -> String {
    let (mut made, mut rest) = (String::new(), path);
    while let Some((before, after)) = rest.split_once('[') {
        made.push_str(before);
        let quoted = after
            .strip_prefix('\'')
            .and_then(|after| after.split_once("']"));
        match quoted {
            Some((name, after)) => {
                made.push('.');
                made.push_str(name);
                rest = after;
            }
            None => {
                let end = after.find(']').map_or(after.len(), |end| end + 1);
                let (index, after) = after.split_at(end);
                made.push('[');
                made.push_str(index);
                rest = after;
            }
        }
    }
    made + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_columns_are_those_of_kubernetes() {
        for (path, query_of) in [
            (
                ".status.conditions[0].type",
                Some("$['status']['conditions'][0]['type']"),
            ),
            (
                ".status.conditions[?(@.type==\"Ready\")].status",
                Some("$['status']['conditions'][?(@.type==\"Ready\")]['status']"),
            ),
            (
                ".metadata.annotations.a\\.b/c",
                Some("$['metadata']['annotations']['a.b/c']"),
            ),
            (
                ".metadata.labels['a\\.b/c']",
                Some("$['metadata']['labels']['a.b/c']"),
            ),
            (".spec['images'][0]", Some("$['spec']['images'][0]")),
            (".spec.images[*]", Some("$['spec']['images'][*]")),
            ("..name", Some("$..['name']")),
            (".spec..name", Some("$['spec']..['name']")),
            (".spec..", None),
            (".a]", None),
        ] {
            assert_eq!(query(path).as_deref(), query_of, "{path}");
            assert_eq!(cell(path, "string").is_some(), query_of.is_some(), "{path}");
        }
        assert!(matches!(
            cell(".status.phase", "string"),
            Some(Cell::Path(_))
        ));
        assert!(cell(".spec[", "string").is_none());
        assert!(cell("spec", "string").is_none());
    }
}
