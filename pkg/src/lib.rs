//! The npm package `imagecache`: JavaScript values to the core and back. It holds no rule.
//!
//! Values cross as JSON, made and read by the engine's own `JSON`: that is the form in which a client would send them,
//! and the cheapest measured way for whole objects. Names and types of what is exported are told in `js/api.d.ts`.

// What `#[wasm_bindgen]` writes around these functions.
#![allow(unsafe_code)]

mod argument;
mod index;
mod objects;

use imagecache::admission::{self, Caches, Settings};
use imagecache::diagnostic::Code;
use imagecache::expiry::{self, Facts};
use imagecache::reference;
use imagecache::source::Format;
use imagecache::time::Timestamp;
use imagecache::validate;
use js_sys::Array;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

pub use index::CacheIndex;
pub use objects::objects;

/// Findings of a text (YAML, JSON, many documents) or of an object.
#[wasm_bindgen(js_name = validate)]
pub fn validate(manifest: &JsValue, options: &JsValue) -> Result<JsValue, JsValue> {
    let options = argument::options("options", options, validate::Options::parse)?;
    let found = if manifest.is_string() {
        let text = argument::string("manifest", manifest)?;
        validate::text(&text, Format::Auto, &options).diagnostics
    } else {
        validate::object(&argument::json("manifest", manifest)?, &options)
    };
    // Most manifests are sound; nothing needs no JSON.
    if found.is_empty() {
        return Ok(Array::new().into());
    }
    argument::answer(&found)
}

/// When a cache ends, seen from `now`.
#[wasm_bindgen(js_name = expiry)]
pub fn expiry(cache: &JsValue, now: &JsValue) -> Result<JsValue, JsValue> {
    let facts = Facts::read(&argument::json("cache", cache)?);
    let now: Timestamp = argument::time("now", now)?;
    let expiry = expiry::expiry(&facts, now);
    argument::answer(&expiry)
}

/// What a text means as an image.
#[wasm_bindgen(js_name = parseReference)]
pub fn parse_reference(text: &JsValue) -> Result<JsValue, JsValue> {
    argument::answer(&reference::describe(&argument::string("text", text)?))
}

/// Answers an AdmissionReview where no caches are at hand.
#[wasm_bindgen(js_name = review)]
pub fn review(review: &JsValue, settings: &JsValue, now: &JsValue) -> Result<JsValue, JsValue> {
    Asked::read(review, settings, now)?.answer(|| Err(admission::NO_CACHES.to_owned()))
}

/// The arguments of a review.
struct Asked {
    review: Value,
    settings: Settings,
    now: Option<Timestamp>,
}

impl Asked {
    fn read(review: &JsValue, settings: &JsValue, now: &JsValue) -> Result<Self, JsValue> {
        let review = argument::json("review", review)?;
        let given = argument::options("settings", settings, |given| Ok(given.clone()))?;
        let settings = Settings::parse(&given).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            argument::fault("settings", &faults.join("; "))
        })?;
        let now = (!now.is_undefined())
            .then(|| argument::time("now", now))
            .transpose()?;
        Ok(Asked {
            review,
            settings,
            now,
        })
    }

    /// What is no AdmissionReview cannot be answered by one.
    fn answer<'c>(
        &self,
        caches: impl FnOnce() -> Result<Caches<'c>, String>,
    ) -> Result<JsValue, JsValue> {
        match admission::review(&self.review, &self.settings, caches, self.now) {
            Ok(answer) => argument::answer(&answer),
            Err(error) => argument::answer(&json!({"error": error})),
        }
    }
}

/// The code that is meant by a code or a name; what it says stands in `texts.js`. `undefined` when there is none such.
#[wasm_bindgen(js_name = explain)]
pub fn explain(code: &JsValue) -> Result<JsValue, JsValue> {
    let code = argument::string("code", code)?.parse::<Code>();
    Ok(code.map_or(JsValue::UNDEFINED, |code| code.as_str().into()))
}

/// Version of the package.
#[wasm_bindgen(js_name = version)]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
