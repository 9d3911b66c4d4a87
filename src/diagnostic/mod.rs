//! What is wrong, where, and what to do: one form for every host.
//!
//! A diagnostic reads *path, fact, limit* (`spec.images: 21 images, at most 20 allowed`); its help is a second
//! sentence that says what to do. Codes are stable: a code is never given a second meaning, and a retired one is
//! never used again.

use std::fmt::{self, Write as _};
use std::ops::Range;

use serde::Serialize;

use crate::document::{Document, Places, Span, Text};
use crate::path::Path;

mod code;
mod level;

pub use code::{Code, UnknownCode};
pub use level::{Level, Levels, Severity};

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The rule that was broken.
    pub code: Code,
    /// How much it matters, after [`Levels`].
    pub severity: Severity,
    /// Which document of the text, from 0.
    pub document: usize,
    /// The place in the object, as Kubernetes writes it; empty for the document itself.
    pub path: String,
    /// The fact and the limit, without the path.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The place in the text, where the input was text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

impl fmt::Display for Diagnostic {
    /// `spec.images: 21 images, at most 20 allowed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// Input of a user inside a message: in back-ticks, cut after [`Quoted::LONGEST`] characters, control characters escaped
/// (a manifest must not repaint the terminal that prints what is wrong with it).
///
/// ```
/// use imagecache::diagnostic::Quoted;
/// assert_eq!(Quoted("nginx:1.25").to_string(), "`nginx:1.25`");
/// assert_eq!(Quoted("a\nb").to_string(), r"`a\nb`");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl Quoted<'_> {
    /// Characters of the input that are shown.
    pub const LONGEST: usize = 120;
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Between("`", self.0).fmt(f)
    }
}

/// The same between other marks.
pub(crate) struct Between<'a>(pub(crate) &'static str, pub(crate) &'a str);

impl fmt::Display for Between<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Between(mark, text) = *self;
        f.write_str(mark)?;
        let mut characters = text.chars();
        for character in characters.by_ref().take(Quoted::LONGEST) {
            if character.is_control() {
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

/// Which part of a value a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuotedPart {
    /// The whole value.
    Value,
    /// The key that holds the value.
    Key,
    /// These bytes of a string value, counted in the decoded string.
    Bytes(Range<usize>),
}

/// Collects the findings of one document.
///
/// Findings past [`Report::MAX_FINDINGS`] are counted, not kept: one hostile document must not fill the memory.
#[derive(Debug)]
pub struct Report<'a> {
    places: Option<&'a dyn Places>,
    index: usize,
    levels: &'a Levels,
    found: Vec<Diagnostic>,
    dropped: usize,
}

impl<'a> Report<'a> {
    /// At most this many findings are kept for one document; one more finding says how many were left out.
    pub const MAX_FINDINGS: usize = 1_000;

    /// A report on a value without text: findings carry no span.
    #[must_use]
    pub fn new(levels: &'a Levels) -> Self {
        Report {
            places: None,
            index: 0,
            levels,
            found: Vec::new(),
            dropped: 0,
        }
    }

    /// A report on a document of a text: findings carry spans.
    #[must_use]
    pub fn on(document: &'a Document, levels: &'a Levels) -> Self {
        Report {
            places: Some(document),
            index: document.index(),
            levels,
            found: Vec::new(),
            dropped: 0,
        }
    }

    /// A report on a document that could not be read: findings carry the spans they are given.
    pub(crate) fn at(index: usize, levels: &'a Levels) -> Self {
        Report {
            index,
            ..Report::new(levels)
        }
    }

    /// Reports a finding about the whole value at `path`.
    ///
    /// Message and help are only formatted when the finding is kept: give `format_args!`, not `format!`.
    pub fn add(
        &mut self,
        code: Code,
        path: &Path<'_>,
        message: impl fmt::Display,
        help: impl fmt::Display,
    ) {
        self.keep(code, path, &QuotedPart::Value, &message, &help);
    }

    /// Reports a finding about a part of the value at `path`. An empty `help` is none.
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

    /// Reports a finding about a place in the text that no path leads to (a syntax error).
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

    // Below here nothing is generic: a rule's messages cost a rule only their words.
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

    /// Whether findings are only counted from here on: a rule may spare itself the search for a better word.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.found.len() >= Self::MAX_FINDINGS
    }

    /// The findings in document order: by place in the text, or, without a text, in the order of the rules' walk.
    #[must_use]
    pub fn finish(mut self) -> Vec<Diagnostic> {
        let place =
            |found: &Diagnostic| found.span.map(|span| (span.start.offset, span.end.offset));
        self.found.sort_by(|a, b| place(a).cmp(&place(b)));
        if self.dropped > 0
            && let Some(severity) = self.levels.severity(Code::IC003)
        {
            self.found.push(Diagnostic {
                code: Code::IC003,
                severity,
                document: self.index,
                path: String::new(),
                message: format!(
                    "{} more findings, at most {} are kept",
                    self.dropped,
                    Self::MAX_FINDINGS
                ),
                help: Some("Mend the first ones and look again.".to_owned()),
                span: None,
            });
        }
        self.found
    }
}
