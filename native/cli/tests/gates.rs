//! The exit codes of verbs for what they cannot read: the cases of `tests/data/gates.json` for `validate`, `match` and
//! `expire`, and those of `data/gates.json` for the verbs about a cluster. The tables in `docs/output.md` list both.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

use std::fs;
use std::path::Path;

use common::{imagecache, run, stderr, stdout};
use serde_json::Value;

#[test]
fn gates_exit_as_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/gates.json");
    let rows: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut wrong = Vec::new();
    let mut runs = 0;
    for row in &rows {
        let text = row["text"].as_str().unwrap_or_default();
        for case in row["cli"].as_array().into_iter().flatten() {
            let args = case["args"].as_array().unwrap().iter();
            let args: Vec<&str> = args.filter_map(Value::as_str).chain(["-f", "-"]).collect();
            let output = imagecache(&args).stdin(text).output().unwrap();
            let said = format!("{}{}", stdout(&output), stderr(&output));
            let expected = case["says"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str);
            let missing: Vec<&str> = expected.filter(|words| !said.contains(words)).collect();
            let exit = output.status.code().map(i64::from);
            if exit != case["exit"].as_i64() || !missing.is_empty() {
                wrong.push(format!(
                    "{}: {args:?}: {exit:?}, without {missing:?}\n{said}",
                    row["row"]
                ));
            }
            runs += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(runs > 50, "{runs}");
}

/// What a case of `data/gates.json` reads: objects by name or in full, or a text, or both.
fn input(table: &Value, row: &Value) -> String {
    let objects = row["objects"].as_array().map(|objects| {
        let in_full = |object: &Value| match object.as_str() {
            Some(name) => table["objects"][name].clone(),
            None => object.clone(),
        };
        Value::from_iter(objects.iter().map(in_full)).to_string()
    });
    let text = row["text"].as_str();
    let parts: Vec<&str> = objects.as_deref().into_iter().chain(text).collect();
    parts.join("\n---\n")
}

#[test]
fn gates_about_a_cluster_exit_as_the_table_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(folder.join(path)).unwrap();
    let table: Value = serde_json::from_str(&read("tests/data/gates.json")).unwrap();
    let page = read("../../docs/output.md");
    let heading = "## What verbs about a cluster do with what they cannot read";
    let (_, written) = page.split_once(heading).unwrap();
    let written = written.split("\n## ").next().unwrap();
    let written = written.lines().filter_map(|line| line.strip_prefix("| "));
    let written: Vec<Vec<&str>> = written.map(|line| line.split(" | ").collect()).collect();
    let verbs: Vec<&str> = written[0][1..]
        .iter()
        .map(|head| head.split(['`', ' ']).nth(1).unwrap())
        .collect();
    let rows = table["rows"].as_array().unwrap();
    let names: Vec<&str> = rows
        .iter()
        .map(|row| row["row"].as_str().unwrap())
        .collect();
    let in_page: Vec<&str> = written[1..].iter().map(|line| line[0]).collect();
    assert_eq!(in_page, names);

    let answers = tempfile::NamedTempFile::new().unwrap();
    let mut wrong = Vec::new();
    let mut runs = 0;
    for (row, line) in rows.iter().zip(&written[1..]) {
        let expected = row["expected"].as_object().unwrap();
        for (verb, cell) in verbs.iter().zip(&line[1..]) {
            let exit = expected.get(*verb).map(|case| case["exit"].to_string());
            let in_page = exit.as_deref().unwrap_or("-");
            assert!(cell.starts_with(in_page), "{}: {verb}: {cell}", line[0]);
        }
        for (verb, case) in expected {
            let args = table["verbs"][verb].as_array().unwrap().iter();
            let mut args: Vec<&str> = args.filter_map(Value::as_str).collect();
            fs::write(answers.path(), table["registry"].to_string()).unwrap();
            if verb == "freshness" {
                args.extend(["--registry-cache", answers.path().to_str().unwrap()]);
            }
            args.extend(["-f", "-"]);
            let output = imagecache(&args)
                .stdin(input(&table, row))
                .output()
                .unwrap();
            let said = format!("{}{}", stdout(&output), stderr(&output));
            let words = case["says"].as_array().unwrap().iter();
            let words = words.map(|words| words.as_str().unwrap());
            let missing: Vec<&str> = words.filter(|words| !said.contains(words)).collect();
            let exit = output.status.code().map(i64::from);
            if exit != case["exit"].as_i64() || !missing.is_empty() {
                let name = &row["row"];
                wrong.push(format!(
                    "{name}: {verb}: {exit:?}, without {missing:?}\n{said}"
                ));
            }
            runs += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(runs > 80, "{runs}");
}

/// A directory as projects have them: two manifests, and files of other tools.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        (
            "cache.yaml",
            "apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: a}\nspec: {images: [\"a:1\"], retentionDays: 3}\n",
        ),
        (
            "config.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
        ),
        (
            "kustomize/kustomization.yaml",
            "resources: [a.yaml]\nimages: [{name: a}]\n",
        ),
        (
            "kustomize/patch-json.yaml",
            "- {op: add, path: /a, value: 1}\n",
        ),
        (
            "kustomize/env-patch.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: a, env: []}]}}}\n",
        ),
        (
            "kustomize/delete.yaml",
            "$patch: delete\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n",
        ),
        (
            "chart/Chart.yaml",
            "apiVersion: v2\nname: a\nversion: 1.0.0\n",
        ),
        ("chart/values.yaml", "image: {repository: a}\n"),
        ("chart/values-production.yaml", "image: {tag: \"1\"}\n"),
        (
            "chart/templates/bare.yaml",
            "{{- if .Values.on }}\nkind: Pod\n{{- end }}\n",
        ),
        (
            "chart/templates/quoted.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: \"{{ .Release.Name }}\"}\nspec: {containers: [{name: a, image: \"{{ .Values.image }}\"}]}\n",
        ),
        ("docker-compose.yaml", "services: {web: {image: nginx}}\n"),
        ("package.json", "{\"name\": \"a\", \"spec\": 1}\n"),
        ("settings.yml", "level: 1\n"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn files_that_are_no_manifests_are_named_and_skipped() {
    let folder = project();
    let path = folder.path().to_str().unwrap();
    let output = run(&["validate", "-R", path]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        stdout(&output).contains("1 object checked, 1 skipped, 12 files skipped: nothing found"),
        "{}",
        stdout(&output)
    );
    for (name, what) in [
        ("kustomize/kustomization.yaml", "a kustomization"),
        ("kustomize/patch-json.yaml", "a patch for kustomize"),
        ("kustomize/env-patch.yaml", "a patch for kustomize"),
        ("kustomize/delete.yaml", "a patch for kustomize"),
        ("chart/Chart.yaml", "the metadata of a Helm chart"),
        ("chart/values.yaml", "values of a Helm chart"),
        ("chart/values-production.yaml", "values of a Helm chart"),
        ("chart/templates/bare.yaml", "a Helm template"),
        ("chart/templates/quoted.yaml", "a Helm template"),
        ("docker-compose.yaml", "a Compose file"),
        ("package.json", "a file of a package manager or compiler"),
        ("settings.yml", "without apiVersion, kind and spec"),
    ] {
        let line = format!("skipped: {path}/{name}: {what}\n");
        assert!(said.contains(&line), "{line}{said}");
    }
    assert!(
        said.contains("`helm template`") && said.contains("`kustomize build`"),
        "{said}"
    );
    let junit = run(&["validate", "-R", path, "-o", "junit"]);
    assert!(
        stdout(&junit).contains("<skipped message=\"a Compose file\"/>"),
        "{}",
        stdout(&junit)
    );

    // A file that is named itself is not skipped, nor is anything with --strict.
    let strict = run(&["validate", "-R", path, "--strict", "-q", "-o", "json"]);
    assert_eq!(strict.status.code(), Some(1));
    for name in [
        "kustomization.yaml",
        "Chart.yaml",
        "bare.yaml",
        "docker-compose.yaml",
        "settings.yml",
    ] {
        assert!(stdout(&strict).contains(name), "{name}");
    }
    let named = run(&["validate", &format!("{path}/settings.yml")]);
    assert_eq!(named.status.code(), Some(1));

    let nothing = run(&["validate", "-R", &format!("{path}/chart")]);
    assert_eq!(nothing.status.code(), Some(3));
    assert!(
        stderr(&nothing).contains("no file is a manifest"),
        "{}",
        stderr(&nothing)
    );

    let matched = run(&["match", "-R", path]);
    assert!(
        stderr(&matched).contains("skipped: "),
        "{}",
        stderr(&matched)
    );
    assert!(!stderr(&matched).contains("IC001"), "{}", stderr(&matched));
}

#[test]
fn manifests_with_an_error_are_not_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    for (name, text, code) in [
        ("a.yaml", "apiVersion: v1\nmetadata: {name: a}\n", "IC011"),
        ("a.yaml", "Kind: Pod\nmetadata: {name: a}\n", "IC011"),
        ("a.yaml", "apiversion: v1\nmetadata: {name: a}\n", "IC011"),
        ("a.yaml", "spec: {images: [\"a:1\"]}\n", "IC011"),
        ("a.yaml", "a: 1\n---\napiVersion: v1\nkind: Pod\n", "IC011"),
        ("a.yaml", "- {apiVersion: v1, kind: Pod}\n", "IC004"),
        ("a.yaml", "a: [\n", "IC001"),
        (
            "patch.yaml",
            "apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: a}\nspec: {images: []}\n",
            "IC021",
        ),
        (
            "values.yaml",
            "apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: a}\nspec: {images: []}\n",
            "IC021",
        ),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        let output = run(&["validate", "-R", path, "-o", "json"]);
        assert_eq!(output.status.code(), Some(1), "{text}{}", stderr(&output));
        assert!(stdout(&output).contains(code), "{text}{}", stdout(&output));
        fs::remove_file(file).unwrap();
    }
}

#[test]
fn ignore_files_and_exclude_leave_files_out() {
    let folder = project();
    let path = folder.path().to_str().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("broken")).unwrap();
    write("broken/a.yaml", "a: [\n");
    let exit = |args: &[&str]| {
        let args = [&["validate", "-R", path], args].concat();
        run(&args).status.code()
    };
    assert_eq!(exit(&[]), Some(1));
    assert_eq!(exit(&["--exclude", "broken"]), Some(0));
    assert_eq!(exit(&["--exclude", "broken/*.yaml"]), Some(0));
    assert_eq!(exit(&["--exclude", "*.json"]), Some(1));
    assert_eq!(exit(&["--exclude", "!broken"]), Some(2));
    assert_eq!(exit(&["--exclude", "{broken"]), Some(2));
    assert_eq!(exit(&["--exclude", "*"]), Some(3));
    for name in [".gitignore", ".imagecacheignore"] {
        write(name, "# of another tool\nbroken/\n");
        assert_eq!(exit(&[]), Some(0), "{name}");
        write(name, "broken/*\n!a.yaml\n");
        assert_eq!(exit(&[]), Some(1), "{name}");
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    write(".ignore", "broken/\n");
    assert_eq!(exit(&[]), Some(1));
}

#[cfg(unix)]
#[test]
fn a_pipe_in_a_directory_is_reported_and_not_opened() {
    let folder = project();
    let pipe = folder.path().join("pipe.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let output = run(&["validate", "-R", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stdout(&output).contains("not a regular file"),
        "{}",
        stdout(&output)
    );
}
