//! The short form that Docker shows and users write.

use std::fmt;

use super::named::{DEFAULT_DOMAIN, Repository};
use super::written::write_suffix;

/// The short form of a reference, tag and digest included; see [`Named::familiar`](super::Named::familiar).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Familiar<'a> {
    pub(super) name: FamiliarName<'a>,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

/// The short form of a repository name: without `docker.io/`, and without `library/` if only one part follows.
///
/// ```
/// use imagecache::reference::Named;
/// let familiar = |text| Named::parse(text).unwrap().repository().familiar().to_string();
/// assert_eq!(familiar("docker.io/library/nginx:1.27"), "nginx");
/// assert_eq!(familiar("library/a/b"), "library/a/b");
/// assert_eq!(familiar("registry.example/library/nginx"), "registry.example/library/nginx");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FamiliarName<'a>(pub(super) Repository<'a>);

impl fmt::Display for FamiliarName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [domain, slash, library, rest] = self.0.pieces();
        if domain != DEFAULT_DOMAIN {
            f.write_str(domain)?;
            f.write_str(slash)?;
            f.write_str(library)?;
        } else if rest.contains('/') {
            f.write_str(library)?;
        }
        f.write_str(rest)
    }
}

impl fmt::Display for Familiar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        write_suffix(f, self.tag, self.digest)
    }
}
