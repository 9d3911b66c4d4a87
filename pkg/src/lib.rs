//! The npm package `imagecache`: JSON text to the core and back. It holds no rule.
//!
//! `js/api.js` checks arguments, makes JSON of them and values of the answers, with the engine's own `JSON`: the cheapest
//! measured way for whole objects (`bench.mjs`). So only text crosses, and nothing of JavaScript is linked in here. What
//! is thrown is text, too, and begins with the argument's name. Names and types of the package are told in `js/api.d.ts`.

#![allow(unsafe_code)] // what `#[wasm_bindgen]` writes around these functions

mod index;

use imagecache::admission::{self, AdmissionSettings, CacheSource};
use imagecache::diagnostic::{Code, Diagnostic, Levels, Report};
use imagecache::document::{Span, TextFormat, read};
use imagecache::expiry::{self, ExpiryFacts};
use imagecache::matching::{DocumentObject, Index, subjects};
use imagecache::reference;
use imagecache::time::{BadTimestamp, Timestamp};
use imagecache::validate;
use serde::Serialize;
use serde_json::Value;
use wasm_bindgen::prelude::*;

pub use index::{CacheIndex, GivenCaches};

/// JSON, or what is wrong with an argument.
type Answer = Result<String, String>;

/// Findings of a text: YAML, JSON, many documents. Empty when there are none.
#[wasm_bindgen(js_name = validateText)]
pub fn validate_text(manifest: &str, options: Option<String>) -> Answer {
    let options = chosen("options", options, validate::ValidateOptions::parse)?;
    findings(&validate::text(manifest, TextFormat::Auto, &options).diagnostics)
}

/// Findings of an object. Empty when there are none.
#[wasm_bindgen(js_name = validateObject)]
pub fn validate_object(manifest: &str, options: Option<String>) -> Answer {
    let options = chosen("options", options, validate::ValidateOptions::parse)?;
    findings(&validate::object(&json("manifest", manifest)?, &options))
}

// Most manifests are sound; nothing needs no JSON.
fn findings(found: &[Diagnostic]) -> Answer {
    if found.is_empty() {
        return Ok(String::new());
    }
    written(found)
}

/// Every object of a text, lists opened up, and what could not be read.
#[wasm_bindgen]
pub fn objects(text: &str) -> Answer {
    #[derive(Serialize)]
    struct Object {
        document: usize,
        span: Span,
        #[serde(flatten)]
        subject: DocumentObject,
    }
    #[derive(Serialize)]
    struct Objects {
        objects: Vec<Object>,
        diagnostics: Vec<Diagnostic>,
    }
    let (documents, mut diagnostics) = read(text, TextFormat::Auto, &Levels::DEFAULT);
    let mut objects = Vec::new();
    for document in &documents {
        let mut report = Report::on(document, &Levels::DEFAULT);
        let found = subjects(document.value(), &mut report);
        objects.extend(found.into_iter().map(|subject| Object {
            document: document.index(),
            span: document.span(),
            subject,
        }));
        diagnostics.extend(report.finish());
    }
    written(&Objects {
        objects,
        diagnostics,
    })
}

/// When a cache ends, seen from `now`.
#[wasm_bindgen]
pub fn expiry(cache: &str, now: &str) -> Answer {
    let facts = ExpiryFacts::read(&json("cache", cache)?);
    written(&expiry::expiry(&facts, time("now", now)?))
}

/// What a text means as an image.
#[wasm_bindgen(js_name = parseReference)]
pub fn parse_reference(text: &str) -> Answer {
    written(&reference::describe(text))
}

/// Answers an AdmissionReview where no caches are at hand.
#[wasm_bindgen]
pub fn review(review: &str, settings: Option<String>, now: Option<String>) -> Answer {
    answered(review, settings, now, None)
}

/// What is no AdmissionReview cannot be answered by one.
fn answered(
    review: &str,
    settings: Option<String>,
    now: Option<String>,
    caches: Option<&Index>,
) -> Answer {
    #[derive(Serialize)]
    struct Refused {
        error: String,
    }
    let review = json("review", review)?;
    let settings = chosen("settings", settings, |given| {
        AdmissionSettings::parse(given).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            faults.join("; ")
        })
    })?;
    let now = now.map(|now| time("now", &now)).transpose()?;
    let caches = || {
        caches
            .map(CacheSource::Index)
            .ok_or_else(|| admission::NO_CACHES.into())
    };
    match admission::review(&review, &settings, caches, now) {
        Ok(answer) => written(&answer),
        Err(error) => written(&Refused { error }),
    }
}

/// The code that is meant by a code or a name, if there is one. What it says stands in `texts.js`.
#[wasm_bindgen]
pub fn explain(code: &str) -> Option<String> {
    code.parse::<Code>().ok().map(|code| code.to_string())
}

/// Version of the package.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

fn json(name: &str, text: &str) -> Result<Value, String> {
    text.parse()
        .map_err(|fault: serde_json::Error| format!("{name}: {fault}"))
}

/// An object with known fields; its default when it is left out.
fn chosen<T: Default>(
    name: &str,
    text: Option<String>,
    read: impl Fn(&Value) -> Result<T, String>,
) -> Result<T, String> {
    let Some(text) = text else {
        return Ok(T::default());
    };
    read(&json(name, &text)?).map_err(|fault| format!("{name}: {fault}"))
}

fn time(name: &str, text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|fault: BadTimestamp| format!("{name}: {fault}"))
}

fn written<T: Serialize + ?Sized>(value: &T) -> Answer {
    serde_json::to_string(value).map_err(|fault| fault.to_string())
}
