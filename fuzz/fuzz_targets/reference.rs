//! A reference that reads prints what reads as the same reference again; a fault lies within the text.
#![no_main]

use imagecache::reference::{AnyReference, Named, Reference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Named::parse(text) {
        Ok(named) => {
            let canonical = named.to_string();
            assert_eq!(Named::parse(&canonical).map(|again| again.to_string()), Ok(canonical.clone()));
            let familiar = named.familiar().to_string();
            assert_eq!(Named::parse(&familiar).map(|again| again.to_string()), Ok(canonical));
        }
        Err(error) => assert!(text.get(error.at()).is_some(), "{error} at {:?}", error.at()),
    }
    let _ = (Reference::parse(text), AnyReference::parse(text));
});
