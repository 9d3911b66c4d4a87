//! Validation by a schema, fault by fault in the words of the real server (its validator is generic, so are they).

use serde_json::Value;

use super::{ListType, Schema, Type, format};
use crate::api::cause::Cause;
use crate::api::path::Path;
use crate::limits::LISTED_ERRORS;

/// Returns every error in `value`. `prefix` is its path in the object: empty for the whole object, `status` for its
/// status. The paths in the errors are below it. The CEL rules are evaluated only if the value has no other error that
/// they could fail on; `old` is the stored value, for those that compare the two.
#[must_use]
pub(crate) fn validate(
    schema: &Schema,
    value: &Value,
    old: Option<&Value>,
    prefix: &str,
) -> Vec<Cause> {
    let mut run = Run {
        prefix,
        causes: Vec::new(),
        more: 0,
    };
    run.value(schema, value, &Path::root(""));
    run.lists(schema, value, &Path::root(""));
    let causes = &mut run.causes.iter();
    if run.more == 0 && causes.all(|cause| cause.reason == "FieldValueInvalid") {
        super::rules::evaluate(schema, (value, old), prefix, &mut run.causes);
    }
    if run.more > 0 {
        run.causes.push(Cause::more(run.more));
    }
    run.causes
}

/// Is a value valid under a schema, but for its rules?
fn holds(schema: &Schema, value: &Value) -> bool {
    let mut run = Run {
        prefix: "",
        causes: Vec::new(),
        more: 0,
    };
    run.value(schema, value, &Path::root(""));
    run.causes.is_empty()
}

struct Run<'a> {
    prefix: &'a str,
    /// At most [`LISTED_ERRORS`].
    causes: Vec<Cause>,
    /// The number of further errors.
    more: usize,
}

impl Run<'_> {
    /// Adds an error, or only counts it: an error that is not listed costs no text.
    fn add(&mut self, cause: impl FnOnce(&Self) -> Cause) {
        if self.causes.len() < LISTED_ERRORS {
            let cause = cause(self);
            self.causes.push(cause);
        } else {
            self.more += 1;
        }
    }

    /// The field of a fault.
    fn at(&self, path: &Path<'_>) -> String {
        match (self.prefix, path.to_string()) {
            ("", path) => path,
            (prefix, path) if path.is_empty() => prefix.to_owned(),
            (prefix, path) if path.starts_with('[') => format!("{prefix}{path}"),
            (prefix, path) => format!("{prefix}.{path}"),
        }
    }

    fn wrong_type(&mut self, path: &Path<'_>, expected: &str, found: &str) {
        self.add(|run| {
            let quoted = crate::api::go_fmt::quote(found);
            let detail = format!("{} must be of type {expected}: {quoted}", in_body(path));
            Cause::wrong_type(&run.at(path), found, &detail)
        });
    }

    fn invalid(&mut self, path: &Path<'_>, value: &Value, rule: &str) {
        self.add(|run| {
            let detail = format!("{} {rule}", in_body(path));
            Cause::invalid(&run.at(path), value, &detail)
        });
    }

    fn value(&mut self, schema: &Schema, value: &Value, path: &Path<'_>) {
        if !self.kind(schema, value, path) {
            return;
        }
        match value {
            Value::String(text) => self.text(schema, text, value, path),
            Value::Number(number) => self.number(schema, number, value, path),
            Value::Array(items) => self.array(schema, items, path),
            _ => {}
        }
        if !schema.allowed.is_empty() && !schema.allowed.contains(value) {
            self.add(|run| unsupported(schema, value, &run.at(path)));
        }
        self.combined(schema, value, path);
        if let Value::Object(fields) = value {
            let count = fields.len() as u64;
            if let Some(least) = schema.min_properties.filter(|least| count < *least) {
                let rule = format!("should have at least {least} properties");
                self.invalid(path, &count.into(), &rule);
            }
            if let Some(most) = schema.max_properties.filter(|most| count > *most) {
                self.add(|run| Cause::too_many(&run.at(path), fields.len(), most));
            }
            for (name, value) in fields {
                if let Some(schema) = schema.field(name) {
                    self.value(schema, value, &path.field(name));
                }
            }
            for name in &schema.required {
                if !fields.contains_key(name) {
                    self.add(|run| Cause::required(&run.at(&path.field(name)), ""));
                }
            }
        }
    }

    /// Checks what combines schemas: `allOf`, `anyOf`, `oneOf`, `not`.
    fn combined(&mut self, schema: &Schema, value: &Value, path: &Path<'_>) {
        let valid = |schemas: &[Schema]| {
            let valid = schemas.iter().filter(|schema| holds(schema, value));
            valid.count()
        };
        let mut fault = |rule: &str| {
            self.add(|run| {
                let field = run.at(path);
                let detail = format!("{field:?} must {rule}");
                Cause::invalid(&field, &"".into(), &detail)
            });
        };
        if !schema.any_of.is_empty() && valid(&schema.any_of) == 0 {
            fault("validate at least one schema (anyOf)");
        }
        if !schema.one_of.is_empty() {
            match valid(&schema.one_of) {
                1 => {}
                0 => fault("validate one and only one schema (oneOf). Found none valid"),
                many => fault(&format!(
                    "validate one and only one schema (oneOf). Found {many} valid alternatives"
                )),
            }
        }
        if schema.not.as_deref().is_some_and(|not| holds(not, value)) {
            fault("not validate the schema (not)");
        }
        for part in &schema.all_of {
            self.value(part, value, path);
        }
    }

    /// Checks the kind of a value; false where nothing more can be said about it.
    fn kind(&mut self, schema: &Schema, value: &Value, path: &Path<'_>) -> bool {
        let Some(expected) = schema.kind else {
            let fits = match value {
                Value::Number(number) => is_whole(number),
                value => value.is_string() || (schema.nullable && value.is_null()),
            };
            if schema.int_or_string && !fits {
                self.wrong_type(path, "integer,string", found(value));
            }
            return true;
        };
        let found = found(value);
        let fits = match (expected, value) {
            (_, Value::Null) => schema.nullable,
            (Type::Object, Value::Object(_))
            | (Type::Array, Value::Array(_))
            | (Type::String, Value::String(_))
            | (Type::Number, Value::Number(_))
            | (Type::Boolean, Value::Bool(_)) => true,
            (Type::Integer, Value::Number(number)) => is_whole(number),
            _ => false,
        };
        if fits {
            return !value.is_null();
        }
        // A value that is neither a text nor a list is validated against the format, if the schema has one.
        let expected = match value {
            Value::Number(number) if number.is_f64() && !schema.format.is_empty() => {
                self.wrong_type(path, &schema.format, "float64");
                return true;
            }
            Value::Bool(_) | Value::Object(_) | Value::Number(_) if !schema.format.is_empty() => {
                self.wrong_type(path, &schema.format, "");
                return true;
            }
            // A text with a format passes this check of the real server; the check of the format is next.
            _ => expected.as_str(),
        };
        self.wrong_type(path, expected, found);
        !value.is_null()
    }

    fn text(&mut self, schema: &Schema, text: &str, value: &Value, path: &Path<'_>) {
        if schema.kind.is_some_and(|kind| kind != Type::String) {
            return;
        }
        let bounded = schema.min_length.is_some() || schema.max_length.is_some();
        let length = if bounded {
            text.chars().count() as u64
        } else {
            0
        };
        if let Some(limit) = schema.max_length.filter(|limit| length > *limit) {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            self.add(|run| Cause::too_long(&run.at(path), limit));
        }
        if let Some(least) = schema.min_length.filter(|least| length < *least) {
            self.invalid(
                path,
                value,
                &format!("should be at least {least} chars long"),
            );
        }
        if let Some(pattern) = schema
            .pattern
            .as_ref()
            .filter(|pattern| !pattern.is_match(text))
        {
            let rule = format!("should match '{pattern}'");
            self.invalid(path, value, &rule);
        }
        if !format::holds(&schema.format, text) {
            self.add(|run| {
                let quoted = crate::api::go_fmt::quote(text);
                let format = &schema.format;
                let detail = format!("{} must be of type {format}: {quoted}", in_body(path));
                Cause::wrong_type(&run.at(path), text, &detail)
            });
        }
    }

    fn number(
        &mut self,
        schema: &Schema,
        number: &serde_json::Number,
        value: &Value,
        path: &Path<'_>,
    ) {
        let in_range = match schema.format.as_str() {
            "int32" => number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
            "int64" => number.as_i64().is_some() || (is_whole(number) && number.as_u64().is_none()),
            _ => true,
        };
        if !in_range && schema.kind == Some(Type::Integer) {
            let detail = format!(
                "Checked value must be of type integer with format {} in {path}",
                schema.format
            );
            // The real server loses the path of this one.
            let field = if self.prefix.is_empty() {
                "<nil>"
            } else {
                self.prefix
            };
            self.add(|_| Cause::invalid(field, &Value::from(""), &detail));
        }
        let Some(float) = number.as_f64() else { return };
        let (below, above) = (schema.exclusive_maximum, schema.exclusive_minimum);
        let too_large = |most: &f64| float > *most || (below && float >= *most);
        if let Some(most) = schema.maximum.filter(too_large) {
            let or_equal = if below { "" } else { " or equal to" };
            self.invalid(
                path,
                value,
                &format!("should be less than{or_equal} {most}"),
            );
        }
        let too_small = |least: &f64| float < *least || (above && float <= *least);
        if let Some(least) = schema.minimum.filter(too_small) {
            let or_equal = if above { "" } else { " or equal to" };
            self.invalid(
                path,
                value,
                &format!("should be greater than{or_equal} {least}"),
            );
        }
        if let Some(of) = schema.multiple_of.filter(|of| (float / of).fract() != 0.0) {
            self.invalid(path, value, &format!("should be a multiple of {of}"));
        }
    }

    fn array(&mut self, schema: &Schema, items: &[Value], path: &Path<'_>) {
        if let Some(schema) = &schema.items {
            for (index, item) in items.iter().enumerate() {
                self.value(schema, item, &path.index(index));
            }
        }
        let count = items.len() as u64;
        if let Some(least) = schema.min_items.filter(|least| count < *least) {
            self.invalid(
                path,
                &Value::from(count),
                &format!("should have at least {least} items"),
            );
        }
        if let Some(most) = schema.max_items.filter(|most| count > *most) {
            self.add(|run| Cause::too_many(&run.at(path), items.len(), most));
        }
    }

    /// Items of sets and maps must differ.
    fn lists(&mut self, schema: &Schema, value: &Value, path: &Path<'_>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if let Some(schema) = schema.field(name) {
                        self.lists(schema, value, &path.field(name));
                    }
                }
            }
            Value::Array(items) => {
                let mut seen = std::collections::HashSet::new();
                for (index, item) in items.iter().enumerate() {
                    let key = match &schema.list {
                        ListType::Atomic => None,
                        ListType::Set => Some(item.clone()),
                        ListType::Map(keys) => Some(key_of(item, keys)),
                    };
                    if let Some(key) = key.filter(|key| !seen.insert(key.to_string())) {
                        self.add(|run| Cause::duplicate(&run.at(&path.index(index)), &key));
                    }
                    if let Some(schema) = &schema.items {
                        self.lists(schema, item, &path.index(index));
                    }
                }
            }
            _ => {}
        }
    }
}

fn unsupported(schema: &Schema, value: &Value, field: &str) -> Cause {
    let allowed = schema.allowed.iter().map(|value| {
        let text = value.as_str().map(str::to_owned);
        text.unwrap_or_else(|| value.to_string())
    });
    let mut allowed: Vec<String> = allowed.collect();
    allowed.sort_unstable();
    let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
    Cause::not_supported(field, &crate::api::go_fmt::shown(value), &allowed)
}

fn key_of(item: &Value, keys: &[String]) -> Value {
    keys.iter()
        .filter_map(|key| Some((key.clone(), item.get(key)?.clone())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn in_body(path: &Path<'_>) -> String {
    format!("{path} in body")
}

pub(super) fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whole numbers, also those written as floats up to the 2^53 that a float holds exactly.
fn is_whole(number: &serde_json::Number) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number
        .as_f64()
        .is_none_or(|float| !number.is_f64() || (float.fract() == 0.0 && float.abs() <= EXACT))
}
