//! Exchanges recorded from a real Kubernetes 1.36 API server, sent again to this one.
//!
//! `golden/*.jsonl` holds one recorded exchange a line, in the order of recording, with the steps between them that were
//! not recorded (`step`). What differs from run to run (uids, resource versions, times, continue tokens) are symbols: two
//! values that were equal must be equal, one that was smaller must be smaller, and later requests carry the live ones.
//!
//! A case reaches level
//! * A if the status code is the recorded one,
//! * B if so are the reason of an error or the meaning of an object: all but its metadata, and of that its name,
//!   generation, finalizers, labels, annotations and whether it is being deleted; order of lists; cells of Tables; events,
//! * C if so is everything else: the whole body, its layout and the headers.
//!
//! `golden/levels.txt` says which level each case reaches, so a regression is a diff. After a wanted change:
//! `GOLDEN=overwrite cargo test -p imagecache-apiserver --test golden`, and read the diff.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)] // a test fails by panic

#[path = "golden/exchange.rs"]
mod exchange;
mod support;
#[path = "golden/symbols.rs"]
mod symbols;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use imagecache_apiserver::cluster::Cluster;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use exchange::{Answer, send};
use symbols::Symbols;

const CACHES: &str = "/apis/eci.alibabacloud.com/v1/imagecaches";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// What the recorded client sent with every request.
const CLIENT: [(&str, &str); 2] = [("User-Agent", "curl/7.88.1"), ("Accept", "*/*")];

struct Replay {
    address: SocketAddr,
    symbols: Symbols,
    watches: BTreeMap<String, JoinHandle<Answer>>,
    last_uid: String,
}

/// A body that was recorded as its length.
fn big(name: &str) -> String {
    let cache = |name: &str, annotations: Value, image: String| {
        let metadata = json!({"name": name, "annotations": annotations});
        json!({
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
            "metadata": metadata, "spec": {"images": [image]},
        })
        .to_string()
    };
    let annotation = |length: usize| json!({"a": "x".repeat(length)});
    match name {
        "413-too-large" => cache("big", annotation((3 << 20) + 10), "nginx:1.25".to_owned()),
        "annotations-too-long" => cache("big", annotation((256 << 10) + 10), "nginx".to_owned()),
        "object-1.6MB" => cache("big2", Value::Null, "x".repeat(1_600_000)),
        "json-too-many" => {
            let test = json!({"op": "test", "path": "/kind", "value": "ImageCache"});
            Value::from(vec![test; 10_001]).to_string()
        }
        _ => panic!("no such body: {name}"),
    }
}

impl Replay {
    async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: Option<String>,
    ) -> Answer {
        let mut all: BTreeMap<String, String> = CLIENT
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        all.extend(headers.iter().cloned());
        send(
            self.address,
            method,
            path,
            &all,
            body.map(String::into_bytes),
            None,
        )
        .await
    }

    /// A step between the recorded exchanges.
    async fn step(&mut self, line: &Value, lines: &[Value]) {
        let path = line["path"].as_str().unwrap_or_default();
        match line["step"].as_str().unwrap() {
            "WATCH" => {
                let cases = lines.iter().filter(|line| line.get("case").is_some());
                let begin: Vec<_> = cases.map(|line| self.watch(line)).collect();
                for begins in begin {
                    begins.await.unwrap();
                }
                // one ended before anything was written
                let short = lines.iter().find(|line| {
                    let path = line["path"].as_str().unwrap_or_default();
                    line.get("case").is_some() && path.ends_with("timeoutSeconds=1")
                });
                let short = &self.watches[short.unwrap()["case"].as_str().unwrap()];
                while !short.is_finished() {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            }
            "GONE" => {
                for _ in 0..100 {
                    let answer = self.request("GET", path, &[], None).await;
                    if answer.status == 404 {
                        return;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
                panic!("{path} does not go away");
            }
            method => {
                let body = line["body"].as_str();
                let body = body.map(|body| body.replace("$uid", &self.last_uid));
                let content = line["type"].as_str();
                let headers: Vec<_> = content
                    .map(|content| ("Content-Type".to_owned(), content.to_owned()))
                    .into_iter()
                    .collect();
                let answer = self.request(method, path, &headers, body).await;
                let object = answer.json.unwrap_or_default();
                if method == "POST" {
                    let uid = object["metadata"]["uid"].as_str();
                    self.last_uid = uid.unwrap_or_default().to_owned();
                }
                self.symbols.remember(&object);
                for name in line["learn"].as_array().into_iter().flatten() {
                    let later = lines.iter().find(|line| {
                        let case = line["case"].as_str().unwrap_or_default();
                        case.split_once('-').is_some_and(|(_, case)| name == case)
                    });
                    self.symbols.learn(later.unwrap(), &object["metadata"]);
                }
            }
        }
    }

    /// Begins a watch; the returned channel signals that the server has it.
    fn watch(&mut self, line: &Value) -> oneshot::Receiver<()> {
        let (begins, begun) = oneshot::channel();
        let (method, path, headers, body) = self.live_request(line);
        let name = line["case"].as_str().unwrap().to_owned();
        let address = self.address;
        let mut all: BTreeMap<String, String> = CLIENT
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        all.extend(headers);
        let body = body.map(String::into_bytes);
        let task = async move { send(address, &method, &path, &all, body, Some(begins)).await };
        self.watches.insert(name, tokio::spawn(task));
        begun
    }

    /// A recorded request with the live values.
    fn live_request(
        &self,
        line: &Value,
    ) -> (String, String, Vec<(String, String)>, Option<String>) {
        let body = match line["big"].as_str() {
            Some(name) => Some(big(name)),
            None => line["body"].as_str().map(str::to_owned),
        };
        let (path, body) = self.symbols.to_live(line["path"].as_str().unwrap(), body);
        let headers = line["headers"].as_object().into_iter().flatten();
        let headers = headers
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        (
            line["method"].as_str().unwrap().to_owned(),
            path,
            headers,
            body,
        )
    }

    /// Sends a recorded request; returns the level reached and what stopped it there.
    async fn case(&mut self, line: &Value) -> (char, Vec<String>) {
        let name = line["case"].as_str().unwrap();
        let answer = match self.watches.remove(name) {
            Some(watch) => watch.await.unwrap(),
            None => {
                let (method, path, headers, body) = self.live_request(line);
                self.request(&method, &path, &headers, body).await
            }
        };
        self.symbols.compare(line, &answer)
    }
}

/// Deletes every image cache, finalizers or not.
async fn clean(replay: &Replay) {
    let list = replay.request("GET", CACHES, &[], None).await;
    let items = list.json.unwrap_or_default()["items"].take();
    for item in items.as_array().into_iter().flatten() {
        let path = format!("{CACHES}/{}", item["metadata"]["name"].as_str().unwrap());
        let patch = (
            "Content-Type".to_owned(),
            "application/merge-patch+json".to_owned(),
        );
        let none = r#"{"metadata":{"finalizers":null}}"#.to_owned();
        replay.request("PATCH", &path, &[patch], Some(none)).await;
        replay.request("DELETE", &path, &[], None).await;
    }
}

async fn section(address: SocketAddr, name: &str) -> Vec<(String, char, Vec<String>)> {
    let text = fs::read_to_string(folder().join(name).with_extension("jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut replay = Replay {
        address,
        symbols: Symbols::default(),
        watches: BTreeMap::new(),
        last_uid: String::new(),
    };
    clean(&replay).await;
    let mut levels = Vec::new();
    for line in &lines {
        if line.get("step").is_some() {
            replay.step(line, &lines).await;
        } else {
            let (level, faults) = replay.case(line).await;
            let case = line["case"].as_str().unwrap();
            levels.push((format!("{name}/{case}"), level, faults));
        }
    }
    levels
}

/// Runs sections against a new cluster that serves the definition of this program.
async fn run(sections: &[String]) -> Vec<(String, char, Vec<String>)> {
    let cluster = Cluster::open(support::config()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn({
        let stop = stop.clone();
        async move { cluster.serve(listener, stop).await }
    });
    let mut levels = Vec::new();
    for name in sections {
        levels.extend(section(address, name).await);
    }
    stop.cancel();
    server.await.unwrap();
    levels
}

fn sections() -> Vec<String> {
    let mut sections: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    sections.sort();
    sections
}

/// The first section deletes the definition of this program and ends with the recorded one, which the others are about.
#[tokio::test(flavor = "multi_thread")]
async fn recorded_exchanges_reach_their_levels() {
    let mut levels = String::new();
    let mut count: BTreeMap<char, usize> = BTreeMap::new();
    for (case, level, faults) in run(&sections()).await {
        writeln!(levels, "{level} {case}").unwrap();
        *count.entry(level).or_default() += 1;
        for fault in faults.iter().take(3) {
            println!("{level} {case}\n    {fault}");
        }
    }
    println!("{count:?}");
    let file = folder().join("levels.txt");
    if std::env::var_os("GOLDEN").is_some_and(|value| value == "overwrite") {
        fs::write(&file, &levels).unwrap();
    }
    let wanted = fs::read_to_string(&file).unwrap();
    let changed: Vec<_> = levels
        .lines()
        .zip(wanted.lines())
        .filter(|(is, was)| is != was)
        .collect();
    assert!(levels == wanted, "levels changed (is, was): {changed:#?}");
}

/// What is recorded about objects holds for the definition of this program too.
#[tokio::test(flavor = "multi_thread")]
async fn own_definition_answers_as_the_recorded_one() {
    let sections: Vec<_> = sections()
        .into_iter()
        .filter(|name| !name.starts_with("00") && !name.starts_with("01"))
        .collect();
    let below: Vec<_> = run(&sections)
        .await
        .into_iter()
        // but not what is recorded about the definition itself
        .filter(|(case, level, _)| *level != 'C' && !case.ends_with("-crd"))
        .collect();
    assert!(below.is_empty(), "{below:#?}");
}
