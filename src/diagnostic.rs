//! What is wrong, where, and what to do: one form for every host.
//!
//! A diagnostic reads *path, fact, limit* (`spec.images: 21 images, at most 20 allowed`); its help is a second
//! sentence that says what to do. Codes are stable: a code is never given a second meaning, and a retired one is
//! never used again.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::document::{Document, Places, Span, Text};
use crate::path::Path;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing fails.
    Hint,
    /// Works, but likely not as meant, or costs money for nothing.
    Warning,
    /// The API server or ECI refuses it, or it fails later.
    Error,
}

impl Severity {
    /// `hint`, `warning` or `error`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Hint => "hint",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The table of codes: number, name, severity unless configured, one line. One row makes a code; its page is
/// `docs/codes/<number>.md`.
macro_rules! codes {
    ($($code:ident $name:literal $severity:ident $summary:literal;)*) => {
        /// A stable code of a rule, `IC001` and up.
        ///
        /// ```
        /// use imagecache::diagnostic::Code;
        /// let code: Code = "IC022".parse().unwrap();
        /// assert_eq!(code.name(), "too-many-images");
        /// assert_eq!(code, "too-many-images".parse().unwrap());
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $summary] $code,)* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Code] = &[$(Code::$code,)*];

            /// The code as written: `IC022`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// The rule's name in words: `too-many-images`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => $name,)* }
            }

            /// The severity a finding has unless [`Levels`] say otherwise.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Code::$code => Severity::$severity,)* }
            }

            /// One line on what the rule holds.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self { $(Code::$code => $summary,)* }
            }

            /// The page that explains the rule: why, examples, source. Markdown.
            #[cfg(feature = "explain")]
            #[must_use]
            pub fn page(self) -> &'static str {
                match self { $(Code::$code => include_str!(concat!("../docs/codes/", stringify!($code), ".md")),)* }
            }
        }
    };
}

codes! {
    // The text
    IC001 "syntax" Error "the text is neither YAML nor JSON";
    IC002 "duplicate-key" Error "a key stands twice in one mapping; the API server keeps the last";
    IC003 "limit" Error "the input passes a named limit: bytes, depth, nodes, documents or findings";
    IC004 "not-an-object" Error "a document is not a Kubernetes object";
    IC005 "unreadable" Error "an input that was named could not be read as text";
    // Identity
    IC010 "api-version" Error "apiVersion is missing or not the one that serves this kind";
    IC011 "kind" Error "kind is missing or not one that its API group has";
    IC012 "namespace-set" Warning "ImageCache is cluster scoped: a namespace is dropped in silence";
    IC013 "name-missing" Error "metadata.name is missing, and so is metadata.generateName";
    IC014 "name-invalid" Error "metadata.name is not an RFC 1123 subdomain of at most 253 characters";
    IC015 "unknown-field" Error "a field that no ImageCache has: it is refused or dropped in silence";
    IC016 "wrong-type" Error "a value has the wrong type";
    IC017 "label-form" Error "a label, or the key of an annotation, breaks the rules of Kubernetes";
    IC018 "annotations-too-long" Error "all annotations of one object together pass 256 KiB";
    // Images
    IC020 "images-missing" Error "spec or spec.images is missing";
    IC021 "images-empty" Error "spec.images is an empty list";
    IC022 "too-many-images" Error "one cache holds at most 20 images";
    IC023 "bad-reference" Error "an image is not a valid reference";
    IC024 "duplicate-image" Warning "two images are the same after normalisation";
    IC025 "mutable-tag" Warning "a tag that moves (latest, or none): the cache keeps the old content";
    // Secrets
    IC030 "secret-form" Error "an image pull secret is not written namespace:name";
    IC031 "duplicate-secret" Warning "an image pull secret stands twice";
    IC032 "too-many-secrets" Error "one cache takes at most 10 registry credentials";
    IC033 "private-without-secret" Hint "an image of a private-looking registry, and no way to log in";
    // Size and retention
    IC040 "size-range" Error "spec.imageCacheSize is not within 20 to 32768 GiB";
    IC041 "retention-range" Error "spec.retentionDays is not within 1 to 65536 days";
    IC042 "retention-missing" Hint "without spec.retentionDays the cache never expires and keeps costing";
    // Annotations
    IC050 "annotation-type" Error "the value of an annotation is not a string";
    IC051 "annotation-value" Error "the value of a known annotation has the wrong form";
    IC052 "annotation-unknown" Hint "a k8s.aliyun.com annotation that is not known here; it passes through";
    IC053 "annotation-misspelt" Warning "an unknown annotation that looks like a known one";
    IC054 "annotation-old" Hint "an old name of an annotation";
    IC055 "annotation-old-beside-new" Warning "the old and the new name of one annotation together";
    IC056 "annotation-misplaced" Warning "an annotation that has no effect on this kind of object";
    // Workloads
    IC060 "annotation-level" Warning "a pod annotation above the pod template: no effect";
    IC061 "explicit-beside-auto" Warning "an explicit cache beside automatic matching: the explicit one wins";
    IC062 "perfect-beside-count" Warning "perfect match beside a match count: perfect match wins";
    IC063 "match-count" Warning "a match count that asks for nothing, or for more images than the pod has";
    IC064 "pull-policy" Warning "an image pull policy that throws the benefit of the cache away";
    IC065 "not-on-eci" Hint "image cache annotations on a pod that does not ask for ECI";
    IC066 "cache-id-form" Warning "an image cache id that does not look like imc-…";
    IC067 "result-by-hand" Warning "an annotation that ECI writes was written by hand";
    IC068 "unknown-workload" Warning "a pod spec in an object of an unknown kind: not validated";
    // Status
    IC080 "phase-unknown" Warning "a phase that no document names";
    IC081 "status-form" Warning "a status field whose form no reader expects";
    IC082 "expiry-disagrees" Warning "the recorded expiry is not what the rules give";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No rule has this code or name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCode(
    /// What was asked for.
    pub String,
);

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no diagnostic code; codes look like `IC022` or `too-many-images`",
            self.0
        )
    }
}

impl std::error::Error for UnknownCode {}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Reads a code (`IC022`, in any case) or a rule's name (`too-many-images`).
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Code::ALL
            .iter()
            .copied()
            .find(|code| code.as_str().eq_ignore_ascii_case(text) || code.name() == text)
            .ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// What a configured code is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Findings are not reported.
    Off,
    /// Reported as hints.
    Hint,
    /// Reported as warnings.
    Warning,
    /// Reported as errors.
    Error,
}

/// The severities that were configured, by code; every other code keeps its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels([Option<Level>; Code::ALL.len()]);

impl Default for Levels {
    fn default() -> Self {
        Levels::DEFAULT
    }
}

impl Serialize for Levels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let set = Code::ALL.iter().zip(&self.0);
        serializer.collect_map(set.filter_map(|(code, level)| Some((code, (*level)?))))
    }
}

impl<'de> Deserialize<'de> for Levels {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut levels = Levels::default();
        for (code, level) in BTreeMap::<Code, Level>::deserialize(deserializer)? {
            levels.set(code, level);
        }
        Ok(levels)
    }
}

impl Levels {
    /// Every code keeps its own severity.
    pub const DEFAULT: Levels = Levels([None; Code::ALL.len()]);

    /// Sets the level of one code.
    pub fn set(&mut self, code: Code, level: Level) {
        if let Some(slot) = self.0.get_mut(code as usize) {
            *slot = Some(level);
        }
    }

    /// The severity of a finding of `code`; `None` when it is switched off.
    #[must_use]
    pub fn severity(&self, code: Code) -> Option<Severity> {
        match self.0.get(code as usize).copied().flatten() {
            None => Some(code.severity()),
            Some(Level::Off) => None,
            Some(Level::Hint) => Some(Severity::Hint),
            Some(Level::Warning) => Some(Severity::Warning),
            Some(Level::Error) => Some(Severity::Error),
        }
    }
}

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
