//! No gate turns green because a fact could not be read, a kind is not known, or the input is empty.
//!
//! `data/gates.json` has a case for each row of the table in `docs/output.md`. Here the core answers its requests, with
//! the caches in each form that a host has them; `native/cli/tests/gates.rs` runs its texts through the command, and the
//! conformance corpus asks the other hosts.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use imagecache::admission::{AdmissionSettings, AdmissionVerdict, CacheSource, NO_CACHES, decide};
use imagecache::matching::CacheStore;
use serde_json::{Value, json};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn rows() -> Vec<Value> {
    serde_json::from_str(&read("tests/data/gates.json")).unwrap()
}

/// Returns the verdicts with the caches as objects, as an index and as text.
fn verdicts(row: &Value) -> Vec<AdmissionVerdict> {
    let settings = AdmissionSettings::parse(&row["settings"]).unwrap();
    let request = &row["request"];
    let Some(caches) = row["caches"].as_array() else {
        let none = || Err(NO_CACHES.into());
        return vec![decide(request, &settings, none, None)];
    };
    let mut store = CacheStore::default();
    caches.iter().for_each(|cache| store.apply(cache));
    let text = json!({"kind": "ImageCacheList", "items": caches}).to_string();
    let sources = [
        CacheSource::Objects(caches),
        CacheSource::Index(store.index()),
        CacheSource::Text(text.into_bytes()),
    ];
    let decide = |source| decide(request, &settings, || Ok(source), None);
    sources.into_iter().map(decide).collect()
}

#[test]
fn gates_of_admission_answer_as_the_table_says() {
    let mut asked = 0;
    for row in rows() {
        for case in row["requests"].as_array().into_iter().flatten() {
            let expected = &case["verdict"];
            for verdict in verdicts(case) {
                asked += 1;
                let found = json!({"allowed": verdict.allowed, "code": verdict.code});
                assert_eq!(
                    found["allowed"], expected["allowed"],
                    "{}: {verdict:?}",
                    row["row"]
                );
                assert_eq!(
                    found["code"], expected["code"],
                    "{}: {verdict:?}",
                    row["row"]
                );
                let warns = expected["warns"].as_str().unwrap_or_default();
                let warned = verdict.warnings.iter().any(|one| one.contains(warns));
                assert!(warned || warns.is_empty(), "{}: {verdict:?}", row["row"]);
            }
        }
    }
    assert!(asked > 30, "{asked}");
}

#[test]
fn gates_table_of_the_docs_has_every_case() {
    let page = read("docs/output.md");
    let (_, table) = page
        .split_once("## What gates do with what they cannot read")
        .unwrap();
    let table = table.split("\n## ").next().unwrap();
    let written: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .filter(|cell| *cell != "input" && !cell.starts_with("---"))
        .collect();
    let rows = rows();
    let tested: BTreeSet<&str> = rows
        .iter()
        .map(|row| row["row"].as_str().unwrap())
        .collect();
    assert_eq!(written, tested);
}
