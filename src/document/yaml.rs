//! YAML documents to values, with places.
//!
//! The order of things is that of `kubectl`: the text is cut at the lines that begin with `---`, then each piece is read
//! by itself. So an error in one document leaves the others whole.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::path::Path;

use super::builder::{Build, Fault};
use super::scalar::{self, Meaning, Tag};
use super::tree::Kind;
use super::yaml_events::{Event, Events, Scalar};
use super::yaml_scanner::Style;
use super::{BLANK, MAX_DEPTH, is_break};

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

/// Reads one document; null for one that says nothing.
pub(super) fn document(build: &mut Build<'_, '_>, chunk: &Chunk) -> Result<Value, Fault> {
    let whole = build.text.as_str();
    let separator = whole.get(chunk.separator.clone()).unwrap_or_default();
    if !says_nothing(separator.strip_prefix("---").unwrap_or_default()) {
        let shown = separator.trim_end().len();
        return Err(Fault::syntax(
            chunk.separator.start..chunk.separator.start.saturating_add(shown),
            "only a comment may follow `---` on its line",
            "Begin the document on the next line: kubectl refuses this one.",
        ));
    }
    let text = whole.get(chunk.text.clone()).unwrap_or_default();
    if says_nothing(text) {
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
    let rest = reader.events.rest()?;
    let unread = whole.get(rest..chunk.text.end).unwrap_or_default();
    if !says_nothing(unread) {
        let start = rest.saturating_add(unread.len().saturating_sub(unread.trim_start_matches(BLANK).len()));
        let line = whole.get(start..).unwrap_or_default();
        let line = line.split(is_break).next().unwrap_or_default();
        build.report_fault(&Fault::syntax(
            start..start.saturating_add(line.trim_end().len()),
            "text after the end of the document, which kubectl ignores",
            "Begin a document with a line `---`.",
        ));
    }
    Ok(value)
}

/// Is there nothing but blanks and comments?
fn says_nothing(mut text: &str) -> bool {
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

/// What an anchor stands for.
struct Anchor {
    node: u32,
    value: Value,
    /// Keys and values in it, aliases written out.
    size: usize,
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
            .ok_or_else(|| Fault::syntax(at..at, "the text ends too soon", ""))
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
                return Err(Fault::syntax(span, "a value was expected", ""));
            }
        };
        let value = value.ok_or_else(|| {
            Fault::syntax(
                span.clone(),
                "a number that JSON, and so Kubernetes, does not have",
                "Quote it if it is a text.",
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
        build.take(size, build.tree.span(node).start)?;
        let anchored = Anchor {
            node,
            value: value.clone(),
            size,
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
        let key = key.ok_or_else(|| no_key(build.text.as_str(), shown))?;
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
                "an alias inside the very value that it repeats",
                "A value cannot contain itself.",
            ));
        };
        let depth = build.depth().saturating_add(anchor.height);
        if depth > MAX_DEPTH {
            return Err(Fault::depth(span.start));
        }
        self.deepest = self.deepest.max(depth);
        build.take(anchor.size.saturating_sub(1), span.start)?;
        build.tree.push_alias(span.clone(), anchor.node);
        Ok(anchor.value.clone())
    }
}

/// Something that cannot be a key. Often it is a template, `{{ .Values.name }}`, which YAML takes for two braces.
fn no_key(text: &str, range: Range<usize>) -> Fault {
    let before = text.get(..range.start).unwrap_or_default();
    let template = before.ends_with('{')
        || text
            .get(range.start..)
            .is_some_and(|key| key.starts_with("{{"));
    if template {
        Fault::syntax(
            range,
            "a template that is not filled in",
            "Render it first, for instance with `helm template`.",
        )
    } else {
        Fault::syntax(
            range,
            "a key that is no text",
            "Quote it; kubectl takes neither null nor mappings nor lists as keys.",
        )
    }
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
            _ => return Err("a merge of something that is no mapping"),
        }
    }
    Ok(())
}
