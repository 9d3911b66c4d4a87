//! The wording of a value of the wrong JSON type, the same in every part of the core.

use std::fmt;

use serde_json::Value;

use crate::diagnostic::Quoted;

/// A value of the wrong type: ``expected a string, found the number `3` ``.
///
/// Scalars are shown, because YAML may have read another type than the author meant. Lists and objects are only named.
pub(crate) struct TypeError<'a> {
    /// The type that is required, with its article: `a list of strings`.
    pub(crate) expected: &'a str,
    pub(crate) found: &'a Value,
}

impl fmt::Display for TypeError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found ", self.expected)?;
        match self.found {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "the boolean `{value}`"),
            Value::Number(value) => write!(f, "the number `{value}`"),
            Value::String(value) => write!(f, "the string {}", Quoted(value)),
            Value::Array(_) => f.write_str("a list"),
            Value::Object(_) => f.write_str("an object"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn type_error_names_both_types_and_shows_scalars() {
        for (found, text) in [
            (json!(null), "null"),
            (json!(true), "the boolean `true`"),
            (json!(1.5), "the number `1.5`"),
            (json!("a\nb"), r"the string `a\nb`"),
            (json!([1]), "a list"),
            (json!({"a": 1}), "an object"),
        ] {
            let error = TypeError {
                expected: "a string",
                found: &found,
            };
            assert_eq!(
                error.to_string(),
                format!("expected a string, found {text}")
            );
        }
    }
}
