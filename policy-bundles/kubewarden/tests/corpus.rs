//! The policy answers the corpus as the core does, in plain Node and in `wasmi`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod support;

use imagecache_conformance::case::{Case, Corpus, committed};
use imagecache_conformance::host::Duty;
use imagecache_conformance::native;
use serde_json::{Value, json};
use support::{Hosts, Listed, parsed, response};

/// The question of a case as a request: those of `validate` become the creation of their object.
fn asked(case: &Case) -> Value {
    if case.call == "admit" {
        return case.input.clone();
    }
    let object = &case.input["object"];
    let kind = object["kind"].as_str().unwrap();
    let group = match kind {
        "ImageCache" => "eci.alibabacloud.com",
        "Job" | "CronJob" => "batch",
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => "apps",
        _ => "",
    };
    json!({
        "settings": {"mode": "off"},
        "request": {
            "uid": "b0a1a1c6-0d1c-4d68-9d1f-000000000000", "operation": "CREATE",
            "kind": {"group": group, "version": "v1", "kind": kind}, "object": object,
        },
    })
}

/// The corpus with its questions as they are put to a policy, and the core's verdicts on them.
fn as_requests(corpus: &Corpus) -> Corpus {
    let mut requests = corpus.clone();
    for file in ["objects", "workloads", "requests"] {
        for case in requests.get_mut(file).unwrap() {
            let question = asked(case);
            if case.call == "validate" {
                let verdict = native::answer("admit", &question).unwrap();
                every_finding_is_in(&verdict, case);
                case.answer = verdict;
            }
            case.input = question;
        }
    }
    requests
}

/// The codes of all findings are in the audit annotations, whether they deny, warn or only hint.
fn every_finding_is_in(verdict: &Value, case: &Case) {
    let object = &case.input["object"];
    if object["kind"] == "Namespace" || !object["metadata"]["deletionTimestamp"].is_null() {
        return;
    }
    let told = verdict["auditAnnotations"]["codes"]
        .as_str()
        .unwrap_or_default();
    for found in case.answer.as_array().unwrap() {
        let code = found["code"].as_str().unwrap();
        assert!(
            told.contains(code),
            "{}: {code} is not in {told}",
            case.case
        );
    }
}

#[test]
fn policy_agrees_with_the_core() {
    let corpus = as_requests(&committed().unwrap());
    let duty = Duty::read("kubewarden", &corpus).unwrap();
    let mut hosts = Hosts::start();
    let mut ask = |case: &Case| {
        let caches = match &case.input["caches"] {
            Value::Array(items) => {
                Listed::Ok(json!({"kind": "ImageCacheList", "items": items}).to_string())
            }
            _ => Listed::Error(imagecache::admission::NO_CACHES.to_owned()),
        };
        Ok(parsed(&hosts.validate(
            &case.input["request"],
            &case.input["settings"],
            Some(caches),
        )))
    };
    let words = |case: &Case, verdict: Value| response(&case.input["request"], &verdict);
    let tally = duty.compare(&corpus, &words, &mut ask).unwrap();
    tally
        .close("the Kubewarden policy, in Node and in wasmi", &duty)
        .unwrap();
}
