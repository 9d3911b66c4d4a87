//! A text and its places: byte offsets to lines and columns.

use std::ops::Range;
use std::sync::OnceLock;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A position in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Bytes from the start of the text.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in UTF-16 code units as editors count.
    pub column: usize,
}

/// A range of a text. As JSON it is flat: `line`, `column`, `endLine`, `endColumn`, `offset`, `endOffset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first character.
    pub start: Position,
    /// The position after the last character.
    pub end: Position,
}

/// The JSON of a [`Span`], and of a missing one: every member is null.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FlatSpan {
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
    offset: Option<usize>,
    end_offset: Option<usize>,
}

impl FlatSpan {
    fn new(span: Option<Span>) -> Self {
        let (start, end) = (span.map(|span| span.start), span.map(|span| span.end));
        FlatSpan {
            line: start.map(|start| start.line),
            column: start.map(|start| start.column),
            end_line: end.map(|end| end.line),
            end_column: end.map(|end| end.column),
            offset: start.map(|start| start.offset),
            end_offset: end.map(|end| end.offset),
        }
    }

    fn span(&self) -> Option<Span> {
        let position = |offset, line, column| {
            Some(Position {
                offset: offset?,
                line: line?,
                column: column?,
            })
        };
        Some(Span {
            start: position(self.offset, self.line, self.column)?,
            end: position(self.end_offset, self.end_line, self.end_column)?,
        })
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FlatSpan::new(Some(*self)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let flat = FlatSpan::deserialize(deserializer)?;
        flat.span()
            .ok_or_else(|| D::Error::custom("a span needs six numbers"))
    }
}

/// Writes an optional [`Span`] as members of the struct that contains it, for `serde(flatten, with)`.
pub(crate) mod flat_span {
    use super::{Deserialize, Deserializer, FlatSpan, Serialize, Serializer, Span};

    pub(crate) fn serialize<S: Serializer>(
        span: &Option<Span>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        FlatSpan::new(*span).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Span>, D::Error> {
        Ok(FlatSpan::deserialize(deserializer)?.span())
    }
}

/// A text that can give the line and column of a byte.
///
/// Lines end with `\n`, `\r\n` or a lone `\r`, as editors and YAML have it. A byte order mark at the start takes no
/// column. The index of lines is built at the first question, once, in one pass; every answer after it costs a search
/// among the lines and the reading of a fixed number of bytes, however long the line.
///
/// ```
/// use imagecache::document::Text;
/// let text = Text::new("a: 1\nb: '缓存 😀', c");
/// let span = text.span(16..20);
/// assert_eq!((span.start.line, span.start.column), (2, 8));
/// assert_eq!(span.end.column, 10, "one character, but two UTF-16 code units");
/// ```
#[derive(Debug)]
pub struct Text {
    text: Box<str>,
    index: OnceLock<Index>,
}

/// UTF-16 columns are counted from the nearest checkpoint; checkpoints are this many bytes apart.
const STRIDE: usize = 256;

/// The byte order mark: three bytes that belong to no line.
const BOM: char = '\u{feff}';

#[derive(Debug)]
struct Index {
    /// Where each line starts, in bytes.
    lines: Vec<u32>,
    /// UTF-16 code units before every [`STRIDE`]th byte; empty when the whole text is ASCII.
    units: Vec<u32>,
}

impl Text {
    /// Takes a copy of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Text {
            text: text.into(),
            index: OnceLock::new(),
        }
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The place of a byte. An offset after the end is the end; one inside a character is that character.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset = offset.saturating_sub(1);
        }
        let index = self.index.get_or_init(|| Index::new(&self.text));
        let line = index
            .lines
            .partition_point(|start| usize_of(*start) <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|at| index.lines.get(at))
            .map_or(0, |start| usize_of(*start))
            .min(offset);
        let column = if index.units.is_empty() {
            offset.saturating_sub(start)
        } else {
            self.units(index, offset)
                .saturating_sub(self.units(index, start))
        };
        Position {
            offset,
            line: line.max(1),
            column: column.saturating_add(1),
        }
    }

    /// The places of a range of bytes. Characters are taken whole.
    #[must_use]
    pub fn span(&self, range: Range<usize>) -> Span {
        let mut end = range.end.max(range.start).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end = end.saturating_add(1);
        }
        Span {
            start: self.position(range.start),
            end: self.position(end),
        }
    }

    /// UTF-16 code units before a byte.
    fn units(&self, index: &Index, offset: usize) -> usize {
        let at = offset / STRIDE;
        let known = index.units.get(at).map_or(0, |units| usize_of(*units));
        let rest = self
            .text
            .as_bytes()
            .get(at.saturating_mul(STRIDE)..offset)
            .unwrap_or_default();
        known.saturating_add(rest.iter().map(|byte| utf16_units(*byte)).sum())
    }
}

impl Index {
    fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let first = if text.starts_with(BOM) {
            BOM.len_utf8()
        } else {
            0
        };
        let mut lines = vec![u32_of(first)];
        for (at, byte) in bytes.iter().enumerate() {
            let next = at.saturating_add(1);
            match byte {
                b'\n' => lines.push(u32_of(next)),
                b'\r' if bytes.get(next) != Some(&b'\n') => lines.push(u32_of(next)),
                _ => {}
            }
        }
        let mut units = Vec::new();
        if !text.is_ascii() {
            let mut seen = 0_usize;
            for chunk in bytes.chunks(STRIDE) {
                units.push(u32_of(seen));
                let more: usize = chunk.iter().map(|byte| utf16_units(*byte)).sum();
                seen = seen.saturating_add(more);
            }
            units.push(u32_of(seen));
        }
        Index { lines, units }
    }
}

/// How many UTF-16 code units the character takes that starts with this byte; none for the bytes that continue one.
fn utf16_units(byte: u8) -> usize {
    match byte {
        0x80..=0xbf => 0,
        0xf0..=0xff => 2,
        _ => 1,
    }
}

/// Offsets are kept in 32 bits: no text is read that is longer.
pub(crate) fn u32_of(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

pub(crate) fn usize_of(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every place counted from the start of the text: slow, but plain to see.
    fn counted(text: &str, offset: usize) -> (usize, usize) {
        let (mut line, mut column) = (1, 1);
        let mut chars = text.char_indices().peekable();
        while let Some((at, char)) = chars.next() {
            if at >= offset {
                break;
            }
            let ends_line = char == '\n'
                || (char == '\r' && !matches!(chars.peek(), Some((_, '\n'))))
                || (at == 0 && char == BOM);
            if ends_line {
                line += usize::from(char != BOM);
                column = 1;
            } else {
                column += char.len_utf16();
            }
        }
        (line, column)
    }

    proptest! {
        #[test]
        fn lines_and_columns_are_those_of_counting(text in "\u{feff}?(a|\n|\r|é|缓|😀|[ -~]{0,300}){0,30}") {
            let indexed = Text::new(&text);
            for (offset, _) in text.char_indices().chain([(text.len(), ' ')]) {
                let found = indexed.position(offset);
                prop_assert_eq!((found.line, found.column), counted(&text, offset), "at byte {}", offset);
                prop_assert_eq!(found.offset, offset);
            }
        }
    }

    #[test]
    fn offsets_outside_and_inside_characters_are_held() {
        let text = Text::new("é");
        assert_eq!(text.position(1).offset, 0);
        assert_eq!(text.position(99).offset, 2);
        assert_eq!(text.span(1..1), text.span(0..2));
        let back_to_front = Range { start: 2, end: 0 };
        assert_eq!(text.span(back_to_front).end.offset, 2);
    }
}
