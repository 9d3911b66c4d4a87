//! The objects of a text, each as a JavaScript value: what is matched and what ends, out of whatever was pasted.

use imagecache::diagnostic::{Levels, Report};
use imagecache::matching::{Subject, subjects};
use imagecache::source::{Format, Span, read};
use serde::Serialize;
use serde_json::json;
use wasm_bindgen::prelude::*;

use crate::argument;

#[derive(Serialize)]
struct Object {
    document: usize,
    span: Span,
    #[serde(flatten)]
    subject: Subject,
}

/// Every object of a text, lists opened up, and what could not be read.
#[wasm_bindgen(js_name = objects)]
pub fn objects(text: &JsValue) -> Result<JsValue, JsValue> {
    let text = argument::string("text", text)?;
    let levels = Levels::default();
    let (documents, mut diagnostics) = read(&text, Format::Auto, &levels);
    let mut objects = Vec::new();
    for document in &documents {
        let mut report = Report::on(document, &levels);
        let found = subjects(document.value(), &mut report);
        objects.extend(found.into_iter().map(|subject| Object {
            document: document.index(),
            span: document.span(),
            subject,
        }));
        diagnostics.extend(report.finish());
    }
    argument::answer(&json!({"objects": objects, "diagnostics": diagnostics}))
}
