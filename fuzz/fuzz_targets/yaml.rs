//! Any text is read as YAML and validated without a panic; every finding lies within the text; the value alone gives the
//! same findings; and what was read, written as JSON, is read as the same value by the scanner of YAML.
#![no_main]

use imagecache::diagnostic::Levels;
use imagecache::document::{TextFormat, read};
use imagecache::validate::{self, ValidateOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let options = ValidateOptions::default();
    for format in [TextFormat::Auto, TextFormat::Yaml] {
        let checked = validate::text(text, format, &options);
        for found in &checked.diagnostics {
            if let Some(span) = found.span {
                assert!(text.get(span.start.offset..span.end.offset).is_some(), "{found:?}");
            }
        }
    }
    let (documents, _) = read(text, TextFormat::Yaml, &Levels::default());
    for document in documents {
        let _ = validate::object(document.value(), &options);
        let json = document.value().to_string();
        // in YAML 1.1 other characters end lines, too
        if !json.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            continue;
        }
        let (again, findings) = read(&json, TextFormat::Yaml, &Levels::default());
        let limited = findings.iter().any(|found| found.code.name() == "limit");
        let again = again.first().map(|document| document.value().clone()).unwrap_or_default();
        assert!(limited || again == *document.value(), "{json}: {findings:?}");
    }
});
