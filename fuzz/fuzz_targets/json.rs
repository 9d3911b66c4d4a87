//! JSON is accepted when serde_json accepts it, with the same value.
#![no_main]

use imagecache::diagnostic::Levels;
use imagecache::document::{TextFormat, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (documents, findings) = read(text, TextFormat::Json, &Levels::default());
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
        let limited = findings.iter().any(|found| found.code.name() == "limit");
        let read = documents.first().map(|document| document.value().clone()).unwrap_or_default();
        assert!(limited || read == value, "{findings:?}"); // `null` says nothing and is no document
    }
});
