//! Documents that are not manifests: what else lies in the directories of a project.
//!
//! A directory holds kustomizations, charts, values, patches and files of other tools beside manifests. `kubectl`
//! applies none of them as they are. A host that walks a directory names them and skips them; a host that is given one
//! file reports the error that `kubectl` would.
//!
//! | document | recognised by |
//! |---|---|
//! | kustomization | the file name, without a kind |
//! | patch for kustomize | a list of JSON patch operations; `$patch`; or an incomplete object in a file or directory named `patch` |
//! | chart, values of Helm | the file name, without a kind |
//! | Helm template | `{{` where it is not YAML, or anywhere in a file in a directory `templates` |
//! | Compose file | the file name, or `services` without a kind |
//! | package file | the file name: `package.json` and the like |
//! | reply of ECI | `ImageCaches`, also in `body`, or an entry with `ImageCacheId`, without a kind |
//! | other | neither `apiVersion`, `kind` nor `spec`, and no misspelt one of the first two |

use std::fmt;

use serde_json::{Map, Value};

use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Document, UNRENDERED};
use crate::path::Path;
use crate::pod;
use crate::resource::view::field;
use crate::resource::walk::{Met, Opens, Visitor, WalkFault, walk};
use crate::resource::workload::{self, group_of};
use crate::resource::{GROUP, KIND};
use crate::spelling::nearest;

/// The kind of a document that is not a manifest. [`fmt::Display`] writes it with its article: `a Helm template`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum OtherDocument {
    /// A file that kustomize builds manifests from.
    Kustomization,
    /// A part of an object that kustomize merges into a manifest.
    Patch,
    /// The metadata of a Helm chart.
    HelmChart,
    /// The values of a Helm chart.
    HelmValues,
    /// A template that Helm renders into a manifest.
    HelmTemplate,
    /// A Compose file.
    Compose,
    /// A file of a package manager or compiler.
    Package,
    /// A reply of DescribeImageCaches, which matching and expiry read.
    Reply,
    /// A document without anything that a manifest has.
    Unknown,
}

impl OtherDocument {
    /// Reports whether matching and expiry read the document: it has caches, but is not a manifest.
    #[must_use]
    pub fn has_caches(self) -> bool {
        self == OtherDocument::Reply
    }

    /// Returns how the manifests that are made of the document are validated; empty if it has none.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            OtherDocument::Kustomization | OtherDocument::Patch => {
                "Validate the output of `kustomize build`."
            }
            OtherDocument::HelmChart | OtherDocument::HelmValues | OtherDocument::HelmTemplate => {
                "Validate the output of `helm template`."
            }
            OtherDocument::Compose
            | OtherDocument::Package
            | OtherDocument::Reply
            | OtherDocument::Unknown => "",
        }
    }
}

impl fmt::Display for OtherDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OtherDocument::Kustomization => "a kustomization",
            OtherDocument::Patch => "a patch for kustomize",
            OtherDocument::HelmChart => "the metadata of a Helm chart",
            OtherDocument::HelmValues => "values of a Helm chart",
            OtherDocument::HelmTemplate => "a Helm template",
            OtherDocument::Compose => "a Compose file",
            OtherDocument::Package => "a file of a package manager or compiler",
            OtherDocument::Reply => "a reply of the ECI API",
            OtherDocument::Unknown => "without apiVersion, kind and spec",
        })
    }
}

/// Returns the documents of a file that are not manifests, by their number. `faults` are the findings of
/// [`read_within`](crate::document::read_within), which returned `documents`. `name` is the path of the file.
///
/// A document without `apiVersion` and `kind` beside one that has them is a manifest with an error.
///
/// ```
/// use imagecache::diagnostic::Levels;
/// use imagecache::document::{TextFormat, read};
/// use imagecache::validate::{OtherDocument, other_documents};
/// let text = "image: {repository: nginx, tag: 1.27}\n";
/// let (documents, faults) = read(text, TextFormat::Auto, &Levels::default());
/// let other = other_documents("chart/values.yaml", text, &documents, &faults);
/// assert_eq!(other, [(0, OtherDocument::HelmValues)]);
/// ```
#[must_use]
pub fn other_documents(
    name: &str,
    text: &str,
    documents: &[Document],
    faults: &[Diagnostic],
) -> Vec<(usize, OtherDocument)> {
    let file = File::of(name);
    let template = file.in_templates && text.contains("{{");
    let typed = documents.iter().any(|document| has_type(document.value()));
    let mut found: Vec<(usize, OtherDocument)> = documents
        .iter()
        .filter_map(|document| {
            let what = if template {
                Some(OtherDocument::HelmTemplate)
            } else if typed {
                file.patch(document.value())
            } else {
                file.untyped(document.value())
            };
            Some((document.index(), what?))
        })
        .collect();
    let unrendered = faults
        .iter()
        .filter(|fault| fault.code == Code::IC001 && (template || fault.message == UNRENDERED));
    found.extend(unrendered.map(|fault| (fault.document, OtherDocument::HelmTemplate)));
    found.sort();
    found
}

/// What the path of a file says.
struct File<'n> {
    name: &'n str,
    stem: &'n str,
    in_templates: bool,
    is_patch: bool,
}

/// Files of package managers, compilers and editors.
const PACKAGE_FILES: [&str; 14] = [
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "composer.json",
    "tsconfig.json",
    "jsconfig.json",
    "deno.json",
    "angular.json",
    "renovate.json",
    "lerna.json",
    "nx.json",
    "pubspec.yaml",
];

impl<'n> File<'n> {
    fn of(path: &'n str) -> Self {
        let mut steps = path.rsplit(['/', '\\']);
        let name = steps.next().unwrap_or_default();
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let words = |step: &str| step.split(['-', '_', '.']).any(|word| word == "patch");
        let (mut in_templates, mut is_patch) = (false, words(stem));
        for step in steps {
            in_templates |= step == "templates";
            is_patch |= words(step) || step == "patches";
        }
        File {
            name,
            stem,
            in_templates,
            is_patch,
        }
    }

    /// Returns what a document of a file is in which no document has a type.
    fn untyped(&self, value: &Value) -> Option<OtherDocument> {
        let fields = match value {
            Value::Object(fields) => fields,
            Value::Array(items) if is_json_patch(items) => return Some(OtherDocument::Patch),
            Value::Array(items) if items.iter().any(has_type) => return None,
            Value::Array(items) if items.iter().any(is_reply) => return Some(OtherDocument::Reply),
            _ => return Some(self.package().unwrap_or(OtherDocument::Unknown)),
        };
        if self.stem == "kustomization" {
            return Some(OtherDocument::Kustomization);
        }
        if let Some(package) = self.package() {
            return Some(package);
        }
        if self.stem == "values" || self.stem.starts_with("values") || self.stem.ends_with("values")
        {
            return Some(OtherDocument::HelmValues);
        }
        let services = fields.get("services").is_some_and(Value::is_object);
        if services || self.stem.starts_with("docker-compose") || self.stem == "compose" {
            return Some(OtherDocument::Compose);
        }
        if fields.contains_key("$patch") {
            return Some(OtherDocument::Patch);
        }
        if is_reply(value) {
            return Some(OtherDocument::Reply);
        }
        (!looks_like_a_manifest(fields)).then_some(OtherDocument::Unknown)
    }

    fn package(&self) -> Option<OtherDocument> {
        PACKAGE_FILES
            .contains(&self.name)
            .then_some(OtherDocument::Package)
    }

    /// Returns what a document is that may have a type and still is not a manifest.
    fn patch(&self, value: &Value) -> Option<OtherDocument> {
        let fields = value.as_object()?;
        if self.name == "Chart.yaml" && is_chart(fields) {
            return Some(OtherDocument::HelmChart);
        }
        if self.stem == "kustomization" && !fields.contains_key("kind") {
            return Some(OtherDocument::Kustomization);
        }
        let directive = has_key(value, "$patch");
        let patch = directive || (self.is_patch && is_incomplete(value));
        patch.then_some(OtherDocument::Patch)
    }
}

/// A chart has an `apiVersion` of its own, and no kind.
fn is_chart(fields: &Map<String, Value>) -> bool {
    let version = fields.get("apiVersion").and_then(Value::as_str);
    let version = version.is_none_or(|version| ["v1", "v2"].contains(&version));
    version && !fields.contains_key("kind") && fields.contains_key("version")
}

/// Reports whether a value is a reply of DescribeImageCaches, a printed SDK answer that holds one, or has its entries.
fn is_reply(value: &Value) -> bool {
    struct Entries(bool);
    impl Visitor for Entries {
        fn object(&mut self, met: &Met<'_>) {
            self.0 |= met.is_entry();
        }
        fn fault(&mut self, _: WalkFault<'_>, _: &Path<'_>, _: bool) {}
    }
    let without_entries = value
        .as_object()
        .is_some_and(|fields| field(fields, "ImageCaches").is_some());
    let mut entries = Entries(without_entries);
    walk(value, Opens::Everything, &mut entries);
    entries.0
}

fn is_json_patch(items: &[Value]) -> bool {
    let is_operation = |item: &Value| {
        let text = |name| item.get(name).is_some_and(Value::is_string);
        text("op") && text("path")
    };
    !items.is_empty() && items.iter().all(is_operation)
}

/// Reports whether a value has a field of the type of an object.
fn has_type(value: &Value) -> bool {
    ["apiVersion", "kind"]
        .into_iter()
        .any(|name| value.get(name).is_some_and(|value| !value.is_null()))
}

/// Reports whether an object without a type has a spec, or a field that is a misspelt one of a manifest.
fn looks_like_a_manifest(fields: &Map<String, Value>) -> bool {
    fields.keys().any(|key| {
        key == "spec" || key.eq_ignore_ascii_case("kind") || nearest(key, ["apiVersion"]).is_some()
    })
}

/// Reports whether an object lacks what its kind requires, as a patch does: a container its image, an ImageCache its
/// images.
fn is_incomplete(value: &Value) -> bool {
    let text = |name| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if group_of(api_version) == GROUP && kind == KIND {
        return value
            .get("spec")
            .and_then(|spec| spec.get("images"))
            .is_none();
    }
    let built_in = workload::resolve(api_version, kind).filter(|row| row.is_built_in());
    built_in.is_some_and(|row| {
        pod::templates(row, value)
            .iter()
            .any(|template| !template.makes_pod || !template.missing.is_empty())
    })
}

/// Searches a value for a key. Values of documents are at most as deep as the reader of texts allows.
fn has_key(value: &Value, key: &str) -> bool {
    match value {
        Value::Object(fields) => {
            fields.contains_key(key) || fields.values().any(|value| has_key(value, key))
        }
        Value::Array(items) => items.iter().any(|value| has_key(value, key)),
        _ => false,
    }
}
