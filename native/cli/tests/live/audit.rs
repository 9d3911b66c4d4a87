//! `imagecache audit` with files, and against a cluster and the simulated ECI.

use crate::answer;
use crate::common::{imagecache, stderr, stdout};
use crate::server::{Answer, ListServer, kubeconfig, object, on_cloud, simulate};
use serde_json::{Value, json};

fn cache(id: &str) -> Value {
    let mut cache = object(
        "eci.alibabacloud.com/v1",
        "ImageCache",
        "web",
        &json!({"images": ["nginx:1.27"]}),
    );
    cache["status"] = json!({"phase": "Ready", "imageCacheId": id});
    cache
}

fn pod(name: &str, image: &str) -> Value {
    let mut pod = object(
        "v1",
        "Pod",
        name,
        &json!({"containers": [{"name": "c", "image": image}]}),
    );
    pod["metadata"]["creationTimestamp"] = json!("2026-02-01T00:00:00Z");
    pod
}

fn event(pod: &str, reason: &str, message: &str) -> Value {
    let mut event = object("v1", "Event", &format!("{pod}.1"), &Value::Null);
    event["involvedObject"] = json!({"kind": "Pod", "name": pod, "uid": format!("uid-{pod}")});
    event["reason"] = json!(reason);
    event["message"] = json!(message);
    event
}

#[test]
fn audit_of_a_cluster_names_the_rule() {
    let server = ListServer::new();
    let config = kubeconfig(server.url());
    let run = |more: &[&str]| {
        let args = [
            "audit",
            "--against",
            "cluster",
            "--kubeconfig",
            config.path().to_str().unwrap(),
        ];
        imagecache(&[&args[..], more].concat()).output().unwrap()
    };
    // nothing is known
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(
        stderr(&output).contains("no event or annotation says which cache a pod used"),
        "{output:?}"
    );

    server.set("imagecaches", Answer::List(vec![cache("imc-1")]));
    server.set("pods", Answer::List(vec![pod("a", "nginx:1.27")]));
    let hit = "[eci.imagecache]Successfully hit image cache imc-1, eci will be scheduled with this image cache.";
    server.set(
        "events",
        Answer::List(vec![event("a", "SuccessfulHitImageCache", hit)]),
    );
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stdout(&output).contains("starts that agree with the prediction: 1 of 1"),
        "{}",
        stdout(&output)
    );

    // ECI does not use a cache with another version
    server.set(
        "pods",
        Answer::List(vec![pod("a", "nginx:1.27"), pod("b", "nginx:1.28")]),
    );
    let missed = event(
        "b",
        "ImageCacheMissed",
        "[eci.imagecache]Missed image cache.",
    );
    let made = event(
        "b",
        "ImageCacheAutoCreated",
        "[eci.imagecache]Image cache imc-2 is auto created",
    );
    let hit = event("a", "SuccessfulHitImageCache", hit);
    server.set("events", Answer::List(vec![hit, missed, made]));
    let output = run(&["-o", "json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let audit = answer(&output);
    assert_eq!(audit["suspects"], json!(["strict"]));
    assert_eq!(audit["disagreements"][0]["pod"], "Pod/b");
    let output = run(&[]);
    assert!(
        stdout(&output).contains("explains 1 of 1, contradicts no start: strict: "),
        "{}",
        stdout(&output)
    );

    server.set("events", Answer::Status(403, "no events for you"));
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(
        stderr(&output).contains("events: not read: not permitted: no events for you"),
        "{output:?}"
    );
}

#[test]
fn audit_asks_ecis_own_matching() {
    let (_simulate, cloud) = simulate("100000");
    let run = |args: &[&str], input: &str| on_cloud(args, &cloud).stdin(input).output().unwrap();
    let made = run(
        &[
            "eci",
            "create",
            "--name",
            "web",
            "--image",
            "nginx:1.27",
            "--watch",
        ],
        "",
    );
    assert!(made.status.success(), "{made:?}");
    let mut started = pod("a", "nginx:1.27");
    started["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
    let missed = event(
        "a",
        "ImageCacheMissed",
        "[eci.imagecache]Missed image cache.",
    );
    let mut auto = missed.clone();
    auto["reason"] = json!("ImageCacheAutoCreated");
    let files = json!([started, missed, auto]).to_string();
    let output = run(
        &[
            "audit",
            "-f",
            "-",
            "--cloud",
            "--ask-cloud",
            "--now",
            "2090-01-01T00:00:00Z",
            "-o",
            "json",
        ],
        &files,
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let audit = answer(&output);
    assert_eq!(audit["vendor"][0]["images"], json!(["nginx:1.27"]));
    assert_eq!(audit["vendor"][0]["agrees"], true);
    assert!(
        audit["vendor"][0]["predicted"]
            .as_str()
            .unwrap()
            .starts_with("imc-")
    );
    let alone = imagecache(&["audit", "-f", "-", "--ask-cloud"])
        .stdin("[]")
        .output()
        .unwrap();
    assert_eq!(alone.status.code(), Some(2), "{alone:?}");
}
