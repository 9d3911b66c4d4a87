//! Bodies that Google's protobuf library wrote (`fixtures.py`), byte for byte in both directions.

use serde_json::json;

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

fn fixtures() -> Value {
    serde_json::from_str(include_str!("fixtures.json")).unwrap()
}

fn bytes(of: &Value) -> Vec<u8> {
    STANDARD.decode(of["protobuf"].as_str().unwrap()).unwrap()
}

/// The object without fields that are null, as the fixtures have them or not.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

#[test]
fn protobuf_objects_equal_those_of_another_library() {
    let fixtures = fixtures();
    let objects = fixtures["objects"].as_array().unwrap();
    assert!(objects.len() > 10);
    for of in objects {
        let (object, body) = (&of["json"], bytes(of));
        let kind = &object["kind"];
        let read = read(&body, ("", "")).unwrap();
        assert_eq!(without_nulls(&read), without_nulls(object), "{kind}");
        assert_eq!(write(object).unwrap(), body, "{kind}");
        assert_eq!(write(&read).unwrap(), body, "{kind}");
    }
}

#[test]
fn protobuf_events_of_watches_have_their_length() {
    let of = &fixtures()["frame"];
    let object = STANDARD.decode(of["object"].as_str().unwrap()).unwrap();
    let mut out = Vec::new();
    frame("ADDED", &object, &mut out);
    assert_eq!(out, bytes(of));
}

fn body(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let mut type_meta = Vec::new();
    wire::bytes(1, api_version.as_bytes(), &mut type_meta);
    wire::bytes(2, kind.as_bytes(), &mut type_meta);
    let mut out = MAGIC.to_vec();
    wire::bytes(1, &type_meta, &mut out);
    wire::bytes(2, raw, &mut out);
    out
}

#[test]
fn protobuf_bodies_that_cannot_be_read_are_refused() {
    for (body, words) in [
        (Vec::new(), "empty data"),
        (b"k8s\0".to_vec(), "empty body"),
        (
            b"{}".to_vec(),
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
        ),
        (
            body("v1", "Widget", b""),
            "no kind \"Widget\" is registered for version \"v1\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        ),
        (body("v1", "Secret", &[0x0a, 0x7f]), "unexpected EOF"),
        (body("v1", "Secret", &[0x0b]), "proto: illegal wireType 3"),
        (
            body("v1", "Secret", &[0x08, 1]),
            "proto: wrong wireType = 0",
        ),
    ] {
        assert_eq!(read(&body, ("", "")).unwrap_err(), words);
    }
}

#[test]
fn protobuf_type_and_unknown_fields_are_optional() {
    // field 99, which no version has
    let unknown = body("", "", &[0x98, 0x06, 1]);
    let read = read(&unknown, ("v1", "ConfigMap")).unwrap();
    assert_eq!(
        read,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}})
    );
}

#[test]
fn protobuf_values_of_a_wrong_type_are_named() {
    for (object, words) in [
        (
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": "2"}}),
            "spec.replicas: expected an integer, found string",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a"}, {"name": 1}]}}),
            "spec.containers[1].name: expected a string, found number",
        ),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": true}}),
            "data[a]: expected a string, found bool",
        ),
        (
            json!({"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache"}),
            "ImageCache has no form in protobuf",
        ),
    ] {
        assert_eq!(write(&object).unwrap_err(), words);
    }
}

proptest::proptest! {
    #[test]
    fn protobuf_reader_takes_any_bytes(raw in proptest::collection::vec(0_u8.., 0..100)) {
        for (api_version, kind) in [("apps/v1", "Deployment"), ("apiextensions.k8s.io/v1", "CustomResourceDefinition")] {
            if let Ok(read) = read(&body(api_version, kind, &raw), ("", "")) {
                write(&read).unwrap();
            }
        }
        let _ = read(&[MAGIC, &raw].concat(), ("", ""));
    }
}
