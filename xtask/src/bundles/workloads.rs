//! `docs/workloads.md`: the known kinds, made from the table of workloads.

use std::fmt::Write as _;

use anyhow::Result;
use imagecache::resource::workload::{WORKLOADS, Workload};

use super::Generated;

const PAGE: &str = "docs/workloads.md";

pub(crate) fn assemble(files: &mut Generated) -> Result<()> {
    files.file(PAGE, &page()?)
}

fn page() -> Result<String> {
    let mut page = String::from(HEAD);
    let mut project = "";
    for row in WORKLOADS {
        if row.source.project != project {
            project = row.source.project;
            writeln!(page, "\n## {project} {}\n\n{COLUMNS}", row.source.release)?;
        }
        let templates = row.templates.iter();
        let templates = templates.map(|template| match (template.name, template.at.as_str()) {
            ("", at) => format!("`{at}`"),
            (name, at) => format!("{name}: `{at}`"),
        });
        let references = row.references.iter();
        let references =
            references.map(|one| format!("of {} in `{}`", one.kinds.join(" or "), one.at.as_str()));
        let pods: Vec<String> = templates.chain(references).collect();
        let without = row
            .without_effect
            .iter()
            .map(|way| format!("`{}`", way.as_str()));
        let without: Vec<String> = without.collect();
        let (kind, pods) = (name(row), pods.join("<br>"));
        let belongs = row.belongs.replace(" and ", "<br>");
        writeln!(
            page,
            "| {kind} | {pods} | {belongs} | {} |",
            without.join("<br>")
        )?;
    }
    Ok(page)
}

fn name(row: &Workload) -> String {
    let versions = row.versions.join(", ");
    match row.group {
        "" => format!("{} ({versions})", row.kind),
        group => format!("{} of {group} ({versions})", row.kind),
    }
}

const COLUMNS: &str = "| kind | pod templates | annotations belong to | annotations have no effect in |\n\
                       |---|---|---|---|";

const HEAD: &str = "<!-- Made by `cargo xtask bundles` from src/resource/workload; edit that. -->
# Workloads

The kinds whose pods `validate`, `match` and the admission policies read, by project. `*` is each item of a list or each
value of a map. A template \"of\" another kind is in another object, which the field names.

An object of another kind in which there is a pod spec is reported as [IC068](codes/IC068.md). Another kind is taught by its
pod paths: `--pod-path 'example.com/Farm=/spec/pods/*'` of `validate` and `match`, or `podPaths` in settings, options and
rules. The path is a JSON Pointer in which `*` is each item or value; it leads to a pod template or to a pod spec. Where it
leads to none, the object is reported as before.
";
