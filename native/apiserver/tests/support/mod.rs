//! The definition of `ImageCache`, the custom resource of these tests.
#![allow(dead_code)] // each test binary uses a part

use imagecache::resource::{CrdVersion, crd};
use imagecache_apiserver::cluster::{Config, Definition};
use serde_json::Value;

/// The definition with its validation rules.
pub(crate) fn own_definition() -> Value {
    crd(CrdVersion::V1)
}

/// The definition without its validation rules, as the recorded server had it.
pub(crate) fn lenient_definition() -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("x-kubernetes-validations");
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut definition = own_definition();
    strip(&mut definition);
    definition
}

/// A server that applies the definition unless somebody else has changed it.
pub(crate) fn config() -> Config {
    with_definition(None)
}

/// A server that replaces the stored definition by a given one.
pub(crate) fn with_definition(given: Option<Value>) -> Config {
    let force = given.is_some();
    Config {
        definitions: vec![Definition {
            object: given.unwrap_or_else(lenient_definition),
            manager: if force {
                "imagecache-crd"
            } else {
                "imagecache"
            }
            .to_owned(),
            force,
        }],
        ..Config::default()
    }
}
