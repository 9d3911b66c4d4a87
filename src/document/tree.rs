//! The places of one document's values: a tree beside the value, kept as one flat list.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::OnceLock;

use crate::path::Step;

use crate::diagnostic::{u32_of, usize_of};

/// The place of a value. Nodes are in document order, children directly after their parent; the children of a mapping are
/// key, value, key, value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    start: u32,
    end: u32,
    /// The node after this one's last descendant. For an alias, which has none, the node that it refers to.
    next: u32,
    pub(super) kind: Kind,
}

/// What a node is, as far as its place in the text is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "yaml"),
    expect(dead_code, reason = "only YAML has these")
)]
pub(super) enum Kind {
    /// The text of the span is the value: a plain scalar on one line.
    Plain,
    /// The text of the span without its first and last byte is the value: quoted, on one line, without escapes.
    Quoted,
    /// A literal block scalar (`|`).
    Literal,
    /// A scalar whose value differs from its text. A key of this kind has its string beside the tree.
    Other,
    /// The key `<<`, which is not a member of the value: its mapping takes the members of others in.
    Merge,
    /// `[…]` or `- …`.
    Sequence,
    /// `{…}` or `key: …`.
    Mapping,
    /// `*name`.
    Alias,
}

impl Node {
    pub(super) fn span(&self) -> Range<usize> {
        usize_of(self.start)..usize_of(self.end)
    }

    fn is_container(&self) -> bool {
        matches!(self.kind, Kind::Sequence | Kind::Mapping)
    }
}

/// A member of a mapping or an item of a list: the node of its key, if it has one, and that of its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Child {
    pub(super) key: Option<u32>,
    pub(super) value: u32,
}

/// This many children are searched one by one; more are looked up in a table.
const SHORT: usize = 32;

/// The nodes of one document.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The strings of the keys that are not written as they are (`"a\u0062"`, `0x10`, `yes`, `*name`), by node.
    keys: Vec<(u32, Box<str>)>,
    table: OnceLock<Table>,
}

/// The children of long parents: parent, hash of the key or index of the item, child. Built at the first question, so
/// that a thousand findings in one long list cost one pass, not a thousand.
#[derive(Debug, Clone)]
struct Table(Vec<(u32, u64, u32)>);

impl Tree {
    /// Allocates for the nodes of a small document.
    pub(super) fn for_text(bytes: usize) -> Self {
        Tree {
            nodes: Vec::with_capacity((bytes / 16).clamp(4, 64)),
            ..Tree::default()
        }
    }

    /// The number that the next node will have.
    #[cfg(feature = "yaml")]
    pub(super) fn next(&self) -> u32 {
        u32_of(self.nodes.len())
    }

    /// Adds a scalar, or a container that [`Tree::close`] ends when its children are all there.
    pub(super) fn push(&mut self, kind: Kind, span: Range<usize>) -> u32 {
        let at = u32_of(self.nodes.len());
        self.nodes.push(Node {
            start: u32_of(span.start),
            end: u32_of(span.end),
            next: at.saturating_add(1),
            kind,
        });
        at
    }

    /// Adds an alias of an earlier node.
    #[cfg(feature = "yaml")]
    pub(super) fn push_alias(&mut self, span: Range<usize>, target: u32) -> u32 {
        let at = self.push(Kind::Alias, span);
        if let Some(node) = self.nodes.last_mut() {
            node.next = target;
        }
        at
    }

    /// Ends a container. One without a closing bracket ends with its last child.
    pub(super) fn close(&mut self, at: u32, end: Option<usize>) {
        let next = u32_of(self.nodes.len());
        let end = end.map_or_else(|| self.nodes.last().map_or(0, |last| last.end), u32_of);
        if let Some(node) = self.nodes.get_mut(usize_of(at)) {
            node.next = next;
            node.end = node.end.max(end);
        }
    }

    /// Keeps the string of a key when the text does not say it as it is.
    pub(super) fn keep_key(&mut self, text: &str, at: u32, key: &str) {
        if self.written_key(text, at) == Some(key) {
            return;
        }
        if let Some(node) = self.nodes.get_mut(usize_of(at))
            && node.kind != Kind::Alias
        {
            node.kind = Kind::Other;
        }
        self.keys.push((at, key.into()));
    }

    /// A node; `None` when there is none of this number.
    pub(super) fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(usize_of(at))
    }

    /// The text of a node.
    pub(super) fn span(&self, at: u32) -> Range<usize> {
        self.node(at).map_or(0..0, Node::span)
    }

    /// The node that an alias refers to.
    pub(super) fn target(&self, at: u32) -> Option<u32> {
        self.node(at)
            .filter(|node| node.kind == Kind::Alias)
            .map(|node| node.next)
    }

    /// The children of a container, in document order.
    pub(super) fn children(&self, at: u32) -> impl Iterator<Item = Child> {
        let (end, keyed) = match self.node(at) {
            Some(node) if node.is_container() => (node.next, node.kind == Kind::Mapping),
            _ => (0, false),
        };
        let mut next = at.saturating_add(1);
        let mut take = move || {
            let child = next;
            let node = self.node(child).filter(|_| child < end)?;
            next = if node.is_container() {
                node.next
            } else {
                child.saturating_add(1)
            };
            Some(child)
        };
        std::iter::from_fn(move || {
            let key = if keyed { Some(take()?) } else { None };
            Some(Child {
                key,
                value: take()?,
            })
        })
    }

    /// The string of a key; `None` for the key of a merge.
    fn key<'a>(&'a self, text: &'a str, at: u32) -> Option<&'a str> {
        self.written_key(text, at).or_else(|| {
            let place = self
                .keys
                .binary_search_by_key(&at, |(node, _)| *node)
                .ok()?;
            self.keys.get(place).map(|(_, key)| key.as_ref())
        })
    }

    /// The string of a key that is written in the text without escapes.
    fn written_key<'t>(&self, text: &'t str, at: u32) -> Option<&'t str> {
        let node = self.node(at)?;
        let span = node.span();
        match node.kind {
            Kind::Plain => text.get(span),
            Kind::Quoted => text.get(span.start.saturating_add(1)..span.end.saturating_sub(1)),
            _ => None,
        }
    }

    /// For keys of a mapping that had stood there before: where each stood first, the key itself, its string. One pass
    /// over the mapping.
    pub(super) fn first_keys<'a>(
        &'a self,
        text: &'a str,
        mapping: u32,
        again: &[u32],
    ) -> Vec<(u32, u32, &'a str)> {
        let keys = self.children(mapping).filter_map(|child| child.key);
        let mut keys: Vec<_> = keys.map(|at| (self.key(text, at), at)).collect();
        keys.sort_unstable();
        again
            .iter()
            .filter_map(|again| {
                let key = self.key(text, *again);
                let first = keys.partition_point(|(other, _)| *other < key);
                // It may only have taken the place of a member that a merge brought.
                let (_, first) = keys.get(first).filter(|(_, first)| first != again)?;
                Some((*first, *again, key.unwrap_or_default()))
            })
            .collect()
    }

    /// One step down from a container. Of a duplicate key the last one counts, as it does in the value.
    pub(super) fn child(&self, text: &str, at: u32, step: Step<'_>) -> Option<Child> {
        let is_it = |place: usize, child: &Child| match (step, child.key) {
            (Step::Key(name), Some(key)) => self.key(text, key) == Some(name),
            (Step::Index(index), None) => index == place,
            _ => false,
        };
        let mut children = self.children(at).enumerate();
        let mut found = None;
        for (place, child) in children.by_ref().take(SHORT) {
            if is_it(place, &child) {
                found = Some(child);
            }
        }
        if children.next().is_none() {
            return found;
        }
        let table = self.table.get_or_init(|| Table::new(self, text));
        let member = match step {
            Step::Key(name) => hash(name),
            Step::Index(index) => u64::try_from(index).unwrap_or(u64::MAX),
        };
        table
            .find(at, member)
            .map(|child| self.child_at(at, child))
            .filter(|child| matches!(step, Step::Index(_)) || is_it(0, child))
            .last()
    }

    /// The child whose first node this is.
    fn child_at(&self, parent: u32, first: u32) -> Child {
        match self.node(parent) {
            Some(node) if node.kind == Kind::Mapping => {
                let behind = match self.node(first) {
                    Some(key) if key.is_container() => key.next,
                    _ => first.saturating_add(1),
                };
                Child {
                    key: Some(first),
                    value: behind,
                }
            }
            _ => Child {
                key: None,
                value: first,
            },
        }
    }
}

impl Table {
    fn new(tree: &Tree, text: &str) -> Self {
        let mut rows = Vec::new();
        for at in 0..u32_of(tree.nodes.len()) {
            let before = rows.len();
            for (index, child) in tree.children(at).enumerate() {
                let member = match child.key {
                    Some(key) => tree.key(text, key).map(hash),
                    None => u64::try_from(index).ok(),
                };
                if let Some(member) = member {
                    rows.push((at, member, child.key.unwrap_or(child.value)));
                }
            }
            if rows.len().saturating_sub(before) <= SHORT / 2 {
                rows.truncate(before);
            }
        }
        rows.sort_unstable();
        Table(rows)
    }

    fn find(&self, parent: u32, member: u64) -> impl Iterator<Item = u32> {
        let from = self
            .0
            .partition_point(|(at, hash, _)| (*at, *hash) < (parent, member));
        self.0
            .iter()
            .skip(from)
            .take_while(move |(at, hash, _)| (*at, *hash) == (parent, member))
            .map(|(_, _, child)| *child)
    }
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
