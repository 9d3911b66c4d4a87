//! `imagecache cover` from files, against a cluster with the controller, and against the simulated ECI.

use std::process::Output;

use crate::answer;
use crate::common::{imagecache, stderr, stdout};
use crate::server::{Process, kubeconfig, simulate, with_key};
use serde_json::{Value, json};

fn release(images: &[&str]) -> String {
    let objects = images.iter().enumerate().map(|(number, image)| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": format!("app{number}")},
            "spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}})
    });
    Value::from_iter(objects).to_string()
}

fn cover(text: &str, args: &[&str]) -> Output {
    let args = [&["cover", "-f", "-", "-o", "json"], args].concat();
    with_key(imagecache(&args)).stdin(text).output().unwrap()
}

fn names(answer: &Value, list: &str) -> Vec<String> {
    let names = answer[list].as_array().unwrap().iter();
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

fn states(answer: &Value) -> Vec<&str> {
    let needs = answer["needs"].as_array().unwrap().iter();
    needs.map(|need| need["state"].as_str().unwrap()).collect()
}

#[test]
fn cover_of_files_reports_and_makes_nothing() {
    let cache = json!({"ImageCaches": [{"ImageCacheId": "imc-1", "ImageCacheName": "a", "Images": ["a:1"],
        "Status": "Ready"}]});
    let text = format!("{}\n---\n{cache}", release(&["a:1", "b:1"]));
    let output = cover(&text, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(states(&answer(&output)), ["covered", "missing"]);
    let text = format!("{}\n---\n{cache}", release(&["a:1"]));
    assert_eq!(cover(&text, &[]).status.code(), Some(0));
}

#[test]
fn cover_usage_errors_name_the_option() {
    for (args, part) in [
        (&["--wait"][..], "--wait needs"),
        (&["--app", "shop"], "--release"),
        (
            &["--app", "shop", "--release", "1", "--keep", "2"],
            "--keep needs",
        ),
        (&["--app", "a b", "--release", "1"], "letters, digits"),
        (&["--against", "cluster", "--cloud"], "name one of"),
    ] {
        let output = cover(&release(&["a:1"]), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(part), "{args:?}: {output:?}");
    }
}

#[test]
fn cover_of_what_is_not_read_whole_makes_nothing() {
    for text in [
        "",
        r#"{"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": 5}}"#,
        r#"{"kind": "Service", "metadata": {"name": "a"}}"#,
    ] {
        let output = cover(text, &[]);
        assert_eq!(output.status.code(), Some(3), "{text}: {output:?}");
        assert_eq!(stdout(&output), "");
    }
}

/// Two releases are rolled out on a cluster whose controller makes the caches in a simulated ECI. The second keeps the
/// caches of one release only.
#[test]
fn cover_in_a_cluster_makes_waits_keeps_and_retires() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let args = [
        "dev",
        "--listen",
        "127.0.0.1:0",
        "--no-sample",
        "--speed",
        "1000",
        "--data",
        data,
    ];
    let mut dev = Process::start(&args);
    let url = dev.address();
    let config = kubeconfig(&url);
    let config = config.path().to_str().unwrap();
    let cluster = ["--against", "cluster", "--kubeconfig", config];
    let run = |images: &[&str], release: &str, keep: &str, more: &[&str]| {
        let named = ["--app", "shop", "--release", release, "--keep", keep];
        cover(
            &self::release(images),
            &[&cluster[..], &named, more].concat(),
        )
    };
    let wait = ["--wait", "--poll", "1", "--timeout", "1"];

    let planned = run(&["nginx:1", "redis:1"], "1", "1", &["--dry-run"]);
    assert_eq!(planned.status.code(), Some(1), "{planned:?}");
    assert_eq!(states(&answer(&planned)), ["missing", "missing"]);

    let first = run(&["nginx:1", "redis:1"], "1", "1", &wait);
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let found = answer(&first);
    assert_eq!(states(&found), ["covered", "covered"]);
    let made = names(&found, "made");
    assert_eq!(made.len(), 2, "{found}");
    assert!(names(&found, "deleted").is_empty());

    // `redis:1` stays, `nginx:1` goes
    let second = run(&["nginx:2", "redis:1"], "2", "1", &wait);
    assert_eq!(second.status.code(), Some(0), "{second:?}");
    let found = answer(&second);
    assert_eq!(names(&found, "made").len(), 1);
    assert_eq!(names(&found, "deleted"), made[..1]);

    let again = run(&["nginx:2", "redis:1"], "2", "1", &[]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    let found = answer(&again);
    assert!(names(&found, "made").is_empty() && names(&found, "deleted").is_empty());

    let failed = run(&["registry.example.com/missing/a:1"], "3", "1", &wait);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    let found = answer(&failed);
    assert_eq!(states(&found), ["failed"]);
    assert!(names(&found, "deleted").is_empty());
    let said = stderr(&failed);
    assert!(
        said.contains("is Failed: delete it to make it again"),
        "{said}"
    );
    assert!(said.contains("missing/a"), "{said}");
}

#[test]
fn cover_in_the_cloud_makes_and_waits() {
    let (_simulate, endpoint) = simulate("1000");
    let cloud = [
        "--cloud",
        "--endpoint",
        &endpoint,
        "--region",
        "cn-beijing",
        "--app",
        "shop",
        "--release",
        "1",
    ];
    let wait = ["--wait", "--poll", "1", "--timeout", "1"];
    let run =
        |images: &[&str], more: &[&str]| cover(&release(images), &[&cloud[..], more].concat());
    let first = run(&["nginx:1", "redis:1"], &wait);
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    assert_eq!(names(&answer(&first), "made").len(), 2);
    let again = run(&["redis:1"], &[]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert!(names(&answer(&again), "made").is_empty());
    let failed = run(&["registry.example.com/missing/a:1"], &wait);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(stderr(&failed).contains("missing/a"), "{failed:?}");

    let private = run(&["registry.example.com/private/a:1"], &["--dry-run"]);
    assert_eq!(private.status.code(), Some(1), "{private:?}");
    let refused = cover(
        &release(&["nginx:1"]),
        &[
            "--cloud",
            "--endpoint",
            "http://127.0.0.1:9",
            "--region",
            "cn-beijing",
        ],
    );
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
}
