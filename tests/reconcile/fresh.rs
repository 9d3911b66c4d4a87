//! The condition `Fresh`: single steps.

use std::time::Duration;

use imagecache::reconcile::{Allowed, Effect, FreshnessSettings, OnDrift, Outcome, patched};
use imagecache::registry::{
    FailureReason, ImageRecord, PlatformImage, RegistryAnswer, RegistryFailure,
};
use imagecache::resource::annotation::DIGESTS;
use serde_json::json;

use crate::trust::{Given, entry, ready};

const IMAGE: &str = "registry.example.com/app:1";

/// A host that runs with `--on-drift rebuild`, and has these answers.
fn given(answers: &[(&str, RegistryAnswer)]) -> Given {
    let mut given = Given::default();
    given.moment = Duration::from_secs(1);
    let registries = Allowed::of(["registry.example.com"]);
    given.settings.freshness = Some(FreshnessSettings::new(OnDrift::Rebuild, registries));
    let answers = answers
        .iter()
        .map(|(image, answer)| ((*image).to_owned(), answer.clone()));
    given.memory.record(
        &Effect::AskRegistries(Vec::new()),
        &Outcome::Answered(answers.collect()),
        1,
        Duration::from_millis(500),
    );
    given
}

fn image(digest: &str, platforms: Option<&[&str]>) -> RegistryAnswer {
    let mut record = ImageRecord::new(digest);
    let of = |name: &&str| PlatformImage::new(name.parse().unwrap(), &format!("{digest}/{name}"));
    record.platforms = platforms.map(|names| names.iter().map(of).collect());
    RegistryAnswer::Image(record)
}

fn failed(reason: FailureReason) -> RegistryAnswer {
    RegistryAnswer::Failed(RegistryFailure::new(reason, "registry.example.com: said"))
}

/// The object with its cache, and these images and digests.
fn step(mut given: Given, images: &[&str], digests: Option<&str>) -> String {
    let cache = json!({"ImageCacheSize": 20, "Images": images});
    given.entries = vec![entry("imc-1", Some("uid-1"), cache)];
    let annotations = digests.map(|text| json!({DIGESTS: text}));
    let metadata = json!({"annotations": annotations});
    let mut object = ready(json!({"metadata": metadata, "spec": {"images": images}}));
    // the times of the cache are written first
    let first = given.step(&object);
    if let Some(Effect::Status { patch, .. }) = &first.act {
        object = patched(&object, patch);
    }
    let decision = given.step(&object);
    match &decision.act {
        Some(Effect::Status { patch, .. }) => {
            let conditions = patch["status"]["conditions"].as_array().unwrap();
            let of = |kind: &str| conditions.iter().find(|one| one["type"] == kind);
            assert_eq!(of("Synced").unwrap()["status"], "True", "{patch:#}");
            let fresh = of("Fresh").unwrap_or_else(|| panic!("{patch:#}"));
            let text = |key: &str| fresh[key].as_str().unwrap();
            format!("{} {}: {}", text("status"), text("reason"), text("message"))
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn fresh_answer_of_registry_is_reported_with_reason() {
    let recorded = json!({IMAGE: "sha256:aa"}).to_string();
    let recorded = Some(recorded.as_str());
    let cases: [(RegistryAnswer, Option<&str>, &str); 10] = [
        (image("sha256:aa", None), recorded, "True Fresh: "),
        (
            image("sha256:cc", Some(&["linux/amd64"])),
            recorded,
            "Some(ReadStarting(\"imc-1\"))",
        ),
        (
            image("sha256:cc", Some(&["linux/arm64"])),
            recorded,
            "False Moved: `registry.example.com/app:1` was sha256:aa when the cache was made, and is sha256:cc now; it is not \
             rebuilt, because `registry.example.com/app:1`: not made for linux/amd64, only for linux/arm64",
        ),
        (failed(FailureReason::NotFound), recorded, "False Gone: "),
        (
            failed(FailureReason::Unauthorized),
            recorded,
            "Unknown Unauthorized: `registry.example.com/app:1`: ",
        ),
        (
            failed(FailureReason::TooManyRequests),
            recorded,
            "Unknown TooManyRequests: ",
        ),
        (
            failed(FailureReason::Unreachable),
            recorded,
            "Unknown Unreachable: ",
        ),
        (
            failed(FailureReason::Moved),
            recorded,
            "Unknown Redirected: ",
        ),
        (
            image("sha256:cc", None),
            Some("junk"),
            "Unknown NotRecorded: `registry.example.com/app:1`: annotation \
             imagecache.eci.alibabacloud.com/digests is not a JSON object of digests",
        ),
        (image("sha256:cc", None), None, "Unknown NotRecorded: "),
    ];
    for (answer, digests, expected) in cases {
        let found = step(given(&[(IMAGE, answer.clone())]), &[IMAGE], digests);
        assert!(
            found.starts_with(expected),
            "{answer:?}\n{found}\n{expected}"
        );
    }
}

#[test]
fn fresh_tag_that_cannot_be_asked_for_prevents_the_rebuild() {
    let moved = image("sha256:cc", Some(&["linux/amd64"]));
    let recorded = json!({IMAGE: "sha256:aa", "registry.example.com/b:1": "sha256:bb"}).to_string();
    let other = "registry.example.com/b:1";
    let found = step(
        given(&[
            (IMAGE, moved.clone()),
            (other, failed(FailureReason::Unauthorized)),
        ]),
        &[IMAGE, other],
        Some(&recorded),
    );
    let why = "; it is not rebuilt, because `registry.example.com/b:1`: registry.example.com: said";
    assert!(
        found.starts_with("False Moved: ") && found.ends_with(why),
        "{found}"
    );
    let barred = "elsewhere.example.com/b:1";
    let found = step(given(&[(IMAGE, moved)]), &[IMAGE, barred], Some(&recorded));
    let why = "; it is not rebuilt, because `elsewhere.example.com/b:1`: --ask-registries does not list `elsewhere.example.com`";
    assert!(
        found.starts_with("False Moved: ") && found.ends_with(why),
        "{found}"
    );
}

#[test]
fn fresh_rebuild_is_sent_only_with_answers_of_this_minute() {
    let recorded = json!({IMAGE: "sha256:aa"}).to_string();
    let intent = json!({
        "type": "Synced", "status": "False", "observedGeneration": 1, "lastTransitionTime": "2026-01-31T23:00:00Z",
        "reason": "Rebuilding", "message": "said",
    });
    let status = json!({"conditions": [intent]});
    let metadata = json!({"annotations": {DIGESTS: recorded}});
    let object =
        ready(json!({"metadata": metadata, "spec": {"images": [IMAGE]}, "status": status}));
    let act = |answer: RegistryAnswer, moment: u64| {
        let mut given = given(&[(IMAGE, answer)]);
        given.moment = Duration::from_secs(moment);
        let cache = json!({"ImageCacheSize": 20, "Images": [IMAGE]});
        given.entries = vec![entry("imc-1", Some("uid-1"), cache)];
        given.step(&object).act.unwrap()
    };
    let moved = || image("sha256:cc", Some(&["linux/amd64"]));
    // pods are listed last
    let found = act(moved(), 2);
    assert!(matches!(found, Effect::ReadStarting(_)), "{found:?}");
    let found = act(moved(), 62);
    assert!(matches!(found, Effect::AskRegistries(_)), "{found:?}");
    // until it can be sent, the cache is what it was
    let found = act(failed(FailureReason::Unauthorized), 2);
    let Effect::Status { patch, .. } = found else {
        panic!("{found:?}");
    };
    let conditions = patch["status"]["conditions"].as_array().unwrap();
    let of = |kind: &str| {
        conditions
            .iter()
            .find(|one| one["type"] == kind)
            .unwrap_or_else(|| panic!("{patch:#}"))
    };
    assert_eq!(of("Ready")["status"], "True");
    assert_eq!(of("Synced")["reason"], "Rebuilding");
    assert_eq!(of("Synced")["lastTransitionTime"], "2026-01-31T23:00:00Z");
    let message = of("Synced")["message"].as_str().unwrap();
    assert!(
        message.contains("is to be rebuilt; `registry.example.com/app:1`"),
        "{message}"
    );
}

#[test]
fn fresh_cache_of_the_largest_size_is_not_rebuilt() {
    let recorded = json!({IMAGE: "sha256:aa"}).to_string();
    let moved = image("sha256:cc", Some(&["linux/amd64"]));
    let mut given = given(&[(IMAGE, moved)]);
    let cache = json!({"ImageCacheSize": 32_768, "Images": [IMAGE]});
    given.entries = vec![entry("imc-1", Some("uid-1"), cache)];
    let metadata = json!({"annotations": {DIGESTS: recorded}});
    let spec = json!({"images": [IMAGE], "imageCacheSize": 32_768});
    let mut object = ready(json!({"metadata": metadata, "spec": spec}));
    for _ in 0..2 {
        let decision = given.step(&object);
        let Some(Effect::Status { patch, .. }) = &decision.act else {
            panic!("{decision:#?}");
        };
        object = patched(&object, patch);
    }
    let message = object["status"]["conditions"].to_string();
    assert!(
        message.contains("spec.imageCacheSize is the largest"),
        "{message}"
    );
}

#[test]
fn fresh_image_by_digest_is_never_asked_for() {
    let pinned = format!("registry.example.com/app:1@sha256:{}", "a".repeat(64));
    let found = step(given(&[]), &[&pinned], None);
    assert!(found.starts_with("True Fresh: "), "{found}");
}
