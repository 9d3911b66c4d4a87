//! The description of a reference that the command line and `ffi` return.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::{ReferenceError, ReferenceFaultClass};
use super::named::Named;

/// The description of a text as an image reference. Fields that do not apply are null in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reference {
    /// The text as given.
    pub input: String,
    /// True if the text is a valid reference. Otherwise `error` is set and the fields in between are null.
    pub valid: bool,
    /// Domain and path in full: `docker.io/library/nginx`.
    pub name: Option<String>,
    /// Host and port: `docker.io`. Also null for the rare name without a domain (`a.b_c/x`).
    pub domain: Option<String>,
    /// The name without the domain: `library/nginx`.
    pub path: Option<String>,
    /// The tag as written, without a default.
    pub tag: Option<String>,
    /// The digest as written, including the algorithm.
    pub digest: Option<String>,
    /// The canonical text, with `:latest` if neither tag nor digest is written: Go's
    /// `TagNameOnly(ParseNormalizedNamed(input)).String()`.
    pub normalized: Option<String>,
    /// The short text without additions: Go's `FamiliarString(ParseNormalizedNamed(input))`.
    pub familiar: Option<String>,
    /// The error, if the text is not a valid reference.
    pub error: Option<ReferenceFault>,
}

impl fmt::Display for Reference {
    /// Writes the canonical text, or the text as given if it is not a reference.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.normalized.as_ref().unwrap_or(&self.input))
    }
}

impl FromStr for Reference {
    type Err = ReferenceFault;

    /// Parses a text as [`describe`] does, and returns the error of an invalid one.
    ///
    /// ```
    /// use imagecache::reference::Reference;
    /// let nginx: Reference = "nginx".parse().unwrap();
    /// assert_eq!(nginx.to_string(), "docker.io/library/nginx:latest");
    /// assert_eq!("Nginx".parse::<Reference>().unwrap_err().class.as_str(), "uppercase");
    /// ```
    fn from_str(text: &str) -> Result<Self, ReferenceFault> {
        let mut described = describe(text);
        described.error.take().map_or(Ok(described), Err)
    }
}

/// The error of an invalid reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ReferenceFault {
    /// The class of the error.
    pub class: ReferenceFaultClass,
    /// The message of Go's error.
    pub message: String,
}

/// Describes a text as an image of a manifest, as [`Named::parse`] reads it. An empty text has the class `empty` and the
/// message of Go's `Parse`.
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
