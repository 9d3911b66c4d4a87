//! Nothing that somebody else wrote steers a terminal, adds a line or a workflow command, or shows a secret: whatever is in
//! the fields of an object or of a reply of ECI, in every form of output.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Output;
use std::sync::{Arc, Mutex};

use common::{imagecache, stderr, stdout};
use imagecache::eci::encoding::encode;
use imagecache::foreign::steers;
use serde_json::{Value, json};
use snapbox::cmd::Command;

/// Ends a line, starts workflow commands of both kinds, and steers terminals by C0, C1, direction and separators.
const HOSTILE: &str = "::error::a\n::error::b\r\n##[error]c\u{1b}[31m\u{9b}31m\u{202e}\u{2066}\u{2028}\u{85}\u{200e}\u{7f}\u{0}d";
/// The secret of the access key.
const SECRET: &str = "p=w ~*+/hunter2";

/// Checks an output: of a form whose lines may begin with `::`, or not.
fn check(what: &str, output: &Output, commands: bool) {
    for text in [stdout(output), stderr(output)] {
        assert!(
            !text.contains(|c| steers(c) && c != '\n'),
            "{what}: {text:?}"
        );
        // JSON and XML keep the text, as a part of a line
        let data = ["json", "yaml", "sarif", "junit"]
            .iter()
            .any(|form| what.contains(form));
        assert!(data || !text.contains("##["), "{what}: {text}");
        for line in text.lines() {
            let line = line.trim_start();
            let own = ["::error file=", "::warning file=", "::notice file="];
            let own = commands && own.iter().any(|start| line.starts_with(start));
            assert!(own || !line.starts_with("::"), "{what}: {line}");
        }
    }
}

/// Returns a copy for each text of a value, with the hostile text at its end, and one for each object, with a hostile key.
fn planted(value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    each(value, &mut |place| {
        for odd in [HOSTILE.to_owned(), format!("a{HOSTILE}")] {
            let mut copy = value.clone();
            match copy.pointer_mut(place).unwrap() {
                Value::String(text) => *text = odd,
                Value::Object(fields) => {
                    fields.insert(odd, "x".into());
                }
                other => *other = odd.into(),
            }
            all.push(copy);
        }
    });
    all
}

fn each(value: &Value, plant: &mut impl FnMut(&str)) {
    fn walk(value: &Value, place: &str, plant: &mut impl FnMut(&str)) {
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{place}/{index}"), plant);
                }
            }
            Value::Object(fields) => {
                plant(place);
                for (key, item) in fields {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    walk(item, &format!("{place}/{key}"), plant);
                }
            }
            _ => plant(place),
        }
    }
    walk(value, "", plant);
}

fn objects() -> Vec<Value> {
    let cache = json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {
            "name": "web", "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"k8s.aliyun.com/imc-enable-flash": "true"},
        },
        "spec": {
            "images": ["nginx:1.27"], "imageCacheSize": 40, "retentionDays": 7, "imagePullSecrets": ["default:a"],
        },
        "status": {
            "imageCacheId": "imc-1", "phase": "Ready", "expireDateTime": "2026-01-09T00:00:00Z",
        },
    });
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "web", "namespace": "shop", "labels": {"alibabacloud.com/eci": "true"},
            "annotations": {"k8s.aliyun.com/eci-imc-id": "imc-1", "k8s.aliyun.com/eci-imc-perfect-match": "true"},
        },
        "spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]},
    });
    let entry = json!({
        "ImageCacheId": "imc-2", "ImageCacheName": "base", "Images": ["nginx:1.26"], "ImageCacheSize": 40,
        "Status": "Ready", "RegionId": "cn-hangzhou", "CreationTime": "2026-01-02T00:00:00Z",
    });
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"},
        "status": {"images": [{"names": ["nginx:1.27"], "sizeBytes": 1000}]},
    });
    let mut all = vec![cache.clone(), pod.clone(), node.clone(), entry.clone()];
    for object in [cache, pod, entry, node] {
        all.extend(planted(&object));
    }
    all
}

#[test]
fn foreign_objects_steer_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a\n::error::f\u{9b}.json");
    let text = json!({"apiVersion": "v1", "kind": "List", "items": objects()}).to_string();
    std::fs::write(&file, &text).unwrap();
    let broken = folder.path().join("broken.yaml");
    std::fs::write(&broken, format!("a: \"{HOSTILE}\nb: [##[error]x, &\u{9b}a")).unwrap();
    let forms: [(&str, &[&str]); 4] = [
        (
            "validate",
            &["text", "json", "yaml", "name", "sarif", "junit", "github"],
        ),
        ("match", &["text", "json", "yaml", "name"]),
        ("expire", &["text", "json", "yaml", "name"]),
        (
            "match --profile locality",
            &["text", "json", "yaml", "name"],
        ),
    ];
    for (verb, forms) in forms {
        for form in forms {
            for input in [&file, &broken] {
                let mut args: Vec<&str> = verb.split(' ').collect();
                args.extend(["-o", form, "-f", input.to_str().unwrap()]);
                let output = imagecache(&args).output().unwrap();
                check(
                    &format!("{verb} -o {form} {input:?}"),
                    &output,
                    *form == "github",
                );
                if matches!((*form, input == &file), ("json" | "sarif", true)) {
                    serde_json::from_str::<Value>(stdout(&output)).unwrap();
                }
            }
        }
    }
    let file = file.to_str().unwrap();
    for args in [
        vec!["match", "--explain", "-f", file],
        vec!["reference", HOSTILE, "a\u{9b}b", "##[error]x"],
        vec!["reference", "-o", "json", "a\u{9b}b"],
        vec!["validate", "-f", HOSTILE.trim_end_matches("\0d")],
    ] {
        let command = imagecache(&args[..1]);
        let args: Vec<String> = args[1..].iter().map(|arg| arg.replace('\0', "")).collect();
        let output = command.args(&args).output().unwrap();
        check(&format!("{args:?}"), &output, false);
    }
}

/// A server that answers every call with the reply of the moment.
fn server() -> (String, Arc<Mutex<(u16, Value)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let reply = Arc::new(Mutex::new((200, Value::Null)));
    let current = Arc::clone(&reply);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while head.read_line(&mut line).is_ok_and(|read| read > 2) {
                let lower = line.to_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            let _ = head.read_exact(&mut body);
            let (status, reply) = current.lock().unwrap().clone();
            let text = reply.to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                text.len()
            );
        }
    });
    (url, reply)
}

fn eci(url: &str, args: &[&str]) -> Command {
    imagecache(&["eci"])
        .args(args)
        .args(["--endpoint", url, "--region", "cn-hangzhou"])
        .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
        .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
}

#[test]
fn foreign_replies_steer_no_output_and_show_no_secret() {
    let once = encode(SECRET);
    let quoted = format!("{HOSTILE} {SECRET} {once} {}", encode(&once));
    let entry = json!({
        "ImageCacheId": "imc-2", "ImageCacheName": "base", "Images": ["nginx:1.26"], "ImageCacheSize": 40,
        "Status": "Failed", "Progress": "45%", "RegionId": "cn-hangzhou", "ResourceGroupId": "rg", "SnapshotId": "s",
        "FlashSnapshotId": "f", "ContainerGroupId": "eci", "CreationTime": "2026-01-02T00:00:00Z",
        "ExpireDateTime": "2026-02-02T00:00:00Z", "LastMatchedTime": "2026-01-03T00:00:00Z",
        "EliminationStrategy": "LRU", "Tags": [{"Key": "k", "Value": "v"}],
        "Events": [{"Type": "Warning", "Reason": "Failed", "Message": "m", "LastTimestamp": "2026-01-02T00:00:00Z"}],
    });
    let page = json!({"RequestId": "R", "ImageCacheId": "imc-2", "ImageCaches": [entry]});
    let mut all = page.clone();
    each(&page, &mut |place| {
        if let Some(Value::String(text)) = all.pointer_mut(place) {
            text.clone_from(&quoted);
        }
    });
    let mut named = page.clone();
    named["ImageCaches"][0]["ImageCacheName"] = quoted.as_str().into();
    let refusal = json!({"Code": quoted, "Message": quoted, "RequestId": quoted, "HostId": quoted});
    let mismatch = json!({"Code": "SignatureDoesNotMatch", "Message": quoted});
    let replies = [
        (200, all),
        (200, named),
        (400, refusal),
        (400, mismatch),
        (404, json!(quoted)),
    ];
    let (url, reply) = server();
    for (status, body) in replies {
        *reply.lock().unwrap() = (status, body);
        for args in [
            &["list"] as &[&str],
            &["list", "-o", "json"],
            &["list", "-o", "yaml"],
            &["list", "-o", "name"],
            &["get", "imc-2"],
            &["get", "imc-2", "-o", "json"],
            &["usage"],
            &["delete", "imc-2"],
            &["create", "--name", "base", "--image", "nginx:1.27"],
            &[
                "create",
                "--name",
                "base",
                "--image",
                "nginx:1.27",
                "-o",
                "name",
            ],
        ] {
            let output = eci(&url, args).output().unwrap();
            check(&format!("{args:?} {status}"), &output, false);
            for text in [stdout(&output), stderr(&output)] {
                for form in [SECRET, &once, &encode(&once)] {
                    assert!(!text.contains(form), "{args:?} {status}: {form} in {text}");
                }
            }
        }
    }
}
