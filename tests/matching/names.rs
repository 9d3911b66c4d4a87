//! Names compared as text, and what a cluster adds to its pods.

use imagecache::matching::{Cache, Image, Index, MatchRules, NameComparison, Pod, SearchBuffers};
use serde_json::{Value, json};

use crate::{explain, inventory};

fn textual() -> MatchRules {
    let mut rules = MatchRules::default();
    rules.names = NameComparison::Textual;
    rules
}

fn pod(images: &[&str]) -> Pod {
    Pod::new("web", images.iter().map(|image| Image::new(image)))
}

fn index(images: &[&str]) -> Index {
    let images = images.iter().map(|image| Image::new(image));
    [Cache::ready("imc-1", images)].into_iter().collect()
}

#[test]
fn names_as_text_are_equal_by_letters() {
    let full = "docker.io/library/nginx:1.27";
    for (pod_image, cached, as_text) in [
        ("nginx:1.27", "nginx:1.27", "Hit"),
        ("nginx:1.27", full, "Miss"),
        (full, "nginx:1.27", "Miss"),
        ("nginx", "nginx:latest", "Partial"),
        ("nginx:1.27", "nginx:1.26", "Partial"),
        ("localhost:5000/a", "localhost:5000/a:latest", "Partial"),
        ("localhost:5000/a:1", "localhost:5000/a:1", "Hit"),
    ] {
        let (index, pod) = (index(&[cached]), pod(&[pod_image]));
        let answer = explain(&index, &pod, &textual());
        assert_eq!(answer.decision.as_str(), as_text, "{pod_image} {cached}");
    }
}

#[test]
fn names_as_text_count_each_spelling() {
    let pod = pod(&["nginx:1.27", "docker.io/library/nginx:1.27"]);
    let index = index(&["nginx:1.27"]);
    let usual = explain(&index, &pod, &MatchRules::default());
    assert_eq!((usual.decision.as_str(), usual.images.len()), ("Hit", 1));
    let answer = explain(&index, &pod, &textual());
    assert_eq!(
        (answer.decision.as_str(), answer.images.len()),
        ("Partial", 2)
    );
}

#[test]
fn names_explanation_says_where_the_two_differ() {
    let pod = pod(&["nginx:1.27"]);
    let same = explain(&index(&["nginx:1.27"]), &pod, &MatchRules::default());
    assert!(same.notes.is_empty());
    let index = index(&["docker.io/library/nginx:1.27"]);
    let usual = explain(&index, &pod, &MatchRules::default());
    assert_eq!(
        usual.notes,
        ["`nginx:1.27` is `docker.io/library/nginx:1.27` in the cache: as text the names differ"]
    );
    let answer = explain(&index, &pod, &textual());
    assert_eq!(
        answer.notes,
        [
            "`nginx:1.27` is `docker.io/library/nginx:1.27` in `imc-1`: as text the names differ",
            "as normalised names they give Hit with `imc-1`",
        ]
    );
}

#[test]
fn names_as_text_follow_changes_of_the_index() {
    let mut index = index(&["nginx:1.27"]);
    let pod = pod(&["redis:7"]);
    let decide = |index: &Index| {
        let mut buffers = SearchBuffers::default();
        let found = index.winner_with(&pod, &textual(), &mut buffers);
        (
            found.decision.as_str(),
            found.winner.and_then(|cache| cache.id.clone()),
        )
    };
    assert_eq!(decide(&index).0, "Miss");
    index.insert(Cache::ready("imc-2", [Image::new("redis:7")]));
    assert_eq!(decide(&index), ("Hit", Some("imc-2".to_owned())));
    index.insert(Cache::ready(
        "imc-2",
        [Image::new("docker.io/library/redis:7")],
    ));
    assert_eq!(decide(&index).0, "Miss");
    index.insert(Cache::ready("imc-3", [Image::new("redis:7")]));
    index.remove("imc-3");
    assert_eq!(decide(&index).0, "Miss");
}

fn profile(selectors: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "eci-profile", "namespace": "kube-system"},
        "data": {"selectors": selectors.to_string()}})
}

fn selector(name: &str, priority: i64, labels: &Value, effect: &Value) -> Value {
    json!({"apiVersion": "eci.aliyun.com/v1beta1", "kind": "Selector", "metadata": {"name": name},
        "spec": {"objectLabels": {"matchLabels": labels}, "effect": {"annotations": effect}, "priority": priority}})
}

fn deployment(labels: &Value, annotations: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec":
        {"template": {"metadata": {"labels": labels, "annotations": annotations},
            "spec": {"containers": [{"name": "a", "image": "nginx:1.27"}]}}}})
}

const AUTO: &str = "k8s.aliyun.com/eci-auto-imc";

/// The first pod, with the defaults of the documents, and what could not be read.
fn with_defaults(documents: &[Value]) -> (Pod, Vec<String>) {
    let (mut inventory, found) = inventory(documents);
    inventory.apply_defaults();
    (inventory.pods.remove(0), found)
}

#[test]
fn defaults_of_the_profile_are_added_to_pods() {
    let nginx = json!({"app": "nginx"});
    let profile = profile(&json!([
        {"name": "other", "objectSelector": {"matchLabels": {"app": "redis"}}, "effect": {"annotations": {AUTO: "true"}}},
        {"name": "off", "objectSelector": {"matchLabels": nginx}, "effect": {"annotations": {AUTO: "false"}}},
        {"name": "later", "objectSelector": {"matchLabels": nginx}, "effect": {"annotations": {AUTO: "true",
            "k8s.aliyun.com/eci-extra-ephemeral-storage": "50Gi"}, "labels": {"alibabacloud.com/acs": "true"}}},
    ]));
    // The order of the documents does not matter.
    for documents in [
        [deployment(&nginx, &json!({})), profile.clone()],
        [profile.clone(), deployment(&nginx, &json!({}))],
    ] {
        let (pod, found) = with_defaults(&documents);
        assert!(found.is_empty(), "{found:?}");
        assert_eq!((pod.wish.auto, pod.storage_gib), (Some(false), 50));
        assert_eq!(pod.placement, imagecache::pod::Placement::Acs);
        assert_eq!(
            pod.notes[0],
            "selector `off` of eci-profile adds the annotation `k8s.aliyun.com/eci-auto-imc: false`"
        );
    }
    let (pod, _) = with_defaults(&[profile, deployment(&nginx, &json!({AUTO: "true"}))]);
    assert_eq!(pod.wish.auto, Some(true));
}

#[test]
fn defaults_of_selectors_follow_their_priority() {
    let nginx = json!({"app": "nginx"});
    let documents = [
        profile(
            &json!([{"name": "old", "objectSelector": {"matchLabels": nginx},
            "effect": {"annotations": {AUTO: "true"}}}]),
        ),
        selector("low", 1, &nginx, &json!({AUTO: "true"})),
        selector("high", 3, &nginx, &json!({AUTO: "false"})),
        deployment(&nginx, &json!({})),
    ];
    let (pod, found) = with_defaults(&documents);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(pod.wish.auto, Some(false));
    assert_eq!(pod.notes.len(), 1, "{:?}", pod.notes);
}

#[test]
fn defaults_by_namespace_need_the_namespace() {
    let profile = profile(
        &json!([{"name": "team", "namespaceSelector": {"matchLabels": {"team": "a"}},
        "effect": {"annotations": {AUTO: "false"}}}]),
    );
    let pods = deployment(&json!({}), &json!({}));
    let (pod, _) = with_defaults(&[profile.clone(), pods.clone()]);
    assert_eq!(pod.wish.auto, None);
    assert_eq!(
        pod.warnings,
        [
            "selector `team` of eci-profile is left out: the input has no Namespace `shop`, whose labels decide"
        ]
    );
    for (team, auto) in [("a", Some(false)), ("b", None)] {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "shop", "labels": {"team": team}}});
        let (pod, found) = with_defaults(&[profile.clone(), pods.clone(), namespace]);
        assert!(found.is_empty() && pod.warnings.is_empty());
        assert_eq!(pod.wish.auto, auto);
    }
}

#[test]
fn defaults_that_cannot_be_read_are_reported() {
    for (selectors, message) in [
        (json!("[{"), "data.selectors: not valid JSON: "),
        (
            json!("{}"),
            "data.selectors: expected a list of selectors in JSON, found an object",
        ),
        (
            json!(r#"[{"name": "all", "effect": {}}]"#),
            "data.selectors[0]: required: labels of pods or of namespaces",
        ),
        (
            json!(r#"[{"objectSelector": {"matchLabels": {"a": 1}}}]"#),
            "data.selectors[0]: invalid type: integer `1`, expected a string",
        ),
    ] {
        let mut profile = profile(&json!([]));
        profile["data"]["selectors"] = selectors;
        let (inventory, found) = inventory(&[profile]);
        assert_eq!(inventory.defaults.unreadable, 1);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with(message), "{found:?}");
    }
    let (empty, found) = inventory(&[json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "eci-profile", "namespace": "kube-system"}, "data": {"selectors": ""}})]);
    assert!(found.is_empty() && empty.defaults.is_empty());
}

/// A misspelt selector adds nothing to a pod in the cluster, so an answer that reads it as right, or not at all, is wrong.
#[test]
fn defaults_that_are_misspelt_are_named() {
    let nginx = json!({"app": "nginx"});
    let sound = selector("s", 1, &nginx, &json!({AUTO: "false"}));
    let misspelt = |pointer: &str, field: &str, meant: &str| {
        let mut selector = sound.clone();
        let object = selector.pointer_mut(pointer).unwrap();
        let value = object.as_object_mut().unwrap().remove(field).unwrap();
        object[meant] = value;
        selector
    };
    let mut kind = sound.clone();
    kind["kind"] = json!("Selectors");
    let mut group = sound.clone();
    group["apiVersion"] = json!("eci.aliyn.com/v1beta1");
    let mut list = profile(&json!([{"name": "a", "objectSelector": {"matchExpressions":
        [{"key": "app", "operator": "In", "values": ["nginx"], "value": "x"}]}, "polcy": {"fair": {}}}]));
    let in_list = list.clone();
    let selectors = list["data"].as_object_mut().unwrap().remove("selectors");
    list["data"]["selector"] = selectors.unwrap();
    for (document, messages) in [
        (sound.clone(), &[][..]),
        (
            kind,
            &["kind: unknown kind `Selectors` in group eci.aliyun.com"],
        ),
        (
            group,
            &["apiVersion: no matches for kind `Selector` in group `eci.aliyn.com`"],
        ),
        (
            misspelt("", "spec", "specs"),
            &["specs: unknown field `specs`"],
        ),
        (
            misspelt("/spec", "effect", "Efect"),
            &["spec.Efect: unknown field `Efect`"],
        ),
        (
            misspelt("/spec/objectLabels", "matchLabels", "matchLabel"),
            &[
                "spec.objectLabels.matchLabel: unknown field `matchLabel`",
                "spec: required: labels of pods or of namespaces",
            ],
        ),
        (
            misspelt("/spec/effect", "annotations", "annotation"),
            &["spec.effect.annotation: unknown field `annotation`"],
        ),
        // A field that is near none may be that of a newer release.
        (misspelt("/spec", "priority", "colour"), &[]),
        (list, &["data.selector: unknown field `selector`"]),
        (
            in_list,
            &[
                "data.selectors[0].objectSelector.matchExpressions[0].value: unknown field `value`",
                "data.selectors[0].polcy: unknown field `polcy`",
            ],
        ),
        (
            json!({"apiVersion": "eci.aliyun.com/v1beta1", "kind": "Selector", "metadata": {"name": "s"}}),
            &["spec: required"],
        ),
    ] {
        let (inventory, mut found) = inventory(&[deployment(&nginx, &json!({})), document]);
        found.sort();
        let mut messages = messages.to_vec();
        messages.sort_unstable();
        assert_eq!(found, messages);
        assert_eq!(inventory.defaults.unreadable, messages.len());
        assert_eq!(inventory.is_complete(), messages.is_empty());
        assert_eq!(inventory.others, 0);
    }
}

#[test]
fn inventory_names_caches_of_other_products() {
    for group in ["kubefledged.io", "image-cache.scality.com"] {
        let object = json!({"apiVersion": format!("{group}/v1alpha1"), "kind": "ImageCache", "metadata": {"name": "a"}});
        let (inventory, found) = inventory(&[object]);
        assert_eq!((inventory.caches.len(), inventory.others), (0, 1));
        assert_eq!(
            found,
            [format!(
                "apiVersion: an ImageCache of `{group}`, another product: not read"
            )]
        );
    }
}

#[test]
fn inventory_names_templates_that_are_elsewhere() {
    let (inventory, found) = inventory(&[
        json!({"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": "a"},
            "spec": {"taskRef": {"name": "build"}}}),
        json!({"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "pg"}, "spec": {}}),
        json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": "b"}, "spec": {
            "stepTemplate": {"image": "alpine:3"},
            "steps": [{"image": "golang:1"}, {"script": "go vet"}, {"ref": {"name": "scan"}}],
            "sidecars": [{"name": "docker"}]}}),
    ]);
    assert_eq!(
        found,
        [
            "spec.taskRef.name: pods are made from the Task `build`",
            "`pg` has no container with an image",
        ]
    );
    let [task] = inventory.pods.as_slice() else {
        panic!("{:?}", inventory.pods);
    };
    let texts: Vec<&str> = task.images().iter().map(Image::text).collect();
    assert_eq!(texts, ["alpine:3", "golang:1"]);
    let answer = explain(
        &index(&["alpine:3", "golang:1"]),
        task,
        &MatchRules::default(),
    );
    assert_eq!(answer.decision.as_str(), "Partial");
    assert_eq!(
        answer.warnings,
        [
            "image `spec.sidecars[0].image` is invalid and matches nothing: required",
            "image `spec.steps[2].image` is invalid and matches nothing: it is in the StepAction `scan`",
        ]
    );
}
