//! Questions out of the core's own conformance tables and samples.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use imagecache::diagnostic::{Code, Levels};
use imagecache::document::{TextFormat, read};
use serde_json::{Map, Value, json};

use crate::case::{Case, Corpus, read_json, root};

/// Every question of the tables.
///
/// # Errors
/// If a table cannot be read.
pub fn corpus() -> Result<Corpus> {
    let mut corpus = Corpus::new();
    manifests(&mut corpus)?;
    corpus.insert("references".to_owned(), references()?);
    corpus.insert("matches".to_owned(), matches()?);
    corpus.insert("expiries".to_owned(), expiries()?);
    corpus.insert("requests".to_owned(), requests()?);
    corpus.insert("json-texts".to_owned(), json_texts()?);
    corpus.insert("yaml-texts".to_owned(), yaml_texts()?);
    corpus.insert("explanations".to_owned(), explanations());
    corpus.insert("definitions".to_owned(), definitions());
    Ok(corpus)
}

/// The file that a manifest belongs in.
#[must_use]
pub fn file_of(object: &Value) -> &'static str {
    match object.get("kind").and_then(Value::as_str) {
        Some("ImageCache") => "objects",
        Some(
            "Pod"
            | "Deployment"
            | "StatefulSet"
            | "DaemonSet"
            | "ReplicaSet"
            | "ReplicationController"
            | "Job"
            | "CronJob"
            | "PodTemplate"
            | "Namespace",
        ) => "workloads",
        _ => "others",
    }
}

/// The manifests that validation is tested with: names and texts.
fn manifest_files() -> Result<Vec<(String, String)>> {
    let folder = root().join("tests/data/validate");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|end| end == "yaml" || end == "json")
    });
    files.sort();
    let mut texts = Vec::new();
    for path in files {
        let name = path.file_stem().and_then(|name| name.to_str());
        let name = name.unwrap_or_default();
        if !name.starts_with("kubernetes-") {
            texts.push((name.to_owned(), std::fs::read_to_string(&path)?));
        }
    }
    Ok(texts)
}

/// The documents of those manifests.
fn manifests(corpus: &mut Corpus) -> Result<()> {
    for (name, text) in manifest_files()? {
        let (documents, _) = read(&text, TextFormat::Auto, &Levels::default());
        for document in documents {
            let object = document.value();
            let case = Case::ask(
                format!("{name}#{}", document.index()),
                "validate",
                json!({ "object": object }),
            );
            corpus
                .entry(file_of(object).to_owned())
                .or_default()
                .push(case);
        }
    }
    Ok(())
}

/// What people sent to an API server.
fn json_texts() -> Result<Vec<Case>> {
    let table = read_json(&root().join("tests/data/validate/api-server.json"))?;
    cases(&table, "rows")?
        .iter()
        .filter(|row| row.get("text").and_then(Value::as_str).is_some_and(is_json))
        .map(|row| Ok(validate(text(row, "case")?, text(row, "text")?)))
        .collect()
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn validate(case: &str, text: &str) -> Case {
    Case::ask(case, "validate", json!({ "text": text }))
}

/// Whole manifests, texts that are wrong somewhere, and texts in which places are hard to find.
fn yaml_texts() -> Result<Vec<Case>> {
    let mut texts = Vec::new();
    for (name, text) in manifest_files()? {
        if !is_json(&text) {
            texts.push(validate(&name, &text));
        }
    }
    for row in gates()? {
        if let Some(yaml) = row.get("text").and_then(Value::as_str) {
            texts.push(validate(&format!("gates: {}", text(&row, "row")?), yaml));
        }
    }
    for file in ["broken", "places"] {
        let path = root().join(format!("tests/data/document/{file}.toml"));
        let table: Value = toml::from_str(&std::fs::read_to_string(path)?)?;
        for row in cases(&table, "case")? {
            texts.push(validate(
                &format!("{file}: {}", text(row, "name")?),
                text(row, "text")?,
            ));
        }
    }
    Ok(texts)
}

/// What gates do with what they cannot read.
fn gates() -> Result<Vec<Value>> {
    let table = read_json(&root().join("tests/data/gates.json"))?;
    Ok(table.as_array().context("no list")?.clone())
}

/// Every code, and a few rules by name.
fn explanations() -> Vec<Case> {
    let codes = Code::ALL.iter().map(|code| code.as_str());
    let names = Code::ALL.iter().step_by(9).map(|code| code.name());
    codes
        .chain(names)
        .map(|word| Case::ask(word, "explain", json!({ "code": word })))
        .collect()
}

fn definitions() -> Vec<Case> {
    ["v1", "v1beta1"]
        .map(|version| Case::ask(version, "crd", json!({ "version": version })))
        .into()
}

fn cases<'v>(table: &'v Value, key: &str) -> Result<&'v Vec<Value>> {
    table
        .get(key)
        .and_then(Value::as_array)
        .with_context(|| format!("the table has no {key}"))
}

fn text<'v>(row: &'v Value, key: &str) -> Result<&'v str> {
    row.get(key)
        .and_then(Value::as_str)
        .with_context(|| format!("the row has no {key}"))
}

fn references() -> Result<Vec<Case>> {
    let folder = root().join("tests/data/reference");
    let docker = read_json(&folder.join("distribution-reference.json"))?;
    let kubernetes = read_json(&folder.join("k8s-parse-image-name.json"))?;
    let mut texts = BTreeSet::new();
    for suite in docker
        .get("suites")
        .and_then(Value::as_object)
        .context("no suites")?
        .values()
    {
        for row in cases(suite, "cases")? {
            texts.extend(row.get("input").and_then(Value::as_str));
        }
    }
    for row in cases(&kubernetes, "cases")? {
        texts.insert(text(row, "Input")?);
    }
    let ask = |(number, text)| {
        Case::ask(
            format!("table#{number}"),
            "reference",
            json!({ "text": text }),
        )
    };
    // Longer texts say nothing that shorter ones do not.
    let texts = texts.into_iter().filter(|text: &&str| text.len() <= 300);
    Ok(texts.enumerate().map(ask).collect())
}

/// The cases of the matcher, with the instance written as a pod.
fn matches() -> Result<Vec<Case>> {
    let table = read_json(&root().join("tests/data/matching/cases.json"))?;
    let mut questions = Vec::new();
    for row in cases(&table, "cases")? {
        let instance = row.get("instance").context("no instance")?;
        let images = cases(instance, "images")?;
        let containers: Vec<Value> = images
            .iter()
            .enumerate()
            .map(|(at, image)| json!({"name": format!("c{at}"), "image": image}))
            .collect();
        let mut annotations = Map::new();
        for (field, annotation) in [
            ("explicitId", "k8s.aliyun.com/eci-imc-id"),
            ("autoMatch", "k8s.aliyun.com/eci-auto-imc"),
            ("perfectMatch", "k8s.aliyun.com/imc-perfect-match"),
            (
                "matchCountRequest",
                "k8s.aliyun.com/imc-match-count-request",
            ),
        ] {
            match instance.get(field) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => {
                    annotations.insert(annotation.to_owned(), json!(text));
                }
                Some(other) => {
                    annotations.insert(annotation.to_owned(), json!(other.to_string()));
                }
            }
        }
        let mut rules = Map::new();
        for (field, rule) in [
            ("regionId", "region"),
            ("requiredEphemeralStorageGiB", "requireStorage"),
        ] {
            if let Some(value) = instance.get(field).filter(|value| !value.is_null()) {
                rules.insert(rule.to_owned(), value.clone());
            }
        }
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "instance", "labels": {"alibabacloud.com/eci": "true"}, "annotations": annotations},
            "spec": {"containers": containers}});
        let caches = row.get("caches").context("no caches")?;
        questions.push(Case::ask(
            text(row, "name")?,
            "match",
            json!({"pod": pod, "caches": caches, "rules": rules}),
        ));
    }
    Ok(questions)
}

fn expiries() -> Result<Vec<Case>> {
    let table = read_json(&root().join("tests/data/expiry/cases.json"))?;
    let rows = table.as_array().context("no list")?;
    rows.iter()
        .map(|row| {
            let input = json!({"cache": row.get("cache"), "now": row.get("now")});
            Ok(Case::ask(text(row, "case")?, "expire", input))
        })
        .collect()
}

/// The cases of admission.
fn requests() -> Result<Vec<Case>> {
    let mut questions = Vec::new();
    for file in ["image-caches", "pods", "workloads"] {
        let table = read_json(&root().join(format!("tests/data/admission/{file}.json")))?;
        for row in table.as_array().context("no list")? {
            let mut input = Map::new();
            for key in ["settings", "request"] {
                input.insert(key.to_owned(), row.get(key).cloned().unwrap_or_default());
            }
            match row.get("caches") {
                None => {}
                Some(caches @ Value::Array(_)) => {
                    input.insert("caches".to_owned(), caches.clone());
                }
                // How a host fails is the hosts' own affair.
                Some(_) => continue,
            }
            questions.push(Case::ask(text(row, "name")?, "admit", Value::Object(input)));
        }
    }
    for row in gates()? {
        for case in row
            .get("requests")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let mut input = case.as_object().context("no object")?.clone();
            input.remove("verdict");
            let name = format!("gates: {}", text(&row, "row")?);
            questions.push(Case::ask(name, "admit", Value::Object(input)));
        }
    }
    Ok(questions)
}
