//! The recorded writes of a real Kubernetes 1.36 server, fed straight into the pure verbs: no server, no store but a
//! map, no clock. What the server answered is what the functions must make.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)] // a test fails by panic

use std::collections::BTreeMap;
use std::sync::LazyLock;

use imagecache_apiserver::api::options::{DeleteOptions, Write, WriteOptions, manager};
use imagecache_apiserver::api::patch;
use imagecache_apiserver::api::write::{self, Context, Effect, Outcome, Subresource};
use imagecache_apiserver::api::{ApiError, Resource, Resources, Status};
#[path = "../support/mod.rs"]
mod support;

use regex::Regex;
use serde_json::{Value, json};
use support::lenient_definition;

/// Sections of writes; the others are about lists and watches.
const SECTIONS: [&str; 7] = [
    "golden/03-create",
    "golden/04-update",
    "golden/05-status",
    "golden/06-patch",
    "golden/07-apply",
    "golden/08-delete",
    // Leases, events and secrets.
    "verbs/kinds",
];

/// The recorded definition has no rules.
static RESOURCES: LazyLock<Resources> = LazyLock::new(|| Resources::new([&lenient_definition()]));

/// What a path speaks of.
struct Target {
    resource: &'static Resource,
    namespace: Option<String>,
    name: Option<String>,
    subresource: Subresource,
}

impl Target {
    fn of(path: &str) -> Option<Self> {
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (group, version) = match parts.as_slice() {
            ["api", version, ..] => ("", *version),
            ["apis", group, version, ..] => (*group, *version),
            _ => return None,
        };
        parts.drain(..if group.is_empty() { 2 } else { 3 });
        let namespace = match parts.as_slice() {
            ["namespaces", namespace, _, ..] => Some((*namespace).to_owned()),
            _ => None,
        };
        if namespace.is_some() {
            parts.drain(..2);
        }
        let (plural, names) = parts.split_first()?;
        let (name, subresource) = match names {
            [] => (None, Subresource::None),
            [name] => (Some(*name), Subresource::None),
            [name, "status"] => (Some(*name), Subresource::Status),
            _ => return None,
        };
        let resource = RESOURCES.find(group, version, plural)?;
        (resource.namespaced == namespace.is_some()).then(|| Target {
            resource,
            namespace,
            name: name.map(str::to_owned),
            subresource,
        })
    }
}

/// A recorded request with its answer, or a step between two.
struct Exchange {
    line: Value,
}

impl Exchange {
    fn text(&self, name: &str) -> &str {
        self.line[name].as_str().unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.text("case")
    }

    fn method(&self) -> &str {
        if self.name().is_empty() {
            self.text("step")
        } else {
            self.text("method")
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let of_step = (name == "content-type")
            .then(|| self.line["type"].as_str())
            .flatten();
        let headers = self.line["headers"].as_object().into_iter().flatten();
        headers
            .filter(|(header, _)| header.eq_ignore_ascii_case(name))
            .find_map(|(_, value)| value.as_str())
            .or(of_step)
    }

    /// What the path speaks of, and the query.
    fn target(&self) -> (Option<Target>, Vec<(String, String)>) {
        let path = self.text("path");
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query = query.split('&').filter_map(|pair| pair.split_once('='));
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
        (Target::of(path), query.collect())
    }

    fn body(&self) -> Vec<u8> {
        let cache = |name: &str, part: Value| {
            let mut cache = json!({
                "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
                "metadata": {"name": name}, "spec": {"images": ["nginx:1.25"]},
            });
            json_patch::merge(&mut cache, &part);
            cache.to_string().into_bytes()
        };
        match self.text("big") {
            "" => self.text("body").as_bytes().to_vec(),
            "annotations-too-long" => cache(
                "big",
                json!({"metadata": {"annotations": {"a": "x".repeat(256 * 1024 + 10)}}}),
            ),
            "object-1.6MB" => cache("big2", json!({"spec": {"images": ["x".repeat(1_600_000)]}})),
            "json-too-many" => {
                let test = json!({"op": "test", "path": "/kind", "value": "ImageCache"});
                Value::from(vec![test; 10_001]).to_string().into_bytes()
            }
            other => panic!("a body called {other}"),
        }
    }
}

/// The stored objects, and a store's part of each answer.
#[derive(Default)]
struct Store {
    objects: BTreeMap<String, Value>,
}

/// Placeholder for a UID or version that no answer has shown yet.
const UNKNOWN: &str = "unknown";

impl Store {
    /// Copies what an exchange shows of the live object.
    fn learn(&mut self, name: &str, recorded: &Value, fields: &[&str]) {
        if let Some(object) = self.objects.get_mut(name) {
            for field in fields.iter().copied() {
                if object["metadata"][field] == UNKNOWN && recorded["metadata"][field].is_string() {
                    object["metadata"][field] = recorded["metadata"][field].clone();
                }
            }
        }
    }

    fn perform(&mut self, exchange: &Exchange) -> Option<(u16, Value, Vec<String>)> {
        let (target, query) = exchange.target();
        let target = target?;
        let (resource, name) = (target.resource, target.name.as_deref());
        let whole = target.subresource == Subresource::None;
        let pairs = || {
            query
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
        };
        let body = exchange.body();
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let named = name
            .or(asked["metadata"]["name"].as_str())
            .unwrap_or_default()
            .to_owned();
        let recorded = &exchange.line["json"];
        self.learn(&named, recorded, &["uid"]);
        self.learn(&named, &json!({"metadata": recorded["details"]}), &["uid"]);
        // The message of a refused precondition has the value of the object.
        let message = recorded["message"].as_str().unwrap_or_default();
        if let Some((_, known)) = message.split_once("in record (") {
            let known = known.split(')').next().unwrap_or_default();
            let field = if message.contains("the UID") {
                "uid"
            } else {
                "resourceVersion"
            };
            self.learn(&named, &json!({"metadata": {field: known}}), &[field]);
        }
        if exchange.line["status"] == 200 {
            self.learn(&named, &asked, &["uid", "resourceVersion"]);
            self.learn(
                &named,
                &json!({"metadata": asked["preconditions"]}),
                &["uid", "resourceVersion"],
            );
        }
        let live = self.objects.get(&named).cloned();
        let content_type = exchange.header("content-type");
        let now = "2026-11-21T23:58:10Z".parse().unwrap();
        let run = |write: Write, act: &dyn Fn(&Context<'_>) -> Result<Outcome, ApiError>| {
            let options = WriteOptions::from_query(write, pairs())?;
            let agent = exchange.header("user-agent").unwrap_or("curl/7.88.1");
            let manager = manager(options.field_manager.as_deref(), Some(agent));
            let outcome = act(&Context {
                now,
                uid: UNKNOWN,
                suffix: "abcde",
                namespace: target.namespace.as_deref(),
                name,
                subresource: target.subresource,
                manager: &manager,
                options: &options,
                admit: None,
                approve: None,
            })?;
            Ok((outcome, options.dry_run))
        };
        let result: Result<(Outcome, bool), ApiError> = match exchange.method() {
            "POST" if whole => run(Write::Create, &|context| {
                let outcome = write::create(resource, &body, content_type, context)?;
                match &live {
                    Some(live) => {
                        let deleting = live["metadata"]["deletionTimestamp"].is_string();
                        Err(ApiError::already_exists(resource, &named, deleting))
                    }
                    None => Ok(outcome),
                }
            }),
            "PUT" if name.is_some() => run(Write::Update, &|context| {
                write::update(resource, live.as_ref(), &body, content_type, context)
            }),
            "PATCH" if name.is_some() => patch::kind_of(resource, content_type).and_then(|kind| {
                run(Write::Patch(kind), &|context| {
                    write::patch(resource, live.as_ref(), kind, &body, context)
                })
            }),
            "DELETE" if name.is_some() && whole => {
                DeleteOptions::read(pairs(), &body, content_type).and_then(|options| {
                    let live = live
                        .as_ref()
                        .ok_or_else(|| ApiError::not_found(resource, &named))?;
                    let outcome = write::delete(resource, live, &options, now)?;
                    Ok((outcome, options.dry_run))
                })
            }
            "GONE" => {
                self.objects.remove(&named);
                return None;
            }
            "GET" if name.is_some() => {
                self.learn(&named, recorded, &["uid", "resourceVersion"]);
                return None;
            }
            _ => return None,
        };
        Some(self.settle(result, &named, exchange, resource))
    }

    /// Stores what is to be stored, with the version that the real server gave it, and makes the answer.
    fn settle(
        &mut self,
        result: Result<(Outcome, bool), ApiError>,
        named: &str,
        exchange: &Exchange,
        resource: &Resource,
    ) -> (u16, Value, Vec<String>) {
        let recorded = &exchange.line["json"]["metadata"];
        match result {
            Err(error) => {
                let code = error.code;
                (
                    code,
                    serde_json::to_value(error.status()).unwrap(),
                    error.warnings,
                )
            }
            Ok((outcome, dry_run)) => {
                let mut object = outcome.object;
                let metadata = object["metadata"].as_object_mut().unwrap();
                let mut fill = |field: &str| {
                    let known = recorded.get(field).cloned();
                    let given = if exchange.name().is_empty() {
                        Some(UNKNOWN.into())
                    } else {
                        known
                    };
                    match given {
                        Some(value) => metadata.insert(field.to_owned(), value),
                        None => metadata.remove(field),
                    };
                };
                match outcome.effect {
                    Effect::Create => {
                        fill("uid");
                        fill("resourceVersion");
                    }
                    Effect::Update if !dry_run => fill("resourceVersion"),
                    _ => {}
                }
                let stored = object["metadata"]["name"].as_str().unwrap().to_owned();
                if !dry_run {
                    match outcome.effect {
                        Effect::Create | Effect::Update => {
                            self.objects.insert(stored, object.clone());
                        }
                        Effect::Remove => {
                            self.objects.remove(named);
                        }
                        Effect::Keep => {}
                    }
                }
                let created = outcome.effect == Effect::Create;
                let removed = exchange.method() == "DELETE" && outcome.effect == Effect::Remove;
                let answer = if removed {
                    serde_json::to_value(Status::deleted(resource, &object)).unwrap()
                } else {
                    object
                };
                (if created { 201 } else { 200 }, answer, outcome.warnings)
            }
        }
    }
}

/// Replaces times, generated names and unknown UIDs by one value each.
fn comparable(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap();
    static TIME: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").unwrap());
    static NAME: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(gen|evt)-[a-z0-9]{5}\b").unwrap());
    let text = TIME.replace_all(&text, "TIME");
    NAME.replace_all(&text, "$1-NAME").into_owned()
}

/// The faults of one message come in the order of a map that Go shuffles.
fn sorted_faults(mut status: Value) -> Value {
    if let Some(causes) = status
        .pointer_mut("/details/causes")
        .and_then(Value::as_array_mut)
    {
        causes.sort_by_key(Value::to_string);
        let message = status["message"].as_str().unwrap_or_default();
        if let Some((begin, faults)) = message.split_once(" is invalid: [") {
            let mut faults: Vec<&str> = faults.trim_end_matches(']').split(", ").collect();
            faults.sort_unstable();
            status["message"] = format!("{begin} is invalid: [{}]", faults.join(", ")).into();
        }
    }
    status
}

fn warnings(exchange: &Exchange) -> Vec<String> {
    let texts: Vec<&str> = match &exchange.line["answered"]["warning"] {
        Value::String(text) => vec![text],
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    texts
        .into_iter()
        .map(|text| {
            let quoted = text
                .strip_prefix("299 - \"")
                .and_then(|text| text.strip_suffix('"'))
                .unwrap();
            quoted.replace("\\\"", "\"").replace("\\\\", "\\")
        })
        .collect()
}

#[test]
fn verbs_answer_as_the_real_server_did() {
    let (mut compared, mut wrong) = (0, Vec::new());
    for section in SECTIONS {
        let path = format!("{}/tests/{section}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut store = Store::default();
        for line in text.lines() {
            let exchange = Exchange {
                line: serde_json::from_str(line).unwrap(),
            };
            // The limit of a body is kept before any of this is asked.
            if exchange.text("big") == "413-too-large" {
                continue;
            }
            let Some((code, answer, said)) = store.perform(&exchange) else {
                continue;
            };
            // Answers in other forms are made of these ones, elsewhere.
            let view = exchange
                .header("accept")
                .is_some_and(|accept| accept != "application/json");
            if exchange.name().is_empty() || view {
                continue;
            }
            compared += 1;
            let recorded = comparable(&sorted_faults(exchange.line["json"].clone()));
            let made = comparable(&sorted_faults(answer));
            if exchange.line["status"] != code || recorded != made || warnings(&exchange) != said {
                let only = |a: &str, b: &str| {
                    let lines = a
                        .lines()
                        .filter(|line| !b.lines().any(|other| other == *line));
                    lines.collect::<Vec<_>>().join("\n")
                };
                wrong.push(format!(
                    "{section} {}: {code} {said:?}\n{}\nrecorded: {} {:?}\n{}",
                    exchange.name(),
                    only(&made, &recorded),
                    exchange.line["status"],
                    warnings(&exchange),
                    only(&recorded, &made)
                ));
            }
        }
    }
    assert!(compared > 200, "only {compared} exchanges were compared");
    assert!(
        wrong.is_empty(),
        "{} of {compared}:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}
