//! `imagecache plan` on the shop of the examples: every form, and what follows from its manifests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs the command in the root of the project, with standard input.
fn run(arguments: &str, input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_imagecache"))
        .args(arguments.split(' '))
        .current_dir(root())
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
    child.wait_with_output().unwrap()
}

const SHOP: &str = "plan -f examples/shop --now 2026-11-30T00:00:00Z";

fn shop(more: &str) -> String {
    let output = run(&format!("{SHOP} {more}"), "");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn plan_then_match_every_pod_of_the_shop_hits() {
    let manifests = shop("-o yaml");
    let output = run(
        "match -f - -f examples/shop --fail-on partial -o json",
        &manifests,
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 12);
    assert!(answers.iter().all(|answer| answer["decision"] == "Hit"));
}

#[test]
fn plan_manifests_of_the_shop_validate_without_findings() {
    let output = run("validate -f -", &shop("-o yaml"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.ends_with("checked: nothing found\n"), "{text}");
}

#[test]
fn plan_applied_changes_nothing_more() {
    // The manifests as a cluster has them later: with a status, and nothing else.
    let stored = shop("-o yaml").replace("\n---\n", "\nstatus: {phase: Ready}\n---\n");
    let stored = format!("{stored}status: {{phase: Ready}}\n");
    let arguments = "plan -f - -f examples/shop/services.yaml -f examples/shop/jobs.yaml -f examples/shop/node.yaml";
    let output = run(&format!("{arguments} -o json"), &stored);
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let actions: Vec<&str> = plan["caches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cache| cache["action"].as_str().unwrap())
        .collect();
    assert!(
        actions.iter().all(|action| *action == "keep"),
        "{actions:?}"
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn plan_forms_hold_every_cache() {
    let json: Value = serde_json::from_str(&shop("-o json")).unwrap();
    let names: Vec<&str> = json["caches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cache| cache["name"].as_str().unwrap())
        .collect();
    assert!(names.len() > 4);
    for form in [
        "text",
        "yaml",
        "markdown",
        "terraform",
        "html",
        "text --explain",
    ] {
        let text = shop(&format!("-o {form}"));
        assert!(
            names.iter().all(|name| text.contains(name)),
            "{form}: {text}"
        );
        assert!(!text.contains("<script"), "{form}");
    }
}

#[test]
fn plan_html_is_well_formed_and_escapes_what_it_shows() {
    let evil = "kind: Pod\nmetadata: {name: \"<script>alert(1)</script>\"}\nspec: {containers: [{image: \"a&b\"}]}\n";
    let output = run("plan -f - -o html", evil);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(
        page.contains("&lt;script&gt;") && !page.contains("<script"),
        "{page}"
    );
    assert!(page.contains("a&amp;b"), "{page}");
    assert!(shop("-o html").contains("<div class=use style=\"width:99"));
}

#[test]
fn plan_names_what_it_cannot_use_and_plans_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.yaml");
    let rows = "currency: EUR\nprices:\n- {source: bill, useGibHour: 1}\n- {source: bill, date: 2026-01-01, useGibHour: 0.001}\n";
    std::fs::write(&file, rows).unwrap();
    let file = file.display();
    let output = run(
        &format!("{SHOP} --prices {file} --hours Deployment/none=3 -o json"),
        "",
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("prices[0].date: required"), "{said}");
    assert!(
        said.contains("hours[Deployment/none]: no such workload in the input"),
        "{said}"
    );
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["currency"], "EUR");
    assert_eq!(plan["covered"].as_array().unwrap().len(), 12);
    for (arguments, code) in [
        ("plan -f examples/shop --image-size a", 2),
        ("plan -f examples/shop --image-size a=much", 2),
        ("plan -f examples/shop --retention often", 2),
        ("plan -f examples/shop --prices none.yaml", 3),
        ("plan -f examples/shop/caches.yaml", 3),
        ("plan", 2),
    ] {
        assert_eq!(run(arguments, "").status.code(), Some(code), "{arguments}");
    }
}
