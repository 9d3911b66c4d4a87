//! The bill of materials and the licences of what the binary is linked from, by `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use crate::project::{Project, VERSION};
use crate::setup;

/// The target whose dependencies are listed.
const TARGET: &str = "x86_64-unknown-linux-musl";

/// The package of the binary.
const PACKAGE: &str = "imagecache-cli";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: String,
    source: Option<String>,
    repository: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// `None` for a normal dependency, `dev` or `build`.
    kind: Option<String>,
}

/// The packages that the binary is linked from.
struct Linked {
    packages: BTreeMap<String, Package>,
    /// What each package is linked from, by id.
    edges: BTreeMap<String, Vec<String>>,
}

impl Linked {
    fn read(sh: &Shell) -> Result<Self> {
        let text = cmd!(
            sh,
            "cargo metadata --format-version 1 --locked --filter-platform {TARGET}"
        )
        .quiet()
        .read()?;
        let metadata: Metadata = serde_json::from_str(&text)?;
        let mut packages: BTreeMap<String, Package> = metadata
            .packages
            .into_iter()
            .map(|package| (package.id.clone(), package))
            .collect();
        let normal = |dependency: &&Dependency| {
            let mut kinds = dependency.dep_kinds.iter();
            kinds.any(|one| one.kind.is_none())
        };
        let mut edges: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for node in metadata.resolve.nodes {
            let deps = node.deps.iter().filter(normal);
            let mut deps: Vec<String> = deps.map(|dependency| dependency.pkg.clone()).collect();
            deps.sort();
            edges.insert(node.id, deps);
        }
        let root = packages
            .values()
            .find(|package| package.name == PACKAGE)
            .context("no package of the binary")?;
        let mut reached = BTreeSet::new();
        let mut waiting = vec![root.id.clone()];
        while let Some(id) = waiting.pop() {
            if reached.insert(id.clone()) {
                waiting.extend(edges.get(&id).into_iter().flatten().cloned());
            }
        }
        packages.retain(|id, _| reached.contains(id));
        edges.retain(|id, _| reached.contains(id));
        Ok(Linked { packages, edges })
    }
}

fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

/// Returns the bill of materials, CycloneDX 1.6.
pub(crate) fn cyclonedx(sh: &Shell) -> Result<Value> {
    let linked = Linked::read(sh)?;
    let project = Project::read()?;
    let sums = checksums()?;
    let component = |package: &Package| {
        let mut component = json!({
            "type": "library", "bom-ref": purl(package), "name": package.name, "version": package.version,
            "purl": purl(package),
        });
        let fields = component.as_object_mut();
        if let Some(fields) = fields {
            if let Some(licence) = &package.license {
                // Old manifests write `/` for `OR`.
                let licence = licence.replace('/', " OR ");
                fields.insert("licenses".to_owned(), json!([{"expression": licence}]));
            }
            if let Some(sum) = sums.get(&(package.name.clone(), package.version.clone())) {
                let hashes = json!([{"alg": "SHA-256", "content": sum}]);
                fields.insert("hashes".to_owned(), hashes);
            }
            if let Some(url) = &package.repository {
                let references = json!([{"type": "vcs", "url": url}]);
                fields.insert("externalReferences".to_owned(), references);
            }
        }
        component
    };
    let root = linked
        .packages
        .values()
        .find(|package| package.name == PACKAGE)
        .context("no package of the binary")?;
    let others = linked
        .packages
        .values()
        .filter(|package| package.id != root.id);
    let components: Vec<Value> = others.map(component).collect();
    let name_of = |id: &String| linked.packages.get(id).map(purl);
    let dependencies: Vec<Value> = linked
        .edges
        .iter()
        .filter_map(|(id, deps)| {
            let on: Vec<String> = deps.iter().filter_map(name_of).collect();
            Some(json!({"ref": name_of(id)?, "dependsOn": on}))
        })
        .collect();
    let mut main = component(root);
    if let Some(kind) = main.get_mut("type") {
        *kind = "application".into();
    }
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": main,
            "supplier": {"name": project.maintainer, "url": [project.repository]},
            "tools": {"components": [{"type": "application", "name": "cargo xtask release", "version": VERSION}]},
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// Returns the checksums of `Cargo.lock` by name and version.
fn checksums() -> Result<BTreeMap<(String, String), String>> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: String,
        checksum: Option<String>,
    }
    let lock: Lock = toml::from_str(&fs::read_to_string(setup::root()?.join("Cargo.lock"))?)?;
    let with_sum = lock
        .package
        .into_iter()
        .filter_map(|locked| Some(((locked.name, locked.version), locked.checksum?)));
    Ok(with_sum.collect())
}

/// Returns the licences of everything that the binary is linked from, each text once.
pub(crate) fn notices(sh: &Shell) -> Result<String> {
    let linked = Linked::read(sh)?;
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut list = String::new();
    for package in linked.packages.values() {
        if package.source.is_none() {
            continue;
        }
        let name = format!("{} {}", package.name, package.version);
        let licence = package.license.as_deref().unwrap_or("see its text");
        list.push_str(&format!("{name}: {licence}\n"));
        let folder = Path::new(&package.manifest_path)
            .parent()
            .context("a manifest has no folder")?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let file = entry.file_name().to_string_lossy().to_uppercase();
            let legal = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];
            if entry.file_type()?.is_file() && legal.iter().any(|word| file.starts_with(word)) {
                let text = String::from_utf8_lossy(&fs::read(entry.path())?).into_owned();
                let text = text.replace("\r\n", "\n").trim().to_owned();
                texts.entry(text).or_default().insert(name.clone());
            }
        }
    }
    let mut notices = format!("imagecache {VERSION} is linked from these packages:\n\n{list}");
    let rule = "-".repeat(80);
    for (text, names) in &texts {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        notices.push_str(&format!("\n{rule}\n{}\n\n{text}\n", names.join(", ")));
    }
    Ok(notices)
}
