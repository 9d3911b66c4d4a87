//! Scalars of YAML: plain, quoted and block.

use std::borrow::Cow;
use std::ops::Range;

use super::builder::Fault;
use super::yaml_scanner::{Lexeme, Scanner, Style, Token};

/// Line breaks between two parts of a text, and what they are folded to.
#[derive(Default)]
struct Breaks {
    /// `None` after an escaped line break.
    first: Option<char>,
    rest: String,
}

impl Breaks {
    fn add(breaks: &mut Option<Breaks>, char: char) {
        match breaks {
            Some(breaks) => breaks.rest.push(char),
            None => {
                *breaks = Some(Breaks {
                    first: Some(char),
                    rest: String::new(),
                });
            }
        }
    }

    /// One break is a space, more are one less; U+2028 and U+2029 are kept.
    fn fold_into(&self, text: &mut String) {
        match self.first {
            Some('\n') if self.rest.is_empty() => text.push(' '),
            Some('\n') | None => {}
            Some(separator) => text.push(separator),
        }
        text.push_str(&self.rest);
    }
}

impl<'t> Scanner<'t> {
    fn slice(&self, range: Range<usize>) -> &'t str {
        self.text.get(range).unwrap_or_default()
    }

    pub(super) fn plain_scalar(&mut self) -> Result<Lexeme<'t>, Fault> {
        let start = self.at;
        let mut end = start;
        let mut text = Cow::Borrowed("");
        let mut breaks: Option<Breaks> = None;
        let ends_flow = |this: &Self| this.is_flow() && b",?[]{}".contains(&this.peek(0));
        while !self.is_document_mark() && self.peek(0) != b'#' {
            let word = self.at;
            self.skip_while(|this| {
                let is_colon = this.peek(0) == b':' && this.is_space_or_end(1);
                !this.is_space_or_end(0) && !is_colon && !ends_flow(this)
            });
            if self.at > word {
                match (breaks.take(), &mut text) {
                    (Some(breaks), text) => {
                        breaks.fold_into(text.to_mut());
                        text.to_mut().push_str(self.slice(word..self.at));
                    }
                    (None, Cow::Borrowed(text)) => *text = self.slice(start..self.at),
                    (None, Cow::Owned(text)) => text.push_str(self.slice(end..self.at)),
                }
                end = self.at;
            }
            if !self.is_blank(0) && self.break_at(0) == 0 {
                break;
            }
            loop {
                if self.is_blank(0) {
                    if breaks.is_some() && self.column < self.indent && self.peek(0) == b'\t' {
                        return Err(self.tab());
                    }
                    self.skip();
                } else if let Some(char) = self.skip_break() {
                    Breaks::add(&mut breaks, char);
                } else {
                    break;
                }
            }
            if !self.is_flow() && self.column < self.indent {
                break;
            }
        }
        if breaks.is_some() {
            self.key_allowed = true;
        }
        Ok((Token::Scalar(text, Style::Plain), start..end))
    }

    pub(super) fn tab(&self) -> Fault {
        self.fault(
            self.at..self.at.saturating_add(1),
            "found a tab where only spaces are allowed",
            "YAML is indented with spaces only.",
        )
    }

    pub(super) fn quoted_scalar(&mut self, quote: u8) -> Result<Lexeme<'t>, Fault> {
        let start = self.at;
        self.skip();
        let mut text = String::new();
        // What is read, but not yet taken over into the text.
        let mut run = self.at;
        loop {
            if self.is_document_mark() {
                return Err(self.fault(
                    self.line_from(start),
                    "the document ends inside a quoted text",
                    "Close the quote before the line `---` or `...`.",
                ));
            }
            let mut breaks = None;
            match self.peek(0) {
                0 => {
                    return Err(self.fault(
                        self.line_from(start),
                        "missing closing quote",
                        "Close the text with the quote it starts with.",
                    ));
                }
                b'\'' if quote == b'\'' && self.peek(1) == b'\'' => {
                    self.skip();
                    text.push_str(self.slice(run..self.at));
                    self.skip();
                    run = self.at;
                    continue;
                }
                byte if byte == quote => break,
                b'\\' if quote == b'"' => {
                    text.push_str(self.slice(run..self.at));
                    if self.break_at(1) > 0 {
                        self.skip();
                        self.skip_break();
                        breaks = Some(Breaks::default());
                    } else {
                        text.push(self.escape()?);
                        run = self.at;
                        continue;
                    }
                }
                _ if !self.is_space_or_end(0) => {
                    self.skip();
                    continue;
                }
                _ => {}
            }
            let blanks = self.at;
            if breaks.is_none() {
                self.skip_while(|this| this.is_blank(0));
                if self.break_at(0) == 0 {
                    continue;
                }
                text.push_str(self.slice(run..blanks));
            }
            loop {
                if self.is_blank(0) {
                    self.skip();
                } else if let Some(char) = self.skip_break() {
                    Breaks::add(&mut breaks, char);
                } else {
                    break;
                }
            }
            if let Some(breaks) = breaks {
                breaks.fold_into(&mut text);
            }
            run = self.at;
        }
        let rest = self.slice(run..self.at);
        let text = if text.is_empty() {
            Cow::Borrowed(rest)
        } else {
            text.push_str(rest);
            Cow::Owned(text)
        };
        self.skip();
        Ok((Token::Scalar(text, Style::Quoted), start..self.at))
    }

    /// Takes an escape of a text in double quotes.
    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let digits = match self.peek(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => 0,
        };
        let char = match self.peek(1) {
            b'0' => Some('\0'),
            b'a' => Some('\u{7}'),
            b'b' => Some('\u{8}'),
            b't' | b'\t' => Some('\t'),
            b'n' => Some('\n'),
            b'v' => Some('\u{b}'),
            b'f' => Some('\u{c}'),
            b'r' => Some('\r'),
            b'e' => Some('\u{1b}'),
            char @ (b' ' | b'"' | b'\'' | b'\\') => Some(char::from(char)),
            b'N' => Some('\u{85}'),
            b'_' => Some('\u{a0}'),
            b'L' => Some('\u{2028}'),
            b'P' => Some('\u{2029}'),
            _ => None,
        };
        self.skip_many(2);
        if digits == 0 {
            return char.ok_or_else(|| {
                self.fault(
                    start..self.at,
                    format_args!("unknown escape `{}`", self.slice(start..self.at)),
                    "Write a backslash as `\\\\`, or put the text in single quotes.",
                )
            });
        }
        let number = self.at;
        for _ in 0..digits {
            if self.peek(0).is_ascii_hexdigit() {
                self.skip();
            }
        }
        let code = self.slice(number..self.at);
        let char = (code.len() == digits)
            .then(|| u32::from_str_radix(code, 16).ok())
            .flatten()
            .and_then(char::from_u32);
        char.ok_or_else(|| {
            self.fault(
                start..self.at,
                format_args!("the escape `{}` is not a character", self.slice(start..self.at)),
                "`\\x` takes two hexadecimal digits, `\\u` four, `\\U` eight; kubectl does not read surrogate pairs.",
            )
        })
    }

    /// A block scalar. Its place is that of its lines, or of its header when it has none.
    pub(super) fn block_scalar(&mut self, literal: bool) -> Result<Lexeme<'t>, Fault> {
        let start = self.at;
        self.skip();
        let (keep, given) = self.block_header(start)?;
        let style = if literal {
            Style::Literal
        } else {
            Style::Folded
        };
        let mut span = start..start.saturating_add(1);
        let mut indent = match given {
            0 => 0,
            given => self.indent.saturating_sub(1).saturating_add(given),
        };
        let (mut text, mut trailing) = (String::new(), String::new());
        let mut leading: Option<char> = None;
        let mut after_blank = false;
        self.block_breaks(&mut indent, &mut trailing)?;
        let first = self.at;
        while self.column == indent && self.peek(0) != 0 {
            let is_blank = self.is_blank(0);
            match leading.take() {
                Some('\n') if !literal && !after_blank && !is_blank => {
                    if trailing.is_empty() {
                        text.push(' ');
                    }
                }
                leading => text.extend(leading),
            }
            text.push_str(&trailing);
            trailing.clear();
            after_blank = is_blank;
            let line = self.at;
            self.skip_while(|this| !this.is_break_or_end(0));
            text.push_str(self.slice(line..self.at));
            span = first..self.at;
            leading = self.skip_break();
            self.block_breaks(&mut indent, &mut trailing)?;
        }
        if keep != Some(false) {
            text.extend(leading);
        }
        if keep == Some(true) {
            text.push_str(&trailing);
        }
        Ok((Token::Scalar(text.into(), style), span))
    }

    /// What follows `|` or `>`: whether line breaks at the end are kept, and the indentation, 0 for that of the first line.
    fn block_header(&mut self, start: usize) -> Result<(Option<bool>, usize), Fault> {
        let (mut keep, mut indent) = (None, 0);
        for _ in 0..2 {
            match self.peek(0) {
                sign @ (b'+' | b'-') if keep.is_none() => keep = Some(sign == b'+'),
                digit @ b'1'..=b'9' if indent == 0 => {
                    indent = usize::from(digit.saturating_sub(b'0'))
                }
                _ => break,
            }
            self.skip();
        }
        self.skip_while(|this| this.is_blank(0));
        self.skip_comment();
        if !self.is_break_or_end(0) {
            return Err(self.fault(
                self.line_from(start),
                "expected a line break after the header of a block text",
                "`|` and `>` take a digit from 1 to 9 and one of `+` and `-`; start the text on the next line, indented.",
            ));
        }
        self.skip_break();
        Ok((keep, indent))
    }

    /// Takes indentation and empty lines; finds the indentation if it is not known.
    fn block_breaks(&mut self, indent: &mut usize, breaks: &mut String) -> Result<(), Fault> {
        let mut widest = 0;
        loop {
            let limit = *indent;
            self.skip_while(|this| (limit == 0 || this.column < limit) && this.peek(0) == b' ');
            widest = self.column.max(widest);
            if (limit == 0 || self.column < limit) && self.peek(0) == b'\t' {
                return Err(self.tab());
            }
            match self.skip_break() {
                Some(char) => breaks.push(char),
                None => break,
            }
        }
        if *indent == 0 {
            *indent = widest.max(self.indent).max(1);
        }
        Ok(())
    }
}
