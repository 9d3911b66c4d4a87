//! The twenty cases: what documents say, and what this project settled where they are silent.

use imagecache::matching::{Decision, Image, Index, MatchRules, Pod, SizeTie};
use serde_json::Value;

use super::{cache, data, explain};

fn index(case: &Value) -> Index {
    case["caches"]
        .as_array()
        .unwrap()
        .iter()
        .map(cache)
        .collect()
}

fn pod(instance: &Value) -> Pod {
    let images = instance["images"].as_array().unwrap();
    let mut pod = Pod::new(
        "instance",
        images
            .iter()
            .map(|image| Image::new(image.as_str().unwrap())),
    );
    pod.region = instance["regionId"].as_str().map(str::to_owned);
    pod.storage_gib = instance["requiredEphemeralStorageGiB"]
        .as_u64()
        .unwrap_or_default();
    pod.wish.explicit = instance["explicitId"].as_str().map(str::to_owned);
    pod.wish.auto = instance["autoMatch"].as_bool();
    pod.wish.perfect = instance["perfectMatch"].as_bool().unwrap_or_default();
    pod.wish.count = instance["matchCountRequest"]
        .as_u64()
        .map(|count| usize::try_from(count).unwrap());
    pod
}

#[test]
fn every_case_is_answered_as_decided() {
    let cases = data("cases.json");
    let cases = cases["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 20);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let answer = explain(
            &index(case),
            &pod(&case["instance"]),
            &MatchRules::default(),
        );
        let expected = case["expect"].as_object().unwrap();
        let winner = answer
            .winner
            .as_ref()
            .and_then(|winner| winner.image_cache_id.as_deref());
        for (what, wanted) in expected {
            match what.as_str() {
                "winner" => assert_eq!(winner, wanted.as_str(), "{name}"),
                "partial" => assert_eq!(answer.decision, Decision::Partial, "{name}"),
                "autoCreate" => assert_eq!(Value::Bool(answer.auto_create), *wanted, "{name}"),
                "event" => assert_eq!(answer.events[0].reason.as_str(), wanted, "{name}"),
                "error" => {
                    let error = answer.error.as_ref().unwrap();
                    assert_eq!(Value::from(error.http), wanted["http"], "{name}");
                    assert_eq!(error.code, wanted["code"], "{name}");
                    assert_eq!(answer.decision.as_str(), "Refused", "{name}");
                    assert!(winner.is_none());
                }
                other => panic!("{name} expects {other}, which nothing reads"),
            }
        }
    }
}

fn case(name: &str) -> (Index, Pod) {
    let cases = data("cases.json");
    let case = cases["cases"]
        .as_array()
        .unwrap()
        .iter()
        .find(|case| case["name"] == name)
        .unwrap();
    (index(case), pod(&case["instance"]))
}

fn winner(name: &str, rules: &MatchRules) -> Option<String> {
    let (index, pod) = case(name);
    explain(&index, &pod, rules).winner?.image_cache_id
}

#[test]
fn strict_rules_take_no_cache_for_another_tag() {
    let mut strict = MatchRules::default();
    strict.strict = true;
    assert_eq!(winner("same-repo-other-tag", &strict), None);
    assert_eq!(
        winner("exact-beats-two-repo-only", &strict).as_deref(),
        Some("imc-a")
    );
}

#[test]
fn updating_cache_serves_its_old_snapshot_only_on_demand() {
    let mut stale = MatchRules::default();
    stale.serve_stale_while_updating = true;
    assert_eq!(winner("updating-ignored", &stale).as_deref(), Some("imc-a"));
    assert_eq!(
        winner("not-ready-ignored", &stale).as_deref(),
        Some("imc-b")
    );
}

#[test]
fn automatic_creation_can_be_switched_off() {
    let mut rules = MatchRules::default();
    rules.auto_create = false;
    let (index, pod) = case("no-match");
    let answer = explain(&index, &pod, &rules);
    assert!(!answer.auto_create && answer.next.create.is_none());
    assert_eq!(answer.events.len(), 1);
}

#[test]
fn matched_bytes_decide_only_where_they_are_asked_to() {
    let mut rules = MatchRules::default();
    rules.size_tie = SizeTie::MatchedBytes;
    // No size is known, so bytes are equal and the newest wins.
    assert_eq!(
        winner("size-breaks-tie-closest", &rules).as_deref(),
        Some("imc-a")
    );
}
