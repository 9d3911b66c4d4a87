//! Arguments as Rust values. An error is a `TypeError` or a `RangeError` that begins with the name of the argument.
//!
//! Objects cross as JSON, which the engine writes faster than a module can ask for the members one by one
//! (`docs/sizes.md`). Of a Pod only the part that matching reads crosses: [`ffi::POD`].

use std::fmt;

use imagecache::ffi::{self, FfiError, Part};
use js_sys::{
    Array, ArrayBuffer, Date, JSON, JsString, Object, RangeError, Reflect, TypeError, Uint8Array,
};
use serde_json::Value;
use wasm_bindgen::prelude::*;

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

fn member(argument: &str, object: &JsValue, name: &JsValue) -> Result<JsValue, JsValue> {
    Reflect::get(object, name).map_err(|exception| thrown(argument, &exception))
}

/// Reads a string.
pub(crate) fn string(argument: &str, value: &JsValue) -> Result<String, JsValue> {
    let Some(text) = value.dyn_ref::<JsString>() else {
        return Err(wrong_type(argument, "a string", value));
    };
    let size = usize::try_from(text.length()).unwrap_or(usize::MAX);
    ffi::check_size(argument, size).map_err(error)?;
    Ok(text.into())
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
        member(argument, value, &JsValue::from_str("length"))?;
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
    whole(argument, value)?.ok_or_else(|| wrong_type(argument, "an object", &JsValue::UNDEFINED))
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
fn whole(argument: &str, value: &JsValue) -> Result<Option<Value>, JsValue> {
    if value.is_string() {
        return string(argument, value).map(|text| Some(Value::String(text)));
    }
    if value.is_null() {
        return Ok(Some(Value::Null));
    }
    let text = JSON::stringify(value).map_err(|exception| thrown(argument, &exception))?;
    if text.is_undefined() {
        return Ok(None);
    }
    let text = string(argument, &text)?;
    ffi::json(argument, &text).map(Some).map_err(error)
}

/// Reads a pod: the part of a Pod that matching reads, the whole of any other object.
pub(crate) fn pod(argument: &str, value: &JsValue) -> Result<Value, JsValue> {
    if !value.is_object() || ArrayBuffer::is_view(value) {
        return json(argument, value);
    }
    let text = POD.with(|shape| pod_json(value, shape));
    let text = text.map_err(|exception| thrown(argument, &exception))?;
    if text.is_undefined() {
        return Err(wrong_type(argument, "an object", &text));
    }
    ffi::json(argument, &string(argument, &text)?).map_err(error)
}

thread_local! {
    static POD: JsValue = shape(&ffi::POD);
}

/// A [`Part`] as JavaScript reads it: true, a list of pairs, or an object with the shape of the items.
fn shape(part: &Part) -> JsValue {
    match part {
        Part::Whole => JsValue::TRUE,
        Part::Members(members) => members
            .iter()
            .map(|(name, part)| Array::of2(&(*name).into(), &shape(part)))
            .collect::<Array>()
            .into(),
        Part::Items(part) => {
            let items = Object::new();
            let _ = Reflect::set(&items, &"items".into(), &shape(part));
            items.into()
        }
    }
}

// In one call: a call for each member takes longer than the JSON of a small pod.
#[wasm_bindgen(inline_js = "
function part(value, shape) {
  if (shape === true || typeof value !== 'object' || value === null) return value;
  if (!Array.isArray(shape)) return Array.isArray(value) ? value.map((item) => part(item, shape.items)) : value;
  if (Array.isArray(value)) return value;
  const copy = {};
  for (let at = 0; at < shape.length; at += 1) {
    const [name, inner] = shape[at];
    const member = value[name];
    if (member !== undefined) copy[name] = part(member, inner);
  }
  return copy;
}
export function podJson(pod, shape) {
  return JSON.stringify(pod.kind === 'Pod' && pod.toJSON === undefined ? part(pod, shape) : pod);
}
")]
extern "C" {
    /// The JSON of a pod: of a Pod only the part.
    #[wasm_bindgen(catch, js_name = podJson)]
    fn pod_json(pod: &JsValue, shape: &JsValue) -> Result<JsValue, JsValue>;
}
