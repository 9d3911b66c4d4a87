//! The shim inside a module, under Node and in a browser: `cargo xtask test` runs this file in both.
#![cfg(target_family = "wasm")]
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use imagecache_wasm::{CacheIndex, code, expiry, objects, parse_reference, validate};
use js_sys::{Function, JSON, RangeError, Reflect, TypeError};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

const CACHE: &str = r#"{"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "web"},
    "spec": {"images": ["nginx:1.27"], "retentionDays": 0}, "status": {"phase": "Ready", "imageCacheId": "imc-1"}}"#;
const POD: &str = r#"{"kind": "Pod", "metadata": {"name": "p", "annotations": {"a/b": "c"}, "managedFields": [{}]},
    "spec": {"containers": [{"image": "nginx:1.27", "env": [{"name": "A"}]}, {}], "initContainers": null}}"#;
const NONE: &JsValue = &JsValue::UNDEFINED;

fn parse(json: &str) -> JsValue {
    JSON::parse(json).unwrap()
}

fn text(value: &JsValue) -> String {
    JSON::stringify(value).unwrap().into()
}

fn message(error: &JsValue) -> String {
    assert!(error.is_instance_of::<TypeError>(), "{error:?}");
    error.unchecked_ref::<TypeError>().message().into()
}

#[wasm_bindgen_test]
fn validate_object_has_no_line_and_text_has_one() {
    let found = text(&validate(&parse(CACHE), NONE).unwrap());
    assert!(
        found.contains(r#""code":"IC041""#) && found.contains(r#""line":null"#),
        "{found}"
    );
    let found = text(&validate(&CACHE.into(), NONE).unwrap());
    assert!(found.contains(r#""line":2"#), "{found}");
}

#[wasm_bindgen_test]
fn answers_are_those_of_the_core() {
    let value: serde_json::Value = serde_json::from_str(CACHE).unwrap();
    let core = imagecache::ffi::validate_object(&value, None).unwrap();
    let found = validate(&parse(CACHE), NONE).unwrap();
    assert_eq!(text(&found), serde_json::to_string(&core).unwrap());
    let core = imagecache::ffi::reference("nginx").unwrap();
    let described = parse_reference(&"nginx".into()).unwrap();
    assert_eq!(text(&described), serde_json::to_string(&core).unwrap());
}

#[wasm_bindgen_test]
fn match_reads_a_pod_and_its_json_alike() {
    let index = CacheIndex::new(&parse(CACHE), NONE).unwrap();
    let members = index.select(&parse(POD), NONE).unwrap();
    let decision = Reflect::get(&members, &"decision".into()).unwrap();
    // The container without an image counts as one that no cache has.
    assert_eq!(decision, "Partial");
    let bytes = js_sys::Uint8Array::from(POD.as_bytes());
    let json = index.select(&bytes, NONE).unwrap();
    assert_eq!(text(&members), text(&json));
    let members = index.explain(&parse(POD), NONE).unwrap();
    assert_eq!(text(&members), text(&index.explain(&bytes, NONE).unwrap()));
}

#[wasm_bindgen_test]
fn match_hostile_pods_are_errors_or_read_as_json() {
    let index = CacheIndex::new(&parse(CACHE), NONE).unwrap();
    let hostile = |code: &str| {
        let pod = Function::new_no_args(&format!("return {code};"));
        index.select(&pod.call0(NONE).unwrap(), NONE)
    };
    let errors = [
        ("{kind: 'Pod', get spec() { throw Error('no') }}", "no"),
        (
            "{kind: 'Pod', spec: {containers: [{get image() { throw Error('no') }}]}}",
            "no",
        ),
        ("{kind: 'Pod', toJSON: () => undefined}", "undefined"),
        ("{kind: 'Pod', spec: {nodeSelector: {a: 1n}}}", "BigInt"),
    ];
    for (code, expected) in errors {
        let message = message(&hostile(code).unwrap_err());
        assert!(
            message.starts_with("pod: ") && message.contains(expected),
            "{message}"
        );
    }
    let large = [
        "{kind: 'Pod', spec: {containers: Array(4e9)}}",
        "{kind: 'Pod', spec: {containers: Array(9).fill({image: 'x'.repeat(4 << 20)})}}",
    ];
    for code in large {
        assert!(
            hostile(code).unwrap_err().is_instance_of::<RangeError>(),
            "{code}"
        );
    }
    let pods = [
        "{kind: 'Pod', spec: {containers: 'nginx:1.27'}}",
        "{kind: 'Pod', spec: {containers: [{image: () => 1}, , undefined, 7]}}",
        "{kind: 'Pod', spec: {containers: {image: 'nginx:1.27'}}}",
        "{kind: 'Pod', spec: [], metadata: 7}",
        "{kind: 'Pod', spec: {toJSON: () => ({containers: [{image: 'nginx:1.27'}]})}}",
        "{kind: 'Pod', toJSON: () => ({kind: 'Pod', spec: {containers: [{image: 'nginx:1.27'}]}})}",
        "{kind: 'Pod', spec: {containers: [{image: 'nginx:1.27'}], nodeName: new Date(0), affinity: {nodeAffinity: {}}}}",
        "{kind: 'Pod', apiVersion: null, spec: {containers: [{image: 'nginx:1.27'}]}}",
        "{kind: 'Deployment', spec: {template: {spec: {containers: [{image: 'nginx:1.27'}]}}}}",
    ];
    for code in pods {
        let json = Function::new_no_args(&format!("return JSON.parse(JSON.stringify({code}));"));
        let plain = json.call0(NONE).unwrap();
        let expected = text(&index.select(&plain, NONE).unwrap());
        assert_eq!(text(&hostile(code).unwrap()), expected, "{code}");
    }
}

#[wasm_bindgen_test]
fn index_insert_and_remove_change_it() {
    let index = CacheIndex::new(NONE, NONE).unwrap();
    assert_eq!(text(&index.insert(&parse(CACHE)).unwrap()), "[]");
    assert_eq!(index.size(), 1);
    assert!(index.remove(&"imc-1".into()).unwrap());
    assert_eq!(index.size(), 0);
    let answer = text(&index.explain(&parse(POD), NONE).unwrap());
    assert!(answer.contains(r#""decision":"Miss""#), "{answer}");
}

#[wasm_bindgen_test]
fn arguments_invalid_are_type_errors_with_the_name() {
    let number = JsValue::from(7);
    let errors = [
        (
            validate(&number, NONE),
            "manifest: expected an object, found number",
        ),
        (objects(&number), "text: expected a string, found number"),
        (
            expiry(&JsValue::NULL, &"2026-01-19T00:00:00Z".into()),
            "cache: expected an object, found null",
        ),
        (
            expiry(&parse("{}"), &number),
            "now: expected a time in RFC 3339 or a valid Date, found number",
        ),
        (code(NONE), "code: expected a string, found undefined"),
        (
            CacheIndex::new(&parse("[{}, 7]"), NONE).map(Into::into),
            "caches[1]: expected an object, found number",
        ),
    ];
    for (answer, expected) in errors {
        assert_eq!(message(&answer.unwrap_err()), expected);
    }
    let error = validate(&CACHE.into(), &parse(r#"{"level": {}}"#)).unwrap_err();
    assert!(message(&error).starts_with("options: level: unknown field"));
    assert_eq!(code(&"IC999".into()).unwrap(), JsValue::UNDEFINED);
}
