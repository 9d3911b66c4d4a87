//! A text and its places: byte offsets to lines and columns.

use std::ops::Range;
use std::sync::OnceLock;

use serde::Serialize;

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Position {
    /// Bytes from the start of the text.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in UTF-16 code units as editors count.
    pub column: usize,
}

/// A stretch of text; `end` is the first place behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Span {
    /// The first character.
    pub start: Position,
    /// Behind the last character.
    pub end: Position,
}

/// A text that can say on which line and in which column a byte stands.
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

/// UTF-16 columns are counted from the nearest of the checkpoints that stand so many bytes apart.
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

    /// The place of a byte. An offset behind the end is the end; one inside a character is that character.
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
pub(super) fn u32_of(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

pub(super) fn usize_of(offset: u32) -> usize {
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
