//! Kubernetes ImageLocality: every row of the scheduler's own tests.

use imagecache::diagnostic::{Levels, Report};
use imagecache::matching::{
    LocalityInventory, NodeImage, NodeImages, PodImages, image_locality, image_signature,
    with_default_tag,
};
use serde_json::{Value, json};

use super::data;

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

fn pod(case: &Value) -> PodImages {
    PodImages {
        init_containers: texts(&case["initContainers"]),
        containers: texts(&case["containers"]),
        image_volumes: texts(&case["imageVolumes"]),
        ..PodImages::default()
    }
}

fn node(node: &Value) -> NodeImages {
    let image = |image: &Value| NodeImage {
        names: texts(&image["names"]),
        bytes: image["sizeBytes"].as_u64().unwrap(),
    };
    NodeImages {
        name: node["name"].as_str().unwrap().to_owned(),
        images: node["images"]
            .as_array()
            .unwrap()
            .iter()
            .map(image)
            .collect(),
    }
}

#[test]
fn nodes_score_as_the_scheduler_scores_them() {
    let data = data("image-locality.json");
    let cases = data["score_cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let mut nodes: Vec<_> = case["nodes"].as_array().unwrap().iter().map(node).collect();
        for _ in 0..nodes.len() {
            nodes.rotate_left(1);
            for (node, score) in nodes.iter().zip(image_locality(&pod(case), &nodes)) {
                assert_eq!(
                    Value::from(score),
                    case["expected"][&node.name],
                    "{}",
                    case["name"]
                );
            }
        }
    }
}

#[test]
fn names_and_signatures_are_the_schedulers() {
    let data = data("image-locality.json");
    for case in data["normalizedImageName"].as_array().unwrap() {
        assert_eq!(
            with_default_tag(case["input"].as_str().unwrap()),
            case["output"]
        );
    }
    for case in data["signature_cases"].as_array().unwrap() {
        assert_eq!(json!(image_signature(&pod(case))), case["value"]);
    }
}

/// Reads documents; returns what they hold, and the findings.
fn read(documents: &[Value]) -> (LocalityInventory, Vec<String>) {
    let levels = Levels::default();
    let mut inventory = LocalityInventory::default();
    let mut findings = Vec::new();
    for document in documents {
        let mut report = Report::new(&levels);
        inventory.add(document, &mut report);
        findings.extend(report.finish().iter().map(ToString::to_string));
    }
    (inventory, findings)
}

#[test]
fn locality_reads_pods_and_nodes_from_objects_and_lists() {
    let spec = json!({
        "initContainers": [{"image": "gcr.io/300"}],
        "containers": [{"image": "gcr.io/30"}],
        "volumes": [{"emptyDir": {}}, {"image": {"reference": "gcr.io/10"}}],
    });
    let (mut inventory, findings) = read(&[
        json!({"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"template": {"spec": spec}}}),
        json!({"kind": "NodeList", "items": [{
            "metadata": {"name": "n"},
            "status": {"images": [{"names": ["gcr.io/300:latest"], "sizeBytes": 300 << 20}, {}]},
        }]}),
        json!({"kind": "Service", "metadata": {"name": "web"}}),
    ]);
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!((inventory.others, inventory.unreadable), (1, 0));
    let pod = inventory.pods[0].clone();
    assert_eq!((&*pod.kind, &*pod.name), ("Deployment", "shop/web"));
    assert_eq!(pod.init_containers, ["gcr.io/300"]);
    assert_eq!(pod.containers, ["gcr.io/30"]);
    assert_eq!(pod.image_volumes, ["gcr.io/10"]);
    // One node has it, of one: (300 - 23) MiB of (2000 - 23) MiB.
    assert_eq!(inventory.scores(&pod).nodes[0].score, 14);
    inventory.nodes.push(inventory.nodes[0].clone());
    assert!(inventory.merge_nodes().is_empty());
    assert_eq!(inventory.nodes.len(), 1);
    inventory.nodes.push(NodeImages {
        name: "n".to_owned(),
        images: vec![],
    });
    assert_eq!(inventory.merge_nodes(), ["n"]);
}

#[test]
fn locality_unreadable_nodes_are_counted() {
    let (inventory, findings) = read(&[
        json!({"kind": "Pod", "spec": {"containers": [{"image": 7}, {"name": "b"}],
            "initContainers": {}, "volumes": [{"image": {"reference": []}}]}}),
        json!({"kind": "Node", "metadata": {}}),
        json!({"kind": "Node", "metadata": {"name": "n"}, "status": {"images": [
            {"names": "a:1", "sizeBytes": -1}, {"names": [1]},
        ]}}),
    ]);
    let mut expected = [
        "initContainers: expected a list, found an object",
        "containers[0].image: expected a string, found the number `7`",
        "containers[1].image: required",
        "volumes[0].image.reference: expected a string, found a list",
        "metadata.name: required",
        "status.images[0].names: expected a list, found the string `a:1`",
        "status.images[0].sizeBytes: expected a whole number of bytes, found the number `-1`",
        "status.images[1].names: expected a string, found the number `1`",
    ];
    let mut findings: Vec<&str> = findings.iter().map(String::as_str).collect();
    findings.sort_unstable();
    expected.sort_unstable();
    assert_eq!(findings, expected);
    assert_eq!(inventory.unreadable, expected.len());
    assert_eq!((inventory.pods.len(), inventory.nodes.len()), (1, 1));
}

#[test]
fn no_node_and_no_container_score_nothing() {
    let image = NodeImage {
        names: vec!["a:latest".to_owned()],
        bytes: u64::MAX,
    };
    let node = NodeImages {
        name: "n".to_owned(),
        images: vec![image],
    };
    assert!(image_locality(&PodImages::default(), &[]).is_empty());
    assert_eq!(
        image_locality(&PodImages::default(), std::slice::from_ref(&node)),
        [0]
    );
    let pod = PodImages {
        containers: vec!["a".to_owned(); 3],
        ..PodImages::default()
    };
    assert_eq!(
        image_locality(&pod, &[node]),
        [100],
        "sums past 64 bits stay the largest"
    );
}
