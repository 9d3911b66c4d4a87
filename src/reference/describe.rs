//! Everything about one text as a record: what the command line and `ffi` return.

use serde::{Deserialize, Serialize};

use super::error::{ReferenceError, ReferenceFaultClass};
use super::named::Named;

/// What a text means as an image. Fields that do not apply are null in JSON, never left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The text as given.
    pub input: String,
    /// Whether it is a reference; if so `error` is null, else everything between is.
    pub valid: bool,
    /// Domain and path in full: `docker.io/library/nginx`.
    pub name: Option<String>,
    /// Host and port: `docker.io`. Null as well for the rare name that has none in full (`a.b_c/x`).
    pub domain: Option<String>,
    /// The name without the domain: `library/nginx`.
    pub path: Option<String>,
    /// The tag as written; no default is put here.
    pub tag: Option<String>,
    /// The digest as written, algorithm included.
    pub digest: Option<String>,
    /// The canonical text, with `:latest` where neither tag nor digest is written: Go's
    /// `TagNameOnly(ParseNormalizedNamed(input)).String()`.
    pub normalized: Option<String>,
    /// The short text, nothing added: Go's `FamiliarString(ParseNormalizedNamed(input))`.
    pub familiar: Option<String>,
    /// Why it is no reference.
    pub error: Option<ReferenceFault>,
}

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceFault {
    /// The kind of fault.
    pub class: ReferenceFaultClass,
    /// What Go's error says.
    pub message: String,
}

/// Describes what a text means as an image of a manifest, as [`Named::parse`] reads it. An empty text has the class
/// `empty` and the message of Go's `Parse`.
///
/// ```
/// use imagecache::reference::{ReferenceFaultClass, describe};
/// let nginx = describe("nginx");
/// assert_eq!(nginx.normalized.as_deref(), Some("docker.io/library/nginx:latest"));
/// assert_eq!(nginx.familiar.as_deref(), Some("nginx"));
/// assert_eq!(describe("").error.unwrap().class, ReferenceFaultClass::Empty);
/// ```
#[must_use]
pub fn describe(text: &str) -> Reference {
    let parsed = if text.is_empty() {
        Err(ReferenceError::empty())
    } else {
        Named::parse(text)
    };
    let named = parsed.as_ref().ok();
    let owned = |text: &str| text.to_owned();
    Reference {
        input: text.to_owned(),
        valid: named.is_some(),
        name: named.map(|named| named.repository().to_string()),
        domain: named
            .map(Named::domain)
            .filter(|domain| !domain.is_empty())
            .map(owned),
        path: named.map(|named| named.path().into_owned()),
        tag: named.and_then(Named::tag).map(owned),
        digest: named.and_then(Named::digest).map(owned),
        normalized: named.map(|named| named.with_default_tag().to_string()),
        familiar: named.map(|named| named.familiar().to_string()),
        error: parsed.err().map(|error| ReferenceFault {
            class: error.class(),
            message: error.to_string(),
        }),
    }
}
