use std::borrow::Cow;
use std::collections::BTreeMap;

use super::field::BadParameter;
use crate::eci::params::Params;

/// Deepest name that is understood: `AcrRegistryInfo.1.Domain.1` has 4 parts. Deeper ones are unknown parameters, so
/// a name of a million dots costs no stack.
const MAX_DEPTH: usize = 6;

/// Flat parameters, put back into the tree that they were flattened from.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    pub(super) value: Option<&'a str>,
    children: BTreeMap<Cow<'a, str>, Node<'a>>,
}

/// The tree of some parameters, and those that are too deep for it.
pub(super) fn read<'a>(params: &'a Params) -> Result<(Node<'a>, Params), BadParameter> {
    let (mut root, mut deep) = (Node::default(), Params::new());
    for (name, value) in params.iter() {
        let parts = parts(name);
        if parts.len() > MAX_DEPTH {
            deep.push(name, value);
            continue;
        }
        let mut node = &mut root;
        for part in parts {
            node = node.children.entry(part).or_default();
        }
        if node.value.is_some_and(|known| known != value) {
            return Err(BadParameter::Twice {
                name: name.to_owned(),
            });
        }
        node.value = Some(value);
    }
    Ok((root, deep))
}

/// The parts of a name, with the dot that the oldest Python SDK forgets put back.
fn parts(name: &str) -> Vec<Cow<'_, str>> {
    let mut parts: Vec<Cow<'_, str>> = name
        .splitn(MAX_DEPTH.saturating_add(1), '.')
        .map(Cow::Borrowed)
        .collect();
    let forgotten = match parts.as_slice() {
        [list, numbered, _] if list == "AcrRegistryInfo" => numbered
            .strip_suffix("Domain")
            .filter(|number| !number.is_empty())
            .map(str::to_owned),
        _ => None,
    };
    if let (Some(number), Some(part)) = (forgotten, parts.get_mut(1)) {
        *part = Cow::Owned(number);
        parts.insert(2, Cow::Borrowed("Domain"));
    }
    parts
}

impl<'a> Node<'a> {
    /// Takes the child of this name out.
    pub(super) fn take(&mut self, name: &str) -> Node<'a> {
        self.children.remove(name).unwrap_or_default()
    }

    /// Puts a child back of which something was left.
    pub(super) fn put_back(&mut self, name: &str, rest: Node<'a>) {
        if !rest.is_empty() {
            self.children.insert(Cow::Owned(name.to_owned()), rest);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.value.is_none() && self.children.is_empty()
    }

    /// Takes the numbered children out, in the order of their numbers.
    pub(super) fn take_items(&mut self, path: &str) -> Result<Vec<(u32, Node<'a>)>, BadParameter> {
        let mut items = Vec::new();
        for (name, node) in std::mem::take(&mut self.children) {
            if !name.bytes().all(|byte| byte.is_ascii_digit()) || name.is_empty() {
                self.children.insert(name, node);
                continue;
            }
            // `Image.01` would be a second `Image.1`
            match name.parse() {
                Ok(number) if number > 0 && !name.starts_with('0') => items.push((number, node)),
                _ => {
                    return Err(BadParameter::Form {
                        name: format!("{path}.{name}"),
                        fact: "lists are counted 1, 2, 3, …",
                    });
                }
            }
        }
        items.sort_by_key(|(number, _)| *number);
        Ok(items)
    }

    /// Appends everything that is left in this node, under its full names.
    pub(super) fn drain_into(self, path: &str, out: &mut Params) {
        if let Some(value) = self.value {
            out.push(path, value);
        }
        for (name, node) in self.children {
            let path = if path.is_empty() {
                name.into_owned()
            } else {
                format!("{path}.{name}")
            };
            node.drain_into(&path, out);
        }
    }
}
