//! A reference that reads prints what reads as the same reference again; a fault lies within the text.
#![no_main]

use imagecache::reference::{AnyReference, Named, ParsedReference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Named::parse(text) {
        Ok(named) => {
            let canonical = named.to_string();
            assert_eq!(Named::parse(&canonical).map(|again| again.to_string()), Ok(canonical.clone()));
            // Not so the familiar form: of `docker.io/a.b/c` it is `a.b/c`, in Docker as here.
            let _ = named.familiar().to_string();
        }
        Err(error) => assert!(text.get(error.at()).is_some(), "{error} at {:?}", error.at()),
    }
    let _ = (ParsedReference::parse(text), AnyReference::parse(text));
});
