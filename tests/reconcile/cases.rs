//! Single steps, as a table: an object, a cache, and what is decided.

use std::time::Duration;

use imagecache::eci::error::{ErrorCode, Retry};
use imagecache::eci::reply::ImageCacheEntry;
use imagecache::eci::request::DescribeImageCaches;
use imagecache::reconcile::{
    Allowed, Effect, GONE_AFTER, Listing, Observed, Outcome, ReconcileDecision, ReconcileRecord,
    ReconcileSettings, Spending, Trust, patched, step,
};
use imagecache::time::Timestamp;
use serde_json::{Value, json};

const NOW: &str = "2026-02-01T00:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// An object whose cache `imc-1` was accepted, with changes.
fn object(changes: Value) -> Value {
    let object = json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {
            "name": "base", "uid": "uid-1", "resourceVersion": "7", "generation": 1,
            "creationTimestamp": "2026-01-18T13:40:56Z", "finalizers": ["imagecache.eci.alibabacloud.com/cache"],
        },
        "spec": {"images": ["nginx:1.27"]},
        "status": {
            "phase": "Ready", "progress": "100%", "imageCacheId": "imc-1", "startTime": "2026-01-18T13:40:58Z",
            "conditions": [
                {"type": "Ready", "status": "True", "observedGeneration": 1, "lastTransitionTime": "2026-01-18T13:50:00Z",
                 "reason": "Ready", "message": "pods can start from imc-1"},
                {"type": "Synced", "status": "True", "observedGeneration": 1,
                 "lastTransitionTime": "2026-01-18T13:40:58Z", "reason": "Submitted", "message": "accepted"},
            ],
        },
    });
    patched(&object, &changes)
}

fn entry(changes: Value) -> ImageCacheEntry {
    let entry = json!({
        "ImageCacheId": "imc-1", "ImageCacheName": "base", "Status": "Ready", "Progress": "100%",
        "Images": ["nginx:1.27"], "CreationTime": "2026-01-18T13:40:58Z",
        "Tags": [{"Key": "imagecache.eci.alibabacloud.com/uid", "Value": "uid-1"}],
    });
    serde_json::from_value(patched(&entry, &changes)).unwrap()
}

fn settings() -> ReconcileSettings {
    let mut settings = ReconcileSettings::default();
    settings.region_id = "cn-hangzhou".to_owned();
    settings.trust = {
        let mut trust = Trust::default();
        trust.secret_namespaces = Allowed::of(["default"]);
        trust.adoption = Allowed::of(["imc-1"]);
        trust
    };
    settings
}

fn decide(
    object: &Value,
    entries: Vec<ImageCacheEntry>,
    memory: &ReconcileRecord,
    pods: Option<&[String]>,
) -> ReconcileDecision {
    let minute = Duration::from_secs(100);
    let listing = Listing::new(entries, minute);
    let seen = Observed {
        listing: Some(&listing),
        live: true,
        logins: None,
        pods,
        starting: None,
        rivals: &[],
        spending: &Spending::default(),
        moment: minute,
    };
    step(object, &seen, &settings(), memory, now())
}

/// What a decision does, in a word, and the reasons that it writes: `status Ready:Expired`.
fn told(decision: &ReconcileDecision) -> String {
    let Some(act) = &decision.act else {
        return if decision.listing { "waits" } else { "rests" }.to_owned();
    };
    match act {
        Effect::Status { patch, .. } => {
            let status = &patch["status"];
            let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
            let reasons: Vec<_> = conditions
                .iter()
                .map(|one| {
                    format!(
                        "{}:{}",
                        one["type"].as_str().unwrap(),
                        one["reason"].as_str().unwrap()
                    )
                })
                .collect();
            format!("status {}", reasons.join(" "))
        }
        Effect::Finalizers { patch } => format!("finalizers {}", patch["metadata"]["finalizers"]),
        Effect::Create { .. } => "create".to_owned(),
        Effect::Update { .. } => "update".to_owned(),
        Effect::Delete { call } => format!("delete {}", call.image_cache_id),
        Effect::Describe { call } => {
            format!("describe {}", call.image_cache_id.as_deref().unwrap())
        }
        Effect::Read => "read".to_owned(),
        Effect::ReadSecrets(names) => format!("secrets {}", names.join(",")),
        other => other.to_string(),
    }
}

#[test]
fn step_every_state_has_its_effect() {
    let own = "imagecache.eci.alibabacloud.com";
    let annotated = |name: &str, value: &str| json!({"metadata": {"annotations": {format!("{own}/{name}"): value}}});
    let deleting = json!({"metadata": {"deletionTimestamp": NOW}});
    let with = |one: &Value, other: &Value| patched(one, other);
    let edited = json!({"metadata": {"generation": 2}});
    let ready = entry(json!({}));
    let cases: Vec<(&str, Value, Vec<ImageCacheEntry>, &str)> = vec![
        ("in order", json!({}), vec![ready.clone()], "rests"),
        ("paused", annotated("paused", "true"), vec![], "rests"),
        (
            "edited",
            edited.clone(),
            vec![ready.clone()],
            "status Ready:UpdatePending Synced:Submitting",
        ),
        (
            "edited into what ECI cannot take",
            json!({"metadata": {"generation": 2}, "spec": {"imageCacheSize": 5}}),
            vec![ready.clone()],
            "status Ready:UpdatePending Synced:Invalid",
        ),
        (
            "edited, with a secret to read",
            json!({"metadata": {"generation": 2}, "spec": {"imagePullSecrets": ["default:a"]}}),
            vec![ready.clone()],
            "secrets default:a",
        ),
        (
            "edited while busy",
            edited.clone(),
            vec![entry(json!({"Status": "Updating"}))],
            "status Ready:Updating Synced:Submitted",
        ),
        (
            "failed and edited",
            edited.clone(),
            vec![entry(json!({"Status": "Failed"}))],
            "delete imc-1",
        ),
        (
            "failed",
            json!({}),
            vec![entry(json!({"Status": "Failed"}))],
            "status Ready:Failed Synced:Submitted",
        ),
        (
            "a failed cache that is gone",
            json!({"status": {"phase": "Failed"}}),
            vec![],
            "describe imc-1; status Ready:Gone Synced:Submitting",
        ),
        (
            "gone",
            json!({}),
            vec![],
            "describe imc-1; status Ready:Gone Synced:Submitting",
        ),
        (
            "gone at its end",
            json!({"spec": {"retentionDays": 7}}),
            vec![],
            "describe imc-1; status Ready:Expired Synced:Submitted",
        ),
        (
            "gone before its end",
            json!({"spec": {"retentionDays": 70}}),
            vec![],
            "describe imc-1; status Ready:Gone Synced:Submitting",
        ),
        (
            "evicted",
            annotated("elimination-strategy", "LRU"),
            vec![],
            "describe imc-1; status Ready:Eliminated Synced:Submitted",
        ),
        (
            "an update that failed long ago",
            json!({}),
            vec![entry(json!({"Status": "UpdateFailed"}))],
            "status Ready:UpdatePending Synced:Submitting",
        ),
        (
            "somebody has put other images in",
            json!({}),
            vec![entry(json!({"Images": ["redis:7"]}))],
            "status Ready:UpdatePending Synced:Submitting",
        ),
        (
            "the cache of another object",
            json!({}),
            vec![entry(
                json!({"Tags": [{"Key": format!("{own}/uid"), "Value": "uid-2"}]}),
            )],
            "status Ready:Pending Synced:NotOurs",
        ),
        (
            "deleted",
            deleting.clone(),
            vec![ready.clone()],
            "delete imc-1",
        ),
        (
            "deleted, cache gone",
            deleting.clone(),
            vec![],
            "describe imc-1; finalizers []",
        ),
        (
            "deleted, to be kept",
            with(&deleting, &annotated("deletion-policy", "Retain")),
            vec![ready.clone()],
            "finalizers []",
        ),
        (
            "deleted, adopted",
            with(&deleting, &annotated("adopt", "imc-1")),
            vec![ready.clone()],
            "finalizers []",
        ),
        (
            "deleted, adopted, with one that was made for it",
            with(&deleting, &annotated("adopt", "imc-1")),
            vec![ready.clone(), entry(json!({"ImageCacheId": "imc-2"}))],
            "delete imc-2",
        ),
        (
            "deleted, adopted, whose status is lost",
            with(
                &with(&deleting, &annotated("adopt", "imc-1")),
                &json!({"status": {"imageCacheId": null}}),
            ),
            vec![ready.clone()],
            "finalizers []",
        ),
        (
            "deleted, adopted, to go",
            patched(
                &with(&deleting, &annotated("adopt", "imc-1")),
                &annotated("deletion-policy", "Delete"),
            ),
            vec![ready.clone()],
            "delete imc-1",
        ),
        (
            "deleted, with a policy that is none",
            with(&deleting, &annotated("deletion-policy", "Keep")),
            vec![ready.clone()],
            "status Ready:Ready Synced:Invalid",
        ),
        (
            "deleted and not held",
            json!({"metadata": {"deletionTimestamp": NOW, "finalizers": null}}),
            vec![ready],
            "rests",
        ),
    ];
    for (name, changes, entries, expected) in cases {
        let decision = decide(
            &object(changes.clone()),
            entries.clone(),
            &ReconcileRecord::default(),
            Some(&[]),
        );
        let mut said = told(&decision);
        if let Some(Effect::Describe { .. }) = &decision.act {
            let after = decide(&object(changes), entries, &proof(), Some(&[]));
            said = format!("{said}; {}", told(&after));
        }
        assert_eq!(said, expected, "{name}: {decision:#?}");
    }
}

/// What is remembered when ECI, asked twice by the id, has no such cache.
fn proof() -> ReconcileRecord {
    let mut memory = ReconcileRecord::default();
    let ask = Effect::Describe {
        call: Box::new(DescribeImageCaches {
            image_cache_id: Some("imc-1".to_owned()),
            ..DescribeImageCaches::default()
        }),
    };
    for moment in [Duration::ZERO, GONE_AFTER] {
        memory.record(&ask, &Outcome::Described(None), 1, moment);
    }
    memory
}

#[test]
fn step_pods_naming_a_cache_protect_it() {
    let deleting = json!({"metadata": {"deletionTimestamp": NOW}});
    let pods = ["a/1", "a/2", "b/1", "b/2", "c/1"].map(str::to_owned);
    let kept = decide(
        &object(deleting.clone()),
        vec![entry(json!({}))],
        &ReconcileRecord::default(),
        Some(&pods),
    );
    assert_eq!(told(&kept), "status Ready:Ready Synced:InUse");
    assert!(
        kept.notes[0]
            .message
            .starts_with("imc-1 is named by a/1, a/2, b/1 and 2 more; "),
        "{kept:?}"
    );
    let unknown = decide(
        &object(deleting.clone()),
        vec![entry(json!({}))],
        &ReconcileRecord::default(),
        None,
    );
    assert_eq!(told(&unknown), "status Ready:Ready Synced:UsersUnknown");
    let off = json!({"metadata": {"annotations": {"imagecache.eci.alibabacloud.com/deletion-protection": "false"}}});
    let gone = decide(
        &object(patched(&deleting, &off)),
        vec![entry(json!({}))],
        &ReconcileRecord::default(),
        Some(&pods),
    );
    assert_eq!(told(&gone), "delete imc-1");
}

#[test]
fn step_removed_retention_is_reported() {
    let changes = json!({
        "metadata": {"generation": 2}, "status": {"expireDateTime": "2026-03-18T13:40:58Z"},
    });
    let object = object(changes);
    let mut memory = ReconcileRecord::default();
    let update = Effect::Update {
        call: Box::default(),
        generation: 2,
    };
    memory.record(&update, &Outcome::Accepted, 2, Duration::from_secs(1));
    let accepted = decide(&object, vec![], &memory, Some(&[]));
    assert_eq!(
        told(&accepted),
        "status Ready:Updating Synced:RetentionStays"
    );
    let Some(Effect::Status { patch, .. }) = accepted.act else {
        panic!()
    };
    let ready = decide(
        &patched(&object, &patch),
        vec![entry(json!({}))],
        &ReconcileRecord::default(),
        Some(&[]),
    );
    assert_eq!(told(&ready), "status Ready:Ready Synced:RetentionStays");
}

#[test]
fn step_transient_errors_back_off_then_report() {
    let object = object(json!({"metadata": {"generation": 2}}));
    let update = Effect::Update {
        call: Box::default(),
        generation: 2,
    };
    let throttled = Outcome::Refused {
        code: ErrorCode::ThrottlingUser,
        message: "slower".to_owned(),
        retry: Retry::After(Duration::from_secs(1)),
    };
    let mut memory = ReconcileRecord::default();
    let mut waits = Vec::new();
    for attempt in 1..=4 {
        // just before the listing that `decide` gives, so that it is fresh
        memory.record(&update, &throttled, 2, Duration::from_nanos(99_999_999_999));
        let decision = decide(&object, vec![entry(json!({}))], &memory, Some(&[]));
        assert_eq!(
            decision.act.is_some(),
            attempt >= 3,
            "attempt {attempt}: {decision:?}"
        );
        waits.push(decision.after.unwrap().as_secs_f64().round());
    }
    assert_eq!(waits, [1.0, 2.0, 4.0, 8.0]);
    let mut edited = object.clone();
    edited["metadata"]["generation"] = 3.into();
    let at_once = decide(&edited, vec![entry(json!({}))], &memory, Some(&[]));
    assert_eq!(
        told(&at_once),
        "status Ready:UpdatePending Synced:Submitting"
    );
}

#[test]
fn step_dropped_conditions_stop_creation() {
    let object = json!({
        "metadata": {
            "name": "base", "uid": "uid-1", "resourceVersion": "7", "generation": 1,
            "finalizers": ["imagecache.eci.alibabacloud.com/cache"],
        },
        "spec": {"images": ["nginx:1.27"]},
    });
    let intent = decide(&object, vec![], &ReconcileRecord::default(), Some(&[]));
    let mut memory = ReconcileRecord::default();
    memory.record(
        &intent.act.unwrap(),
        &Outcome::Object(object.clone()),
        1,
        Duration::from_secs(99),
    );
    let decision = decide(&object, vec![], &memory, Some(&[]));
    assert_eq!(decision.act, None);
    assert!(
        decision
            .problem
            .unwrap()
            .message
            .contains("imagecache crd | kubectl apply -f -")
    );
}
