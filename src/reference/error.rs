//! The error of an invalid reference: Go's message, the position and the rule.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::grammar::GrammarError;

/// The class of a reference error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReferenceFaultClass {
    /// The text does not follow the grammar.
    InvalidFormat,
    /// The text would follow the grammar in lower case.
    Uppercase,
    /// The algorithm of the digest is not sha256, sha384 or sha512.
    DigestUnsupported,
    /// The digest has the wrong number of digits for its algorithm.
    DigestLength,
    /// The digest has upper-case letters.
    DigestFormat,
    /// The path is longer than [`PATH_LENGTH_MAX`](super::PATH_LENGTH_MAX).
    TooLong,
    /// The text is 64 hexadecimal digits: an image id, not a name.
    #[serde(rename = "hex64_identifier")]
    Hex64Identifier,
    /// The text is empty.
    Empty,
}

impl ReferenceFaultClass {
    /// Returns the class as the command line and `ffi` write it: `invalid_format`, `uppercase`, …
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ReferenceFaultClass::InvalidFormat => "invalid_format",
            ReferenceFaultClass::Uppercase => "uppercase",
            ReferenceFaultClass::DigestUnsupported => "digest_unsupported",
            ReferenceFaultClass::DigestLength => "digest_length",
            ReferenceFaultClass::DigestFormat => "digest_format",
            ReferenceFaultClass::TooLong => "too_long",
            ReferenceFaultClass::Hex64Identifier => "hex64_identifier",
            ReferenceFaultClass::Empty => "empty",
        }
    }
}

impl fmt::Display for ReferenceFaultClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error of an invalid reference. `Display` is exactly the message of Go's error.
///
/// ```
/// use imagecache::reference::{ReferenceFaultClass, Named};
/// let error = Named::parse("registry.example/team/App:1").unwrap_err();
/// assert_eq!(error.class(), ReferenceFaultClass::Uppercase);
/// assert_eq!(error.to_string(), "invalid reference format: repository name (team/App) must be lowercase");
/// assert_eq!(error.at(), 22..23);
/// assert_eq!(error.rule(), "repository name must be lowercase");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ReferenceError<'a> {
    class: ReferenceFaultClass,
    at: Range<usize>,
    rule: &'static str,
    wording: Wording<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wording<'a> {
    Plain(&'static str),
    Remote { library: bool, remote: &'a str },
    Identifier(&'a str),
}

const LOWER_CASE: &str = "repository name must be lowercase";

impl<'a> ReferenceError<'a> {
    /// Returns the class of the error.
    #[must_use]
    pub fn class(&self) -> ReferenceFaultClass {
        self.class
    }

    /// Returns the invalid bytes of the input, on character boundaries; empty only at the end of the input.
    #[must_use]
    pub fn at(&self) -> Range<usize> {
        self.at.clone()
    }

    /// Returns the violated rule, in lower case and without a full stop.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    pub(super) fn empty() -> Self {
        ReferenceError {
            class: ReferenceFaultClass::Empty,
            at: 0..0,
            rule: "must not be empty",
            wording: Wording::Plain("repository name must have at least one component"),
        }
    }

    pub(super) fn identifier(text: &'a str) -> Self {
        ReferenceError {
            class: ReferenceFaultClass::Hex64Identifier,
            at: 0..text.len(),
            rule: "64 hexadecimal digits are an image id, not a name",
            wording: Wording::Identifier(text),
        }
    }

    pub(super) fn format(text: &str, stop: GrammarError) -> Self {
        Self::stopped(
            text,
            stop,
            ReferenceFaultClass::InvalidFormat,
            "invalid reference format",
        )
    }

    pub(super) fn tag(text: &str, stop: GrammarError) -> Self {
        Self::stopped(
            text,
            stop,
            ReferenceFaultClass::InvalidFormat,
            "invalid tag format",
        )
    }

    pub(super) fn digest(text: &str, stop: GrammarError) -> Self {
        Self::stopped(
            text,
            stop,
            ReferenceFaultClass::DigestFormat,
            "invalid digest format",
        )
    }

    fn stopped(
        text: &str,
        stop: GrammarError,
        class: ReferenceFaultClass,
        words: &'static str,
    ) -> Self {
        let at = character(text, stop.at);
        ReferenceError {
            class,
            at,
            rule: stop.rule,
            wording: Wording::Plain(words),
        }
    }

    /// Creates the error of a `remote` with an upper-case character at `at`, an offset into the input.
    pub(super) fn uppercase_remote(at: Range<usize>, library: bool, remote: &'a str) -> Self {
        let wording = Wording::Remote { library, remote };
        ReferenceError {
            class: ReferenceFaultClass::Uppercase,
            at,
            rule: LOWER_CASE,
            wording,
        }
    }

    pub(super) fn uppercase(at: Range<usize>) -> Self {
        let wording = Wording::Plain("repository name must be lowercase");
        ReferenceError {
            class: ReferenceFaultClass::Uppercase,
            at,
            rule: LOWER_CASE,
            wording,
        }
    }

    pub(super) fn too_long(at: Range<usize>) -> Self {
        ReferenceError {
            class: ReferenceFaultClass::TooLong,
            at,
            rule: "repository name must not be more than 255 characters",
            wording: Wording::Plain("repository name must not be more than 255 characters"),
        }
    }

    pub(super) fn bad_digest(
        class: ReferenceFaultClass,
        at: Range<usize>,
        rule: &'static str,
    ) -> Self {
        let words = match class {
            ReferenceFaultClass::DigestUnsupported => "unsupported digest algorithm",
            ReferenceFaultClass::DigestLength => "invalid checksum digest length",
            _ => "invalid checksum digest format",
        };
        ReferenceError {
            class,
            at,
            rule,
            wording: Wording::Plain(words),
        }
    }

    /// Returns this error for a text with `offset` more bytes before it.
    pub(super) fn moved(mut self, offset: usize) -> Self {
        self.at = self.at.start + offset..self.at.end + offset;
        self
    }
}

impl fmt::Display for ReferenceError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.wording {
            Wording::Plain(words) => f.write_str(words),
            Wording::Remote { library, remote } => {
                let prefix = if library { "library/" } else { "" };
                write!(
                    f,
                    "invalid reference format: repository name ({prefix}{remote}) must be lowercase"
                )
            }
            Wording::Identifier(text) => write!(
                f,
                "invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
            ),
        }
    }
}

/// Returns the bytes of the character at `at`; an empty range at the end.
pub(super) fn character(text: &str, at: usize) -> Range<usize> {
    let length = text
        .get(at..)
        .and_then(|rest| rest.chars().next())
        .map_or(0, char::len_utf8);
    at..at + length
}
