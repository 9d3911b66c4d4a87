//! The JSON door: three spellings, one answer; nothing is thrown.
#![cfg(feature = "door")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagecache::door::{Answer, Call, Door, MAX_BYTES, MAX_DEPTH, MAX_INDEXES};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Asks in all three spellings, each of a door of its own, and wants one answer.
struct Three {
    typed: Door,
    value: Door,
    text: Door,
}

impl Three {
    fn new() -> Self {
        Three {
            typed: Door::default(),
            value: Door::default(),
            text: Door::default(),
        }
    }

    fn ask(&mut self, call: &Value) -> Value {
        let text = self.text.call_text(&call.to_string());
        let text: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(self.value.call_value(call), text);
        let typed = match Call::from_value(call) {
            Ok(call) => self.typed.call(call),
            Err(failure) => Answer::Error(failure),
        };
        assert_eq!(serde_json::to_value(typed).unwrap(), text);
        text
    }
}

fn ask(call: &Value) -> Value {
    Three::new().ask(call)
}

fn cache(id: &str, images: &[&str]) -> Value {
    json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {"name": format!("of-{id}"), "creationTimestamp": "2026-01-18T13:40:56Z"},
        "spec": {"images": images, "retentionDays": 7},
        "status": {"phase": "Ready", "imageCacheId": id},
    })
}

fn pod(image: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"alibabacloud.com/eci": "true"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    })
}

#[test]
fn every_call_is_answered() {
    let calls = [
        json!({"validate": {"text": "kind: ImageCache\n"}}),
        json!({"validate": {"object": cache("imc-1", &["nginx:1.27"]), "options": {"levels": {"IC042": "off"}}}}),
        json!({"match": {"pod": pod("nginx:1.27"), "caches": [cache("imc-1", &["nginx:1.27"])]}}),
        json!({"expire": {"cache": cache("imc-1", &["nginx:1.27"]), "now": "2026-01-19T10:00:00Z"}}),
        json!({"admit": {"review": review(&pod("nginx:1.27"))}}),
        json!({"reference": {"text": "nginx"}}),
        json!({"explain": {"code": "too-many-images"}}),
        json!({"crd": {}}),
        json!({"crd": {"version": "v1beta1"}}),
        json!({"version": {}}),
        json!({"caches.insert": {"caches": cache("imc-1", &["nginx:1.27"])}}),
        json!({"caches.clear": {}}),
        json!({"caches.len": {}}),
    ];
    for call in &calls {
        let answer = ask(call);
        assert!(answer.get("ok").is_some(), "{call}: {answer}");
    }
    let asked = |name: &&str| calls.iter().any(|call| call.get(name).is_some());
    let not_asked: Vec<_> = Call::NAMES.iter().filter(|name| !asked(name)).collect();
    assert_eq!(
        not_asked,
        [&"caches.remove"],
        "it needs an index; see below"
    );
}

#[test]
fn answers_say_what_the_core_says() {
    let found = &ask(
        &json!({"validate": {"text": "{\"kind\": \"ImageCache\",\n \"apiVersion\": \"eci.alibabacloud.com/v1\", \"metadata\": {\"name\": \"x\"},\n \"spec\": {\"images\": [\"nginx:1.27\"], \"imageCacheSize\": 10, \"retentionDays\": 1}}"}}),
    )["ok"]["diagnostics"];
    assert_eq!(found[0]["code"], "IC040");
    assert_eq!(found[0]["path"], "spec.imageCacheSize");
    assert_eq!(found[0]["span"]["start"]["line"], 3);
    let expiry = &ask(
        &json!({"expire": {"cache": cache("imc-1", &[]), "now": "2026-01-19T10:00:00Z"}}),
    )["ok"][0];
    assert_eq!(expiry["at"], "2026-01-25T13:40:56Z");
    assert_eq!(
        ask(&json!({"reference": {"text": "nginx"}}))["ok"]["normalized"],
        "docker.io/library/nginx:latest"
    );
    let explained = &ask(&json!({"explain": {"code": "ic022"}}))["ok"];
    assert_eq!(explained["name"], "too-many-images");
    assert_eq!(
        ask(&json!({"crd": {}}))["ok"]["metadata"]["name"],
        "imagecaches.eci.alibabacloud.com"
    );
    let about = &ask(&json!({"version": {}}))["ok"];
    assert_eq!(about["limits"]["bytes"], MAX_BYTES);
    assert_eq!(about["calls"].as_array().unwrap().len(), Call::NAMES.len());
}

#[test]
fn an_index_is_kept_between_calls_and_changed_in_place() {
    let mut door = Three::new();
    let winner = |answer: &Value| answer["ok"]["answer"]["winner"]["imageCacheId"].clone();
    let query = json!({"match": {"pod": pod("nginx:1.27"), "index": "prod"}});
    assert_eq!(door.ask(&query)["error"]["code"], "no-such-index");
    let list = json!({"kind": "ImageCacheList", "items": [cache("imc-1", &["nginx:1.27"]), 17]});
    let changed = &door.ask(&json!({"caches.insert": {"index": "prod", "caches": list}}))["ok"];
    assert_eq!(
        (&changed["changed"], &changed["len"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(changed["diagnostics"][0]["path"], "items[1]");
    assert_eq!(winner(&door.ask(&query)), "imc-1");
    // The same id again takes the place of the first.
    door.ask(&json!({"caches.insert": {"index": "prod", "caches": cache("imc-1", &["redis:7"])}}));
    assert_eq!(winner(&door.ask(&query)), Value::Null);
    door.ask(
        &json!({"caches.insert": {"index": "prod", "caches": [cache("imc-2", &["nginx:1.27"])]}}),
    );
    assert_eq!(winner(&door.ask(&query)), "imc-2");
    assert_eq!(
        door.ask(&json!({"caches.remove": {"index": "prod", "id": "imc-2"}}))["ok"]["changed"],
        1
    );
    assert_eq!(
        door.ask(&json!({"caches.remove": {"index": "prod", "id": "imc-2"}}))["ok"]["changed"],
        0
    );
    assert_eq!(
        door.ask(&json!({"caches.len": {"index": "prod"}}))["ok"]["len"],
        1
    );
    assert_eq!(door.ask(&json!({"caches.len": {}}))["ok"]["len"], 0);
    assert_eq!(
        door.ask(&json!({"caches.clear": {"index": "prod"}}))["ok"]["changed"],
        1
    );
    assert_eq!(door.ask(&query)["error"]["code"], "no-such-index");
}

fn review(object: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "5d5f7c2e-0c0f-4d4b-8c53-0a8d7e7d8a11", "operation": "CREATE",
            "kind": {"group": "", "version": "v1", "kind": "Pod"}, "object": object,
        },
    })
}

#[test]
fn a_review_is_answered_with_a_review() {
    let caches = [cache("imc-1", &["nginx:1.27"])];
    let answer = ask(&json!({"admit": {
        "review": review(&pod("nginx:1.27")), "settings": {"mode": "pin"}, "caches": caches,
    }}));
    let answer = &answer["ok"];
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answer["kind"], "AdmissionReview");
    let response = &answer["response"];
    assert_eq!(response["uid"], "5d5f7c2e-0c0f-4d4b-8c53-0a8d7e7d8a11");
    assert_eq!(
        (&response["allowed"], &response["patchType"]),
        (&json!(true), &json!("JSONPatch"))
    );
    let patch = STANDARD
        .decode(response["patch"].as_str().unwrap())
        .unwrap();
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    assert_eq!(
        patch,
        json!([{
            "op": "add", "path": "/metadata/annotations", "value": {"k8s.aliyun.com/eci-imc-id": "imc-1"},
        }])
    );
    assert_eq!(response["auditAnnotations"]["matched-image-cache"], "imc-1");
    // The index does as well as caches in the call; without either there are none to ask.
    let mut door = Three::new();
    door.ask(&json!({"caches.insert": {"caches": caches}}));
    let admit =
        json!({"admit": {"review": review(&pod("nginx:1.27")), "settings": {"mode": "pin"}}});
    assert_eq!(door.ask(&admit)["ok"], *answer);
    let warning = &ask(&admit)["ok"]["response"]["warnings"][0];
    assert_eq!(
        warning,
        "image caches cannot be listed: no caches were given; the pod was not matched"
    );
}

#[test]
fn a_denial_carries_what_kubectl_prints() {
    let mut review = review(&json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "big"},
        "spec": {"images": vec!["nginx:1.27"; 21], "retentionDays": 1},
    }));
    let kind = json!({"group": "eci.alibabacloud.com", "version": "v1", "kind": "ImageCache"});
    (review["request"]["kind"], review["request"]["name"]) = (kind, "big".into());
    let answer =
        ask(&json!({"admit": {"review": review, "settings": {"levels": {"IC024": "off"}}}}));
    assert_eq!(
        answer["ok"]["response"]["status"],
        json!({
            "code": 422, "reason": "Invalid", "message": "spec.images: 21 images, at most 20 allowed",
            "details": {
                "group": "eci.alibabacloud.com", "kind": "ImageCache", "name": "big",
                "causes": [{
                    "reason": "FieldValueInvalid", "field": "spec.images",
                    "message": "21 images, at most 20 allowed",
                }],
            },
        })
    );
}

/// What a real API server sent: of every review the answer is one that it takes.
#[test]
fn reviews_of_an_api_server_are_answered() {
    let reviews: Vec<Value> = serde_json::from_str(include_str!("data/door/reviews.json")).unwrap();
    for review in &reviews {
        let answer =
            &ask(&json!({"admit": {"review": review, "settings": {"levels": {"IC025": "error"}}}}))
                ["ok"];
        let (request, response) = (&review["request"], &answer["response"]);
        assert_eq!(response["uid"], request["uid"]);
        let images = request["object"]["spec"]["images"]
            .as_array()
            .into_iter()
            .flatten();
        let mut tags =
            images.map(|image| image.as_str().unwrap().split_once(':').map(|(_, tag)| tag));
        let latest = tags.any(|tag| tag.is_none_or(|tag| tag == "latest"));
        let judged = request["subResource"].is_null() && request["operation"] != "DELETE";
        let old = request["oldObject"]["spec"]["images"] == request["object"]["spec"]["images"];
        assert_eq!(
            response["allowed"],
            !(latest && judged && !old),
            "{review:#} {response:#}"
        );
    }
    assert!(reviews.len() >= 8);
}

#[test]
fn wrong_calls_are_errors_that_help() {
    let error = |call: Value| ask(&call)["error"].clone();
    let unknown = error(json!({"validat": {}}));
    assert_eq!(unknown["code"], "unknown-call");
    assert_eq!(
        unknown["message"],
        "no call is named `validat`, did you mean `validate`?"
    );
    assert!(
        error(json!({"sing": {}}))["message"]
            .as_str()
            .unwrap()
            .contains("the calls are validate, match")
    );
    for call in [
        json!({}),
        json!([]),
        json!(null),
        json!(7),
        json!({"version": {}, "crd": {}}),
    ] {
        assert_eq!(error(call.clone())["code"], "unknown-call", "{call}");
    }
    for call in [
        json!({"validate": {}}),
        json!({"validate": {"text": "", "object": {}}}),
        json!({"validate": {"txt": ""}}),
        json!({"match": {}}),
        json!({"expire": {"cache": {}, "now": "yesterday"}}),
        json!({"explain": {"code": "IC999"}}),
        json!({"admit": {"review": {}}}),
        json!({"admit": {"review": review(&json!({})), "settings": {"mode": "pinn"}}}),
        json!({"crd": {"version": "v2"}}),
        json!({"version": {"verbose": true}}),
        json!({"reference": {"text": 7}}),
    ] {
        let error = error(call.clone());
        assert_eq!(error["code"], "bad-argument", "{call}: {error}");
    }
    let syntax: Value = serde_json::from_str(&Door::default().call_text("{\"version\": ")).unwrap();
    assert_eq!(syntax["error"]["code"], "syntax");
}

#[test]
fn limits_are_held_and_told() {
    let code = |text: &str| {
        let answer: Value = serde_json::from_str(&Door::default().call_text(text)).unwrap();
        answer["error"]["code"].clone()
    };
    assert_eq!(code(&" ".repeat(MAX_BYTES + 1)), "limit");
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    // The call and its arguments are two levels themselves.
    let call = |depth: usize| format!(r#"{{"validate":{{"object":{}}}}}"#, nested(depth));
    for depth in [MAX_DEPTH - 1, MAX_DEPTH, 10_000, 1_000_000] {
        assert_eq!(code(&call(depth)), "limit", "{depth}");
    }
    assert_eq!(code(&call(MAX_DEPTH - 2)), Value::Null);
    let deep: Value = (0..1_000).fold(json!(null), |inner, _| json!([inner]));
    assert_eq!(
        Door::default().call_value(&json!({"validate": {"object": deep}}))["error"]["code"],
        "limit"
    );
    let mut door = Door::default();
    for index in 0..=MAX_INDEXES {
        let answer =
            door.call_value(&json!({"caches.insert": {"index": index.to_string(), "caches": []}}));
        assert_eq!(
            answer.get("error").is_some(),
            index == MAX_INDEXES,
            "{answer}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,60}", name in prop::sample::select(Call::NAMES.to_vec())) {
        let call = format!("{{\"{name}\": {text}}}");
        for text in [&text, &call] {
            let answer: Value = serde_json::from_str(&Door::default().call_text(text)).unwrap();
            prop_assert!(answer.get("ok").is_some() != answer.get("error").is_some());
        }
    }
}
