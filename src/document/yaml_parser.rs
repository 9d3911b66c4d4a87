//! The one place that knows the YAML parser: its events and errors in our words. Another parser would come in here.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{ErrorKind, Event as Granit, Parser, ScalarStyle, ScanError, StrInput};

use super::builder::Fault;
use super::json::shortened;
use super::scalar::Tag;

/// What a YAML document is made of.
#[derive(Debug)]
pub(super) enum Event<'t> {
    Scalar(Scalar<'t>),
    Sequence {
        anchor: usize,
    },
    Mapping {
        anchor: usize,
    },
    /// The end of a sequence or mapping.
    End,
    /// The number of the anchor it names.
    Alias(usize),
    /// The end of the document.
    DocumentEnd,
}

/// A scalar, before it is known what it means.
#[derive(Debug)]
pub(super) struct Scalar<'t> {
    /// The decoded text.
    pub(super) text: Cow<'t, str>,
    pub(super) style: Style,
    pub(super) tag: Tag,
    /// The number of its anchor; 0 for none.
    pub(super) anchor: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Quoted,
    Literal,
    Folded,
}

/// The events of one document.
pub(super) struct Events<'t> {
    parser: Parser<'t, StrInput<'t>>,
    text: &'t str,
    /// Where the document's text starts in the whole text.
    base: usize,
}

impl<'t> Events<'t> {
    pub(super) fn new(text: &'t str, base: usize) -> Self {
        let options = granit_parser::options! {
            emit_comments: false,
            // `kubectl` cuts a text at `---` before it reads YAML, so that no directive finds its document.
            disallow_directives: true,
            // Above our own limit, which has the better message.
            flow_nesting_limit: 2 * super::MAX_DEPTH,
            block_nesting_limit: 2 * super::MAX_DEPTH,
        };
        Events {
            parser: Parser::new_from_str_with_options(text, options),
            text,
            base,
        }
    }

    /// The next event and its text; `None` behind the last document.
    pub(super) fn next(&mut self) -> Result<Option<(Event<'t>, Range<usize>)>, Fault> {
        while let Some(next) = self.parser.next_event() {
            let (event, span) = next.map_err(|error| self.fault(&error))?;
            let span = span.byte_range().unwrap_or_default();
            let span = self.base.saturating_add(span.start)..self.base.saturating_add(span.end);
            let event = match event {
                Granit::Scalar(text, style, anchor, tag) => Event::Scalar(Scalar {
                    text,
                    style: match style {
                        ScalarStyle::Plain => Style::Plain,
                        ScalarStyle::Literal => Style::Literal,
                        ScalarStyle::Folded => Style::Folded,
                        _ => Style::Quoted,
                    },
                    tag: tag.map_or(Tag::None, |tag| {
                        Tag::named(tag.suffix_in_namespace("tag:yaml.org,2002:").as_deref())
                    }),
                    anchor,
                }),
                Granit::SequenceStart(_, anchor, _) => Event::Sequence { anchor },
                Granit::MappingStart(_, anchor, _) => Event::Mapping { anchor },
                Granit::SequenceEnd | Granit::MappingEnd => Event::End,
                Granit::Alias(anchor) => Event::Alias(anchor),
                Granit::DocumentEnd => Event::DocumentEnd,
                _ => continue,
            };
            return Ok(Some((event, span)));
        }
        Ok(None)
    }
}

impl Events<'_> {
    /// An error of the parser as a finding: our words, and the place that helps most.
    fn fault(&self, error: &ScanError) -> Fault {
        let at = error.marker().byte_offset().unwrap_or_default();
        let at = at.min(self.text.len());
        if *error.kind() == ErrorKind::RecursionLimitExceeded {
            return Fault::depth(self.base.saturating_add(at));
        }
        let range = shown(self.text, error.kind(), at);
        let there = self.text.get(range.clone()).unwrap_or_default();
        let (message, help) = explain(error.kind(), shortened(there));
        let range = self.base.saturating_add(range.start)..self.base.saturating_add(range.end);
        Fault::syntax(range, message, help)
    }
}

/// What to underline for an error that the parser met at a byte.
fn shown(text: &str, kind: &ErrorKind, at: usize) -> Range<usize> {
    let rest = text.get(at..).unwrap_or_default();
    let line = rest.split(['\n', '\r']).next().unwrap_or_default();
    let here = |length: usize| at..at.saturating_add(length);
    match kind {
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::MismatchedFlowCollectionEnd { .. }
        | ErrorKind::MisplacedFlowCollectionEnd
        | ErrorKind::BlockSequenceEntryNotAllowed => {
            here(line.chars().next().map_or(0, char::len_utf8))
        }
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::DocumentIndicatorInQuotedScalar
        | ErrorKind::DirectiveDisallowed => here(line.trim_end().len()),
        ErrorKind::UnknownQuotedScalarEscape => {
            let mut escapes = rest.match_indices('\\');
            let bad = std::iter::from_fn(|| {
                let (found, _) = escapes.next()?;
                let escaped = rest.get(found.saturating_add(1)..)?.chars().next()?;
                if escaped == '\\' {
                    escapes.next();
                }
                Some((found, escaped))
            })
            .find(|(_, escaped)| !"0abt\tnvfre \"/\\N_LPxuU\n\r".contains(*escaped));
            bad.map_or_else(
                || here(line.len()),
                |(found, escaped)| {
                    let start = at.saturating_add(found);
                    start..start.saturating_add(1).saturating_add(escaped.len_utf8())
                },
            )
        }
        ErrorKind::TabInPlainScalar
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabAtBlockScalarStart => {
            let before = text.get(..at).is_some_and(|before| before.ends_with('\t'));
            let tab = if before {
                at.saturating_sub(1)
            } else {
                rest.find('\t').map_or(at, |tab| at.saturating_add(tab))
            };
            tab..tab.saturating_add(1).min(text.len())
        }
        ErrorKind::UnexpectedCharacter { character } => {
            let start = at.saturating_add(rest.find(*character).unwrap_or_default());
            start..start.saturating_add(character.len_utf8()).min(text.len())
        }
        // The parser stops at the colon: show the key.
        _ if line.starts_with(':') => {
            let before = text.get(..at).unwrap_or_default();
            let key = before
                .rfind([' ', '\t', '\n', '\r', ',', '[', '{'])
                .map_or(0, |blank| blank.saturating_add(1));
            key..at.saturating_add(1)
        }
        ErrorKind::ExpectedBlockMappingKey if !line.trim().is_empty() => {
            let before = text.get(..at).unwrap_or_default();
            let indented = before.rsplit(['\n', '\r']).next().unwrap_or_default();
            let start = before.len().saturating_sub(indented.trim_start().len());
            let word = line.split([' ', '\t']).next().unwrap_or_default();
            start..at.saturating_add(word.len())
        }
        _ if line.trim().is_empty() => {
            // Nothing stands here: show the end of what stands before.
            let before = text.get(..at).unwrap_or_default().trim_end();
            let last = before.chars().next_back().map_or(0, char::len_utf8);
            before.len().saturating_sub(last)..before.len()
        }
        _ => {
            let start = line.len().saturating_sub(line.trim_start().len());
            let word = line.trim_start();
            let end = word
                .find([' ', '\t', ',', ']', '}'])
                .filter(|end| *end > 0)
                .unwrap_or(word.len());
            let start = at.saturating_add(start);
            start..start.saturating_add(end)
        }
    }
}

/// The parser's error in words for somebody who writes manifests, and what to do about it.
fn explain(kind: &ErrorKind, there: &str) -> (String, &'static str) {
    let said = |message: &str, help| (message.to_owned(), help);
    match kind {
        ErrorKind::UnclosedQuotedScalar => said(
            "a quoted text without its closing quote",
            "Close it with the quote it began with.",
        ),
        ErrorKind::InvalidQuotedScalarIndent => said(
            "a quoted text goes on here, but is not indented",
            "Is the closing quote of the lines above missing?",
        ),
        ErrorKind::DocumentIndicatorInQuotedScalar => said(
            "the document ends inside a quoted text",
            "Close the quote before the line `---` or `...`.",
        ),
        ErrorKind::UnknownQuotedScalarEscape => (
            format!("`{there}` is no escape"),
            "Write a backslash as `\\\\`, or put the text in single quotes.",
        ),
        ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate
        | ErrorKind::InvalidUnicodeEscape => said(
            "a quoted text with an escape that stands for no character",
            "`\\x` takes two hexadecimal digits, `\\u` four, `\\U` eight.",
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => said(
            "text behind a closing quote",
            "Put the quotes around the whole value; inside single quotes, write a quote twice.",
        ),
        ErrorKind::UnclosedFlowCollection { open } => (
            format!("`{open}` is never closed"),
            "Close it, or quote the value if the bracket is part of a text.",
        ),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => (
            format!("`{open}` is closed by `{close}`"),
            "Brackets close in pairs, `[` with `]` and `{` with `}`.",
        ),
        ErrorKind::MisplacedFlowCollectionEnd => (
            format!("`{there}` closes nothing"),
            "Remove it, or quote the value if it is part of a text.",
        ),
        ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::InvalidColonPlacement => said(
            "a comma or a closing bracket was expected",
            "Is a bracket above never closed? A text with a comma, colon or bracket in it needs quotes.",
        ),
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => said(
            "a tab in the indentation",
            "YAML is indented with spaces only.",
        ),
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::FlowMappingValueAdjacentCollection => said(
            "a key cannot stand here",
            "Give it the indentation of the keys beside it; a text with `: ` in it needs quotes.",
        ),
        ErrorKind::ExpectedBlockMappingKey => said(
            "a key was expected, with the indentation of the keys above",
            "Indent the line as deep as the key or list it belongs to.",
        ),
        ErrorKind::ExpectedBlockSequenceEntry => said(
            "a list item was expected, `- ` with the indentation of the items above",
            "Indent the line as deep as the item or key it belongs to.",
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => said(
            "a line without a colon where keys stand",
            "Write `key: value`; a text that goes on is indented deeper than its key.",
        ),
        ErrorKind::InvalidIndentation
        | ErrorKind::InvalidFlowScalarIndent
        | ErrorKind::InvalidBlockScalarIndent => said(
            "the indentation fits nothing above",
            "Indent the line as deep as the key or list it belongs to.",
        ),
        ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::BlockEntryInFlowCollection
        | ErrorKind::PlainScalarStartsWithDashFlowIndicator => said(
            "a list item cannot stand here",
            "Begin the list on a new line; a text that begins with `- ` needs quotes.",
        ),
        ErrorKind::UnknownAnchor => (
            format!("`{there}` names no anchor that stands before it"),
            "Write `&name` in front of the value that it repeats, or quote it if it is a text.",
        ),
        ErrorKind::MissingAnchorOrAliasName => said(
            "`&` and `*` want a name behind them",
            "Quote the value if it is a text.",
        ),
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => (
            format!("a control character, U+{:04X}", u32::from(*character)),
            "Remove it, or write it as an escape in double quotes.",
        ),
        ErrorKind::UnexpectedCharacter { character: '`' } => {
            said("no value can begin with a backtick", "Quote the value.")
        }
        ErrorKind::UnexpectedCharacter { character } => (
            format!("no value can begin with `{character}`"),
            "Quote the value.",
        ),
        ErrorKind::DirectiveDisallowed => said(
            "a directive, which kubectl does not read",
            "Remove the line.",
        ),
        ErrorKind::InvalidBlockScalarHeader | ErrorKind::ZeroBlockScalarIndent => said(
            "`|` and `>` take the digits 1 to 9, `+` or `-`, and nothing else on their line",
            "Begin the text on the next line, indented.",
        ),
        ErrorKind::CommentNotSeparated => said(
            "a comment without a space before its `#`",
            "Put a space before it.",
        ),
        ErrorKind::CommentInterceptedScalar => said(
            "a comment inside a text of several lines",
            "Move the comment above the key, or quote the text.",
        ),
        ErrorKind::UndeclaredTagHandle
        | ErrorKind::InvalidTagTerminator
        | ErrorKind::MissingTagUri
        | ErrorKind::UnclosedVerbatimTag
        | ErrorKind::InvalidTagEscape => said(
            "a tag that cannot be read",
            "Kubernetes manifests need no tags: remove it, or quote the value.",
        ),
        ErrorKind::InvalidDocumentEnd => {
            said("text behind `...`", "Begin it on a new line, behind `---`.")
        }
        ErrorKind::BomInsideDocument => said(
            "a byte order mark inside the text",
            "Remove it; it may only stand at the very start.",
        ),
        _ => said("the text is no YAML here", ""),
    }
}
