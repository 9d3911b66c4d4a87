//! What the readers of JSON and of YAML have in common: the tree in the making, limits, faults.

use std::fmt;
use std::ops::Range;

use crate::diagnostic::{Code, Report};
use crate::path::Path;

use super::MAX_DEPTH;
use super::tree::{Kind, Tree};
use crate::diagnostic::Text;

/// Why a document cannot be read.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) range: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
    /// Nothing after it can be read either. (A JSON error always ends the text.)
    #[cfg_attr(not(feature = "yaml"), expect(dead_code))]
    pub(super) ends_text: bool,
}

impl Fault {
    pub(super) fn syntax(
        range: Range<usize>,
        message: impl fmt::Display,
        help: impl fmt::Display,
    ) -> Self {
        Fault {
            code: Code::IC001,
            range,
            message: message.to_string(),
            help: help.to_string(),
            ends_text: false,
        }
    }

    pub(super) fn limit(
        range: Range<usize>,
        message: impl fmt::Display,
        help: impl fmt::Display,
    ) -> Self {
        Fault {
            code: Code::IC003,
            ..Fault::syntax(range, message, help)
        }
    }

    /// A level of nesting too many.
    pub(super) fn depth(at: usize) -> Self {
        Fault::limit(
            at..at.saturating_add(1),
            format_args!("nested deeper than {MAX_DEPTH} levels"),
            "No Kubernetes object is nested as deep: check that the text is a manifest.",
        )
    }

    /// One too many of what a text may have.
    pub(super) fn ends_text(at: usize, what: &str, most: usize) -> Self {
        Fault {
            ends_text: true,
            ..Fault::limit(
                at..at.saturating_add(1),
                format_args!("more than {most} {what}"),
                "Split the text; what follows was not read.",
            )
        }
    }
}

/// A document in the making.
pub(super) struct Build<'t, 'l> {
    pub(super) text: &'t Text,
    pub(super) tree: Tree,
    pub(super) report: Report<'l>,
    depth: usize,
    /// How many keys and values the whole text may have, and how many may still come.
    most: usize,
    pub(super) left: usize,
    /// Bytes that aliases may still repeat.
    pub(super) alias_bytes: usize,
}

impl<'t, 'l> Build<'t, 'l> {
    pub(super) fn new(text: &'t Text, report: Report<'l>, most: usize, left: usize) -> Self {
        Build {
            text,
            tree: Tree::for_text(text.as_str().len()),
            report,
            depth: 0,
            most,
            left,
            alias_bytes: 0,
        }
    }

    /// Counts keys and values up to the one here.
    pub(super) fn take(&mut self, nodes: usize, at: usize) -> Result<(), Fault> {
        let left = self.left.checked_sub(nodes);
        self.left = left.unwrap_or_default();
        match left {
            Some(_) => Ok(()),
            None => Err(Fault::ends_text(at, "keys and values", self.most)),
        }
    }

    /// Counts the bytes of a value that aliases repeat.
    #[cfg(feature = "yaml")]
    pub(super) fn take_alias_bytes(&mut self, bytes: usize, at: usize) -> Result<(), Fault> {
        let left = self.alias_bytes.checked_sub(bytes);
        self.alias_bytes = left.unwrap_or_default();
        left.map(|_| ()).ok_or_else(|| {
            Fault::ends_text(at, "bytes repeated by aliases", super::MAX_ALIAS_BYTES)
        })
    }

    /// How many mappings and sequences are open.
    #[cfg(feature = "yaml")]
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Begins a mapping or sequence.
    pub(super) fn open(&mut self, kind: Kind, at: usize) -> Result<u32, Fault> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err(Fault::depth(at));
        }
        Ok(self.tree.push(kind, at..at))
    }

    /// Ends a mapping or sequence.
    pub(super) fn close(&mut self, node: u32, end: Option<usize>) {
        self.depth = self.depth.saturating_sub(1);
        self.tree.close(node, end);
    }

    /// Reports the keys of a mapping that had stood there before.
    pub(super) fn report_repeated(&mut self, mapping: u32, again: &[u32], path: &Path<'_>) {
        if again.is_empty() {
            return;
        }
        let (text, tree, report) = (self.text, &self.tree, &mut self.report);
        as_members(path, &mut |path| {
            for (first, again, key) in tree.first_keys(text.as_str(), mapping, again) {
                let message = fmt::from_fn(|f| {
                    let line = text.position(tree.span(first).start).line;
                    write!(
                        f,
                        "duplicate key, first defined on line {line}; the last value wins"
                    )
                });
                report.add_range(
                    Code::IC002,
                    &path.member(key),
                    (text, tree.span(again)),
                    message,
                    "Remove one of the two: kubectl drops the first without a warning, strict validation refuses both.",
                );
            }
        });
    }

    /// Reports why the document cannot be read.
    pub(super) fn report_fault(&mut self, fault: &Fault) {
        self.report.add_range(
            fault.code,
            &Path::Root,
            (self.text, fault.range.clone()),
            &fault.message,
            &fault.help,
        );
    }
}

/// A path made of fields, as it walked down the text, in the notation of Kubernetes.
fn as_members(path: &Path<'_>, then: &mut dyn FnMut(&Path<'_>)) {
    match path {
        Path::Root => then(path),
        Path::Field(parent, name) | Path::Key(parent, name) => {
            as_members(parent, &mut |parent| then(&parent.member(name)));
        }
        Path::Index(parent, index) => as_members(parent, &mut |parent| then(&parent.index(*index))),
    }
}
