//! What a real `kubectl` makes of YAML, and what this reader makes of it.
//!
//! `kubectl-yaml.json` was recorded with `kubectl label --local -f - -o json` (1.32.4), each text after [`HEAD`];
//! `kubectl-streams.json` holds whole texts. A row's `differs` says why this reader answers otherwise, and its `ours`
//! what it answers.

use imagecache::diagnostic::{Code, Levels};
use imagecache::document::{TextFormat, read};
use serde::Deserialize;
use serde_json::{Map, Number, Value};

const HEAD: &str = "apiVersion: v1\nkind: Foo\nmetadata: {name: x}\n";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    text: String,
    #[serde(default)]
    refused: bool,
    #[serde(default)]
    value: Map<String, Value>,
    differs: Option<String>,
    /// Only with `differs`: what this reader says; null for a text that it refuses.
    #[serde(default)]
    ours: Value,
}

/// `kubectl` prints numbers past 64 signed bits as floats; the reader keeps them.
fn alike(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => {
            let exact = |number: &Number| number.as_i64();
            exact(ours) == exact(theirs)
                && (exact(ours).is_some() || ours.as_f64() == theirs.as_f64())
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(ours, theirs)| alike(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .all(|(key, value)| theirs.get(key).is_some_and(|theirs| alike(value, theirs)))
        }
        _ => ours == theirs,
    }
}

#[test]
fn yaml_values_match_kubectl() {
    let rows: Vec<Row> =
        serde_json::from_str(include_str!("../data/document/kubectl-yaml.json")).unwrap();
    let mut wrong = Vec::new();
    for row in &rows {
        let (documents, findings) = read(
            &format!("{HEAD}{}", row.text),
            TextFormat::Yaml,
            &Levels::default(),
        );
        let refused = findings.iter().any(|finding| finding.code == Code::IC001);
        assert_eq!(
            documents.is_empty(),
            refused,
            "{:?}: {findings:?}",
            row.text
        );
        let ours = documents.first().map_or(Value::Null, |document| {
            let mut object = document.value().as_object().unwrap().clone();
            object.retain(|key, _| !["apiVersion", "kind", "metadata"].contains(&key.as_str()));
            Value::Object(object)
        });
        let theirs = if row.refused {
            Value::Null
        } else {
            Value::Object(row.value.clone())
        };
        let expected = if row.differs.is_some() {
            &row.ours
        } else {
            &theirs
        };
        assert!(
            row.differs.is_none() || !alike(&row.ours, &theirs),
            "{:?} does not differ",
            row.text
        );
        if !alike(&ours, expected) {
            wrong.push(format!(
                "{:?}\n  ours {ours}\n  kubectl {expected}\n  {findings:?}",
                row.text
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stream {
    text: String,
    refused: bool,
    documents: Vec<Value>,
    differs: Option<String>,
    /// Only with `differs`: how many documents the reader finds, and how many faults.
    #[serde(default)]
    ours: (usize, usize),
}

#[test]
fn streams_are_cut_as_kubectl_cuts_them() {
    let rows: Vec<Stream> =
        serde_json::from_str(include_str!("../data/document/kubectl-streams.json")).unwrap();
    let mut wrong = Vec::new();
    for row in &rows {
        let (documents, findings) = read(&row.text, TextFormat::Auto, &Levels::default());
        let ours: Vec<&Value> = documents.iter().map(|document| document.value()).collect();
        let faults = findings
            .iter()
            .filter(|finding| finding.code == Code::IC001)
            .count();
        let fits = if row.differs.is_some() {
            (ours.len(), faults) == row.ours
        } else {
            ours.len() == row.documents.len()
                && ours
                    .iter()
                    .zip(&row.documents)
                    .all(|(ours, theirs)| alike(ours, theirs))
                && (faults > 0) == row.refused
        };
        if !fits {
            wrong.push(format!(
                "{:?}\n  ours {ours:?} {faults}\n  kubectl {:?} {}\n  {findings:?}",
                row.text, row.documents, row.refused
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// The documents that `kubectl` (1.32.4) reads; `None` for a file that it refuses.
    documents: Option<Vec<Value>>,
    /// The library's first message.
    message: Option<String>,
    /// Why the answers differ.
    differs: Option<String>,
}

#[test]
fn yaml_reported_manifests_match_kubectl() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/document");
    let text = std::fs::read_to_string(folder.join("manifests.json")).unwrap();
    let rows: std::collections::BTreeMap<String, Manifest> = serde_json::from_str(&text).unwrap();
    let files = std::fs::read_dir(folder.join("manifests")).unwrap().count();
    assert_eq!(rows.len(), files, "every file has its row");
    for (name, row) in rows {
        let text = std::fs::read_to_string(folder.join("manifests").join(&name)).unwrap();
        let (documents, findings) = read(&text, TextFormat::Auto, &Levels::default());
        let message = findings.first().map(|finding| finding.message.clone());
        assert_eq!(message, row.message, "{name}");
        assert!(
            row.documents.is_some() || message.is_some(),
            "{name}: kubectl refuses it"
        );
        if row.differs.is_some() {
            continue;
        }
        let ours: Vec<&Value> = documents.iter().map(|document| document.value()).collect();
        for (at, theirs) in row.documents.iter().flatten().enumerate() {
            assert!(alike(ours[at], theirs), "{name}: {}", ours[at]);
        }
        assert_eq!(
            ours.len(),
            row.documents.map_or(ours.len(), |theirs| theirs.len()),
            "{name}"
        );
    }
}
