//! What no API server sends: each gets a clear answer, and the next one is served.

use serde_json::{Value, json};

use crate::answers::{pod, review};
use crate::server::Server;

#[tokio::test]
async fn webhook_invalid_review_gets_status_with_reason() {
    let server = Server::with(json!({})).await;
    let json_type = Some("application/json");
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let with = |path: &[&str], value: Value| {
        let mut review = review("Pod", &pod(&["nginx"]));
        let (last, parents) = path.split_last().unwrap();
        let at = parents.iter().fold(&mut review, |at, step| &mut at[*step]);
        at[*last] = value;
        review.to_string()
    };
    for (method, path, content_type, body, code, said) in [
        (
            "POST",
            "/validate",
            json_type,
            String::new(),
            400,
            "no JSON that can be read: EOF",
        ),
        (
            "POST",
            "/validate",
            json_type,
            "{".to_owned(),
            400,
            "EOF while parsing",
        ),
        (
            "POST",
            "/mutate",
            json_type,
            "<html>".to_owned(),
            400,
            "expected value at line 1 column 1",
        ),
        (
            "POST",
            "/mutate",
            json_type,
            "[]".to_owned(),
            400,
            "apiVersion: missing",
        ),
        (
            "POST",
            "/mutate",
            json_type,
            "{}".to_owned(),
            400,
            "apiVersion: missing",
        ),
        (
            "POST",
            "/mutate",
            json_type,
            deep,
            400,
            "recursion limit exceeded",
        ),
        (
            "POST",
            "/mutate",
            json_type,
            with(&["apiVersion"], "admission.k8s.io/v1beta1".into()),
            400,
            "`admission.k8s.io/v1beta1`, `admission.k8s.io/v1` expected",
        ),
        (
            "POST",
            "/mutate",
            json_type,
            with(&["kind"], "Pod".into()),
            400,
            "kind: `Pod`",
        ),
        (
            "POST",
            "/mutate",
            json_type,
            with(&["request"], Value::Null),
            400,
            "request.uid: missing",
        ),
        (
            "POST",
            "/mutate",
            json_type,
            with(&["request", "uid"], "".into()),
            400,
            "request.uid: missing",
        ),
        (
            "POST",
            "/mutate",
            None,
            "{}".to_owned(),
            415,
            "the content type is missing, application/json is needed",
        ),
        (
            "POST",
            "/mutate",
            Some("text/plain"),
            "{}".to_owned(),
            415,
            "the content type is `text/plain`",
        ),
        (
            "POST",
            "/mutate",
            Some("application/x-yaml"),
            "{}".to_owned(),
            415,
            "`application/x-yaml`",
        ),
        ("GET", "/mutate", None, String::new(), 405, "only POST"),
        (
            "PUT",
            "/validate",
            json_type,
            "{}".to_owned(),
            405,
            "only POST",
        ),
        (
            "POST",
            "/metrics",
            json_type,
            "{}".to_owned(),
            405,
            "only GET, HEAD",
        ),
        (
            "POST",
            "/",
            json_type,
            "{}".to_owned(),
            404,
            "nothing is at `/`",
        ),
        (
            "GET",
            "/validate/",
            None,
            String::new(),
            404,
            "nothing is at `/validate/`",
        ),
        (
            "POST",
            "/validate",
            json_type,
            "x".repeat(8 << 20),
            413,
            "larger than 7340032 bytes",
        ),
    ] {
        let mut client = server.connect().await;
        let answer = client.send(method, path, content_type, body).await;
        assert_eq!(answer.status.as_u16(), code, "{method} {path}: {answer:?}");
        let status = answer.json();
        assert_eq!(
            (&status["kind"], &status["apiVersion"]),
            (&json!("Status"), &json!("v1"))
        );
        assert_eq!(
            (&status["status"], &status["code"]),
            (&json!("Failure"), &json!(code))
        );
        let message = status["message"].as_str().unwrap();
        assert!(message.contains(said), "{method} {path}: {message}");
    }
    let answer = server
        .post("/validate", review("Pod", &pod(&["nginx:1.27"])))
        .await;
    assert_eq!(answer.json()["response"]["allowed"], true);
}

#[tokio::test]
async fn parts_of_a_request_that_are_odd_are_answered() {
    let server = Server::with(json!({"mode": "pin"})).await;
    let odd = [
        json!({"kind": null}),
        json!({"kind": {"kind": 7}}),
        json!({"operation": ["CREATE"]}),
        json!({"object": null}),
        json!({"object": "pod"}),
        json!({"object": {"kind": "Deployment"}}),
        json!({"object": {"kind": "Pod"}}),
        json!({"object": {"kind": "Pod", "metadata": 7, "spec": {"containers": {"image": "nginx"}}}}),
        json!({"object": {"kind": "Pod", "metadata": {"annotations": ["k8s.aliyun.com/eci-auto-imc"]}}}),
        json!({"oldObject": 7, "operation": "UPDATE"}),
    ];
    for change in odd {
        let mut review = review("Pod", &pod(&["nginx:1.27"]));
        for (name, value) in change.as_object().unwrap() {
            review["request"][name] = value.clone();
        }
        for path in ["/validate", "/mutate"] {
            let answer = server.post(path, &review).await;
            assert_eq!(answer.status, 200, "{change}: {answer:?}");
            let response = answer.json()["response"].clone();
            assert!(
                response["allowed"].is_boolean() && response["uid"].is_string(),
                "{change}"
            );
        }
    }
}

#[tokio::test]
async fn a_review_of_three_megabytes_is_answered() {
    let server = Server::with(json!({"mode": "pin", "onMiss": "reject"})).await;
    let mut large = pod(&["nginx:1.27"]);
    large["metadata"]["annotations"] = json!({"example.com/large": "x".repeat(3 << 20)});
    for path in ["/validate", "/mutate"] {
        let answer = server.post(path, review("Pod", &large)).await;
        assert_eq!(answer.json()["response"]["allowed"], true, "{path}");
    }
    // As many containers as fit into as many bytes.
    let image = "nginx:1.27".to_owned();
    let many = vec![image.as_str(); 60_000];
    let answer = server.post("/validate", review("Pod", &pod(&many))).await;
    assert!(answer.json()["response"]["allowed"].is_boolean());
}

#[tokio::test]
async fn webhook_connection_without_tls_is_dropped() {
    use std::io::{Read as _, Write as _};
    let server = Server::with(json!({})).await;
    let address = server.address;
    let said = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        said
    });
    let said = said.await.unwrap();
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    assert_eq!(server.get("/healthz").await.text, "ok\n");
}
