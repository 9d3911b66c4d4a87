//! YAML documents to values, with places.
//!
//! The order of things is that of `kubectl`: the text is cut at the lines that begin with `---`, then each piece is read
//! by itself. So an error in one document leaves the others whole.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::diagnostic::Code;
use crate::path::Path;

use super::builder::{Build, Fault};
use super::scalar::{self, Meaning, Tag};
use super::tree::Kind;
use super::yaml_events::{Event, Events, Scalar};
use super::yaml_scanner::Style;
use super::{BLANK, MAX_DEPTH, UNRENDERED, is_break};

/// The text of one document, and of the line `---` above it.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    separator: Range<usize>,
    pub(super) text: Range<usize>,
}

/// Cuts a text into its documents.
pub(super) fn chunks(text: &str) -> impl Iterator<Item = Chunk> {
    let mut separator = Some(0..0);
    std::iter::from_fn(move || {
        let line = separator.take()?;
        separator = separator_from(text, line.end);
        let end = separator.as_ref().map_or(text.len(), |next| next.start);
        Some(Chunk {
            text: line.end..end,
            separator: line,
        })
    })
}

/// The next line that begins with `---`, looked for from the start of a line on.
fn separator_from(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let start = if rest.starts_with("---") {
        at
    } else {
        at.saturating_add(rest.find("\n---")?).saturating_add(1)
    };
    let line = text.get(start..)?.split_inclusive('\n').next()?;
    Some(start..start.saturating_add(line.len()))
}

/// Reads one document; null for an empty one.
pub(super) fn document(build: &mut Build<'_, '_>, chunk: &Chunk) -> Result<Value, Fault> {
    let text = build.text.as_str().get(chunk.text.clone());
    read(build, chunk).map_err(|fault| match template(text.unwrap_or_default()) {
        Some(found) if fault.code == Code::IC001 => Fault::syntax(
            chunk.text.start.saturating_add(found.start)
                ..chunk.text.start.saturating_add(found.end),
            UNRENDERED,
            "Run `helm template` and validate its output.",
        ),
        _ => fault,
    })
}

/// The first `{{ … }}` of a text, outside quotes and comments.
fn template(text: &str) -> Option<Range<usize>> {
    let is_bare = |at: usize| {
        let line = text.get(..at).unwrap_or_default();
        let line = line.rsplit(is_break).next().unwrap_or_default();
        !line.contains(['"', '\'', '#'])
    };
    let (start, _) = text.match_indices("{{").find(|(at, _)| is_bare(*at))?;
    let line = text.get(start..)?.split(is_break).next()?;
    let length = line
        .find("}}")
        .map_or(line.trim_end().len(), |end| end.saturating_add(2));
    Some(start..start.saturating_add(length))
}

fn read(build: &mut Build<'_, '_>, chunk: &Chunk) -> Result<Value, Fault> {
    let whole = build.text.as_str();
    let separator = whole.get(chunk.separator.clone()).unwrap_or_default();
    if !is_empty(separator.strip_prefix("---").unwrap_or_default()) {
        let shown = separator.trim_end().len();
        return Err(Fault::syntax(
            chunk.separator.start..chunk.separator.start.saturating_add(shown),
            "only a comment may follow `---` on its line",
            "Start the document on the next line: kubectl refuses this one.",
        ));
    }
    let text = whole.get(chunk.text.clone()).unwrap_or_default();
    if is_empty(text) {
        return Ok(Value::Null);
    }
    let mut reader = Reader {
        events: Events::new(text, chunk.text.start)?,
        anchors: Vec::new(),
        deepest: 0,
    };
    let Some((event, span)) = reader.events.next()? else {
        return Ok(Value::Null);
    };
    let value = reader.node(build, &Path::Root, event, span)?;
    let mut rest = whole
        .get(reader.events.rest()?..chunk.text.end)
        .unwrap_or_default();
    // Directives belong to the document that the next line `---` starts.
    while rest.trim_start_matches(BLANK).starts_with('%') {
        let directive = rest.trim_start_matches(BLANK);
        rest = directive
            .find(is_break)
            .and_then(|end| directive.get(end..))
            .unwrap_or_default();
    }
    if !is_empty(rest) {
        let rest = rest.trim_start_matches(BLANK);
        let line = rest.split(is_break).next().unwrap_or_default().trim_end();
        let start = chunk.text.end.saturating_sub(rest.len());
        build.report_fault(&Fault::syntax(
            start..start.saturating_add(line.len()),
            "text after the end of the document, which kubectl ignores",
            "Start a document with a line `---`.",
        ));
    }
    Ok(value)
}

/// Whether a text is only blanks and comments.
fn is_empty(mut text: &str) -> bool {
    loop {
        text = text.trim_start_matches(BLANK);
        match text.strip_prefix('#') {
            Some(comment) => {
                let end = comment.find('\n').unwrap_or(comment.len());
                text = comment.get(end..).unwrap_or_default();
            }
            None => return text.is_empty(),
        }
    }
}

/// The value of an anchor.
struct Anchor {
    node: u32,
    value: Value,
    /// Keys and values in it, aliases written out.
    size: usize,
    /// See [`NODE_BYTES`](super::NODE_BYTES).
    bytes: usize,
    /// Levels of nesting in it.
    height: usize,
}

struct Reader<'t> {
    events: Events<'t>,
    /// By number; the parser counts them.
    anchors: Vec<Option<Anchor>>,
    /// The deepest level reached, aliases written out, since the innermost anchor that is still open.
    deepest: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self, at: usize) -> Result<(Event<'t>, Range<usize>), Fault> {
        self.events
            .next()?
            .ok_or_else(|| Fault::syntax(at..at, "unexpected end of the text", ""))
    }

    fn node(
        &mut self,
        build: &mut Build<'_, '_>,
        path: &Path<'_>,
        event: Event<'t>,
        span: Range<usize>,
    ) -> Result<Value, Fault> {
        let left = build.left;
        let node = build.tree.next();
        let outside = std::mem::replace(&mut self.deepest, build.depth());
        build.take(1, span.start)?;
        let (value, anchor) = match event {
            Event::Scalar(scalar) => {
                let anchor = scalar.anchor;
                let value = self.scalar(build, scalar, span.clone())?;
                (value.into_value(), anchor)
            }
            Event::Sequence { anchor } => (Some(self.sequence(build, path, &span)?), anchor),
            Event::Mapping { anchor } => (Some(self.mapping(build, path, &span)?), anchor),
            Event::Alias(anchor) => (Some(self.alias(build, anchor, &span)?), 0),
            Event::End => {
                return Err(Fault::syntax(span, "expected a value", ""));
            }
        };
        let value = value.ok_or_else(|| {
            Fault::syntax(
                span.clone(),
                "a number that JSON does not have",
                "Quote it if it is a text: Kubernetes has neither infinities nor `.nan`.",
            )
        })?;
        let height = self.deepest.saturating_sub(build.depth());
        self.remember(build, anchor, (node, &value), height, left)?;
        self.deepest = self.deepest.max(outside);
        Ok(value)
    }

    /// Keeps the value of an anchor for its aliases; the number of none is 0.
    fn remember(
        &mut self,
        build: &mut Build<'_, '_>,
        anchor: usize,
        (node, value): (u32, &Value),
        height: usize,
        left_before: usize,
    ) -> Result<(), Fault> {
        if anchor == 0 {
            return Ok(());
        }
        let size = left_before.saturating_sub(build.left);
        let at = build.tree.span(node).start;
        build.take(size, at)?;
        let bytes = bytes(value);
        build.take_alias_bytes(bytes, at)?;
        let anchored = Anchor {
            node,
            value: value.clone(),
            size,
            bytes,
            height,
        };
        if self.anchors.len() <= anchor {
            self.anchors.resize_with(anchor.saturating_add(1), || None);
        }
        if let Some(place) = self.anchors.get_mut(anchor) {
            *place = Some(anchored);
        }
        Ok(())
    }

    fn sequence(
        &mut self,
        build: &mut Build<'_, '_>,
        path: &Path<'_>,
        span: &Range<usize>,
    ) -> Result<Value, Fault> {
        let node = build.open(Kind::Sequence, span.start)?;
        self.deepest = self.deepest.max(build.depth());
        let mut items = Vec::new();
        loop {
            match self.next(span.start)? {
                (Event::End, end) => {
                    build.close(node, (!end.is_empty()).then_some(end.end));
                    return Ok(Value::Array(items));
                }
                (event, span) => {
                    let item = self.node(build, &path.index(items.len()), event, span)?;
                    items.push(item);
                }
            }
        }
    }

    fn mapping(
        &mut self,
        build: &mut Build<'_, '_>,
        path: &Path<'_>,
        span: &Range<usize>,
    ) -> Result<Value, Fault> {
        let node = build.open(Kind::Mapping, span.start)?;
        self.deepest = self.deepest.max(build.depth());
        let mut map = Map::new();
        let mut again = Vec::new();
        loop {
            let (event, span) = self.next(span.start)?;
            if matches!(event, Event::End) {
                build.close(node, (!span.is_empty()).then_some(span.end));
                build.report_repeated(node, &again, path);
                return Ok(Value::Object(map));
            }
            let key_node = build.tree.next();
            let key = self.key(build, event, span.clone())?;
            let (event, value_span) = self.next(span.start)?;
            let place = path.field(key.as_deref().unwrap_or("<<"));
            let value = self.node(build, &place, event, value_span)?;
            match key {
                Some(key) => {
                    if map.insert(key, value).is_some() {
                        again.push(key_node);
                    }
                }
                None => merge(&mut map, value).map_err(|message| {
                    Fault::syntax(
                        span,
                        message,
                        "Give `<<` a mapping, an alias of one, or a list of them.",
                    )
                })?,
            }
        }
    }

    /// A key as a string; `None` for that of a merge.
    fn key(
        &mut self,
        build: &mut Build<'_, '_>,
        event: Event<'t>,
        span: Range<usize>,
    ) -> Result<Option<String>, Fault> {
        let left = build.left;
        build.take(1, span.start)?;
        let node = build.tree.next();
        let shown = span.start..span.end.max(span.start.saturating_add(1));
        let key = match event {
            Event::Scalar(scalar) => {
                let is_merge = scalar.text == "<<"
                    && match scalar.tag {
                        Tag::None => scalar.style == Style::Plain,
                        tag => tag == Tag::Merge,
                    };
                if is_merge {
                    build.tree.push(Kind::Merge, span);
                    return Ok(None);
                }
                let anchor = scalar.anchor;
                let meaning = self.scalar(build, scalar, span)?;
                if anchor != 0
                    && let Some(value) = meaning.clone().into_value()
                {
                    self.remember(build, anchor, (node, &value), 0, left)?;
                }
                meaning.into_key()
            }
            Event::Alias(anchor) => match self.alias(build, anchor, &span)? {
                Value::String(key) => Some(key),
                Value::Bool(key) => Some(key.to_string()),
                Value::Number(key) => Some(key.to_string()),
                Value::Null | Value::Array(_) | Value::Object(_) => None,
            },
            _ => None,
        };
        let key = key.ok_or_else(|| {
            Fault::syntax(
                shown,
                "expected a string as the key",
                "Quote it: kubectl refuses null, mappings and lists as keys.",
            )
        })?;
        build.tree.keep_key(build.text.as_str(), node, &key);
        Ok(Some(key))
    }

    fn scalar(
        &mut self,
        build: &mut Build<'_, '_>,
        scalar: Scalar<'t>,
        span: Range<usize>,
    ) -> Result<Meaning<'t>, Fault> {
        let written = build.text.as_str().get(span.clone()).unwrap_or_default();
        let kind = match scalar.style {
            Style::Plain if written == scalar.text => Kind::Plain,
            Style::Quoted if inner(written) == Some(&scalar.text) => Kind::Quoted,
            Style::Literal => Kind::Literal,
            _ => Kind::Other,
        };
        let text = scalar.text;
        let shown = span.clone();
        build.tree.push(kind, span);
        scalar::resolve(text, scalar.tag, scalar.style == Style::Plain).map_err(|message| {
            Fault::syntax(
                shown,
                message,
                "Kubernetes manifests need no tags: remove it.",
            )
        })
    }

    fn alias(
        &mut self,
        build: &mut Build<'_, '_>,
        anchor: usize,
        span: &Range<usize>,
    ) -> Result<Value, Fault> {
        let Some(Some(anchor)) = self.anchors.get(anchor) else {
            return Err(Fault::syntax(
                span.clone(),
                "an alias inside the value that it repeats",
                "A value cannot contain itself.",
            ));
        };
        let depth = build.depth().saturating_add(anchor.height);
        if depth > MAX_DEPTH {
            return Err(Fault::depth(span.start));
        }
        self.deepest = self.deepest.max(depth);
        build.take(anchor.size.saturating_sub(1), span.start)?;
        build.take_alias_bytes(anchor.bytes, span.start)?;
        build.tree.push_alias(span.clone(), anchor.node);
        Ok(anchor.value.clone())
    }
}

/// The bytes of a value: see [`NODE_BYTES`](super::NODE_BYTES).
fn bytes(value: &Value) -> usize {
    let own = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(bytes).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| key.len().saturating_add(bytes(value)))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    own.saturating_add(super::NODE_BYTES)
}

/// A quoted text without its quotes.
fn inner(written: &str) -> Option<&str> {
    written.get(1..written.len().checked_sub(1)?)
}

/// Takes the members of a mapping in, or those of a list of mappings, of which the first counts most. Like `kubectl`, and
/// unlike what YAML says of `<<`, a member that stood there before is replaced.
fn merge(map: &mut Map<String, Value>, value: Value) -> Result<(), &'static str> {
    let mappings = match value {
        Value::Array(mappings) => mappings,
        mapping => vec![mapping],
    };
    for mapping in mappings.into_iter().rev() {
        match mapping {
            Value::Object(members) => map.extend(members),
            _ => return Err("expected a mapping to merge"),
        }
    }
    Ok(())
}
