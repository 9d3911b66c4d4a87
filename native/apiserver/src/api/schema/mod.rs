//! Structural schemas: the shape of objects, compiled once from the JSON form that a CustomResourceDefinition carries.

mod expression;
mod format;
mod go;
mod prune;
mod required;
mod rule_addresses;
mod rule_calls;
mod rule_functions;
mod rule_kind;
mod rule_library;
mod rule_types;
mod rules;
pub(crate) mod structural;
mod validate;

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

pub(crate) use expression::{Expression, POLICY, REQUEST, Scope};
pub(crate) use go::decode;
pub(crate) use prune::{fill, prune, trim};
pub(crate) use required::missing;

pub(crate) use validate::validate;

use crate::limits::PATTERN_BYTES;

/// What kind of value is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A map.
    Object,
    /// A list.
    Array,
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
}

impl Type {
    /// The word of JSON Schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Type::Object => "object",
            Type::Array => "array",
            Type::String => "string",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::Boolean => "boolean",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [
            Type::Object,
            Type::Array,
            Type::String,
            Type::Integer,
            Type::Number,
            Type::Boolean,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == word)
    }
}

/// How a list is merged and owned (`x-kubernetes-list-type`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ListType {
    /// As one value.
    #[default]
    Atomic,
    /// Item by item; an item is its own key.
    Set,
    /// Item by item; these fields of an item are its key.
    Map(Vec<String>),
}

/// The shape of a value. The default is "anything".
#[derive(Debug, Default)]
pub struct Schema {
    /// The kind of value; absent where anything goes.
    pub kind: Option<Type>,
    /// `int32`, `int64`, `date-time`, …
    pub format: String,
    /// The name of the type of an object in the real server; empty if it has none.
    pub title: String,
    /// The fields of an object.
    pub properties: BTreeMap<String, Schema>,
    /// Fields that must be there.
    pub required: Vec<String>,
    /// The values of a map with free keys.
    pub additional: Option<Box<Schema>>,
    /// The items of a list.
    pub items: Option<Box<Schema>>,
    /// How a list is merged.
    pub list: ListType,
    /// Does a strategic merge patch merge a list item by item (`x-kubernetes-patch-strategy: merge`)?
    pub patch_merges: bool,
    /// The field of an item by which it does (`x-kubernetes-patch-merge-key`); empty for items that are their own key.
    pub patch_key: String,
    /// Is a map merged as one value (`x-kubernetes-map-type: atomic`)?
    pub atomic_map: bool,
    /// Are fields kept that `properties` does not know?
    pub preserve: bool,
    /// May the value be `null`?
    pub nullable: bool,
    /// May the value be a number or a text?
    pub int_or_string: bool,
    /// What a missing value becomes.
    pub default: Option<Value>,
    /// The only values allowed; empty for all.
    pub allowed: Vec<Value>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    min_items: Option<u64>,
    max_items: Option<u64>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    min_properties: Option<u64>,
    max_properties: Option<u64>,
    exclusive_minimum: bool,
    exclusive_maximum: bool,
    multiple_of: Option<f64>,
    pattern: Option<Regex>,
    all_of: Vec<Schema>,
    any_of: Vec<Schema>,
    one_of: Vec<Schema>,
    not: Option<Box<Schema>>,
    rules: Vec<rules::Rule>,
}

impl Schema {
    /// Compiles the JSON form.
    ///
    /// # Errors
    /// Says what is wrong with it: an unknown type, a pattern or rule that does not compile.
    pub fn compile(json: &Value) -> Result<Self, String> {
        Schema::compile_within(json, &mut { PATTERN_BYTES })
    }

    /// Compiles the JSON form; `bytes` are left for its patterns.
    pub(super) fn compile_within(json: &Value, bytes: &mut usize) -> Result<Self, String> {
        let text = |name: &str| json.get(name).and_then(Value::as_str);
        let flag = |name: &str| json.get(name).and_then(Value::as_bool).unwrap_or(false);
        let number = |name: &str| json.get(name).and_then(Value::as_f64);
        let count = |name: &str| json.get(name).and_then(Value::as_u64);
        let texts = |name: &str| -> Vec<String> {
            let items = json
                .get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut child = |name: &str| match json.get(name) {
            Some(value @ Value::Object(_)) => {
                Schema::compile_within(value, bytes).map(|child| Some(Box::new(child)))
            }
            _ => Ok(None),
        };
        let (additional, items, not) = (
            child("additionalProperties")?,
            child("items")?,
            child("not")?,
        );
        let mut several = |name: &str| {
            let parts = json
                .get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let parts = parts.map(|part| Schema::compile_within(part, bytes));
            parts.collect::<Result<Vec<_>, _>>()
        };
        let (all_of, mut any_of, one_of) =
            (several("allOf")?, several("anyOf")?, several("oneOf")?);
        if flag("x-kubernetes-int-or-string") {
            // the two types, which the flag says already
            any_of.clear();
        }
        let kind = match text("type") {
            None => None,
            Some(word) => Some(Type::parse(word).ok_or_else(|| format!("unknown type {word}"))?),
        };
        let list = match text("x-kubernetes-list-type") {
            Some("set") => ListType::Set,
            Some("map") => ListType::Map(texts("x-kubernetes-list-map-keys")),
            _ => ListType::Atomic,
        };
        let pattern = text("pattern")
            .map(|pattern| compile_pattern(pattern, bytes))
            .transpose()?;
        let mut properties = BTreeMap::new();
        for (name, value) in json
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            properties.insert(name.clone(), Schema::compile_within(value, bytes)?);
        }
        let rules = json
            .get("x-kubernetes-validations")
            .and_then(Value::as_array);
        let mut schema = Schema {
            kind,
            format: text("format").unwrap_or_default().to_owned(),
            title: text("title").unwrap_or_default().to_owned(),
            patch_merges: text("x-kubernetes-patch-strategy")
                .is_some_and(|strategy| strategy.split(',').any(|word| word == "merge")),
            patch_key: text("x-kubernetes-patch-merge-key")
                .unwrap_or_default()
                .to_owned(),
            properties,
            required: texts("required"),
            additional,
            items,
            list,
            atomic_map: text("x-kubernetes-map-type") == Some("atomic"),
            preserve: flag("x-kubernetes-preserve-unknown-fields"),
            nullable: flag("nullable"),
            int_or_string: flag("x-kubernetes-int-or-string"),
            default: json.get("default").cloned(),
            allowed: json
                .get("enum")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
            minimum: number("minimum"),
            maximum: number("maximum"),
            min_items: count("minItems"),
            max_items: count("maxItems"),
            min_length: count("minLength"),
            max_length: count("maxLength"),
            min_properties: count("minProperties"),
            max_properties: count("maxProperties"),
            exclusive_minimum: flag("exclusiveMinimum"),
            exclusive_maximum: flag("exclusiveMaximum"),
            multiple_of: number("multipleOf").filter(|of| *of > 0.0),
            pattern,
            all_of,
            any_of,
            one_of,
            not,
            rules: Vec::new(),
        };
        if flag("x-kubernetes-embedded-resource") {
            for name in ["apiVersion", "kind"] {
                schema
                    .properties
                    .entry(name.to_owned())
                    .or_insert_with(Schema::text);
                schema.required.push(name.to_owned());
            }
            let metadata = schema.properties.entry("metadata".to_owned());
            metadata.or_insert_with(|| Schema {
                kind: Some(Type::Object),
                ..Schema::anything()
            });
        }
        let rules = rules.into_iter().flatten();
        let rules = rules.map(|rule| rules::Rule::compile(rule, &schema));
        schema.rules = rules.collect::<Result<_, _>>()?;
        Ok(schema)
    }

    /// A shape that anything fits.
    #[must_use]
    pub fn anything() -> Self {
        Schema {
            preserve: true,
            ..Schema::default()
        }
    }

    /// A text.
    #[must_use]
    pub fn text() -> Self {
        Schema {
            kind: Some(Type::String),
            ..Schema::default()
        }
    }

    /// The shape of a field of an object: of a known field, or of any other one if free keys are allowed. `None` if
    /// the object has no such field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Schema> {
        self.properties.get(name).or_else(|| {
            self.additional
                .as_deref()
                .or_else(|| (self.preserve || self.kind.is_none()).then_some(&*ANYTHING))
        })
    }

    /// The shape of the items of a list.
    #[must_use]
    pub fn item(&self) -> &Schema {
        self.items.as_deref().unwrap_or(&ANYTHING)
    }
}

/// Compiles a pattern, and takes what it needs off the bytes that are left. A few characters can need megabytes, such as
/// `\w{500}`. The crate does not say how many, so the size is the smallest limit that suffices.
fn compile_pattern(pattern: &str, bytes: &mut usize) -> Result<Regex, String> {
    let pattern = as_of_rust(pattern);
    let mut size = 2 << 10;
    loop {
        let within = size.min(*bytes);
        let mut builder = RegexBuilder::new(&pattern);
        match builder
            .size_limit(within)
            .dfa_size_limit(PATTERN_CACHE)
            .build()
        {
            Ok(compiled) => {
                *bytes -= within;
                return Ok(compiled);
            }
            Err(regex::Error::CompiledTooBig(_)) if within < *bytes => size *= 4,
            Err(regex::Error::CompiledTooBig(_)) => {
                return Err(format!(
                    "patterns that need more memory than the limit of {PATTERN_BYTES} bytes"
                ));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Returns a pattern of Go as the crate `regex` writes it. In a class of Go `[`, `&&` and `~~` are characters.
pub(super) fn as_of_rust(pattern: &str) -> String {
    let mut made = String::with_capacity(pattern.len());
    let (mut in_class, mut at_start) = (false, false);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' {
            made.push(c);
            made.extend(chars.next());
            at_start = false;
            continue;
        }
        match c {
            '[' if !in_class => {
                in_class = true;
                at_start = true;
                made.push(c);
                made.extend(chars.next_if_eq(&'^'));
                continue;
            }
            // a named class: `[:alpha:]`
            '[' if chars.peek() == Some(&':') => {}
            ']' if chars.peek() == Some(&']') && made.ends_with(':') => {}
            ']' if at_start => {}
            ']' => in_class = false,
            '[' | '&' | '~' if in_class => made.push('\\'),
            _ => {}
        }
        at_start = false;
        made.push(c);
    }
    made
}

/// What a pattern may remember of its search, in bytes.
const PATTERN_CACHE: usize = 256 << 10;

static ANYTHING: std::sync::LazyLock<Schema> = std::sync::LazyLock::new(Schema::anything);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_are_those_of_go() {
        for (pattern, text, matches) in [
            (r"^[^()[\]?={}]+$", "a", true),
            (r"^[^()[\]?={}]+$", "[", false),
            ("^[a&&b]+$", "a&b", true),
            ("^[[:alpha:]]+$", "ab", true),
            ("^[[:alpha:]_]+$", "a_b", true),
            ("^[[:alpha:]_]+$", "a1", false),
            ("^[]a]+$", "]a", true),
            (r"^\[a\]$", "[a]", true),
        ] {
            let compiled = compile_pattern(pattern, &mut { PATTERN_BYTES }).unwrap();
            assert_eq!(compiled.is_match(text), matches, "{pattern}");
        }
    }

    #[test]
    fn patterns_of_a_schema_share_a_budget() {
        let property = |n: usize| {
            let pattern = format!("[ab]{{{n}}}");
            (n.to_string(), json!({"type": "string", "pattern": pattern}))
        };
        let properties: serde_json::Map<_, _> = (500..520).map(property).collect();
        let schema = json!({"type": "object", "properties": properties});
        let mut bytes = 8 << 20;
        Schema::compile_within(&schema, &mut bytes).unwrap();
        let needed = (8 << 20) - bytes;
        assert!(needed >= 20 * (16 << 10), "{needed}");
        Schema::compile_within(&schema, &mut needed.clone()).unwrap();
        let error = Schema::compile_within(&schema, &mut (needed / 2)).unwrap_err();
        let limit = "patterns that need more memory than the limit of 67108864 bytes";
        assert_eq!(error, limit);
    }
}
