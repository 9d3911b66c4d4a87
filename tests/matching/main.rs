//! Which cache a pod hits, and why: conformance cases, a slow reference matcher beside the index, every text that a
//! person reads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod cases;
mod explain;
mod locality;
mod mirror;
mod naive;
mod random;
mod views;

use std::fs;

use imagecache::diagnostic::{Levels, Report};
use imagecache::matching::{Cache, Explanation, Index, Inventory, MatchRules, Pod, SearchBuffers};
use serde_json::Value;

/// A file of `tests/data/matching`.
fn data(name: &str) -> Value {
    let path = format!("{}/tests/data/matching/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A cache, which must be without fault.
fn cache(value: &Value) -> Cache {
    let levels = Levels::default();
    let mut report = Report::new(&levels);
    let cache = Cache::read(value, &mut report).unwrap();
    assert_eq!(report.finish(), []);
    cache
}

/// Pods and caches of some documents, and what is wrong with them.
fn inventory(documents: &[Value]) -> (Inventory, Vec<String>) {
    let levels = Levels::default();
    let mut inventory = Inventory::default();
    let mut found = Vec::new();
    for document in documents {
        let mut report = Report::new(&levels);
        inventory.add(document, &mut report);
        found.extend(report.finish().iter().map(ToString::to_string));
    }
    (inventory, found)
}

/// The full answer, once it agrees with the fast one.
fn explain(index: &Index, pod: &Pod, rules: &MatchRules) -> Explanation {
    let mut scratch = SearchBuffers::default();
    let answer = index.explain_with(pod, rules, &mut scratch);
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(serde_json::from_value::<Explanation>(json).unwrap(), answer);
    let verdict = index.winner_with(pod, rules, &mut scratch);
    assert_eq!(verdict.decision, answer.decision);
    assert_eq!(verdict.winner.map(Cache::named), answer.winner);
    assert_eq!(verdict.auto_create, answer.auto_create);
    if let Some(first) = answer
        .candidates
        .first()
        .filter(|first| first.reason.is_none())
    {
        assert_eq!(
            (verdict.exact, verdict.repository_only),
            (first.exact, first.repository_only)
        );
    }
    answer
}
