//! Two ways of a JavaScript value into a module and back: JSON text, which is the package's way, and
//! `serde-wasm-bindgen`, which asks for every field. `pkg/bench.mjs` measures both.
#![allow(unsafe_code)] // what `#[wasm_bindgen]` writes around these functions

use serde::Serialize;
use serde_json::Value;
use serde_wasm_bindgen::{Error, Serializer};
use wasm_bindgen::prelude::*;

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
