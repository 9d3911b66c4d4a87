//! Paths to values inside an object, for messages.

use std::fmt;

/// The path of a value, for messages: `spec.images[0]`. Built without allocating; written only when needed.
#[derive(Clone, Copy)]
pub(super) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root(&'a str),
    Field(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    /// The path of a whole value, below `prefix` (which may be empty).
    #[must_use]
    pub(super) fn root(prefix: &'a str) -> Self {
        Path {
            parent: None,
            step: Step::Root(prefix),
        }
    }

    /// A field of the value here.
    #[must_use]
    pub(super) fn field(&'a self, name: &'a str) -> Self {
        Path {
            parent: Some(self),
            step: Step::Field(name),
        }
    }

    /// An item of the list here.
    #[must_use]
    pub(super) fn index(&'a self, index: usize) -> Self {
        Path {
            parent: Some(self),
            step: Step::Index(index),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self.step, Step::Root(""))
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root(prefix) => f.write_str(prefix),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Field(name) => {
                if self.parent.is_some_and(|parent| !parent.is_empty()) {
                    f.write_str(".")?;
                }
                f.write_str(name)
            }
        }
    }
}
