//! One invalid field of a request, in the words of apimachinery's `field.Error`.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::go_fmt;
use crate::limits::LISTED_ERRORS;

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
    /// The number of errors that this one replaces, see [`Cause::more`]; 0 for an error.
    #[serde(skip)]
    pub more: usize,
}

impl Cause {
    pub(super) fn new(reason: &'static str, field: &str, message: String) -> Self {
        Cause {
            reason,
            message,
            field: field.to_owned(),
            more: 0,
        }
    }

    /// Replaces `count` errors that are not listed.
    #[must_use]
    pub fn more(count: usize) -> Self {
        let message = format!("{count} more errors, at most {LISTED_ERRORS} are listed");
        Cause {
            more: count,
            ..Self::new("TooManyErrors", "", message)
        }
    }

    /// Keeps the first [`LISTED_ERRORS`], and counts the others in the last one.
    #[must_use]
    pub fn limited(mut causes: Vec<Cause>) -> Vec<Cause> {
        let mut more: usize = causes.iter().map(|cause| cause.more).sum();
        causes.retain(|cause| cause.more == 0);
        more += causes.len().saturating_sub(LISTED_ERRORS);
        causes.truncate(LISTED_ERRORS);
        if more > 0 {
            causes.push(Cause::more(more));
        }
        causes
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
        if self.more > 0 {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.field, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_beyond_the_limit_are_counted() {
        let causes = |count: usize| -> Vec<Cause> {
            let fields = 0..count;
            fields
                .map(|n| Cause::required(&n.to_string(), ""))
                .collect()
        };
        assert_eq!(Cause::limited(causes(LISTED_ERRORS)), causes(LISTED_ERRORS));
        let mut many = causes(LISTED_ERRORS + 2);
        many.push(Cause::more(5));
        let limited = Cause::limited(many);
        assert_eq!(limited.len(), LISTED_ERRORS + 1);
        let last = limited.last().unwrap().to_string();
        assert_eq!(last, "7 more errors, at most 100 are listed");
    }
}
