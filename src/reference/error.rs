//! Why a text is no reference, in Go's words, and where.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::grammar::GrammarError;

/// What kind of fault a reference has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceFaultClass {
    /// The text does not follow the grammar.
    InvalidFormat,
    /// It would follow the grammar in lower case.
    Uppercase,
    /// The digest's algorithm is none of sha256, sha384, sha512.
    DigestUnsupported,
    /// The digest has not the number of digits that its algorithm gives.
    DigestLength,
    /// The digest has upper-case letters.
    DigestFormat,
    /// The path is longer than [`PATH_LENGTH_MAX`](super::PATH_LENGTH_MAX).
    TooLong,
    /// The text is 64 hexadecimal digits: an image id, not a name.
    #[serde(rename = "hex64_identifier")]
    Hex64Identifier,
    /// There is no text.
    Empty,
}

impl ReferenceFaultClass {
    /// The class as the command line and `ffi` write it: `invalid_format`, `uppercase`, …
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

/// Why and where a text is no reference. `Display` is, letter for letter, what Go's error says.
///
/// ```
/// use imagecache::reference::{ReferenceFaultClass, Named};
/// let error = Named::parse("registry.example/team/App:1").unwrap_err();
/// assert_eq!(error.class(), ReferenceFaultClass::Uppercase);
/// assert_eq!(error.to_string(), "invalid reference format: repository name (team/App) must be lowercase");
/// assert_eq!(error.at(), 22..23);
/// assert_eq!(error.rule(), "a repository name is lower case");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
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

const LOWER_CASE: &str = "a repository name is lower case";

impl<'a> ReferenceError<'a> {
    /// The kind of fault.
    #[must_use]
    pub fn class(&self) -> ReferenceFaultClass {
        self.class
    }

    /// The bytes of the input that are at fault, on character boundaries; empty only at the input's end.
    #[must_use]
    pub fn at(&self) -> Range<usize> {
        self.at.clone()
    }

    /// The rule that the text breaks: one lower-case sentence without its full stop.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    pub(super) fn empty() -> Self {
        ReferenceError {
            class: ReferenceFaultClass::Empty,
            at: 0..0,
            rule: "a reference is not empty",
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

    /// `remote` has a character that lower-casing changes at `at`, an offset into the input.
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
            rule: "a repository path has at most 255 characters",
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

    /// The same fault in a text that has `offset` more bytes before it.
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

impl std::error::Error for ReferenceError<'_> {}

/// The bytes of the character at `at`; nothing at the end.
pub(super) fn character(text: &str, at: usize) -> Range<usize> {
    let length = text
        .get(at..)
        .and_then(|rest| rest.chars().next())
        .map_or(0, char::len_utf8);
    at..at + length
}
