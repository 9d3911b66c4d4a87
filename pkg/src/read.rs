//! Arguments as Rust values. An error is a `TypeError` or a `RangeError` that begins with the name of the argument.
//!
//! Objects cross as JSON, which the engine writes faster than a module can get all members one by one
//! (`docs/sizes.md`). Of a Pod only the part that matching reads is written, by `part.js`.

use std::fmt;

use imagecache::ffi::{self, FfiError};
use js_sys::{
    Array, ArrayBuffer, Date, JSON, JsString, RangeError, Reflect, TypeError, Uint8Array,
};
use serde_json::Value;
use wasm_bindgen::convert::TryFromJsValue as _;
use wasm_bindgen::prelude::*;

use crate::write;

/// The JavaScript error for an invalid argument.
pub(crate) fn error(error: FfiError) -> JsValue {
    let message = error.to_string();
    match error {
        FfiError::TooLarge { .. } => RangeError::new(&message).into(),
        _ => TypeError::new(&message).into(),
    }
}

fn invalid(argument: &str, message: impl fmt::Display) -> JsValue {
    error(FfiError::invalid(argument, message))
}

fn wrong_type(argument: &str, expected: &str, value: &JsValue) -> JsValue {
    let found = if value.is_null() {
        "null".to_owned()
    } else {
        value.js_typeof().as_string().unwrap_or_default()
    };
    invalid(argument, format_args!("expected {expected}, found {found}"))
}

/// An exception that JavaScript threw while the argument was read.
fn thrown(argument: &str, exception: &JsValue) -> JsValue {
    let message = Reflect::get(exception, &"message".into());
    let message = message.ok().and_then(|message| message.as_string());
    let message = message.unwrap_or_else(|| "reading it throws".to_owned());
    invalid(argument, format_args!("cannot be read: {message}"))
}

#[wasm_bindgen]
extern "C" {
    type Members;

    // `object[name]`, which is faster than `Reflect::get`.
    #[wasm_bindgen(method, catch, structural, indexing_getter)]
    fn get(this: &Members, name: &JsValue) -> Result<JsValue, JsValue>;
}

/// Returns a member of an object, an item of an array.
fn get(argument: &str, object: &JsValue, name: &JsValue) -> Result<JsValue, JsValue> {
    let member = object.unchecked_ref::<Members>().get(name);
    member.map_err(|exception| thrown(argument, &exception))
}

/// Reads a string.
pub(crate) fn string(argument: &str, value: &JsValue) -> Result<String, JsValue> {
    match value.dyn_ref::<JsString>() {
        Some(text) => Size::of(argument).copy(text),
        None => Err(wrong_type(argument, "a string", value)),
    }
}

/// The size of what was copied of an argument. The module has no memory for more than [`ffi::MAX_BYTES`].
struct Size<'a> {
    argument: &'a str,
    copied: usize,
}

impl<'a> Size<'a> {
    fn of(argument: &'a str) -> Self {
        Size {
            argument,
            copied: 0,
        }
    }

    /// Checks the size before more is copied.
    fn add(&mut self, more: u32) -> Result<(), JsValue> {
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        self.copied = self.copied.saturating_add(more);
        ffi::check_size(self.argument, self.copied).map_err(error)
    }

    fn copy(&mut self, text: &JsString) -> Result<String, JsValue> {
        self.add(text.length())?;
        Ok(text.into())
    }
}

/// Reads a time: RFC 3339 text, or a `Date`.
pub(crate) fn time(argument: &str, value: &JsValue) -> Result<String, JsValue> {
    let text = match value.dyn_ref::<Date>() {
        // A `Date` without a time has no text.
        Some(date) if date.get_time().is_finite() => date.to_iso_string().into(),
        _ => value.clone(),
    };
    if !text.is_string() {
        return Err(wrong_type(
            argument,
            "a time in RFC 3339 or a valid Date",
            value,
        ));
    }
    string(argument, &text)
}

/// Whether a value is an array.
pub(crate) fn is_array(argument: &str, value: &JsValue) -> Result<bool, JsValue> {
    if value.is_object() {
        // `Array.isArray` throws for a revoked proxy, as this does.
        get(argument, value, &"length".into())?;
    }
    Ok(Array::is_array(value))
}

/// Reads an object or an array as the JSON that a client would send, or JSON as bytes.
pub(crate) fn json(argument: &str, value: &JsValue) -> Result<Value, JsValue> {
    if !value.is_object() {
        return Err(wrong_type(argument, "an object", value));
    }
    if ArrayBuffer::is_view(value)
        && let Some(bytes) = value.dyn_ref::<Uint8Array>()
    {
        let size = usize::try_from(bytes.length()).unwrap_or(usize::MAX);
        ffi::check_size(argument, size).map_err(error)?;
        let text = String::from_utf8(bytes.to_vec());
        let text = text.map_err(|_| invalid(argument, "not valid UTF-8"))?;
        return ffi::json(argument, &text).map_err(error);
    }
    // `toJSON` may return undefined.
    whole(&mut Size::of(argument), value)?
        .ok_or_else(|| wrong_type(argument, "an object", &JsValue::UNDEFINED))
}

/// Reads an argument that may be left out.
pub(crate) fn optional(argument: &str, value: &JsValue) -> Result<Option<Value>, JsValue> {
    if value.is_null_or_undefined() {
        return Ok(None);
    }
    json(argument, value).map(Some)
}

/// Reads the arguments of a review.
pub(crate) fn review(
    review: &JsValue,
    settings: &JsValue,
    now: &JsValue,
) -> Result<(Value, Option<Value>, Option<String>), JsValue> {
    let review = json("review", review)?;
    let settings = optional("settings", settings)?;
    let now = (!now.is_undefined())
        .then(|| time("now", now))
        .transpose()?;
    Ok((review, settings, now))
}

/// Reads any value; `None` if JSON leaves it out, as it does with functions.
fn whole(size: &mut Size<'_>, value: &JsValue) -> Result<Option<Value>, JsValue> {
    if let Some(text) = value.dyn_ref::<JsString>() {
        return size.copy(text).map(|text| Some(Value::String(text)));
    }
    if value.is_null() {
        return Ok(Some(Value::Null));
    }
    let text = JSON::stringify(value).map_err(|exception| thrown(size.argument, &exception))?;
    if text.is_undefined() {
        return Ok(None);
    }
    let text = size.copy(&text)?;
    ffi::json(size.argument, &text).map(Some).map_err(error)
}

/// Reads a pod: the part of a Pod that matching reads, the whole of any other object.
pub(crate) fn pod(argument: &str, value: &JsValue) -> Result<Value, JsValue> {
    if !value.is_object() || ArrayBuffer::is_view(value) {
        return json(argument, value);
    }
    let part = POD.with(|shape| pod_part(value, shape, ffi::MAX_BYTES));
    let part = part.map_err(|exception| thrown(argument, &exception))?;
    let mut size = Size::of(argument);
    if let Some(text) = part.dyn_ref::<JsString>() {
        return ffi::json(argument, &size.copy(text)?).map_err(error);
    }
    if let Ok(bytes) = u32::try_from_js_value(part) {
        size.add(bytes)?;
    }
    json(argument, value)
}

#[wasm_bindgen(module = "/src/part.js")]
extern "C" {
    #[wasm_bindgen(js_name = podPart, catch)]
    fn pod_part(pod: &JsValue, shape: &JsValue, most: usize) -> Result<JsValue, JsValue>;
}

thread_local! {
    static POD: JsValue = write::json(&ffi::POD).unwrap_or_default();
}
