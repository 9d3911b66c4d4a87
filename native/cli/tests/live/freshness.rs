//! `imagecache freshness` against a cluster, with a registry of this test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Output;

use crate::common::{imagecache, stderr, stdout};
use crate::server::{Answer, ListServer, kubeconfig, object};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn digest(text: &str) -> String {
    let hash = Sha256::digest(text);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hash}")
}

fn config() -> String {
    json!({"architecture": "amd64", "os": "linux", "history": [], "rootfs": {"type": "layers", "diff_ids": []}})
        .to_string()
}

fn manifest() -> String {
    let config = config();
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config),
        "size": config.len()});
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}).to_string()
}

/// Starts a registry in which every tag means one image, and returns its host.
fn registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || answer(stream));
        }
    });
    host
}

fn answer(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 2 {
        line.clear();
    }
    let body = if first.contains("/blobs/") {
        config()
    } else {
        manifest()
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {MANIFEST}\r\ndocker-content-digest: {}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        digest(&body),
        body.len()
    );
    let body = if first.starts_with("HEAD") { "" } else { &body };
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .unwrap();
}

fn cache(image: &str, recorded: &str) -> Value {
    let mut cache = object(
        "eci.alibabacloud.com/v1",
        "ImageCache",
        "base",
        &json!({"images": [image]}),
    );
    let digests = json!({image: recorded}).to_string();
    let digests = json!({"imagecache.eci.alibabacloud.com/digests": digests});
    cache["metadata"]["annotations"] = digests;
    cache["status"] = json!({"phase": "Ready", "imageCacheId": "imc-base"});
    cache
}

fn pod(image: &str) -> Value {
    let mut pod = object(
        "v1",
        "Pod",
        "web",
        &json!({"containers": [{"name": "c", "image": image}]}),
    );
    let id = format!("{image}@{}", digest(&manifest()));
    pod["metadata"]["namespace"] = json!("default");
    pod["status"] = json!({"phase": "Running",
        "containerStatuses": [{"name": "c", "image": image, "imageID": id}]});
    pod
}

fn freshness(server: &ListServer, more: &[&str]) -> Output {
    let config = kubeconfig(server.url());
    let config = config.path().to_str().unwrap();
    let args = ["freshness", "--kubeconfig", config, "--against", "cluster"];
    imagecache(&[&args[..], more].concat()).output().unwrap()
}

fn rows(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn freshness_of_a_cluster_compares_caches_and_pods() {
    let (server, host) = (ListServer::new(), registry());
    let image = format!("{host}/web:1");
    let now = digest(&manifest());
    server.set("imagecaches", Answer::List(vec![cache(&image, &now)]));
    server.set("pods", Answer::List(vec![pod(&image)]));
    let output = freshness(&server, &["-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let found = rows(&output);
    assert_eq!(found[0]["state"], "fresh", "{found:#}");
    assert_eq!(
        found[0]["running"][0]["pods"],
        json!(["default/web"]),
        "{found:#}"
    );

    let old = cache(&image, &digest("old"));
    server.set("imagecaches", Answer::List(vec![old.clone()]));
    let output = freshness(&server, &["-o", "name"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(stdout(&output), "base\n");

    // the digests are recorded before an update: those of one that has failed are not in the cache
    let mut failed = cache(&image, &now);
    failed["status"]["phase"] = json!("UpdateFailed");
    server.set("imagecaches", Answer::List(vec![failed]));
    let output = freshness(&server, &["-o", "json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(rows(&output)[0]["state"], "unknown");

    // pods that cannot be read count against the answer
    server.set("imagecaches", Answer::List(vec![cache(&image, &now)]));
    server.set("pods", Answer::Status(403, "pods is forbidden"));
    let output = freshness(&server, &[]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(stderr(&output).contains("pods: not read"), "{output:?}");
}

#[test]
fn freshness_of_a_cluster_without_caches_is_green() {
    let server = ListServer::new();
    server.set("imagecaches", Answer::List(Vec::new()));
    server.set("pods", Answer::List(Vec::new()));
    let output = freshness(&server, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    server.set(
        "imagecaches",
        Answer::Status(403, "imagecaches is forbidden"),
    );
    let output = freshness(&server, &[]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let output = imagecache(&["freshness", "--context", "here", "-f", "-"]);
    let output = { output }.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(stderr(&output).contains("--against cluster"), "{output:?}");
}
