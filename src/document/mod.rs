//! Text to values, with the place of every value kept: YAML and JSON, one reader for every host.
//!
//! A document's value is what `kubectl` would send for the same text: YAML is read by the rules of YAML 1.1 (`yes` is
//! true, `0100` is 64, `1e3` is 1000), keys become strings, a duplicate key keeps its last value, empty documents are skipped.
//! A tree of places is kept with the value, so that a finding about `spec.images[2]` can be underlined in the text.
//!
//! Hostile text ends at a named limit ([`TextLimits`]) with a finding; the work is linear in the text.
//!
//! ```
//! use imagecache::diagnostic::{Levels, QuotedPart};
//! use imagecache::path::Path;
//! use imagecache::document::{TextFormat, read};
//!
//! let text = "kind: ImageCache\nspec:\n  images:\n  - nginx:1.25\n";
//! let (documents, findings) = read(text, TextFormat::Auto, &Levels::default());
//! assert!(findings.is_empty());
//! assert_eq!(documents[0].value()["spec"]["images"][0], "nginx:1.25");
//!
//! let images = Path::Root.field("spec");
//! let images = images.field("images");
//! let tag = documents[0].locate(&images.index(0), &QuotedPart::Bytes(6..10));
//! assert_eq!((tag.start.line, tag.start.column), (4, 11));
//! assert_eq!(&text[tag.start.offset..tag.end.offset], "1.25");
//! ```

mod builder;
#[cfg(feature = "yaml")]
mod decimal;
mod json;
mod place;
#[cfg(feature = "yaml")]
mod scalar;
mod tree;
#[cfg(feature = "yaml")]
mod yaml;
#[cfg(feature = "yaml")]
mod yaml_cursor;
#[cfg(feature = "yaml")]
mod yaml_events;
#[cfg(feature = "yaml")]
mod yaml_scalars;
#[cfg(feature = "yaml")]
mod yaml_scanner;

use std::sync::Arc;

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, Levels, Places, QuotedPart, Report, usize_of};
use crate::path::Path;

pub use crate::diagnostic::{Position, Span, Text};

use builder::{Build, Fault};
use tree::Tree;

/// The message on a template that is not YAML before it is rendered.
pub(crate) const UNRENDERED: &str = "a template that is not rendered";

/// The deepest nesting of mappings and sequences.
pub const MAX_DEPTH: usize = 100;

/// How much is read of one text before a finding ([`Code::IC003`]) ends it. The default holds for texts of anybody: a
/// megabyte that wants to be slow is answered within some milliseconds. The time is linear in every limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextLimits {
    /// Bytes of text, up to 4 GiB. One Kubernetes object is at most 1.5 MiB.
    pub bytes: usize,
    /// Documents, empty ones included.
    pub documents: usize,
    /// Keys and values of a JSON text.
    pub nodes: usize,
    /// Keys and values of a YAML text, aliases written out. YAML takes several times as long to read as JSON.
    pub yaml_nodes: usize,
}

/// The most bytes of a text unless a host says otherwise: 4 MiB.
pub const MAX_BYTES: usize = 4 << 20;

/// The most documents of a text unless a host says otherwise.
pub const MAX_DOCUMENTS: usize = 10_000;

/// The most keys and values of a JSON text unless a host says otherwise.
pub const MAX_NODES: usize = 100_000;

/// The most keys and values of a YAML text unless a host says otherwise.
pub const MAX_YAML_NODES: usize = 20_000;

/// The most bytes that the aliases of a YAML text may repeat: 16 MiB, with [`NODE_BYTES`] for each value. 400 bytes of
/// aliases of aliases are gigabytes without it.
pub const MAX_ALIAS_BYTES: usize = 16 << 20;

/// What a value counts in [`MAX_ALIAS_BYTES`], beside the bytes of its text and keys: about its size in memory.
pub const NODE_BYTES: usize = 64;

impl TextLimits {
    /// The limits for untrusted texts.
    pub const DEFAULT: TextLimits = TextLimits {
        bytes: MAX_BYTES,
        documents: MAX_DOCUMENTS,
        nodes: MAX_NODES,
        yaml_nodes: MAX_YAML_NODES,
    };
}

impl Default for TextLimits {
    /// Returns [`TextLimits::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TextFormat {
    /// JSON when the first character is `{` or `[` and the text reads as JSON, else YAML.
    #[default]
    Auto,
    /// JSON only.
    Json,
    /// YAML only (of which most JSON is a part).
    Yaml,
}

impl Places for Document {
    fn locate(&self, path: &Path<'_>, part: &QuotedPart) -> Span {
        self.locate(path, part)
    }
}

impl<'a> Report<'a> {
    /// Creates a report on a document of a text. Its findings have spans.
    #[must_use]
    pub fn on(document: &'a Document, levels: &'a Levels) -> Self {
        Report::placed(document, document.index, levels)
    }
}

/// One document of a text: its value, and the place of each part of it.
#[derive(Debug, Clone)]
pub struct Document {
    index: usize,
    value: Value,
    tree: Tree,
    text: Arc<Text>,
}

impl Document {
    /// Which document of the text this is, from 0. Documents that say nothing are not counted, as `kubectl` does not;
    /// those that cannot be read are.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The value, as `kubectl` would send it.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The text that the document is a part of.
    #[must_use]
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The place of the document: from its first value to the end of its last.
    #[must_use]
    pub fn span(&self) -> Span {
        self.text.span(self.tree.span(0))
    }

    /// The place of the part of the value at `path`, to underline it.
    ///
    /// A scalar on one line is shown itself, with its quotes; a mapping, a sequence or a longer text is shown by its
    /// key, a list item without a key by its beginning. Bytes of a string are exact where the text has them as they are,
    /// and the whole scalar where it has not (escapes, folded lines). The value of an alias is shown where it is used
    /// (`*name`). When the path does not exist, the nearest value above it is shown by its key.
    #[must_use]
    pub fn locate(&self, path: &Path<'_>, part: &QuotedPart) -> Span {
        let place = place::find(&self.tree, self.text.as_str(), &self.value, &path.steps());
        self.text
            .span(place.range(&self.tree, self.text.as_str(), part))
    }

    /// Does the text say the value at `path` at a place of its own? Not when the path does not exist, and not when it comes
    /// from an alias or a merge: an edit would then change other values, too.
    #[must_use]
    pub fn is_exact(&self, path: &Path<'_>) -> bool {
        place::find(&self.tree, self.text.as_str(), &self.value, &path.steps()).is_exact()
    }
}

/// Reads every document of a text. What cannot be read becomes a finding; what can be read is still returned.
///
/// Findings: [`Code::IC001`] (one for each document that is neither YAML nor JSON), [`Code::IC002`] (a
/// duplicate key) and [`Code::IC003`] (a limit). They come in the order of the documents.
#[must_use]
pub fn read(text: &str, format: TextFormat, levels: &Levels) -> (Vec<Document>, Vec<Diagnostic>) {
    read_within(text, format, levels, &TextLimits::default())
}

/// Reads every document of a text, as far as the limits allow.
///
/// ```
/// use imagecache::diagnostic::{Code, Levels};
/// use imagecache::document::{TextFormat, TextLimits, read_within};
///
/// let mut limits = TextLimits::default();
/// limits.documents = 1;
/// let (documents, findings) = read_within("a: 1\n---\nb: 2\n", TextFormat::Auto, &Levels::default(), &limits);
/// assert_eq!(documents.len(), 1);
/// assert_eq!(findings[0].code, Code::IC003);
/// assert_eq!(findings[0].message, "more than 1 documents");
/// ```
#[must_use]
pub fn read_within(
    text: &str,
    format: TextFormat,
    levels: &Levels,
    limits: &TextLimits,
) -> (Vec<Document>, Vec<Diagnostic>) {
    let most = limits.bytes.min(usize_of(u32::MAX));
    if text.len() > most {
        let mut reading = Reading::new("", levels, limits);
        let fault = Fault::limit(
            0..0,
            format_args!("{} bytes of text, at most {most} are read", text.len()),
            "Split the text.",
        );
        let _ = reading.document(0, |_| Err(fault));
        return reading.finish();
    }
    let mut reading = Reading::new(text, levels, limits);
    let is_json = match format {
        TextFormat::Json => true,
        TextFormat::Yaml => false,
        TextFormat::Auto => {
            let start = text.trim_start_matches(BLANK);
            start.starts_with(['{', '[']) && !start.starts_with("{{")
        }
    };
    if !is_json {
        reading.read_yaml();
        return reading.finish();
    }
    let fault = reading.read_json();
    if format == TextFormat::Json || fault.is_none_or(|fault| fault.code != Code::IC001) {
        return reading.finish();
    }
    // Not JSON. YAML has braces and brackets, too; if it is not YAML either, the errors of the language it looks like are reported.
    let mut yaml = Reading::new(text, levels, limits);
    if yaml.read_yaml() && looks_like_json(text) {
        return reading.finish();
    }
    yaml.finish()
}

/// What may stand before the first character that says something.
const BLANK: [char; 5] = ['\u{feff}', ' ', '\t', '\r', '\n'];

/// Whether a character ends a line of YAML.
fn is_break(char: char) -> bool {
    matches!(char, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Are the first words those of JSON? YAML seldom quotes its keys.
fn looks_like_json(text: &str) -> bool {
    text.trim_start_matches(BLANK)
        .trim_start_matches(['{', '[', ' ', '\t', '\r', '\n'])
        .starts_with([
            '"', '}', ']', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9',
        ])
}

/// A text being read.
struct Reading<'a> {
    text: Arc<Text>,
    levels: &'a Levels,
    limits: &'a TextLimits,
    documents: Vec<Document>,
    findings: Vec<Diagnostic>,
    /// Documents met, empty ones included.
    met: usize,
    /// Documents that said something, read or not.
    count: usize,
    /// Keys and values that there may be, and those of them that may still come.
    most: usize,
    left: usize,
    /// Bytes that aliases may still repeat.
    alias_bytes: usize,
}

impl<'a> Reading<'a> {
    fn new(text: &str, levels: &'a Levels, limits: &'a TextLimits) -> Self {
        Reading {
            text: Arc::new(Text::new(text)),
            levels,
            limits,
            documents: Vec::new(),
            findings: Vec::new(),
            met: 0,
            count: 0,
            most: 0,
            left: 0,
            alias_bytes: MAX_ALIAS_BYTES,
        }
    }

    fn finish(self) -> (Vec<Document>, Vec<Diagnostic>) {
        (self.documents, self.findings)
    }

    /// Reads a stream of JSON values, as far as it is one.
    fn read_json(&mut self) -> Option<Fault> {
        let text = Arc::clone(&self.text);
        (self.most, self.left) = (self.limits.nodes, self.limits.nodes);
        let mut reader = json::Reader::new(text.as_str());
        while reader.has_more() {
            if let Err(fault) = self.document(reader.at(), |build| reader.document(build)) {
                return Some(fault);
            }
        }
        None
    }

    /// Reads a stream of YAML documents; is there a fault in one of them?
    #[cfg(feature = "yaml")]
    fn read_yaml(&mut self) -> bool {
        let text = Arc::clone(&self.text);
        (self.most, self.left) = (self.limits.yaml_nodes, self.limits.yaml_nodes);
        let mut faulty = false;
        for chunk in yaml::chunks(text.as_str()) {
            if let Err(fault) =
                self.document(chunk.text.start, |build| yaml::document(build, &chunk))
            {
                faulty = true;
                if fault.ends_text {
                    break;
                }
            }
        }
        faulty
    }

    /// Without its feature there is no YAML but JSON.
    #[cfg(not(feature = "yaml"))]
    fn read_yaml(&mut self) -> bool {
        self.read_json().is_some()
    }

    /// Takes one document in, the text of which begins at `at`.
    fn document(
        &mut self,
        at: usize,
        read: impl FnOnce(&mut Build<'_, '_>) -> Result<Value, Fault>,
    ) -> Result<(), Fault> {
        let text = Arc::clone(&self.text);
        let report = Report::at(self.count, self.levels);
        let mut build = Build::new(&text, report, self.most, self.left);
        build.alias_bytes = self.alias_bytes;
        let value = if self.met >= self.limits.documents {
            Err(Fault::ends_text(at, "documents", self.limits.documents))
        } else if self.findings.len() >= Report::MAX_FINDINGS {
            Err(Fault::ends_text(at, "findings", Report::MAX_FINDINGS))
        } else {
            read(&mut build)
        };
        self.met = self.met.saturating_add(1);
        self.left = build.left;
        self.alias_bytes = build.alias_bytes;
        if matches!(value, Ok(Value::Null)) {
            return Ok(());
        }
        if let Err(fault) = &value {
            build.report_fault(fault);
        }
        let index = self.count;
        self.count = self.count.saturating_add(1);
        let Build { tree, report, .. } = build;
        self.findings.extend(report.finish());
        self.documents.push(Document {
            index,
            value: value?,
            tree,
            text,
        });
        Ok(())
    }
}
