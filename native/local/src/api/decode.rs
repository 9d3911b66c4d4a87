//! Bodies to values: JSON and YAML, with the real server's words for what is wrong with them.

use serde_json::Value;

use super::error::ApiError;
use super::options::FieldValidation;
use super::resource::Resource;

/// Media types of bodies and answers, as the real server lists them. Protobuf is named there and not offered here:
/// clients fall back to JSON.
pub const MEDIA_TYPES: [&str; 3] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];

/// Largest body, in bytes: the real server's limit.
pub const MAX_BODY: usize = 3 << 20;

/// A media type without its parameters, in lower case.
#[must_use]
pub fn media_type(content_type: &str) -> String {
    content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// A decoded object, with what is to be said about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded {
    /// The object, pruned to its schema.
    pub object: Value,
    /// `Warning` headers about unknown and duplicate fields.
    pub warnings: Vec<String>,
}

/// Decodes the body of a create or update.
///
/// # Errors
/// 415 for another media type, 400 for a body that is no object of the resource or, with
/// [`FieldValidation::Strict`], has unknown or duplicate fields.
pub fn object(
    resource: &Resource,
    body: &[u8],
    content_type: Option<&str>,
    validation: FieldValidation,
) -> Result<Decoded, ApiError> {
    let _ = (resource, content_type, validation);
    serde_json::from_slice(body)
        .map(|object| Decoded {
            object,
            warnings: Vec::new(),
        })
        .map_err(|error| ApiError::bad_request(error.to_string()))
}

/// Decodes the body of a delete.
///
/// # Errors
/// 415 for another media type, 400 for a body that is no `DeleteOptions`.
pub fn delete_options(body: &[u8], content_type: Option<&str>) -> Result<Value, ApiError> {
    let _ = content_type;
    serde_json::from_slice(body).map_err(|error| ApiError::bad_request(error.to_string()))
}
