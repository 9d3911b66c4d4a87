//! A reference as written, without anything added.

use std::fmt;

use super::error::{ReferenceError, character};
use super::grammar::{Grammar, GrammarError};
use super::{PATH_LENGTH_MAX, digest, grammar, lower};

/// A well-formed reference as written: Go's `Parse`. Nothing is added: `nginx` has no domain and no tag.
///
/// ```
/// use imagecache::reference::ParsedReference;
/// let reference = ParsedReference::parse("team/app:1.0").unwrap();
/// assert_eq!((reference.domain(), reference.path()), ("team", "app"));
/// assert_eq!((reference.tag(), reference.digest()), (Some("1.0"), None));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ParsedReference<'a> {
    name: &'a str,
    domain: &'a str,
    path: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> ParsedReference<'a> {
    /// Parses a reference.
    ///
    /// # Errors
    /// Returns [`ReferenceError`] of any class except `Hex64Identifier`. The first that applies of: empty, grammar (or upper
    /// case), length, digest.
    pub fn parse(text: &'a str) -> Result<Self, ReferenceError<'a>> {
        if text.is_empty() {
            return Err(ReferenceError::empty());
        }
        match grammar::reference(text) {
            Ok(parts) => Self::checked(text, parts, 0),
            Err(stop) => Err(misfit(text, stop, grammar::reference)),
        }
    }

    /// Parses a name without tag and digest: Go's `WithName`.
    ///
    /// # Errors
    /// Returns `InvalidFormat` or `TooLong`.
    pub fn from_name(name: &'a str) -> Result<Self, ReferenceError<'a>> {
        match grammar::name(name) {
            Ok(parts) => Self::checked(name, parts, 0),
            Err(stop) => Err(ReferenceError::format(name, stop)),
        }
    }

    /// Returns this name and digest with another tag.
    ///
    /// # Errors
    /// Returns `InvalidFormat`, with a position in `tag`.
    pub fn with_tag(self, tag: &'a str) -> Result<Self, ReferenceError<'a>> {
        grammar::tag(tag).map_err(|stop| ReferenceError::tag(tag, stop))?;
        Ok(ParsedReference {
            tag: Some(tag),
            ..self
        })
    }

    /// Returns this name and tag with another digest. As in Go, only its form is checked, not its algorithm and length.
    ///
    /// # Errors
    /// Returns `DigestFormat`, with a position in `digest`.
    pub fn with_digest(self, digest: &'a str) -> Result<Self, ReferenceError<'a>> {
        grammar::digest(digest).map_err(|stop| ReferenceError::digest(digest, stop))?;
        Ok(ParsedReference {
            digest: Some(digest),
            ..self
        })
    }

    /// Checks the length and the digest, with `more` bytes counted before the path.
    pub(super) fn checked(
        text: &'a str,
        parts: grammar::ReferenceParts<'a>,
        more: usize,
    ) -> Result<Self, ReferenceError<'a>> {
        let grammar::ReferenceParts {
            name,
            domain,
            path,
            tag,
            digest,
        } = parts;
        if path.len() + more > PATH_LENGTH_MAX {
            return Err(ReferenceError::too_long(
                name.len() - path.len()..name.len(),
            ));
        }
        if let Some(digest) = digest {
            digest::check(digest).map_err(|error| error.moved(text.len() - digest.len()))?;
        }
        Ok(ParsedReference {
            name,
            domain,
            path,
            tag,
            digest,
        })
    }

    /// Returns host and port; empty if the reference has none.
    #[must_use]
    pub fn domain(&self) -> &'a str {
        self.domain
    }

    /// Returns the name without the domain.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// Returns domain and path.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Returns the tag, if one is written.
    #[must_use]
    pub fn tag(&self) -> Option<&'a str> {
        self.tag
    }

    /// Returns the digest with its algorithm, if one is written.
    #[must_use]
    pub fn digest(&self) -> Option<&'a str> {
        self.digest
    }
}

impl fmt::Display for ParsedReference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        write_suffix(f, self.tag, self.digest)
    }
}

pub(super) fn write_suffix(
    f: &mut fmt::Formatter<'_>,
    tag: Option<&str>,
    digest: Option<&str>,
) -> fmt::Result {
    if let Some(tag) = tag {
        write!(f, ":{tag}")?;
    }
    if let Some(digest) = digest {
        write!(f, "@{digest}")?;
    }
    Ok(())
}

/// Returns the error of a text that does not follow the grammar: upper case if it would in lower case, else its format.
pub(super) fn misfit<'a>(text: &str, stop: GrammarError, grammar: Grammar) -> ReferenceError<'a> {
    if lower::ascii_lower(text).is_none_or(|lower| grammar(&lower).is_err()) {
        return ReferenceError::format(text, stop);
    }
    let stopped = character(text, stop.at);
    let culprit = text.get(stopped.clone()).and_then(lower::first_change);
    let at = if culprit.is_some() {
        Some(stopped)
    } else {
        lower::first_change(text)
    };
    ReferenceError::uppercase(at.unwrap_or_default())
}
