//! Settings that are read are written as what reads as the same settings; others have an error each.
#![no_main]

use imagecache::admission::AdmissionSettings;
use imagecache::diagnostic::Levels;
use imagecache::document::{TextFormat, read};
use imagecache::matching::MatchRules;
use imagecache::validate::ValidateOptions;
use libfuzzer_sys::fuzz_target;

macro_rules! check {
    ($settings:ty, $value:expr) => {
        match <$settings>::parse($value) {
            Ok(read) => {
                let written = serde_json::to_value(&read).expect("settings are JSON");
                assert_eq!(<$settings>::parse(&written), Ok(read), "{written}");
            }
            Err(errors) => assert!(!errors.as_slice().is_empty() && !errors.to_string().is_empty()),
        }
    };
}

fuzz_target!(|text: &str| {
    let (documents, _) = read(text, TextFormat::Auto, &Levels::default());
    for document in &documents {
        check!(AdmissionSettings, document.value());
        check!(MatchRules, document.value());
        check!(ValidateOptions, document.value());
    }
});
