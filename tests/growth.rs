//! Work is linear in the input: ten times the input takes less than fifteen times the instructions.
//!
//! Instructions are counted by valgrind, so the result does not depend on the load of the machine. The test runs itself
//! as a child process under `valgrind --tool=callgrind`, once for each case and size. Without valgrind it is skipped,
//! unless `GROWTH_TEST=required` is set.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::{Command, Stdio};

use imagecache::admission::{AdmissionSettings, CacheSource, decide};
use imagecache::diagnostic::{Levels, Report};
use imagecache::document::TextFormat;
use imagecache::matching::{Index, Inventory, MatchRules, Pod};
use imagecache::reference::describe;
use imagecache::validate::{self, ValidateOptions};
use serde_json::{Value, json};

/// Ten times the input may take this many times the instructions.
const MOST: f64 = 15.0;

/// A case: its name, its smaller size, and what is done with an input of a size.
type Case = (&'static str, usize, fn(usize));

const CASES: [Case; 9] = [
    ("validate one list in YAML", 30, |size| {
        validated(&yaml_list(size));
    }),
    ("validate documents in YAML", 30, |size| {
        validated(&cache_yaml("\n---\n").repeat(size));
    }),
    ("validate one list in JSON", 30, |size| {
        validated(&json!({"kind": "List", "apiVersion": "v1", "items": caches(size)}).to_string());
    }),
    ("validate wrong images", 100, |size| {
        let images = "\n  - Not/An:Image@".repeat(size);
        validated(&format!(
            "apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {{name: a}}\nspec:\n  images:{images}\n"
        ));
    }),
    ("validate duplicate keys", 100, |size| {
        validated(&format!(
            "kind: ConfigMap\ndata:\n{}",
            "  a: b\n".repeat(size)
        ));
    }),
    ("parse a long reference", 1_000, |size| {
        black_box(describe(&"a/".repeat(size)));
        black_box(describe(&format!("a:{}", "b".repeat(size))));
    }),
    ("build an index and explain a pod", 30, |size| {
        let index = index(size);
        let pod = Pod::read(&pod(), &mut Report::new(&Levels::default())).unwrap();
        black_box(index.explain(&pod, &MatchRules::default()));
    }),
    ("read a pod with many containers", 30, |size| {
        let containers: Vec<Value> = (0..size)
            .map(|n| json!({"name": format!("c{n}"), "image": format!("team/app-{n}:1")}))
            .collect();
        let pod = json!({"kind": "Pod", "spec": {"containers": containers}});
        black_box(Pod::read(&pod, &mut Report::new(&Levels::default())));
    }),
    ("admit a pod beside many caches", 30, |size| {
        let request = json!({
            "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE", "object": pod(),
        });
        let settings = AdmissionSettings::parse(&json!({"mode": "pin", "pods": "all"})).unwrap();
        let list = json!({"kind": "ImageCacheList", "items": caches(size)}).to_string();
        let source = || Ok(CacheSource::Text(list.into_bytes()));
        black_box(decide(&request, &settings, source, None));
    }),
];

fn cache_yaml(end: &str) -> String {
    format!(
        "apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {{name: web}}\nspec:\n  images:\n  - nginx:1.27\n  retentionDays: 7{end}"
    )
}

fn yaml_list(size: usize) -> String {
    let mut text = "apiVersion: v1\nkind: List\nitems:\n".to_owned();
    for n in 0..size {
        writeln!(text, "- apiVersion: eci.alibabacloud.com/v1\n  kind: ImageCache\n  metadata: {{name: web-{n}}}\n  spec: {{images: ['team/app-{n}:1', 'redis:7'], retentionDays: 0}}").unwrap();
    }
    text
}

fn caches(size: usize) -> Vec<Value> {
    let cache = |n| {
        json!({
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": format!("web-{n}")},
            "spec": {"images": [format!("team/app-{n}:1"), "nginx:1.27"], "retentionDays": 7},
            "status": {"imageCacheId": format!("imc-{n}"), "phase": "Ready"},
        })
    };
    (0..size).map(cache).collect()
}

fn index(size: usize) -> Index {
    let mut inventory = Inventory::default();
    inventory.add(
        &Value::Array(caches(size)),
        &mut Report::new(&Levels::default()),
    );
    inventory.caches.into_iter().collect()
}

fn pod() -> Value {
    json!({
        "kind": "Pod", "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "web", "image": "nginx:1.27"}, {"name": "app", "image": "team/app-1:1"}]},
    })
}

fn validated(text: &str) {
    black_box(validate::text(
        text,
        TextFormat::Auto,
        &ValidateOptions::default(),
    ));
}

/// The child: does the work that the variables name.
#[test]
#[ignore = "runs under valgrind, started by `work_is_linear_in_the_input`"]
fn child() {
    let case: usize = std::env::var("GROWTH_CASE").unwrap().parse().unwrap();
    let size: usize = std::env::var("GROWTH_SIZE").unwrap().parse().unwrap();
    CASES[case].2(size);
}

/// Returns the number of instructions of a case.
fn instructions(case: usize, size: usize) -> f64 {
    let child = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--test-threads=1"])
        .env("GROWTH_CASE", case.to_string())
        .env("GROWTH_SIZE", size.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stderr);
    assert!(
        child.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&child.stdout)
    );
    let count = text
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1));
    count
        .unwrap_or_else(|| panic!("no count in: {text}"))
        .trim()
        .parse()
        .unwrap()
}

#[test]
fn work_is_linear_in_the_input() {
    let found = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if found.is_err() {
        let required = std::env::var("GROWTH_TEST").is_ok_and(|value| value == "required");
        assert!(
            !required,
            "valgrind is missing: install the package `valgrind`"
        );
        println!("SKIP: valgrind is missing");
        return;
    }
    for (case, (name, size, _)) in CASES.iter().enumerate() {
        // What the process itself takes is the same for every size.
        let start = instructions(case, 0);
        let small = instructions(case, *size) - start;
        let large = instructions(case, size * 10) - start;
        println!(
            "{name}: {small} instructions for {size}, {large} for ten times as much: {:.1}",
            large / small
        );
        assert!(
            small > 10_000.0,
            "{name}: {small} instructions are too few to compare"
        );
        assert!(
            large / small < MOST,
            "{name}: ten times the input takes {:.1} times the instructions",
            large / small
        );
    }
}
