//! Arguments from JavaScript: checked, named in the error, and copied into the module.
//!
//! A wrong argument is a fault of the program, so it throws a `TypeError`; what is wrong in a manifest is an answer.
//! Nothing larger than [`MAX_CHARACTERS`] crosses: memory of a module grows and never shrinks, and running out of it
//! would stop the module for good.

use js_sys::{JSON, JsString, RangeError, TypeError, Uint8Array};
use serde::Serialize;
use serde_json::Value;
use wasm_bindgen::prelude::*;

/// At most so many UTF-16 code units of text, or bytes of JSON, cross in one argument.
pub(crate) const MAX_CHARACTERS: u32 = 32 << 20;

/// A string.
pub(crate) fn string(name: &str, value: &JsValue) -> Result<String, JsValue> {
    match value.dyn_ref::<JsString>() {
        Some(text) => measured(name, text.length()).map(|()| String::from(text)),
        None => Err(wrong(name, "a string", value)),
    }
}

#[wasm_bindgen]
extern "C" {
    // With `catch`: of a revoked proxy nothing can be told.
    #[wasm_bindgen(catch, js_namespace = Array, js_name = isArray)]
    fn array_is_array(value: &JsValue) -> Result<bool, JsValue>;
}

/// Is it an array?
pub(crate) fn is_array(value: &JsValue) -> bool {
    array_is_array(value).unwrap_or(false)
}

/// An object or an array, as the JSON that `JSON.stringify` makes of it; or JSON as bytes.
pub(crate) fn json(name: &str, value: &JsValue) -> Result<Value, JsValue> {
    if let Some(bytes) = value.dyn_ref::<Uint8Array>() {
        measured(name, bytes.length())?;
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|_| self::fault(name, "the bytes are no UTF-8"))?;
        return serde_json::from_str(&text).map_err(|fault| unreadable(name, &fault));
    }
    if !value.is_object() || value.is_function() {
        return Err(wrong(name, "an object", value));
    }
    // What JSON cannot say (BigInt, a cycle) and what a getter or `toJSON` throws.
    let text = JSON::stringify(value).map_err(|fault| {
        let fault = fault.dyn_into::<js_sys::Error>().map_or_else(
            |_| "it throws when it is read".to_owned(),
            |fault| String::from(fault.message()),
        );
        self::fault(name, &format!("no JSON: {fault}"))
    })?;
    // `toJSON` may make nothing of an object.
    let text = string(name, &text)?;
    serde_json::from_str(&text).map_err(|fault| unreadable(name, &fault))
}

/// An object with known fields; its default when it is left out.
pub(crate) fn options<T: Default>(
    name: &str,
    value: &JsValue,
    read: impl Fn(&Value) -> Result<T, String>,
) -> Result<T, JsValue> {
    if value.is_undefined() || value.is_null() {
        return Ok(T::default());
    }
    read(&json(name, value)?).map_err(|fault| self::fault(name, &fault))
}

/// A time: RFC 3339 text, or a `Date`.
pub(crate) fn time<T: std::str::FromStr<Err: std::fmt::Display>>(
    name: &str,
    value: &JsValue,
) -> Result<T, JsValue> {
    let text = match value.dyn_ref::<js_sys::Date>() {
        // `toISOString` throws for a date that is none; `toJSON` gives null.
        Some(date) => string(name, &date.to_json()),
        None => string(name, value),
    };
    let text = text.map_err(|_| wrong(name, "a time in RFC 3339 or a valid Date", value))?;
    text.parse()
        .map_err(|fault: T::Err| self::fault(name, &fault.to_string()))
}

/// A value of the core as a JavaScript value.
pub(crate) fn answer<T: Serialize + ?Sized>(value: &T) -> Result<JsValue, JsValue> {
    let text = serde_json::to_string(value).map_err(|fault| unreadable("the answer", &fault))?;
    JSON::parse(&text)
}

fn measured(name: &str, length: u32) -> Result<(), JsValue> {
    if length <= MAX_CHARACTERS {
        return Ok(());
    }
    let message = format!("{name}: {length} characters, at most {MAX_CHARACTERS} are taken");
    Err(RangeError::new(&message).into())
}

fn wrong(name: &str, wanted: &str, value: &JsValue) -> JsValue {
    let found = if value.is_null() {
        "null".to_owned()
    } else {
        value.js_typeof().as_string().unwrap_or_default()
    };
    TypeError::new(&format!("{name}: {wanted} expected, not {found}")).into()
}

fn unreadable(name: &str, fault: &serde_json::Error) -> JsValue {
    self::fault(name, &fault.to_string())
}

/// The error for an argument that has the right type and a wrong content.
pub(crate) fn fault(name: &str, fault: &str) -> JsValue {
    TypeError::new(&format!("{name}: {fault}")).into()
}
