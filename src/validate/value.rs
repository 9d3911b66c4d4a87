//! What every rule says about a value of the wrong type.

use std::fmt;

use serde_json::Value;

use crate::diagnostic::{Code, Quoted, Report};
use crate::path::Path;

/// The type of a value in words: `a number`.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value with its type, where it is short enough to show: `true, a boolean`.
pub(super) struct Typed<'a>(pub(super) &'a Value);

impl fmt::Display for Typed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Bool(value) => write!(f, "`{value}` is a boolean"),
            Value::Number(value) => write!(f, "`{value}` is a number"),
            Value::String(value) => write!(f, "{} is a string", Quoted(value)),
            other => f.write_str(type_of(other)),
        }
    }
}

/// Reports a value that should be a string. YAML reads `true`, `25` and `1.20` as something else unless quoted.
pub(super) fn not_a_string(value: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    report.add(
        Code::IC016,
        path,
        format_args!("{}, a string is needed", Typed(value)),
        InQuotes(value),
    );
}

/// Reports a value that should be of another type than string.
pub(super) fn not_a(wanted: &str, value: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    report.add(
        Code::IC016,
        path,
        format_args!("{}, {wanted} is needed", Typed(value)),
        "",
    );
}

/// Says how to write a value as a string, where that is all that is wrong. A number is not shown: YAML read `1.2` where
/// `1.20` stands.
pub(super) struct InQuotes<'a>(pub(super) &'a Value);

impl fmt::Display for InQuotes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Bool(value) => write!(f, "Write it in quotes: `\"{value}\"`."),
            Value::Number(_) => f.write_str("Write it in quotes."),
            _ => Ok(()),
        }
    }
}
