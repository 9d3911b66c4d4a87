//! Fields of built-in kinds that must be set.

use serde_json::Value;

use super::{Schema, Type};
use crate::api::cause::Cause;
use crate::api::path::Path;
use crate::limits::LISTED_ERRORS;

/// Returns an error for each missing field that the schema of a built-in kind requires. The status is not validated, as
/// in the real server, and a missing boolean or number is `false` or 0 there.
#[must_use]
pub(crate) fn missing(schema: &Schema, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    walk(schema, object, &Path::root(""), &mut causes);
    causes.retain(|cause| !cause.field.starts_with("status."));
    causes
}

fn walk(schema: &Schema, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    if causes.len() > LISTED_ERRORS {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Some(part) = schema.field(name) {
                    walk(part, value, &path.field(name), causes);
                }
            }
            for name in &schema.required {
                let kind = schema.field(name).and_then(|part| part.kind);
                let has_zero = matches!(kind, Some(Type::Boolean | Type::Integer | Type::Number));
                if !has_zero && fields.get(name).is_none_or(Value::is_null) {
                    causes.push(Cause::required(&path.field(name).to_string(), ""));
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(schema.item(), item, &path.index(index), causes);
            }
        }
        _ => {}
    }
}
