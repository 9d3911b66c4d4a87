//! `metadata.managedFields`: who wrote which field last, kept on every write, asked by server-side apply.

use std::cmp::Ordering;

use imagecache::time::Timestamp;
use serde_json::{Map, Value, json};

use super::super::cause::Cause;
use super::super::error::ApiError;
use super::super::resource::Resource;
use super::super::{go_fmt, meta};
use super::set::Set;
use super::typed::{self, Comparison};
use crate::limits::LISTED_ERRORS;

/// The annotation that `kubectl apply` without `--server-side` keeps its last manifest in.
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Most entries of managers that update; older ones are put together.
const MAX_UPDATERS: usize = 10;

/// Where they are put together.
const ANCIENT: &str = "ancient-changes";

/// Who owns what was written before there were owners.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Who writes, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer<'a> {
    /// Name of the field manager.
    pub manager: &'a str,
    /// `status`, or empty.
    pub subresource: &'a str,
    /// Time of the write.
    pub now: Timestamp,
}

/// One entry of `managedFields`.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    manager: String,
    applies: bool,
    api_version: String,
    subresource: String,
    time: String,
    fields: Set,
}

impl Entry {
    fn read(json: &Value) -> Self {
        let text = |name: &str| {
            json.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Entry {
            manager: text("manager"),
            applies: text("operation") == "Apply",
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: text("time"),
            fields: json.get("fieldsV1").map(Set::read).unwrap_or_default(),
        }
    }

    fn write(&self) -> Value {
        let mut entry = Map::new();
        let mut put = |name: &str, text: &str| {
            if !text.is_empty() {
                entry.insert(name.to_owned(), text.into());
            }
        };
        put("apiVersion", &self.api_version);
        put("fieldsType", "FieldsV1");
        put("manager", &self.manager);
        put("operation", if self.applies { "Apply" } else { "Update" });
        put("subresource", &self.subresource);
        put("time", &self.time);
        entry.insert("fieldsV1".to_owned(), self.fields.write());
        entry.into()
    }

    /// Is it the entry of this writer? One that applies has one entry, in whatever version it applies.
    fn is_of(&self, resource: &Resource, writer: &Writer<'_>, applies: bool) -> bool {
        self.manager == writer.manager
            && self.applies == applies
            && self.subresource == writer.subresource
            && (applies || self.api_version == resource.api_version())
    }

    fn new(resource: &Resource, writer: &Writer<'_>, applies: bool) -> Self {
        Entry {
            manager: writer.manager.to_owned(),
            applies,
            api_version: resource.api_version(),
            subresource: writer.subresource.to_owned(),
            time: String::new(),
            fields: Set::default(),
        }
    }

    /// As conflicts name it.
    fn shown(&self) -> String {
        let mut shown = go_fmt::quote(&self.manager);
        if !self.subresource.is_empty() {
            shown.push_str(&format!(
                " with subresource {}",
                go_fmt::quote(&self.subresource)
            ));
        }
        if !self.applies {
            shown.push_str(&format!(" using {}", self.api_version));
        }
        shown
    }

    /// The real server's order: those that apply first, then older ones.
    fn order(&self, other: &Self) -> Ordering {
        other
            .applies
            .cmp(&self.applies)
            .then_with(|| self.time.cmp(&other.time))
            .then_with(|| self.manager.cmp(&other.manager))
            .then_with(|| self.api_version.cmp(&other.api_version))
            .then_with(|| self.subresource.cmp(&other.subresource))
    }
}

/// The entries to start from: those that the request brings, else those of the live object.
fn entries(live: &Value, new: &Value) -> Vec<Entry> {
    let read = |object: &Value| -> Vec<Entry> {
        let entries = meta::get(object, "managedFields").as_array();
        entries.into_iter().flatten().map(Entry::read).collect()
    };
    match meta::get(new, "managedFields")
        .as_array()
        .map(Vec::as_slice)
    {
        // An empty list, or one empty entry, asks to forget everything.
        Some([]) => Vec::new(),
        Some([Value::Object(only)]) if only.is_empty() => Vec::new(),
        Some(_) => {
            let brought = read(new);
            if brought.iter().all(|entry| entry.fields.is_empty()) {
                read(live)
            } else {
                brought
            }
        }
        None => read(live),
    }
}

fn store(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.fields.is_empty());
    entries.sort_by(Entry::order);
    let written: Vec<Value> = entries.iter().map(Entry::write).collect();
    let written = if written.is_empty() {
        Value::Null
    } else {
        written.into()
    };
    meta::set(object, "managedFields", written);
}

/// Fields without an owner, because the server writes them.
fn server_fields() -> Set {
    let mut set = Set::default();
    for name in ["f:apiVersion", "f:kind", "f:metadata"] {
        set.insert(&[name]);
    }
    for name in [
        "f:name",
        "f:namespace",
        "f:creationTimestamp",
        "f:selfLink",
        "f:uid",
        "f:clusterName",
        "f:generation",
        "f:managedFields",
        "f:resourceVersion",
    ] {
        set.insert(&["f:metadata", name]);
    }
    set
}

/// Fields that a write does not reach, whatever it says.
fn out_of_reach(resource: &Resource, writer: &Writer<'_>) -> Set {
    let mut set = Set::default();
    if !writer.subresource.is_empty() {
        set.insert(&["f:spec"]);
        set.insert(&["f:metadata"]);
    } else if resource.has_status {
        set.insert(&["f:status"]);
    }
    set
}

fn reach(mut difference: Comparison, out: &Set) -> Comparison {
    difference.added.cut(out);
    difference.removed.cut(out);
    difference.modified.cut(out);
    difference
}

/// Notes in `new` what a create, update or patch by `writer` changes against `live` (a blank object on create).
///
/// An object that does not fit its schema loses all its entries, as on the real server; validation refuses it, unless
/// the misfit is in a part that is not stored.
pub(crate) fn record(resource: &Resource, live: &Value, new: &mut Value, writer: &Writer<'_>) {
    let schema = &resource.schema;
    if !typed::faults(schema, new, false).is_empty() {
        meta::set(new, "managedFields", Value::Null);
        return;
    }
    let mut entries = entries(live, new);
    let difference = typed::compare(schema, Some(live), Some(new));
    let difference = reach(difference, &out_of_reach(resource, writer));
    let mut taken = difference.added;
    taken.extend(&difference.modified);
    for entry in &mut entries {
        if !entry.is_of(resource, writer, false) {
            entry.fields.subtract(&taken);
        }
        entry.fields.subtract(&difference.removed);
    }
    taken.subtract(&server_fields());
    if !taken.is_empty() {
        let place = entries
            .iter()
            .position(|entry| entry.is_of(resource, writer, false));
        let mut own = match place {
            Some(place) => entries.swap_remove(place),
            None => Entry::new(resource, writer, false),
        };
        own.fields.extend(&taken);
        own.time = writer.now.to_string();
        entries.push(own);
    }
    entries.retain(|entry| !entry.fields.is_empty());
    cap(&mut entries);
    store(new, entries);
}

/// Puts the oldest updaters together until there are few enough.
fn cap(entries: &mut Vec<Entry>) {
    while entries.iter().filter(|entry| !entry.applies).count() > MAX_UPDATERS {
        entries.sort_by(Entry::order);
        let Some(oldest) = entries.iter().position(|entry| !entry.applies) else {
            return;
        };
        let old = entries.remove(oldest);
        let bucket = entries
            .iter()
            .position(|entry| entry.manager == ANCIENT && entry.api_version == old.api_version)
            .or_else(|| {
                entries
                    .iter()
                    .position(|entry| !entry.applies && entry.api_version == old.api_version)
            });
        match bucket.and_then(|bucket| entries.get_mut(bucket)) {
            Some(bucket) => {
                bucket.manager = ANCIENT.to_owned();
                bucket.subresource = String::new();
                bucket.fields.extend(&old.fields);
                bucket.time = bucket.time.clone().max(old.time);
            }
            None => return,
        }
    }
}

/// Server-side apply: lays `config` over `live` (a blank object if there is none), removes what the manager applied
/// before and no longer does, and refuses to change what others own unless `force`.
///
/// # Errors
/// 400 for a config of another kind or with managed fields, 500 for one that does not fit the schema, 409 for
/// conflicts.
pub(crate) fn apply(
    resource: &Resource,
    live: &Value,
    config: Value,
    writer: &Writer<'_>,
    force: bool,
) -> Result<Value, ApiError> {
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
    let (kind, api_version) = (text("kind"), text("apiVersion"));
    if kind != resource.kind || api_version != resource.api_version() {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        return Err(ApiError::bad_request(format!(
            "invalid object type: {group}/{version}, Kind={kind}"
        )));
    }
    if !meta::get(&config, "managedFields").is_null() {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let faults = typed::faults(&resource.schema, &config, true);
    if !faults.is_empty() {
        let words = match faults.as_slice() {
            [only] => only.clone(),
            several => format!("errors:\n  {}", several.join("\n  ")),
        };
        return Err(ApiError::internal(format!(
            "failed to create typed patch object ({}/{}; {api_version}, Kind={kind}): {words}",
            meta::text(&config, "namespace"),
            meta::text(&config, "name"),
        )));
    }
    let run = Run {
        resource,
        live,
        config: &config,
        writer,
    };
    match run.apply(force) {
        Err(conflicts) if writer.manager == "kubectl" => {
            // The first server-side apply by kubectl takes over what kubectl applied from its own side.
            let allowed = run.applied_before();
            let left: Vec<(Entry, Set)> = conflicts
                .into_iter()
                .map(|(entry, mut set)| {
                    set.subtract(&allowed);
                    (entry, set)
                })
                .filter(|(_, set)| !set.is_empty())
                .collect();
            if left.is_empty() {
                run.apply(true).map_err(|conflicts| refusal(&conflicts))
            } else {
                Err(refusal(&left))
            }
        }
        other => other.map_err(|conflicts| refusal(&conflicts)),
    }
}

struct Run<'a> {
    resource: &'a Resource,
    live: &'a Value,
    config: &'a Value,
    writer: &'a Writer<'a>,
}

impl Run<'_> {
    fn apply(&self, force: bool) -> Result<Value, Vec<(Entry, Set)>> {
        let schema = &self.resource.schema;
        let out = out_of_reach(self.resource, self.writer);
        let mut entries = entries(self.live, &Value::Null);
        if entries.is_empty() {
            entries.extend(self.before_first_apply(&out));
        }
        let place = entries
            .iter()
            .position(|entry| entry.is_of(self.resource, self.writer, true));
        let mut own = match place {
            Some(place) => entries.swap_remove(place),
            None => Entry::new(self.resource, self.writer, true),
        };
        own.api_version = self.resource.api_version();
        let before = std::mem::take(&mut own.fields);
        let mut wanted = typed::fields(schema, self.config);
        wanted.cut(&out);

        let mut object = typed::merge(schema, Some(self.live.clone()), self.config);
        if !before.is_empty() {
            // What the manager applied before, and neither it nor anybody else claims now.
            let mut kept = wanted.clone();
            for entry in &entries {
                kept.extend(&entry.fields);
            }
            let mut dropped = typed::with_named(schema, &before);
            dropped.subtract(&typed::with_named(schema, &kept));
            typed::remove(schema, &mut object, &dropped);
        }
        let difference = reach(typed::compare(schema, Some(self.live), Some(&object)), &out);
        let mut changed = difference.added;
        changed.extend(&difference.modified);
        let conflicts: Vec<(Entry, Set)> = entries
            .iter()
            .map(|entry| (entry.clone(), entry.fields.common(&changed)))
            .filter(|(_, set)| !set.is_empty())
            .collect();
        if !force && !conflicts.is_empty() {
            return Err(conflicts);
        }
        for entry in &mut entries {
            entry.fields.subtract(&changed);
            entry.fields.subtract(&difference.removed);
        }
        if object != *self.live {
            own.time = self.writer.now.to_string();
            self.note_last_applied(&mut object);
        }
        wanted.subtract(&server_fields());
        own.fields = wanted;
        entries.push(own);
        store(&mut object, entries);
        Ok(object)
    }

    /// Returns the entry that owns the fields of a stored object without entries, so that the first apply changes none of
    /// them unseen.
    fn before_first_apply(&self, out: &Set) -> Option<Entry> {
        if meta::text(self.live, "uid").is_empty() {
            return None;
        }
        let writer = Writer {
            manager: BEFORE_FIRST_APPLY,
            ..*self.writer
        };
        let mut entry = Entry::new(self.resource, &writer, false);
        let blank = Some(&self.resource.blank);
        let difference = typed::compare(&self.resource.schema, blank, Some(self.live));
        let difference = reach(difference, out);
        entry.fields = difference.added;
        entry.fields.extend(&difference.modified);
        entry.fields.subtract(&server_fields());
        entry.time = self.writer.now.to_string();
        Some(entry)
    }

    /// The fields of the last client-side apply that were not changed since.
    fn applied_before(&self) -> Set {
        let annotation = meta::get(self.live, "annotations").get(LAST_APPLIED);
        let Some(last) = annotation
            .and_then(Value::as_str)
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
            .filter(|last| {
                last.get("apiVersion").and_then(Value::as_str) == Some(&self.resource.api_version())
            })
        else {
            return Set::default();
        };
        let schema = &self.resource.schema;
        let mut applied = typed::fields(schema, &last);
        let difference = typed::compare(schema, Some(&last), Some(self.live));
        applied.subtract(&difference.added);
        applied.subtract(&difference.removed);
        applied.subtract(&difference.modified);
        applied
    }

    /// Keeps the annotation of an object true that was once applied from kubectl's side, so that it may go back.
    fn note_last_applied(&self, object: &mut Value) {
        let has = meta::get(self.live, "annotations")
            .get(LAST_APPLIED)
            .is_some();
        if self.writer.manager != "kubectl" || !has {
            return;
        }
        let mut last = self.config.clone();
        if let Some(Value::Object(annotations)) = meta::of(&mut last)
            .map(|metadata| metadata.entry("annotations").or_insert_with(|| json!({})))
        {
            annotations.remove(LAST_APPLIED);
        }
        if let Some(Value::Object(annotations)) =
            meta::of(object).and_then(|metadata| metadata.get_mut("annotations"))
        {
            annotations.insert(LAST_APPLIED.to_owned(), format!("{last}\n").into());
        }
    }
}

/// 409 with every field that another manager owns.
fn refusal(conflicts: &[(Entry, Set)]) -> ApiError {
    let mut conflicts: Vec<(String, Vec<String>)> = conflicts
        .iter()
        .map(|(entry, set)| (entry.shown(), set.paths()))
        .collect();
    conflicts.sort();
    let count: usize = conflicts.iter().map(|(_, paths)| paths.len()).sum();
    let causes: Vec<Cause> = conflicts
        .iter()
        .flat_map(|(manager, paths)| {
            paths.iter().map(move |path| Cause {
                reason: "FieldManagerConflict",
                message: format!("conflict with {manager}"),
                field: path.clone(),
                more: 0,
            })
        })
        .collect();
    let message = match causes.as_slice() {
        [only] => format!(
            "Apply failed with 1 conflict: {}: {}",
            only.message, only.field
        ),
        _ => {
            let parts: Vec<String> = conflicts
                .iter()
                .map(|(manager, paths)| {
                    let mut paths = paths.clone();
                    let more = paths.len().saturating_sub(LISTED_ERRORS);
                    paths.truncate(LISTED_ERRORS);
                    paths.extend((more > 0).then(|| Cause::more(more).to_string()));
                    format!("conflicts with {manager}:\n- {}", paths.join("\n- "))
                })
                .collect();
            format!(
                "Apply failed with {} conflicts: {}",
                count,
                parts.join("\n")
            )
        }
    };
    ApiError::apply_conflict(message, causes)
}
