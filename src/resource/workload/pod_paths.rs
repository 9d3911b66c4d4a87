//! Pod paths: the places of pods in kinds that the table of workloads does not have.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::find;

/// The place of pods in the objects of one kind: `[GROUP/]KIND=/PATH`.
///
/// The path is a JSON Pointer (RFC 6901) in which `*` is each item of a list or each value of a map. It leads to a pod
/// template, an object with `spec`, or to a pod spec, an object with `containers`. The annotations and labels of the pod
/// are those of the `metadata` of the template; beside a pod spec, those of the `metadata` next to a field `spec`.
///
/// ```
/// use imagecache::resource::workload::PodPath;
/// let path: PodPath = "example.com/Farm=/spec/pods/*".parse().unwrap();
/// assert_eq!((path.group(), path.kind()), ("example.com", "Farm"));
/// assert_eq!(path.to_string(), "example.com/Farm=/spec/pods/*");
///
/// let error = "apps/Deployment=/spec/template".parse::<PodPath>().unwrap_err();
/// assert_eq!(error.to_string(), "`apps/Deployment` is a known kind, its pods are read without a path");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodPath {
    group: String,
    kind: String,
    steps: Vec<String>,
}

/// The reason why a text is not a [`PodPath`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PodPathError {
    /// It does not have the form `[GROUP/]KIND=/PATH`.
    Form,
    /// The group is not a lower-case DNS name.
    Group(String),
    /// The kind is not a name of letters and digits.
    Kind(String),
    /// The path is not a JSON Pointer: it does not begin with `/`, has an empty step, or an invalid escape.
    Path(String),
    /// The table of workloads has this kind.
    Known(String),
}

impl fmt::Display for PodPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PodPathError::Form => {
                f.write_str("expected [GROUP/]KIND=/PATH, such as example.com/Farm=/spec/pods/*")
            }
            PodPathError::Group(group) => {
                write!(f, "`{group}` is not an API group, such as example.com")
            }
            PodPathError::Kind(kind) => write!(f, "`{kind}` is not a kind, such as Farm"),
            PodPathError::Path(path) => write!(f, "`{path}` is not a path, such as /spec/pods/*"),
            PodPathError::Known(kind) => {
                write!(
                    f,
                    "`{kind}` is a known kind, its pods are read without a path"
                )
            }
        }
    }
}

impl std::error::Error for PodPathError {}

impl PodPath {
    /// Returns the API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The steps of the path, without escapes.
    pub(crate) fn steps(&self) -> &[String] {
        &self.steps
    }
}

impl FromStr for PodPath {
    type Err = PodPathError;

    fn from_str(text: &str) -> Result<Self, PodPathError> {
        let (name, path) = text.split_once('=').ok_or(PodPathError::Form)?;
        let (group, kind) = name.rsplit_once('/').unwrap_or(("", name));
        let label = |label: &str| {
            let byte =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !label.is_empty() && label.bytes().all(byte)
        };
        if !(group.is_empty() && !name.contains('/') || group.split('.').all(label)) {
            return Err(PodPathError::Group(group.to_owned()));
        }
        let starts = kind.starts_with(|first: char| first.is_ascii_alphabetic());
        if !starts || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(PodPathError::Kind(kind.to_owned()));
        }
        let not_a_path = || PodPathError::Path(path.to_owned());
        let steps = path.strip_prefix('/').ok_or_else(not_a_path)?.split('/');
        let steps = steps.map(unescaped).collect::<Option<_>>();
        if find(group, kind).is_some() {
            return Err(PodPathError::Known(name.to_owned()));
        }
        Ok(PodPath {
            group: group.to_owned(),
            kind: kind.to_owned(),
            steps: steps.ok_or_else(not_a_path)?,
        })
    }
}

/// Reads a step of a JSON Pointer: `~1` is a slash, `~0` a tilde.
fn unescaped(step: &str) -> Option<String> {
    let mut text = String::with_capacity(step.len());
    let mut rest = step.chars();
    while let Some(letter) = rest.next() {
        text.push(match letter {
            '~' => match rest.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            letter => letter,
        });
    }
    (!text.is_empty()).then_some(text)
}

impl fmt::Display for PodPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.group.is_empty() {
            write!(f, "{}/", self.group)?;
        }
        write!(f, "{}=", self.kind)?;
        for step in &self.steps {
            write!(f, "/{}", step.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

impl Serialize for PodPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PodPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Pod paths, in any order. In settings a list of texts: `["example.com/Farm=/spec/pods/*"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PodPaths(Vec<PodPath>);

impl PodPaths {
    /// No pod paths.
    pub const NONE: &'static PodPaths = &PodPaths(Vec::new());

    /// Returns the pod paths.
    #[must_use]
    pub fn as_slice(&self) -> &[PodPath] {
        &self.0
    }

    /// Returns the pod paths of a kind.
    pub(crate) fn of<'p>(&'p self, group: &str, kind: &str) -> impl Iterator<Item = &'p PodPath> {
        let all = self.0.iter();
        all.filter(move |path| path.kind == kind && path.group == group)
    }

    /// Reports whether a kind has pod paths.
    pub(crate) fn teach(&self, group: &str, kind: &str) -> bool {
        self.of(group, kind).next().is_some()
    }
}

impl FromIterator<PodPath> for PodPaths {
    fn from_iter<I: IntoIterator<Item = PodPath>>(paths: I) -> Self {
        PodPaths(paths.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_path_reads_what_it_writes() {
        for text in [
            "example.com/Farm=/spec/pods/*",
            "Farm=/spec",
            "a.b-c.io/F1=/spec/a~1b/~0/0",
        ] {
            assert_eq!(text.parse::<PodPath>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn pod_path_of_another_form_is_an_error() {
        let error = |text: &str| text.parse::<PodPath>().unwrap_err();
        assert_eq!(error(""), PodPathError::Form);
        assert_eq!(error("example.com/Farm"), PodPathError::Form);
        assert_eq!(error("/Farm=/spec"), PodPathError::Group(String::new()));
        assert_eq!(
            error("Example.com/Farm=/spec"),
            PodPathError::Group("Example.com".to_owned())
        );
        assert_eq!(
            error("example.com/v1/Farm=/spec"),
            PodPathError::Group("example.com/v1".to_owned())
        );
        assert_eq!(error("example.com/=/a"), PodPathError::Kind(String::new()));
        assert_eq!(error("e.io/9=/a"), PodPathError::Kind("9".to_owned()));
        for path in ["", "/", "spec", "/a//b", "/a~2", "/a~"] {
            assert_eq!(
                error(&format!("e.io/Farm={path}")),
                PodPathError::Path(path.to_owned())
            );
        }
        assert_eq!(
            error("batch/Job=/spec"),
            PodPathError::Known("batch/Job".to_owned())
        );
    }
}
