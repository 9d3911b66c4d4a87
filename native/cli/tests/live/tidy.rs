//! `imagecache tidy` with files, and against a cluster and the simulated ECI.

use std::process::Output;

use crate::answer;
use crate::common::{imagecache, stderr, stdout};
use crate::server::{Answer, ListServer, Process, kubeconfig, object, on_cloud, simulate};
#[cfg(target_os = "linux")]
use crate::server::{with_cloud, with_key};
use serde_json::{Value, json};

const NOW: &str = "2026-06-01T00:00:00Z";

/// A cluster and a simulated ECI with caches.
struct Stage {
    server: ListServer,
    config: tempfile::NamedTempFile,
    _simulate: Process,
    cloud: String,
}

impl Stage {
    fn new() -> Self {
        let server = ListServer::new();
        let config = kubeconfig(server.url());
        let (simulate, cloud) = simulate("100000");
        Stage {
            server,
            config,
            _simulate: simulate,
            cloud,
        }
    }

    fn run(&self, args: &[&str]) -> Output {
        on_cloud(args, &self.cloud).output().unwrap()
    }

    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let config = self.config.path().to_str().unwrap();
        let args = ["tidy", "--against", "cluster", "--cloud"];
        // The clock of the simulator is fast: everything is old by this one.
        let now = ["--kubeconfig", config, "--now", "2090-01-01T00:00:00Z"];
        [&args, &now, more].concat()
    }

    fn tidy(&self, more: &[&str]) -> Output {
        self.run(&self.arguments(more))
    }

    /// Runs the command on a terminal, where these keys are typed. Returns the exit code, and what the terminal shows.
    #[cfg(target_os = "linux")]
    fn tidy_on_terminal(&self, more: &[&str], keys: &str) -> (Option<i32>, String) {
        let mut line = env!("CARGO_BIN_EXE_imagecache").to_owned();
        for arg in with_cloud(&self.arguments(more), &self.cloud) {
            line.push(' ');
            line.push_str(arg);
        }
        let args = ["--quiet", "--return", "--command", &line, "/dev/null"];
        let script = with_key(snapbox::cmd::Command::new("script")).args(args);
        let output = script.stdin(keys).output().unwrap();
        (output.status.code(), stdout(&output).to_owned())
    }

    /// Makes a cache, and returns its id.
    fn cache(&self, name: &str, image: &str) -> String {
        let args = [
            "eci", "create", "--name", name, "--image", image, "--size", "20", "--watch", "-o",
            "json",
        ];
        let output = self.run(&args);
        assert!(output.status.success(), "{output:?}");
        let text = stdout(&output);
        let at = text.find("imc-").unwrap();
        text[at..].split('"').next().unwrap().to_owned()
    }

    fn ids(&self) -> Vec<String> {
        let output = self.run(&["eci", "list", "-o", "json"]);
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        let ids = list.as_array().unwrap().iter();
        ids.map(|cache| cache["ImageCacheId"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn owner(name: &str, id: &str, image: &str) -> Value {
    let mut object = object(
        "eci.alibabacloud.com/v1",
        "ImageCache",
        name,
        &json!({"images": [image]}),
    );
    object["status"] = json!({"phase": "Ready", "imageCacheId": id});
    object
}

#[test]
fn tidy_deletes_only_what_is_not_blocked() {
    let stage = Stage::new();
    let used = stage.cache("used", "nginx:1.27");
    let unused = stage.cache("unused", "redis:7");
    stage.server.set(
        "imagecaches",
        Answer::List(vec![owner("used", &used, "nginx:1.27")]),
    );
    let web = object(
        "apps/v1",
        "Deployment",
        "web",
        &json!({"replicas": 1, "template": {"spec": {
        "containers": [{"name": "c", "image": "nginx:1.27"}]}}}),
    );
    stage.server.set("deployments", Answer::List(vec![web]));

    // made by hand: not ours
    let output = stage.tidy(&["-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let all = answer(&output);
    let verdict = |all: &Value, id: &str| {
        let caches = all["caches"].as_array().unwrap().iter();
        let mut of = caches.filter(|cache| cache["imageCacheId"] == id);
        let cache = of.next().unwrap();
        (
            cache["verdict"].as_str().unwrap().to_owned(),
            cache["reason"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(verdict(&all, &unused).0, "blocked");
    assert_eq!(
        verdict(&all, &used),
        (
            "keep".to_owned(),
            "Deployment/web would start from it".to_owned()
        )
    );
    assert_eq!(
        (&all["manual"]["used"], &all["manual"]["most"]),
        (&json!(2), &json!(500))
    );

    // without a terminal nothing is deleted, unless --yes says so
    let output = stage.tidy(&["--others", "--delete", "-o", "name"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(stdout(&output), format!("{unused}\n"));
    assert!(
        stderr(&output).contains("nothing was deleted; 1 image cache may be"),
        "{output:?}"
    );
    let output = stage.tidy(&["--others", "--delete", "--dry-run", "-o", "name"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(stage.ids().len(), 2);

    let output = stage.tidy(&["--others", "--delete", "--yes", "-o", "name"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stdout(&output), format!("{unused}\n{unused} deleted\n"));
    assert_eq!(stage.ids(), [used]);
    assert_eq!(stage.server.changes(), Vec::<String>::new());
}

/// Only a terminal is asked, and only a clear yes deletes. The end of the input (Ctrl-D) is a no.
#[cfg(target_os = "linux")]
#[test]
fn tidy_on_a_terminal_asks_before_it_deletes() {
    let stage = Stage::new();
    let id = stage.cache("idle", "redis:7");
    let delete = ["--others", "--delete", "-o", "name"];
    let question = "Delete 1 image cache? [y/N]";
    for keys in ["", "\u{4}", "\n", "n\n", "no\n", "yesterday\n", "j\ny\n"] {
        let (exit, shown) = stage.tidy_on_terminal(&delete, keys);
        assert_eq!(exit, Some(1), "{keys:?}: {shown}");
        assert!(shown.contains(question), "{keys:?}: {shown}");
        let kept = "note: nothing was deleted; 1 image cache may be";
        assert!(shown.contains(kept), "{keys:?}: {shown}");
        assert_eq!(stage.ids(), [&*id], "{keys:?}: {shown}");
    }
    let (exit, shown) = stage.tidy_on_terminal(&[&delete[..], &["--dry-run"]].concat(), "y\n");
    assert_eq!(exit, Some(1), "{shown}");
    assert!(!shown.contains(question), "{shown}");
    // a yes from a pipe is not one of a person
    let piped = on_cloud(&stage.arguments(&delete), &stage.cloud).stdin("y\n");
    assert_eq!(piped.output().unwrap().status.code(), Some(1));
    assert_eq!(stage.ids(), [&*id]);

    let (exit, shown) = stage.tidy_on_terminal(&delete, "y\n");
    assert_eq!(exit, Some(0), "{shown}");
    assert!(shown.contains(question), "{shown}");
    assert!(shown.contains(&format!("{id} deleted")), "{shown}");
    assert_eq!(stage.ids(), Vec::<String>::new());
}

#[test]
fn tidy_of_an_owned_cache_deletes_its_object() {
    let stage = Stage::new();
    let id = stage.cache("idle", "redis:7");
    stage.server.set(
        "imagecaches",
        Answer::List(vec![owner("idle", &id, "redis:7")]),
    );
    let output = stage.tidy(&["--delete", "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stdout(&output).ends_with("imagecache/idle deleted\n"),
        "{}",
        stdout(&output)
    );
    assert_eq!(
        stage.server.changes(),
        ["DELETE /apis/eci.alibabacloud.com/v1/imagecaches/idle uid=uid-idle resourceVersion=7"]
    );
    // its controller deletes the cache
    assert_eq!(stage.ids(), [id]);
}

#[test]
fn tidy_with_an_unread_list_deletes_nothing() {
    let stage = Stage::new();
    let id = stage.cache("idle", "redis:7");
    stage.server.set(
        "imagecaches",
        Answer::List(vec![owner("idle", &id, "redis:7")]),
    );
    for (plural, given) in [
        ("pods", Answer::Status(403, "no")),
        ("jobs", Answer::BreaksAfter(Vec::new())),
    ] {
        stage.server.set(plural, given);
        let output = stage.tidy(&["--delete", "--yes", "--others", "-o", "json"]);
        assert_eq!(output.status.code(), Some(3), "{plural}: {output:?}");
        assert!(stderr(&output).contains(plural), "{output:?}");
        assert_eq!(
            answer(&output)["caches"][0]["verdict"],
            "blocked",
            "{plural}"
        );
        stage.server.set(plural, Answer::List(Vec::new()));
    }
    assert_eq!(stage.server.changes(), Vec::<String>::new());
    // the cluster alone is not enough, nor is ECI alone
    let config = stage.config.path().to_str().unwrap();
    for args in [
        ["tidy", "--against", "cluster", "--kubeconfig", config].as_slice(),
        &[
            "tidy",
            "--cloud",
            "--others",
            "--now",
            "2090-01-01T00:00:00Z",
        ],
    ] {
        let output = stage.run(&[args, &["--delete", "--yes", "-o", "name"]].concat());
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        assert_eq!(stdout(&output), "", "{args:?}");
    }
    assert_eq!(stage.ids(), [id]);
}

/// The files of a case in which a later cache supersedes another one.
fn world() -> String {
    let cache = |id: &str, image: &str, created: &str| {
        json!({"ImageCacheId": id, "ImageCacheName": id, "Status": "Ready", "Images": [image], "CreationTime": created,
            "LastMatchedTime": "2026-04-01T00:00:00Z", "ImageCacheSize": 20,
            "Tags": [{"Key": "imagecache.eci.alibabacloud.com/uid", "Value": "u"}]})
    };
    let owner = |name: &str, id: &str, image: &str| {
        json!({"kind": "ImageCache", "apiVersion": "eci.alibabacloud.com/v1", "metadata": {"name": name, "uid": "u",
            "resourceVersion": "1"}, "spec": {"images": [image]}, "status": {"imageCacheId": id}})
    };
    let pod = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"},
        "spec": {"containers": [{"image": "web:2"}]}});
    json!([
        {"ImageCaches": [cache("imc-1", "web:1", "2026-01-01T00:00:00Z"), cache("imc-2", "web:2", "2026-02-01T00:00:00Z")]},
        owner("one", "imc-1", "web:1"), owner("two", "imc-2", "web:2"), pod, {"ContainerGroups": []},
    ])
    .to_string()
}

#[test]
fn tidy_of_files_reports_and_never_deletes() {
    let run = |args: &[&str]| {
        imagecache(&[&["tidy", "-f", "-", "--now", NOW], args].concat())
            .stdin(world())
            .output()
            .unwrap()
    };
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stdout(&output).contains("usage unknown: the workloads and pods of the cluster are not known (else superseded-by)"),
        "{}",
        stdout(&output)
    );
    let output = run(&["--complete"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stdout(&output).contains("1 image cache may be deleted, 20 GiB; 0 blocked, 1 kept"),
        "{}",
        stdout(&output)
    );
    assert_eq!(run(&["--delete"]).status.code(), Some(2));
    assert_eq!(run(&["--yes"]).status.code(), Some(2));
    let none = imagecache(&["tidy"]).output().unwrap();
    assert_eq!(none.status.code(), Some(2), "{none:?}");
    let none = imagecache(&["tidy", "--cloud", "--complete"])
        .output()
        .unwrap();
    assert_eq!(none.status.code(), Some(2), "{none:?}");
}
