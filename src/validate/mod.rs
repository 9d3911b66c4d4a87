//! Validation of manifests: every finding at once, in document order, with stable codes.
//!
//! Two kinds of object are checked: `ImageCache`, completely, and the workloads of Kubernetes, where they refer to image
//! caches. Lists are opened. Objects of other kinds have no findings.
//!
//! | rule group | file |
//! |---|---|
//! | apiVersion and kind | `identity.rs` |
//! | names, namespaces | `name.rs` |
//! | labels, keys and size of annotations | `labels.rs` |
//! | unknown fields, with a suggestion | `fields.rs` |
//! | images, and registries that want a login | `images.rs`, `registry.rs` |
//! | image pull secrets | `secrets.rs` |
//! | size, retention | `size.rs`, `retention.rs` |
//! | annotations of the product, and the forms of their values | `annotations.rs`, `form.rs` |
//! | workloads: level of annotations, conflicts, pull policy | `workload.rs`, `pod.rs` |
//! | status | `status.rs` |
//!
//! What the API server or ECI refuses is an error; what works but hardly as meant is a warning; what is worth knowing is
//! a hint. [`Levels`] changes that code by code.
//!
//! The work is linear in the input. Of each list of images, secrets or containers [`MAX_ITEMS`] are read and the rest is
//! counted; of each document [`Report::MAX_FINDINGS`] findings are kept; lists are walked [`MAX_LIST_DEPTH`] deep.

mod annotations;
mod cache;
mod fields;
mod form;
mod identity;
mod images;
mod labels;
mod messages;
mod name;
mod other;
mod pod;
mod registry;
mod retention;
mod secrets;
mod size;
mod status;
mod value;
mod workload;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Levels, Report, sort_by_place};
use crate::document::{self, Document, TextFormat, TextLimits};
use crate::path::Path;
use crate::resource::MAX_SIZE_GIB;
use crate::resource::walk::{Met, Opens, TypeMeta, Visitor, WalkFault, walk};
use crate::settings::{self, SettingErrors};
use identity::Subject;

pub use crate::resource::MAX_LIST_DEPTH;
pub use crate::spelling::nearest;
pub use images::MAX_ITEMS;
pub use labels::MAX_ANNOTATION_BYTES;
pub use messages::messages;
pub use other::{OtherDocument, other_documents};

/// The options of a validation.
///
/// ```
/// use imagecache::diagnostic::{Code, Level};
/// use imagecache::validate::ValidateOptions;
/// let mut options = ValidateOptions::default();
/// options.levels.set(Code::IC042, Level::Off);
/// options.max_size_gib = ValidateOptions::MAX_SIZE_2020;
/// let text = r#"{"levels": {"IC042": "off"}, "maxSizeGib": 500}"#;
/// assert_eq!(serde_json::from_str::<ValidateOptions>(text).unwrap(), options);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ValidateOptions {
    /// Severities by code.
    pub levels: Levels,
    /// Largest `spec.imageCacheSize` in GiB; 32768 unless set.
    pub max_size_gib: i64,
}

impl ValidateOptions {
    /// Parses the options that a JSON object sets; the others keep their defaults.
    ///
    /// # Errors
    /// Returns every option that cannot be used.
    pub fn parse(value: &Value) -> Result<Self, SettingErrors> {
        settings::read(value)
    }

    /// Largest size in GiB by ECI's API text of 2020, for accounts that still have that limit.
    pub const MAX_SIZE_2020: i64 = 500;
}

impl Default for ValidateOptions {
    fn default() -> Self {
        ValidateOptions {
            levels: Levels::default(),
            max_size_gib: MAX_SIZE_GIB,
        }
    }
}

/// An object of a document, checked or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CheckedObject {
    /// Which document of the text, from 0.
    pub document: usize,
    /// Path in the document: empty, or the item of a list, `items[3]`.
    pub path: String,
    /// As written; empty where it is missing.
    pub api_version: String,
    /// As written; empty where it is missing.
    pub kind: String,
    /// `metadata.name`, else `metadata.generateName`, else empty.
    pub name: String,
    /// `metadata.namespace`; empty where it is missing.
    pub namespace: String,
    /// False for kinds that are not checked.
    pub checked: bool,
}

/// The result of the validation of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FileValidation {
    /// The findings and objects.
    pub validation: Validation,
    /// The documents that were skipped, by number: they are not manifests.
    pub skipped: Vec<(usize, OtherDocument)>,
    /// The number of lists without items.
    pub empty_lists: usize,
}

/// The result of a validation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Validation {
    /// Findings by document, then by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Every object, items of lists included, in document order.
    pub objects: Vec<CheckedObject>,
}

/// Checks one object or list without a text: findings have no span.
///
/// ```
/// use imagecache::validate::{ValidateOptions, object};
/// let cache = serde_json::json!({
///     "apiVersion": "eci.alibabacloud.com/v1",
///     "kind": "ImageCache",
///     "metadata": {"name": "web"},
///     "spec": {"images": ["nginx:1.27"], "retentionDays": 0},
/// });
/// let found = object(&cache, &ValidateOptions::default());
/// assert_eq!(found[0].to_string(), "spec.retentionDays: 0 days, at least 1 required");
/// ```
#[must_use]
pub fn object(value: &Value, options: &ValidateOptions) -> Vec<Diagnostic> {
    let mut report = Report::new(&options.levels);
    let mut check = Check {
        options,
        met: None,
        empty_lists: 0,
        report: &mut report,
    };
    walk(value, Opens::Manifests, &mut check);
    report.finish()
}

/// Checks every document of a text.
///
/// ```
/// use imagecache::document::TextFormat;
/// use imagecache::validate::{ValidateOptions, text};
/// let validation = text("kind: ConfigMap\n", TextFormat::Auto, &ValidateOptions::default());
/// assert!(validation.diagnostics.is_empty());
/// ```
#[must_use]
pub fn text(text: &str, format: TextFormat, options: &ValidateOptions) -> Validation {
    text_within(text, format, options, &TextLimits::default())
}

/// Checks every document of a text within these limits, for hosts that read files of their own user, which may be longer
/// than untrusted ones.
#[must_use]
pub fn text_within(
    text: &str,
    format: TextFormat,
    options: &ValidateOptions,
    limits: &TextLimits,
) -> Validation {
    let (documents, faults) = document::read_within(text, format, &options.levels, limits);
    documents_of(&documents, faults, Vec::new(), options).validation
}

/// Checks every document of a file. With the path of a file that was found in a directory, documents that are not
/// manifests are skipped: [`other_documents`] recognises them. Without, each document has to be a manifest.
///
/// ```
/// use imagecache::document::{TextFormat, TextLimits};
/// use imagecache::validate::{ValidateOptions, file_within};
/// let (options, limits) = (ValidateOptions::default(), TextLimits::default());
/// let file = file_within(Some("chart/Chart.yaml"), "apiVersion: v2\nversion: 1.0.0\n", TextFormat::Auto, &options, &limits);
/// assert!(file.validation.diagnostics.is_empty());
/// assert_eq!(file.skipped[0].1.to_string(), "the metadata of a Helm chart");
/// ```
#[must_use]
pub fn file_within(
    found: Option<&str>,
    text: &str,
    format: TextFormat,
    options: &ValidateOptions,
    limits: &TextLimits,
) -> FileValidation {
    let (documents, faults) = document::read_within(text, format, &options.levels, limits);
    let skipped = found.map(|name| other_documents(name, text, &documents, &faults));
    let skipped = skipped.unwrap_or_default();
    documents_of(&documents, faults, skipped, options)
}

fn documents_of(
    documents: &[Document],
    mut diagnostics: Vec<Diagnostic>,
    skipped: Vec<(usize, OtherDocument)>,
    options: &ValidateOptions,
) -> FileValidation {
    let is_skipped = |document| skipped.iter().any(|(number, _)| *number == document);
    diagnostics.retain(|found| !is_skipped(found.document));
    let (mut objects, mut empty_lists) = (Vec::new(), 0);
    for document in documents {
        if is_skipped(document.index()) {
            continue;
        }
        let mut report = Report::on(document, &options.levels);
        let mut check = Check {
            options,
            met: Some((document.index(), &mut objects)),
            empty_lists: 0,
            report: &mut report,
        };
        walk(document.value(), Opens::Manifests, &mut check);
        empty_lists += check.empty_lists;
        diagnostics.extend(report.finish());
    }
    sort_by_place(&mut diagnostics);
    FileValidation {
        validation: Validation {
            diagnostics,
            objects,
        },
        skipped,
        empty_lists,
    }
}

/// The visitor that checks each object that a walk meets.
struct Check<'c, 'd> {
    options: &'c ValidateOptions,
    /// The number of the document and the objects met, where the caller asks for them.
    met: Option<(usize, &'c mut Vec<CheckedObject>)>,
    /// The number of lists without items.
    empty_lists: usize,
    report: &'c mut Report<'d>,
}

impl Visitor for Check<'_, '_> {
    fn object(&mut self, met: &Met<'_>) {
        let Met { fields, path, .. } = *met;
        if identity::report_types(fields, path, self.report) {
            return self.meet(TypeMeta::default(), fields, path, false);
        }
        // In a list of an unknown kind, items need not be Kubernetes objects.
        if met.meta == TypeMeta::default() && !met.strict {
            return;
        }
        let subject = identity::classify(met.meta, fields, path, self.report);
        match subject {
            Subject::ImageCache => cache::check(met.value, fields, self.options, path, self.report),
            Subject::Workload(workload) => workload::check(workload, met.value, path, self.report),
            Subject::Foreign => {
                let kind = (met.meta.group(), met.meta.kind);
                workload::check_unknown(kind, fields, path, self.report);
            }
        }
        self.meet(met.meta, fields, path, subject != Subject::Foreign);
    }

    fn list(&mut self, list: &Met<'_>) {
        if !identity::report_types(list.fields, list.path, self.report) {
            identity::check_list(list.meta, list.path, self.report);
        }
    }

    fn empty_list(&mut self) {
        self.empty_lists += 1;
    }

    fn fault(&mut self, fault: WalkFault<'_>, path: &Path<'_>, strict: bool) {
        if strict || matches!(fault, WalkFault::TooDeep) {
            fault.report(path, self.report);
        }
    }
}

impl Check<'_, '_> {
    fn meet(
        &mut self,
        meta: TypeMeta<'_>,
        fields: &Map<String, Value>,
        path: &Path<'_>,
        checked: bool,
    ) {
        let Some((document, objects)) = &mut self.met else {
            return;
        };
        let metadata = |name| {
            fields
                .get("metadata")
                .and_then(|metadata| metadata.get(name))
                .and_then(Value::as_str)
        };
        objects.push(CheckedObject {
            document: *document,
            path: path.to_string(),
            api_version: meta.api_version.to_owned(),
            kind: meta.kind.to_owned(),
            name: metadata("name")
                .or(metadata("generateName"))
                .unwrap_or_default()
                .to_owned(),
            namespace: metadata("namespace").unwrap_or_default().to_owned(),
            checked,
        });
    }
}
