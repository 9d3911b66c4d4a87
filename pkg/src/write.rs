//! Answers as JavaScript values.

use js_sys::{Error, JSON};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;

use crate::Answer;

/// Writes an answer of any size: as JSON, which the engine parses faster than a module can set the members one by one.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Answer {
    let text = serde_json::to_string(value).map_err(|error| Error::new(&error.to_string()))?;
    JSON::parse(&text)
}

/// Writes a small answer member by member.
pub(crate) fn value<T: Serialize + ?Sized>(value: &T) -> Answer {
    let written = value.serialize(&Serializer::json_compatible());
    written.map_err(Into::into)
}
