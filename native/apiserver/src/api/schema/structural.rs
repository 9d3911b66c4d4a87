//! What a definition's schema must be like: structural, as Kubernetes calls it, and made of words that are understood
//! here. A word that would be ignored is refused, so that nothing passes that its author meant to stop.

use serde_json::{Map, Value};

use super::Schema;
use crate::api::cause::Cause;
use crate::limits::PATTERN_BYTES;

/// The position of a schema in an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Field,
    Item,
}

/// Words that say something about values and are held, beside those that lead to other schemas.
const HELD: &[&str] = &[
    "type",
    "format",
    "required",
    "nullable",
    "default",
    "enum",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minProperties",
    "maxProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "x-kubernetes-embedded-resource",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
];

/// Keywords that only document a schema.
const DOCUMENTING: &[&str] = &["description", "title", "example", "externalDocs"];

/// Deepest nesting of parts of `allOf`, `anyOf`, `oneOf` and `not`: each level may try every schema of the next one.
const PART_DEPTH: usize = 8;

/// The word of the rules in CEL.
const RULES: &str = "x-kubernetes-validations";

/// Deepest schema.
const DEEPEST: usize = 64;

/// Returns every error in the schema at `field` of a definition.
#[must_use]
pub(crate) fn faults(schema: &Value, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut bytes = PATTERN_BYTES;
    walk(schema, field, Level::Root, 0, &mut bytes, &mut causes);
    causes
}

/// `bytes` are left for patterns.
fn walk(
    schema: &Value,
    field: &str,
    level: Level,
    depth: usize,
    bytes: &mut usize,
    causes: &mut Vec<Cause>,
) {
    let Some(words) = schema.as_object() else {
        let found = super::validate::found(schema);
        let why = format!(
            "must be of type object: {}",
            crate::api::go_fmt::quote(found)
        );
        causes.push(Cause::wrong_type(field, found, &why));
        return;
    };
    if depth == DEEPEST {
        let why = format!("is nested more than {DEEPEST} levels deep");
        causes.push(Cause::forbidden(field, &why));
        return;
    }
    causes.extend(type_fault(words, field, level));
    causes.extend(word_faults(words, field, bytes));
    for (word, level) in [
        ("items", Level::Item),
        ("additionalProperties", Level::Field),
    ] {
        if let Some(child) = words.get(word).filter(|child| !child.is_boolean()) {
            let field = format!("{field}.{word}");
            walk(child, &field, level, depth + 1, bytes, causes);
        }
    }
    let properties = words.get("properties").and_then(Value::as_object);
    for (name, child) in properties.into_iter().flatten() {
        // What is said about these is the same for every kind.
        if level == Level::Root && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
            continue;
        }
        let field = format!("{field}.properties[{name}]");
        walk(child, &field, Level::Field, depth + 1, bytes, causes);
    }
}

/// Is it the first of `[{type: integer}, {type: string}]`, or a schema with these two as its `anyOf`?
fn is_int_or_string(first: &Value) -> bool {
    let both = serde_json::json!([{"type": "integer"}, {"type": "string"}]);
    both.get(0) == Some(first) || first.get("anyOf") == Some(&both)
}

/// Checks a part of `allOf`, `anyOf`, `oneOf` or `not`: it restricts values, and defines none.
fn part_faults(part: &Value, field: &str, depth: usize) -> Vec<Cause> {
    const DEFINING: [&str; 8] = [
        "type",
        "default",
        "nullable",
        "additionalProperties",
        "description",
        "title",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    ];
    let mut causes = Vec::new();
    for (word, value) in part.as_object().into_iter().flatten() {
        let at = format!("{field}.{word}");
        match word.as_str() {
            word if DEFINING.contains(&word) => {
                causes.push(Cause::forbidden(&at, "must be empty to be structural"));
            }
            _ if depth > PART_DEPTH => {
                let why = format!("is nested more than {PART_DEPTH} levels deep");
                causes.push(Cause::forbidden(&at, &why));
            }
            "allOf" | "anyOf" | "oneOf" => {
                for (index, part) in value.as_array().into_iter().flatten().enumerate() {
                    causes.extend(part_faults(part, &format!("{at}[{index}]"), depth + 1));
                }
            }
            "not" | "items" => causes.extend(part_faults(value, &at, depth + 1)),
            "properties" => {
                for (name, part) in value.as_object().into_iter().flatten() {
                    causes.extend(part_faults(part, &format!("{at}[{name}]"), depth + 1));
                }
            }
            word if HELD.contains(&word) => {}
            _ => causes.push(Cause::forbidden(&at, "is not understood by this server")),
        }
    }
    causes
}

/// Returns the types of a schema and of its parts, which are all that its rules are checked against.
fn outline(schema: &Value) -> Value {
    const WORDS: [&str; 5] = [
        "type",
        "format",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
        "x-kubernetes-preserve-unknown-fields",
    ];
    let mut outline = Map::new();
    for word in WORDS {
        outline.extend(
            schema
                .get(word)
                .map(|value| (word.to_owned(), value.clone())),
        );
    }
    for word in ["items", "additionalProperties"] {
        let part = schema.get(word).filter(|part| part.is_object());
        outline.extend(part.map(|part| (word.to_owned(), self::outline(part))));
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let properties = properties.iter();
        let properties = properties.map(|(name, part)| (name.clone(), self::outline(part)));
        outline.insert(
            "properties".to_owned(),
            properties.collect::<Map<_, _>>().into(),
        );
    }
    outline.into()
}

fn type_fault(words: &Map<String, Value>, field: &str, level: Level) -> Option<Cause> {
    let text = words
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let is = |word: &str| words.get(word) == Some(&Value::Bool(true));
    let field = format!("{field}.type");
    if level == Level::Root && !matches!(text, "" | "object") {
        return Some(Cause::invalid(
            &field,
            &text.into(),
            "must be object at the root",
        ));
    }
    if !text.is_empty()
        || is("x-kubernetes-preserve-unknown-fields")
        || is("x-kubernetes-int-or-string")
    {
        return None;
    }
    let why = match level {
        Level::Root => "must not be empty at the root",
        Level::Field => "must not be empty for specified object fields",
        Level::Item => "must not be empty for specified array items",
    };
    Some(Cause::required(&field, why))
}

fn word_faults(words: &Map<String, Value>, field: &str, bytes: &mut usize) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (word, value) in words {
        let at = format!("{field}.{word}");
        match word.as_str() {
            "properties" if value.is_object() => {}
            "additionalProperties" if words.contains_key("properties") => {
                let why = "additionalProperties and properties are mutual exclusive";
                causes.push(Cause::forbidden(&at, why));
            }
            "additionalProperties" if *value == Value::Bool(false) => {
                let why = "must not be false: unknown fields are pruned";
                causes.push(Cause::forbidden(&at, why));
            }
            "items" | "additionalProperties" => {}
            "x-kubernetes-preserve-unknown-fields" if *value != Value::Bool(true) => {
                causes.push(Cause::invalid(&at, value, "must be true or undefined"));
            }
            // how the two types of an int-or-string may be written too
            "anyOf" | "allOf"
                if words.contains_key("x-kubernetes-int-or-string")
                    && value.pointer("/0").is_some_and(is_int_or_string) => {}
            "allOf" | "anyOf" | "oneOf" => {
                for (index, part) in value.as_array().into_iter().flatten().enumerate() {
                    causes.extend(part_faults(part, &format!("{at}[{index}]"), 0));
                }
            }
            "not" => causes.extend(part_faults(value, &at, 0)),
            "uniqueItems" if *value == Value::Bool(true) => {
                let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
                causes.push(Cause::forbidden(&at, why));
            }
            "uniqueItems" => {}
            "format" if value.as_str().is_some_and(super::format::is_unknown_here) => {
                let why = format!("the format {value} is not understood by this server");
                causes.push(Cause::forbidden(&at, &why));
            }
            word if HELD.contains(&word) || DOCUMENTING.contains(&word) => {}
            _ => causes.push(Cause::forbidden(&at, "is not understood by this server")),
        }
    }
    if words.get("type").and_then(Value::as_str) == Some("array") && !words.contains_key("items") {
        causes.push(Cause::required(
            &format!("{field}.items"),
            "must be specified",
        ));
    }
    let own: Map<String, Value> = words
        .iter()
        .filter(|(word, _)| HELD.contains(&word.as_str()) && *word != RULES)
        .map(|(word, value)| (word.clone(), value.clone()))
        .collect();
    if let Err(why) = Schema::compile_within(&own.into(), bytes) {
        causes.push(Cause::invalid(field, &"schema".into(), &why));
    }
    if let Some(rules) = words.get(RULES).and_then(Value::as_array) {
        let outline = outline(&words.clone().into());
        for (index, rule) in rules.iter().enumerate() {
            let mut one = outline.clone();
            if let Some(words) = one.as_object_mut() {
                words.insert(RULES.to_owned(), vec![rule.clone()].into());
            }
            if let Err(why) = Schema::compile(&one) {
                let field = format!("{field}.{RULES}[{index}].rule");
                let shown = rule.get("rule").cloned().unwrap_or_default();
                let why = format!("compilation failed: {why}");
                causes.push(Cause::invalid(&field, &shown, &why));
            }
        }
    }
    if let Some(default) = words.get("default")
        && let Ok(schema) = Schema::compile(&words.clone().into())
    {
        let at = format!("{field}.default");
        for mut cause in super::validate(&schema, default, None, "") {
            cause.field = at.clone();
            cause.message = cause.message.replace("  in body", " in body");
            causes.push(cause);
        }
    }
    causes
}
