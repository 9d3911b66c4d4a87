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
    /// Reads a reference.
    ///
    /// # Errors
    /// Every [`ReferenceFaultClass`](super::Class) but `Hex64Identifier`; the first that applies of empty, grammar (or upper case),
    /// length, digest.
    pub fn parse(text: &'a str) -> Result<Self, ReferenceError<'a>> {
        if text.is_empty() {
            return Err(ReferenceError::empty());
        }
        match grammar::reference(text) {
            Ok(parts) => Self::checked(text, parts, 0),
            Err(stop) => Err(misfit(text, stop, grammar::reference)),
        }
    }

    /// Reads a name alone, without tag and digest: Go's `WithName`.
    ///
    /// # Errors
    /// `InvalidFormat` or `TooLong`.
    pub fn from_name(name: &'a str) -> Result<Self, ReferenceError<'a>> {
        match grammar::name(name) {
            Ok(parts) => Self::checked(name, parts, 0),
            Err(stop) => Err(ReferenceError::format(name, stop)),
        }
    }

    /// The same name and digest with this tag.
    ///
    /// # Errors
    /// `InvalidFormat`, with a place in `tag`.
    pub fn with_tag(self, tag: &'a str) -> Result<Self, ReferenceError<'a>> {
        grammar::tag(tag).map_err(|stop| ReferenceError::tag(tag, stop))?;
        Ok(ParsedReference {
            tag: Some(tag),
            ..self
        })
    }

    /// The same name and tag with this digest. As in Go only its form is checked, not its algorithm and length.
    ///
    /// # Errors
    /// `DigestFormat`, with a place in `digest`.
    pub fn with_digest(self, digest: &'a str) -> Result<Self, ReferenceError<'a>> {
        grammar::digest(digest).map_err(|stop| ReferenceError::digest(digest, stop))?;
        Ok(ParsedReference {
            digest: Some(digest),
            ..self
        })
    }

    /// Checks what the grammar leaves open, the path counted with `more` bytes before it.
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

    /// Host and port; empty when the reference has none.
    #[must_use]
    pub fn domain(&self) -> &'a str {
        self.domain
    }

    /// The name without the domain.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// Domain and path.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The tag, if one is written.
    #[must_use]
    pub fn tag(&self) -> Option<&'a str> {
        self.tag
    }

    /// The digest with its algorithm, if one is written.
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

/// Why a text does not follow the grammar: upper case if it would do so in lower case, else its format.
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
