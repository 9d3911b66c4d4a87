//! Every limit on what one request may cost, by name. `docs/serve.md` lists them with their messages.

use std::time::Duration;

use serde_json::Value;

/// Largest request body, in bytes: the limit of the real server.
pub const BODY_BYTES: usize = 3 << 20;

/// Most bytes of request bodies that are held at once, over all connections.
pub const BODIES_BYTES: usize = 64 << 20;

/// Largest stored object as JSON, in bytes: the limit of the database of the real server.
pub const OBJECT_BYTES: usize = 3 << 19;

/// Deepest nesting of a stored object, its `metadata.managedFields` included. The reader of the store and the clients
/// read 127 levels; watch events, lists and reviews add a few around an object.
pub const OBJECT_DEPTH: usize = 100;

/// Most values of an object: fields, items and the object itself.
pub const OBJECT_VALUES: usize = 500_000;

/// Largest sum of all stored objects as JSON, in bytes.
pub const STORE_BYTES: usize = 1 << 30;

/// Most operations of a JSON patch: the limit of the real server.
pub const JSON_PATCH_OPERATIONS: usize = 10_000;

/// Most bytes that the `copy` operations of one JSON patch may add, as in the real server.
pub const JSON_PATCH_COPY_BYTES: usize = BODY_BYTES;

/// Longest time that one write may compute: patch, admission, validation.
pub const WRITE_TIME: Duration = Duration::from_secs(10);

/// Longest time that all webhooks together may take for one write; each has a timeout of its own.
pub const WEBHOOKS_TIME: Duration = Duration::from_secs(60);

/// Largest answer of a webhook, in bytes.
pub const WEBHOOK_ANSWER_BYTES: usize = BODY_BYTES;

/// Most attempts of one write that others overtake.
pub const WRITE_ATTEMPTS: usize = 10;

/// Most errors that one response lists; further errors are counted.
pub const LISTED_ERRORS: usize = 100;

/// Most memory for the compiled patterns of a definition, in bytes. A few characters can need megabytes.
pub const PATTERN_BYTES: usize = 64 << 20;

/// Longest path of a printer column, in bytes.
pub const COLUMN_PATH_BYTES: usize = 1 << 10;

/// Deepest nesting of brackets in the path of a printer column.
pub const COLUMN_PATH_DEPTH: usize = 16;

/// Longest rule in CEL, in bytes.
pub const RULE_BYTES: usize = 8 << 10;

/// Deepest nesting of brackets in a rule, and of conditional and unary operators.
pub const RULE_DEPTH: usize = 48;

/// Most operators of a rule: a chain of operators is a tree as deep as the chain is long.
pub const RULE_OPERATORS: usize = 500;

/// Most evaluation steps of one rule on one value, as estimated from the nesting of its macros and the size of the
/// value.
pub const RULE_STEPS: u64 = 10_000_000;

/// Longest watch. A longer `timeoutSeconds` ends by then.
pub const WATCH_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The size of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weight {
    /// The levels of maps and lists; 0 for a scalar.
    pub depth: usize,
    /// The number of values: itself, and those of all fields and items.
    pub values: usize,
    /// About the number of bytes as JSON.
    pub bytes: usize,
}

impl Weight {
    /// Measures a value. Does not recurse, so that no value is too deep to be measured.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let mut weight = Weight::default();
        let mut rest = vec![(value, 1)];
        while let Some((value, level)) = rest.pop() {
            weight.values += 1;
            weight.bytes += match value {
                Value::Null | Value::Bool(_) => 5,
                Value::Number(_) => 8,
                Value::String(text) => text.len() + 3,
                Value::Array(items) => {
                    weight.depth = weight.depth.max(level);
                    rest.extend(items.iter().map(|item| (item, level + 1)));
                    2
                }
                Value::Object(fields) => {
                    weight.depth = weight.depth.max(level);
                    rest.extend(fields.values().map(|value| (value, level + 1)));
                    2 + fields.keys().map(|name| name.len() + 4).sum::<usize>()
                }
            };
        }
        weight
    }

    /// Returns the first limit of objects that the value exceeds, in words.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        if self.depth > OBJECT_DEPTH {
            return Some(format!(
                "the object is nested {} levels deep, limit {OBJECT_DEPTH}",
                self.depth
            ));
        }
        (self.values > OBJECT_VALUES).then(|| {
            format!(
                "the object has {} values, limit {OBJECT_VALUES}",
                self.values
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn weight_counts_levels_values_and_bytes() {
        for (value, depth, values) in [
            (json!(null), 0, 1),
            (json!({}), 1, 1),
            (json!({"a": [1, {"b": "c"}], "d": true}), 3, 6),
        ] {
            let weight = Weight::of(&value);
            assert_eq!((weight.depth, weight.values), (depth, values), "{value}");
            let bytes = value.to_string().len();
            assert!(
                (bytes..bytes * 4 + 4).contains(&weight.bytes),
                "{value}: {weight:?}"
            );
        }
    }

    #[test]
    fn weight_has_limits_with_an_edge() {
        let fault = |depth, values| {
            let bytes = 0;
            Weight {
                depth,
                values,
                bytes,
            }
            .fault()
        };
        assert_eq!(fault(OBJECT_DEPTH, OBJECT_VALUES), None);
        let deep = fault(OBJECT_DEPTH + 1, 1).unwrap();
        assert_eq!(deep, "the object is nested 101 levels deep, limit 100");
        let many = fault(1, OBJECT_VALUES + 1).unwrap();
        assert_eq!(many, "the object has 500001 values, limit 500000");
    }
}
