//! Audits of documents: pods, their events, their workloads, and what cannot be compared.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use imagecache::audit::{
    Audit, AuditCause, AuditInput, AuditOptions, AuditRule, WorkloadHits, audit,
};
use imagecache::diagnostic::{Levels, Report};
use serde_json::{Value, json};

const HIT: &str = "[eci.imagecache]Successfully hit image cache imc-1, eci will be scheduled with this image cache.";

fn of(documents: &[Value], options: &AuditOptions) -> Audit {
    let mut input = AuditInput::default();
    let mut parts = AuditInput::default();
    let mut report = Report::new(&Levels::DEFAULT);
    for document in documents {
        input.add(document, &mut report);
        let mut part = AuditInput::default();
        part.add(document, &mut report);
        parts.append(part);
    }
    assert_eq!(report.finish(), []);
    assert_eq!(input.unread(), 0);
    let whole = audit(&input, options);
    assert_eq!(audit(&parts, options), whole);
    whole
}

fn cache(id: &str, image: &str, created: &str) -> Value {
    json!({"ImageCacheId": id, "ImageCacheName": id, "Images": [image], "Status": "Ready", "SnapshotId": format!("s-{id}"),
        "CreationTime": created, "ImageCacheSize": 20})
}

fn pod(name: &str, image: &str, annotations: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
        "annotations": annotations, "creationTimestamp": "2026-02-01T00:00:00Z",
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5d", "uid": "rs", "controller": true}]},
        "spec": {"containers": [{"name": "c", "image": image}]}})
}

fn event(pod: &str, reason: &str, message: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("{pod}.1"), "namespace": "shop"},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": pod, "uid": format!("uid-{pod}")},
        "reason": reason, "message": message})
}

fn owners() -> Value {
    let template = json!({"spec": {"containers": [{"name": "c", "image": "web:1"}]}});
    json!([
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "uid": "dep"},
            "spec": {"template": template}},
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-5d", "namespace": "shop", "uid": "rs",
            "ownerReferences": [{"uid": "dep", "controller": true}]}, "spec": {"template": template}},
    ])
}

#[test]
fn audit_counts_hits_by_workload() {
    let mut options = AuditOptions::default();
    options.facts.size("web:1", 90_005_100).unwrap();
    let none = json!({});
    let audit = of(
        &[
            cache("imc-1", "web:1", "2026-01-01T00:00:00Z"),
            owners(),
            pod("a", "web:1", &none),
            pod("b", "web:1", &none),
            pod(
                "c",
                "web:1",
                &json!({"k8s.aliyun.com/eci-matched-image-cache": "imc-1"}),
            ),
            pod("d", "web:1", &none),
            event("a", "SuccessfulHitImageCache", HIT),
            event(
                "b",
                "ImageCacheMissed",
                "[eci.imagecache]Missed image cache.",
            ),
            event("b", "Scheduled", "placed"),
        ],
        &options,
    );
    let expected: WorkloadHits = {
        let mut hits = WorkloadHits::default();
        hits.workload = "Deployment/shop/web".to_owned();
        (hits.starts, hits.hits, hits.full, hits.missed, hits.unknown) = (4, 2, 2, 1, 1);
        hits.hit_per_mille = Some(666);
        hits.seconds_lost = Some(10);
        hits
    };
    assert_eq!(audit.workloads, [expected]);
    assert_eq!((audit.compared, audit.agreed), (3, 2));
    let wrong = &audit.disagreements[0];
    assert_eq!(
        (wrong.pod.as_str(), wrong.workload.as_str()),
        ("Pod/shop/b", "Deployment/shop/web")
    );
    assert_eq!(
        (wrong.predicted.to_string(), wrong.observed.to_string()),
        ("imc-1".into(), "no cache".into())
    );
    // no rule explains it: the others of the same form hit
    assert_eq!(wrong.causes, []);
    assert_eq!(audit.suspects, []);
}

#[test]
fn audit_names_caches_that_are_gone_or_too_new() {
    let none = json!({});
    let gone = of(
        &[
            pod("a", "web:1", &none),
            event("a", "SuccessfulHitImageCache", HIT),
        ],
        &AuditOptions::default(),
    );
    assert_eq!(
        gone.disagreements[0].causes,
        [AuditCause::Gone("imc-1".to_owned())]
    );
    assert_eq!(gone.workloads[0].seconds_lost, None);
    let missed = event(
        "a",
        "ImageCacheMissed",
        "[eci.imagecache]Missed image cache.",
    );
    let made = |created: &str| {
        let documents = [
            cache("imc-1", "web:1", created),
            pod("a", "web:1", &none),
            missed.clone(),
        ];
        of(&documents, &AuditOptions::default())
    };
    let new = made("2026-01-31T23:30:00Z");
    assert_eq!(
        new.disagreements[0].causes,
        [AuditCause::MaybeNotReady("imc-1".to_owned())]
    );
    // made after the pod: it is not predicted at all, but ECI would have made a cache
    let later = made("2026-02-01T00:00:00Z");
    assert_eq!(
        later.disagreements[0].causes,
        [AuditCause::Rule(AuditRule::AutoCreate)]
    );
}

#[test]
fn audit_joins_a_pod_with_its_group() {
    let group = json!({"ContainerGroups": [{"ContainerGroupId": "eci-1", "ContainerGroupName": "shop-a",
        "CreationTime": "2026-02-01T00:00:00Z", "Containers": [{"Image": "web:1"}],
        "Tags": [{"Key": "imagecache.eci.alibabacloud.com/pod-uid", "Value": "uid-a"}],
        "Events": [{"Reason": "SuccessfulHitImageCache", "Message": "Successfully hit image cache s-imc-1."}]}]});
    let cache = cache("imc-1", "web:1", "2026-01-01T00:00:00Z");
    let both = of(
        &[cache.clone(), pod("a", "web:1", &json!({})), group.clone()],
        &AuditOptions::default(),
    );
    assert_eq!((both.compared, both.agreed), (1, 1), "{both:?}");
    let mut by_id = group.clone();
    by_id["ContainerGroups"][0]["Tags"] = json!([]);
    let named = json!({"k8s.aliyun.com/eci-instance-id": "eci-1"});
    let both = of(
        &[cache.clone(), pod("a", "web:1", &named), by_id],
        &AuditOptions::default(),
    );
    assert_eq!((both.compared, both.agreed), (1, 1));
    let alone = of(&[cache, group], &AuditOptions::default());
    assert_eq!(alone.workloads[0].workload, "ContainerGroup/shop-a");
}

#[test]
fn audit_compares_the_answers_of_eci() {
    let mut input = AuditInput::default();
    let documents = json!([
        cache("imc-1", "web:1", "2026-01-01T00:00:00Z"),
        pod("a", "web:1", &json!({}))
    ]);
    input.add(&documents, &mut Report::new(&Levels::DEFAULT));
    let lists: Vec<Vec<String>> = input.image_lists().into_iter().collect();
    assert_eq!(lists, [["web:1"]]);
    input.ask(lists[0].clone(), vec!["imc-1".to_owned()]);
    let agreed = audit(&input, &AuditOptions::default());
    assert!(agreed.agrees() && agreed.vendor[0].agrees);
    input.ask(lists[0].clone(), Vec::new());
    let not = audit(&input, &AuditOptions::default());
    assert_eq!(
        (not.agrees(), not.vendor[0].predicted.as_deref()),
        (false, Some("imc-1"))
    );
}

#[test]
fn audit_counts_what_cannot_be_read() {
    let mut input = AuditInput::default();
    let mut report = Report::new(&Levels::DEFAULT);
    input.add(
        &json!([7, {"ContainerGroups": {}}, {"ContainerGroups": [7]}]),
        &mut report,
    );
    assert_eq!((input.unread(), report.finish().len()), (3, 3));
}
