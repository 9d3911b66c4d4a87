//! The resource as others see it: objects that come and go unchanged, the definition a cluster is given, the schema
//! an editor is given.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use std::collections::BTreeMap;

use imagecache::resource::{
    COLUMNS, CacheEvent, CrdVersion, ImageCache, ImageCacheList, Phase, Status, cells, crd,
    human_duration, json_schema,
};
use imagecache::time::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn objects(text: &str) -> BTreeMap<String, Value> {
    let objects: BTreeMap<String, Value> = serde_json::from_str(text).unwrap();
    assert!(objects.len() > 7);
    objects
}

fn valid() -> BTreeMap<String, Value> {
    objects(include_str!("data/resource/valid.json"))
}

fn invalid() -> BTreeMap<String, Value> {
    objects(include_str!("data/resource/invalid.json"))
}

fn minimal() -> Value {
    valid()["imagecache-minimal"].clone()
}

fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[field] = value;
    object
}

// Types

#[test]
fn every_object_comes_back_as_it_was_read() {
    for (name, object) in valid() {
        let typed: ImageCache = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(serde_json::to_value(&typed).unwrap(), object, "{name}");
    }
    let list = json!({"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCacheList",
        "metadata": {"continue": "", "resourceVersion": "647062964"}, "items": valid().into_values().collect::<Vec<_>>()});
    let typed: ImageCacheList = serde_json::from_value(list.clone()).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), list);
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z0-9 :%-]{0,9}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn unknown_fields_at_every_level_survive_a_round_trip(
        unknown in prop::collection::vec(("x[a-zA-Z]{1,8}", anything()), 6),
        which in 0_usize..9,
    ) {
        let mut object = valid().into_values().nth(which).unwrap();
        let places = ["", "/metadata", "/spec", "/status", "/status/events/0", "/status/events/0/metadata"];
        for (place, (field, value)) in places.iter().zip(unknown) {
            if let Some(Value::Object(members)) = object.pointer_mut(place) {
                members.insert(field, value);
            }
        }
        let typed: ImageCache = serde_json::from_value(object.clone()).unwrap();
        prop_assert_eq!(serde_json::to_value(&typed).unwrap(), object);
    }
}

#[test]
fn status_older_spelling_of_last_update_is_read() {
    let write = |status: Value| {
        let status: Status = serde_json::from_value(status).unwrap();
        serde_json::to_value(status).unwrap()
    };
    let old = "2026-01-18T13:44:17Z";
    let new = "2026-01-18T13:50:00Z";
    assert_eq!(
        write(json!({"lastUpdateTime": old})),
        json!({"lastUpdatedTime": old})
    );
    assert_eq!(
        write(json!({"lastUpdateTime": old, "lastUpdatedTime": new})),
        json!({"lastUpdatedTime": new})
    );
    assert_eq!(
        write(json!({"lastUpdateTime": old, "lastUpdatedTime": null})),
        json!({"lastUpdatedTime": old})
    );
}

#[test]
fn numbers_are_read_as_the_api_server_reads_them() {
    let size = |value: Value| {
        serde_json::from_value::<ImageCache>(with(minimal(), "/spec/imageCacheSize", value))
            .map(|cache| (cache.spec.image_cache_size, cache.spec.size_gib()))
            .map_err(|error| error.to_string())
    };
    assert_eq!(size(json!(25)), Ok((Some(25), 25)));
    assert_eq!(size(json!(25.0)), Ok((Some(25), 25)));
    assert_eq!(size(json!(1e3)), Ok((Some(1000), 1000)));
    assert_eq!(size(json!(-3.0)), Ok((Some(-3), -3)));
    assert_eq!(size(Value::Null), Ok((None, 20)));
    for (wrong, found) in [
        (json!(25.5), "the number `25.5`"),
        (json!("25"), "the string `25`"),
        (json!(1e30), "the number `1e+30`"),
    ] {
        let message = format!("expected a whole number, found {found}");
        assert_eq!(size(wrong), Err(message));
    }
}

#[test]
fn times_and_images_are_read_out_of_the_status() {
    let cache: ImageCache =
        serde_json::from_value(valid()["imagecache-status-ready"].clone()).unwrap();
    let status = cache.status.as_ref().unwrap();
    assert_eq!(cache.metadata.created(), time("2026-01-18T13:40:56Z"));
    assert_eq!(status.started(), time("2026-01-18T13:40:58Z"));
    assert_eq!(status.updated(), time("2026-01-18T13:44:17Z"));
    assert_eq!(status.expires(), time("2026-01-25T13:40:58Z"));
    let images: Vec<_> = status
        .events
        .iter()
        .flatten()
        .filter_map(CacheEvent::image)
        .collect();
    assert_eq!(images.len(), 3);
    assert_eq!(images[1], "registry.example.com/library/nginx");
    let odd: Status = serde_json::from_value(json!({"expireDateTime": "soon"})).unwrap();
    assert_eq!(odd.expires(), None);
}

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

// Phases

#[test]
fn only_a_ready_cache_is_usable_and_only_some_can_be_updated() {
    let pick = |test: fn(&Phase) -> bool| -> Vec<String> {
        let mut names: Vec<_> = Phase::KNOWN
            .into_iter()
            .chain([Phase::from("ready")])
            .collect();
        names.retain(test);
        names.into_iter().map(String::from).collect()
    };
    assert_eq!(pick(Phase::is_usable), ["Ready"]);
    assert_eq!(pick(Phase::can_update), ["Ready", "UpdateFailed"]);
}

#[test]
fn a_phase_is_written_as_it_was_read() {
    for word in Phase::KNOWN
        .iter()
        .map(Phase::as_str)
        .chain(["Thawing", "ready", ""])
    {
        let phase: Phase = serde_json::from_value(json!(word)).unwrap();
        assert_eq!(serde_json::to_value(&phase).unwrap(), json!(word));
        assert_eq!(
            matches!(phase, Phase::Unknown(_)),
            !Phase::KNOWN.contains(&Phase::from(word)),
            "{word}"
        );
    }
    assert_eq!(Phase::from("Ready"), Phase::Ready);
    assert_eq!(Phase::from("ready"), Phase::Unknown("ready".to_owned()));
}

// Columns

#[test]
fn ages_are_printed_as_kubectl_prints_them() {
    let cases: Vec<(i64, String)> =
        serde_json::from_str(include_str!("data/resource/human-duration.json")).unwrap();
    for (seconds, printed) in cases {
        assert_eq!(human_duration(seconds), printed, "{seconds} s");
    }
}

#[test]
fn cells_follow_the_columns() {
    let now = "2026-01-18T13:41:08Z".parse().unwrap();
    let header: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
    let mut table = vec![header.join(" | ")];
    for (name, object) in valid() {
        let cells = cells(&object, now).map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
        table.push(format!("{} | {name}", cells.join(" | ")));
    }
    insta::assert_snapshot!(table.join("\n"), @r"
    Age | CacheId | Phase | Progress
    - | - | - | - | imagecache-all-annotations
    - | - | - | - | imagecache-minimal
    - | - | - | - | imagecache-sample
    12s | imc-2zeexample0000000001 | Creating | 45% | imagecache-status-creating
    12s | imc-2zeexample0000000001 | Failed | 0% | imagecache-status-failed
    12s | imc-2zeexample0000000001 | Pending | 0% | imagecache-status-pending
    12s | imc-2zeexample0000000001 | Preparing | 0% | imagecache-status-preparing
    12s | imc-2zeexample0000000001 | Ready | 100% | imagecache-status-ready
    8d | imc-2zeexample0000000001 | Ready | 100% | imagecachelist-item
    ");
}

#[test]
fn odd_values_make_the_cells_an_api_server_makes() {
    let now = "2026-01-18T13:41:08Z".parse().unwrap();
    let age = |created: Value| {
        cells(&json!({"metadata": {"creationTimestamp": created}}), now)[0].clone()
    };
    assert_eq!(age(json!("2026-01-18T13:41:09Z")).as_deref(), Some("0s"));
    assert_eq!(
        age(json!("2026-01-18T13:41:10Z")).as_deref(),
        Some("<invalid>")
    );
    assert_eq!(age(json!("yesterday")).as_deref(), Some("<invalid>"));
    assert_eq!(age(json!("")).as_deref(), Some("<unknown>"));
    assert_eq!(
        age(json!("0001-01-01T00:00:00Z")).as_deref(),
        Some("<unknown>")
    );
    assert_eq!(age(json!("0001-01-01T00:00:01Z")).as_deref(), Some("292y"));
    assert_eq!(age(json!(7)), None);
    assert_eq!(age(Value::Null), None);
    let odd = json!({"metadata": [], "status": {"imageCacheId": 7, "phase": null, "progress": {"percent": 1}}});
    assert_eq!(
        cells(&odd, now),
        [
            None,
            Some("7".to_owned()),
            None,
            Some("{\"percent\":1}".to_owned())
        ]
    );
    assert_eq!(cells(&json!("no object"), now), [None, None, None, None]);
}

// The definition

/// The number itself, whether a library writes `20` or `20.0`.
fn plain_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(plain_numbers).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), plain_numbers(value)))
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn definition_is_one_that_kubernetes_types_know_in_full() {
    let ours = crd(CrdVersion::V1);
    let typed: CustomResourceDefinition = serde_json::from_value(ours.clone()).unwrap();
    assert_eq!(
        plain_numbers(&serde_json::to_value(&typed).unwrap()),
        plain_numbers(&ours)
    );
}

#[test]
fn vendor_definition_for_old_clusters_is_the_vendors() {
    let vendors: Value =
        serde_json::from_str(include_str!("data/resource/vendor-v1beta1-crd.json")).unwrap();
    assert_eq!(crd(CrdVersion::VendorV1beta1), vendors);
}

#[test]
fn definition_reads_as_recorded() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&crd(CrdVersion::V1)).unwrap());
}

fn v1_schema() -> Value {
    crd(CrdVersion::V1)["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// Every node of a schema with its path.
fn nodes<'a>(path: &str, schema: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    found.push((path.to_owned(), schema));
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        nodes(&format!("{path}.{name}"), property, found);
    }
    if let Some(items) = schema.get("items") {
        nodes(&format!("{path}[]"), items, found);
    }
}

#[test]
fn definition_has_columns_names_and_subresource() {
    let schema = v1_schema();
    let mut found = Vec::new();
    nodes("", &schema, &mut found);
    assert!(found.len() > 20);
    for (path, node) in found {
        assert!(
            node["type"].is_string(),
            "{path}: a structural schema has types"
        );
        // A default would rewrite stored objects.
        assert_eq!(node.get("default"), None, "{path}");
        // Kubernetes forbids these in a structural schema.
        assert_eq!(node.get("uniqueItems"), None, "{path}");
        assert_ne!(
            node.get("additionalProperties"),
            Some(&json!(false)),
            "{path}"
        );
        let type_meta = [".apiVersion", ".kind", ".metadata"].contains(&path.as_str());
        let described = node["description"]
            .as_str()
            .is_some_and(|words| words.len() > 10);
        assert!(
            described || type_meta || path.ends_with("[]"),
            "{path} says nothing in kubectl explain"
        );
        // The bounds that keep the estimated cost of a rule finite.
        if path.starts_with(".spec") {
            match node["type"].as_str().unwrap() {
                "array" => assert!(node["maxItems"].is_u64(), "{path}"),
                "string" => assert!(node["maxLength"].is_u64(), "{path}"),
                "integer" => assert!(
                    node["minimum"].is_i64() && node["maximum"].is_i64(),
                    "{path}"
                ),
                other => assert_eq!(other, "object", "{path}"),
            }
        }
    }
}

/// What the rules of a schema say about a value: the messages of those that do not hold, and how many were asked.
fn broken_rules(schema: &Value, value: &Value) -> (Vec<String>, usize) {
    let (mut broken, mut asked) = (Vec::new(), 0);
    for rule in schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let program = cel::Program::compile(rule["rule"].as_str().unwrap()).unwrap();
        let mut context = cel::Context::default();
        context.add_variable("self", value).unwrap();
        asked += 1;
        match program.execute(&context) {
            Ok(cel::Value::Bool(true)) => {}
            Ok(cel::Value::Bool(false)) => {
                broken.push(rule["message"].as_str().unwrap().to_owned())
            }
            other => panic!("{}: {other:?}", rule["rule"]),
        }
    }
    let properties = schema["properties"].as_object().into_iter().flatten();
    let fields = properties.filter_map(|(name, property)| Some((property, value.get(name)?)));
    let items = value
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| (&schema["items"], item));
    for (schema, value) in fields.chain(items) {
        let (more, also) = broken_rules(schema, value);
        broken.extend(more);
        asked += also;
    }
    (broken, asked)
}

/// What a cluster with our definition says: the errors of the schema, or, if there are none, of the rules.
fn refusals(object: &Value) -> Vec<String> {
    let schema = v1_schema();
    let judge = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = judge
        .iter_errors(object)
        .map(|error| format!("{} breaks {}", error.instance_path(), error.schema_path()))
        .collect();
    if errors.is_empty() {
        broken_rules(&schema, object).0
    } else {
        errors
    }
}

#[test]
fn definition_takes_every_valid_object() {
    for (name, object) in valid() {
        assert_eq!(refusals(&object), [""; 0], "{name}");
    }
    let (_, asked) = broken_rules(&v1_schema(), &valid()["imagecache-sample"]);
    assert_eq!(asked, 2 * 2 + 3, "two rules an image, one a secret");
}

#[test]
fn definition_takes_images_and_secrets_of_every_legal_form() {
    let longest = format!(
        "{}:65535/{}:{}@sha512:{}",
        "h".repeat(253),
        "p".repeat(255),
        "t".repeat(128),
        "0".repeat(128)
    );
    assert_eq!(longest.len(), 780);
    for image in [
        "nginx",
        "localhost/x",
        "[2001:db8::1]:5000/a/b:1",
        "registry.example.com:5000/a_b/c__d/e-f.g:V1.0_x-y",
        "MyHost/x",
        "a@sha256:0123456789012345678901234567890123456789012345678901234567890123",
        &longest,
    ] {
        assert_eq!(
            refusals(&with(minimal(), "/spec/images", json!([image, image]))),
            [""; 0],
            "{image}"
        );
    }
    let longest = format!("{}:{}", "n".repeat(63), "s".repeat(253));
    for secret in [
        "default:a",
        "a:b",
        "kube-system:my.registry-1",
        "0:0",
        &longest,
    ] {
        assert_eq!(
            refusals(&with(
                minimal(),
                "/spec/imagePullSecrets",
                json!([secret, secret])
            )),
            [""; 0],
            "{secret}"
        );
    }
}

#[test]
fn definition_refuses_every_invalid_object_and_says_why() {
    let mut said = Vec::new();
    for (name, object) in invalid() {
        said.push(format!("{name}: {}", refusals(&object).join("; ")));
    }
    for image in [
        "",
        "a b",
        "a\n",
        "https://registry.example.com/a:1",
        "docker://a",
    ] {
        let object = with(minimal(), "/spec/images", json!([image]));
        said.push(format!("image {image:?}: {}", refusals(&object).join("; ")));
    }
    let long = format!("{}:a", "n".repeat(64));
    for secret in [
        "a", "a:b:c", ":a", "a:", "a/b", "A:b", "a: b", "a:b\n", "a..b:c", "a.b:c", "a:b..c",
        "a:-b", &long,
    ] {
        let object = with(minimal(), "/spec/imagePullSecrets", json!([secret]));
        said.push(format!(
            "secret {secret:?}: {}",
            refusals(&object).join("; ")
        ));
    }
    let secrets: Vec<_> = (0..11).map(|n| format!("default:s{n}")).collect();
    let object = with(minimal(), "/spec/imagePullSecrets", json!(secrets));
    said.push(format!("11 secrets: {}", refusals(&object).join("; ")));
    for line in &said {
        assert!(!line.ends_with(": "), "{line} is not refused");
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    invalid-21-images: /spec/images breaks /properties/spec/properties/images/maxItems
    invalid-missing-images: /spec breaks /properties/spec/required
    invalid-no-images: /spec/images breaks /properties/spec/properties/images/minItems
    invalid-retention-high: /spec/retentionDays breaks /properties/spec/properties/retentionDays/maximum
    invalid-retention-zero: /spec/retentionDays breaks /properties/spec/properties/retentionDays/minimum
    invalid-secret-form: a secret must be namespace:name, such as default:my-registry
    invalid-size-high: /spec/imageCacheSize breaks /properties/spec/properties/imageCacheSize/maximum
    invalid-size-low: /spec/imageCacheSize breaks /properties/spec/properties/imageCacheSize/minimum
    image "": /spec/images/0 breaks /properties/spec/properties/images/items/minLength
    image "a b": an image must not contain white space
    image "a\n": an image must not contain white space
    image "https://registry.example.com/a:1": an image must not have a scheme; write registry.example.com/app:1.0 without https://
    image "docker://a": an image must not have a scheme; write registry.example.com/app:1.0 without https://
    secret "a": a secret must be namespace:name, such as default:my-registry
    secret "a:b:c": a secret must be namespace:name, such as default:my-registry
    secret ":a": a secret must be namespace:name, such as default:my-registry
    secret "a:": a secret must be namespace:name, such as default:my-registry
    secret "a/b": a secret must be namespace:name, such as default:my-registry
    secret "A:b": a secret must be namespace:name, such as default:my-registry
    secret "a: b": a secret must be namespace:name, such as default:my-registry
    secret "a:b\n": a secret must be namespace:name, such as default:my-registry
    secret "a..b:c": a secret must be namespace:name, such as default:my-registry
    secret "a.b:c": a secret must be namespace:name, such as default:my-registry
    secret "a:b..c": a secret must be namespace:name, such as default:my-registry
    secret "a:-b": a secret must be namespace:name, such as default:my-registry
    secret "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn:a": a secret must be namespace:name, such as default:my-registry
    11 secrets: /spec/imagePullSecrets breaks /properties/spec/properties/imagePullSecrets/maxItems
    "#);
}

// The schema for editors

fn editor_errors(object: &Value) -> Vec<String> {
    let schema = json_schema();
    let judge = jsonschema::validator_for(&schema).unwrap();
    judge
        .iter_errors(object)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn editor_schema_is_a_schema() {
    assert!(jsonschema::meta::is_valid(&json_schema()));
    insta::assert_snapshot!(serde_json::to_string_pretty(&json_schema()).unwrap());
}

#[test]
fn editor_schema_takes_every_valid_object() {
    for (name, object) in valid() {
        assert_eq!(editor_errors(&object), [""; 0], "{name}");
    }
}

#[test]
fn editor_schema_accepts_unusual_values() {
    for object in [
        with(
            minimal(),
            "/metadata",
            json!({"generateName": "base-", "creationTimestamp": null, "annotations": null}),
        ),
        with(
            minimal(),
            "/metadata/annotations",
            json!({"k8s.aliyun.com/imc-enable-flash": "True"}),
        ),
        with(
            minimal(),
            "/metadata/annotations",
            json!({"k8s.aliyun.com/vswitch-ids": "vsw-a, vsw-b"}),
        ),
        with(
            minimal(),
            "/metadata/annotations",
            json!({"k8s.aliyun.com/not-known-yet": "x", "example.com/y": ""}),
        ),
        with(minimal(), "/spec/imageCacheSize", Value::Null),
        with(minimal(), "/spec/imageCacheSize", json!(25.0)),
        with(
            minimal(),
            "/status",
            json!({"phase": "Thawing", "novelty": 1}),
        ),
    ] {
        assert_eq!(editor_errors(&object), [""; 0], "{object}");
    }
}

#[test]
fn editor_schema_is_stricter_than_the_definition() {
    for (name, object) in invalid() {
        assert_ne!(editor_errors(&object), [""; 0], "{name}");
    }
    for (pointer, value) in [
        ("/apiVersion", json!("eci.alibabacloud.com/v2")),
        ("/kind", json!("imagecache")),
        ("/sepc", json!({})),
        ("/metadata", json!({})),
        ("/metadata/name", json!("Not_A_Name")),
        ("/metadata/namespace", json!("default")),
        ("/spec/image", json!("nginx")),
        ("/spec/images", json!(["a b"])),
        ("/spec/images", json!(["https://a/b"])),
        ("/spec/imageCacheSize", json!("25")),
        ("/spec/imageCacheSize", json!(25.5)),
        ("/spec/imagePullSecrets", json!(["default/a"])),
        ("/metadata/annotations", json!({"example.com/n": 1})),
        (
            "/metadata/annotations",
            json!({"k8s.aliyun.com/imc-enable-flash": "yes"}),
        ),
        (
            "/metadata/annotations",
            json!({"k8s.aliyun.com/imc-enable-flash": true}),
        ),
        (
            "/metadata/annotations",
            json!({"k8s.aliyun.com/imc-cpu-arch": "x86"}),
        ),
        (
            "/metadata/annotations",
            json!({"k8s.aliyun.com/security-group-id": "vsw-a"}),
        ),
        (
            "/metadata/annotations",
            json!({"k8s.aliyun.com/vswitch-ids": "vsw-a,sg-b"}),
        ),
        (
            "/metadata/annotations",
            json!({"k8s.aliyun.com/acr-instance-ids": "cri-a,b"}),
        ),
        (
            "/metadata/annotations",
            json!({"k8s.aliyun.com/acr-service-arns": "role/x"}),
        ),
        (
            "/metadata/annotations",
            json!({"k8s.aliyun.com/insecure-registry": "https://a"}),
        ),
    ] {
        let object = with(minimal(), pointer, value);
        assert_eq!(
            editor_errors(&object).len(),
            1,
            "{object}: {:?}",
            editor_errors(&object)
        );
    }
}

#[cfg(feature = "kube")]
mod kube {
    use imagecache::resource::kube::ImageCacheObject;
    use kube_core::{Resource, ResourceExt};

    use super::*;

    #[test]
    fn object_has_resource_metadata() {
        assert_eq!(ImageCacheObject::group(&()), "eci.alibabacloud.com");
        assert_eq!(ImageCacheObject::version(&()), "v1");
        assert_eq!(ImageCacheObject::kind(&()), "ImageCache");
        assert_eq!(ImageCacheObject::plural(&()), "imagecaches");
        assert_eq!(
            ImageCacheObject::api_version(&()),
            "eci.alibabacloud.com/v1"
        );
        assert_eq!(
            ImageCacheObject::url_path(&(), None),
            "/apis/eci.alibabacloud.com/v1/imagecaches"
        );
    }

    #[test]
    fn object_keeps_unknown_fields() {
        for (name, value) in valid() {
            let object: ImageCacheObject = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(&object).unwrap(), value, "{name}");
            let cache = ImageCache::try_from(&object).unwrap();
            assert_eq!(serde_json::to_value(&cache).unwrap(), value, "{name}");
            assert_eq!(
                ImageCacheObject::try_from(&cache).unwrap(),
                object,
                "{name}"
            );
            assert_eq!(
                object.name_any(),
                value["metadata"]["name"].as_str().unwrap()
            );
        }
    }

    #[test]
    fn an_item_of_a_list_gets_its_kind_and_a_bad_time_is_an_error() {
        let mut value = minimal();
        value
            .as_object_mut()
            .unwrap()
            .retain(|key, _| key != "kind" && key != "apiVersion");
        let cache: ImageCache = serde_json::from_value(value).unwrap();
        assert_eq!(
            serde_json::to_value(ImageCacheObject::try_from(&cache).unwrap()).unwrap(),
            minimal()
        );
        let odd = with(minimal(), "/metadata/creationTimestamp", json!("soon"));
        let cache: ImageCache = serde_json::from_value(odd).unwrap();
        assert!(ImageCacheObject::try_from(&cache).is_err());
    }
}
