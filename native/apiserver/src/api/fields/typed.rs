//! Objects under a schema: which fields they have, how two differ, how one is laid over another.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::super::cause::Cause;
use super::super::go_fmt;
use super::super::schema::{ListType, Schema, Type};
use super::set::Set;
use crate::limits::LISTED_ERRORS;

/// How two objects differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Comparison {
    /// Fields that only the new one has.
    pub added: Set,
    /// Fields that only the old one has.
    pub removed: Set,
    /// Fields that both have, with different values.
    pub modified: Set,
}

impl Comparison {
    /// Hangs the difference of a part below a step.
    fn below(&mut self, step: &str, part: Comparison) {
        for (own, part) in [
            (&mut self.added, part.added),
            (&mut self.removed, part.removed),
            (&mut self.modified, part.modified),
        ] {
            if !part.is_empty() {
                own.children.insert(step.to_owned(), part);
            }
        }
    }
}

/// Is the value owned and merged part by part? Lists and maps with a key for each part are; everything else is one.
fn has_parts(schema: &Schema, value: &Value) -> bool {
    match value {
        Value::Object(_) => !schema.atomic_map,
        Value::Array(_) => schema.list != ListType::Atomic,
        _ => false,
    }
}

fn is_blank(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

/// The parts of a map or list with their steps and shapes. A list item whose key is unknown has no step and is
/// left out.
fn parts<'a>(schema: &'a Schema, value: Option<&'a Value>) -> Vec<(String, &'a Schema, &'a Value)> {
    match value {
        Some(Value::Object(fields)) => fields
            .iter()
            .filter_map(|(name, value)| Some((format!("f:{name}"), schema.field(name)?, value)))
            .collect(),
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|item| Some((step(schema, item)?, schema.item(), item)))
            .collect(),
        _ => Vec::new(),
    }
}

/// The step to an item of a list.
fn step(schema: &Schema, item: &Value) -> Option<String> {
    match &schema.list {
        ListType::Atomic => None,
        ListType::Set => Some(format!("v:{item}")),
        ListType::Map(keys) => {
            let mut found = Map::new();
            for key in keys {
                let default = || schema.item().properties.get(key)?.default.as_ref();
                let value = item
                    .get(key)
                    .filter(|value| !value.is_null())
                    .or_else(default)?;
                found.insert(key.clone(), value.clone());
            }
            Some(format!("k:{}", Value::Object(found)))
        }
    }
}

/// Returns the differences between `new` and `old`.
#[must_use]
pub(crate) fn compare(schema: &Schema, old: Option<&Value>, new: Option<&Value>) -> Comparison {
    let mut difference = Comparison::default();
    let (some_old, some_new) = match (old, new) {
        (None, None) => return difference,
        (Some(old), Some(new)) if old == new => return difference,
        (old, new) => (old.is_some(), new.is_some()),
    };
    let parted = |value: Option<&Value>| {
        value.is_none_or(|value| value.is_null() || has_parts(schema, value))
    };
    let alike = match (old, new) {
        (Some(Value::Object(_)), Some(Value::Array(_)))
        | (Some(Value::Array(_)), Some(Value::Object(_))) => false,
        _ => parted(old) && parted(new),
    };
    // Two empty ones that differ (`null` and `{}`) are compared as a whole.
    if alike && !(is_blank(old) && is_blank(new)) {
        let mut news: BTreeMap<String, (&Schema, &Value)> = parts(schema, new)
            .into_iter()
            .map(|(step, schema, value)| (step, (schema, value)))
            .collect();
        for (step, schema, value) in parts(schema, old) {
            let other = news.remove(&step).map(|(_, value)| value);
            let part = compare(schema, Some(value), other);
            difference.below(&step, part);
        }
        for (step, (schema, value)) in news {
            let part = compare(schema, None, Some(value));
            difference.below(&step, part);
        }
    } else if some_old && some_new {
        difference.modified.member = true;
    }
    difference.added.member = !some_old;
    difference.removed.member = !some_new;
    difference
}

/// Every field of an object that somebody who applies it owns.
#[must_use]
pub(super) fn fields(schema: &Schema, value: &Value) -> Set {
    let mut set = Set::default();
    if !has_parts(schema, value) {
        set.member = true;
        return set;
    }
    let named = |step: &str| {
        step.strip_prefix("f:")
            .is_some_and(|name| schema.properties.contains_key(name))
    };
    for (step, part, value) in parts(schema, Some(value)) {
        let mut below = fields(part, value);
        let empty_map = value.as_object().is_some_and(Map::is_empty);
        below.member |= value.is_null() || empty_map || !named(&step);
        if !below.is_empty() {
            set.children.insert(step, below);
        }
    }
    set
}

/// The same set, with every field of a known name on the way to its fields.
#[must_use]
pub(super) fn with_named(schema: &Schema, set: &Set) -> Set {
    let mut named = Set {
        member: set.member,
        children: BTreeMap::new(),
    };
    for (step, child) in &set.children {
        let (known, part) = match step.strip_prefix("f:") {
            Some(name) => (schema.properties.contains_key(name), schema.field(name)),
            None => (false, Some(schema.item())),
        };
        let mut below = match part {
            Some(part) => with_named(part, child),
            None => child.clone(),
        };
        below.member |= known;
        named.children.insert(step.clone(), below);
    }
    named
}

/// Lays `over` upon `under`: maps and lists with keys part by part, everything else as a whole.
#[must_use]
pub(crate) fn merge(schema: &Schema, under: Option<Value>, over: &Value) -> Value {
    match (under, over) {
        (Some(Value::Object(mut fields)), Value::Object(new)) if !schema.atomic_map => {
            for (name, value) in new {
                let part = schema.field(name);
                let merged = match part {
                    Some(part) => merge(part, fields.remove(name), value),
                    None => value.clone(),
                };
                fields.insert(name.clone(), merged);
            }
            fields.into()
        }
        (Some(Value::Array(items)), Value::Array(new)) if schema.list != ListType::Atomic => {
            merge_lists(schema, items, new).into()
        }
        // `null` claims a map or list that is merged part by part, and says nothing of its parts
        (Some(under), Value::Null) if has_parts(schema, &under) && !is_blank(Some(&under)) => under,
        (_, over) => over.clone(),
    }
}

/// The items of both lists, each once: in the order of `over`, with those of `under` alone where they stood.
fn merge_lists(schema: &Schema, under: Vec<Value>, over: &[Value]) -> Vec<Value> {
    let keyed = |item: &Value| step(schema, item).unwrap_or_default();
    let under_steps: Vec<String> = under.iter().map(keyed).collect();
    let over_steps: Vec<String> = over.iter().map(keyed).collect();
    let in_over: BTreeSet<&String> = over_steps.iter().collect();
    let known: BTreeSet<&String> = under_steps.iter().collect();
    let mut shared = over_steps.iter().filter(|step| known.contains(step));
    let mut next_shared = shared.next();
    let mut first: BTreeMap<&String, Value> = BTreeMap::new();
    let mut only_under: Vec<Option<Value>> = Vec::with_capacity(under.len());
    for (step, item) in under_steps.iter().zip(under) {
        if in_over.contains(step) {
            first.entry(step).or_insert(item);
            only_under.push(None);
        } else {
            only_under.push(Some(item));
        }
    }
    let mut merged = Vec::with_capacity(only_under.len() + over.len());
    let mut done: BTreeSet<&String> = BTreeSet::new();
    let (mut left, mut right) = (0, 0);
    while left < under_steps.len() || right < over_steps.len() {
        let left_step = under_steps.get(left);
        let right_item = over_steps.get(right).zip(over.get(right));
        if let (Some(step), Some((wanted, _))) = (left_step, right_item) {
            let elsewhere = in_over.contains(step) && next_shared.is_some_and(|next| next != step);
            if step != wanted && elsewhere {
                left += 1;
                continue;
            }
        }
        if let Some(step) = left_step {
            if let Some(item) = only_under.get_mut(left).and_then(Option::take) {
                merged.push(item);
                left += 1;
                continue;
            }
            if done.contains(step) || right_item.is_some_and(|(wanted, _)| wanted == step) {
                left += 1;
            }
        }
        if let Some((step, item)) = right_item {
            done.insert(step);
            merged.push(merge(schema.item(), first.remove(step), item));
            right += 1;
            if next_shared == Some(step) {
                next_shared = shared.next();
            }
        }
    }
    merged
}

/// Removes the fields of a set, with all below them. A map or list that loses its last part becomes null.
pub(super) fn remove(schema: &Schema, value: &mut Value, set: &Set) {
    if !has_parts(schema, value) {
        return;
    }
    match value {
        Value::Object(fields) => fields.retain(|name, value| {
            let Some(child) = set.children.get(&format!("f:{name}")) else {
                return true;
            };
            if let (false, Some(part)) = (child.member, schema.field(name)) {
                remove(part, value, child);
            }
            !child.member
        }),
        Value::Array(items) => items.retain_mut(|item| {
            let Some(child) = step(schema, item).and_then(|step| set.children.get(&step)) else {
                return true;
            };
            if !child.member {
                remove(schema.item(), item, child);
            }
            !child.member
        }),
        _ => {}
    }
    if is_blank(Some(value)) {
        *value = Value::Null;
    }
}

/// What keeps a value from being understood under its schema, in the words of the real server; at most
/// [`LISTED_ERRORS`], and the number of the others. With `strict` items of a list may not have the same key.
#[must_use]
pub(super) fn faults(schema: &Schema, value: &Value, strict: bool) -> Vec<String> {
    let mut faults = Faults::default();
    check(schema, value, strict, &mut String::new(), &mut faults);
    if faults.more > 0 {
        faults.list.push(Cause::more(faults.more).to_string());
    }
    faults.list
}

#[derive(Default)]
struct Faults {
    list: Vec<String>,
    more: usize,
}

impl Faults {
    fn push(&mut self, fault: impl FnOnce() -> String) {
        if self.list.len() < LISTED_ERRORS {
            self.list.push(fault());
        } else {
            self.more += 1;
        }
    }
}

fn check(schema: &Schema, value: &Value, strict: bool, path: &mut String, faults: &mut Faults) {
    if value.is_null() {
        return;
    }
    if let Some(words) = schema.kind.and_then(|kind| mismatch(kind, value)) {
        faults.push(|| format!("{path}: {words}"));
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let length = path.len();
                path.push('.');
                path.push_str(name);
                match schema.field(name) {
                    Some(part) => check(part, value, strict, path, faults),
                    None => faults.push(|| format!("{path}: field not declared in schema")),
                }
                path.truncate(length);
            }
        }
        Value::Array(items) => check_items(schema, items, strict, path, faults),
        _ => {}
    }
}

fn check_items(
    schema: &Schema,
    items: &[Value],
    strict: bool,
    path: &mut String,
    faults: &mut Faults,
) {
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let length = path.len();
        if schema.list == ListType::Atomic {
            path.push_str(&format!("[{index}]"));
        } else if let Some(step) = step(schema, item) {
            let mut one = Set::default();
            one.insert(&[&step]);
            let shown = one.paths().concat();
            if !seen.insert(step) && strict {
                faults.push(|| format!("{path}: duplicate entries for key {shown}"));
            }
            path.push_str(&shown);
        } else {
            faults.push(|| format!(
                "{path}: element {index}: associative list with keys has an element that omits a key field \
                 (and doesn't have default value)"
            ));
        }
        check(schema.item(), item, strict, path, faults);
        path.truncate(length);
    }
}

fn mismatch(kind: Type, value: &Value) -> Option<String> {
    match (kind, value) {
        (Type::Object, Value::Object(_))
        | (Type::Array, Value::Array(_))
        | (Type::String, Value::String(_))
        | (Type::Boolean, Value::Bool(_))
        | (Type::Integer | Type::Number, Value::Number(_)) => None,
        (Type::Object, _) => Some(format!("expected map, got &{{{}}}", plain(value))),
        (Type::Array, _) => Some(format!("expected list, got &{{{}}}", plain(value))),
        (Type::String, _) => Some(format!(
            "expected string, got &value.valueUnstructured{{Value:{}}}",
            plain(value)
        )),
        (Type::Boolean, _) => Some(format!("expected boolean, got &{{{}}}", plain(value))),
        (Type::Integer | Type::Number, _) => Some(format!(
            "expected numeric (int or float), got {}",
            match value {
                Value::Bool(_) => "bool",
                Value::Array(_) => "[]interface {}",
                Value::Object(_) => "map[string]interface {}",
                _ => "string",
            }
        )),
    }
}

/// A value as `%v` writes it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => go_fmt::number(number),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}:{}", plain(value)))
                .collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}
