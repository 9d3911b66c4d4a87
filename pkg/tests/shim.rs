//! The shim inside a module, under Node and in a browser: `cargo xtask test` runs this file in both.
#![cfg(target_family = "wasm")]
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use imagecache_wasm::{
    CacheIndex, GivenCaches, expiry, explain, parse_reference, validate_object, validate_text,
};
use wasm_bindgen_test::wasm_bindgen_test;

const CACHE: &str = r#"{"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "web"},
    "spec": {"images": ["nginx:1.27"], "retentionDays": 0}, "status": {"phase": "Ready", "imageCacheId": "imc-1"}}"#;
const POD: &str = r#"{"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"image": "nginx:1.27"}]}}"#;

#[wasm_bindgen_test]
fn a_finding_of_an_object_has_no_place_and_one_of_a_text_has() {
    let found = validate_object(CACHE, None).unwrap();
    assert!(
        found.contains(r#""code":"IC041""#) && !found.contains("span"),
        "{found}"
    );
    let found = validate_text(CACHE, None).unwrap();
    assert!(found.contains(r#""start":{"offset":"#), "{found}");
}

#[wasm_bindgen_test]
fn the_answers_are_the_core_s_own() {
    let value: serde_json::Value = serde_json::from_str(CACHE).unwrap();
    let core =
        imagecache::validate::object(&value, &imagecache::validate::ValidateOptions::default());
    let found = validate_object(CACHE, None).unwrap();
    assert_eq!(found, serde_json::to_string(&core).unwrap());
    let described = serde_json::to_string(&imagecache::reference::describe("nginx")).unwrap();
    assert_eq!(parse_reference("nginx").unwrap(), described);
}

#[wasm_bindgen_test]
fn an_index_answers_for_what_it_holds() {
    let mut index = CacheIndex::new();
    let mut given = GivenCaches::new();
    given.add(CACHE, None).unwrap();
    assert_eq!(index.insert(given).unwrap(), "[]");
    let answer = index.winner(POD, None).unwrap();
    assert!(answer.contains(r#""decision":"Hit""#), "{answer}");
    assert!(index.remove("imc-1"));
    assert_eq!(index.size(), 0);
    let answer = index.explain(POD, None).unwrap();
    assert!(answer.contains(r#""decision":"Miss""#), "{answer}");
}

#[wasm_bindgen_test]
fn a_wrong_argument_is_named() {
    let not_json = "expected value at line 1 column 1";
    assert_eq!(
        validate_object("x", None),
        Err(format!("manifest: {not_json}"))
    );
    assert_eq!(
        expiry("x", "2026-01-19T00:00:00Z"),
        Err(format!("cache: {not_json}"))
    );
    assert!(expiry(CACHE, "soon").unwrap_err().starts_with("now: "));
    let options = Some(r#"{"level": {}}"#.to_owned());
    assert!(
        validate_text(CACHE, options)
            .unwrap_err()
            .starts_with("options: unknown field `level`")
    );
    let added = GivenCaches::new().add("x", Some(3));
    assert_eq!(added, Err(format!("caches[3]: {not_json}")));
    assert_eq!(explain("IC999"), None);
}
