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

mod index;
mod part;
#[cfg(feature = "plan")]
mod plan;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admission::{self, AdmissionSettings, CacheSource};
use crate::diagnostic::{Code, Diagnostic, Levels, Report, Severity};
use crate::document::{self, Span, TextFormat};
use crate::expiry::{self, Expiry, ExpiryFacts};
use crate::matching::{self, DocumentObject, Index};
use crate::reference::{self, Reference};
use crate::resource::{self, CrdVersion};
use crate::settings::SettingErrors;
use crate::time::{BadTimestamp, Timestamp};
use crate::validate::{self, ValidateOptions, Validation};

pub use index::{CacheBatch, CacheIndex, PodAnswer};
pub use part::{POD, Part};
#[cfg(feature = "plan")]
pub use plan::{PlanAnswer, plan, plan_text};

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
