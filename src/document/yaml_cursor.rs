//! The scanner's place in the text: looking at characters and moving past them.

use std::ops::Range;

use super::is_break;
use super::yaml_scanner::Scanner;

impl Scanner<'_> {
    /// From a byte to the end of its line, without the white space there.
    pub(super) fn line_from(&self, start: usize) -> Range<usize> {
        let line = self.text.get(start..).unwrap_or_default();
        let line = line.split(is_break).next().unwrap_or_default();
        start..start.saturating_add(line.trim_end().len())
    }

    /// The word at a byte; the last character before it where there is none.
    pub(super) fn word_at(&self, start: usize) -> Range<usize> {
        let rest = self.text.get(start..).unwrap_or_default();
        let word = rest
            .find(|char: char| is_break(char) || matches!(char, ' ' | '\t' | ',' | ']' | '}'))
            .unwrap_or(rest.len());
        if word > 0 {
            return start..start.saturating_add(word);
        }
        match rest.chars().next() {
            Some(char) if !char.is_whitespace() => start..start.saturating_add(char.len_utf8()),
            _ => {
                let before = self.text.get(..start).unwrap_or_default().trim_end();
                let last = before.chars().next_back().map_or(0, char::len_utf8);
                before.len().saturating_sub(last)..before.len()
            }
        }
    }

    /// The byte at this distance from the current one; 0 after the end.
    pub(super) fn peek(&self, ahead: usize) -> u8 {
        let at = self.at.saturating_add(ahead);
        self.text.as_bytes().get(at).copied().unwrap_or_default()
    }

    pub(super) fn char(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    pub(super) fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.peek(ahead), b' ' | b'\t')
    }

    /// The length in bytes of the line break at this distance; 0 if there is none.
    pub(super) fn break_at(&self, ahead: usize) -> usize {
        let peek = |more: usize| self.peek(ahead.saturating_add(more));
        match peek(0) {
            b'\n' => 1,
            b'\r' if peek(1) == b'\n' => 2,
            b'\r' => 1,
            0xc2 if peek(1) == 0x85 => 2,
            0xe2 if peek(1) == 0x80 && matches!(peek(2), 0xa8 | 0xa9) => 3,
            _ => 0,
        }
    }

    pub(super) fn is_break_or_end(&self, ahead: usize) -> bool {
        self.peek(ahead) == 0 || self.break_at(ahead) > 0
    }

    pub(super) fn is_space_or_end(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_break_or_end(ahead)
    }

    /// Takes one character, which is not a line break.
    pub(super) fn skip(&mut self) {
        let width = match self.peek(0) {
            0..0x80 => 1,
            0x80..0xe0 => 2,
            0xe0..0xf0 => 3,
            _ => 4,
        };
        self.at = self.at.saturating_add(width).min(self.text.len());
        self.column = self.column.saturating_add(1);
        self.index = self.index.saturating_add(1);
    }

    pub(super) fn skip_many(&mut self, count: usize) {
        for _ in 0..count {
            self.skip();
        }
    }

    pub(super) fn skip_while(&mut self, while_: impl Fn(&Self) -> bool) {
        while while_(self) {
            self.skip();
        }
    }

    /// Takes a line break, if there is one, and returns what it is in a text.
    pub(super) fn skip_break(&mut self) -> Option<char> {
        let width = self.break_at(0);
        let char = match self.char()? {
            char @ ('\u{2028}' | '\u{2029}') => char,
            _ => '\n',
        };
        if width == 0 {
            return None;
        }
        self.at = self.at.saturating_add(width);
        self.line = self.line.saturating_add(1);
        self.column = 0;
        self.index = self.index.saturating_add(1);
        Some(char)
    }

    /// Takes a comment, if there is one, up to its line break.
    pub(super) fn skip_comment(&mut self) {
        if self.peek(0) == b'#' {
            self.skip_while(|this| !this.is_break_or_end(0));
        }
    }

    /// Whether a line `---` or `...` starts here.
    pub(super) fn is_document_mark(&self) -> bool {
        self.column == 0
            && self
                .text
                .get(self.at..)
                .is_some_and(|rest| rest.starts_with("---") || rest.starts_with("..."))
            && self.is_space_or_end(3)
    }
}
