//! Every engine answers the corpus, and all answers agree.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use imagecache_conformance::case::{self, Case, Corpus, answered, committed, data, lines, root};
use imagecache_conformance::cel::{self, documents};
use imagecache_conformance::engine::{Scope, Tally};
use imagecache_conformance::host::Duty;
use imagecache_conformance::{ffi, native, random, rego};
use serde_json::Value;

/// `UPDATE=1` asks every question anew, those of the tables as they are today, and writes the files; then the diff is
/// to be read.
#[test]
fn the_core_answers_as_the_corpus_says() {
    if std::env::var_os("UPDATE").is_some() {
        for (name, cases) in answered().unwrap() {
            let path = data().join(format!("corpus/{name}.jsonl"));
            fs::write(path, lines(&cases).unwrap()).unwrap();
        }
    }
    let mut bytes = 0;
    let mut changed = String::new();
    for (name, cases) in committed().unwrap() {
        bytes += lines(&cases).unwrap().len();
        for case in cases {
            let answer = native::answer(&case.call, &case.input).unwrap();
            if answer != case.answer {
                let (case, was) = (&case.case, &case.answer);
                writeln!(changed, "{name} {case}:\n  is  {answer}\n  was {was}").unwrap();
            }
        }
    }
    assert!(changed.is_empty(), "{changed}\nUPDATE=1 writes the files");
    assert!(bytes <= 2_600_000, "the corpus has grown to {bytes} bytes");
}

#[test]
fn the_same_questions_are_drawn_at_every_run() {
    let corpus = committed().unwrap();
    for (name, drawn) in random::corpus() {
        let there = corpus[&name]
            .iter()
            .filter(|case| case.case.starts_with("random#"));
        let there = there.map(|case| Case::ask(case.case.as_str(), &case.call, case.input.clone()));
        assert!(
            drawn == there.collect::<Vec<_>>(),
            "{name}: other questions; UPDATE=1 writes the file"
        );
    }
}

#[test]
fn about_half_of_the_corpus_is_random_with_every_call() {
    let corpus = committed().unwrap();
    // The examples of each kind are not drawn.
    let drawn = corpus.iter().filter(|(file, _)| !file.starts_with("kind"));
    let all: Vec<&Case> = drawn.flat_map(|(_, cases)| cases).collect();
    let random = all
        .iter()
        .filter(|case| case.case.starts_with("random#"))
        .count();
    assert!(all.len() >= 400, "{}", all.len());
    assert!(random * 9 >= all.len() * 4, "{random} of {}", all.len());
    let mut calls = BTreeMap::new();
    for case in &all {
        *calls.entry(case.call.as_str()).or_insert(0) += 1;
    }
    assert_eq!(
        calls.keys().copied().collect::<Vec<_>>(),
        [
            "admit",
            "crd",
            "expire",
            "explain",
            "match",
            "plan",
            "reference",
            "validate"
        ]
    );
    println!("{} cases, {random} of them random: {calls:?}", all.len());
}

/// The tables say what must come out, so the recorded answers are held against them.
#[test]
fn recorded_answers_are_those_of_the_tables() {
    let corpus = committed().unwrap();
    let table = case::read_json(&root().join("tests/data/matching/cases.json")).unwrap();
    let mut compared = 0;
    for row in table["cases"].as_array().unwrap() {
        let Some(case) = corpus["matches"]
            .iter()
            .find(|case| row["name"] == case.case.as_str())
        else {
            continue;
        };
        if let Some(winner) = row["expect"].get("winner") {
            assert_eq!(
                case.answer["answer"]["winner"]
                    .get("imageCacheId")
                    .unwrap_or(&Value::Null),
                winner,
                "{}",
                case.case
            );
            compared += 1;
        }
    }
    let table = case::read_json(&root().join("tests/data/expiry/cases.json")).unwrap();
    for row in table.as_array().unwrap() {
        let Some(case) = corpus["expiries"]
            .iter()
            .find(|case| row["case"] == case.case.as_str())
        else {
            continue;
        };
        assert_eq!(case.answer["expiry"], row["expiry"], "{}", case.case);
        assert_eq!(case.answer["says"], row["says"], "{}", case.case);
        compared += 1;
    }
    assert!(compared > 50, "{compared}");
}

/// Policies of a bundle's file, by name.
fn policies(file: &str, kind: &str) -> Vec<cel::Policy> {
    let documents = documents(&root().join("policy-bundles").join(file)).unwrap();
    let policies: Vec<_> = documents
        .iter()
        .filter(|document| document["kind"] == kind)
        .map(|document| cel::Policy::compile(&document["spec"]).unwrap())
        .collect();
    assert!(!policies.is_empty(), "{file} has no {kind}");
    policies
}

fn by_cel(corpus: &Corpus, name: &str, file: &str, kind: &str) -> Tally {
    let scope = Scope::read(name).unwrap();
    let policies = policies(file, kind);
    let judge = |object: &Value| {
        let mut said = Vec::new();
        for policy in &policies {
            said.extend(policy.judge(object)?);
        }
        Ok(said)
    };
    scope.compare(&corpus[&scope.corpus], &judge).unwrap()
}

fn by_rego(corpus: &Corpus, name: &str, policy: &rego::Policy) -> Tally {
    let scope = Scope::read(name).unwrap();
    scope
        .compare(&corpus[&scope.corpus], &|object| policy.judge(object))
        .unwrap()
}

#[test]
fn every_engine_agrees() {
    let corpus = committed().unwrap();
    let bundles = root().join("policy-bundles");
    let mut tallies = Vec::new();
    let vap = "ValidatingAdmissionPolicy";
    tallies.push((
        "kubernetes/imagecaches.yaml",
        by_cel(
            &corpus,
            "cel-imagecaches",
            "kubernetes/imagecaches.yaml",
            vap,
        ),
    ));
    tallies.push((
        "kubernetes/workloads.yaml",
        by_cel(&corpus, "cel-workloads", "kubernetes/workloads.yaml", vap),
    ));
    let file = bundles.join("gatekeeper/imagecache.rego");
    tallies.push((
        "gatekeeper/imagecache.rego",
        by_rego(
            &corpus,
            "rego-imagecaches",
            &rego::Policy::read(&file).unwrap(),
        ),
    ));
    let mut disagreements = Vec::new();
    for (engine, tally) in tallies {
        let left: usize = tally.left.values().sum();
        println!(
            "{engine}: {} cases judged alike with {} findings, {left} left",
            tally.judged, tally.findings
        );
        for (why, count) in &tally.left {
            println!("    {count} {why}");
        }
        assert!(tally.findings > 50, "{engine} finds next to nothing");
        disagreements.extend(tally.disagreements);
    }
    assert!(
        disagreements.is_empty(),
        "{} disagreements:\n{}",
        disagreements.len(),
        disagreements.join("\n")
    );
}

#[test]
fn ffi_answers_as_the_core() {
    let corpus = committed().unwrap();
    let duty = Duty::read("ffi", &corpus).unwrap();
    let mut ask = |case: &Case| ffi::answer(&case.call, &case.input);
    let words = |_: &Case, answer| ffi::words(answer);
    let tally = duty.compare(&corpus, &words, &mut ask).unwrap();
    tally.close("ffi", &duty).unwrap();
}

/// The generated bundles hold the same expressions, so one run over each of them is enough to see that they are whole.
#[test]
fn bundles_generated_equal_their_source() {
    let bundles = root().join("policy-bundles");
    let mut sources = Vec::new();
    for file in ["kubernetes/imagecaches.yaml", "kubernetes/workloads.yaml"] {
        sources.extend(documents(&bundles.join(file)).unwrap());
    }
    let bindings: Vec<&Value> = sources
        .iter()
        .filter(|one| one["kind"] == "ValidatingAdmissionPolicyBinding")
        .collect();
    let policies: Vec<&Value> = sources
        .iter()
        .filter(|one| one["kind"] == "ValidatingAdmissionPolicy")
        .collect();
    let kyverno = documents(&bundles.join("kyverno/policies.yaml")).unwrap();
    assert_eq!(kyverno.len(), policies.len());
    for (made, source) in kyverno.iter().zip(policies) {
        let name = &source["metadata"]["name"];
        assert_eq!(&made["metadata"]["name"], name);
        for (part, value) in source["spec"].as_object().unwrap() {
            assert_eq!(&made["spec"][part], value, "{name} {part}");
        }
        let binding = bindings
            .iter()
            .find(|one| &one["spec"]["policyName"] == name)
            .unwrap();
        assert_eq!(
            made["spec"]["validationActions"], binding["spec"]["validationActions"],
            "{name}"
        );
        cel::Policy::compile(&made["spec"]).unwrap();
    }
    let template = documents(&bundles.join("gatekeeper/template.yaml"))
        .unwrap()
        .remove(0);
    let constraint = documents(&bundles.join("gatekeeper/constraint.yaml"))
        .unwrap()
        .remove(0);
    assert_eq!(
        template["spec"]["crd"]["spec"]["names"]["kind"],
        constraint["kind"]
    );
    let [by_cel, by_rego] = &template["spec"]["targets"][0]["code"].as_array().unwrap()[..] else {
        panic!("two engines are expected");
    };
    let by_cel = cel::Policy::compile(&by_cel["source"]).unwrap();
    let by_rego =
        rego::Policy::compile(by_rego["source"]["rego"].as_str().unwrap().to_owned()).unwrap();
    let object = serde_json::json!({"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {"name": "a"}, "spec": {"images": [], "imageCacheSize": 19}});
    let expected = [
        (
            "IC021".to_owned(),
            "spec.images: no images, at least 1 required".to_owned(),
        ),
        (
            "IC040".to_owned(),
            "spec.imageCacheSize: 19 GiB, at least 20 required".to_owned(),
        ),
    ];
    assert_eq!(by_cel.judge(&object).unwrap(), expected);
    assert_eq!(by_rego.judge(&object).unwrap(), expected);
}

/// What the mutating policy pins is a cache that the core would take: never one that it would not, and mostly one
/// where the core finds that every image is in it.
#[test]
fn the_mutating_policy_pins_only_caches_that_match_perfectly() {
    use serde_json::json;
    let corpus = committed().unwrap();
    let policy = policies("kubernetes/pods.yaml", "MutatingAdmissionPolicy").remove(0);
    let (mut pinned, mut missed, mut left) = (0, 0, 0);
    for case in corpus["matches"]
        .iter()
        .filter(|case| case.case.starts_with("random#"))
    {
        let pod = &case.input["pod"];
        let asked = policy.matches(pod).unwrap();
        let whole = |cache: &&Value| {
            let images = cache["spec"]["images"].as_array();
            images.is_some_and(|images| images.iter().all(Value::is_string))
                && cache["metadata"].is_object()
        };
        // Others the API server would not have taken.
        for cache in case.input["caches"]
            .as_array()
            .unwrap()
            .iter()
            .filter(whole)
        {
            let alone = native::answer("match", &json!({"pod": pod, "caches": [cache]})).unwrap();
            let perfect = alone["answer"]["decision"] == "Hit";
            let fits = asked && policy.flag(pod, cache, "fits").unwrap();
            match (fits, perfect) {
                (true, true) => pinned += 1,
                (true, false) => panic!("{} pins {cache}: {}", case.case, alone["answer"]),
                (false, true) => missed += 1,
                (false, false) => left += 1,
            }
        }
    }
    println!("{pinned} pins, {missed} caches that only the core sees, {left} that neither takes");
    assert!(pinned >= 3, "{pinned}");
}
