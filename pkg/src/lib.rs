//! The npm package `imagecache`: a shim between JavaScript and [`imagecache::ffi`]. It has no rules of its own.
//!
//! `read.rs` reads arguments and throws a `TypeError` or a `RangeError` that begins with the name of the argument;
//! [`write`] writes answers. `js/api.js` loads the module, and `js/api.d.ts` documents the functions.

#![allow(unsafe_code)] // the code that `#[wasm_bindgen]` writes around these functions

mod index;
mod read;
mod write;

use imagecache::ffi;
use js_sys::{Array, JsString};
use wasm_bindgen::prelude::*;

pub use index::CacheIndex;

/// A JavaScript value, or the error to throw.
pub type Answer = Result<JsValue, JsValue>;

/// Validates a text or an object.
#[wasm_bindgen]
pub fn validate(manifest: &JsValue, options: &JsValue) -> Answer {
    let options = read::optional("options", options)?;
    let found = if manifest.is_string() {
        let manifest = read::string("manifest", manifest)?;
        ffi::validate_text(&manifest, options.as_ref())
            .map_err(read::error)?
            .diagnostics
    } else {
        let manifest = read::json("manifest", manifest)?;
        ffi::validate_object(&manifest, options.as_ref()).map_err(read::error)?
    };
    // Most manifests have no finding.
    if found.is_empty() {
        return Ok(Array::new().into());
    }
    write::json(&found)
}

/// Returns every object of a text.
#[wasm_bindgen]
pub fn objects(text: &JsValue) -> Answer {
    let objects = ffi::objects(&read::string("text", text)?);
    write::json(&objects.map_err(read::error)?)
}

/// Returns when a cache expires.
#[wasm_bindgen]
pub fn expiry(cache: &JsValue, now: &JsValue) -> Answer {
    let cache = read::json("cache", cache)?;
    let expiry = ffi::expiry(&cache, &read::time("now", now)?);
    write::members(&expiry.map_err(read::error)?)
}

/// Describes a text as an image reference.
#[wasm_bindgen(js_name = parseReference)]
pub fn parse_reference(text: &JsValue) -> Answer {
    let reference = ffi::reference(&read::string("text", text)?);
    write::members(&reference.map_err(read::error)?)
}

/// Answers an AdmissionReview with the caches that are given, if any.
#[wasm_bindgen]
pub fn review(review: &JsValue, settings: &JsValue, caches: &JsValue, now: &JsValue) -> Answer {
    if !caches.is_null_or_undefined() {
        return CacheIndex::new(caches, &JsValue::UNDEFINED)?.review(review, settings, now);
    }
    let (review, settings, now) = read::review(review, settings, now)?;
    let answer = ffi::review(&review, settings.as_ref(), now.as_deref());
    write::json(&answer.map_err(read::error)?)
}

/// Plans which caches to have for the objects of a text or a value.
#[cfg(feature = "plan")]
#[wasm_bindgen]
pub fn plan(objects: &JsValue, facts: &JsValue, options: &JsValue) -> Answer {
    let facts = read::optional("facts", facts)?;
    let options = read::optional("options", options)?;
    let (facts, options) = (facts.as_ref(), options.as_ref());
    let answer = if objects.is_string() {
        ffi::plan_text(&read::string("objects", objects)?, facts, options)
    } else {
        ffi::plan(&read::json("objects", objects)?, facts, options)
    };
    write::json(&answer.map_err(read::error)?)
}

/// Returns the code with this number or name, if there is one. `texts.js` has its rule.
#[wasm_bindgen]
pub fn code(code: &JsValue) -> Answer {
    let code = ffi::code(&read::string("code", code)?);
    Ok(code.map_or(JsValue::UNDEFINED, |code| {
        JsString::from(code.as_str()).into()
    }))
}

/// The version of the package.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
