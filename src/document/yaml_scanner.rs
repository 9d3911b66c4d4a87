//! Tokens of one YAML document.
//!
//! `kubectl` reads YAML 1.1 with go-yaml, a descendant of libyaml. Parsers of YAML 1.2 cut lines, white space, quoted
//! texts and keys elsewhere, and a manifest then means one thing here and another thing to the API server. The rules of
//! this scanner are those of libyaml: line breaks are LF, CR, CRLF, U+0085, U+2028 and U+2029; a tab does not indent; a
//! key is on one line and at most [`LONGEST_KEY`] characters long. 20,000 texts whose meaning `kubectl` was asked for are
//! among the tests' data.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

use super::builder::Fault;
use super::json::shortened;
use super::{MAX_DEPTH, is_break};

/// Characters from the start of a key that needs no `? ` to its colon.
const LONGEST_KEY: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'t> {
    DocumentStart,
    DocumentEnd,
    StreamEnd,
    Directive,
    BlockSequence,
    BlockMapping,
    BlockEnd,
    FlowSequence,
    FlowSequenceEnd,
    FlowMapping,
    FlowMappingEnd,
    FlowEntry,
    BlockEntry,
    Key,
    Value,
    Alias(&'t str),
    Anchor(&'t str),
    /// The whole tag, with its `!`.
    Tag(&'t str),
    Scalar(Cow<'t, str>, Style),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Quoted,
    Literal,
    Folded,
}

/// A token and its bytes in the text of the document.
pub(super) type Lexeme<'t> = (Token<'t>, Range<usize>);

/// The start of something that is a key if a colon follows.
#[derive(Debug, Clone, Copy)]
struct PossibleKey {
    /// Whether no other reading is left, because of its indentation.
    required: bool,
    token: usize,
    at: usize,
    line: usize,
    column: usize,
    index: usize,
}

pub(super) struct Scanner<'t> {
    pub(super) text: &'t str,
    /// The first byte of the document's text in the whole text.
    pub(super) base: usize,
    pub(super) at: usize,
    pub(super) line: usize,
    /// Characters since the start of the line.
    pub(super) column: usize,
    /// Characters since the start of the text.
    pub(super) index: usize,
    tokens: VecDeque<Lexeme<'t>>,
    /// Tokens that were taken.
    taken: usize,
    /// Least column of what belongs to the innermost open block: its own column and one, 0 outside all blocks.
    pub(super) indent: usize,
    indents: Vec<usize>,
    /// Whether a key may start here.
    pub(super) key_allowed: bool,
    /// One for the block level, and one for each open bracket.
    keys: Vec<Option<PossibleKey>>,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str, base: usize) -> Result<Self, Fault> {
        let mut scanner = Scanner {
            text,
            base,
            at: 0,
            line: 0,
            column: 0,
            index: 0,
            tokens: VecDeque::new(),
            taken: 0,
            indent: 0,
            indents: Vec::new(),
            key_allowed: true,
            keys: vec![None],
        };
        if let Some((at, char)) = text.char_indices().find(|(_, char)| is_forbidden(*char)) {
            return Err(scanner.fault(
                at..at.saturating_add(char.len_utf8()),
                format!("control character U+{:04X}", u32::from(char)),
                "Remove it, or write it as an escape in double quotes.",
            ));
        }
        if text.starts_with('\u{feff}') {
            scanner.at = '\u{feff}'.len_utf8();
        }
        Ok(scanner)
    }

    /// A syntax error at bytes of the document's text.
    pub(super) fn fault(
        &self,
        range: Range<usize>,
        message: impl std::fmt::Display,
        help: &str,
    ) -> Fault {
        let range = self.base.saturating_add(range.start)..self.base.saturating_add(range.end);
        Fault::syntax(range, message, help)
    }

    pub(super) fn is_flow(&self) -> bool {
        self.keys.len() > 1
    }

    /// The next token, which stays.
    pub(super) fn token(&mut self) -> Result<&Lexeme<'t>, Fault> {
        self.fill()?;
        // The scanner never stops before a token.
        let end = self.base.saturating_add(self.text.len());
        self.tokens
            .front()
            .ok_or_else(|| Fault::syntax(end..end, "unexpected end of the text", ""))
    }

    /// Takes the next token.
    pub(super) fn take(&mut self) -> Result<Lexeme<'t>, Fault> {
        self.fill()?;
        self.taken = self.taken.saturating_add(1);
        let end = self.text.len();
        Ok(self
            .tokens
            .pop_front()
            .unwrap_or((Token::StreamEnd, end..end)))
    }

    /// Scans until it is certain what the first token is: a scalar is a key if a colon follows.
    fn fill(&mut self) -> Result<(), Fault> {
        loop {
            if !self.tokens.is_empty() {
                let waiting =
                    |key: &Option<PossibleKey>| key.is_some_and(|key| key.token == self.taken);
                let level = self.keys.iter().position(waiting);
                let known = match level {
                    Some(level) => self.possible_key(level)?.is_none(),
                    None => true,
                };
                if known {
                    return Ok(());
                }
            }
            self.fetch()?;
        }
    }

    fn add(&mut self, token: Token<'t>, start: usize) {
        self.tokens.push_back((token, start..self.at));
    }

    /// The number of the token that is scanned next.
    fn next_number(&self) -> usize {
        self.taken.saturating_add(self.tokens.len())
    }

    fn fetch(&mut self) -> Result<(), Fault> {
        self.skip_to_token();
        self.close_blocks(self.column);
        let start = self.at;
        let first = self.peek(0);
        let is_flow = self.is_flow();
        if first == 0 {
            if self.column != 0 {
                self.column = 0;
                self.line = self.line.saturating_add(1);
            }
            self.begin_document_line()?;
            self.add(Token::StreamEnd, start);
            return Ok(());
        }
        if self.column == 0 && first == b'%' {
            self.begin_document_line()?;
            return self.directive();
        }
        if self.is_document_mark() {
            self.begin_document_line()?;
            self.skip_many(3);
            let token = if first == b'-' {
                Token::DocumentStart
            } else {
                Token::DocumentEnd
            };
            self.add(token, start);
            return Ok(());
        }
        let before_space = self.is_space_or_end(1);
        match first {
            b'[' | b'{' => {
                self.may_be_key()?;
                if self.keys.len() > MAX_DEPTH {
                    return Err(Fault::depth(self.base.saturating_add(self.at)));
                }
                self.keys.push(None);
                self.key_allowed = true;
                self.skip();
                let token = match first {
                    b'[' => Token::FlowSequence,
                    _ => Token::FlowMapping,
                };
                self.add(token, start);
            }
            b']' | b'}' => {
                self.no_key()?;
                if self.is_flow() {
                    self.keys.pop();
                }
                self.key_allowed = false;
                self.skip();
                let token = match first {
                    b']' => Token::FlowSequenceEnd,
                    _ => Token::FlowMappingEnd,
                };
                self.add(token, start);
            }
            b',' => {
                self.no_key()?;
                self.key_allowed = true;
                self.skip();
                self.add(Token::FlowEntry, start);
            }
            b'-' if before_space => {
                if !is_flow {
                    if !self.key_allowed {
                        return Err(self.fault(
                            start..start.saturating_add(1),
                            "unexpected list item",
                            "Start the list on a new line; quote a text that starts with `- `.",
                        ));
                    }
                    self.open_block(self.column, None, Token::BlockSequence);
                }
                self.no_key()?;
                self.key_allowed = true;
                self.skip();
                self.add(Token::BlockEntry, start);
            }
            b'?' if is_flow || before_space => {
                if !is_flow {
                    if !self.key_allowed {
                        return Err(self.unexpected_key(start));
                    }
                    self.open_block(self.column, None, Token::BlockMapping);
                }
                self.no_key()?;
                self.key_allowed = !is_flow;
                self.skip();
                self.add(Token::Key, start);
            }
            b':' if is_flow || before_space => self.value()?,
            b'*' | b'&' => {
                self.may_be_key()?;
                self.key_allowed = false;
                self.anchor()?;
            }
            b'!' => {
                self.may_be_key()?;
                self.key_allowed = false;
                self.tag()?;
            }
            b'|' | b'>' if !is_flow => {
                self.no_key()?;
                self.key_allowed = true;
                let scalar = self.block_scalar(first == b'|')?;
                self.tokens.push_back(scalar);
            }
            b'\'' | b'"' => {
                self.may_be_key()?;
                self.key_allowed = false;
                let scalar = self.quoted_scalar(first)?;
                self.tokens.push_back(scalar);
            }
            _ if self.starts_plain(first) => {
                self.may_be_key()?;
                self.key_allowed = false;
                let scalar = self.plain_scalar()?;
                self.tokens.push_back(scalar);
            }
            _ => return Err(self.no_token(start)),
        }
        Ok(())
    }

    fn starts_plain(&self, first: u8) -> bool {
        match first {
            b'-' => !self.is_blank(1),
            b'?' | b':' => !self.is_flow() && !self.is_space_or_end(1),
            b'\t' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => false,
            _ => true,
        }
    }

    /// The error for a character that starts nothing.
    fn no_token(&self, start: usize) -> Fault {
        let end = start.saturating_add(self.char().map_or(0, char::len_utf8));
        match self.char() {
            Some('\t') => self.fault(
                start..end,
                "found a tab where only spaces are allowed",
                "YAML is indented with spaces only.",
            ),
            Some('`') => self.fault(
                start..end,
                "no value can start with a backtick",
                "Quote the value.",
            ),
            char => self.fault(
                start..end,
                format_args!("no value can start with `{}`", char.unwrap_or_default()),
                "Quote the value.",
            ),
        }
    }

    fn unexpected_key(&self, colon: usize) -> Fault {
        let before = self.text.get(..colon).unwrap_or_default();
        let key = before
            .rfind(|char| is_break(char) || matches!(char, ' ' | '\t' | ',' | '[' | '{'))
            .map_or(0, |at| {
                let width = before.get(at..).and_then(|rest| rest.chars().next());
                at.saturating_add(width.map_or(1, char::len_utf8))
            });
        self.fault(
            key..colon.saturating_add(1),
            "unexpected mapping key",
            "Give it the indentation of the keys beside it; quote a text that contains `: `.",
        )
    }

    fn skip_to_token(&mut self) {
        loop {
            let tabs = self.is_flow() || !self.key_allowed;
            self.skip_while(|this| this.peek(0) == b' ' || tabs && this.peek(0) == b'\t');
            self.skip_comment();
            if self.skip_break().is_none() {
                return;
            }
            if !self.is_flow() {
                self.key_allowed = true;
            }
        }
    }

    /// Ends the blocks and the possible key before something that is about the whole document.
    fn begin_document_line(&mut self) -> Result<(), Fault> {
        if !self.is_flow() {
            while self.indent > 0 {
                self.close_block();
            }
        }
        self.no_key()?;
        self.key_allowed = false;
        Ok(())
    }

    fn close_blocks(&mut self, column: usize) {
        if !self.is_flow() {
            while self.indent > column.saturating_add(1) {
                self.close_block();
            }
        }
    }

    fn close_block(&mut self) {
        self.tokens.push_back((Token::BlockEnd, self.at..self.at));
        self.indent = self.indents.pop().unwrap_or_default();
    }

    /// Opens a block at a column, unless one is open there, before a possible key or here.
    fn open_block(&mut self, column: usize, key: Option<PossibleKey>, token: Token<'t>) {
        if self.is_flow() || self.indent > column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column.saturating_add(1);
        match key {
            Some(key) => self.insert(&key, token),
            None => self.tokens.push_back((token, self.at..self.at)),
        }
    }

    fn insert(&mut self, key: &PossibleKey, token: Token<'t>) {
        let place = key.token.saturating_sub(self.taken).min(self.tokens.len());
        self.tokens.insert(place, (token, key.at..key.at));
    }

    /// The possible key of a level, if it still is one: a key is short and on one line.
    fn possible_key(&mut self, level: usize) -> Result<Option<PossibleKey>, Fault> {
        let Some(Some(key)) = self.keys.get(level).copied() else {
            return Ok(None);
        };
        if key.line == self.line && key.index.saturating_add(LONGEST_KEY) >= self.index {
            return Ok(Some(key));
        }
        if key.required {
            return Err(self.missing_colon(&key));
        }
        if let Some(place) = self.keys.get_mut(level) {
            *place = None;
        }
        Ok(None)
    }

    fn missing_colon(&self, key: &PossibleKey) -> Fault {
        self.fault(
            self.line_from(key.at),
            "expected `:` after the key",
            "Write `key: value`; indent the next lines of a text deeper than its key.",
        )
    }

    /// Remembers that what starts here is a key if a colon follows.
    fn may_be_key(&mut self) -> Result<(), Fault> {
        if !self.key_allowed {
            return Ok(());
        }
        let key = PossibleKey {
            required: !self.is_flow() && self.indent == self.column.saturating_add(1),
            token: self.next_number(),
            at: self.at,
            line: self.line,
            column: self.column,
            index: self.index,
        };
        self.no_key()?;
        if let Some(place) = self.keys.last_mut() {
            *place = Some(key);
        }
        Ok(())
    }

    /// Forgets the possible key of this level.
    fn no_key(&mut self) -> Result<(), Fault> {
        match self.keys.last_mut().and_then(Option::take) {
            Some(key) if key.required => Err(self.missing_colon(&key)),
            _ => Ok(()),
        }
    }

    fn value(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let level = self.keys.len().saturating_sub(1);
        match self.possible_key(level)? {
            Some(key) => {
                self.insert(&key, Token::Key);
                self.open_block(key.column, Some(key), Token::BlockMapping);
                if let Some(place) = self.keys.last_mut() {
                    *place = None;
                }
                self.key_allowed = false;
            }
            None => {
                if !self.is_flow() {
                    if !self.key_allowed {
                        return Err(self.unexpected_key(start));
                    }
                    self.open_block(self.column, None, Token::BlockMapping);
                }
                self.key_allowed = !self.is_flow();
            }
        }
        self.skip();
        self.add(Token::Value, start);
        Ok(())
    }

    fn directive(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let line = self.line_from(start);
        let name = self.text.get(line.clone()).unwrap_or_default();
        if !name.starts_with("%YAML ") && !name.starts_with("%TAG ") {
            return Err(self.fault(line, "unknown directive", "Remove the line."));
        }
        self.skip_while(|this| !this.is_break_or_end(0));
        self.add(Token::Directive, start);
        Ok(())
    }

    fn anchor(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let is_alias = self.peek(0) == b'*';
        self.skip();
        self.skip_while(|this| is_word(this.peek(0)));
        let name = self.text.get(start.saturating_add(1)..self.at);
        let name = name.unwrap_or_default();
        let ends = self.is_space_or_end(0) || b"?:,]}%@`".contains(&self.peek(0));
        if name.is_empty() || !ends {
            let sign = if is_alias { '*' } else { '&' };
            return Err(self.fault(
                self.word_at(start),
                format_args!("expected a name of letters and digits after `{sign}`"),
                "Quote the value if it is a text.",
            ));
        }
        let token = match is_alias {
            true => Token::Alias(name),
            false => Token::Anchor(name),
        };
        self.add(token, start);
        Ok(())
    }

    fn tag(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.skip();
        let is_verbatim = self.peek(0) == b'<';
        if is_verbatim {
            self.skip();
        }
        self.skip_while(|this| {
            is_word(this.peek(0)) || b";/?:@&=+$,.!~*'()[]%".contains(&this.peek(0))
        });
        if is_verbatim {
            self.skip_while(|this| this.peek(0) == b'>');
        }
        let tag = self.text.get(start..self.at).unwrap_or_default();
        let body = tag.get(1..).unwrap_or_default();
        let is_sound = match (is_verbatim, body.split_once('!')) {
            (true, _) => body.len() > 2 && body.ends_with('>') && !body.ends_with(">>"),
            // Only the handles `!` and `!!` are defined without a directive.
            (false, Some((handle, name))) => handle.is_empty() && !name.is_empty(),
            (false, None) => true,
        };
        if !is_sound || !self.is_space_or_end(0) {
            return Err(self.fault(
                self.word_at(start),
                format_args!("invalid tag `{}`", shortened(tag)),
                "Kubernetes manifests need no tags: remove it, or quote the value.",
            ));
        }
        self.add(Token::Tag(tag), start);
        Ok(())
    }
}

/// Whether a byte is one of those that names of anchors are made of.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Whether YAML has the character only as an escape.
fn is_forbidden(char: char) -> bool {
    match char {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        '\u{fffe}' | '\u{ffff}' => true,
        char => char.is_control(),
    }
}
