//! What is read of pods, caches, lists and replies, and what is reported of the broken ones.

use std::collections::BTreeMap;

use imagecache::matching::{Cache, CacheOrigin, GIB, Image, Index, Pod, storage_bytes};
use imagecache::resource::Phase;
use serde_json::{Value, json};

use super::{data, inventory};

fn names(caches: &[Cache]) -> Vec<&str> {
    caches
        .iter()
        .map(|cache| cache.id.as_deref().unwrap_or(&cache.name))
        .collect()
}

fn pod(document: Value) -> Pod {
    let (mut inventory, found) = inventory(&[document]);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(inventory.pods.len(), 1);
    inventory.pods.remove(0)
}

fn pod_spec(spec: Value) -> Pod {
    pod(json!({"kind": "Pod", "metadata": {"name": "p"}, "spec": spec}))
}

fn texts(images: &[Image]) -> Vec<&str> {
    images.iter().map(Image::text).collect()
}

#[test]
fn replies_of_the_api_are_read_in_every_state() {
    let replies = data("describe-replies.json");
    let replies = replies.as_object().unwrap();
    assert_eq!(replies.len(), 11);
    let mut phases = Vec::new();
    for (name, reply) in replies {
        let (inventory, found) = inventory(std::slice::from_ref(reply));
        assert!(found.is_empty(), "{name}: {found:?}");
        assert_eq!(inventory.caches.is_empty(), name == "empty");
        phases.extend(
            inventory
                .caches
                .iter()
                .filter_map(|cache| cache.phase.clone()),
        );
        for cache in &inventory.caches {
            assert_eq!(cache.origin, CacheOrigin::Reply);
            assert_eq!(cache.region.as_deref(), Some("cn-beijing"));
            assert_eq!(cache.created.unwrap().to_string(), "2026-01-18T03:18:02Z");
            assert_eq!(cache.images.len(), 3);
        }
    }
    phases.sort();
    phases.dedup();
    assert_eq!(
        phases.iter().map(Phase::as_str).collect::<Vec<_>>(),
        [
            "Preparing",
            "Creating",
            "Ready",
            "Failed",
            "Updating",
            "UpdateFailed"
        ]
    );
    let (inventory, _) = inventory(&[replies["ready"].clone()]);
    let cache = &inventory.caches[0];
    assert_eq!(
        cache.last_matched.unwrap().to_string(),
        "2026-01-19T10:00:00Z"
    );
    assert_eq!(cache.expires.unwrap().to_string(), "2026-02-17T03:18:02Z");
    assert_eq!(cache.snapshot.as_deref(), Some("s-2zeexample0000000001"));
}

#[test]
fn objects_are_read_with_their_defaults() {
    let (inventory, found) = inventory(&[json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {
            "name": "web", "creationTimestamp": "2026-01-10T01:43:48Z",
            "annotations": {"k8s.aliyun.com/imc-cpu-arch": "arm64"},
        },
        "spec": {"images": ["nginx"], "retentionDays": 7},
        "status": {
            "imageCacheId": "imc-1", "phase": "Ready",
            "lastUpdateTime": "2026-01-10T01:47:14Z", "expireDateTime": "2026-01-17T01:43:48Z",
        },
    })]);
    assert!(found.is_empty(), "{found:?}");
    let cache = &inventory.caches[0];
    assert_eq!(
        (cache.id.as_deref(), cache.name.as_str()),
        (Some("imc-1"), "web")
    );
    assert_eq!(
        (cache.size_gib, cache.phase.clone()),
        (20, Some(Phase::Ready))
    );
    assert_eq!(
        (cache.arch.as_deref(), cache.os.as_deref()),
        (Some("arm64"), Some("linux"))
    );
    assert_eq!(cache.region, None);
    assert_eq!(cache.updated.unwrap().to_string(), "2026-01-10T01:47:14Z");
    assert_eq!(cache.expires.unwrap().to_string(), "2026-01-17T01:43:48Z");
}

#[test]
fn lists_arrays_and_printed_answers_are_opened() {
    let object = |name: &str| json!({"kind": "ImageCache", "metadata": {"name": name}, "spec": {"images": ["a"]}});
    let entry = |id: &str| json!({"ImageCacheId": id, "Images": ["a"]});
    let (inventory, found) = inventory(&[
        json!({"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCacheList", "items": [
            object("listed"), {"metadata": {"name": "kind-left-out"}, "spec": {"images": ["a"]}},
        ]}),
        json!({"apiVersion": "v1", "kind": "List", "items": [object("mixed"), {"kind": "Service"}]}),
        json!([entry("imc-in-array"), [object("nested")]]),
        json!({"statusCode": 200, "body": {"ImageCaches": [entry("imc-in-body")]}}),
        json!({"imageCaches": [{"imageCacheId": "imc-typed", "imageCacheName": "n", "images": ["a"]}]}),
        json!({"kind": "PodList", "items": [
            {"metadata": {"name": "bare"}, "spec": {"containers": [{"image": "a"}]}},
        ]}),
        // Another API group's ImageCache, and what this project knows nothing of.
        json!({"apiVersion": "kubefledged.io/v1alpha3", "kind": "ImageCache", "metadata": {"name": "other"}}),
        json!({"kind": "ConfigMap", "data": {}}),
        Value::Null,
    ]);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(
        names(&inventory.caches),
        [
            "listed",
            "kind-left-out",
            "mixed",
            "imc-in-array",
            "nested",
            "imc-in-body",
            "imc-typed"
        ]
    );
    assert_eq!(inventory.pods[0].kind, "Pod");
    assert_eq!(inventory.others, 3);
}

#[test]
fn list_broken_entries_are_reported_each() {
    let (inventory, found) = inventory(&[
        json!({"ImageCaches": [
            {"ImageCacheId": "imc-1", "Images": ["a"], "Status": "Ready"},
            "imc-2",
            {"Images": ["a"]},
            {"ImageCacheId": "imc-3", "Images": ["a", 7, "UPPER", "a@sha256:0"], "ImageCacheSize": "40"},
            {"ImageCacheId": "imc-4", "Images": "a", "CreationTime": "yesterday"},
            {"ImageCacheId": "imc-5", "Images": null, "RegionId": ["cn-beijing"]},
            {"ImageCacheId": "imc-6", "Images": ["b"]},
        ]}),
        json!({"kind": "ImageCache", "metadata": [], "spec": {"images": ["a"]}, "status": "Ready"}),
        json!({"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": {"spec": {"containers": []}}}}),
        json!({"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"image": 1}, {"image": "b"}]}}),
        json!({"kind": "Pod", "metadata": {"name": "empty"}}),
        json!("text"),
    ]);
    assert_eq!(
        names(&inventory.caches),
        ["imc-1", "imc-3", "imc-4", "imc-5", "imc-6"]
    );
    assert_eq!(inventory.caches[1].images.len(), 3);
    assert_eq!(inventory.caches[1].size_gib, 20);
    assert_eq!(inventory.pods.len(), 1);
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn lists_within_lists_are_followed_so_deep_and_no_deeper() {
    let mut value = json!({"ImageCacheId": "imc-1", "Images": ["a"]});
    for _ in 0..imagecache::matching::MAX_NESTING {
        value = json!([value]);
    }
    let (held, found) = inventory(std::slice::from_ref(&value));
    assert_eq!((held.caches.len(), found), (1, vec![]));
    let (held, found) = inventory(&[json!([value])]);
    assert_eq!(held.caches.len(), 0);
    assert_eq!(
        found,
        ["[0][0][0][0][0][0][0][0]: a list within 8 lists, deeper ones are not read"]
    );
}

#[test]
fn pod_templates_are_found_wherever_workloads_keep_them() {
    let template =
        json!({"spec": {"initContainers": [{"image": "b"}], "containers": [{"image": "a"}]}});
    let workload = |kind: &str, object: Value| {
        let mut object = object;
        object["kind"] = json!(kind);
        object["metadata"] = json!({"namespace": "ns", "name": "w"});
        pod(object)
    };
    for kind in [
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "ReplicaSet",
        "Job",
        "Rollout",
    ] {
        let pod = workload(kind, json!({"spec": {"template": template}}));
        assert_eq!(
            (pod.kind.as_str(), texts(pod.images())),
            (kind, vec!["a", "b"])
        );
        assert_eq!(pod.full_name(), "ns/w");
    }
    let cron = json!({"spec": {"jobTemplate": {"spec": {"template": template}}}});
    assert_eq!(workload("CronJob", cron).images().len(), 2);
    assert_eq!(
        workload("PodTemplate", json!({"template": template}))
            .images()
            .len(),
        2
    );
}

#[test]
fn images_of_a_pod_are_distinct_after_normalisation() {
    let pod = pod_spec(json!({
        "initContainers": [{"image": "nginx"}, {"image": "Bad"}],
        "containers": [
            {"image": "docker.io/library/nginx:latest"}, {"image": "nginx:1"}, {"image": "Bad"},
            {"image": "nginx@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        ],
        "ephemeralContainers": [{"image": "debug"}],
        "volumes": [{"image": {"reference": "data"}}],
    }));
    let versions: Vec<_> = pod
        .images()
        .iter()
        .map(|image| image.normalized().unwrap())
        .collect();
    assert_eq!(versions.len(), 3);
    assert_eq!(
        versions[..2],
        [
            "docker.io/library/nginx:1",
            "docker.io/library/nginx:latest"
        ]
    );
    assert_eq!(texts(pod.unreadable()), ["Bad"]);
    assert_eq!(pod.distinct(), 4);
}

/// Annotations, and what is read of them: explicit id, automatic matching, perfect match, count, warnings.
#[test]
fn ranking_explicit_before_automatic_newest_first() {
    const NEW_ID: &str = "k8s.aliyun.com/eci-imc-id";
    const OLD_ID: &str = "k8s.aliyun.com/eci-image-snapshot-id";
    const NEW_AUTO: &str = "k8s.aliyun.com/eci-auto-imc";
    const OLD_AUTO: &str = "k8s.aliyun.com/eci-image-cache";
    const PERFECT: &str = "k8s.aliyun.com/imc-perfect-match";
    const COUNT: &str = "k8s.aliyun.com/imc-match-count-request";
    let mut table = String::new();
    for annotations in [
        json!({}),
        json!({NEW_ID: "imc-new", OLD_ID: "imc-old", NEW_AUTO: "true", OLD_AUTO: "true"}),
        json!({OLD_ID: "imc-old", NEW_AUTO: "true"}),
        json!({NEW_ID: "", OLD_ID: "imc-old"}),
        json!({NEW_AUTO: "false", OLD_AUTO: "true"}),
        json!({NEW_AUTO: "yes", OLD_AUTO: "false"}),
        json!({NEW_AUTO: true}),
        json!({OLD_AUTO: "TRUE"}),
        json!({OLD_AUTO: "False"}),
        json!({PERFECT: "true", COUNT: "2"}),
        json!({PERFECT: "1", COUNT: "2"}),
        json!({COUNT: "0"}),
        json!({COUNT: "-1"}),
        json!({COUNT: "two"}),
        json!({COUNT: "99999999999999999999999"}),
        json!({"k8s.aliyun.com/eci-matched-image-cache": "imc-written-back"}),
    ] {
        let pod = pod(json!({
            "kind": "Pod", "metadata": {"name": "p", "annotations": annotations},
            "spec": {"containers": [{"image": "a"}]},
        }));
        let wish = pod.wish;
        let written: BTreeMap<_, _> = annotations.as_object().unwrap().iter().collect();
        for (name, value) in written {
            table.push_str(&format!("{name}: {value}\n"));
        }
        table.push_str(&format!(
            "  id {:?}, auto {:?}, perfect {}, count {:?}\n",
            wish.explicit, wish.auto, wish.perfect, wish.count
        ));
        for warning in pod.warnings {
            table.push_str(&format!("  warning: {warning}\n"));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn annotations_count_on_the_template_only() {
    let annotations = json!({"annotations": {"k8s.aliyun.com/eci-imc-id": "imc-1"}});
    let spec = json!({"containers": [{"image": "a"}]});
    let outside = pod(
        json!({"kind": "Deployment", "metadata": annotations, "spec": {"template": {"spec": spec}}}),
    );
    assert_eq!(outside.wish.explicit, None);
    let inside = pod(json!({
        "kind": "Deployment", "spec": {"template": {"metadata": annotations, "spec": spec}},
    }));
    assert_eq!(inside.wish.explicit.as_deref(), Some("imc-1"));
}

#[test]
fn placement_is_read_where_it_leaves_one_choice() {
    let arch = |spec: Value| {
        let mut spec = spec;
        spec["containers"] = json!([{"image": "a"}]);
        let pod = pod_spec(spec);
        (pod.arch, pod.os, pod.region)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(arch(json!({})), (None, None, None));
    let selector = json!({"nodeSelector": {
        "kubernetes.io/arch": "arm64", "kubernetes.io/os": "linux",
        "topology.kubernetes.io/region": "cn-hangzhou",
    }});
    assert_eq!(
        arch(selector),
        (some("arm64"), some("linux"), some("cn-hangzhou"))
    );
    assert_eq!(
        arch(json!({"os": {"name": "windows"}})),
        (None, some("windows"), None)
    );
    let term = |values: &[&str], operator: &str| {
        json!({"matchExpressions": [
            {"key": "zone", "operator": "Exists"},
            {"key": "kubernetes.io/arch", "operator": operator, "values": values},
        ]})
    };
    let affinity = |terms: &[Value]| {
        let required = json!({"nodeSelectorTerms": terms});
        let rule = "requiredDuringSchedulingIgnoredDuringExecution";
        arch(json!({"affinity": {"nodeAffinity": {rule: required}}})).0
    };
    assert_eq!(affinity(&[term(&["arm64"], "In")]), some("arm64"));
    assert_eq!(
        affinity(&[term(&["arm64"], "In"), term(&["arm64"], "In")]),
        some("arm64")
    );
    assert_eq!(
        affinity(&[term(&["arm64"], "In"), term(&["amd64"], "In")]),
        None
    );
    assert_eq!(affinity(&[term(&["arm64", "amd64"], "In")]), None);
    assert_eq!(affinity(&[term(&["arm64"], "NotIn")]), None);
    assert_eq!(affinity(&[term(&["arm64"], "In"), json!({})]), None);
    assert_eq!(affinity(&[]), None);
}

#[test]
fn storage_is_the_larger_of_the_annotation_and_the_requests() {
    let storage = |annotation: Option<&str>, spec: Value| {
        let mut spec = spec;
        if spec.get("containers").is_none() {
            spec["containers"] = json!([{"image": "a"}]);
        }
        let mut object = json!({"kind": "Pod", "metadata": {"name": "p"}, "spec": spec});
        if let Some(text) = annotation {
            let name = "k8s.aliyun.com/eci-extra-ephemeral-storage";
            object["metadata"]["annotations"] = json!({name: text});
        }
        let pod = pod(object);
        (pod.storage_gib, pod.extra_storage_gib, pod.warnings.len())
    };
    let asks = |kind: &str, quantity: Value| json!({"image": "a", "resources": {kind: {"ephemeral-storage": quantity}}});
    assert_eq!(storage(None, json!({})), (0, 0, 0));
    assert_eq!(storage(Some("50Gi"), json!({})), (50, 50, 0));
    assert_eq!(storage(Some("50.1Gi"), json!({})), (51, 51, 0));
    assert_eq!(storage(Some("lots"), json!({})), (0, 0, 1));
    let requests =
        json!({"containers": [asks("requests", json!("10Gi")), asks("limits", json!("1Gi"))]});
    assert_eq!(storage(None, requests.clone()), (11, 0, 0));
    assert_eq!(storage(Some("5Gi"), requests.clone()), (11, 5, 0));
    assert_eq!(storage(Some("50Gi"), requests), (50, 50, 0));
    let init = json!({
        "initContainers": [
            asks("requests", json!("30Gi")),
            {"image": "a", "restartPolicy": "Always",
             "resources": {"requests": {"ephemeral-storage": "4Gi"}}},
            asks("requests", json!("28Gi")),
        ],
        "containers": [asks("requests", json!("20Gi"))],
    });
    // The last init container runs beside the sidecar: 28 + 4.
    assert_eq!(storage(None, init), (32, 0, 0));
    let numbers = json!({"containers": [asks("requests", json!(1_073_741_825)), asks("requests", json!([]))]});
    assert_eq!(storage(None, numbers), (2, 0, 1));
}

#[test]
fn quantities_are_those_of_kubernetes() {
    let quantities = data("quantities.json");
    let valid = quantities["valid"].as_array().unwrap();
    assert_eq!(valid.len(), 93);
    for row in valid {
        let text = row[0].as_str().unwrap();
        let (number, power) = (
            u128::from(row[1].as_u64().unwrap()),
            row[2].as_i64().unwrap(),
        );
        let ten = 10_u128.pow(u32::try_from(power.abs()).unwrap());
        let bytes = if power < 0 {
            number.div_ceil(ten)
        } else {
            number * ten
        };
        assert_eq!(storage_bytes(text), Some(bytes), "{text}");
    }
    let invalid = quantities["invalid"].as_array().unwrap();
    let more = [
        "", "+", ".", "-1", "1e", "1e+", "1Ei2", "1 Gi", "1gi", "1K", "１", "1..2", "+-1", "1e1e1",
    ];
    for text in invalid
        .iter()
        .map(|text| text.as_str().unwrap())
        .chain(more)
    {
        assert_eq!(storage_bytes(text), None, "{text}");
    }
}

#[test]
fn quantities_of_any_length_are_read_in_one_pass() {
    let digits = "9".repeat(100_000);
    assert_eq!(storage_bytes(&digits), Some(u128::MAX));
    assert_eq!(storage_bytes(&format!("0.{}Gi", digits)), Some(GIB));
    assert_eq!(
        storage_bytes(&format!("0.{}1", "0".repeat(100_000))),
        Some(1)
    );
    assert_eq!(
        storage_bytes(&format!("{}1Gi", "0".repeat(100_000))),
        Some(GIB)
    );
    assert_eq!(storage_bytes("1e2147483647"), Some(u128::MAX));
    assert_eq!(storage_bytes("1e-2147483648"), Some(1));
    assert_eq!(storage_bytes("0e2147483647"), Some(0));
    assert_eq!(storage_bytes("1e99999999999"), None);
}

#[test]
fn duplicate_cache_is_one_in_any_order() {
    let object = json!({
        "kind": "ImageCache",
        "metadata": {"name": "web", "annotations": {"k8s.aliyun.com/imc-cpu-arch": "arm64"}},
        "spec": {"images": ["nginx:1"]}, "status": {"imageCacheId": "imc-1", "phase": "Creating"},
    });
    let entry = json!({
        "ImageCacheId": "imc-1", "Images": ["nginx:1"], "Status": "Ready", "RegionId": "cn-beijing",
    });
    for documents in [[object.clone(), entry.clone()], [entry, object]] {
        let (inventory, _) = inventory(&documents);
        let index: Index = inventory.caches.into_iter().collect();
        assert_eq!(index.len(), 1);
        let cache = index.get("imc-1").unwrap();
        assert_eq!(
            (cache.name.as_str(), cache.phase.clone()),
            ("web", Some(Phase::Ready))
        );
        assert_eq!(cache.arch.as_deref(), Some("arm64"));
        assert_eq!(cache.region.as_deref(), Some("cn-beijing"));
    }
}
