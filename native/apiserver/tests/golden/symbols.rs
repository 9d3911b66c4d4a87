//! Recorded values that differ from run to run, the live ones in their place, and what is compared.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::CACHES;
use super::exchange::Answer;

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

const UID: &str = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}";
static WHOLE_UID: LazyLock<Regex> = LazyLock::new(|| regex(&format!("^{UID}$")));
static ANY_UID: LazyLock<Regex> = LazyLock::new(|| regex(UID));
static AGE: LazyLock<Regex> = LazyLock::new(|| regex(r"^((?:\d+[smhdy])+|<unknown>|<invalid>)$"));
static BODY_VERSION: LazyLock<Regex> = LazyLock::new(|| regex(r#"("resourceVersion": ")(\d+)"#));
static PATH_VERSION: LazyLock<Regex> = LazyLock::new(|| regex(r"(resourceVersion=)(\d+)"));
static HASH: LazyLock<Regex> = LazyLock::new(|| regex(r"\b[0-9A-F]{128}\b"));
static PATH_CONTINUE: LazyLock<Regex> = LazyLock::new(|| regex(r"(continue=)([^&]+)"));
/// Pieces of text that differ from run to run, by kind: the digits after the kind only distinguish groups.
static VOLATILE: LazyLock<Regex> = LazyLock::new(|| {
    regex(&format!(
        r#"(?P<uid>{UID})|(?P<time>20(?:2[5-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)|in record \((?P<rv1>\d+)\)|resource version: (?P<rv2>\d+) \((?P<any1>\d+)\)|resourceVersion\\":\\"(?P<rv3>\d+)|resourceVersion: "(?P<rv4>\d+)|current: (?P<any2>\d+)|continue: (?P<any3>\w{{20,}}=*)|\n  - (?P<any4>(?:\d+[smhdy])+)\n|\b(?P<hash>[0-9A-F]{{128}})\b|(?P<any5>\b\d+\.\d+\.\d+\.\d+:\d+)"#
    ))
});
const HEADERS: [&str; 9] = [
    "content-type",
    "cache-control",
    "warning",
    "retry-after",
    "location",
    "allow",
    "vary",
    "x-content-type-options",
    "accept-ranges",
];
const PRESENT: [&str; 3] = ["etag", "last-modified", "expires"];
/// Fields of `/version` that are every server's own.
const OWN: [&str; 7] = [
    "gitVersion",
    "gitCommit",
    "gitTreeState",
    "buildDate",
    "goVersion",
    "compiler",
    "platform",
];

/// Recorded values and the live ones in their place, for one section.
#[derive(Default)]
pub(crate) struct Symbols {
    live: HashMap<(&'static str, String), String>,
    recorded: HashMap<(&'static str, String), String>,
    /// Versions of lists: unrelated writes move them between two reads.
    lists: HashMap<String, Vec<String>>,
    metadata: HashMap<(String, String), Value>,
    /// Of one case: its `generateName`; whether orders count; whether the version of a list is given.
    generate: Option<Regex>,
    ordered: bool,
    pinned: bool,
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The object under a key, or nothing.
fn metadata(object: &Value) -> Option<&Map<String, Value>> {
    object.get("metadata").and_then(Value::as_object)
}

impl Symbols {
    pub(crate) fn remember(&mut self, object: &Value) {
        if let Some(metadata) = object.get("metadata") {
            let key = (
                text(metadata, "uid").to_owned(),
                text(metadata, "resourceVersion").to_owned(),
            );
            self.metadata.insert(key, metadata.clone());
        }
    }

    /// The answer has the uid, version or token that the recorded request of a later case carries.
    pub(crate) fn learn(&mut self, later: &Value, metadata: &Value) {
        let path = text(later, "path");
        let body: Value = serde_json::from_str(text(later, "body")).unwrap_or_default();
        let mut carried = Map::new();
        for pair in path.split('?').nth(1).unwrap_or_default().split('&') {
            if let Some((name, value)) = pair.split_once('=') {
                carried.insert(name.to_owned(), value.into());
            }
        }
        let named = ["preconditions", "regarding", "metadata"];
        if let Some(object) = named.iter().find_map(|name| body.get(*name)?.as_object()) {
            carried.extend(object.clone());
        }
        carried.retain(|name, _| ["uid", "resourceVersion", "continue"].contains(&name.as_str()));
        let collection = path.contains('?');
        self.diff(
            &Value::Object(carried),
            metadata,
            "",
            "",
            collection,
            &mut Vec::new(),
        );
    }

    fn forward(&self, kind: &'static str, recorded: &str) -> String {
        let live = self.live.get(&(kind, recorded.to_owned()));
        live.map_or(recorded, |live| live).to_owned()
    }

    /// A recorded request with the live values.
    pub(crate) fn to_live(&self, path: &str, body: Option<String>) -> (String, Option<String>) {
        let path = PATH_VERSION.replace_all(path, |found: &regex::Captures<'_>| {
            let list = self.lists.get(&found[2]).and_then(|lists| lists.last());
            let live = list.cloned();
            let live = live.unwrap_or_else(|| self.forward("resourceVersion", &found[2]));
            format!("{}{live}", &found[1])
        });
        let path = PATH_CONTINUE.replace_all(&path, |found: &regex::Captures<'_>| {
            format!("{}{}", &found[1], self.forward("continue", &found[2]))
        });
        let path = HASH.replace_all(&path, |found: &regex::Captures<'_>| {
            self.forward("hash", &found[0])
        });
        let body = body.map(|body| {
            let body = ANY_UID.replace_all(&body, |found: &regex::Captures<'_>| {
                self.forward("uid", &found[0])
            });
            let body = BODY_VERSION.replace_all(&body, |found: &regex::Captures<'_>| {
                format!(
                    "{}{}",
                    &found[1],
                    self.forward("resourceVersion", &found[2])
                )
            });
            self.as_read(body.into_owned()).unwrap_or_else(|body| body)
        });
        (path.into_owned(), body)
    }

    /// A read-modify-write carries the managed fields that were read.
    fn as_read(&self, body: String) -> Result<String, String> {
        let Ok(mut object) = serde_json::from_str::<Value>(&body) else {
            return Err(body);
        };
        let own = &object["metadata"];
        let key = (
            text(own, "uid").to_owned(),
            text(own, "resourceVersion").to_owned(),
        );
        let fields = own["managedFields"].as_array();
        let Some(read) = self
            .metadata
            .get(&key)
            .filter(|_| fields.is_some_and(|f| !f.is_empty()))
        else {
            return Err(body);
        };
        if text(own, "creationTimestamp").starts_with("2026") {
            object["metadata"]["creationTimestamp"] = read["creationTimestamp"].clone();
        }
        object["metadata"]["managedFields"] = read["managedFields"].clone();
        Ok(object.to_string())
    }

    /// Returns the level of an answer, and its differences from the recorded one.
    pub(crate) fn compare(&mut self, line: &Value, answer: &Answer) -> (char, Vec<String>) {
        let path = text(line, "path");
        self.ordered = path.starts_with(CACHES);
        self.pinned = path.contains("continue=") || path.contains("resourceVersionMatch=Exact");
        let body: Value = serde_json::from_str(text(line, "body")).unwrap_or_default();
        let generate = body["metadata"]["generateName"].as_str();
        self.generate =
            generate.map(|prefix| regex(&format!(r"\b{}[a-z0-9]{{5}}\b", regex::escape(prefix))));
        let (want, got) = bodies(line, answer);
        let is_table =
            want["kind"] == "Table" && path.split('?').next().unwrap().ends_with("caches");
        let mut faults = Vec::new();
        self.diff(&want, &got, "", "", is_table, &mut faults);
        if line["status"] != answer.status {
            let text: String = answer.text().chars().take(300).collect();
            return (
                '-',
                vec![fault(
                    "status",
                    &line["status"],
                    &format!("{} {text}", answer.status),
                )],
            );
        }
        let mut less = Vec::new();
        self.diff(&meaning(&want), &meaning(&got), "", "", false, &mut less);
        if !less.is_empty() {
            return ('A', less);
        }
        self.headers(line, answer, &mut faults);
        if let Some(layout) = line["layout"].as_str() {
            let live = answer.text();
            let pretty = if live.trim().contains('\n') {
                "pretty"
            } else {
                "compact"
            };
            let ends = if live.ends_with('\n') {
                "with"
            } else {
                "without"
            };
            let live = format!("{pretty} {ends} final newline");
            if live != layout {
                faults.push(fault("layout", layout, &live));
            }
        }
        if let Some(events) = line["events"].as_array() {
            watch_faults(line, events, answer, &mut faults);
        }
        (if faults.is_empty() { 'C' } else { 'B' }, faults)
    }

    fn headers(&mut self, line: &Value, answer: &Answer, faults: &mut Vec<String>) {
        for name in HEADERS.iter().chain(&PRESENT) {
            let usual = match *name {
                "content-type" => vec!["application/json"],
                "cache-control" => vec!["no-cache, private"],
                _ => vec![],
            };
            let want: Vec<&str> = match line["answered"].get(*name) {
                None => usual,
                Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
                Some(value) => value.as_str().into_iter().collect(),
            };
            let got = answer.header(name);
            let present = PRESENT.contains(name);
            let same = want.len() == got.len()
                && (present || want.iter().zip(&got).all(|(r, l)| self.same_text(r, l)));
            if !same {
                faults.push(fault(
                    &format!("header {name}"),
                    format!("{want:?}"),
                    &format!("{got:?}"),
                ));
            }
        }
    }

    /// Compares, and binds symbols on the way. `collection`: a resource version here is that of a list.
    fn diff(
        &mut self,
        want: &Value,
        got: &Value,
        path: &str,
        key: &str,
        collection: bool,
        faults: &mut Vec<String>,
    ) {
        match (want, got) {
            (Value::Object(want_fields), Value::Object(got_fields)) => {
                let is_list = want["items"].is_array() && text(want, "kind").ends_with("List");
                let collection = collection || want["type"] == "BOOKMARK" || is_list;
                let version = text(got, "resourceVersion");
                if !text(got, "uid").is_empty() {
                    let read = (text(got, "uid").to_owned(), version.to_owned());
                    self.metadata.insert(read, got.clone());
                }
                let names = want_fields.keys();
                let more = got_fields
                    .keys()
                    .filter(|name| !want_fields.contains_key(*name));
                for name in names.chain(more) {
                    let path = format!("{path}.{name}");
                    match (want_fields.get(name), got_fields.get(name)) {
                        (Some(want), Some(got)) => {
                            let is_version = collection && name == "resourceVersion";
                            let key = if is_version { "collection" } else { name };
                            let collection = collection && (name == "metadata" || name == "object");
                            self.diff(want, got, &path, key, collection, faults);
                        }
                        (want, got) => {
                            let absent = json!("(absent)");
                            let (want, got) = (want.unwrap_or(&absent), got.unwrap_or(&absent));
                            faults.push(fault(&path, want, got));
                        }
                    }
                }
            }
            (Value::Array(want), Value::Array(got)) => {
                // managed fields are ordered by the second of the clock, causes by chance
                let (want, got) = if key == "managedFields" || key == "causes" {
                    (sorted(want), sorted(got))
                } else {
                    (want.clone(), got.clone())
                };
                if want.len() != got.len() {
                    faults.push(fault(path, format!("{} items", want.len()), &got.len()));
                }
                let key = if key == "cells" { "cell" } else { "" };
                for (place, (want, got)) in want.iter().zip(&got).enumerate() {
                    self.diff(
                        want,
                        got,
                        &format!("{path}[{place}]"),
                        key,
                        collection,
                        faults,
                    );
                }
            }
            (Value::String(want), Value::String(got)) => {
                if let Err(wanted) = self.same(key, want, got) {
                    faults.push(fault(path, wanted, got));
                }
            }
            (want, got) => {
                if want != got {
                    faults.push(fault(path, want, got));
                }
            }
        }
    }

    /// Are two texts the same but for symbols? Otherwise what was wanted.
    fn same(&mut self, key: &str, want: &str, got: &str) -> Result<(), String> {
        let counts = !want.is_empty() && want != "0" && !got.is_empty();
        match key {
            "resourceVersion" if counts => return self.bind("resourceVersion", want, got),
            "collection" if counts => return self.bind_list(want, got),
            "uid" if WHOLE_UID.is_match(want) && WHOLE_UID.is_match(got) => {
                return self.bind("uid", want, got);
            }
            "continue" if !want.is_empty() && !got.is_empty() => {
                self.live
                    .insert(("continue", want.to_owned()), got.to_owned());
                return Ok(());
            }
            "cell" if AGE.is_match(want) && AGE.is_match(got) => return Ok(()),
            _ => {}
        }
        let (mut want, mut got) = (want.to_owned(), got.to_owned());
        match self.generate.clone() {
            Some(generated) if generated.is_match(&want) && generated.is_match(&got) => {
                if key == "name" {
                    self.live.insert(("name", want.clone()), got.clone());
                }
                want = generated.replace_all(&want, "GENERATED").into_owned();
                got = generated.replace_all(&got, "GENERATED").into_owned();
            }
            _ if key == "name" => want = self.forward("name", &want),
            _ => {}
        }
        if want == got || (OWN.contains(&key) && !got.is_empty()) || self.same_text(&want, &got) {
            Ok(())
        } else {
            Err(want)
        }
    }

    fn bind(&mut self, kind: &'static str, want: &str, got: &str) -> Result<(), String> {
        let old = self.live.insert((kind, want.to_owned()), got.to_owned());
        let other = self
            .recorded
            .insert((kind, got.to_owned()), want.to_owned());
        if let Some(old) = old {
            return if old == got {
                Ok(())
            } else {
                Err(format!("{old}, as before"))
            };
        }
        if let Some(other) = other.filter(|other| other != want) {
            return Err(format!("another {kind} than that of recorded {other}"));
        }
        let number = |text: &str| text.parse::<u64>().ok();
        if let (true, "resourceVersion", Some(want), Some(got)) =
            (self.ordered, kind, number(want), number(got))
        {
            let clash = self.live.iter().find_map(|((other, recorded), live)| {
                let (recorded, live) = (number(recorded)?, number(live)?);
                let same_side = (recorded < want) == (live < got);
                (*other == kind && recorded != want && !same_side).then_some(live)
            });
            if let Some(clash) = clash {
                return Err(format!("one on the other side of {clash}"));
            }
        }
        Ok(())
    }

    fn bind_list(&mut self, want: &str, got: &str) -> Result<(), String> {
        let number = |text: &str| text.parse::<u64>().unwrap_or_default();
        let newer = self.live.iter().find(|((kind, recorded), live)| {
            *kind == "resourceVersion"
                && number(recorded) <= number(want)
                && number(live) > number(got)
        });
        let newer = newer.map(|(_, live)| live.clone());
        let seen = self.lists.entry(want.to_owned()).or_default();
        let known = seen.is_empty() || seen.iter().any(|seen| seen == got);
        seen.push(got.to_owned());
        match newer {
            _ if self.pinned && !known => Err("the pinned version of the list".to_owned()),
            Some(newer) if !self.pinned => Err(format!("a version not older than {newer}")),
            _ => Ok(()),
        }
    }

    /// Equal but for volatile pieces; a bracketed list of errors comes in any order.
    fn same_text(&mut self, want: &str, got: &str) -> bool {
        let ((want_frame, want_pieces), (got_frame, got_pieces)) = (pieces(want), pieces(got));
        if want_frame != got_frame {
            let parts = |text: &str| {
                let (head, list) = text.split_once(" is invalid: [")?;
                let mut errors: Vec<String> = list
                    .strip_suffix(']')?
                    .split(", ")
                    .map(str::to_owned)
                    .collect();
                errors.sort();
                Some((head.to_owned(), errors))
            };
            return parts(want).is_some_and(|want| parts(got) == Some(want));
        }
        // every piece is bound, also after the first that differs
        let mut same = true;
        for ((kind, want), (other, got)) in want_pieces.iter().zip(&got_pieces) {
            same &= kind == other && self.same_piece(kind, want, got);
        }
        same
    }

    fn same_piece(&mut self, kind: &str, want: &str, got: &str) -> bool {
        match kind {
            _ if want == got => true,
            "any" => true,
            "time" => want.len() == got.len(),
            "rv" => {
                let known = self.live.get(&("resourceVersion", want.to_owned()));
                let lists = self.lists.get(want);
                let mut known = known
                    .into_iter()
                    .chain(lists.into_iter().flatten())
                    .peekable();
                known.peek().is_none() || known.any(|known| known == got)
            }
            _ => {
                let kind = if kind == "uid" { "uid" } else { "hash" };
                let bound = self.live.entry((kind, want.to_owned()));
                bound.or_insert_with(|| got.to_owned()) == got
            }
        }
    }
}

/// A text with its volatile pieces taken out, and those.
fn pieces(text: &str) -> (String, Vec<(&'static str, String)>) {
    let (mut frame, mut pieces, mut end) = (String::new(), Vec::new(), 0);
    for found in VOLATILE.captures_iter(text) {
        for name in VOLATILE.capture_names().flatten() {
            let Some(piece) = found.name(name) else {
                continue;
            };
            let kind = ["uid", "time", "rv", "any", "hash"]
                .into_iter()
                .find(|kind| name.starts_with(kind));
            frame += &text[end..piece.start()];
            frame.push('\0');
            end = piece.end();
            pieces.push((kind.unwrap(), piece.as_str().to_owned()));
        }
    }
    frame += &text[end..];
    (frame, pieces)
}

fn sorted(list: &[Value]) -> Vec<Value> {
    let mut list = list.to_vec();
    list.sort_by_key(|entry| {
        let mut entry = entry.clone();
        if let Some(entry) = entry.as_object_mut() {
            entry.remove("time");
        }
        entry.to_string()
    });
    list
}

fn fault(path: &str, want: impl Display, got: &dyn Display) -> String {
    let cut = |text: String| match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    format!(
        "{path}: want {} | got {}",
        cut(want.to_string()),
        cut(got.to_string())
    )
}

/// The recorded body and the live one.
fn bodies(line: &Value, answer: &Answer) -> (Value, Value) {
    if let Some(events) = line["events"].as_array() {
        let live: Vec<Value> = answer
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let pick = |events: &[Value]| {
            let events = events.iter().filter(|event| !is_periodic(event));
            Value::from(events.cloned().collect::<Vec<_>>())
        };
        return (pick(events), pick(&live));
    }
    if let Some(json) = line.get("json") {
        return (json.clone(), answer.json.clone().unwrap_or_default());
    }
    if let Some(hex) = line.get("hex") {
        let live: String = answer
            .body
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        return (hex.clone(), live.into());
    }
    (line["text"].clone(), answer.text().into())
}

/// A bookmark that comes when it likes: not the one that ends the initial events.
fn is_periodic(event: &Value) -> bool {
    event["type"] == "BOOKMARK" && event["object"]["metadata"]["annotations"].is_null()
}

fn watch_faults(line: &Value, events: &[Value], answer: &Answer, faults: &mut Vec<String>) {
    let recorded = events.iter().any(is_periodic);
    let text = answer.text();
    let live = text
        .lines()
        .any(|line| is_periodic(&serde_json::from_str(line).unwrap()));
    if recorded && !live {
        faults.push(fault("events", "a periodic bookmark", &"none"));
    }
    let path = self::text(line, "path");
    let timeout = path.split("timeoutSeconds=").nth(1).unwrap();
    let timeout: f64 = timeout.split('&').next().unwrap().parse().unwrap();
    let (was, is) = (line["closed"].as_f64().unwrap(), answer.took.as_secs_f64());
    let end = timeout - 1.0;
    // On a busy machine everything may come late.
    if (was > end) != (is > end) || (was > end && was - is > 2.5) {
        faults.push(fault("closed after", was, &is));
    }
}

/// What level B looks at.
fn meaning(value: &Value) -> Value {
    let object = match value {
        Value::Array(items) => return items.iter().map(meaning).collect(),
        Value::Object(object) => object,
        other => return other.clone(),
    };
    match text(value, "kind") {
        "Status" => {
            return json!({
                "kind": value["kind"], "status": value["status"], "reason": value["reason"], "code": value["code"],
            });
        }
        "Table" => {
            let columns = value["columnDefinitions"].as_array().into_iter().flatten();
            let rows = value["rows"].as_array().into_iter().flatten();
            return json!({
                "columns": columns.map(|column| column["name"].clone()).collect::<Vec<_>>(),
                "rows": rows.map(|row| json!({"cells": row["cells"]})).collect::<Vec<_>>(),
            });
        }
        kind if !kind.is_empty() && value["items"].is_array() => {
            let more = !text(&value["metadata"], "continue").is_empty();
            return json!({"kind": kind, "more": more, "items": meaning(&value["items"])});
        }
        _ => {}
    }
    let mut object = object.clone();
    if let Some(metadata) = metadata(value).filter(|metadata| !metadata.is_empty()) {
        let keep = [
            "name",
            "generateName",
            "generation",
            "finalizers",
            "labels",
            "annotations",
        ];
        let mut kept = metadata.clone();
        kept.retain(|name, _| keep.contains(&name.as_str()));
        object.insert("metadata".to_owned(), kept.into());
        let deleting = metadata.contains_key("deletionTimestamp");
        object.insert("deleting".to_owned(), deleting.into());
    } else if let Some(inner) = value.get("object") {
        object.insert("object".to_owned(), meaning(inner));
    }
    Value::Object(object)
}
