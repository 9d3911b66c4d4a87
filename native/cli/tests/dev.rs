//! `imagecache dev` as people meet it: what it prints can be done, what it shows happens, what it kept is there again.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::{run, stderr, stdout};
use serde_json::{Value, json};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const CACHES: &str = "/apis/eci.alibabacloud.com/v1/imagecaches";

struct Dev {
    child: Child,
    greeting: String,
    server: String,
    told: Receiver<String>,
}

impl Dev {
    fn start(more: &[&str]) -> Dev {
        let mut child = Command::new(env!("CARGO_BIN_EXE_imagecache"))
            .args(["dev", "--listen", "127.0.0.1:0"])
            .args(more)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains("imagecache eci list") {
            if out.read_line(&mut greeting).unwrap() == 0 {
                let mut said = String::new();
                child
                    .stderr
                    .take()
                    .unwrap()
                    .read_to_string(&mut said)
                    .unwrap();
                panic!("{greeting}{said}");
            }
        }
        let server = greeting
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://"))
            .unwrap();
        let server = format!("http://{}", server.trim_end_matches(','));
        let told = lines(child.stderr.take().unwrap());
        Dev {
            child,
            greeting,
            server,
            told,
        }
    }

    /// Waits for a line of the output.
    fn until(&self, part: &str) -> String {
        let since = Instant::now();
        let mut told = String::new();
        while since.elapsed() < PATIENCE {
            if let Ok(line) = self.told.recv_timeout(Duration::from_millis(100)) {
                assert!(!line.contains("WARN"), "{line}");
                if line.contains(part) {
                    return line;
                }
                told = format!("{told}{line}\n");
            }
        }
        panic!("never `{part}`:\n{told}");
    }

    fn get(&self, path: &str) -> Value {
        let output = sh(&format!("curl -sS {}{path}", self.server));
        serde_json::from_str(stdout(&output)).unwrap()
    }

    fn cache(&self, name: &str) -> Value {
        self.get(&format!("{CACHES}/{name}"))
    }

    fn post(&self, path: &str, object: &Value) -> Value {
        let address = format!("{}{path}", self.server);
        let output = sh(&format!(
            "curl -sS -X POST -H 'Content-Type: application/json' -d '{object}' {address}"
        ));
        serde_json::from_str(stdout(&output)).unwrap()
    }

    /// Asks it to end; it ends well, and soon.
    fn end(mut self) {
        let since = Instant::now();
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        assert!(
            since.elapsed() < Duration::from_secs(20),
            "{:?}",
            since.elapsed()
        );
        let told: String = self.told.iter().map(|line| line + "\n").collect();
        assert!(!told.contains("WARN") && !told.contains("ERROR"), "{told}");
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What is written, line by line, read as it comes so that the process never waits on a full pipe.
fn lines(from: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn sh(command: &str) -> Output {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", stderr(&output));
    output
}

/// Asks until the answer is what is waited for.
fn until<T>(mut ask: impl FnMut() -> T, wanted: impl Fn(&T) -> bool) -> T {
    let since = Instant::now();
    loop {
        let answer = ask();
        if wanted(&answer) {
            return answer;
        }
        assert!(since.elapsed() < PATIENCE, "never what was waited for");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn dev_printed_curl_lines_work() {
    let dev = Dev::start(&["--no-sample"]);
    let commands: Vec<&str> = dev
        .greeting
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("curl "))
        .collect();
    let answers: Vec<Value> = commands
        .iter()
        .map(|command| {
            serde_json::from_str(stdout(&sh(&command.replacen("curl", "curl -sS", 1)))).unwrap()
        })
        .collect();
    assert_eq!(answers.len(), 4);
    assert_eq!(
        (&answers[0]["kind"], &answers[0]["metadata"]["name"]),
        (&json!("ImageCache"), &json!("mine"))
    );
    assert_eq!(answers[1]["kind"], "ImageCacheList");
    assert_eq!(answers[1]["items"][0]["metadata"]["name"], "mine");
    assert_eq!(answers[2]["spec"]["images"], json!(["nginx:1.27"]));
    dev.until("imagecache/mine  deleted");
    assert_eq!(dev.cache("mine")["reason"], "NotFound");
    dev.end();
}

/// The commands of the vendor's documents, at another port.
#[test]
fn the_vendors_curl_examples_are_answered() {
    let dev = Dev::start(&["--no-sample"]);
    let address = format!("{}{CACHES}", dev.server);
    let one = format!("{address}/imagecache-secrets-test");
    let create = format!(
        "curl -sS -i -X POST -H 'Content-Type: application/yaml' --data '
apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: imagecache-secrets-test
spec:
  images:
  - registry.cn-shanghai.aliyuncs.com/baz/nginx:1.0
  imagePullSecrets:
  - default:acr-test
' {address}"
    );
    let delete = format!("curl -sS -i -X DELETE -H 'Content-Type: application/yaml' '{one}'");
    for (command, status, part) in [
        (
            create.as_str(),
            "201 Created",
            "\"imagecache-secrets-test\"",
        ),
        (
            &format!("curl -sS -i -X GET '{address}'"),
            "200 OK",
            "ImageCacheList",
        ),
        (
            &format!("curl -sS -i -X GET '{one}'"),
            "200 OK",
            "\"kind\": \"ImageCache\"",
        ),
        (
            &delete.replace("alibabacloud", "alibabpacloud"),
            "404 Not Found",
            "404 page not found",
        ),
        (&delete, "200 OK", ""),
    ] {
        let output = sh(command);
        let answer = stdout(&output);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{command}\n{answer}"
        );
        assert!(answer.contains(part), "{command}\n{answer}");
    }
    dev.end();
}

#[test]
fn the_sample_becomes_ready_and_its_pod_hits_the_cache() {
    let dev = Dev::start(&["--speed", "10"]);
    dev.until("imagecache/sample  Ready");
    let cache = dev.cache("sample");
    assert_eq!(cache["status"]["phase"], "Ready");
    let id = cache["status"]["imageCacheId"].as_str().unwrap().to_owned();
    let hit = dev.until("pod/sample  SuccessfulHitImageCache");
    assert!(hit.contains(&id), "{hit}");
    let pod = until(
        || dev.get("/api/v1/namespaces/default/pods/sample"),
        |pod| pod["status"]["phase"] == "Running",
    );
    assert_eq!(
        pod["metadata"]["annotations"]["k8s.aliyun.com/eci-matched-image-cache"],
        id.as_str()
    );
    // The ImageCache of the same name has events of its own, with another clock.
    let events = dev.get(
        "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=sample,involvedObject.kind=Pod",
    );
    let reasons = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["reason"].as_str().unwrap());
    assert!(
        reasons
            .clone()
            .any(|reason| reason == "SuccessfulHitImageCache"),
        "{:?}",
        reasons.collect::<Vec<_>>()
    );
    let times = events["items"].as_array().unwrap().iter();
    let times: Vec<&str> = times
        .map(|event| event["firstTimestamp"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "listed as they happened: {times:?}");
    let shown = Command::new(common::kubectl())
        .args(["--server", &dev.server, "get", "events"])
        .env("KUBECONFIG", "/dev/null")
        .output()
        .unwrap();
    let shown = stdout(&shown);
    assert!(
        shown.contains("SuccessfulHitImageCache") && !shown.contains("<invalid>"),
        "the cloud's clock runs ahead, and events have an age nevertheless: {shown}"
    );
    dev.end();
}

#[test]
fn kubectl_watches_a_cache_from_pending_to_ready() {
    let kubectl = common::kubectl();
    let dev = Dev::start(&["--no-sample"]);
    let mut watch = Command::new(&kubectl)
        .args(["--server", &dev.server, "get", "ic", "--watch"])
        .env("KUBECONFIG", "/dev/null")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut rows = BufReader::new(watch.stdout.take().unwrap()).lines();
    dev.post(CACHES, &json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "base"},
        "spec": {"images": ["nginx:1.27", "redis:7.4"]},
    }));
    let mut shown = String::new();
    while !shown.contains("Ready") {
        shown = format!("{shown}{}\n", rows.next().unwrap().unwrap());
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(shown.starts_with("NAME"), "{shown}");
    let rows: Vec<&str> = shown
        .lines()
        .filter(|row| row.starts_with("base "))
        .collect();
    assert!(
        rows[0].contains("Pending") || !rows[0].contains("Ready"),
        "{shown}"
    );
    assert!(rows.last().unwrap().contains("Ready"), "{shown}");
    assert!(rows.len() > 2, "{shown}");
    let described = Command::new(kubectl)
        .args(["--server", &dev.server, "describe", "ic", "base"])
        .env("KUBECONFIG", "/dev/null")
        .output()
        .unwrap();
    assert!(
        stdout(&described).contains("Phase:"),
        "{}",
        stderr(&described)
    );
    dev.end();
}

#[test]
fn time_can_be_made_to_fly_until_a_cache_ends() {
    let dev = Dev::start(&["--no-sample", "--speed", "20000"]);
    dev.post(CACHES, &json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "short"},
        "spec": {"images": ["nginx:1.27"], "retentionDays": 1},
    }));
    dev.until("imagecache/short  Ready");
    // A day takes some four seconds.
    dev.until("imagecache/short  Expired: ");
    let ended = dev.cache("short");
    assert_eq!(ended["status"].get("phase"), None, "{ended}");
    dev.end();
}

#[test]
fn dev_admission_has_the_messages_of_the_core() {
    let dev = Dev::start(&["--no-sample"]);
    let cache = json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "bad"},
        "spec": {"images": ["nginx:"]},
    });
    let denied = dev.post(CACHES, &cache);
    assert_eq!(
        (&denied["kind"], &denied["code"]),
        (&json!("Status"), &json!(422))
    );
    assert!(
        denied["message"]
            .as_str()
            .unwrap()
            .contains("spec.images[0]"),
        "{denied}"
    );
    let address = format!("{}{CACHES}", dev.server);
    let mut moving = cache;
    moving["spec"]["images"] = json!(["nginx:latest"]);
    let output = sh(&format!(
        "curl -sS -i -X POST -H 'Content-Type: application/json' -d '{moving}' {address}"
    ));
    let answer = stdout(&output).to_lowercase();
    assert!(
        answer.contains("warning: 299 - \"spec.images[0]: "),
        "{answer}"
    );
    dev.end();
}

#[test]
fn killed_in_the_middle_it_goes_on_where_it_was() {
    let folder = std::env::temp_dir().join(format!("imagecache-dev-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let data = folder.to_str().unwrap();
    let start = || Dev::start(&["--data", data, "--no-sample", "--speed", "3"]);
    let object = |name: &str| {
        json!({
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": name},
            "spec": {"images": ["nginx:1.27", "redis:7.4", "busybox:1.37"]},
        })
    };
    let dev = start();
    let made = dev.post(CACHES, &object("base"));
    let uid = made["metadata"]["uid"].as_str().unwrap().to_owned();
    let creating = until(
        || dev.cache("base"),
        |cache| cache["status"]["imageCacheId"].is_string(),
    );
    let id = creating["status"]["imageCacheId"].clone();
    dev.kill();

    let dev = start();
    assert_eq!(dev.cache("base")["metadata"]["uid"], uid.as_str());
    let ready = until(
        || dev.cache("base"),
        |cache| cache["status"]["phase"] == "Ready",
    );
    assert_eq!(ready["status"]["imageCacheId"], id);
    // Directly after an answer.
    assert_eq!(dev.post(CACHES, &object("second"))["kind"], "ImageCache");
    dev.kill();

    let dev = start();
    let second = until(
        || dev.cache("second"),
        |cache| cache["status"]["phase"] == "Ready",
    );
    assert_ne!(second["status"]["imageCacheId"], id);
    assert_eq!(dev.cache("base")["status"]["imageCacheId"], id);
    // The kubeconfig beside the state is that of the process that runs.
    let kubeconfig = fs::read_to_string(folder.join("kubeconfig")).unwrap();
    assert!(
        kubeconfig.contains(&format!("server: {}\n", dev.server)),
        "{kubeconfig}"
    );

    let taken = run(&["dev", "--listen", "127.0.0.1:0", "--data", data]);
    assert_eq!(taken.status.code(), Some(3));
    assert_eq!(stderr(&taken).lines().count(), 1, "{}", stderr(&taken));
    dev.end();
    fs::remove_dir_all(&folder).unwrap();
}

/// A process of `imagecache sync`, killed when it is dropped.
struct Sync(Child);

impl Drop for Sync {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Dev {
    /// The line that it prints, with the keys that it prints, and then some.
    fn sync(&self, more: &[&str]) -> Sync {
        let line = self.line("imagecache sync ");
        let args = line.split_whitespace().skip(1);
        Sync(self.with_keys(args).args(more).spawn().unwrap())
    }

    /// The caches in the cloud, from the line that it prints.
    fn cloud(&self) -> Vec<Value> {
        let line = self.line("imagecache eci list ");
        let args = line.split_whitespace().skip(1);
        let output = self.with_keys(args).args(["-o", "json"]).output().unwrap();
        serde_json::from_str(stdout(&output)).unwrap()
    }

    fn line(&self, start: &str) -> &str {
        let mut lines = self.greeting.lines().map(str::trim);
        lines.find(|line| line.starts_with(start)).unwrap()
    }

    fn with_keys<'a>(&self, args: impl Iterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imagecache"));
        let keys = self.line("export ").split_whitespace().skip(1);
        command
            .args(args)
            .env_remove("KUBECONFIG")
            .envs(keys.filter_map(|key| key.split_once('=')));
        command
    }
}

#[test]
fn dev_external_controller_converges_after_being_killed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let dev = Dev::start(&["--data", data, "--no-controller", "--no-sample"]);
    let names: Vec<String> = (0..6).map(|number| format!("c{number}")).collect();
    for name in &names {
        dev.post(CACHES, &json!({
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": name},
            "spec": {"images": [format!("nginx:{name}")]},
        }));
    }
    let quick = ["--poll", "0.1", "--rest", "0.3", "--log-level", "warn"];
    let of_nobody = dev.get(CACHES);
    assert!(
        of_nobody["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|cache| cache.get("status").is_none()),
        "without a controller nothing happens: {of_nobody}"
    );
    let mut under_way = 0;
    for life in 0..8 {
        let sync = dev.sync(&quick);
        std::thread::sleep(Duration::from_millis(50 + 60 * life));
        drop(sync);
        let made = dev.cloud();
        under_way += usize::from(made.iter().any(|cache| cache["Status"] != "Ready"));
    }
    assert!(under_way > 0, "it was killed while caches were made");
    let all_ready = |list: &Value| {
        let mut caches = list["items"].as_array().unwrap().iter();
        caches.all(|cache| cache["status"]["phase"] == "Ready")
    };
    let last = dev.sync(&quick);
    until(|| dev.get(CACHES), all_ready);
    let made = dev.cloud();
    let mut listed: Vec<_> = made
        .iter()
        .map(|cache| cache["ImageCacheName"].as_str())
        .collect();
    listed.sort_unstable();
    let wanted: Vec<_> = names.iter().map(|name| Some(name.as_str())).collect();
    assert_eq!(listed, wanted, "each is made once");
    // the version of a list is that of the whole cluster: no write of any kind goes unseen
    let version = || dev.get(CACHES)["metadata"]["resourceVersion"].clone();
    std::thread::sleep(Duration::from_secs(1));
    let at_rest = version();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(version(), at_rest);
    drop(last);
    let another = dev.sync(&quick);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(version(), at_rest, "nor does another that finds all well");
    assert_eq!(dev.cloud(), made);
    drop(another);
    dev.end();
}

#[test]
fn killed_before_the_sample_is_ready_it_still_makes_its_pod() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let dev = Dev::start(&["--data", data]);
    dev.until("imagecache/sample  Preparing");
    dev.kill();
    let dev = Dev::start(&["--data", data, "--speed", "10"]);
    dev.until("pod/sample  SuccessfulHitImageCache");
    let pod = "/api/v1/namespaces/default/pods/sample";
    sh(&format!(
        "curl -sS -X DELETE {}{pod}?gracePeriodSeconds=0",
        dev.server
    ));
    until(|| dev.get(pod), |pod| pod["reason"] == "NotFound");
    dev.end();
    // what was deleted is not made again
    let dev = Dev::start(&["--data", data]);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(dev.get(pod)["reason"], "NotFound");
    dev.end();
}

#[test]
fn dev_unusable_argument_is_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let root = env!("CARGO_MANIFEST_DIR");
    let file = Path::new(root).join("Cargo.toml").display().to_string();
    let below = format!("{file}/state");
    let free = ["dev", "--listen", "127.0.0.1:0"];
    for (arguments, said) in [
        (vec!["dev", "--listen", &address], "address in use"),
        (
            [&free[..], &["--listen-eci", &address]].concat(),
            "address in use",
        ),
        (
            [&free[..], &["--data", &file]].concat(),
            "expected a directory",
        ),
        (
            [&free[..], &["--data", &below]].concat(),
            "cannot be created",
        ),
        (
            [&free[..], &["--settings", "nowhere.yaml"]].concat(),
            "no such file",
        ),
        (
            [&free[..], &["--settings", "tests/data/valid.yaml"]].concat(),
            "kind: unknown field",
        ),
    ] {
        let output = run(&arguments);
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {error}");
        assert!(
            error.starts_with("error: ") && error.contains(said),
            "{arguments:?}: {error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}
