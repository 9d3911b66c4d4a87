//! Kubernetes ImageLocality: every row of the scheduler's own tests.

use imagecache::matching::{
    NodeImage, NodeImages, PodImages, image_locality, image_signature, with_default_tag,
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

#[test]
fn nodes_and_pods_are_read_from_their_objects() {
    let spec = json!({
        "initContainers": [{"image": "gcr.io/300"}],
        "containers": [{"image": "gcr.io/30"}, {"name": "no image"}],
        "volumes": [{"emptyDir": {}}, {"image": {"reference": "gcr.io/10"}}],
    });
    let pod = PodImages::read(&spec);
    assert_eq!(pod.init_containers, ["gcr.io/300"]);
    assert_eq!(pod.containers, ["gcr.io/30"]);
    assert_eq!(pod.image_volumes, ["gcr.io/10"]);
    let node = NodeImages::read(&json!({
        "metadata": {"name": "n"},
        "status": {"images": [{"names": ["gcr.io/300:latest"], "sizeBytes": 300 << 20}, {}]},
    }));
    // One node has it, of one: (300 - 23) MiB of (2000 - 23) MiB.
    assert_eq!(image_locality(&pod, &[node.unwrap()]), [14]);
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
