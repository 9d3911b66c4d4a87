//! JSON Patch (RFC 6902): the two operations that a mutation here consists of.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One operation of a JSON Patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
#[non_exhaustive]
pub enum PatchOp {
    /// Puts a member that was not there (or was `null`) into an object.
    Add {
        /// JSON Pointer (RFC 6901) of the member.
        path: String,
        /// What it becomes.
        value: Value,
    },
    /// Gives a member another value.
    Replace {
        /// JSON Pointer (RFC 6901) of the member.
        path: String,
        /// What it becomes.
        value: Value,
    },
}

/// Edits one JSON value and writes down every step: what is not named stays as it was, byte for byte.
#[derive(Debug)]
pub(super) struct Edit<'a> {
    original: &'a Value,
    edited: Option<Value>,
    ops: Vec<PatchOp>,
}

impl<'a> Edit<'a> {
    pub(super) fn of(original: &'a Value) -> Self {
        Edit {
            original,
            edited: None,
            ops: Vec::new(),
        }
    }

    /// Sets a member of the object at `parent` (names and list indices from the root). An object on the way that is
    /// missing or `null` is made. Nothing happens, and `false` is returned, where a value on the way is neither.
    pub(super) fn set(&mut self, parent: &[&str], name: &str, value: Value) -> bool {
        let edited = self.edited.get_or_insert_with(|| self.original.clone());
        let mut pointer = String::new();
        let mut at = edited;
        for (depth, step) in parent.iter().enumerate() {
            push(&mut pointer, step);
            if let Value::Array(items) = at {
                let Some(item) = step.parse::<usize>().ok().and_then(|i| items.get_mut(i)) else {
                    return false;
                };
                at = item;
                continue;
            }
            let Some(members) = at.as_object_mut() else {
                return false;
            };
            let below = members.entry(*step).or_insert(Value::Null);
            if below.is_null() {
                let rest = parent.get(depth + 1..).unwrap_or_default();
                let made = nested(rest, name, value);
                *below = made.clone();
                self.ops.push(PatchOp::Add {
                    path: pointer,
                    value: made,
                });
                return true;
            }
            at = below;
        }
        let Some(members) = at.as_object_mut() else {
            return false;
        };
        push(&mut pointer, name);
        let old = members.insert(name.to_owned(), value.clone());
        self.ops.push(match old {
            None | Some(Value::Null) => PatchOp::Add {
                path: pointer,
                value,
            },
            Some(_) => PatchOp::Replace {
                path: pointer,
                value,
            },
        });
        true
    }

    /// The patch, and the edited copy if there is one.
    pub(super) fn finish(self) -> (Vec<PatchOp>, Option<Value>) {
        let changed = !self.ops.is_empty();
        (self.ops, self.edited.filter(|_| changed))
    }
}

/// One step of a JSON Pointer: `~` and `/` are escaped.
fn push(pointer: &mut String, step: &str) {
    pointer.push('/');
    for letter in step.chars() {
        match letter {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            letter => pointer.push(letter),
        }
    }
}

/// `{"a": {"b": {"name": value}}}` for the steps `a`, `b`.
fn nested(steps: &[&str], name: &str, value: Value) -> Value {
    let object = |name: &str, value| {
        let mut members = Map::new();
        members.insert(name.to_owned(), value);
        Value::Object(members)
    };
    steps
        .iter()
        .rev()
        .fold(object(name, value), |inner, step| object(step, inner))
}
