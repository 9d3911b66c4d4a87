//! A disk that is full, and a file that is damaged.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::common;
use super::server::{CACHES, Server, command, get, post, request};

fn cache(name: &str) -> serde_json::Value {
    json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {"name": name}, "spec": {"images": [format!("registry.example.com/{name}:1")]},
    })
}

/// Sets the largest file that a process may write; a larger one is an error of the disk to it.
fn limit(process: &str, bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let set = Command::new("prlimit")
        .args(["--pid", process, &limit])
        .status();
    assert!(set.unwrap().success());
}

#[cfg(target_os = "linux")]
#[test]
fn serve_on_a_full_disk_is_not_ready_until_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::without_signal_xfsz(directory.path());
    let address = server.address;
    assert_eq!(post(address, CACHES, &cache("before")).unwrap().0, 201);
    limit(&server.id(), "4096");
    let (code, status) = post(address, CACHES, &cache("during")).unwrap();
    assert_eq!(code, 500, "{status}");
    let message = status["message"].as_str().unwrap();
    assert!(
        message.starts_with("the disk refused the write: "),
        "{message}"
    );
    let (code, text) = get(address, "/readyz?verbose");
    assert_eq!(code, 500, "{text}");
    assert!(
        text.as_str()
            .unwrap()
            .contains("[-]store failed: the last write failed"),
        "{text}"
    );
    assert_eq!(get(address, "/livez").0, 200);
    assert_eq!(get(address, &format!("{CACHES}/before")).0, 200);
    limit(&server.id(), "unlimited");
    std::thread::sleep(std::time::Duration::from_millis(400));
    assert_eq!(get(address, "/readyz").0, 200);
    assert_eq!(post(address, CACHES, &cache("after")).unwrap().0, 201);
    drop(server);
    let again = Server::on(directory.path());
    for name in ["before", "after"] {
        assert_eq!(
            get(again.address, &format!("{CACHES}/{name}")).0,
            200,
            "{name}"
        );
    }
}

/// Flips a bit in every place where a text is in the file of a directory.
fn damage(directory: &Path, text: &str) {
    let file = directory.join("cluster.redb");
    let mut bytes = std::fs::read(&file).unwrap();
    let places: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(text.as_bytes()))
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place] ^= 1;
    }
    std::fs::write(&file, bytes).unwrap();
}

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let output = command(args).output().unwrap();
    let (out, errors) = (common::stdout(&output), common::stderr(&output));
    (output.status.code(), out.to_owned(), errors.to_owned())
}

#[test]
fn serve_on_a_damaged_state_names_recover_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let mut server = Server::on(directory.path());
    for name in ["first", "second", "third"] {
        assert_eq!(post(server.address, CACHES, &cache(name)).unwrap().0, 201);
    }
    let secret = format!("{CACHES}/third/status");
    let merge = "application/merge-patch+json";
    let status = json!({"status": {"phase": "Ready"}}).to_string();
    request(server.address, "PATCH", &secret, merge, &status).unwrap();
    assert_eq!(server.end("-TERM").code(), Some(0));

    // a healthy state: all of it, without what a server writes
    let (code, yaml, errors) = run(&["--data", path, "--export", "-"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(
        yaml.starts_with("---\napiVersion: apiextensions.k8s.io/v1\n"),
        "{yaml}"
    );
    assert!(
        !yaml.contains("managedFields:") && !yaml.contains("resourceVersion:"),
        "{yaml}"
    );
    let third = "\
---
apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: third
spec:
  images:
  - registry.example.com/third:1
status:
  phase: Ready
";
    assert!(yaml.contains(third), "{yaml}");

    damage(directory.path(), "registry.example.com/second");
    let (code, out, errors) = run(&["--listen", "127.0.0.1:0", "--data", path]);
    assert_eq!((code, out.as_str()), (Some(3), ""));
    assert!(
        errors.contains("is damaged") && errors.contains("--recover"),
        "{errors}"
    );
    assert_eq!(errors.lines().count(), 1, "{errors}");
    let (code, _, errors) = run(&["--data", path, "--export", "-"]);
    assert_eq!(code, Some(3), "{errors}");
    let (code, yaml, errors) = run(&["--data", path, "--recover", "--export", "-"]);
    assert_eq!(code, Some(3), "not every object was exported");
    assert!(
        yaml.contains(third) && !yaml.contains("name: second"),
        "{yaml}"
    );
    let key = "eci.alibabacloud.com/imagecaches/second";
    assert!(yaml.contains(&format!("# not exported: {key}: ")), "{yaml}");
    assert!(
        errors.contains(&format!("warning: {key} cannot be exported: ")),
        "{errors}"
    );

    let server = Server::start(&["--data", path, "--recover"]);
    assert_eq!(
        get(server.address, &format!("{CACHES}/third")).1["status"]["phase"],
        "Ready"
    );
    assert_eq!(get(server.address, &format!("{CACHES}/second")).0, 404);
    assert_eq!(
        post(server.address, CACHES, &cache("second")).unwrap().0,
        201
    );
    assert!(directory.path().join("cluster.redb.damaged-1").exists());
    drop(server);
    // nothing is left to recover
    let server = Server::on(directory.path());
    assert_eq!(get(server.address, &format!("{CACHES}/second")).0, 200);
}

#[test]
fn serve_export_makes_a_new_file_that_kubectl_applies() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let file = directory.path().join("all.yaml");
    let file = file.to_str().unwrap();
    let mut server = Server::on(directory.path());
    assert_eq!(post(server.address, CACHES, &cache("base")).unwrap().0, 201);
    assert_eq!(server.end("-TERM").code(), Some(0));
    assert_eq!(run(&["--data", path, "--export", file]).0, Some(0));
    let (code, _, errors) = run(&["--data", path, "--export", file]);
    assert_eq!(code, Some(3));
    assert!(errors.contains("all.yaml: "), "{errors}");
    assert_eq!(run(&["--export", file]).0, Some(2), "--data is missing");
    let nowhere = directory.path().join("nowhere");
    let (code, _, errors) = run(&["--data", nowhere.to_str().unwrap(), "--export", "-"]);
    assert_eq!(code, Some(3));
    assert!(
        errors.contains("no such directory") && !nowhere.exists(),
        "{errors}"
    );

    let config = directory.path().join("config");
    let server = Server::start(&["--kubeconfig-out", config.to_str().unwrap()]);
    let applied = Command::new(common::kubectl())
        .args(["apply", "--server-side", "--force-conflicts", "-f", file])
        .env("KUBECONFIG", &config)
        .env("HOME", directory.path())
        .output()
        .unwrap();
    assert!(applied.status.success(), "{}", common::stderr(&applied));
    assert_eq!(get(server.address, &format!("{CACHES}/base")).0, 200);
}
