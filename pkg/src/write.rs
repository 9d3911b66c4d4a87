//! Answers as JavaScript values. `docs/sizes.md` has the measurements of the two ways.

use js_sys::{Error, JSON};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;

use crate::Answer;

/// Writes a long answer as JSON, which the engine parses faster than a module can set the members one by one.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Answer {
    let text = serde_json::to_string(value).map_err(|error| Error::new(&error.to_string()))?;
    JSON::parse(&text)
}

/// Writes a small answer member by member, which is faster than JSON.
pub(crate) fn members<T: Serialize + ?Sized>(value: &T) -> Answer {
    Ok(value.serialize(&Serializer::json_compatible())?)
}
