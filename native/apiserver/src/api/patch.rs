//! Patches: JSON, merge, strategic merge and apply.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use json_patch::PatchOperation;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::resource::Resource;
use super::schema::Schema;
use super::{decode, go_fmt};
use crate::limits::{
    JSON_PATCH_COPY_BYTES, JSON_PATCH_OPERATIONS, OBJECT_DEPTH, WRITE_TIME, Weight,
};

/// A kind of patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// `application/json-patch+json` (RFC 6902).
    Json,
    /// `application/merge-patch+json` (RFC 7386).
    Merge,
    /// `application/strategic-merge-patch+json`: a merge patch that knows the keys of lists. Built-in kinds only.
    Strategic,
    /// `application/apply-patch+yaml`: server-side apply.
    Apply,
}

impl PatchKind {
    /// The media type of this kind of patch.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            PatchKind::Json => "application/json-patch+json",
            PatchKind::Merge => "application/merge-patch+json",
            PatchKind::Strategic => "application/strategic-merge-patch+json",
            PatchKind::Apply => "application/apply-patch+yaml",
        }
    }
}

/// Returns the kinds of patch that a resource takes, in the order of the real server's message.
#[must_use]
pub fn accepted(resource: &Resource) -> &'static [PatchKind] {
    if resource.custom {
        &[PatchKind::Json, PatchKind::Merge, PatchKind::Apply]
    } else {
        &[
            PatchKind::Json,
            PatchKind::Merge,
            PatchKind::Strategic,
            PatchKind::Apply,
        ]
    }
}

/// Returns the kind of patch that a `Content-Type` names.
///
/// # Errors
/// 415 with the kinds that the resource takes.
pub fn kind_of(resource: &Resource, content_type: Option<&str>) -> Result<PatchKind, ApiError> {
    let media = decode::media_type(content_type.unwrap_or_default());
    let accepted = accepted(resource);
    accepted
        .iter()
        .copied()
        .find(|kind| kind.media_type() == media)
        .ok_or_else(|| {
            let types: Vec<&str> = accepted.iter().map(|kind| kind.media_type()).collect();
            ApiError::unsupported_media_type(&types)
        })
}

/// An object with a patch applied, before it is decoded again.
pub(super) struct Patched {
    pub(super) object: Value,
    /// Fields that stand twice in the patch.
    pub(super) duplicates: Vec<String>,
}

/// Applies a patch of any kind but [`PatchKind::Apply`].
pub(super) fn apply(
    resource: &Resource,
    live: &Value,
    kind: PatchKind,
    body: &[u8],
) -> Result<Patched, ApiError> {
    let (patch, duplicates) = decode::patch(body)?;
    let mut object = live.clone();
    if kind == PatchKind::Json {
        json(&mut object, patch)?;
        return Ok(Patched { object, duplicates });
    }
    if !patch.is_object() {
        return Err(ApiError::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            go_fmt::json_kind(&patch)
        )));
    }
    if kind == PatchKind::Strategic {
        object = strategic(&resource.schema, object, patch);
    } else {
        merge(&mut object, patch);
    }
    Ok(Patched { object, duplicates })
}

/// Applies a JSON patch.
///
/// # Errors
/// 400 for a patch that is not a list, 422 for one that does not fit, 413 for one that costs too much.
pub(crate) fn json(object: &mut Value, patch: Value) -> Result<(), ApiError> {
    let Value::Array(operations) = &patch else {
        return Err(ApiError::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type []handlers.jsonPatchOp",
            go_fmt::json_kind(&patch)
        )));
    };
    if operations.len() > JSON_PATCH_OPERATIONS {
        return Err(ApiError::request_too_large(&format!(
            "The allowed maximum operations in a JSON patch is {JSON_PATCH_OPERATIONS}, got {}",
            operations.len()
        )));
    }
    let patch: json_patch::Patch =
        serde_json::from_value(patch).map_err(|_| ApiError::unprocessable())?;
    let mut budget = Budget::new();
    for operation in &patch.0 {
        budget.spend(object, operation)?;
        // the whole patch works on a copy of the object, so nothing has to be undone
        json_patch::patch_unsafe(object, std::slice::from_ref(operation))
            .map_err(|_| ApiError::unprocessable())?;
    }
    Ok(())
}

/// What a JSON patch may still cost.
struct Budget {
    copied: usize,
    start: Instant,
}

impl Budget {
    fn new() -> Self {
        Budget {
            copied: 0,
            start: Instant::now(),
        }
    }

    /// Refuses an operation that would copy too much, nest too deep or begin too late.
    fn spend(&mut self, object: &Value, operation: &PatchOperation) -> Result<(), ApiError> {
        if self.start.elapsed() > WRITE_TIME {
            return Err(ApiError::too_slow(WRITE_TIME));
        }
        let from = |pointer: &str| object.pointer(pointer).map(Weight::of).unwrap_or_default();
        let weight = match operation {
            PatchOperation::Add(add) => Weight::of(&add.value),
            PatchOperation::Replace(replace) => Weight::of(&replace.value),
            PatchOperation::Move(moved) => from(moved.from.as_str()),
            PatchOperation::Copy(copy) => {
                let weight = from(copy.from.as_str());
                self.copied = self.copied.saturating_add(weight.bytes);
                weight
            }
            PatchOperation::Remove(_) | PatchOperation::Test(_) => return Ok(()),
        };
        if self.copied > JSON_PATCH_COPY_BYTES {
            return Err(ApiError::request_too_large(&format!(
                "The copy operations of a JSON patch may copy {JSON_PATCH_COPY_BYTES} bytes in all"
            )));
        }
        let depth = operation.path().count().saturating_add(weight.depth);
        if depth > OBJECT_DEPTH {
            return Err(ApiError::request_too_large(&format!(
                "the object is nested {depth} levels deep, limit {OBJECT_DEPTH}"
            )));
        }
        Ok(())
    }
}

/// Merges a merge patch into a value. Unlike RFC 7386 says, and like the real server, nulls are dropped within lists
/// of the patch, too.
fn merge(value: &mut Value, patch: Value) {
    match (value, patch) {
        (Value::Object(fields), Value::Object(patch)) => {
            for (name, part) in patch {
                match fields.get_mut(&name) {
                    _ if part.is_null() => {
                        fields.remove(&name);
                    }
                    Some(live) if !live.is_null() => merge(live, part),
                    _ => {
                        fields.insert(name, without_nulls(part));
                    }
                }
            }
        }
        (value, patch) => *value = without_nulls(patch),
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// Merges a patch into a value, with lists merged by the keys of their items and the directives `$patch`,
/// `$retainKeys`, `$setElementOrder` and `$deleteFromPrimitiveList`.
fn strategic(schema: &Schema, live: Value, patch: Value) -> Value {
    match (live, patch) {
        (live, Value::Object(mut patch)) => {
            let directive = patch.remove("$patch");
            match directive.as_ref().and_then(Value::as_str) {
                Some("replace") => return without_directives(patch.into()),
                Some("delete") => return Value::Null,
                _ => {}
            }
            let mut fields = match live {
                Value::Object(fields) => fields,
                _ => Map::new(),
            };
            if let Some(Value::Array(keys)) = patch.remove("$retainKeys") {
                let keys: HashSet<&str> = keys.iter().filter_map(Value::as_str).collect();
                fields.retain(|name, _| keys.contains(name.as_str()));
            }
            strategic_fields(schema, &mut fields, patch);
            fields.into()
        }
        (Value::Array(live), Value::Array(patch)) => strategic_list(schema, live, patch),
        (_, patch) => without_directives(patch),
    }
}

fn strategic_fields(schema: &Schema, fields: &mut Map<String, Value>, patch: Map<String, Value>) {
    let mut orders = Vec::new();
    for (name, value) in &patch {
        if let (Some(list), Value::Array(order)) = (name.strip_prefix("$setElementOrder/"), value)
            && let Some(part) = schema.field(list)
        {
            let order: Vec<String> = order.iter().map(|item| key_of(part, item)).collect();
            orders.push((list.to_owned(), part, order, keys(part, fields.get(list))));
        }
    }
    for (name, value) in patch {
        if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
            let gone = value.as_array().into_iter().flatten();
            let gone: HashSet<String> = gone.map(Value::to_string).collect();
            if let Some(Value::Array(items)) = fields.get_mut(list) {
                items.retain(|item| !gone.contains(&item.to_string()));
            }
        } else if value.is_null() {
            fields.remove(&name);
        } else if !name.starts_with("$setElementOrder/") {
            let part = schema.field(&name);
            let live = fields.remove(&name).unwrap_or_default();
            let merged = match part {
                Some(part) => strategic(part, live, value),
                None => value,
            };
            if !merged.is_null() {
                fields.insert(name, merged);
            }
        }
    }
    for (name, part, order, before) in orders {
        if let Some(Value::Array(items)) = fields.get_mut(&name) {
            *items = in_order(part, std::mem::take(items), &order, &before);
        }
    }
}

/// Returns what an item of a list is merged by: the value of a field, or the item itself.
fn key_of(schema: &Schema, item: &Value) -> String {
    let key = item
        .get(&schema.patch_key)
        .filter(|_| !schema.patch_key.is_empty());
    key.unwrap_or(item).to_string()
}

fn keys(schema: &Schema, list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.map(|item| key_of(schema, item)).collect()
}

/// Returns merged items in the order of the real server: those that the patch names in the order of the patch, the others
/// in the order that they had before. Where the two meet, the order before decides; a new item goes first.
fn in_order(schema: &Schema, items: Vec<Value>, patch: &[String], before: &[String]) -> Vec<Value> {
    fn places(keys: &[String]) -> HashMap<&str, usize> {
        let places = keys.iter().enumerate().rev();
        places.map(|(place, key)| (key.as_str(), place)).collect()
    }
    let (patch, before) = (places(patch), places(before));
    let keyed = items.into_iter().map(|item| (key_of(schema, &item), item));
    let (mut named, mut others): (Vec<_>, Vec<_>) =
        keyed.partition(|(key, _)| patch.contains_key(key.as_str()));
    let place = |places: &HashMap<&str, usize>, key: &str| places.get(key).copied();
    named.sort_by_key(|(key, _)| place(&patch, key));
    others.sort_by_key(|(key, _)| place(&before, key));
    let mut others = others.into_iter().peekable();
    let mut ordered = Vec::with_capacity(named.len() + others.len());
    for (key, item) in named {
        let here = place(&before, &key);
        while let Some((_, other)) = others.next_if(|(other, _)| {
            let other = place(&before, other);
            here.is_some() && other.is_some() && other < here
        }) {
            ordered.push(other);
        }
        ordered.push(item);
    }
    ordered.extend(others.map(|(_, item)| item));
    ordered
}

fn strategic_list(schema: &Schema, live: Vec<Value>, mut patch: Vec<Value>) -> Value {
    let is_replace = |item: &Value| item.get("$patch").and_then(Value::as_str) == Some("replace");
    if !schema.patch_merges || patch.iter().any(is_replace) {
        patch.retain(|item| !is_replace(item));
        return patch.into_iter().map(without_directives).collect();
    }
    let before: Vec<String> = live.iter().map(|item| key_of(schema, item)).collect();
    let order: Vec<String> = patch.iter().map(|item| key_of(schema, item)).collect();
    // a deleted item leaves an empty slot, so that the places in the index stay right
    let mut slots: Vec<Option<Value>> = live.into_iter().map(Some).collect();
    let mut index: HashMap<String, Vec<usize>> = HashMap::with_capacity(slots.len());
    for (place, key) in before.iter().enumerate() {
        index.entry(key.clone()).or_default().push(place);
    }
    for (key, item) in order.iter().zip(patch) {
        let places = index.get(key);
        let deletes = item.get("$patch").and_then(Value::as_str) == Some("delete");
        match places.and_then(|places| places.first()) {
            Some(_) if deletes => {
                for place in index.remove(key).unwrap_or_default() {
                    if let Some(slot) = slots.get_mut(place) {
                        *slot = None;
                    }
                }
            }
            Some(place) => {
                if let Some(Some(slot)) = slots.get_mut(*place) {
                    *slot = strategic(schema.item(), std::mem::take(slot), item);
                }
            }
            None if deletes => {}
            None => {
                index.entry(key.clone()).or_default().push(slots.len());
                slots.push(Some(without_directives(item)));
            }
        }
    }
    let items = slots.into_iter().flatten().collect();
    in_order(schema, items, &order, &before).into()
}

fn without_directives(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, value)| !name.starts_with('$') && !value.is_null())
            .map(|(name, value)| (name, without_directives(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(without_directives).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::registry::samples::find;

    #[test]
    fn merge_patches_merge() {
        for (live, patch, merged) in [
            (
                json!({"a": 1, "b": {"c": 2}}),
                json!({"b": {"d": 3}}),
                json!({"a": 1, "b": {"c": 2, "d": 3}}),
            ),
            (json!({"a": {"b": 1}}), json!({"a": null}), json!({})),
            (
                json!({"a": [1]}),
                json!({"a": [{"b": null, "c": 1}, null]}),
                json!({"a": [{"c": 1}, null]}),
            ),
            (
                json!({}),
                json!({"a": {"b": null, "c": {"d": null}}}),
                json!({"a": {"c": {}}}),
            ),
            (
                json!({"a": 1}),
                json!({"a": {"b": 1}}),
                json!({"a": {"b": 1}}),
            ),
        ] {
            let mut value = live;
            merge(&mut value, patch);
            assert_eq!(value, merged);
        }
    }

    #[test]
    fn strategic_merge_patches_know_the_keys_of_lists() {
        let pods = &find("", "v1", "pods").unwrap().schema;
        let pod = |spec: Value| json!({"spec": spec});
        let two = || json!({"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"}]});
        for (live, patch, merged) in [
            (
                two(),
                json!({"containers": [{"name": "b", "image": "y:2"}, {"name": "c"}]}),
                json!({"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:2"}, {"name": "c"}]}),
            ),
            (
                two(),
                json!({"containers": [{"name": "c"}]}),
                json!({"containers": [{"name": "c"}, {"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"}]}),
            ),
            (
                two(),
                json!({"containers": [{"name": "a", "$patch": "delete"}]}),
                json!({"containers": [{"name": "b", "image": "y:1"}]}),
            ),
            (
                two(),
                json!({"containers": [{"$patch": "replace"}, {"name": "z"}]}),
                json!({"containers": [{"name": "z"}]}),
            ),
            (
                two(),
                json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "a", "tty": true}]}),
                json!({"containers": [{"name": "b", "image": "y:1"}, {"name": "a", "image": "x:1", "tty": true}]}),
            ),
            (
                json!({"volumes": [{"name": "v", "emptyDir": {}, "x": 1}]}),
                json!({"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/"}}]}),
                json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
            ),
            (
                json!({"tolerations": [{"key": "a"}]}),
                json!({"tolerations": [{"key": "b"}]}),
                json!({"tolerations": [{"key": "b"}]}),
            ),
            (
                json!({"hostname": "a", "x": {"$patch": 1}}),
                json!({"hostname": null}),
                json!({"x": {"$patch": 1}}),
            ),
        ] {
            assert_eq!(
                strategic(pods, pod(live), pod(patch.clone())),
                pod(merged),
                "{patch}"
            );
        }
        let finalizers = |list: &[&str]| json!({"metadata": {"finalizers": list}});
        let patch = json!({"metadata": {"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"]}});
        assert_eq!(
            strategic(pods, finalizers(&["a", "b"]), patch),
            finalizers(&["c", "b"])
        );
    }
}
