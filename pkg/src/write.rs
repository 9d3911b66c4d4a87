//! Answers as JavaScript values.

use js_sys::{Error, JSON};
use serde::Serialize;

use crate::Answer;

/// Writes an answer as JSON, which the engine parses faster than a module can set the members one by one.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Answer {
    let text = serde_json::to_string(value).map_err(|error| Error::new(&error.to_string()))?;
    JSON::parse(&text)
}
