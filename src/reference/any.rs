//! A text that is an image name or an image id.

use std::fmt;

use super::digest;
use super::error::ReferenceError;
use super::familiar::Familiar;
use super::grammar;
use super::named::Named;

/// A name, or a digest alone: Go's `ParseAnyReference`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnyReference<'a> {
    /// A full name.
    Named(Named<'a>),
    /// A digest without a name.
    Digest(Digest<'a>),
}

/// A valid digest: algorithm and lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest<'a> {
    /// `sha256`, `sha384` or `sha512`.
    pub algorithm: &'a str,
    /// 64, 96 or 128 digits.
    pub encoded: &'a str,
}

impl<'a> AnyReference<'a> {
    /// Parses 64 hexadecimal digits as a sha256 digest, `algorithm:digits` as a digest, and any other text as a name.
    ///
    /// # Errors
    /// Returns the errors of [`Named::parse`] except `Hex64Identifier`.
    ///
    /// ```
    /// use imagecache::reference::AnyReference;
    /// let id = "0123456789abcdef".repeat(4);
    /// assert_eq!(AnyReference::parse(&id).unwrap().to_string(), format!("sha256:{id}"));
    /// assert_eq!(AnyReference::parse("redis").unwrap().to_string(), "docker.io/library/redis");
    /// ```
    pub fn parse(text: &'a str) -> Result<Self, ReferenceError<'a>> {
        if grammar::is_identifier(text) {
            return Ok(Self::Digest(Digest {
                algorithm: "sha256",
                encoded: text,
            }));
        }
        match text.split_once(':') {
            Some((algorithm, encoded)) if digest::check(text).is_ok() => {
                Ok(Self::Digest(Digest { algorithm, encoded }))
            }
            _ => Named::parse(text).map(Self::Named),
        }
    }

    /// Returns the short form of the name; `None` for a digest.
    #[must_use]
    pub fn familiar(&self) -> Option<Familiar<'a>> {
        match self {
            Self::Named(named) => Some(named.familiar()),
            Self::Digest(_) => None,
        }
    }
}

impl fmt::Display for AnyReference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(named) => named.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl fmt::Display for Digest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.encoded)
    }
}
