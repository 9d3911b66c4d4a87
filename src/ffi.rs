//! Functions for foreign hosts: JSON text and JSON values in, serialisable values out.
//!
//! The npm package and the conformance tests call these functions; an embedding in another language calls them too.
//! A host only converts: it reads arguments with [`json`], calls a function, and serialises the result. Each function
//! that takes an optional `options`, `rules` or `settings` uses the defaults if it is `None`.
//!
//! ```
//! use imagecache::ffi;
//! let pod = ffi::json("pod", r#"{"kind": "Pod", "spec": {"containers": [{"image": "nginx:1.27"}]}}"#)?;
//! let caches = ffi::json("caches", r#"[{"ImageCacheId": "imc-1", "Images": ["nginx:1.27"], "Status": "Ready"}]"#)?;
//! let mut index = ffi::CacheIndex::default();
//! assert!(index.insert_document(&caches).is_empty());
//! let answer = serde_json::to_value(index.select(&pod, None)?).unwrap();
//! assert_eq!(answer["decision"], "Hit");
//!
//! let error = ffi::json("pod", "{").unwrap_err();
//! assert_eq!(error.to_string(), "pod: EOF while parsing an object at line 1 column 1");
//! # Ok::<(), ffi::FfiError>(())
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admission::{self, AdmissionSettings, CacheSource};
use crate::diagnostic::{Code, Diagnostic, Levels, Report, Severity};
use crate::document::{self, Span, TextFormat};
use crate::expiry::{self, Expiry, ExpiryFacts};
use crate::matching::{
    self, DocumentObject, Explanation, ImageFacts, Index, Inventory, MatchRules, Pod,
    SearchBuffers, Selection,
};
#[cfg(feature = "plan")]
use crate::plan::{Plan, PlanInput, PlanOptions, PriceTable};
use crate::pod::{ClusterDefaults, Reading};
use crate::reference::{self, Reference};
use crate::resource::annotation;
use crate::resource::{self, CrdVersion};
use crate::settings::SettingErrors;
use crate::time::{BadTimestamp, Timestamp};
use crate::validate::{self, ValidateOptions, Validation};

/// The largest argument, in bytes. A WebAssembly module cannot give memory back, and stops when it has none left.
pub const MAX_BYTES: usize = 32 << 20;

/// An invalid argument. [`fmt::Display`] writes `argument: message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "error")]
#[non_exhaustive]
pub enum FfiError {
    /// The argument has the wrong form.
    #[error("{argument}: {message}")]
    Invalid {
        /// The name of the argument: `manifest`, `caches[3]`.
        argument: String,
        /// The fact, without the name.
        message: String,
    },
    /// The argument is larger than [`MAX_BYTES`].
    #[error("{argument}: {size} bytes, at most {MAX_BYTES} allowed")]
    TooLarge {
        /// The name of the argument.
        argument: String,
        /// Its size, in bytes or in UTF-16 code units.
        size: usize,
    },
}

impl FfiError {
    /// An argument of the wrong form.
    pub fn invalid(argument: &str, message: impl fmt::Display) -> Self {
        FfiError::Invalid {
            argument: argument.to_owned(),
            message: message.to_string(),
        }
    }
}

/// Checks the size of an argument. A host calls it before it copies a text.
///
/// # Errors
/// Returns [`FfiError::TooLarge`] if the size is larger than [`MAX_BYTES`].
pub fn check_size(argument: &str, size: usize) -> Result<(), FfiError> {
    if size > MAX_BYTES {
        return Err(FfiError::TooLarge {
            argument: argument.to_owned(),
            size,
        });
    }
    Ok(())
}

/// Parses an argument that is JSON text.
///
/// # Errors
/// Returns an error if the text is not JSON or too large.
pub fn json(argument: &str, text: &str) -> Result<Value, FfiError> {
    check_size(argument, text.len())?;
    text.parse()
        .map_err(|error: serde_json::Error| FfiError::invalid(argument, error))
}

/// Parses an argument that is a time in RFC 3339.
///
/// # Errors
/// Returns an error if it is not such a time.
pub fn time(argument: &str, text: &str) -> Result<Timestamp, FfiError> {
    text.parse()
        .map_err(|error: BadTimestamp| FfiError::invalid(argument, error))
}

/// Reads an optional object with known fields.
fn chosen<T: Default>(
    argument: &str,
    value: Option<&Value>,
    read: impl Fn(&Value) -> Result<T, SettingErrors>,
) -> Result<T, FfiError> {
    value.map_or_else(
        || Ok(T::default()),
        |value| read(value).map_err(|error| FfiError::invalid(argument, error)),
    )
}

/// Validates a text: YAML or JSON, any number of documents.
///
/// # Errors
/// Returns an error if the options are invalid or the text is too large.
pub fn validate_text(manifest: &str, options: Option<&Value>) -> Result<Validation, FfiError> {
    check_size("manifest", manifest.len())?;
    let options = chosen("options", options, ValidateOptions::parse)?;
    Ok(validate::text(manifest, TextFormat::Auto, &options))
}

/// Validates an object or a list.
///
/// # Errors
/// Returns an error if the options are invalid.
pub fn validate_object(
    manifest: &Value,
    options: Option<&Value>,
) -> Result<Vec<Diagnostic>, FfiError> {
    let options = chosen("options", options, ValidateOptions::parse)?;
    Ok(validate::object(manifest, &options))
}

/// An object of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TextObject {
    /// The document of the text, from 0.
    pub document: usize,
    /// The place of the document in the text.
    #[serde(flatten)]
    pub span: Span,
    /// The object.
    #[serde(flatten)]
    pub object: DocumentObject,
}

/// The objects of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TextObjects {
    /// The objects, in order.
    pub objects: Vec<TextObject>,
    /// The parts of the text that could not be read.
    pub diagnostics: Vec<Diagnostic>,
}

/// Returns every object of a text; the items of a list are objects of their own.
///
/// # Errors
/// Returns an error if the text is too large.
pub fn objects(text: &str) -> Result<TextObjects, FfiError> {
    check_size("text", text.len())?;
    let (documents, mut diagnostics) = document::read(text, TextFormat::Auto, &Levels::DEFAULT);
    let mut objects = Vec::new();
    for document in &documents {
        let mut report = Report::on(document, &Levels::DEFAULT);
        let found = matching::subjects(document.value(), &mut report);
        objects.extend(found.into_iter().map(|object| TextObject {
            document: document.index(),
            span: document.span(),
            object,
        }));
        diagnostics.extend(report.finish());
    }
    Ok(TextObjects {
        objects,
        diagnostics,
    })
}

/// Returns when a cache expires, as of `now`.
///
/// # Errors
/// Returns an error if `now` is not a time in RFC 3339.
pub fn expiry(cache: &Value, now: &str) -> Result<Expiry, FfiError> {
    let now = time("now", now)?;
    Ok(expiry::expiry(&ExpiryFacts::read(cache), now))
}

/// Describes a text as an image reference.
///
/// # Errors
/// Returns an error if the text is too large.
pub fn reference(text: &str) -> Result<Reference, FfiError> {
    check_size("text", text.len())?;
    Ok(reference::describe(text))
}

/// Returns the code with this number (`IC022`) or name (`too-many-images`).
#[must_use]
pub fn code(text: &str) -> Option<Code> {
    text.parse().ok()
}

/// A rule of [`validate`](mod@crate::validate).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Rule {
    /// The code.
    pub code: Code,
    /// The name: `too-many-images`.
    pub name: &'static str,
    /// The severity of a finding, unless configured.
    pub severity: Severity,
    /// One line.
    pub summary: &'static str,
    /// The page of the rule in Markdown; `None` without the feature `explain`.
    pub page: Option<&'static str>,
}

/// Returns the rule of a code.
#[must_use]
pub fn rule(code: Code) -> Rule {
    #[cfg(feature = "explain")]
    let page = Some(code.page());
    #[cfg(not(feature = "explain"))]
    let page = None;
    Rule {
        code,
        name: code.name(),
        severity: code.severity(),
        summary: code.summary(),
        page,
    }
}

/// Returns the CustomResourceDefinition of this version of `apiextensions.k8s.io`: `v1` or `v1beta1`.
///
/// # Errors
/// Returns an error for another version.
pub fn crd(version: &str) -> Result<Value, FfiError> {
    let version = match version {
        "v1" => CrdVersion::V1,
        "v1beta1" => CrdVersion::VendorV1beta1,
        _ => return Err(FfiError::invalid("version", "must be `v1` or `v1beta1`")),
    };
    Ok(resource::crd(version))
}

/// The answer to an AdmissionReview.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ReviewAnswer {
    /// An AdmissionReview with a response.
    Review(Value),
    /// The value is not an AdmissionReview; a webhook answers HTTP 400.
    Unreadable {
        /// The reason.
        error: String,
    },
}

/// Answers an AdmissionReview without caches.
///
/// # Errors
/// Returns an error if the settings or `now` are invalid. The error lists every invalid setting.
pub fn review(
    review: &Value,
    settings: Option<&Value>,
    now: Option<&str>,
) -> Result<ReviewAnswer, FfiError> {
    answer(review, settings, None, now)
}

fn answer(
    review: &Value,
    settings: Option<&Value>,
    caches: Option<&Index>,
    now: Option<&str>,
) -> Result<ReviewAnswer, FfiError> {
    let settings = chosen("settings", settings, AdmissionSettings::parse)?;
    let now = now.map(|now| time("now", now)).transpose()?;
    let caches = || {
        caches
            .map(CacheSource::Index)
            .ok_or_else(|| admission::NO_CACHES.into())
    };
    Ok(match admission::review(review, &settings, caches, now) {
        Ok(review) => ReviewAnswer::Review(review),
        Err(error) => ReviewAnswer::Unreadable {
            error: error.to_string(),
        },
    })
}

/// Documents with caches, read one by one: the caches of a cluster may together be larger than [`MAX_BYTES`].
#[derive(Debug)]
#[non_exhaustive]
pub struct CacheBatch {
    inventory: Inventory,
    report: Report<'static>,
}

impl Default for CacheBatch {
    fn default() -> Self {
        CacheBatch {
            inventory: Inventory::default(),
            report: Report::new(&Levels::DEFAULT),
        }
    }
}

impl CacheBatch {
    /// Reads a document: an object, a list, a reply of the ECI API, or an array of these.
    pub fn add(&mut self, document: &Value) {
        self.inventory.add(document, &mut self.report);
    }

    /// Reads one item of an array of documents.
    pub fn add_item(&mut self, index: usize, document: &Value) {
        self.inventory.add_item(index, document, &mut self.report);
    }
}

/// The answer for a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum PodAnswer<T> {
    /// The object is a pod or has a pod template.
    Pod(T),
    /// It is neither.
    Unreadable {
        /// Always `Unreadable`.
        decision: &'static str,
        /// The reasons.
        diagnostics: Vec<Diagnostic>,
    },
}

/// Caches that pods are matched against.
#[derive(Debug, Default)]
pub struct CacheIndex {
    index: Index,
    facts: ImageFacts,
    defaults: ClusterDefaults,
    buffers: SearchBuffers,
}

impl CacheIndex {
    /// Creates an empty index that knows the sizes of images: an object of bytes by reference.
    ///
    /// # Errors
    /// Returns an error if a reference or a size is invalid.
    pub fn with_sizes(sizes: &Value) -> Result<Self, FfiError> {
        let mut index = Self::default();
        let sizes = index.facts.sizes(sizes);
        sizes.map_err(|error| FfiError::invalid("sizes", error))?;
        Ok(index)
    }

    /// Adds caches; a cache with the id or name of an older one replaces it. Returns the parts that could not be read, and
    /// ids that several caches with different images have.
    pub fn insert(&mut self, batch: CacheBatch) -> Vec<Diagnostic> {
        let mut caches = batch.inventory.caches;
        if !self.facts.is_empty() {
            caches.iter_mut().for_each(|cache| cache.apply(&self.facts));
        }
        let mut found = batch.report.finish();
        found.extend(self.index.insert_all(caches));
        self.defaults.merge(batch.inventory.defaults);
        found
    }

    /// Whether the documents had defaults for pods: the ConfigMap `eci-profile` or `Selector` objects. With them a pod is
    /// read whole, not only its [`POD`] part: its labels decide.
    #[must_use]
    pub fn has_defaults(&self) -> bool {
        !self.defaults.is_empty()
    }

    fn read(&self, pod: &Value, rules: &MatchRules) -> Result<Pod, Vec<Diagnostic>> {
        let reading = Reading {
            paths: &rules.pod_paths,
            for_defaults: self.has_defaults(),
            references: true,
        };
        let mut pod = reading.parse(pod).map_err(|error| error.diagnostics)?;
        self.defaults.apply(&mut pod);
        if !self.facts.is_empty() {
            pod.apply(&self.facts);
        }
        Ok(pod)
    }

    /// Adds the caches of one document, as [`CacheBatch::add`] reads it.
    pub fn insert_document(&mut self, document: &Value) -> Vec<Diagnostic> {
        let mut batch = CacheBatch::default();
        batch.add(document);
        self.insert(batch)
    }

    /// Removes the cache with this id, or the one with this name that has no id yet. Returns whether it was present.
    pub fn remove(&mut self, id: &str) -> bool {
        let removed = self.index.remove(id);
        removed
            .or_else(|| self.index.remove_unidentified(id))
            .is_some()
    }

    /// The number of caches.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no cache.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Returns which cache a pod uses. The pod may be a workload with a pod template.
    ///
    /// # Errors
    /// Returns an error if the rules are invalid.
    pub fn select(
        &mut self,
        pod: &Value,
        rules: Option<&Value>,
    ) -> Result<PodAnswer<Selection<'_>>, FfiError> {
        let rules = chosen("rules", rules, MatchRules::parse)?;
        Ok(match self.read(pod, &rules) {
            Ok(pod) => PodAnswer::Pod(self.index.winner_with(&pod, &rules, &mut self.buffers)),
            Err(diagnostics) => unreadable(diagnostics),
        })
    }

    /// Returns which cache a pod uses, the reason for each other cache, and the next steps of ECI.
    ///
    /// # Errors
    /// Returns an error if the rules are invalid.
    pub fn explain(
        &mut self,
        pod: &Value,
        rules: Option<&Value>,
    ) -> Result<PodAnswer<Explanation>, FfiError> {
        let rules = chosen("rules", rules, MatchRules::parse)?;
        Ok(match self.read(pod, &rules) {
            Ok(pod) => PodAnswer::Pod(self.index.explain_with(&pod, &rules, &mut self.buffers)),
            Err(diagnostics) => unreadable(diagnostics),
        })
    }

    /// Answers an AdmissionReview; these caches are the caches of the cluster.
    ///
    /// # Errors
    /// Returns an error if the settings or `now` are invalid. The error lists every invalid setting.
    pub fn review(
        &self,
        review: &Value,
        settings: Option<&Value>,
        now: Option<&str>,
    ) -> Result<ReviewAnswer, FfiError> {
        answer(review, settings, Some(&self.index), now)
    }
}

fn unreadable<T>(diagnostics: Vec<Diagnostic>) -> PodAnswer<T> {
    PodAnswer::Unreadable {
        decision: "Unreadable",
        diagnostics,
    }
}

/// A plan, its manifests, and what could not be read.
#[cfg(feature = "plan")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanAnswer {
    /// The plan.
    #[serde(flatten)]
    pub plan: Plan,
    /// The manifests of the plan as YAML, ready to apply, with the reasons as comments.
    pub manifests: String,
    /// The parts of the objects that could not be read.
    pub diagnostics: Vec<Diagnostic>,
}

/// Plans which caches to have for workloads. `objects` are workloads, caches, autoscalers and nodes, as an object, a list,
/// a reply of the ECI API, or an array of these. `facts` has `sizes`, an object of sizes by image, and `prices`, a price
/// file or a list of price files; without prices, costs are unknown.
///
/// ```
/// use imagecache::ffi;
/// use serde_json::json;
/// let pod = json!({"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"image": "web:1"}]}});
/// let facts = json!({"sizes": {"web:1": "12Gi"}});
/// let answer = ffi::plan(&pod, Some(&facts), None)?;
/// assert_eq!(answer.plan.caches[0].size_gib, 24);
/// # Ok::<(), ffi::FfiError>(())
/// ```
///
/// # Errors
/// Returns an error if the options are invalid, or `facts` has an unknown member. Invalid sizes and prices are findings of
/// the plan.
#[cfg(feature = "plan")]
pub fn plan(
    objects: &Value,
    facts: Option<&Value>,
    options: Option<&Value>,
) -> Result<PlanAnswer, FfiError> {
    let options = chosen("options", options, PlanOptions::parse)?;
    let mut input = PlanInput::default();
    let mut table = PriceTable::default();
    if let Some(facts) = facts.filter(|facts| !facts.is_null()) {
        let members = facts.as_object();
        let members = members.ok_or_else(|| FfiError::invalid("facts", "must be an object"))?;
        for (name, value) in members {
            match (name.as_str(), value) {
                ("sizes" | "prices", Value::Null) => {}
                ("sizes", sizes) => input.sizes("sizes", sizes),
                ("prices", Value::Array(files)) => {
                    for (index, file) in files.iter().enumerate() {
                        table.add(&format!("prices[{index}]"), file);
                    }
                }
                ("prices", file) => table.add("prices", file),
                _ => {
                    let message = format!("`{name}`: unknown field, expected `sizes` or `prices`");
                    return Err(FfiError::invalid("facts", message));
                }
            }
        }
    }
    let mut report = Report::new(&Levels::DEFAULT);
    input.add(objects, &mut report);
    input.apply_defaults();
    let plan = crate::plan::plan(&input, &table, &options);
    Ok(PlanAnswer {
        manifests: plan.yaml(),
        plan,
        diagnostics: report.finish(),
    })
}

/// A part of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The whole value.
    Whole,
    /// These members of an object; the whole value if it is not an object.
    Members(&'static [(&'static str, Part)]),
    /// This part of each item of a list; the whole value if it is not a list.
    Items(&'static Part),
}

const STORAGE: Part = Part::Members(&[("ephemeral-storage", Part::Whole)]);

const CONTAINERS: Part = Part::Items(&Part::Members(&[
    ("image", Part::Whole),
    ("restartPolicy", Part::Whole),
    (
        "resources",
        Part::Members(&[("requests", STORAGE), ("limits", STORAGE)]),
    ),
]));

/// The part of a Pod that [`CacheIndex::select`] and [`CacheIndex::explain`] read. A host whose pods are objects of its
/// own language copies only this part: a pod of a cluster is several kilobytes of JSON, the part is often below 300
/// bytes. The answers are the same. It is for objects with `kind: Pod` whose `apiVersion` is `v1` or missing.
pub const POD: Part = Part::Members(&[
    ("apiVersion", Part::Whole),
    ("kind", Part::Whole),
    (
        "metadata",
        Part::Members(&[
            ("name", Part::Whole),
            ("generateName", Part::Whole),
            ("namespace", Part::Whole),
            (
                "annotations",
                Part::Members(&[
                    (annotation::POD_CACHE_ID, Part::Whole),
                    (annotation::POD_CACHE_ID_OLD, Part::Whole),
                    (annotation::POD_AUTO, Part::Whole),
                    (annotation::POD_AUTO_OLD, Part::Whole),
                    (annotation::POD_PERFECT_MATCH, Part::Whole),
                    (annotation::POD_MATCH_COUNT, Part::Whole),
                    (annotation::POD_EXTRA_STORAGE, Part::Whole),
                    (annotation::ECI_BURST, Part::Whole),
                    (annotation::ECI_INSTANCE_ID, Part::Whole),
                ]),
            ),
            (
                "labels",
                Part::Members(&[
                    (annotation::ECI_LABEL, Part::Whole),
                    (annotation::ECI_BURST, Part::Whole),
                    (annotation::ACS_LABEL, Part::Whole),
                    (annotation::ACS_COMPUTE_CLASS, Part::Whole),
                ]),
            ),
        ]),
    ),
    (
        "spec",
        Part::Members(&[
            ("containers", CONTAINERS),
            ("initContainers", CONTAINERS),
            ("os", Part::Members(&[("name", Part::Whole)])),
            ("nodeName", Part::Whole),
            ("nodeSelector", Part::Whole),
            ("affinity", Part::Members(&[("nodeAffinity", Part::Whole)])),
            (
                "tolerations",
                Part::Items(&Part::Members(&[("key", Part::Whole)])),
            ),
        ]),
    ),
]);
