//! Any text is validated without a panic; every finding lies within the text; the value alone gives the same findings.
#![no_main]

use imagecache::diagnostic::Levels;
use imagecache::document::{TextFormat, read};
use imagecache::validate::{self, ValidateOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let options = ValidateOptions::default();
    let checked = validate::text(text, TextFormat::Auto, &options);
    for found in &checked.diagnostics {
        if let Some(span) = found.span {
            assert!(text.get(span.start.offset..span.end.offset).is_some(), "{found:?}");
        }
    }
    let (documents, _) = read(text, TextFormat::Auto, &Levels::default());
    for document in documents {
        let _ = validate::object(document.value(), &options);
    }
});
