//! May this object pass, and what is written on it before it does: an admission request, settings and the caches of
//! the cluster to a verdict.
//!
//! | object | CREATE | UPDATE |
//! |---|---|---|
//! | `ImageCache` | judged | judged |
//! | Pod | judged; matched and changed as [`AdmissionSettings`] say | judged |
//! | what has a pod template | judged, never changed: its pods are, when they are created | judged |
//!
//! Everything else passes: other kinds, DELETE and CONNECT, subresources such as `status` (they are written by
//! controllers and hold no wish of a person), and objects that are being deleted (whoever removes a finalizer must
//! not be stopped by a fault that was always there). An update is not denied for a fault that the old object had
//! already: that one only warns.
//!
//! Kinds are told by `request.kind`, never by `request.resource`, which some hosts fill in wrongly.
//!
//! The verdict depends on the arguments alone. Expiry is judged as of `rules.now` of the settings, else as of the
//! host's `now`, else as of the time that the API server itself wrote on the request's object
//! (`metadata.managedFields[].time`), else not at all.

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
use crate::time::Timestamp;
use crate::validate::{self, ValidateOptions};

pub use caches::CacheSource;
pub use patch::PatchOp;
#[cfg(feature = "review")]
pub use review::review;
pub use settings::{AdmissionMode, AdmissionSettings, AdmittedPods, OnMiss, OnUnavailable};
pub use verdict::{AdmissionCause, AdmissionVerdict};
pub use warnings::{MAX_WARNING_RUNES, MAX_WARNINGS_RUNES};

/// At most this many faults are told in the message of a denial; the rest is counted.
pub const MAX_CAUSES: usize = 20;

/// Why caches cannot be listed, where a host was given none.
pub const NO_CACHES: &str = "no caches were given";

/// Judges one AdmissionRequest (the `request` of an AdmissionReview).
///
/// `caches` is called at most once, and only for a pod whose fate depends on it; its error is a sentence for people,
/// and [`AdmissionSettings::on_caches_unavailable`] says what follows from it.
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
/// let verdict = decide(&request, &AdmissionSettings::default(), || Err("nobody asks for them".to_owned()), None);
/// assert!(!verdict.allowed);
/// assert_eq!(verdict.code, 422);
/// assert!(verdict.message.starts_with("spec.imageCacheSize: "));
/// ```
pub fn decide<'c>(
    request: &Value,
    settings: &AdmissionSettings,
    caches: impl FnOnce() -> Result<CacheSource<'c>, String>,
    now: Option<Timestamp>,
) -> AdmissionVerdict {
    let request = match Request::read(request) {
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
        Err(fault) => return verdict.warn(&format!("{fault}, so it was not judged")),
    };
    if object
        .get("metadata")
        .and_then(|metadata| metadata.get("deletionTimestamp"))
        .is_some()
    {
        return verdict;
    }
    if settings.validate {
        judge(&request, object, settings, &mut verdict);
    }
    if verdict.allowed && request.subject == Subject::Pod && request.operation == "CREATE" {
        let mut settings = settings.clone();
        settings.rules.now = settings.rules.now.or(now).or_else(|| written_at(object));
        pod::admit(object, &settings, caches, &mut verdict);
    }
    verdict.finish()
}

/// Kinds of objects, as a webhook's rules name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmittedKinds {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// Plural names.
    pub resources: &'static [&'static str],
}

/// What is judged and is no workload. The version is `v1`, as for all of these kinds.
pub const IMAGE_CACHES: AdmittedKinds = AdmittedKinds {
    group: resource::GROUP,
    resources: &[resource::PLURAL],
};

/// What is matched, and judged.
pub const PODS: AdmittedKinds = AdmittedKinds {
    group: "",
    resources: &["pods"],
};

/// What has a pod template and is judged for it.
pub const WORKLOADS: [AdmittedKinds; 3] = [
    AdmittedKinds {
        group: "",
        resources: &["replicationcontrollers", "podtemplates"],
    },
    AdmittedKinds {
        group: "apps",
        resources: &["deployments", "statefulsets", "daemonsets", "replicasets"],
    },
    AdmittedKinds {
        group: "batch",
        resources: &["jobs", "cronjobs"],
    },
];

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    ImageCache,
    Pod,
    Workload,
    Other,
}

impl Subject {
    fn of(group: &str, kind: &str) -> Self {
        match (group, kind) {
            (resource::GROUP, resource::KIND) => Subject::ImageCache,
            ("", "Pod") => Subject::Pod,
            ("", "ReplicationController" | "PodTemplate")
            | ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("batch", "Job" | "CronJob") => Subject::Workload,
            _ => Subject::Other,
        }
    }
}

/// The parts of an AdmissionRequest that count.
struct Request<'a> {
    subject: Subject,
    kind: &'a str,
    operation: &'a str,
    subresource: bool,
    object: Option<&'a Value>,
    old: Option<&'a Value>,
}

impl<'a> Request<'a> {
    fn read(request: &'a Value) -> Result<Self, String> {
        let text = |at: Option<&'a Value>, path: &str| {
            at.and_then(Value::as_str)
                .ok_or_else(|| format!("request.{path} is not a string"))
        };
        let gvk = request.get("kind");
        let kind = text(gvk.and_then(|gvk| gvk.get("kind")), "kind.kind")?;
        // The core group is written as an empty string, or left out by hosts that drop empty strings.
        let group = match gvk.and_then(|gvk| gvk.get("group")) {
            None | Some(Value::Null) => "",
            group => text(group, "kind.group")?,
        };
        let present = |name| request.get(name).filter(|value| !value.is_null());
        Ok(Request {
            subject: Subject::of(group, kind),
            kind,
            operation: text(request.get("operation"), "operation")?,
            subresource: present("subResource").is_some_and(|name| name != ""),
            object: present("object"),
            old: present("oldObject"),
        })
    }

    /// The object, if it is what the request says.
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

/// Holds an object against the rules. An update answers for what it brings, not for what was there.
fn judge(
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
        // ECI itself writes its annotations on living pods.
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
    };
    validate::object(object, &options)
}

/// When the API server wrote the object down: the newest time of its managed fields. It is the server's clock, read
/// for this very request.
fn written_at(object: &Value) -> Option<Timestamp> {
    let fields = object.get("metadata")?.get("managedFields")?.as_array()?;
    fields
        .iter()
        .filter_map(|field| field.get("time")?.as_str()?.parse().ok())
        .max()
}
