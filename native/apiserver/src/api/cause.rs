//! One invalid field of a request, in the words of apimachinery's `field.Error`.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::go_fmt;

/// One fault of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// `FieldValueInvalid`, …
    pub reason: &'static str,
    /// What is wrong, without the field.
    pub message: String,
    /// Where: `spec.images[0]`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

impl Cause {
    pub(super) fn new(reason: &'static str, field: &str, message: String) -> Self {
        Cause {
            reason,
            message,
            field: field.to_owned(),
        }
    }

    /// A field that must be there.
    #[must_use]
    pub fn required(field: &str, detail: &str) -> Self {
        let message = if detail.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {detail}")
        };
        Self::new("FieldValueRequired", field, message)
    }

    /// A value that breaks a rule.
    #[must_use]
    pub fn invalid(field: &str, value: &Value, detail: &str) -> Self {
        Self::new(
            "FieldValueInvalid",
            field,
            format!("Invalid value: {}: {detail}", go_fmt::shown(value)),
        )
    }

    /// A value of the wrong type; `value` names the type it has.
    #[must_use]
    pub fn wrong_type(field: &str, value: &str, detail: &str) -> Self {
        Self::new(
            "FieldValueTypeInvalid",
            field,
            format!("Invalid value: {}: {detail}", go_fmt::quote(value)),
        )
    }

    /// A value outside an enumeration; `shown` is the value as it is to be printed.
    #[must_use]
    pub fn not_supported(field: &str, shown: &str, supported: &[&str]) -> Self {
        let supported: Vec<String> = supported.iter().map(|value| go_fmt::quote(value)).collect();
        Self::new(
            "FieldValueNotSupported",
            field,
            format!(
                "Unsupported value: {shown}: supported values: {}",
                supported.join(", ")
            ),
        )
    }

    /// Something that may not be said here.
    #[must_use]
    pub fn forbidden(field: &str, detail: &str) -> Self {
        Self::new("FieldValueForbidden", field, format!("Forbidden: {detail}"))
    }

    /// A text or map that is too large, in bytes.
    #[must_use]
    pub fn too_long(field: &str, limit: usize) -> Self {
        Self::new(
            "FieldValueTooLong",
            field,
            format!("Too long: may not be more than {limit} bytes"),
        )
    }

    /// A list with too many items.
    #[must_use]
    pub fn too_many(field: &str, count: usize, limit: u64) -> Self {
        Self::new(
            "FieldValueTooMany",
            field,
            format!("Too many: {count}: must have at most {limit} items"),
        )
    }

    /// A second item of a set or map with the same key.
    #[must_use]
    pub fn duplicate(field: &str, value: &Value) -> Self {
        Self::new(
            "FieldValueDuplicate",
            field,
            format!("Duplicate value: {}", go_fmt::shown(value)),
        )
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
