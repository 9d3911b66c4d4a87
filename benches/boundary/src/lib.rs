//! Two ways of a JavaScript value into a module and back: JSON text, which is the package's way, and
//! `serde-wasm-bindgen`, which asks for every field. `pkg/bench.mjs` measures both.
#![allow(unsafe_code)] // what `#[wasm_bindgen]` writes around these functions

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_wasm_bindgen::{Error, Serializer};
use wasm_bindgen::prelude::*;

/// A small answer, of the size of what `match` returns; and small options, with known fields.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Small {
    decision: String,
    winner: Option<String>,
    exact: u32,
    images: u32,
    warnings: Vec<String>,
}

impl Small {
    fn sample() -> Self {
        Small {
            decision: "Partial".to_owned(),
            winner: Some("imc-bp1234567890abcdef".to_owned()),
            exact: 1,
            images: 2,
            warnings: Vec::new(),
        }
    }
}

/// A small answer out as JSON.
#[wasm_bindgen(js_name = smallJson)]
pub fn small_json() -> Result<String, String> {
    serde_json::to_string(&Small::sample()).map_err(|fault| fault.to_string())
}

/// A small answer out as a value.
#[wasm_bindgen(js_name = smallFields)]
pub fn small_fields() -> Result<JsValue, Error> {
    Small::sample().serialize(&Serializer::json_compatible())
}

/// Small options in as JSON.
#[wasm_bindgen(js_name = smallJsonIn)]
pub fn small_json_in(text: &str) -> Result<u32, String> {
    let small: Small = serde_json::from_str(text).map_err(|fault| fault.to_string())?;
    Ok(small.images)
}

/// Small options in as a value.
#[wasm_bindgen(js_name = smallFieldsIn)]
pub fn small_fields_in(value: JsValue) -> Result<u32, Error> {
    let small: Small = serde_wasm_bindgen::from_value(value)?;
    Ok(small.images)
}

/// JSON in; is it an object?
#[wasm_bindgen(js_name = jsonIn)]
pub fn json_in(text: &str) -> Result<bool, String> {
    let value: Value = serde_json::from_str(text).map_err(|fault| fault.to_string())?;
    Ok(value.is_object())
}

/// JSON in and out.
#[wasm_bindgen(js_name = jsonThrough)]
pub fn json_through(text: &str) -> Result<String, String> {
    let value: Value = serde_json::from_str(text).map_err(|fault| fault.to_string())?;
    serde_json::to_string(&value).map_err(|fault| fault.to_string())
}

/// A value in; is it an object?
#[wasm_bindgen(js_name = fieldsIn)]
pub fn fields_in(value: JsValue) -> Result<bool, Error> {
    let value: Value = serde_wasm_bindgen::from_value(value)?;
    Ok(value.is_object())
}

/// A value in and out.
#[wasm_bindgen(js_name = fieldsThrough)]
pub fn fields_through(value: JsValue) -> Result<JsValue, Error> {
    let value: Value = serde_wasm_bindgen::from_value(value)?;
    value.serialize(&Serializer::json_compatible())
}
