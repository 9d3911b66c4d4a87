//! `imagecache webhook` on one machine: its printed manifests are applied to `imagecache serve`, which calls it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::common;
use super::server::Server;

/// A running `imagecache webhook` that knows the server's image caches; killed when dropped.
struct Webhook {
    child: Child,
    url: String,
}

impl Webhook {
    /// Starts it, and writes the authority to trust into `ca.pem`.
    fn start(home: &TempDir) -> Webhook {
        let mut child = Command::new(env!("CARGO_BIN_EXE_imagecache"))
            .args(["webhook", "--listen", "127.0.0.1:0", "--self-signed"])
            .args(["--settings", "settings.yaml", "--kubeconfig", "config"])
            .current_dir(home.path())
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut authority = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        while !authority.contains("END CERTIFICATE") {
            assert_ne!(out.read_line(&mut authority).unwrap(), 0, "no authority");
        }
        std::fs::write(home.path().join("ca.pem"), authority).unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let url = line.split(';').next().unwrap().replace("listening on ", "");
        let url = url[url.find("https://").unwrap()..].to_owned();
        // what it logs is read, so that it never waits for it
        std::thread::spawn(move || lines.for_each(drop));
        Webhook { child, url }
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const CACHE: &str = r#"{
    "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "base"},
    "spec": {"images": ["registry.cn-hangzhou.aliyuncs.com/eci_open/nginx:1.27"]}
}"#;

const POD: &str = r#"{
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "labels": {"alibabacloud.com/eci": "true"}},
    "spec": {"containers": [{"name": "web", "image": "registry.cn-hangzhou.aliyuncs.com/eci_open/nginx:1.27"}]}
}"#;

/// Runs kubectl with a text as its input, and returns its exit code and what it printed.
fn kubectl(home: &TempDir, line: &str, input: &str) -> (bool, String) {
    let mut child = Command::new(common::kubectl())
        .args(line.split_whitespace())
        .env("KUBECONFIG", home.path().join("config"))
        .env("HOME", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = common::stdout(&output).to_owned() + common::stderr(&output);
    (output.status.success(), said)
}

#[test]
fn printed_webhook_denies_a_cache_and_pins_a_pod() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config");
    let _server = Server::start(&["--kubeconfig-out", config.to_str().unwrap()]);
    std::fs::write(
        home.path().join("settings.yaml"),
        "mode: pin\nifNotPresent: true\n",
    )
    .unwrap();
    let done = |line: &str, input: &str| {
        let (success, said) = kubectl(&home, line, input);
        assert!(success, "kubectl {line}: {said}");
        said
    };
    let webhook = Webhook::start(&home);
    let printed = Command::new(env!("CARGO_BIN_EXE_imagecache"))
        .args([
            "webhook",
            "manifests",
            "--url",
            &webhook.url,
            "--ca-bundle",
            "ca.pem",
        ])
        .current_dir(home.path())
        .output()
        .unwrap();
    let applied = done("apply -f -", common::stdout(&printed));
    assert_eq!(applied.lines().count(), 2, "{applied}");

    let invalid = CACHE.replace("nginx:1.27", "nginx:");
    let (success, said) = kubectl(&home, "apply -f -", &invalid);
    assert!(!success);
    assert!(said.contains("admission webhook \""), "{said}");
    assert!(
        said.contains("denied the request: spec.images[0]"),
        "{said}"
    );

    done("apply -f -", CACHE);
    let status = r#"--patch={"status":{"phase":"Ready","progress":"100%","imageCacheId":"imc-1"}}"#;
    done(
        &format!("patch imagecache base --subresource=status --type=merge {status}"),
        "",
    );
    // the webhook follows the image caches by a watch
    let start = Instant::now();
    let pinned = loop {
        let pod: Value =
            serde_json::from_str(&done("create --dry-run=server -o json -f -", POD)).unwrap();
        let annotations = pod["metadata"]["annotations"].clone();
        if !annotations["k8s.aliyun.com/eci-imc-id"].is_null()
            || start.elapsed() > Duration::from_secs(30)
        {
            break annotations;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(pinned["k8s.aliyun.com/eci-imc-id"], "imc-1", "{pinned}");
    done("create -f -", POD);

    // image caches fail closed, pods fail open
    drop(webhook);
    let (success, said) = kubectl(&home, "apply -f -", &CACHE.replace("base", "other"));
    assert!(!success);
    assert!(said.contains("failed calling webhook \""), "{said}");
    assert!(said.contains("connect: connection refused"), "{said}");
    done("create -f -", &POD.replace("\"web\"", "\"next\""));
}
