//! The table of workloads and its walker, against the examples.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use imagecache::diagnostic::{Code, Levels, Report, Severity};
use imagecache::document::TextFormat;
use imagecache::matching::{Cache, Image, Index, Inventory, MatchRules, SearchBuffers};
use imagecache::path::Step as PathStep;
use imagecache::pod::{self, Placement, Pod, Template};
use imagecache::resource::workload::{
    self, PodPath, PodPaths, PodTemplate, WORKLOADS, Way, WayStep, Workload,
};
use imagecache::validate::{self, ValidateOptions};
use serde_json::{Map, Value, json};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn documents(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    let (documents, faults) =
        imagecache::document::read(&text, TextFormat::Auto, &Levels::default());
    assert!(faults.is_empty(), "{file:?}: {faults:?}");
    documents
        .iter()
        .map(|document| document.value().clone())
        .collect()
}

fn row(object: &Value) -> Option<&'static Workload> {
    workload::resolve(
        object["apiVersion"].as_str().unwrap(),
        object["kind"].as_str().unwrap(),
    )
}

/// Writes steps as `tests/workloads/expected.json` does.
fn dotted(steps: &[PathStep<'_>]) -> String {
    let steps = steps.iter().map(|step| match step {
        PathStep::Key(name) => (*name).to_owned(),
        PathStep::Index(index) => index.to_string(),
    });
    steps.collect::<Vec<_>>().join(".")
}

fn images(template: &Template<'_>) -> Vec<Value> {
    let images = template.images.iter();
    images
        .map(|container| container.image.value.clone())
        .collect()
}

fn read(object: &Value) -> Value {
    let metadata = |name: &str| object["metadata"][name].as_str();
    let name = [metadata("namespace"), metadata("name")];
    let name: Vec<&str> = name.into_iter().flatten().collect();
    let Some(row) = row(object) else {
        let name = name.join("/");
        return json!({"kind": object["kind"], "name": name, "pods": [], "withoutEffect": [], "references": []});
    };
    let pods = pod::templates(row, object)
        .into_iter()
        .filter(|template| template.makes_pod);
    let pods = pods.map(|template| {
        let mut annotations = Map::new();
        for map in template.annotations.iter().rev() {
            annotations.extend(map.value.as_object().cloned().unwrap_or_default());
        }
        json!({"template": template.name, "images": images(&template), "annotations": annotations})
    });
    let without_effect = row.without_effect.iter().flat_map(|way| {
        let maps = pod::values(*way, object);
        maps.into_iter().flat_map(|map| {
            let path = dotted(&map.steps);
            let names = map.value.as_object().unwrap().keys();
            names
                .map(|name| json!({"path": path, "annotation": name}))
                .collect::<Vec<_>>()
        })
    });
    let references = row.references.iter().flat_map(|reference| {
        let names = pod::values(reference.at, object).into_iter();
        names.map(|name| json!({"path": reference.at.as_str(), "name": name.value}))
    });
    json!({
        "kind": object["kind"],
        "name": name.join("/"),
        "pods": pods.collect::<Vec<_>>(),
        "withoutEffect": without_effect.collect::<Vec<_>>(),
        "references": references.collect::<Vec<_>>(),
    })
}

#[test]
fn walker_examples_match_expected() {
    let expected = fs::read_to_string(root().join("tests/workloads/expected.json")).unwrap();
    let expected: BTreeMap<String, Vec<Value>> = serde_json::from_str(&expected).unwrap();
    let folder = root().join("examples/workloads");
    let files = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name());
    let files: BTreeSet<String> = files.map(|file| file.into_string().unwrap()).collect();
    assert_eq!(files, expected.keys().cloned().collect());
    for (file, expected) in expected {
        let objects = documents(&folder.join(&file));
        let found: Vec<Value> = objects.iter().map(read).collect();
        assert_eq!(json!(found), json!(expected), "{file}");
    }
}

#[test]
fn matching_examples_have_the_pods_of_the_walker() {
    let levels = Levels::default();
    for file in fs::read_dir(root().join("examples/workloads")).unwrap() {
        let file = file.unwrap().path();
        for object in documents(&file) {
            let mut report = Report::new(&levels);
            let pods = Pod::read_all(&object, None, &imagecache::path::Path::Root, &mut report);
            let names: Vec<&str> = pods.iter().map(|pod| &*pod.template).collect();
            let templates = row(&object).map(|row| pod::templates(row, &object));
            let templates = templates.unwrap_or_default();
            let made = templates.iter().filter(|template| template.makes_pod);
            let made: Vec<&str> = made.map(|template| &*template.name).collect();
            assert_eq!(names, made, "{file:?}");
            let found = report.finish();
            assert!(found.is_empty(), "{file:?}: {found:?}");
        }
    }
}

/// Returns the smallest object in which a way leads to a value.
fn minimal(steps: &[WayStep], value: Value) -> Value {
    let Some((step, rest)) = steps.split_first() else {
        return value;
    };
    let below = minimal(rest, value);
    match step {
        WayStep::Field(name) => json!({ *name: below }),
        WayStep::Each => json!([below]),
        WayStep::Where { field, is } => {
            let mut item = below;
            item[*field] = json!(is.unwrap_or("main"));
            json!([item])
        }
        other => panic!("{other:?}"),
    }
}

/// Adds what a second object has to a first one.
fn merge(one: &mut Value, other: Value) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in other {
                merge(one.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(one), Value::Array(other)) => merge(&mut one[0], other[0].clone()),
        (one, other) => *one = other,
    }
}

fn steps(template: &PodTemplate, way: Way) -> Vec<WayStep> {
    template.steps(way).collect()
}

#[test]
fn walker_each_image_way_is_read() {
    let mut ways = 0;
    for row in WORKLOADS {
        for template in row.templates {
            for way in template.images.iter().copied().flatten() {
                let mut object = minimal(&steps(template, *way), json!("nginx:1.27"));
                merge(
                    &mut object,
                    minimal(&steps(template, template.at), json!({})),
                );
                let mut name = None;
                if let Some(named_by) = template.named_by {
                    merge(
                        &mut object,
                        minimal(&steps(template, named_by), json!("main")),
                    );
                    name = Some("main");
                }
                let found = pod::templates(row, &object);
                let found = found
                    .iter()
                    .find(|found| found.name.starts_with(template.name));
                let found = found.unwrap_or_else(|| panic!("{} {}", row.kind, way.as_str()));
                assert_eq!(
                    images(found),
                    ["nginx:1.27"],
                    "{} {}",
                    row.kind,
                    way.as_str()
                );
                if let Some(name) = name {
                    assert!(found.name.ends_with(name), "{}", found.name);
                }
                ways += 1;
            }
        }
    }
    assert!(ways > 300, "{ways}");
}

#[test]
fn walker_each_annotation_way_reaches_the_pod() {
    for row in WORKLOADS {
        for template in row.templates {
            for way in template.annotations {
                let image = template.images.iter().copied().flatten().next().unwrap();
                let mut object = minimal(&steps(template, *image), json!("nginx:1.27"));
                let annotations = json!({"k8s.aliyun.com/eci-imc-id": "imc-1"});
                merge(&mut object, minimal(&steps(template, *way), annotations));
                if let Some(named_by) = template.named_by {
                    merge(
                        &mut object,
                        minimal(&steps(template, named_by), json!("main")),
                    );
                }
                let found = pod::templates(row, &object);
                let found = found
                    .iter()
                    .find(|found| found.name.starts_with(template.name));
                let id = found.unwrap().annotation("k8s.aliyun.com/eci-imc-id");
                assert_eq!(id, Some(&json!("imc-1")), "{} {}", row.kind, way.as_str());
            }
        }
    }
}

#[test]
fn walker_shared_values_are_bounded() {
    let items = |count: usize, item: &dyn Fn(usize) -> Value| -> Vec<Value> {
        (0..count).map(item).collect()
    };
    let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "spec": {
        "templateDefaults": {"sidecars": items(2_000, &|_| json!({"image": "envoy:1"}))},
        "templates": items(2_000, &|i| json!({"name": i.to_string(), "container": {"image": "go:1"}})),
    }});
    let found = pod::templates(row(&object).unwrap(), &object);
    assert_eq!(found.len(), 2_000);
    let read: usize = found.iter().map(|template| template.images.len()).sum();
    assert!(read < 300_000, "{read}");
    assert!(found.iter().any(|template| template.cut_off));
}

#[test]
fn table_json_has_what_check_schemas_reads() {
    let table: Vec<Value> =
        serde_json::from_str(&serde_json::to_string(WORKLOADS).unwrap()).unwrap();
    assert_eq!(table.len(), WORKLOADS.len());
    let way = |value: &Value| value.as_str().unwrap().to_owned();
    let list =
        |value: &Value| -> Vec<String> { value.as_array().unwrap().iter().map(way).collect() };
    let written =
        |ways: &[Way]| -> Vec<String> { ways.iter().map(|way| way.as_str().to_owned()).collect() };
    for (json, row) in table.iter().zip(WORKLOADS) {
        assert_eq!(
            (&json["group"], &json["kind"]),
            (&json!(row.group), &json!(row.kind))
        );
        assert_eq!(list(&json["versions"]), row.versions);
        assert_eq!(json["source"]["npm"], json!(row.source.npm));
        assert_eq!(list(&json["withoutEffect"]), written(row.without_effect));
        for (json, reference) in json["references"]
            .as_array()
            .unwrap()
            .iter()
            .zip(row.references)
        {
            assert_eq!(way(&json["at"]), reference.at.as_str());
            assert_eq!(list(&json["annotations"]), written(reference.annotations));
        }
        let templates = json["templates"].as_array().unwrap();
        assert_eq!(templates.len(), row.templates.len());
        for (json, template) in templates.iter().zip(row.templates) {
            assert_eq!(way(&json["at"]), template.at.as_str());
            let full = |ways: &[Way]| -> Vec<String> {
                ways.iter().map(|way| template.full(*way)).collect()
            };
            let one = |way: Option<Way>| json!(way.map(|way| template.full(way)));
            assert_eq!(json["namedBy"], one(template.named_by));
            assert_eq!(json["replicas"], one(template.replicas));
            assert_eq!(list(&json["podSpecs"]), full(template.pod_specs));
            assert_eq!(list(&json["annotations"]), full(template.annotations));
            let images = json["images"].as_array().unwrap();
            let images: Vec<Vec<String>> = images.iter().map(list).collect();
            let expected: Vec<_> = template.images.iter().map(|ways| full(ways)).collect();
            assert_eq!(images, expected);
        }
    }
}

fn pods_of(object: &Value) -> (Vec<Pod>, Vec<String>) {
    let levels = Levels::default();
    let mut report = Report::new(&levels);
    let pods = Pod::read_all(object, None, &imagecache::path::Path::Root, &mut report);
    let found = report.finish().iter().map(ToString::to_string).collect();
    (pods, found)
}

fn decision(pod: &Pod) -> &'static str {
    let cache = Cache::ready("imc-1", ["nginx:1.27"].map(Image::new));
    let index: Index = [cache].into_iter().collect();
    let (rules, mut buffers) = (MatchRules::default(), SearchBuffers::default());
    let answer = index.explain_with(pod, &rules, &mut buffers);
    let short = index.winner_with(pod, &rules, &mut buffers);
    assert_eq!(answer.decision, short.decision);
    answer.decision.as_str()
}

#[test]
fn pod_unreadable_image_is_never_a_hit() {
    let good = json!({"name": "a", "image": "nginx:1.27"});
    for (bad, message) in [
        (json!({"name": "b"}), "spec.containers[1].image: required"),
        (
            json!({"name": "b", "image": null}),
            "spec.containers[1].image: required",
        ),
        (
            json!({"name": "b", "image": 1.27}),
            "spec.containers[1].image: expected a string, found the number `1.27`",
        ),
        (
            json!("nginx:1.27"),
            "spec.containers[1]: expected an object, found the string `nginx:1.27`",
        ),
    ] {
        let object =
            json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [good, bad]}});
        let (pods, found) = pods_of(&object);
        assert_eq!(found, [message]);
        assert_eq!((pods[0].images().len(), pods[0].unreadable().len()), (1, 1));
        assert_eq!(decision(&pods[0]), "Partial", "{bad}");
    }
    let object = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [good]}});
    assert_eq!(decision(&pods_of(&object).0[0]), "Hit");
}

#[test]
fn pod_containers_of_another_type_are_reported() {
    for containers in [json!({"a": {"image": "nginx:1.27"}}), Value::Null] {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers}});
        let (pods, found) = pods_of(&object);
        assert!(pods.is_empty());
        assert!(
            found[0].starts_with("spec.containers: expected a list, found "),
            "{found:?}"
        );
    }
}

#[test]
fn pod_image_from_elsewhere_is_not_missing() {
    let object = json!({"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "spec": {
        "image": "flink:1.20", "podTemplate": {"spec": {"containers": [{"name": "flink-main-container"}]}},
    }});
    let (pods, found) = pods_of(&object);
    assert!(found.is_empty(), "{found:?}");
    let names: Vec<_> = pods.iter().map(Pod::full_name).collect();
    assert_eq!(names, [" (jobManager)", " (taskManager)"]);
    assert!(
        pods.iter()
            .all(|pod| pod.unreadable().is_empty() && pod.images().len() == 1)
    );
}

#[test]
fn pod_on_acs_is_not_predicted() {
    for labels in [
        json!({"alibabacloud.com/acs": "true"}),
        json!({"alibabacloud.com/compute-class": "gpu"}),
    ] {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": labels, "annotations": {
            "k8s.aliyun.com/eci-imc-id": "imc-1"}}, "spec": {"containers": [{"image": "nginx:1.27"}]}});
        let (pods, _) = pods_of(&object);
        assert_eq!(pods[0].placement, Placement::Acs);
        assert_eq!(decision(&pods[0]), "NotEci");
    }
}

#[test]
fn pod_placement_follows_its_table() {
    let of = |metadata: Value, spec: Value| {
        Placement::of_pod(&json!({"metadata": metadata, "spec": spec}))
    };
    let (none, eci, possible) = (json!({}), Placement::Eci, Placement::PossiblyEci);
    assert_eq!(of(none.clone(), none.clone()), Placement::Unspecified);
    for (name, placement) in [
        ("virtual-node-eci-0", eci),
        ("virtual-kubelet-cn-beijing-h", eci),
        ("cn-beijing.10.0.0.1", Placement::Unspecified),
    ] {
        assert_eq!(
            of(none.clone(), json!({"nodeName": name})),
            placement,
            "{name}"
        );
    }
    for field in ["labels", "annotations"] {
        for (value, placement) in [("eci", possible), ("eci_only", eci)] {
            let metadata = json!({ field: {"alibabacloud.com/burst-resource": value}});
            assert_eq!(of(metadata, none.clone()), placement);
        }
    }
    let label = json!({"labels": {"alibabacloud.com/eci": "true"}});
    assert_eq!(of(label, none.clone()), eci);
    let written = json!({"annotations": {"k8s.aliyun.com/eci-instance-id": "eci-1"}});
    assert_eq!(of(written, none.clone()), eci);
    let selector = json!({"nodeSelector": {"type": "virtual-kubelet"}});
    assert_eq!(of(none.clone(), selector), eci);
    let tolerations = json!({"tolerations": [{"key": "virtual-kubelet.io/provider"}]});
    assert_eq!(of(none.clone(), tolerations), possible);
    let affinity = json!({"affinity": {"nodeAffinity": {}}});
    assert_eq!(of(none, affinity), possible);
}

#[test]
fn pod_spec_of_an_unknown_kind_is_read() {
    let object = json!({"apiVersion": "example.com/v1", "kind": "Farm", "metadata": {"name": "f"}, "spec": {"pods": [
        {"metadata": {"annotations": {"k8s.aliyun.com/eci-imc-id": "imc-1"}},
         "spec": {"containers": [{"image": "nginx:1.27"}]}},
    ]}});
    let (pods, found) = pods_of(&object);
    assert!(found.is_empty());
    assert_eq!(pods[0].wish.explicit.as_deref(), Some("imc-1"));
    assert!(pods[0].warnings[0].contains("the kind `Farm` is unknown"));
}

/// Paths to pods of an unknown kind.
fn paths(texts: &[&str]) -> PodPaths {
    texts
        .iter()
        .map(|text| text.parse::<PodPath>().unwrap())
        .collect()
}

#[test]
fn pod_path_teaches_an_unknown_kind() {
    let template = json!({"metadata": {"annotations": {"k8s.aliyun.com/eci-imc-id": "imc-1"}},
        "spec": {"containers": [{"image": "nginx:1.27"}]}});
    let farm = |pods: Value| json!({"apiVersion": "example.com/v1", "kind": "Farm", "metadata": {"name": "f"}, "spec": {"pods": pods}});
    for (path, pods, names) in [
        ("example.com/Farm=/spec/pods", template.clone(), vec!["f"]),
        (
            "example.com/Farm=/spec/pods/spec",
            template.clone(),
            vec!["f"],
        ),
        (
            "example.com/Farm=/spec/pods/*",
            json!([template]),
            vec!["f"],
        ),
        (
            "example.com/Farm=/spec/pods/0",
            json!([template, template]),
            vec!["f"],
        ),
        (
            "example.com/Farm=/spec/pods/*",
            json!({"a": template, "b": template}),
            vec!["f (spec.pods.a.spec)", "f (spec.pods.b.spec)"],
        ),
    ] {
        let object = farm(pods);
        let levels = Levels::default();
        let mut report = Report::new(&levels);
        let mut inventory = Inventory::default();
        inventory.pod_paths = paths(&[path]);
        inventory.add(&object, &mut report);
        assert!(report.finish().is_empty());
        let found: Vec<String> = inventory.pods.iter().map(Pod::full_name).collect();
        assert_eq!(found, names, "{path}");
        for pod in &inventory.pods {
            assert_eq!(pod.wish.explicit.as_deref(), Some("imc-1"), "{path}");
            assert!(pod.warnings.is_empty());
        }
        let mut options = ValidateOptions::default();
        options.pod_paths = paths(&[path]);
        let found = validate::object(&object, &options);
        assert!(
            found.iter().all(|found| found.code == Code::IC065),
            "{found:?}"
        );
        assert!(!found.is_empty());
    }
}

#[test]
fn pod_path_that_leads_elsewhere_is_not_silent() {
    let pod = json!({"spec": {"containers": [{"image": "nginx:1.27"}]}});
    let object = json!({"apiVersion": "example.com/v1", "kind": "Farm", "metadata": {"name": "f"},
        "spec": {"pods": pod, "size": 3}});
    let validated = |path: &str| -> Vec<String> {
        let mut options = ValidateOptions::default();
        options.pod_paths = paths(&[path]);
        let found = validate::object(&object, &options);
        found
            .iter()
            .map(|found| format!("{} {found}", found.code))
            .collect()
    };
    assert_eq!(
        validated("example.com/Farm=/spec/size"),
        ["IC016 spec.size: expected a pod template or a pod spec, found the number `3`"]
    );
    for path in ["example.com/Farm=/spec/none", "example.org/Farm=/spec/pods"] {
        assert_eq!(
            validated(path),
            [
                "IC068 spec.pods.spec: pod spec of the unknown kind `Farm` of `example.com`: not validated"
            ]
        );
    }
    let found = validate::object(&object, &ValidateOptions::default());
    let help = found[0].help.as_deref().unwrap();
    assert!(
        help.ends_with("`example.com/Farm=/spec/pods/spec`."),
        "{help}"
    );
}

#[test]
fn validate_names_each_place_without_effect() {
    let mut places = 0;
    for row in WORKLOADS {
        for way in row.without_effect {
            for name in [
                "k8s.aliyun.com/eci-auto-imc",
                "image.alibabacloud.com/enable-image-cache",
            ] {
                let mut object = minimal(&way.steps().collect::<Vec<_>>(), json!({ name: "true" }));
                object["apiVersion"] = json!(row.api_version());
                object["kind"] = json!(row.kind);
                let found = validate::object(&object, &ValidateOptions::default());
                let found = found.iter().find(|found| found.code == Code::IC060);
                let found = found.unwrap_or_else(|| panic!("{} {}", row.kind, way.as_str()));
                let help = found.help.as_deref().unwrap();
                let place = row.belongs.split(' ').next().unwrap();
                assert!(
                    help.contains(place),
                    "{} {}: {help}",
                    row.kind,
                    way.as_str()
                );
                places += 1;
            }
        }
    }
    assert!(places > 150, "{places}");
}

#[test]
fn validate_old_name_on_argo_is_a_hint() {
    let file = root().join("examples/workloads/argo-workflow-old-annotation.yaml");
    let found = validate::object(&documents(&file)[0], &ValidateOptions::default());
    let codes: Vec<_> = found
        .iter()
        .map(|found| (found.code, found.severity))
        .collect();
    assert!(codes.contains(&(Code::IC054, Severity::Hint)), "{codes:?}");
    assert!(
        codes
            .iter()
            .all(|(_, severity)| *severity == Severity::Hint),
        "{codes:?}"
    );
}

/// The parts of a template as paths and values, without what the object has above it.
fn read_of(template: &Template<'_>, above: usize) -> String {
    let path = |steps: &[PathStep<'_>]| dotted(&steps[above..]);
    let maps = [&template.annotations, &template.labels, &template.pod_specs].map(|maps| {
        maps.iter()
            .map(|map| (path(&map.steps), map.value))
            .collect::<Vec<_>>()
    });
    let images = [&template.images, &template.missing].map(|images| {
        let images = images.iter();
        let parts = images.map(|one| {
            (
                path(&one.image.steps),
                one.image.value,
                one.holder,
                one.siblings,
            )
        });
        parts.collect::<Vec<_>>()
    });
    let misfits = template.misfits.iter();
    let misfits: Vec<_> = misfits
        .map(|one| (path(&one.found.steps), one.found.value, one.expected))
        .collect();
    format!(
        "{:?}",
        (
            &template.name,
            maps,
            images,
            misfits,
            template.makes_pod,
            template.cut_off
        )
    )
}

#[test]
fn walker_reads_a_pod_like_a_template() {
    let [pod, deployment] = [("", "Pod"), ("apps", "Deployment")]
        .map(|(group, kind)| workload::find(group, kind).unwrap());
    let values = [
        json!(null),
        json!(1),
        json!("text"),
        json!([]),
        json!({}),
        json!([null, 7, {}, []]),
        json!([{"image": "a"}, {"image": null}, {"image": 7}, {"name": "c"}]),
        json!({"a": "b"}),
    ];
    let places = [
        "metadata",
        "metadata.annotations",
        "metadata.labels",
        "spec",
        "spec.containers",
        "spec.initContainers",
        "spec.ephemeralContainers",
        "spec.volumes",
    ];
    let whole = json!({"metadata": {"annotations": {"a": "b"}, "labels": {}}, "spec": {
        "containers": [{"image": "nginx"}, {}], "initContainers": [{"image": "redis"}]}});
    let mut bodies = vec![whole.clone()];
    for place in places {
        for value in &values {
            let mut body = whole.clone();
            let mut at = &mut body;
            for field in place.split('.') {
                at = &mut at[field];
            }
            *at = value.clone();
            bodies.push(body);
        }
    }
    for body in &bodies {
        let object = json!({"spec": {"template": body}});
        let ([direct], [walked]) = (
            &*pod::templates(pod, body),
            &*pod::templates(deployment, &object),
        ) else {
            panic!("{body}");
        };
        assert_eq!(read_of(direct, 0), read_of(walked, 2), "{body}");
    }
}
