//! Decides on admission requests: whether the object is allowed, and how it is changed. The verdict is made from the
//! request, settings and the caches of the cluster.
//!
//! | object | CREATE | UPDATE |
//! |---|---|---|
//! | `ImageCache` | validated | validated |
//! | Pod | validated; matched and changed as [`AdmissionSettings`] say | validated |
//! | a kind with pod templates ([`workloads`]), or of the setting `podPaths` | validated, not changed: its pods are, when they are created | validated |
//!
//! Everything else is allowed: other kinds, DELETE and CONNECT, subresources such as `status` (controllers write them),
//! and objects that are being deleted (an error that the object always had must not stop the removal of a finalizer).
//! An update is not denied for an error that the old object has too: that error is a warning.
//!
//! A pod on ACS is neither matched nor changed: image caches of ACS follow other rules.
//!
//! The kind is read from `request.kind`, not from `request.resource`, which some hosts fill in wrongly.
//!
//! The verdict depends on the arguments alone. Caches expire as of `rules.now` of the settings, else as of the
//! host's `now`, else as of the time that the API server itself wrote on the request's object
//! (`metadata.managedFields[].time`), else never.

mod caches;
mod list_scanner;
mod patch;
mod pod;
#[cfg(feature = "review")]
mod review;
mod settings;
mod verdict;
mod warnings;

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::resource;
use crate::resource::workload::{self, PodPaths, WORKLOADS, Workload};
use crate::time::Timestamp;
use crate::validate::{self, ValidateOptions};

pub use caches::{CacheSource, CachesUnavailable};
pub use patch::PatchOp;
#[cfg(feature = "review")]
pub use review::{ReviewError, review};
pub use settings::{AdmissionMode, AdmissionSettings, AdmittedPods, OnMiss, OnUnavailable};
pub use verdict::{AdmissionCause, AdmissionVerdict, DenialReason};
pub use warnings::{MAX_WARNING_RUNES, MAX_WARNINGS_RUNES};

/// The number of errors in the message of a denial; further errors are only counted.
pub const MAX_CAUSES: usize = 20;

/// The reason why caches cannot be listed where a host has none.
pub const NO_CACHES: &str = "no caches were given";

/// Decides on one AdmissionRequest (the `request` of an AdmissionReview).
///
/// `caches` is called at most once, and only for a pod whose verdict depends on the caches. Its error is a sentence for
/// people; [`AdmissionSettings::on_caches_unavailable`] says what follows from it.
///
/// ```
/// use imagecache::admission::{CacheSource, AdmissionSettings, decide};
/// let request = serde_json::json!({
///     "kind": {"group": "eci.alibabacloud.com", "version": "v1", "kind": "ImageCache"},
///     "operation": "CREATE",
///     "object": {
///         "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "base"},
///         "spec": {"images": ["nginx:1.27"], "imageCacheSize": 10},
///     },
/// });
/// let verdict = decide(&request, &AdmissionSettings::default(), || Err("not asked for".into()), None);
/// assert!(!verdict.allowed);
/// assert_eq!(verdict.code, 422);
/// assert!(verdict.message.starts_with("spec.imageCacheSize: "));
/// ```
pub fn decide<'c>(
    request: &Value,
    settings: &AdmissionSettings,
    caches: impl FnOnce() -> Result<CacheSource<'c>, CachesUnavailable>,
    now: Option<Timestamp>,
) -> AdmissionVerdict {
    let request = match Request::read(request, &settings.pod_paths) {
        Ok(request) => request,
        Err(fault) => return AdmissionVerdict::unreadable(&fault),
    };
    let mut verdict = AdmissionVerdict::allowed();
    if !request.matters() {
        return verdict;
    }
    let object = match request.readable_object() {
        Ok(object) => object,
        Err(fault) if request.subject == Subject::ImageCache => {
            return AdmissionVerdict::unreadable(&fault);
        }
        Err(fault) => return verdict.warn(&not_validated(&fault)),
    };
    if object
        .get("metadata")
        .and_then(|metadata| metadata.get("deletionTimestamp"))
        .is_some()
    {
        return verdict;
    }
    if settings.validate {
        validate_object(&request, object, settings, &mut verdict);
    }
    if verdict.allowed && request.subject == Subject::Pod && request.operation == "CREATE" {
        let mut settings = settings.clone();
        settings.rules.now = settings.rules.now.or(now).or_else(|| written_at(object));
        pod::admit(object, &settings, caches, &mut verdict);
    }
    verdict.finish()
}

fn not_validated(why: &str) -> String {
    format!("{why}, so it was not validated")
}

/// Kinds of one API group, as the rules of a webhook name them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdmittedKinds {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The versions that serve the kinds.
    pub versions: Vec<&'static str>,
    /// Plural names.
    pub resources: Vec<&'static str>,
}

/// Returns the kind `ImageCache`, whose objects are validated.
#[must_use]
pub fn image_caches() -> AdmittedKinds {
    AdmittedKinds {
        group: resource::GROUP,
        versions: vec![resource::VERSION],
        resources: vec![resource::PLURAL],
    }
}

/// Returns the kind `Pod`, whose objects are matched and validated.
#[must_use]
pub fn pods() -> AdmittedKinds {
    AdmittedKinds {
        group: "",
        versions: vec!["v1"],
        resources: vec!["pods"],
    }
}

/// Returns the kinds with pod templates, whose objects are validated: one entry for each API group, in the order of the
/// table of workloads.
///
/// ```
/// let kinds = imagecache::admission::workloads();
/// let batch = kinds.iter().find(|kinds| kinds.group == "batch").unwrap();
/// assert_eq!((&*batch.versions, &*batch.resources), (&["v1"][..], &["jobs", "cronjobs"][..]));
/// ```
#[must_use]
pub fn workloads() -> Vec<AdmittedKinds> {
    let mut kinds: Vec<AdmittedKinds> = Vec::new();
    for row in WORKLOADS.iter().filter(|row| is_validated(row)) {
        let group = match kinds.iter_mut().find(|kinds| kinds.group == row.group) {
            Some(group) => group,
            None => {
                kinds.push(AdmittedKinds {
                    group: row.group,
                    versions: Vec::new(),
                    resources: Vec::new(),
                });
                let Some(group) = kinds.last_mut() else {
                    continue;
                };
                group
            }
        };
        group.resources.push(row.plural);
        for version in row.versions {
            if !group.versions.contains(version) {
                group.versions.push(version);
            }
        }
    }
    kinds
}

/// Reports whether objects of a kind are validated because of their pod templates, or of those that they name.
fn is_validated(row: &Workload) -> bool {
    let is_pod = row.group.is_empty() && row.kind == "Pod";
    let has_pods = !row.templates.is_empty() || !row.references.is_empty();
    has_pods && !is_pod
}

/// The kind of object that a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    ImageCache,
    Pod,
    Workload,
    Other,
}

impl Subject {
    fn of(group: &str, kind: &str, paths: &PodPaths) -> Self {
        match (group, kind) {
            (resource::GROUP, resource::KIND) => Subject::ImageCache,
            ("", "Pod") => Subject::Pod,
            _ if workload::find(group, kind).is_some_and(is_validated) => Subject::Workload,
            _ if paths.teach(group, kind) => Subject::Workload,
            _ => Subject::Other,
        }
    }
}

/// The parts of an AdmissionRequest that are read.
struct Request<'a> {
    subject: Subject,
    kind: &'a str,
    operation: &'a str,
    subresource: bool,
    object: Option<&'a Value>,
    old: Option<&'a Value>,
}

impl<'a> Request<'a> {
    fn read(request: &'a Value, paths: &PodPaths) -> Result<Self, String> {
        let text = |at: Option<&'a Value>, path: &str| {
            at.and_then(Value::as_str)
                .ok_or_else(|| format!("request.{path} is not a string"))
        };
        let gvk = request.get("kind");
        let kind = text(gvk.and_then(|gvk| gvk.get("kind")), "kind.kind")?;
        // The core group is an empty string, or missing in hosts that drop empty strings.
        let group = match gvk.and_then(|gvk| gvk.get("group")) {
            None | Some(Value::Null) => "",
            group => text(group, "kind.group")?,
        };
        let present = |name| request.get(name).filter(|value| !value.is_null());
        Ok(Request {
            subject: Subject::of(group, kind, paths),
            kind,
            operation: text(request.get("operation"), "operation")?,
            subresource: present("subResource").is_some_and(|name| name != ""),
            object: present("object"),
            old: present("oldObject"),
        })
    }

    /// Returns the object, if it has the kind of the request.
    fn readable_object(&self) -> Result<&'a Value, String> {
        let object = self.object.filter(|object| object.is_object());
        let object = object.ok_or("request.object is not an object")?;
        match object.get("kind").and_then(Value::as_str) {
            Some(kind) if kind == self.kind => Ok(object),
            kind => Err(format!(
                "request.object has the kind `{}`, the request is about `{}`",
                kind.unwrap_or_default(),
                self.kind
            )),
        }
    }

    fn matters(&self) -> bool {
        self.subject != Subject::Other
            && !self.subresource
            && matches!(self.operation, "CREATE" | "UPDATE")
    }
}

/// Validates an object. An update is denied only for errors that the old object does not have.
fn validate_object(
    request: &Request<'_>,
    object: &Value,
    settings: &AdmissionSettings,
    verdict: &mut AdmissionVerdict,
) {
    let findings = findings(object, settings);
    let before = match request.old {
        Some(old) if request.operation == "UPDATE" => self::findings(old, settings),
        _ => Vec::new(),
    };
    let was = |found: &Diagnostic| {
        before.iter().any(|old| {
            (old.code, &old.path, &old.message) == (found.code, &found.path, &found.message)
        })
    };
    let mut codes = String::new();
    for code in Code::ALL
        .iter()
        .filter(|code| findings.iter().any(|found| found.code == **code))
    {
        codes.push_str(if codes.is_empty() { "" } else { "," });
        codes.push_str(code.as_str());
    }
    if !codes.is_empty() {
        verdict.audit("codes", codes);
    }
    for found in &findings {
        // ECI writes its annotations on running pods.
        if request.operation == "UPDATE" && found.code == Code::IC067 {
            continue;
        }
        match found.severity {
            Severity::Error if !was(found) => verdict.deny(found),
            Severity::Error | Severity::Warning => verdict.note(found),
            Severity::Hint => {}
        }
    }
}

fn findings(object: &Value, settings: &AdmissionSettings) -> Vec<Diagnostic> {
    let options = ValidateOptions {
        levels: settings.levels.clone(),
        max_size_gib: settings.max_size_gib,
        pod_paths: settings.pod_paths.clone(),
    };
    validate::object(object, &options)
}

/// Returns the time at which the API server wrote the object: the newest time of its managed fields. The API server reads
/// its clock for each request.
fn written_at(object: &Value) -> Option<Timestamp> {
    let fields = object.get("metadata")?.get("managedFields")?.as_array()?;
    fields
        .iter()
        .filter_map(|field| field.get("time")?.as_str()?.parse().ok())
        .max()
}
