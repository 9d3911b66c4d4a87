//! Copies the built-in kinds of the table of workloads into the sources of the policies.
//!
//! A placeholder that is alone on its line becomes lines of YAML or of CEL with its indentation:
//!
//! | placeholder | becomes |
//! |---|---|
//! | `{{workloads.rules}}` | the `resourceRules` that match every built-in kind |
//! | `{{workloads.owners}}` | the CEL list of kinds whose template was validated before their pods are made |
//! | `{{workloads.at}}` | the path to the pod template in `object`, empty or with a `.` at its end |
//! | `{{workloads.pod}}` | the pod or pod template in `object` |
//! | `{{workloads.above}}` | `[path, name, value]` of each annotation outside the pod template |
//!
//! Kinds of other projects are not in it: their API may not be served. The pods that they make are validated.

use std::collections::BTreeMap;

use anyhow::Result;
use imagecache::resource::workload::{WORKLOADS, Workload};

/// The longest line of CEL.
const WIDTH: usize = 110;

/// Returns a source with its placeholders of workloads replaced.
///
/// # Errors
///
/// If a placeholder is unknown, or a built-in kind has more than one pod template.
pub(super) fn expand(source: &str) -> Result<String> {
    let mut text = String::with_capacity(source.len());
    for line in source.split_inclusive('\n') {
        let inner = line.trim();
        let name = inner
            .strip_prefix("{{workloads.")
            .and_then(|rest| rest.strip_suffix("}}"));
        let Some(name) = name else {
            text.push_str(line);
            continue;
        };
        let indentation = line.len() - line.trim_start().len();
        for made in lines(name)? {
            text.push_str(&" ".repeat(indentation));
            text.push_str(&made);
            text.push('\n');
        }
    }
    Ok(text)
}

fn lines(name: &str) -> Result<Vec<String>> {
    let kinds = built_in()?;
    Ok(match name {
        "rules" => rules(&kinds),
        "owners" => wrap(&list(owners(&kinds))),
        "at" => at(&kinds),
        "pod" => pod(&kinds),
        "above" => above(&kinds),
        _ => anyhow::bail!("unknown placeholder `workloads.{name}`"),
    })
}

/// A built-in kind and the path to its pod template: empty for a pod, `None` for a kind without one.
struct BuiltIn {
    row: &'static Workload,
    template: Option<&'static str>,
}

fn built_in() -> Result<Vec<BuiltIn>> {
    let rows = WORKLOADS.iter();
    let rows = rows.filter(|row| row.source.project == "kubernetes");
    rows.map(|row| {
        let template = match row.templates {
            [] => None,
            // a pod is its own template: its annotations are beside its spec
            [one] => {
                let spec = one.pod_specs.first().map(|spec| one.full(*spec));
                Some(if spec.as_deref() == Some("spec") {
                    ""
                } else {
                    one.at.as_str()
                })
            }
            _ => anyhow::bail!("{} has several pod templates", row.kind),
        };
        Ok(BuiltIn { row, template })
    })
    .collect()
}

fn rules(kinds: &[BuiltIn]) -> Vec<String> {
    let mut groups: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for kind in kinds {
        // the images of a pod change rarely, its status often
        let operations = match kind.template {
            Some("") => "CREATE",
            _ => "CREATE, UPDATE",
        };
        let versions = kind.row.versions.join(", ");
        let group = (kind.row.group, versions, operations);
        groups.entry(group).or_default().push(kind.row.plural);
    }
    let rules = groups
        .into_iter()
        .flat_map(|((group, versions, operations), plurals)| {
            let group = if group.is_empty() { "\"\"" } else { group };
            [
                format!("- apiGroups: [{group}]"),
                format!("  apiVersions: [{versions}]"),
                format!("  resources: [{}]", plurals.join(", ")),
                format!("  operations: [{operations}]"),
            ]
        });
    rules.collect()
}

/// The kinds that make pods or objects with a template.
fn owners(kinds: &[BuiltIn]) -> impl Iterator<Item = &'static str> {
    let owners = kinds
        .iter()
        .filter(|kind| kind.template.is_some_and(|at| !at.is_empty()));
    owners
        .map(|kind| kind.row.kind)
        .filter(|kind| *kind != "PodTemplate")
}

/// The kinds by the path to their pod template, in the order of the table.
fn by_template(kinds: &[BuiltIn]) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut paths: Vec<(&str, Vec<&str>)> = Vec::new();
    for kind in kinds {
        let Some(template) = kind.template else {
            continue;
        };
        match paths.iter_mut().find(|(path, _)| *path == template) {
            Some((_, kinds)) => kinds.push(kind.row.kind),
            None => paths.push((template, vec![kind.row.kind])),
        }
    }
    paths
}

fn at(kinds: &[BuiltIn]) -> Vec<String> {
    let paths = by_template(kinds).into_iter();
    let paths = paths.filter(|(path, _)| !path.is_empty());
    let mut lines: Vec<String> = paths
        .map(|(path, kinds)| format!("{} ? '{path}.'", is_one_of(kinds)))
        .flat_map(|choice| wrap(&format!("{choice} :")))
        .collect();
    lines.push("''".to_owned());
    lines
}

fn pod(kinds: &[BuiltIn]) -> Vec<String> {
    let paths = by_template(kinds).into_iter();
    let mut lines: Vec<String> = paths
        .map(|(path, kinds)| {
            let kind = is_one_of(kinds);
            match path {
                "" => format!("{kind} ? dyn(object) :"),
                path => format!("{kind} && {} ? {} :", has(path), value(path)),
            }
        })
        .flat_map(|choice| wrap(&choice))
        .collect();
    lines.push("dyn({})".to_owned());
    lines
}

fn above(kinds: &[BuiltIn]) -> Vec<String> {
    let mut paths: Vec<(&str, Vec<&str>)> = Vec::new();
    for kind in kinds {
        for way in kind.row.without_effect {
            match paths.iter_mut().find(|(path, _)| *path == way.as_str()) {
                Some((_, kinds)) => kinds.push(kind.row.kind),
                None => paths.push((way.as_str(), vec![kind.row.kind])),
            }
        }
    }
    let paths = paths.into_iter().enumerate().map(|(index, (path, kinds))| {
        let plus = if index == 0 { "" } else { "+ " };
        let (kind, has, map) = (is_one_of(kinds), has(path), value(path));
        format!(
            "{plus}({kind} && {has} ? {map}.map(k, ['{path}[' + k + ']: ', string(k), string({map}[k])]) : [])"
        )
    });
    paths.flat_map(|part| wrap(&part)).collect()
}

fn is_one_of(kinds: Vec<&str>) -> String {
    match kinds.as_slice() {
        [kind] => format!("object.kind == '{kind}'"),
        _ => format!("object.kind in {}", list(kinds)),
    }
}

fn list<'k>(kinds: impl IntoIterator<Item = &'k str>) -> String {
    let kinds = kinds.into_iter().map(|kind| format!("'{kind}'"));
    format!("[{}]", kinds.collect::<Vec<_>>().join(", "))
}

fn value(path: &str) -> String {
    format!("dyn(object).{path}")
}

/// Whether each field on the path is there.
fn has(path: &str) -> String {
    let ends = path.match_indices('.').map(|(end, _)| end);
    let ends = ends.chain([path.len()]);
    let fields = ends.filter_map(|end| path.get(..end));
    let fields = fields.map(|field| format!("has({})", value(field)));
    fields.collect::<Vec<_>>().join(" && ")
}

/// Breaks an expression into lines at its spaces outside strings.
fn wrap(expression: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in expression.split(' ') {
        match lines.last_mut() {
            Some(line)
                if line.len() + word.len() < WIDTH || line.matches('\'').count() % 2 == 1 =>
            {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
