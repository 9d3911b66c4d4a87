//! The vendor's examples of the API, as they stand in its documents: curl, on port 8001.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::server::Server;

/// Runs an example in a shell; returns what curl printed.
fn run(example: &str) -> Value {
    let output = Command::new("sh").args(["-c", example]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "curl is needed: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The port of the examples may still be in use by somebody who is just leaving.
fn start() -> Server {
    for _ in 0..50 {
        if std::net::TcpListener::bind("127.0.0.1:8001").is_ok() {
            return Server::start_on("127.0.0.1:8001", &[]);
        }
        sleep(Duration::from_millis(200));
    }
    panic!("port 8001, that of the examples, is in use");
}

#[test]
fn vendor_examples_run_unchanged() {
    let _server = start();
    let created = run(r"curl -X POST -H 'Content-Type: application/yaml' --data '
apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: imagecache-secrets-test
spec:
  images:
  - registry.cn-shanghai.aliyuncs.com/baz/nginx:1.0
  imagePullSecrets:
  - default:acr-test
' http://127.0.0.1:8001/apis/eci.alibabacloud.com/v1/imagecaches");
    let spec = json!({
        "imagePullSecrets": ["default:acr-test"],
        "images": ["registry.cn-shanghai.aliyuncs.com/baz/nginx:1.0"],
    });
    let fields = [
        "creationTimestamp",
        "generation",
        "name",
        "resourceVersion",
        "uid",
    ];
    let check = |object: &Value| {
        assert_eq!(object["apiVersion"], "eci.alibabacloud.com/v1");
        assert_eq!(object["kind"], "ImageCache");
        assert_eq!(object["spec"], spec);
        assert_eq!(object["metadata"]["name"], "imagecache-secrets-test");
        assert_eq!(object["metadata"]["generation"], 1);
        for field in fields {
            assert!(!object["metadata"][field].is_null(), "{field}");
        }
    };
    check(&created);

    let list = run("curl -X GET 'http://127.0.0.1:8001/apis/eci.alibabacloud.com/v1/imagecaches'");
    assert_eq!(list["kind"], "ImageCacheList");
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    check(&list["items"][0]);
    for field in ["continue", "resourceVersion"] {
        assert!(!list["metadata"][field].is_null(), "{field}");
    }

    let one =
        "'http://127.0.0.1:8001/apis/eci.alibabacloud.com/v1/imagecaches/imagecache-secrets-test'";
    let got = run(&format!("curl -X GET {one}"));
    check(&got);

    let deleted = run(&format!(
        "curl -X DELETE -H 'Content-Type: application/yaml' {one}"
    ));
    assert_eq!(
        deleted,
        json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": {
                "name": "imagecache-secrets-test",
                "group": "eci.alibabacloud.com",
                "kind": "imagecaches",
                "uid": created["metadata"]["uid"],
            },
        })
    );

    let gone = run(&format!("curl -X GET {one}"));
    assert_eq!(
        (&gone["reason"], &gone["code"]),
        (&json!("NotFound"), &json!(404))
    );
}
