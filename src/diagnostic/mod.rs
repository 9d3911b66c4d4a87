//! Diagnostics: the one form in which every host reports a finding.
//!
//! A message reads *path: fact, limit* (`spec.images: 21 images, at most 20 allowed`); the help says how to fix it. Codes
//! are stable: a code keeps its meaning, and a retired code is not used again.

use std::fmt::{self, Write as _};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::foreign::{Foreign, steers};
use crate::path::Path;

mod code;
mod level;
mod text;

pub use code::{Code, UnknownCode};
pub use level::{Level, Levels, Severity, UnknownLevel};
pub use text::{Position, Span, Text};
pub(crate) use text::{flat_span, u32_of, usize_of};

/// One finding. Its JSON is the same in every host: `line`, `column` and the other members of [`Span`] are members of
/// the finding, and null if the input was not text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The document of the text, from 0.
    pub document: usize,
    /// The place in the text; `None` if the input was not text.
    #[serde(flatten, with = "flat_span")]
    pub span: Option<Span>,
    /// The severity after [`Levels`].
    pub severity: Severity,
    /// The code of the rule.
    pub code: Code,
    /// The field, as Kubernetes writes it; empty for the document itself.
    pub path: String,
    /// The fact and the limit, without the path.
    pub message: String,
    /// The fix: an imperative sentence.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Returns a finding of the default severity of its code, about a whole document. The caller sets other fields.
    ///
    /// ```
    /// use imagecache::diagnostic::{Code, Diagnostic, Severity};
    /// let found = Diagnostic::new(Code::IC005, "cannot be read");
    /// assert_eq!((found.severity, found.to_string()), (Severity::Error, "cannot be read".to_owned()));
    /// ```
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Diagnostic {
            document: 0,
            span: None,
            severity: code.severity(),
            code,
            path: String::new(),
            message: message.into(),
            help: None,
        }
    }
}

impl fmt::Display for Diagnostic {
    /// Writes `spec.images: 21 images, at most 20 allowed`, as one line: keys of the manifest are in the path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", Foreign(&self.path).line())?;
        }
        write!(f, "{}", Foreign(&self.message).line())
    }
}

/// User input in a message: in back-ticks, cut after [`Quoted::LONGEST`] characters, control characters escaped (a
/// manifest must not repaint the terminal that prints what is wrong with it).
///
/// ```
/// use imagecache::diagnostic::Quoted;
/// assert_eq!(Quoted("nginx:1.25").to_string(), "`nginx:1.25`");
/// assert_eq!(Quoted("a\nb").to_string(), r"`a\nb`");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl Quoted<'_> {
    /// The maximum number of characters shown.
    pub const LONGEST: usize = 120;
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Between("`", self.0).fmt(f)
    }
}

/// User input, as in [`Quoted`], between other marks.
pub(crate) struct Between<'a>(pub(crate) &'static str, pub(crate) &'a str);

impl fmt::Display for Between<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Between(mark, text) = *self;
        f.write_str(mark)?;
        let mut characters = text.chars();
        for character in characters.by_ref().take(Quoted::LONGEST) {
            if steers(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        if characters.next().is_some() {
            f.write_char('…')?;
        }
        f.write_str(mark)
    }
}

/// The part of a value that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuotedPart {
    /// The whole value.
    Value,
    /// The key that holds the value.
    Key,
    /// A range of bytes of a string value, counted in the decoded string.
    Bytes(Range<usize>),
}

/// Where the parts of a value stand in a text: what a report asks of a [`Document`](crate::document::Document). A host that
/// never reads text carries none of the code that answers.
pub(crate) trait Places {
    /// Returns the place of a part of the value at `path`.
    fn locate(&self, path: &Path<'_>, part: &QuotedPart) -> Span;
}

impl fmt::Debug for dyn Places + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Document")
    }
}

/// Collects the findings of one document.
///
/// Findings beyond [`Report::MAX_FINDINGS`] are only counted: one hostile document must not fill the memory.
#[derive(Debug)]
pub struct Report<'a> {
    places: Option<&'a dyn Places>,
    index: usize,
    levels: &'a Levels,
    found: Vec<Diagnostic>,
    dropped: usize,
    count: usize,
}

impl<'a> Report<'a> {
    /// The maximum number of findings kept for one document. One further finding reports the number of omitted ones.
    pub const MAX_FINDINGS: usize = 1_000;

    /// Creates a report on a value without text. Its findings have no spans.
    #[must_use]
    pub fn new(levels: &'a Levels) -> Self {
        Report {
            places: None,
            index: 0,
            levels,
            found: Vec::new(),
            dropped: 0,
            count: 0,
        }
    }

    /// Creates a report on a document of a text.
    pub(crate) fn placed(places: &'a dyn Places, index: usize, levels: &'a Levels) -> Self {
        Report {
            places: Some(places),
            ..Report::at(index, levels)
        }
    }

    /// Creates a report on a document that could not be parsed. Its findings have the spans they are given.
    pub(crate) fn at(index: usize, levels: &'a Levels) -> Self {
        Report {
            index,
            ..Report::new(levels)
        }
    }

    /// Reports a finding about the whole value at `path`.
    ///
    /// Message and help are formatted only if the finding is kept: pass `format_args!`, not `format!`.
    pub fn add(
        &mut self,
        code: Code,
        path: &Path<'_>,
        message: impl fmt::Display,
        help: impl fmt::Display,
    ) {
        self.keep(code, path, &QuotedPart::Value, &message, &help);
    }

    /// Reports a finding about a part of the value at `path`. An empty `help` is omitted.
    pub fn add_part(
        &mut self,
        code: Code,
        path: &Path<'_>,
        part: QuotedPart,
        message: impl fmt::Display,
        help: impl fmt::Display,
    ) {
        self.keep(code, path, &part, &message, &help);
    }

    /// Reports a finding about a range of the text that has no path (a syntax error).
    pub(crate) fn add_range(
        &mut self,
        code: Code,
        path: &Path<'_>,
        (text, range): (&Text, Range<usize>),
        message: impl fmt::Display,
        help: impl fmt::Display,
    ) {
        let place = || Some(text.span(range.clone()));
        self.push(code, path, &place, &message, &help);
    }

    // The functions below are not generic: this keeps the code of each rule small.
    fn keep(
        &mut self,
        code: Code,
        path: &Path<'_>,
        part: &QuotedPart,
        message: &dyn fmt::Display,
        help: &dyn fmt::Display,
    ) {
        let places = self.places;
        let place = || places.map(|places| places.locate(path, part));
        self.push(code, path, &place, message, help);
    }

    fn push(
        &mut self,
        code: Code,
        path: &Path<'_>,
        place: &dyn Fn() -> Option<Span>,
        message: &dyn fmt::Display,
        help: &dyn fmt::Display,
    ) {
        self.count = self.count.saturating_add(1);
        let Some(severity) = self.levels.severity(code) else {
            return;
        };
        if self.is_full() {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let help = help.to_string();
        self.found.push(Diagnostic {
            code,
            severity,
            document: self.index,
            path: path.to_string(),
            message: message.to_string(),
            help: (!help.is_empty()).then_some(help),
            span: place(),
        });
    }

    /// Returns the number of findings so far, those of codes that are switched off included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns true if further findings are only counted, so that a rule can skip expensive suggestions.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.found.len() >= Self::MAX_FINDINGS
    }

    /// Returns the findings in document order: by position in the text, or, without a text, in the order in which the rules
    /// run.
    #[must_use]
    pub fn finish(mut self) -> Vec<Diagnostic> {
        sort_by_place(&mut self.found);
        if self.dropped > 0
            && let Some(severity) = self.levels.severity(Code::IC003)
        {
            self.found.push(Diagnostic {
                code: Code::IC003,
                severity,
                document: self.index,
                path: String::new(),
                message: format!(
                    "{} more findings omitted, at most {} are reported",
                    self.dropped,
                    Self::MAX_FINDINGS
                ),
                help: Some("Fix the reported findings and validate again.".to_owned()),
                span: None,
            });
        }
        self.found
    }
}

/// Sorts findings by document, then by position in the text. Findings without a position come last, in their order.
pub fn sort_by_place(found: &mut [Diagnostic]) {
    found.sort_by_key(|found| {
        let range = found.span.map(|span| (span.start.offset, span.end.offset));
        (found.document, range.is_none(), range)
    });
}
