//! `ffi`: arguments and their errors, reviews, and the part of a pod that matching reads.
#![cfg(feature = "ffi")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagecache::diagnostic::Diagnostic;
use imagecache::ffi::{self, CacheBatch, CacheIndex, FfiError, MAX_BYTES, Part};
use imagecache::pod::Placement;
use imagecache::validate::Validation;
use serde::Serialize;
use serde_json::{Map, Value, json};

fn cache(id: &str, images: &[&str]) -> Value {
    json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {"name": format!("of-{id}"), "creationTimestamp": "2026-01-18T13:40:56Z"},
        "spec": {"images": images, "retentionDays": 7},
        "status": {"phase": "Ready", "imageCacheId": id},
    })
}

fn pod(image: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"alibabacloud.com/eci": "true"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    })
}

fn index(caches: &[Value]) -> CacheIndex {
    let mut index = CacheIndex::default();
    assert_eq!(index.insert_document(&json!(caches)), []);
    index
}

fn written(answer: &impl Serialize) -> Value {
    serde_json::to_value(answer).unwrap()
}

#[test]
fn arguments_invalid_are_named() {
    let empty = json!({});
    let wrong = json!({"level": {}});
    let mut caches = CacheIndex::default();
    let errors = [
        ffi::json("pod", "{").map(drop),
        ffi::validate_text("", Some(&wrong)).map(drop),
        ffi::validate_object(&empty, Some(&json!([]))).map(drop),
        ffi::expiry(&empty, "yesterday").map(drop),
        ffi::crd("v2").map(drop),
        ffi::review(&empty, Some(&json!({"mode": "pinn", "onMis": 1})), None).map(drop),
        ffi::review(&empty, None, Some("soon")).map(drop),
        CacheIndex::with_sizes(&json!({"Nginx": 1})).map(drop),
        caches.select(&pod("a:1"), Some(&wrong)).map(drop),
        caches.explain(&pod("a:1"), Some(&wrong)).map(drop),
    ];
    let names: Vec<String> = errors
        .into_iter()
        .map(|error| match error.unwrap_err() {
            FfiError::Invalid { argument, message } => {
                assert!(!message.is_empty());
                argument
            }
            other => panic!("{other}"),
        })
        .collect();
    let expected = "pod options options now version settings now sizes rules rules";
    assert_eq!(names.join(" "), expected);
}

#[test]
fn settings_invalid_are_all_named() {
    let settings = json!({"mode": "pinn", "onMis": 1});
    let error = ffi::review(&json!({}), Some(&settings), None).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("settings: mode: ") && text.contains("; onMis: "),
        "{text}"
    );
}

#[test]
fn arguments_too_large_are_refused() {
    let text = " ".repeat(MAX_BYTES + 1);
    for error in [
        ffi::json("text", &text).unwrap_err(),
        ffi::objects(&text).unwrap_err(),
        ffi::reference(&text).unwrap_err(),
    ] {
        let size = MAX_BYTES + 1;
        let argument = "text".to_owned();
        assert_eq!(error, FfiError::TooLarge { argument, size });
        assert_eq!(
            error.to_string(),
            "text: 33554433 bytes, at most 33554432 allowed"
        );
    }
    assert!(ffi::validate_text(&text, None).is_err());
}

#[test]
fn index_insert_replaces_and_remove_takes_id_or_name() {
    let mut caches = index(&[cache("imc-1", &["nginx:1.27"])]);
    let winner = |caches: &mut CacheIndex| {
        written(&caches.select(&pod("nginx:1.27"), None).unwrap())["winner"]["imageCacheId"].clone()
    };
    assert_eq!(winner(&mut caches), "imc-1");
    caches.insert_document(&cache("imc-1", &["redis:7"]));
    assert_eq!((winner(&mut caches), caches.len()), (Value::Null, 1));
    let mut batch = CacheBatch::default();
    batch.add_item(0, &cache("imc-2", &["nginx:1.27"]));
    batch.add_item(1, &json!(17));
    let found = caches.insert(batch);
    assert_eq!(
        found.iter().map(|found| &*found.path).collect::<Vec<_>>(),
        ["[1]"]
    );
    assert_eq!(winner(&mut caches), "imc-2");
    assert!(caches.remove("imc-2") && !caches.remove("imc-2"));
    let mut unidentified = cache("", &["nginx:1.27"]);
    unidentified["status"] = Value::Null;
    caches.insert_document(&unidentified);
    assert!(caches.remove("of-") && caches.len() == 1 && !caches.is_empty());
}

#[test]
fn pod_unreadable_is_an_answer() {
    let mut caches = CacheIndex::default();
    let answer = written(&caches.select(&json!({"kind": "ConfigMap"}), None).unwrap());
    assert_eq!(answer["decision"], "Unreadable");
    assert_eq!(answer["diagnostics"][0]["code"], "IC011");
}

#[test]
fn objects_of_a_text_have_a_flat_place() {
    let text = "kind: Pod\n---\nkind: ImageCache\n";
    let objects = written(&ffi::objects(text).unwrap());
    assert_eq!(objects["objects"][1]["role"], "cache");
    assert_eq!(objects["objects"][1]["line"], 3);
    assert_eq!(objects["objects"][1]["offset"], 14);
}

fn review(object: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "5d5f7c2e-0c0f-4d4b-8c53-0a8d7e7d8a11", "operation": "CREATE",
            "kind": {"group": "", "version": "v1", "kind": "Pod"}, "object": object,
        },
    })
}

#[test]
fn review_of_a_pod_is_answered_with_a_patch() {
    let caches = index(&[cache("imc-1", &["nginx:1.27"])]);
    let review = review(&pod("nginx:1.27"));
    let settings = json!({"mode": "pin"});
    let answer = written(&caches.review(&review, Some(&settings), None).unwrap());
    assert_eq!(answer["kind"], "AdmissionReview");
    let response = &answer["response"];
    assert_eq!(response["uid"], review["request"]["uid"]);
    let patch = response["patch"].as_str().unwrap();
    let patch: Value = serde_json::from_slice(&STANDARD.decode(patch).unwrap()).unwrap();
    assert_eq!(
        patch,
        json!([{"op": "add", "path": "/metadata/annotations", "value": {"k8s.aliyun.com/eci-imc-id": "imc-1"}}])
    );
    assert_eq!(response["auditAnnotations"]["matched-image-cache"], "imc-1");
    let warnings = written(&ffi::review(&review, Some(&settings), None).unwrap());
    assert_eq!(
        warnings["response"]["warnings"][0],
        "image caches cannot be listed: no caches were given; the pod was not matched"
    );
}

#[test]
fn review_denied_has_the_status_that_kubectl_prints() {
    let mut review = review(&json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "big"},
        "spec": {"images": vec!["nginx:1.27"; 21], "retentionDays": 1},
    }));
    let kind = json!({"group": "eci.alibabacloud.com", "version": "v1", "kind": "ImageCache"});
    (review["request"]["kind"], review["request"]["name"]) = (kind, "big".into());
    let settings = json!({"levels": {"IC024": "off"}});
    let answer = written(&ffi::review(&review, Some(&settings), None).unwrap());
    assert_eq!(
        answer["response"]["status"],
        json!({
            "code": 422, "reason": "Invalid", "message": "spec.images: 21 images, at most 20 allowed",
            "details": {
                "group": "eci.alibabacloud.com", "kind": "ImageCache", "name": "big",
                "causes": [{
                    "reason": "FieldValueInvalid", "field": "spec.images",
                    "message": "21 images, at most 20 allowed",
                }],
            },
        })
    );
    let unreadable = written(&ffi::review(&json!({}), None, None).unwrap());
    assert!(unreadable["error"].as_str().unwrap().contains("apiVersion"));
}

/// Reviews that a real API server sent.
#[test]
fn reviews_of_an_api_server_are_answered() {
    let reviews: Vec<Value> = serde_json::from_str(include_str!("data/ffi/reviews.json")).unwrap();
    let settings = json!({"levels": {"IC025": "error"}});
    for review in &reviews {
        let answer = written(&ffi::review(review, Some(&settings), None).unwrap());
        let (request, response) = (&review["request"], &answer["response"]);
        assert_eq!(response["uid"], request["uid"]);
        let images = request["object"]["spec"]["images"].as_array();
        let mut tags = images
            .into_iter()
            .flatten()
            .map(|image| image.as_str().unwrap().split_once(':').map(|(_, tag)| tag));
        let latest = tags.any(|tag| tag.is_none_or(|tag| tag == "latest"));
        let validated = request["subResource"].is_null() && request["operation"] != "DELETE";
        let old = request["oldObject"]["spec"]["images"] == request["object"]["spec"]["images"];
        assert_eq!(
            response["allowed"],
            !(latest && validated && !old),
            "{review:#} {response:#}"
        );
    }
    assert!(reviews.len() >= 8);
}

/// Copies a part of a value as a host does.
fn copy(value: &Value, part: &Part) -> Value {
    match (part, value) {
        (Part::Members(members), Value::Object(object)) => {
            let found = members.iter().filter_map(|(name, part)| {
                Some(((*name).to_owned(), copy(object.get(*name)?, part)))
            });
            Value::Object(found.collect::<Map<_, _>>())
        }
        (Part::Items(part), Value::Array(items)) => {
            items.iter().map(|item| copy(item, part)).collect()
        }
        _ => value.clone(),
    }
}

/// Checks that the part of a pod has the answers of the whole pod. Returns whether the part is smaller.
fn assert_part_is_enough(caches: &mut CacheIndex, pod: &Value, rules: Option<&Value>) -> bool {
    let part = copy(pod, &ffi::POD);
    let [expected, found] = [pod, &part].map(|pod| {
        let explained = written(&caches.explain(pod, rules).unwrap());
        (explained, written(&caches.select(pod, rules).unwrap()))
    });
    assert_eq!(found, expected, "{pod:#}");
    part.to_string().len() < pod.to_string().len()
}

#[test]
fn part_of_a_pod_gives_the_answer_of_the_pod() {
    let corpus = include_str!("conformance/data/corpus/matches.jsonl");
    let mut pods = 0;
    let cases = corpus
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    for input in cases.map(|case: Value| case["input"].clone()) {
        let whole = &input["pod"];
        if whole["kind"] != "Pod" {
            continue;
        }
        pods += 1;
        let mut caches = CacheIndex::default();
        caches.insert_document(&input["caches"]);
        assert_part_is_enough(&mut caches, whole, input.get("rules"));
    }
    assert!(pods > 50, "{pods}");
}

/// Sets the value at a way through an object: names and indexes with `/` between them, `~1` for `/`.
fn with(pod: &Value, way: &str, value: &Value) -> Value {
    let mut pod = pod.clone();
    let mut at = &mut pod;
    for step in way.split('/').skip(1) {
        let name = step.replace("~1", "/");
        at = match at {
            Value::Array(items) => &mut items[name.parse::<usize>().unwrap()],
            other => &mut other[name],
        };
    }
    *at = value.clone();
    pod
}

#[test]
fn part_of_a_pod_has_each_field_that_decides() {
    let mut caches = CacheIndex::default();
    let cache = json!([{"ImageCacheId": "imc-1", "Images": ["nginx:1.27"], "Status": "Ready", "ImageCacheSize": 20}]);
    assert!(caches.insert_document(&cache).is_empty());
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "managedFields": [{}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "nginx:1.27", "env": [], "resources": {"requests": {"cpu": 1}}}],
            "initContainers": [{"image": "nginx:1.27"}], "tolerations": [{"operator": "Exists"}]},
        "status": {"phase": "Running"},
    });
    let plain = written(&caches.explain(&pod, None).unwrap());
    assert_eq!(plain["decision"], "Hit");

    // Each of these changes the answer, or what is read from the pod.
    let node = |key: &str| {
        let expression = json!([{"key": key, "operator": "In", "values": ["other"]}]);
        json!({"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": expression}]}})
    };
    let deciding = [
        ("/apiVersion", json!("example.com/v1")),
        ("/kind", json!("Deployment")),
        ("/metadata/name", json!("other")),
        ("/metadata/namespace", json!("other")),
        ("/metadata/labels/alibabacloud.com~1acs", json!("true")),
        (
            "/metadata/labels/alibabacloud.com~1compute-class",
            json!("general"),
        ),
        ("/spec/containers/0/image", json!("redis")),
        ("/spec/containers/0/image", json!(7)),
        ("/spec/containers/0", json!("nginx:1.27")),
        ("/spec/containers", json!(null)),
        ("/spec/containers", json!({})),
        ("/spec/initContainers/0/image", json!("redis")),
        (
            "/spec/containers/0/resources",
            json!({"requests": {"ephemeral-storage": "50Gi"}}),
        ),
        (
            "/spec/containers/0/resources",
            json!({"limits": {"ephemeral-storage": "50Gi"}}),
        ),
        (
            "/spec/initContainers/0/resources",
            json!({"limits": {"ephemeral-storage": "50Gi"}}),
        ),
        (
            "/metadata/annotations/k8s.aliyun.com~1eci-imc-id",
            json!("imc-2"),
        ),
        (
            "/metadata/annotations/k8s.aliyun.com~1eci-image-snapshot-id",
            json!("imc-2"),
        ),
        (
            "/metadata/annotations/k8s.aliyun.com~1eci-auto-imc",
            json!("false"),
        ),
        (
            "/metadata/annotations/k8s.aliyun.com~1eci-image-cache",
            json!("false"),
        ),
        (
            "/metadata/annotations/k8s.aliyun.com~1imc-perfect-match",
            json!("perhaps"),
        ),
        (
            "/metadata/annotations/k8s.aliyun.com~1imc-match-count-request",
            json!("9"),
        ),
        (
            "/metadata/annotations/k8s.aliyun.com~1eci-extra-ephemeral-storage",
            json!("50Gi"),
        ),
        ("/spec/nodeSelector", json!({"kubernetes.io/arch": "arm64"})),
        ("/spec/os", json!({"name": "windows"})),
        (
            "/spec/affinity",
            json!({"nodeAffinity": node("kubernetes.io/arch")}),
        ),
        ("/spec", json!([])),
    ];
    for (way, value) in &deciding {
        let changed = with(&pod, way, value);
        assert_ne!(
            written(&caches.explain(&changed, None).unwrap()),
            plain,
            "{way} does not decide"
        );
        if way.starts_with("/metadata") || way.starts_with("/spec") {
            assert_part_is_enough(&mut caches, &changed, None);
        }
    }

    // The placement decides with an ACS label only; the fields that it is read from must cross all the same.
    let placing = [
        (
            "/metadata/annotations/k8s.aliyun.com~1eci-instance-id",
            json!("eci-1"),
        ),
        (
            "/metadata/annotations/alibabacloud.com~1burst-resource",
            json!("eci_only"),
        ),
        (
            "/metadata/labels/alibabacloud.com~1burst-resource",
            json!("eci"),
        ),
        ("/metadata/labels/alibabacloud.com~1eci", json!("true")),
        ("/spec/nodeName", json!("virtual-kubelet-cn-hangzhou-k")),
        ("/spec/nodeSelector", json!({"type": "virtual-kubelet"})),
        (
            "/spec/tolerations/0",
            json!({"key": "virtual-kubelet.io/provider"}),
        ),
        ("/spec/affinity", json!({"nodeAffinity": {}})),
    ];
    for (way, value) in &placing {
        let changed = with(&pod, way, value);
        assert_ne!(
            Placement::of_pod(&changed),
            Placement::of_pod(&pod),
            "{way}"
        );
        assert_eq!(
            Placement::of_pod(&copy(&changed, &ffi::POD)),
            Placement::of_pod(&changed),
            "{way}"
        );
        assert!(assert_part_is_enough(&mut caches, &changed, None), "{way}");
        let acs = with(
            &changed,
            "/metadata/labels/alibabacloud.com~1acs",
            &json!("true"),
        );
        assert_part_is_enough(&mut caches, &acs, None);
    }
    for (way, _) in placing.iter().chain(&deciding) {
        for value in [
            json!(null),
            json!(1),
            json!("text"),
            json!([1]),
            json!({"a": {}}),
        ] {
            let changed = with(&pod, way, &value);
            let core = changed["kind"] == "Pod" && changed["apiVersion"] == "v1";
            if core {
                assert_part_is_enough(&mut caches, &changed, None);
            }
        }
    }
}

#[test]
fn part_of_a_pod_has_each_known_annotation() {
    let mut caches = CacheIndex::default();
    let pod = json!({"kind": "Pod", "metadata": {"generateName": "web-", "annotations": {}},
        "spec": {"containers": [{"image": "nginx"}]}});
    for known in imagecache::resource::annotation::KNOWN {
        for value in ["true", "false", "imc-1", "5", "50Gi", ""] {
            let way = format!("/metadata/annotations/{}", known.name.replace('/', "~1"));
            assert_part_is_enough(&mut caches, &with(&pod, &way, &json!(value)), None);
        }
    }
}

#[test]
fn diagnostics_are_read_back_from_json() {
    let text = "kind: ImageCache\nspec: {images: ['nginx:', x/UP]}\n";
    let found = ffi::validate_text(text, None).unwrap();
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Validation>(&json).unwrap(), found);
    let first = &written(&found)["diagnostics"][0];
    let keys: Vec<&String> = first.as_object().unwrap().keys().collect();
    let expected =
        "code column document endColumn endLine endOffset help line message offset path severity";
    assert_eq!(
        keys.into_iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" "),
        expected
    );

    let found = ffi::validate_object(&json!({"kind": "ImageCache"}), None).unwrap();
    let json = serde_json::to_string(&found).unwrap();
    assert!(json.contains(r#""line":null"#), "{json}");
    assert_eq!(
        serde_json::from_str::<Vec<Diagnostic>>(&json).unwrap(),
        found
    );
}

#[test]
fn index_reads_pods_as_the_rules_and_the_cluster_say() {
    let cache = json!({"ImageCacheId": "imc-1", "Images": ["docker.io/library/nginx:1.27"], "Status": "Ready"});
    let pod = json!({"metadata": {"name": "a", "labels": {"app": "web"}},
        "spec": {"containers": [{"image": "nginx:1.27"}]}});
    let farm = json!({"apiVersion": "example.com/v1", "kind": "Farm", "spec": {"pods": [pod]}});
    let mut index = CacheIndex::default();
    assert!(index.insert_document(&cache).is_empty());
    let decide = |index: &mut CacheIndex, rules: Value| {
        written(&index.explain(&farm, Some(&rules)).unwrap())
    };
    let paths = json!(["example.com/Farm=/spec/pods/*"]);
    let answer = decide(&mut index, json!({ "podPaths": paths }));
    assert_eq!(
        (&answer["decision"], &answer["warnings"]),
        (&json!("Hit"), &json!([]))
    );
    let answer = decide(&mut index, json!({"podPaths": paths, "names": "textual"}));
    assert_eq!(answer["decision"], "Miss");
    let answer = decide(&mut index, json!({}));
    assert!(
        answer["warnings"][0]
            .as_str()
            .unwrap()
            .contains("`Farm` is unknown")
    );

    let selectors = json!([{"name": "off", "objectSelector": {"matchLabels": {"app": "web"}},
        "effect": {"annotations": {"k8s.aliyun.com/eci-auto-imc": "false"}}}]);
    let profile = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "eci-profile",
        "namespace": "kube-system"}, "data": {"selectors": selectors.to_string()}});
    assert!(!index.has_defaults());
    assert!(index.insert_document(&profile).is_empty());
    assert!(index.has_defaults());
    let answer = decide(&mut index, json!({ "podPaths": paths }));
    assert_eq!(
        (&answer["decision"], &answer["autoCreate"]),
        (&json!("Miss"), &json!(false))
    );
    assert_eq!(answer["notes"].as_array().unwrap().len(), 1);

    let error = index
        .select(&farm, Some(&json!({"podPaths": ["Farm"], "names": "loud"})))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "rules: names: unsupported value `loud`, expected `normalised` or `textual`; podPaths[0]: expected \
         [GROUP/]KIND=/PATH, such as example.com/Farm=/spec/pods/*"
    );
}

#[test]
fn index_selectors_of_two_inputs_rank_in_either_order() {
    let selector = |name: &str, priority: i64| {
        let effect = json!({"annotations": {"k8s.aliyun.com/eci-imc-id": format!("imc-{name}")}});
        json!({"apiVersion": "eci.aliyun.com/v1", "kind": "Selector", "metadata": {"name": name},
            "spec": {"objectLabels": {"matchLabels": {"app": "web"}}, "priority": priority, "effect": effect}})
    };
    let pod = json!({"kind": "Pod", "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"image": "nginx:1.27"}]}});
    let (low, high) = (selector("low", 1), selector("high", 9));
    for order in [[&low, &high], [&high, &low]] {
        let mut caches = CacheIndex::default();
        for document in order {
            assert!(caches.insert_document(document).is_empty());
        }
        let answer = written(&caches.explain(&pod, None).unwrap()).to_string();
        assert!(
            answer.contains("imc-high") && !answer.contains("imc-low"),
            "{answer}"
        );
    }
}
