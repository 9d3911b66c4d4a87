//! Full references: registry and namespace are filled in, so that different spellings of one image are equal.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use super::error::ReferenceError;
use super::familiar::{Familiar, FamiliarName};
use super::grammar::{self, Grammar};
use super::lower;
use super::written::{ParsedReference, misfit, write_suffix};

/// The default registry of a name.
pub const DEFAULT_DOMAIN: &str = "docker.io";

/// The default tag of a name without tag and digest.
pub const DEFAULT_TAG: &str = "latest";

const LEGACY_DEFAULT_DOMAIN: &str = "index.docker.io";
const LIBRARY: &str = "library/";

/// A full reference, Go's `ParseNormalizedNamed`: the meaning of a manifest's `image` for the kubelet and the runtimes.
/// `Display` is the canonical text without a default tag: `docker.io/library/nginx`.
///
/// ```
/// use imagecache::reference::Named;
/// let named = Named::parse("nginx").unwrap();
/// assert_eq!((named.domain(), &*named.path()), ("docker.io", "library/nginx"));
/// assert_eq!(named.to_string(), "docker.io/library/nginx");
/// assert_eq!(named.with_default_tag().to_string(), "docker.io/library/nginx:latest");
/// assert_eq!(named.familiar().to_string(), "nginx");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Named<'a> {
    repository: Repository<'a>,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

/// Domain and path of a [`Named`]: equal for all spellings of one repository, ordered as its text. No allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Repository<'a> {
    domain: &'a str,
    /// On [`DEFAULT_DOMAIN`] only: `library/` precedes `rest`, written or not.
    library: bool,
    rest: &'a str,
}

impl<'a> Named<'a> {
    /// Parses a reference and fills in registry and namespace.
    ///
    /// # Errors
    /// Returns [`ReferenceError`] of any class except `Empty`, which Go reports as `InvalidFormat` here. The first that
    /// applies of: image id, upper case in the path up to its first `:`, grammar (or upper case elsewhere), length, digest.
    pub fn parse(text: &'a str) -> Result<Self, ReferenceError<'a>> {
        if grammar::is_identifier(text) {
            return Err(ReferenceError::identifier(text));
        }
        let split = Split::new(text);
        let parsed = split.parsed;
        let offset = text.len() - parsed.len();
        let outcome = (split.grammar)(parsed);
        // Of what the grammar takes, only the algorithm of a digest without a tag can be upper case before a `:`.
        let suspect = outcome.map_or(true, |parts| parts.tag.is_none() && parts.digest.is_some());
        if suspect && let Some(error) = split.uppercase_remote(text) {
            return Err(error);
        }
        outcome
            .map_err(|stop| misfit(parsed, stop, split.grammar))
            .and_then(|parts| {
                ParsedReference::checked(
                    parsed,
                    parts,
                    if split.library { LIBRARY.len() } else { 0 },
                )
            })
            .map(|written| split.fill_in(written))
            .map_err(|error| error.moved(offset))
    }

    /// Parses a reference as a container runtime does to pull it, Go's `ParseDockerRef`: beside a digest the tag is dropped;
    /// without both the tag is [`DEFAULT_TAG`].
    ///
    /// # Errors
    /// Returns the errors of [`Named::parse`].
    ///
    /// ```
    /// use imagecache::reference::Named;
    /// assert_eq!(Named::parse_docker("busybox").unwrap().to_string(), "docker.io/library/busybox:latest");
    /// ```
    pub fn parse_docker(text: &'a str) -> Result<Self, ReferenceError<'a>> {
        let named = Self::parse(text)?;
        Ok(match named.digest {
            Some(_) => Named { tag: None, ..named },
            None => named.with_default_tag(),
        })
    }

    /// Returns domain and path.
    #[must_use]
    pub fn repository(&self) -> Repository<'a> {
        self.repository
    }

    /// Returns host and port. Empty only for names like `a.b_c/x`, whose first part looks like a host but is not valid.
    #[must_use]
    pub fn domain(&self) -> &'a str {
        self.repository.domain
    }

    /// Returns the name without the domain: `library/nginx`. See [`Repository::path`].
    #[must_use]
    pub fn path(&self) -> Cow<'a, str> {
        self.repository.path()
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

    /// Returns the written tag, or [`DEFAULT_TAG`] if there is no digest, as Kubernetes' `ParseImageName` does.
    #[must_use]
    pub fn effective_tag(&self) -> Option<&'a str> {
        self.tag.or(if self.digest.is_none() {
            Some(DEFAULT_TAG)
        } else {
            None
        })
    }

    /// Returns this reference with its [`effective_tag`](Self::effective_tag) written: Go's `TagNameOnly`.
    #[must_use]
    pub fn with_default_tag(self) -> Self {
        Named {
            tag: self.effective_tag(),
            ..self
        }
    }

    /// Returns the short form that Docker shows: `nginx:1.27` for `docker.io/library/nginx:1.27`.
    #[must_use]
    pub fn familiar(&self) -> Familiar<'a> {
        Familiar {
            name: self.repository.familiar(),
            tag: self.tag,
            digest: self.digest,
        }
    }
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.repository.fmt(f)?;
        write_suffix(f, self.tag, self.digest)
    }
}

impl<'a> Repository<'a> {
    /// Returns host and port; see [`Named::domain`].
    #[must_use]
    pub fn domain(&self) -> &'a str {
        self.domain
    }

    /// Returns the name without the domain. Allocates only if it contains `library/`.
    #[must_use]
    pub fn path(&self) -> Cow<'a, str> {
        if self.library {
            Cow::Owned([LIBRARY, self.rest].concat())
        } else {
            Cow::Borrowed(self.rest)
        }
    }

    /// Returns the short form of the name that Docker shows.
    #[must_use]
    pub fn familiar(&self) -> FamiliarName<'a> {
        FamiliarName(*self)
    }

    /// Returns the text in pieces.
    pub(crate) fn pieces(&self) -> [&'a str; 4] {
        let slash = if self.domain.is_empty() { "" } else { "/" };
        let library = if self.library { LIBRARY } else { "" };
        [self.domain, slash, library, self.rest]
    }
}

impl fmt::Display for Repository<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces()
            .into_iter()
            .try_for_each(|piece| f.write_str(piece))
    }
}

impl Ord for Repository<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let bytes = |repository: &Self| repository.pieces().into_iter().flat_map(str::bytes);
        bytes(self).cmp(bytes(other))
    }
}

impl PartialOrd for Repository<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The text before the first `/`: a registry, or the first part of a name on [`DEFAULT_DOMAIN`].
struct Split<'a> {
    /// The text after a known domain.
    parsed: &'a str,
    grammar: Grammar,
    /// The text after the domain, up to the end.
    remainder: &'a str,
    /// True if `library/` precedes the remainder.
    library: bool,
    hub: bool,
}

impl<'a> Split<'a> {
    fn new(text: &'a str) -> Self {
        match text.split_once('/') {
            None => Self::on_hub(text, true),
            Some((DEFAULT_DOMAIN | LEGACY_DEFAULT_DOMAIN, rest)) => {
                Self::on_hub(rest, !rest.contains('/'))
            }
            Some((first, remainder)) if is_registry(first) => Split {
                parsed: text,
                grammar: grammar::reference,
                remainder,
                library: false,
                hub: false,
            },
            Some(_) => Self::on_hub(text, false),
        }
    }

    fn on_hub(remainder: &'a str, library: bool) -> Self {
        Split {
            parsed: remainder,
            grammar: grammar::remote,
            remainder,
            library,
            hub: true,
        }
    }

    /// Returns an error if the remainder, up to a `:`, is not lower case.
    fn uppercase_remote(&self, text: &str) -> Option<ReferenceError<'a>> {
        let remote = self
            .remainder
            .split_once(':')
            .map_or(self.remainder, |(remote, _)| remote);
        let change = lower::first_change(remote)?;
        let offset = text.len() - self.remainder.len();
        Some(ReferenceError::uppercase_remote(change, self.library, remote).moved(offset))
    }

    fn fill_in(&self, written: ParsedReference<'a>) -> Named<'a> {
        let domain = if self.hub {
            DEFAULT_DOMAIN
        } else {
            written.domain()
        };
        let path = written.path();
        let (library, rest) = match path.strip_prefix(LIBRARY) {
            Some(rest) if self.hub && !self.library => (true, rest),
            _ => (self.library, path),
        };
        Named {
            repository: Repository {
                domain,
                library,
                rest,
            },
            tag: written.tag(),
            digest: written.digest(),
        }
    }
}

/// Returns true if the first of several parts of a name is a registry.
fn is_registry(first: &str) -> bool {
    first == "localhost"
        || first.bytes().any(|byte| matches!(byte, b'.' | b':'))
        || lower::first_change(first).is_some()
}
