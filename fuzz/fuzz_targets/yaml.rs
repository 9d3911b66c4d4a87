//! Any text is read as YAML and validated without a panic; every finding lies within the text; the value alone gives the
//! same findings; and what was read, written as JSON, is read as the same value by the scanner of YAML.
#![no_main]

use imagecache::diagnostic::Levels;
use imagecache::document::{TextFormat, read};
use imagecache::validate::{self, ValidateOptions};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Whether values are the same. JSON's reader rounds a number of many digits twice, so its last bits may differ.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(ones), Value::Array(others)) => {
            ones.len() == others.len()
                && ones
                    .iter()
                    .zip(others)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::Object(ones), Value::Object(others)) => {
            let same = |(name, one): (&String, &Value)| {
                others.get(name).is_some_and(|other| is_same(one, other))
            };
            ones.len() == others.len() && ones.iter().all(same)
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            let (one, other) = (
                one.as_f64().unwrap_or_default(),
                other.as_f64().unwrap_or_default(),
            );
            (one - other).abs() <= other.abs() * 4.0 * f64::EPSILON
        }
        _ => one == other,
    }
}

/// Whether there is a key that YAML does not read in quotes: a key ends within 1024 characters.
fn has_long_key(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_long_key),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.len() > 1000 || has_long_key(value)),
        _ => false,
    }
}

fuzz_target!(|text: &str| {
    let options = ValidateOptions::default();
    for format in [TextFormat::Auto, TextFormat::Yaml] {
        let checked = validate::text(text, format, &options);
        for found in &checked.diagnostics {
            if let Some(span) = found.span {
                assert!(
                    text.get(span.start.offset..span.end.offset).is_some(),
                    "{found:?}"
                );
            }
        }
    }
    let (documents, _) = read(text, TextFormat::Yaml, &Levels::default());
    for document in documents {
        let _ = validate::object(document.value(), &options);
        let json = document.value().to_string();
        // in YAML 1.1 other characters end lines, too
        if !json.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || has_long_key(document.value())
        {
            continue;
        }
        let (again, findings) = read(&json, TextFormat::Yaml, &Levels::default());
        let limited = findings.iter().any(|found| found.code.name() == "limit");
        let again = again
            .first()
            .map(|document| document.value().clone())
            .unwrap_or_default();
        assert!(
            limited || is_same(&again, document.value()),
            "{json}: {findings:?}"
        );
    }
});
