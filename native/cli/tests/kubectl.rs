//! kubectl takes what `imagecache crd` prints.
//!
//! Even `kubectl create --dry-run=client` asks an API server which resources there are. The one here, on the loopback
//! interface, answers that and nothing else; so the command runs as people run it, without a cluster.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use common::{run, stdout};
use serde_json::{Value, json};

/// Discovery of an API server that knows CustomResourceDefinitions in both versions.
fn discovery(path: &str) -> Option<Value> {
    let group = "apiextensions.k8s.io";
    let version =
        |version: &str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
    let resources = |version: &str| {
        json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("{group}/{version}"),
            "resources": [{
                "name": "customresourcedefinitions", "singularName": "customresourcedefinition", "namespaced": false,
                "kind": "CustomResourceDefinition", "verbs": ["create", "get", "list"],
            }],
        })
    };
    match path.split('?').next()? {
        "/api" => Some(json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/api/v1" => {
            Some(json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": []}))
        }
        "/apis" => Some(json!({
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": [{
                "name": group, "versions": [version("v1"), version("v1beta1")], "preferredVersion": version("v1"),
            }],
        })),
        "/apis/apiextensions.k8s.io/v1" => Some(resources("v1")),
        "/apis/apiextensions.k8s.io/v1beta1" => Some(resources("v1beta1")),
        _ => None,
    }
}

fn answer(mut stream: TcpStream) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let request = lines.next()?.ok()?;
    while !lines.next()?.ok()?.is_empty() {}
    let (status, body) = match discovery(request.split(' ').nth(1)?) {
        Some(body) => ("200 OK", body),
        None => (
            "404 Not Found",
            json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}),
        ),
    };
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .ok()
}

/// The address of a server that runs as long as the test.
fn api_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        listener
            .incoming()
            .flatten()
            .for_each(|stream| answer(stream).unwrap_or_default())
    });
    format!("http://{address}")
}

#[test]
fn kubectl_creates_the_definition() {
    let home = std::env::temp_dir().join(format!("imagecache-kubectl-{}", std::process::id()));
    for (args, version) in [
        (&["crd"][..], "v1"),
        (&["crd", "-o", "json"], "v1"),
        (&["crd", "--v1beta1"], "v1beta1"),
    ] {
        let definition = run(args);
        assert!(stdout(&definition).contains(&format!("apiextensions.k8s.io/{version}")));
        let mut kubectl = Command::new(common::kubectl())
            .args([
                "create",
                "--dry-run=client",
                "--validate=false",
                "-o",
                "name",
                "-f",
                "-",
                "--server",
            ])
            .arg(api_server())
            .env("KUBECONFIG", home.join("none"))
            .env("HOME", &home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        kubectl
            .stdin
            .take()
            .unwrap()
            .write_all(&definition.stdout)
            .unwrap();
        let output = kubectl.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{args:?}: {}",
            common::stderr(&output)
        );
        assert_eq!(
            stdout(&output),
            "customresourcedefinition.apiextensions.k8s.io/imagecaches.eci.alibabacloud.com\n"
        );
    }
    let _ = std::fs::remove_dir_all(home);
}
