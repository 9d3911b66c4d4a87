//! The shim inside a module, under Node and in a browser: `cargo xtask test` runs this file in both.
#![cfg(target_family = "wasm")]
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use imagecache_wasm::{CacheIndex, expiry, explain, parse_reference, validate};
use js_sys::{BigInt, Error, Function, JSON, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

const CACHE: &str = r#"{"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "web"},
    "spec": {"images": ["nginx:1.27"], "retentionDays": 0}, "status": {"phase": "Ready", "imageCacheId": "imc-1"}}"#;
const POD: &str = r#"{"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"image": "nginx:1.27"}]}}"#;

fn object(json: &str) -> JsValue {
    JSON::parse(json).unwrap()
}

fn text(value: &JsValue) -> String {
    JSON::stringify(value).unwrap().into()
}

fn message(answer: Result<JsValue, JsValue>) -> String {
    answer
        .unwrap_err()
        .unchecked_into::<Error>()
        .message()
        .into()
}

#[wasm_bindgen_test]
fn a_finding_of_an_object_has_no_place_and_one_of_a_text_has() {
    let found = text(&validate(&object(CACHE), &JsValue::UNDEFINED).unwrap());
    assert!(
        found.contains(r#""code":"IC041""#) && !found.contains("span"),
        "{found}"
    );
    let found = text(&validate(&CACHE.into(), &JsValue::UNDEFINED).unwrap());
    assert!(found.contains(r#""start":{"offset":"#), "{found}");
}

#[wasm_bindgen_test]
fn the_answers_are_the_core_s_own() {
    let value: serde_json::Value = serde_json::from_str(CACHE).unwrap();
    let core = imagecache::validate::object(&value, &imagecache::validate::Options::default());
    let found = text(&validate(&object(CACHE), &JsValue::UNDEFINED).unwrap());
    assert_eq!(found, serde_json::to_string(&core).unwrap());
    let described = serde_json::to_string(&imagecache::reference::describe("nginx")).unwrap();
    assert_eq!(text(&parse_reference(&"nginx".into()).unwrap()), described);
}

#[wasm_bindgen_test]
fn an_index_answers_for_what_it_holds() {
    let index = CacheIndex::new(&object(CACHE), &JsValue::UNDEFINED).unwrap();
    let answer = text(&index.winner(&object(POD), &JsValue::UNDEFINED).unwrap());
    assert!(
        answer.starts_with(r#"{"decision":"Hit""#) || answer.contains(r#""decision":"Hit""#),
        "{answer}"
    );
    assert!(index.remove(&"imc-1".into()).unwrap());
    assert_eq!(index.size(), 0);
    let answer = text(&index.explain(&object(POD), &JsValue::NULL).unwrap());
    assert!(answer.contains(r#""decision":"Miss""#), "{answer}");
}

#[wasm_bindgen_test]
fn a_wrong_argument_is_named_and_nothing_stops() {
    let options = JsValue::UNDEFINED;
    let holder = Object::new();
    Reflect::set(&holder, &"a".into(), &BigInt::from(1).into()).unwrap();
    for (value, expected) in [
        (JsValue::NULL, "manifest: an object expected, not null"),
        (JsValue::from(7), "manifest: an object expected, not number"),
        (
            Function::new_no_args("").into(),
            "manifest: an object expected, not function",
        ),
        (
            BigInt::from(1).into(),
            "manifest: an object expected, not bigint",
        ),
        (
            holder.clone().into(),
            "manifest: no JSON: Do not know how to serialize a BigInt",
        ),
    ] {
        assert_eq!(message(validate(&value, &options)), expected);
    }
    Reflect::set(&holder, &"a".into(), &holder).unwrap();
    assert!(
        message(validate(&holder, &options)).starts_with("manifest: no JSON: Converting circular")
    );
    let message = message(expiry(&object(CACHE), &JsValue::from(1)));
    assert_eq!(
        message,
        "now: a time in RFC 3339 or a valid Date expected, not number"
    );
    assert!(explain(&"IC999".into()).unwrap().is_undefined());
    assert!(validate(&object(CACHE), &options).is_ok());
}
