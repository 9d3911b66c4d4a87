//! Findings about values of the wrong type, the same for every rule.

use std::fmt;

use serde_json::Value;

use crate::diagnostic::{Code, Report};
use crate::path::Path;
use crate::type_error::TypeError;

/// Reports a value that must be a string. YAML reads `true`, `25` and `1.20` as other types unless they are quoted.
pub(super) fn not_a_string(value: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    let error = TypeError {
        expected: "a string",
        found: value,
    };
    report.add(Code::IC016, path, error, InQuotes(value));
}

/// Reports a value that must be of a type other than string. `expected` has its article.
pub(super) fn not_a(expected: &str, value: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    let error = TypeError {
        expected,
        found: value,
    };
    report.add(Code::IC016, path, error, "");
}

/// The help for a scalar that only lacks quotes. A number is not repeated: YAML may have read `1.2` where the text has
/// `1.20`.
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
