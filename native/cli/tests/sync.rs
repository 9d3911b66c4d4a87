//! `imagecache sync` as a user runs it: between `imagecache serve` and `imagecache eci simulate`, killed and started again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{imagecache, stderr, stdout};

/// A process that is killed when the test ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(args: &[&str]) -> Process {
    let child = Command::new(env!("CARGO_BIN_EXE_imagecache"))
        .args(args)
        .env_remove("KUBECONFIG")
        .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
        .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Process(child)
}

/// What follows `http://` in the first line that has it, on standard output.
fn address(process: &mut Process) -> String {
    let out = BufReader::new(process.0.stdout.take().unwrap());
    let mut lines = out.lines().map(Result::unwrap);
    let line = lines.find(|line| line.contains("http://")).unwrap();
    let url = line
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .unwrap()
        .trim_end_matches(['.', ',', ';']);
    let url = url.to_owned();
    // nothing else reads the pipe, and a full one would stop the process
    std::thread::spawn(move || lines.for_each(drop));
    url
}

/// An API server, a cloud, and a kubeconfig for both.
struct Stage {
    _serve: Process,
    _simulate: Process,
    cloud: String,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        Self::with_faults("faults: []")
    }

    fn with_faults(faults: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("faults.yaml");
        std::fs::write(&file, faults).unwrap();
        let mut serve = start(&["serve", "--listen", "127.0.0.1:0", "--log-level", "off"]);
        let mut simulate = start(&[
            "eci",
            "simulate",
            "--listen",
            "127.0.0.1:0",
            "--quiet",
            "--speed",
            "20",
            "--faults",
            file.to_str().unwrap(),
        ]);
        let (cluster, cloud) = (address(&mut serve), address(&mut simulate));
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
             clusters: [{{name: here, cluster: {{server: \"{cluster}\"}}}}]\n\
             users: [{{name: here, user: {{}}}}]\n\
             contexts: [{{name: here, context: {{cluster: here, user: here}}}}]\n"
        );
        std::fs::write(folder.path().join("config"), kubeconfig).unwrap();
        Stage {
            _serve: serve,
            _simulate: simulate,
            cloud,
            folder,
        }
    }

    fn config(&self) -> String {
        self.folder
            .path()
            .join("config")
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn sync<'a>(&'a self, config: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let mut args = vec![
            "sync",
            "--kubeconfig",
            config,
            "--endpoint",
            &self.cloud,
            "--region",
            "cn-beijing",
        ];
        args.extend(["--poll", "0.1", "--rest", "0.5"]);
        args.extend(more);
        args
    }

    fn once(&self, config: &str, more: &[&str]) -> Output {
        imagecache(&self.sync(config, &[&["--once"], more].concat()))
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
            .output()
            .unwrap()
    }

    fn kubectl(&self, args: &[&str]) -> String {
        let output = Command::new(common::kubectl())
            .args(["--kubeconfig", &self.config(), "--cache-dir"])
            .arg(self.folder.path().join("cache"))
            .args(args)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "kubectl {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn create(&self, name: &str) {
        let file = self.folder.path().join(format!("{name}.yaml"));
        let text = format!(
            "apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {{name: {name}}}\n\
             spec: {{images: [\"nginx:{name}\"]}}\n"
        );
        std::fs::write(&file, text).unwrap();
        self.kubectl(&["create", "-f", file.to_str().unwrap()]);
    }

    fn caches(&self) -> Vec<String> {
        let args = [
            "eci",
            "list",
            "-o",
            "json",
            "--region",
            "cn-beijing",
            "--endpoint",
            &self.cloud,
        ];
        let output = imagecache(&args)
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
            .output()
            .unwrap();
        let listed: Vec<serde_json::Value> = serde_json::from_str(stdout(&output)).unwrap();
        let mut names: Vec<_> = listed
            .iter()
            .map(|cache| cache["ImageCacheName"].as_str().unwrap().to_owned())
            .collect();
        names.sort_unstable();
        names
    }
}

#[test]
fn sync_killed_at_any_moment_creates_each_cache_once() {
    let stage = Stage::new();
    let config = stage.config();
    let names: Vec<String> = (0..6).map(|number| format!("c{number}")).collect();
    for name in &names {
        stage.create(name);
    }
    for round in 0..6 {
        let sync = start(&stage.sync(&config, &["--log-level", "off"]));
        std::thread::sleep(Duration::from_millis(60 + 70 * round));
        // dropping kills it
        drop(sync);
    }
    let mut last = start(&stage.sync(&config, &["--log-level", "off"]));
    stage.kubectl(&[
        "wait",
        "--for=condition=Ready",
        "ic",
        "--all",
        "--timeout=120s",
    ]);
    assert_eq!(stage.caches(), names);
    stage.kubectl(&["delete", "ic", "--all", "--timeout=60s"]);
    assert_eq!(stage.caches(), Vec::<String>::new());
    let pid = last.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(last.0.wait().unwrap().code(), Some(0));
}

#[test]
fn sync_dry_run_prints_effects_and_once_ends() {
    let stage = Stage::new();
    let config = stage.config();
    stage.create("base");
    let dry = stage.once(&config, &["--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{}", stderr(&dry));
    let lines: Vec<&str> = stdout(&dry).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(
        lines[0].starts_with("base: patch the object ")
            && lines[1].starts_with("base: patch the status ")
    );
    assert!(
        lines[2].starts_with("base: CreateImageCache ") && lines[2].contains("Image.1=nginx:base"),
        "{}",
        lines[2]
    );
    assert_eq!(stage.caches(), Vec::<String>::new());
    let once = stage.once(&config, &[]);
    assert_eq!(once.status.code(), Some(0), "{}", stderr(&once));
    assert!(stderr(&once).contains("1 ImageCaches, 0 not reconciled"));
    assert_eq!(stage.caches(), ["base"]);
}

#[test]
fn sync_once_exits_1_with_refused_calls() {
    for (faults, words) in [
        (
            "faults: [{action: CreateImageCache, fault: error, code: QuotaExceeded}]",
            "base: QuotaExceeded: ",
        ),
        (
            "faults: [{action: CreateImageCache, fault: refuse}]",
            "base: CreateImageCache",
        ),
    ] {
        let stage = Stage::with_faults(faults);
        let config = stage.config();
        stage.create("base");
        let once = stage.once(&config, &[]);
        let said = stderr(&once);
        assert_eq!(once.status.code(), Some(1), "{said}");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 2, "{said}");
        assert!(lines[0].starts_with(words), "{said}");
        assert_eq!(lines[1], "1 ImageCaches, 1 not reconciled");
        assert_eq!(stage.once(&config, &[]).status.code(), Some(1));
        assert_eq!(stage.caches(), Vec::<String>::new());
    }
}

#[test]
fn sync_reports_permanent_errors_and_retries_temporary_ones() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let with = |config: &Path, more: &[&str]| {
        let mut args = vec![
            "sync",
            "--kubeconfig",
            config.to_str().unwrap(),
            "--region",
            "cn-beijing",
            "--once",
        ];
        args.extend(more);
        imagecache(&args)
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "a")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "b")
            .output()
            .unwrap()
    };
    let missing = with(&nowhere, &[]);
    assert_eq!(missing.status.code(), Some(3));
    assert!(
        stderr(&missing).contains("nowhere: cannot be read: no such file"),
        "{}",
        stderr(&missing)
    );
    let stage = Stage::new();
    let wrong = with(Path::new(&stage.config()), &["--endpoint", &stage.cloud]);
    assert_eq!(wrong.status.code(), Some(3));
    let said = stderr(&wrong);
    assert!(
        said.contains("the credentials are wrong") && said.lines().count() == 1,
        "{said}"
    );

    // a cluster that comes later
    let config = stage.config();
    let text = std::fs::read_to_string(&config).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let line = text.lines().find(|line| line.contains("server:")).unwrap();
    let later = text.replace(
        line,
        &format!("clusters: [{{name: here, cluster: {{server: \"http://127.0.0.1:{port}\"}}}}]"),
    );
    let later_config = stage.folder.path().join("later");
    std::fs::write(&later_config, later).unwrap();
    let mut sync = start(&stage.sync(later_config.to_str().unwrap(), &["--listen", "127.0.0.1:0"]));
    let begun = Instant::now();
    let mut log = BufReader::new(sync.0.stderr.take().unwrap()).lines();
    let told = log
        .by_ref()
        .map(Result::unwrap)
        .find(|line| line.contains("ImageCaches cannot be watched"))
        .unwrap();
    assert!(told.contains("the cluster does not respond"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(60));
    let pid = sync.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let mut rest = String::new();
    log.map(Result::unwrap)
        .for_each(|line| rest.push_str(&line));
    assert_eq!(sync.0.wait().unwrap().code(), Some(0), "{rest}");
    let mut out = String::new();
    sync.0
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    assert_eq!(out, "");
}
