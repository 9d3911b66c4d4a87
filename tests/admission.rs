//! Admission: every case of `tests/data/admission`, and what must hold for any request.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;

use imagecache::admission::{
    AdmissionSettings, AdmissionVerdict, CacheSource, CachesUnavailable, DenialReason, MAX_CAUSES,
    MAX_WARNING_RUNES, MAX_WARNINGS_RUNES, PatchOp, decide,
};
use imagecache::diagnostic::{Levels, Report};
use imagecache::matching::{Cache, Index};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

#[derive(Serialize, Deserialize)]
struct Case {
    name: String,
    settings: Value,
    request: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    caches: Option<Value>,
    /// What must come of it.
    #[serde(default)]
    verdict: Expected,
}

/// A verdict as the data files write it: without what is empty, and with the patch instead of the object.
#[derive(Serialize, Deserialize, Debug, Default, PartialEq)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Expected {
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    audit_annotations: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    patch: Vec<PatchOp>,
}

impl From<&AdmissionVerdict> for Expected {
    fn from(verdict: &AdmissionVerdict) -> Self {
        let audit = verdict.audit_annotations.iter();
        Expected {
            allowed: verdict.allowed,
            code: (!verdict.allowed).then_some(verdict.code),
            reason: verdict.reason.map_or("", DenialReason::as_str).to_owned(),
            message: verdict.message.clone(),
            warnings: verdict.warnings.clone(),
            audit_annotations: audit.map(|(k, v)| (k.clone(), v.clone())).collect(),
            patch: verdict.patch.clone(),
        }
    }
}

/// The text that a host would answer with, or its refusal.
fn listed(caches: &Value) -> Result<String, String> {
    match caches {
        Value::Array(items) => Ok(json!({"kind": "ImageCacheList", "items": items}).to_string()),
        other => match (&other["error"], &other["text"]) {
            (Value::String(error), _) => Err(error.clone()),
            (_, Value::String(text)) => Ok(text.clone()),
            _ => panic!("caches are a list, an error or a text: {other}"),
        },
    }
}

fn run(case: &Case) -> AdmissionVerdict {
    let settings = match AdmissionSettings::parse(&case.settings) {
        Ok(settings) => settings,
        Err(faults) => return AdmissionVerdict::unconfigured(&faults),
    };
    let asked = Cell::new(false);
    let list = || {
        asked.set(true);
        let caches = case.caches.as_ref().expect("nobody should ask for caches");
        let text = listed(caches).map_err(CachesUnavailable)?;
        Ok(CacheSource::Text(text.into_bytes()))
    };
    let verdict = decide(&case.request, &settings, list, None);
    let json = serde_json::to_value(&verdict).unwrap();
    let again: AdmissionVerdict = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), json, "{}", case.name);
    assert_eq!(
        asked.get(),
        case.caches.is_some(),
        "asked for caches: {}",
        case.name
    );
    verdict
}

/// With `WRITE_CASES=1` the verdicts are written down instead of compared, to be read in the diff.
#[test]
fn every_case_has_its_verdict() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/admission");
    let mut count = 0;
    for file in ["image-caches", "workloads", "pods", "hosts"] {
        let path = folder.join(format!("{file}.json"));
        let mut cases: Vec<Case> =
            serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        count += cases.len();
        for case in &mut cases {
            let verdict = run(case);
            let found = Expected::from(&verdict);
            if std::env::var_os("WRITE_CASES").is_some() {
                case.verdict = found;
            } else {
                assert_eq!(found, case.verdict, "{}", case.name);
            }
            let object = case.request.get("object").unwrap_or(&Value::Null);
            let patched =
                (!verdict.patch.is_empty()).then(|| apply(object.clone(), &verdict.patch));
            assert_eq!(verdict.object, patched, "{}", case.name);
        }
        if std::env::var_os("WRITE_CASES").is_some() {
            let text = serde_json::to_string_pretty(&cases).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
        }
    }
    assert!(count >= 60, "{count} cases");
}

/// JSON Patch as RFC 6902 says it, for the operations that occur.
fn apply(mut object: Value, patch: &[PatchOp]) -> Value {
    for op in patch {
        let (PatchOp::Add { path, value } | PatchOp::Replace { path, value }) = op else {
            panic!("{op:?}");
        };
        let (parent, name) = path.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/").replace("~0", "~");
        let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        let before = parent.insert(name, value.clone());
        match op {
            PatchOp::Add { .. } => assert!(before.is_none_or(|before| before.is_null()), "{path}"),
            _ => assert!(before.is_some(), "{path}"),
        }
    }
    object
}

/// Takes a patch back: what was there before is put where it stood, what was not there is removed.
fn undo(mut object: Value, patch: &[PatchOp], original: &Value) -> Value {
    for op in patch.iter().rev() {
        let (PatchOp::Add { path, .. } | PatchOp::Replace { path, .. }) = op else {
            panic!("{op:?}");
        };
        let (parent, name) = path.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/").replace("~0", "~");
        let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match original.pointer(path) {
            Some(before) => parent.insert(name, before.clone()),
            None => parent.remove(&name),
        };
    }
    object
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z~/é]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z~/]{1,5}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const IMAGES: [&str; 8] = [
    "nginx",
    "nginx:1.27",
    "docker.io/library/nginx:1.28",
    "redis:7.4",
    "team/app:1",
    "team/app:2",
    "Bad",
    "",
];

fn any_image() -> impl Strategy<Value = &'static str> {
    prop::sample::select(IMAGES.to_vec())
}

fn any_container() -> impl Strategy<Value = Value> {
    let policy = prop::sample::select(vec![
        None,
        Some("Always"),
        Some("Never"),
        Some("IfNotPresent"),
        Some(""),
    ]);
    (any_image(), policy, any_json()).prop_map(|(image, policy, other)| {
        json!({"name": "c", "image": image, "imagePullPolicy": policy, "other": other})
    })
}

fn any_pod() -> impl Strategy<Value = Value> {
    let annotations = prop_oneof![
        Just(json!(null)),
        Just(json!({})),
        Just(json!({"k8s.aliyun.com/unheard-of": "x", "a/b": "c"})),
        Just(json!({"k8s.aliyun.com/eci-imc-id": "imc-1"})),
        Just(json!({"k8s.aliyun.com/imc-perfect-match": "true"})),
        any_json(),
    ];
    let containers = || prop::collection::vec(any_container(), 0..4);
    (annotations, containers(), containers(), any_json()).prop_map(|(annotations, init, main, other)| {
        json!({
            "apiVersion": "v1", "kind": "Pod", "other": other,
            "metadata": {"name": "p", "annotations": annotations, "labels": {"alibabacloud.com/eci": "true"}},
            "spec": {"initContainers": init, "containers": main},
        })
    })
}

fn any_cache() -> impl Strategy<Value = Value> {
    let phase = prop::sample::select(vec!["Ready", "Ready", "Ready", "Creating"]);
    let images = prop::collection::vec(any_image(), 0..4);
    (0..1000_u32, images, phase, 20..24_u32, any_json(), 0..10_u8).prop_map(
        |(id, images, phase, size, other, broken)| {
            if broken == 0 {
                return other;
            }
            json!({
                "kind": "ImageCache", "metadata": {"name": format!("c{id}"), "other": other},
                "spec": {"images": images, "imageCacheSize": size},
                "status": {"phase": phase, "imageCacheId": format!("imc-{id}")},
            })
        },
    )
}

fn creation(object: &Value) -> Value {
    json!({"kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE", "object": object})
}

fn pinning() -> AdmissionSettings {
    AdmissionSettings::parse(
        &json!({"mode": "pin", "ifNotPresent": true, "onMiss": "warn", "validate": false}),
    )
    .unwrap()
}

fn index(caches: &[Value]) -> Index {
    let levels = Levels::default();
    caches
        .iter()
        .filter_map(|cache| Cache::read(cache, &mut Report::new(&levels)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn taking_the_patch_back_gives_the_pod_that_was_sent(
        pod in any_pod(),
        caches in prop::collection::vec(any_cache(), 0..8),
    ) {
        let verdict = decide(&creation(&pod), &pinning(), || Ok(CacheSource::Objects(&caches)), None);
        let patched = apply(pod.clone(), &verdict.patch);
        prop_assert_eq!(verdict.object.is_some(), !verdict.patch.is_empty());
        prop_assert_eq!(verdict.object.as_ref().unwrap_or(&pod), &patched);
        prop_assert_eq!(undo(patched, &verdict.patch, &pod), pod);
    }

    #[test]
    fn the_form_and_the_order_of_the_list_change_nothing(
        pod in any_pod(),
        caches in prop::collection::btree_map(0..1000_u32, any_cache(), 0..8),
        pretty in any::<bool>(),
    ) {
        // Ids are unique, as ECI's are.
        let mut caches: Vec<Value> = caches.into_iter().map(|(id, mut cache)| {
            if let Some(status) = cache.get_mut("status") {
                status["imageCacheId"] = format!("imc-{id}").into();
            }
            cache
        }).collect();
        let (request, settings) = (creation(&pod), pinning());
        let index = index(&caches);
        let slow = decide(&request, &settings, || Ok(CacheSource::Index(&index)), None);
        caches.reverse();
        let objects = decide(&request, &settings, || Ok(CacheSource::Objects(&caches)), None);
        let list = json!({"metadata": {"items": [1]}, "items": caches});
        let text = if pretty { format!("{list:#}") } else { list.to_string() };
        let text = decide(&request, &settings, || Ok(CacheSource::Text(text.into_bytes())), None);
        prop_assert_eq!(&objects, &slow);
        prop_assert_eq!(&text, &slow);
    }

    #[test]
    fn anything_gets_an_answer(
        object in any_json(),
        old in any_json(),
        kind in prop::sample::select(vec![("eci.alibabacloud.com", "ImageCache"), ("", "Pod"), ("batch", "CronJob")]),
        operation in prop::sample::select(vec!["CREATE", "UPDATE", "DELETE", "CONNECT", "NONE"]),
        garbage in any_json(),
        list in "[\\[\\]{}\",:a\\\\ ]{0,40}",
    ) {
        let mut object = object;
        if let Some(object) = object.as_object_mut() {
            object.insert("kind".to_owned(), kind.1.into());
        }
        let request = json!({
            "kind": {"group": kind.0, "kind": kind.1}, "operation": operation, "object": object, "oldObject": old,
        });
        let caches = || Ok(CacheSource::Text(list.clone().into_bytes()));
        let verdict = decide(&request, &pinning(), caches, None);
        prop_assert_eq!(verdict.allowed, verdict.message.is_empty());
        let verdict = decide(&garbage, &pinning(), || Err("".into()), None);
        prop_assert!(!verdict.allowed);
    }
}

#[test]
fn admission_messages_stay_within_limits() {
    let images: Vec<String> = (0..250)
        .map(|i| format!("x{i}/{}", "y".repeat(i)))
        .collect();
    let object = json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "big"},
        "spec": {"images": images},
    });
    let request = json!({
        "kind": {"group": "eci.alibabacloud.com", "kind": "ImageCache"}, "operation": "CREATE", "object": object,
    });
    let verdict = decide(
        &request,
        &AdmissionSettings::default(),
        || Err("".into()),
        None,
    );
    let runes = |text: &String| text.chars().count();
    assert!(
        verdict
            .warnings
            .iter()
            .all(|warning| runes(warning) <= MAX_WARNING_RUNES)
    );
    assert!(verdict.warnings.iter().map(runes).sum::<usize>() <= MAX_WARNINGS_RUNES);
    assert!(
        verdict.warnings.last().unwrap().ends_with(" more"),
        "{:?}",
        verdict.warnings.last()
    );
    assert!(verdict.causes.len() <= MAX_CAUSES);
}

#[test]
fn settings_come_back_as_they_were_written_down() {
    let written = json!({
        "validate": false, "mode": "pin", "ifNotPresent": true, "pods": "all", "onMiss": "reject",
        "onCachesUnavailable": "reject", "levels": {"IC025": "error"}, "maxSizeGib": 500,
    });
    let settings = AdmissionSettings::parse(&written).unwrap();
    let back = serde_json::to_value(&settings).unwrap();
    for (name, value) in written.as_object().unwrap() {
        assert_eq!(&back[name], value, "{name}");
    }
    assert_eq!(AdmissionSettings::parse(&back), Ok(settings));
    for nothing in [json!(null), json!({}), json!({"mode": null})] {
        assert_eq!(
            AdmissionSettings::parse(&nothing),
            Ok(AdmissionSettings::default())
        );
    }
}

#[test]
fn settings_without_effect_are_errors() {
    let faults =
        AdmissionSettings::parse(&json!({"mode": "off", "ifNotPresent": true, "onMiss": "warn"}))
            .unwrap_err();
    let faults: Vec<String> = faults.as_slice().iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "ifNotPresent: has no effect while `mode` is `off`",
            "onMiss: has no effect while `mode` is `off`"
        ]
    );
    let faults = AdmissionSettings::parse(&json!(["mode"])).unwrap_err();
    assert_eq!(faults.to_string(), "must be an object");
}
