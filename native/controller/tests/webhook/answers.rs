//! What is answered to reviews.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::server::Server;

/// A pod that runs on ECI.
pub(crate) fn pod(images: &[&str]) -> Value {
    let containers: Vec<Value> = images
        .iter()
        .enumerate()
        .map(|(index, image)| json!({"name": format!("c{index}"), "image": image}))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default", "labels": {"alibabacloud.com/eci": "true"}},
        "spec": {"containers": containers},
    })
}

/// What an API server asks when an object is created.
pub(crate) fn review(kind: &str, object: &Value) -> Value {
    let group = match kind {
        "ImageCache" => "eci.alibabacloud.com",
        "Deployment" => "apps",
        _ => "",
    };
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": group, "version": "v1", "kind": kind},
            "name": object["metadata"]["name"], "namespace": object["metadata"]["namespace"],
            "operation": "CREATE", "userInfo": {"username": "admin"}, "object": object, "oldObject": null,
        },
    })
}

/// The response without its uid, with the patch in words.
fn shown(answer: &Value) -> String {
    let mut response = answer["response"].clone();
    response.as_object_mut().unwrap().remove("uid");
    if let Some(patch) = response.get("patch").and_then(Value::as_str) {
        let patch = STANDARD.decode(patch).unwrap();
        response["patch"] = serde_json::from_slice(&patch).unwrap();
    }
    response.to_string()
}

/// Reviews recorded from an API server of Kubernetes 1.36, answered on both addresses.
#[tokio::test]
async fn recorded_reviews_are_answered() {
    let server = Server::with(json!({"mode": "pin"})).await;
    let mut client = server.connect().await;
    let mut answers = String::new();
    for line in include_str!("reviews.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let path = case["path"].as_str().unwrap();
        let body = case["review"].to_string();
        let answer = client
            .send("POST", path, Some("application/json"), body)
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.content_type.as_str()),
            (200, "application/json")
        );
        let answer = answer.json();
        assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(answer["kind"], "AdmissionReview");
        assert_eq!(answer["response"]["uid"], case["review"]["request"]["uid"]);
        writeln!(
            answers,
            "{} {}",
            case["case"].as_str().unwrap(),
            shown(&answer)
        )
        .unwrap();
    }
    insta::assert_snapshot!(answers);
}

#[tokio::test]
async fn each_address_does_its_own_part() {
    let settings = json!({"mode": "pin", "ifNotPresent": true, "onMiss": "reject"});
    let server = Server::with(settings).await;
    let mut bad = pod(&["nginx:1.27"]);
    bad["metadata"]["annotations"] = json!({"k8s.aliyun.com/eci-auto-imc": "perhaps"});
    let cache = json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "base"},
        "spec": {"images": ["nginx:latest"], "imageCacheSize": 5},
    });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default", "annotations": {"k8s.aliyun.com/eci-auto-imc": "true"}},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "nginx:1.27"}]}}},
    });
    let mut answers = String::new();
    for (kind, object) in [
        ("Pod", pod(&["nginx:1.27"])),
        ("Pod", bad),
        ("ImageCache", cache),
        ("Deployment", deployment),
    ] {
        for path in ["/validate", "/mutate"] {
            let answer = server.post(path, review(kind, &object)).await.json();
            writeln!(answers, "{path} {kind} {}", shown(&answer)).unwrap();
        }
    }
    insta::assert_snapshot!(answers);
}
