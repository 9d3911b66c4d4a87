//! Paths of values in an object, as Kubernetes writes them: `spec.images[2]`,
//! `metadata.annotations[k8s.aliyun.com/imc-os-type]`.

use std::fmt;

/// A path into an object, built on the stack while a rule walks down: a valid object costs no allocation.
///
/// ```
/// use imagecache::path::Path;
/// let spec = Path::Root.field("spec");
/// let images = spec.field("images");
/// assert_eq!(images.index(2).to_string(), "spec.images[2]");
/// assert_eq!(Path::Root.to_string(), "");
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The document itself.
    Root,
    /// A named field of an object: `.name`.
    Field(&'a Path<'a>, &'a str),
    /// A key of a map whose keys are free text: `[key]`.
    Key(&'a Path<'a>, &'a str),
    /// An item of a list, counted from 0: `[2]`.
    Index(&'a Path<'a>, usize),
}

/// One step down a [`Path`]. Fields and map keys look the same in an object, so both are [`Step::Key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into the object member of this name.
    Key(&'a str),
    /// Into the list item of this index, from 0.
    Index(usize),
}

impl<'a> Path<'a> {
    /// Returns the path of the field `name` below this one.
    #[must_use]
    pub fn field(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }

    /// Returns the path of the map entry `key` below this one.
    #[must_use]
    pub fn key(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }

    /// Returns the path of a member whose name comes from a text: a field, or a map entry if the name is not a valid field
    /// name or the member is a label or an annotation.
    pub(crate) fn member(&'a self, name: &'a str) -> Path<'a> {
        let is_field = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !matches!(self, Path::Field(_, "annotations" | "labels"));
        if is_field {
            self.field(name)
        } else {
            self.key(name)
        }
    }

    /// Returns the path of the list item `index` (from 0) below this one.
    #[must_use]
    pub fn index(&'a self, index: usize) -> Path<'a> {
        Path::Index(self, index)
    }

    /// Calls `visit` with the path that some more steps lead to.
    pub(crate) fn descend(&self, steps: &[Step<'_>], visit: &mut dyn FnMut(&Path<'_>)) {
        match steps.split_first() {
            None => visit(self),
            Some((Step::Key(name), rest)) => self.member(name).descend(rest, visit),
            Some((Step::Index(index), rest)) => self.index(*index).descend(rest, visit),
        }
    }

    /// Returns the steps from the root down.
    #[must_use]
    pub fn steps(&self) -> Vec<Step<'a>> {
        let mut steps = Vec::new();
        let mut at = *self;
        loop {
            at = match at {
                Path::Root => break,
                Path::Field(parent, name) | Path::Key(parent, name) => {
                    steps.push(Step::Key(name));
                    *parent
                }
                Path::Index(parent, index) => {
                    steps.push(Step::Index(index));
                    *parent
                }
            };
        }
        steps.reverse();
        steps
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(shortened(name)),
            Path::Field(parent, name) => write!(f, "{parent}.{}", shortened(name)),
            Path::Key(parent, key) => write!(f, "{parent}[{}]", shortened(key)),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Returns the start of a name that is longer than Kubernetes allows (a prefix of 253 characters, a slash and 63 more): a
/// thousand findings below one hostile key must not fill the memory.
fn shortened(name: &str) -> &str {
    let mut end = name.len().min(320);
    while !name.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    name.get(..end).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_run_from_the_root_down() {
        let metadata = Path::Root.field("metadata");
        let annotations = metadata.field("annotations");
        let path = annotations.key("k8s.aliyun.com/imc-os-type");
        assert_eq!(
            path.to_string(),
            "metadata.annotations[k8s.aliyun.com/imc-os-type]"
        );
        assert_eq!(
            path.steps(),
            [
                Step::Key("metadata"),
                Step::Key("annotations"),
                Step::Key("k8s.aliyun.com/imc-os-type")
            ]
        );
        assert_eq!(
            Path::Root.field(&"é".repeat(200)).to_string(),
            "é".repeat(160)
        );
        assert_eq!(Path::Root.index(3).to_string(), "[3]");
        assert_eq!(Path::Root.index(3).steps(), [Step::Index(3)]);
    }
}
