//! Events of one YAML document: its tokens put together by the grammar.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::builder::Fault;
use super::json::shortened;
use super::scalar::Tag;
use super::yaml_scanner::{Scanner, Style, Token};

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

/// What the grammar expects next.
#[derive(Debug, Clone, Copy)]
enum State {
    BlockItem,
    /// An item of a list that is indented as the key it belongs to.
    IndentlessItem,
    BlockKey,
    BlockValue,
    FlowItem {
        first: bool,
    },
    /// `[key: value]`, a mapping of one member without braces.
    PairKey,
    PairValue,
    PairEnd,
    FlowKey {
        first: bool,
    },
    FlowValue,
    /// The value of a flow key without a colon.
    NoValue,
}

/// Where a node is, which decides what it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Block,
    /// The key or the value of a block mapping.
    BlockMember,
    Flow,
}

type Next<'t> = Result<(Event<'t>, Range<usize>), Fault>;

/// The events of one document.
pub(super) struct Events<'t> {
    scanner: Scanner<'t>,
    states: Vec<State>,
    /// The opening brackets that are not closed.
    open: Vec<usize>,
    /// The end of the last quoted text.
    quote: usize,
    started: bool,
    anchors: BTreeMap<&'t str, usize>,
    count: usize,
}

impl<'t> Events<'t> {
    pub(super) fn new(text: &'t str, base: usize) -> Result<Self, Fault> {
        Ok(Events {
            scanner: Scanner::new(text, base)?,
            states: Vec::new(),
            open: Vec::new(),
            quote: 0,
            started: false,
            anchors: BTreeMap::new(),
            count: 0,
        })
    }

    /// The next event and its bytes in the whole text; `None` at the end of the document.
    pub(super) fn next(&mut self) -> Result<Option<(Event<'t>, Range<usize>)>, Fault> {
        let next = if self.started {
            let Some(state) = self.states.pop() else {
                return Ok(None);
            };
            self.step(state)
        } else {
            self.started = true;
            if *self.peek()? == Token::StreamEnd {
                return Ok(None);
            }
            self.root()
        };
        let (event, span) = next?;
        let base = self.scanner.base;
        let span = base.saturating_add(span.start)..base.saturating_add(span.end);
        Ok(Some((event, span)))
    }

    /// After the document: the first byte of what is not part of it.
    pub(super) fn rest(&mut self) -> Result<usize, Fault> {
        let (token, span) = self.scanner.token()?;
        let at = match token {
            Token::DocumentEnd | Token::StreamEnd => span.end,
            _ => span.start,
        };
        Ok(self.scanner.base.saturating_add(at))
    }

    fn peek(&mut self) -> Result<&Token<'t>, Fault> {
        Ok(&self.scanner.token()?.0)
    }

    /// Takes the next token and returns its bytes.
    fn take(&mut self) -> Result<Range<usize>, Fault> {
        Ok(self.scanner.take()?.1)
    }

    fn here(&mut self) -> Result<usize, Fault> {
        Ok(self.scanner.token()?.1.start)
    }

    fn root(&mut self) -> Next<'t> {
        if *self.peek()? == Token::DocumentStart {
            self.take()?;
            if matches!(
                self.peek()?,
                Token::Directive | Token::DocumentStart | Token::DocumentEnd | Token::StreamEnd
            ) {
                return self.empty();
            }
        }
        if *self.peek()? == Token::Directive {
            let line = self.take()?;
            return Err(self.scanner.fault(
                line,
                "unexpected directive",
                "Remove the line: kubectl cuts documents before it reads directives.",
            ));
        }
        self.node(Place::Block)
    }

    /// A value that is not there.
    fn empty(&mut self) -> Next<'t> {
        let at = self.here()?;
        Ok(empty_at(at))
    }

    fn step(&mut self, state: State) -> Next<'t> {
        match state {
            State::BlockItem => self.block_item(),
            State::IndentlessItem => self.indentless_item(),
            State::BlockKey => self.block_key(),
            State::BlockValue => self.block_value(),
            State::FlowItem { first } => self.flow_item(first),
            State::PairKey => self.pair_key(),
            State::PairValue => self.pair_value(),
            State::PairEnd => {
                let at = self.here()?;
                Ok((Event::End, at..at))
            }
            State::FlowKey { first } => self.flow_key(first),
            State::FlowValue => self.flow_value(),
            State::NoValue => self.empty(),
        }
    }

    /// A node, with what follows it.
    fn node_then(&mut self, place: Place, then: State) -> Next<'t> {
        self.states.push(then);
        self.node(place)
    }

    /// An empty value at a byte, with what follows it.
    fn empty_then(&mut self, at: usize, then: State) -> Next<'t> {
        self.states.push(then);
        Ok(empty_at(at))
    }

    fn node(&mut self, place: Place) -> Next<'t> {
        if let Token::Alias(name) = *self.peek()? {
            let span = self.take()?;
            let anchor = self.anchors.get(name).copied().ok_or_else(|| {
                self.scanner.fault(
                    span.clone(),
                    format_args!("unknown alias `*{}`", shortened(name)),
                    "Write `&name` before the value that it repeats, or quote it if it is a text.",
                )
            })?;
            return Ok((Event::Alias(anchor), span));
        }
        let (mut anchor, mut tag, mut end) = (None, None, None);
        loop {
            match *self.peek()? {
                Token::Anchor(name) if anchor.is_none() => anchor = Some(name),
                Token::Tag(name) if tag.is_none() => tag = Some(name),
                _ => break,
            }
            end = Some(self.take()?.end);
        }
        let anchor = anchor.map_or(0, |name| {
            self.count = self.count.saturating_add(1);
            self.anchors.insert(name, self.count);
            self.count
        });
        let is_block = place != Place::Flow;
        let (token, span) = self.scanner.token()?;
        let span = span.clone();
        let start = span.start..span.start;
        let (event, then) = match token {
            Token::BlockEntry if place == Place::BlockMember => {
                self.states.push(State::IndentlessItem);
                return Ok((Event::Sequence { anchor }, span));
            }
            Token::Scalar(..) => {
                let (Token::Scalar(text, style), span) = self.scanner.take()? else {
                    return Err(self.no_value());
                };
                if style == Style::Quoted {
                    self.quote = span.end;
                }
                let tag = tag.map_or(Tag::None, named);
                let scalar = Scalar {
                    text,
                    style,
                    tag,
                    anchor,
                };
                return Ok((Event::Scalar(scalar), span));
            }
            Token::FlowSequence => (Event::Sequence { anchor }, State::FlowItem { first: true }),
            Token::FlowMapping => (Event::Mapping { anchor }, State::FlowKey { first: true }),
            Token::BlockSequence if is_block => (Event::Sequence { anchor }, State::BlockItem),
            Token::BlockMapping if is_block => (Event::Mapping { anchor }, State::BlockKey),
            _ => {
                let Some(end) = end else {
                    return Err(self.no_value());
                };
                let scalar = Event::Scalar(Scalar {
                    text: "".into(),
                    style: Style::Plain,
                    tag: tag.map_or(Tag::None, named),
                    anchor,
                });
                return Ok((scalar, end..end));
            }
        };
        self.scanner.take()?;
        if matches!(then, State::FlowItem { .. } | State::FlowKey { .. }) {
            self.open.push(start.start);
        }
        self.states.push(then);
        Ok((event, start))
    }

    /// The error for a token where a value was expected.
    fn no_value(&mut self) -> Fault {
        let (message, help) = match self.peek() {
            Err(fault) => return fault,
            Ok(Token::BlockEntry) => (
                "unexpected list item",
                "Start the list on a new line; quote a text that starts with `- `.",
            ),
            Ok(Token::FlowSequenceEnd | Token::FlowMappingEnd) => (
                "unexpected closing bracket",
                "Remove it, or quote the value if it is part of a text.",
            ),
            Ok(Token::Key | Token::Value) => (
                "unexpected mapping key",
                "Give it the indentation of the keys beside it; quote a text that contains `: `.",
            ),
            Ok(_) => ("expected a value", "Quote the value if it is a text."),
        };
        self.fault_here(message, help)
    }

    /// A syntax error at the next token, unless that token says more than the grammar does.
    fn fault_here(&mut self, message: &str, help: &str) -> Fault {
        let quote = self.quote;
        let (token, span) = match self.scanner.token() {
            Ok((token, span)) => (token.clone(), span.clone()),
            Err(fault) => return fault,
        };
        let between = self.scanner.text.get(quote..span.start);
        let after_quote =
            quote > 0 && between.is_some_and(|text| text.trim_matches([' ', '\t']).is_empty());
        let (message, help) = match token {
            Token::Scalar(..) if after_quote => (
                "unexpected text after a closing quote",
                "Put the quotes around the whole value; inside single quotes, write a quote twice.",
            ),
            Token::FlowSequenceEnd | Token::FlowMappingEnd if self.open.is_empty() => (
                "unexpected closing bracket",
                "Remove it, or quote the value if it is part of a text.",
            ),
            _ => (message, help),
        };
        let at_end = matches!(
            self.peek(),
            Ok(Token::StreamEnd | Token::DocumentStart | Token::DocumentEnd)
        );
        if let (true, Some(open)) = (at_end, self.open.last().copied()) {
            let bracket = open..open.saturating_add(1);
            let sign = self.scanner.text.get(bracket.clone()).unwrap_or_default();
            return self.scanner.fault(
                bracket,
                format_args!("`{sign}` is not closed"),
                "Close it, or quote the value if the bracket is part of a text.",
            );
        }
        match self.here() {
            Ok(at) => self.scanner.fault(self.scanner.word_at(at), message, help),
            Err(fault) => fault,
        }
    }

    fn block_item(&mut self) -> Next<'t> {
        match self.peek()? {
            Token::BlockEntry => {
                let end = self.take()?.end;
                match self.peek()? {
                    Token::BlockEntry | Token::BlockEnd => self.empty_then(end, State::BlockItem),
                    _ => self.node_then(Place::Block, State::BlockItem),
                }
            }
            Token::BlockEnd => {
                let at = self.take()?.start;
                Ok((Event::End, at..at))
            }
            _ => Err(self.fault_here(
                "expected a list item, `- ` with the indentation of the items above",
                "Indent the line as deep as the item or key it belongs to.",
            )),
        }
    }

    fn indentless_item(&mut self) -> Next<'t> {
        if *self.peek()? != Token::BlockEntry {
            let at = self.here()?;
            return Ok((Event::End, at..at));
        }
        let end = self.take()?.end;
        match self.peek()? {
            Token::BlockEntry | Token::Key | Token::Value | Token::BlockEnd => {
                self.empty_then(end, State::IndentlessItem)
            }
            _ => self.node_then(Place::Block, State::IndentlessItem),
        }
    }

    fn block_key(&mut self) -> Next<'t> {
        match self.peek()? {
            Token::Key => {
                let end = self.take()?.end;
                self.block_member(end, State::BlockValue)
            }
            Token::BlockEnd => {
                let at = self.take()?.start;
                Ok((Event::End, at..at))
            }
            _ => Err(self.fault_here(
                "expected a key with the indentation of the keys above",
                "Indent the line as deep as the key or list it belongs to.",
            )),
        }
    }

    fn block_value(&mut self) -> Next<'t> {
        if *self.peek()? != Token::Value {
            let at = self.here()?;
            return self.empty_then(at, State::BlockKey);
        }
        let end = self.take()?.end;
        self.block_member(end, State::BlockKey)
    }

    fn block_member(&mut self, at: usize, then: State) -> Next<'t> {
        match self.peek()? {
            Token::Key | Token::Value | Token::BlockEnd => self.empty_then(at, then),
            _ => self.node_then(Place::BlockMember, then),
        }
    }

    /// The comma between two members of a flow collection; is that its end?
    fn flow_comma(&mut self, first: bool, end: &Token<'t>) -> Result<bool, Fault> {
        if self.peek()? != end && !first {
            if *self.peek()? != Token::FlowEntry {
                let close = match end {
                    Token::FlowSequenceEnd => "expected `,` or `]`",
                    _ => "expected `,` or `}`",
                };
                return Err(self.fault_here(
                    close,
                    "Is a bracket above not closed? Quote a text that contains a comma, colon or bracket.",
                ));
            }
            self.take()?;
        }
        Ok(self.peek()? == end)
    }

    fn flow_item(&mut self, first: bool) -> Next<'t> {
        if self.flow_comma(first, &Token::FlowSequenceEnd)? {
            self.open.pop();
            return Ok((Event::End, self.take()?));
        }
        let then = State::FlowItem { first: false };
        if *self.peek()? == Token::Key {
            let at = self.take()?.start;
            self.states.extend([then, State::PairKey]);
            return Ok((Event::Mapping { anchor: 0 }, at..at));
        }
        self.node_then(Place::Flow, then)
    }

    fn pair_key(&mut self) -> Next<'t> {
        match self.peek()? {
            Token::Value | Token::FlowEntry | Token::FlowSequenceEnd => {
                // So does kubectl: the token is taken, whatever it is.
                let end = self.take()?.end;
                self.empty_then(end, State::PairValue)
            }
            _ => self.node_then(Place::Flow, State::PairValue),
        }
    }

    fn pair_value(&mut self) -> Next<'t> {
        if *self.peek()? == Token::Value {
            self.take()?;
            if !matches!(self.peek()?, Token::FlowEntry | Token::FlowSequenceEnd) {
                return self.node_then(Place::Flow, State::PairEnd);
            }
        }
        self.states.push(State::PairEnd);
        self.empty()
    }

    fn flow_key(&mut self, first: bool) -> Next<'t> {
        if self.flow_comma(first, &Token::FlowMappingEnd)? {
            self.open.pop();
            return Ok((Event::End, self.take()?));
        }
        if *self.peek()? != Token::Key {
            self.states.push(State::FlowKey { first: false });
            return self.node_then(Place::Flow, State::NoValue);
        }
        self.take()?;
        self.flow_member(State::FlowValue)
    }

    fn flow_value(&mut self) -> Next<'t> {
        let then = State::FlowKey { first: false };
        if *self.peek()? != Token::Value {
            self.states.push(then);
            return self.empty();
        }
        self.take()?;
        match self.peek()? {
            Token::FlowEntry | Token::FlowMappingEnd => {
                self.states.push(then);
                self.empty()
            }
            _ => self.node_then(Place::Flow, then),
        }
    }

    fn flow_member(&mut self, then: State) -> Next<'t> {
        match self.peek()? {
            Token::Value | Token::FlowEntry | Token::FlowMappingEnd => {
                self.states.push(then);
                self.empty()
            }
            _ => self.node_then(Place::Flow, then),
        }
    }
}

fn empty_at<'t>(at: usize) -> (Event<'t>, Range<usize>) {
    let scalar = Scalar {
        text: "".into(),
        style: Style::Plain,
        tag: Tag::None,
        anchor: 0,
    };
    (Event::Scalar(scalar), at..at)
}

/// The tag of these characters.
fn named(tag: &str) -> Tag {
    let verbatim = tag
        .strip_prefix("!<tag:yaml.org,2002:")
        .and_then(|name| name.strip_suffix('>'));
    Tag::named(verbatim.or_else(|| tag.strip_prefix("!!")))
}
