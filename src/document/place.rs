//! From a path in a value to a stretch of its text.

use std::ops::Range;

use serde_json::Value;

use crate::diagnostic::QuotedPart;
use crate::path::Step;

use super::is_break;
use super::tree::{Kind, Tree};

/// What a path led to.
pub(super) struct Place<'v> {
    /// The value's node, or that of the nearest value above it.
    node: u32,
    /// The node of its key; none for list items and for the document itself.
    key: Option<u32>,
    /// The value itself, when the path leads all the way.
    value: Option<&'v Value>,
    /// Where it is used, when it is written somewhere else: `*name`, or the key of a merge.
    used_at: Option<Range<usize>>,
    /// Is the key where it is used? So it is when only the value is an alias.
    key_in_place: bool,
}

/// A container without a key is underlined whole when it is on one line and no longer than this; so is a value beside its
/// key. In bytes.
const SHORT_LINE: usize = 120;

/// Scalars longer than this, in bytes, are not looked into for every finding.
const LONG: usize = 1 << 14;

/// Walks down a tree and its value together.
pub(super) fn find<'v>(tree: &Tree, text: &str, value: &'v Value, steps: &[Step<'_>]) -> Place<'v> {
    let mut place = Place {
        node: 0,
        key: None,
        value: Some(value),
        used_at: None,
        key_in_place: false,
    };
    for step in steps {
        place.enter_alias(tree);
        let below = place.value.and_then(|value| match step {
            Step::Key(name) => value.get(*name),
            Step::Index(index) => value.get(*index),
        });
        match tree.child(text, place.node, *step) {
            Some(child) if below.is_some() => {
                place.node = child.value;
                place.key = child.key;
                place.value = below;
            }
            _ => {
                place.value = None;
                if below.is_some() {
                    place.enter_merge(tree);
                }
                break;
            }
        }
    }
    place.key_in_place = place.is_exact();
    place.enter_alias(tree);
    place
}

impl Place<'_> {
    fn enter_alias(&mut self, tree: &Tree) {
        while let Some(target) = tree.target(self.node) {
            self.used_at.get_or_insert_with(|| tree.span(self.node));
            self.node = target;
        }
    }

    /// The member came in by `<<`: its place is that of the alias there, or of the key.
    fn enter_merge(&mut self, tree: &Tree) {
        let is_merge = |key: u32| tree.node(key).is_some_and(|node| node.kind == Kind::Merge);
        let merge = tree
            .children(self.node)
            .filter_map(|child| {
                child
                    .key
                    .filter(|key| is_merge(*key))
                    .map(|key| (key, child.value))
            })
            .last();
        if let Some((key, value)) = merge {
            let at = if tree.target(value).is_some() {
                value
            } else {
                key
            };
            self.used_at.get_or_insert_with(|| tree.span(at));
        }
    }

    /// Does the text say this very value at this very place?
    pub(super) fn is_exact(&self) -> bool {
        self.value.is_some() && self.used_at.is_none()
    }

    /// The stretch of text to underline.
    pub(super) fn range(&self, tree: &Tree, text: &str, part: &QuotedPart) -> Range<usize> {
        let key = self.key.map(|key| tree.span(key));
        if let Some(used_at) = &self.used_at {
            let own_key = key.filter(|_| *part == QuotedPart::Key && self.key_in_place);
            return own_key.unwrap_or_else(|| used_at.clone());
        }
        let shown = match part {
            QuotedPart::Key => None,
            _ if self.value.is_none() => None,
            QuotedPart::Value => value(tree, text, self.node),
            QuotedPart::Bytes(bytes) => self
                .bytes(tree, text, bytes)
                .or_else(|| scalar(tree, self.node)),
        };
        shown
            .or(key)
            .unwrap_or_else(|| opening(tree, text, self.node))
    }

    /// Some bytes of a string, where the text has them one by one.
    fn bytes(&self, tree: &Tree, text: &str, bytes: &Range<usize>) -> Option<Range<usize>> {
        let decoded = self.value?.as_str()?.get(bytes.clone())?;
        let node = tree.node(self.node)?;
        let span = node.span();
        let start = match node.kind {
            Kind::Plain => span.start.checked_add(bytes.start)?,
            Kind::Quoted => span.start.checked_add(bytes.start)?.checked_add(1)?,
            Kind::Literal if span.len() <= LONG => in_literal(text, span, bytes.start)?,
            _ => return None,
        };
        let found = start..start.checked_add(decoded.len())?;
        (text.get(found.clone())? == decoded).then_some(found)
    }
}

/// The place of a byte of a literal block scalar: the same line, after the indentation. The caller compares.
fn in_literal(text: &str, span: Range<usize>, byte: usize) -> Option<usize> {
    let line_start = text.get(..span.start)?.rfind('\n')?.checked_add(1)?;
    let indent = span.start.checked_sub(line_start)?;
    let mut raw = line_start;
    let mut left = byte;
    for line in text.get(line_start..span.end)?.split_inclusive('\n') {
        let content = line.get(indent..).unwrap_or("\n");
        let length = if content.ends_with("\r\n") {
            content.len().checked_sub(1)?
        } else {
            content.len()
        };
        if left < length {
            return raw
                .checked_add(line.len())?
                .checked_sub(content.len())?
                .checked_add(left);
        }
        left = left.checked_sub(length)?;
        raw = raw.checked_add(line.len())?;
    }
    None
}

/// A scalar that is there.
fn scalar(tree: &Tree, at: u32) -> Option<Range<usize>> {
    let node = tree.node(at)?;
    let is_scalar = !matches!(node.kind, Kind::Sequence | Kind::Mapping);
    (is_scalar && !node.span().is_empty()).then(|| node.span())
}

/// A scalar on one line. Longer ones, mappings and sequences are better shown by their keys.
fn value(tree: &Tree, text: &str, at: u32) -> Option<Range<usize>> {
    let span = scalar(tree, at)?;
    let multi_line = matches!(tree.node(at)?.kind, Kind::Other | Kind::Literal)
        && (span.len() > LONG || text.get(span.clone())?.contains(is_break));
    (!multi_line).then_some(span)
}

/// The text shown for a value without a key: how it begins.
fn opening(tree: &Tree, text: &str, mut at: u32) -> Range<usize> {
    loop {
        let span = tree.span(at);
        let kind = tree.node(at).map_or(Kind::Other, |node| node.kind);
        let one_line = |range: &Range<usize>| {
            range.len() <= SHORT_LINE
                && text
                    .get(range.clone())
                    .is_some_and(|text| !text.contains(is_break))
        };
        match kind {
            Kind::Mapping | Kind::Sequence
                if text
                    .get(span.start..)
                    .is_some_and(|rest| rest.starts_with(['{', '['])) =>
            {
                return if one_line(&span) {
                    span
                } else {
                    span.start..span.start.saturating_add(1)
                };
            }
            Kind::Sequence => match tree.children(at).next() {
                Some(first) => at = first.value,
                None => return span,
            },
            Kind::Mapping => {
                let Some(first) = tree.children(at).next() else {
                    return span;
                };
                let key = tree.span(first.key.unwrap_or(first.value));
                let member =
                    key.start..scalar(tree, first.value).map_or(key.end, |value| value.end);
                return if one_line(&member) { member } else { key };
            }
            _ if span.is_empty() => {
                // An item that is not there (`- `): show its dash.
                let before = text.get(..span.start).unwrap_or_default().trim_end();
                return match before.strip_suffix('-') {
                    Some(rest) => rest.len()..before.len(),
                    None => span,
                };
            }
            _ => {
                let scalar = text.get(span.clone()).unwrap_or_default();
                let line = scalar.split(is_break).next().unwrap_or_default();
                return span.start..span.start.saturating_add(line.trim_end().len().max(1));
            }
        }
    }
}
