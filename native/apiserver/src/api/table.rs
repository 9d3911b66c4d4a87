//! Objects as rows of a Table, as `kubectl get` asks for them, and as their metadata alone.

use imagecache::resource::human_duration;
use imagecache::time::Timestamp;
use jsonpath_rust::query::{QueryRef, js_path_process};
use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::resource::{Cell, Column, Name, Resource};

/// What a row carries beside its cells (`includeObject`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Include {
    /// Nothing.
    None,
    /// The metadata, as `PartialObjectMetadata`.
    #[default]
    Metadata,
    /// The whole object.
    Object,
}

impl Include {
    /// Reads `includeObject`.
    ///
    /// # Errors
    /// 400 for another word.
    pub fn parse(text: Option<&str>) -> Result<Self, ApiError> {
        match text {
            None | Some("" | "Metadata") => Ok(Include::Metadata),
            Some("None") => Ok(Include::None),
            Some("Object") => Ok(Include::Object),
            Some(other) => Err(ApiError::bad_request(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {}: \
                 must be 'Metadata', 'Object', 'None', or empty",
                super::go_fmt::quote(other)
            ))),
        }
    }
}

/// A Table of objects. `version` is that of `meta.k8s.io` the client asked for (`v1` or `v1beta1`); `list` the
/// metadata of the list or, of a single object, its own (the `resourceVersion`, `continue` and `remainingItemCount`
/// in it are passed on). Without `headers` there are no column definitions: of watch events only the first has them.
pub fn render<'a>(
    resource: &Resource,
    objects: impl IntoIterator<Item = &'a Value>,
    list: &Value,
    include: Include,
    version: &str,
    headers: bool,
    now: Timestamp,
) -> Value {
    let mut metadata = Map::new();
    for name in ["resourceVersion", "continue", "remainingItemCount"] {
        if let Some(value) = list.get(name).filter(|value| value.as_str() != Some("")) {
            metadata.insert(name.to_owned(), value.clone());
        }
    }
    let rows: Vec<Value> = objects
        .into_iter()
        .map(|object| {
            let cells: Vec<Value> = resource
                .columns
                .iter()
                .map(|column| cell(column, object, now))
                .collect();
            let shown = match include {
                Include::None => Value::Null,
                Include::Metadata => partial(object, version),
                Include::Object => object.clone(),
            };
            json!({"cells": cells, "object": shown})
        })
        .collect();
    let columns = if headers {
        columns(resource)
    } else {
        Value::Null
    };
    json!({
        "kind": "Table",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    })
}

fn columns(resource: &Resource) -> Value {
    resource
        .columns
        .iter()
        .map(|column| {
            json!({
                "name": column.name,
                "type": column.kind,
                "format": column.format,
                "description": column.description,
                "priority": column.priority,
            })
        })
        .collect()
}

fn cell(column: &Column, object: &Value, now: Timestamp) -> Value {
    let at = |path: &[Name]| {
        path.iter()
            .try_fold(object, |value, name| value.get(&**name))
    };
    match &column.cell {
        Cell::Computed(compute) => compute(object),
        Cell::Age(path) => match at(path) {
            Some(Value::String(time)) => age(time, now).into(),
            _ if column.kind == "date" => Value::Null,
            _ => "<unknown>".into(),
        },
        Cell::AgeOf(fields) => {
            let mut times = fields
                .iter()
                .filter_map(|field| object.get(*field)?.as_str());
            times
                .next()
                .map_or("<unknown>".into(), |time| age(time, now).into())
        }
        Cell::Path(path) => shown(column, at(path)),
        Cell::Query(query) => {
            let found = js_path_process(query, object).unwrap_or_default();
            let first = found.into_iter().next().map(QueryRef::val);
            match first {
                Some(Value::String(time)) if column.kind == "date" => age(time, now).into(),
                first => shown(column, first),
            }
        }
    }
}

fn shown(column: &Column, value: Option<&Value>) -> Value {
    match value {
        None => Value::Null,
        // A column of texts shows other values as their JSON.
        Some(value) if column.kind == "string" && !value.is_string() && !value.is_null() => {
            value.to_string().into()
        }
        Some(value) => value.clone(),
    }
}

/// How long ago a time was, as `kubectl` prints it.
fn age(time: &str, now: Timestamp) -> String {
    time.parse::<Timestamp>().map_or_else(
        |_| "<invalid>".to_owned(),
        |time| human_duration(now.since(time)),
    )
}

/// An object as `PartialObjectMetadata` of a version of `meta.k8s.io`.
#[must_use]
pub fn partial(object: &Value, version: &str) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": object.get("metadata"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::registry::samples::{RESOURCES, find};

    #[test]
    fn event_last_seen_uses_the_first_time_that_is_set() {
        let now = "2026-11-22T00:01:00Z".parse().unwrap();
        let (last, first) = ("2026-11-22T00:00:55Z", "2026-11-22T00:00:30Z");
        let precise = "2026-11-22T00:00:20.123456Z";
        for (group, names) in [
            ("", ["lastTimestamp", "firstTimestamp"]),
            (
                "events.k8s.io",
                ["deprecatedLastTimestamp", "deprecatedFirstTimestamp"],
            ),
        ] {
            let events = find(group, "v1", "events").unwrap();
            for (times, seen) in [
                (
                    vec![(names[0], json!(last)), (names[1], json!(first))],
                    "5s",
                ),
                (
                    vec![(names[0], Value::Null), (names[1], json!(first))],
                    "30s",
                ),
                (
                    vec![(names[0], Value::Null), ("eventTime", json!(precise))],
                    "40s",
                ),
                (vec![], "<unknown>"),
            ] {
                let mut event = json!({"metadata": {"name": "a"}});
                for (name, time) in times {
                    event[name] = time;
                }
                let table = render(events, [&event], &json!({}), Include::None, "v1", true, now);
                assert_eq!(table["rows"][0]["cells"][0], seen, "{event}");
            }
        }
    }

    #[test]
    fn table_cells_of_a_cache_match_the_core() {
        let caches = find("eci.alibabacloud.com", "v1", "imagecaches").unwrap();
        let now = "2026-11-22T00:00:00Z".parse().unwrap();
        for object in [
            json!({"metadata": {"name": "a", "creationTimestamp": "2026-11-21T23:58:36Z"}}),
            json!({
                "metadata": {"name": "b", "creationTimestamp": "2026-11-01T00:00:00Z"},
                "status": {"phase": "Ready", "progress": "100%", "imageCacheId": "imc-1"},
            }),
            json!({"metadata": {"name": "c", "creationTimestamp": "2030-01-01T00:00:00Z"}}),
        ] {
            let table = render(
                caches,
                [&object],
                &json!({}),
                Include::None,
                "v1",
                true,
                now,
            );
            let core = imagecache::resource::cells(&object, now);
            let mut expected = vec![object["metadata"]["name"].clone()];
            expected.extend(core.into_iter().map(Value::from));
            assert_eq!(table["rows"][0]["cells"], Value::from(expected));
        }
    }

    #[test]
    fn table_of_empty_object_has_a_cell_for_each_column() {
        for resource in RESOURCES.iter() {
            let now = Timestamp::from_seconds(0);
            let table = render(
                resource,
                [&json!({})],
                &json!({}),
                Include::Metadata,
                "v1",
                true,
                now,
            );
            let cells = table["rows"][0]["cells"].as_array().unwrap().len();
            assert_eq!(cells, table["columnDefinitions"].as_array().unwrap().len());
        }
    }
}
