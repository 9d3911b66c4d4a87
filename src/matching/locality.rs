//! A second way to match: the score that Kubernetes' scheduler gives a node for the images it already has
//! (plugin `ImageLocality`, as of Kubernetes 1.36).
//!
//! The sum over a pod's images that a node has, each scaled by the share of nodes that have it, is clamped to 23 MiB
//! at least and 1000 MiB per container at most, and mapped to 0 … 100.
//!
//! [`LocalityInventory`] reads pods and nodes from documents and scores them; [`image_locality`] scores values.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::inventory::{each_object, kind};
use crate::diagnostic::{Code, Report};
use crate::path::{Path, Step};
use crate::pod::{Reading, Template};
use crate::resource::whole_part;
use crate::resource::workload::PodPaths;
use crate::type_error::TypeError;

const MIB: u64 = 1 << 20;
/// A sum below this scores nothing.
const LEAST: u64 = 23 * MIB;
/// A sum above this, times the number of containers, gets the best score.
const MOST_PER_CONTAINER: u64 = 1000 * MIB;
/// The best score.
pub const MAX_NODE_SCORE: i64 = 100;

/// The images of a pod as the scheduler counts them: every container, with repetitions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodImages {
    /// Kind of the object that the pod was read from: `Pod`, `Deployment`, …
    pub kind: String,
    /// `namespace/name` of that object, or its name alone.
    pub name: String,
    /// Images of init containers.
    pub init_containers: Vec<String>,
    /// Images of containers.
    pub containers: Vec<String>,
    /// References of image volumes: they add to the sum, not to its upper bound.
    pub image_volumes: Vec<String>,
}

/// The images that a node has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct NodeImages {
    /// Name of the node.
    pub name: String,
    /// Each image, under all its names.
    pub images: Vec<NodeImage>,
}

/// An image on a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct NodeImage {
    /// Its names, as the node reports them.
    pub names: Vec<String>,
    /// Its size on the node.
    pub bytes: u64,
}

/// A pod, and the score of each node for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PodScores {
    /// `namespace/name` of the pod or workload, or its name alone.
    pub pod: String,
    /// Kind of that object.
    pub kind: String,
    /// Every node, the highest score first, then by name.
    pub nodes: Vec<NodeScore>,
}

/// The score of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodeScore {
    /// Name of the node.
    pub node: String,
    /// 0 … [`MAX_NODE_SCORE`].
    pub score: i64,
}

/// The pods and nodes of some documents.
///
/// Reads Pods, workloads with a pod template and Nodes, also in lists (`items`) and arrays.
///
/// ```
/// use imagecache::diagnostic::{Levels, Report};
/// use imagecache::matching::LocalityInventory;
/// let list = serde_json::json!({"kind": "List", "items": [
///     {"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"image": "gcr.io/300"}]}},
///     {"kind": "Node", "metadata": {"name": "a"}, "status": {}},
///     {"kind": "Node", "metadata": {"name": "b"}, "status": {"images": [
///         {"names": ["gcr.io/300:latest"], "sizeBytes": 300 << 20},
///     ]}},
/// ]});
/// let levels = Levels::default();
/// let mut inventory = LocalityInventory::default();
/// inventory.add(&list, &mut Report::new(&levels));
/// let scores = inventory.scores(&inventory.pods[0]);
/// assert_eq!((scores.nodes[0].node.as_str(), scores.nodes[0].score), ("b", 12));
/// assert_eq!((scores.nodes[1].node.as_str(), scores.nodes[1].score), ("a", 0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LocalityInventory {
    /// Every pod, in the order of the documents.
    pub pods: Vec<PodImages>,
    /// Every node, in the order of the documents.
    pub nodes: Vec<NodeImages>,
    /// Number of objects that are neither.
    pub others: usize,
    /// Number of facts that could not be read. Scores are not complete unless it is 0.
    pub unreadable: usize,
    /// Places of pods in kinds that the table of workloads does not have. Set them before documents are added.
    pub pod_paths: PodPaths,
}

impl LocalityInventory {
    /// Adds the pods and nodes of a document; reports what cannot be read, with its path in the document.
    pub fn add(&mut self, document: &Value, report: &mut Report<'_>) {
        let opened = each_object(document, report, |met, report| {
            let mut faults = Faults {
                report,
                path: met.path,
                count: 0,
            };
            if kind(met) == Some("Node") {
                self.nodes
                    .extend(NodeImages::read_at(met.value, &mut faults));
            } else {
                let reading = Reading {
                    paths: &self.pod_paths,
                    ..Reading::PLAIN
                };
                let (templates, _) = reading.templates(met.value, kind(met));
                let before = self.pods.len();
                for template in templates.iter().filter(|template| template.makes_pod) {
                    let mut pod = PodImages::read(template, &mut faults);
                    pod.kind = kind(met).unwrap_or("Pod").to_owned();
                    pod.name = full_name(met.value);
                    if !template.name.is_empty() {
                        pod.name = format!("{} ({})", pod.name, template.name);
                    }
                    self.pods.push(pod);
                }
                self.others += usize::from(self.pods.len() == before);
            }
            self.unreadable += faults.count;
        });
        self.unreadable += opened.unread;
    }

    /// Drops repetitions of a node. Returns the names of the nodes that are there more than once with different images:
    /// their scores depend on which of them is true.
    pub fn merge_nodes(&mut self) -> Vec<String> {
        self.nodes.sort_unstable();
        self.nodes.dedup();
        let pairs = self.nodes.iter().zip(self.nodes.iter().skip(1));
        let mut repeated: Vec<String> = pairs
            .filter(|(one, other)| one.name == other.name)
            .map(|(one, _)| one.name.clone())
            .collect();
        repeated.dedup();
        repeated
    }

    /// Returns the score of each node for a pod.
    #[must_use]
    pub fn scores(&self, pod: &PodImages) -> PodScores {
        let scores = image_locality(pod, &self.nodes);
        let mut nodes: Vec<NodeScore> = self
            .nodes
            .iter()
            .zip(scores)
            .map(|(node, score)| NodeScore {
                node: node.name.clone(),
                score,
            })
            .collect();
        nodes.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.node.cmp(&b.node)));
        PodScores {
            pod: pod.name.clone(),
            kind: pod.kind.clone(),
            nodes,
        }
    }
}

/// Reports what of one object cannot be read, and counts it.
struct Faults<'f, 'd> {
    report: &'f mut Report<'d>,
    path: &'f Path<'f>,
    count: usize,
}

impl Faults<'_, '_> {
    fn add(&mut self, field: &str, found: Option<&Value>, expected: &str) {
        let message = match found {
            None | Some(Value::Null) => format!("{field}: required"),
            Some(found) => format!("{field}: {}", TypeError { expected, found }),
        };
        let help = "The scores of nodes are not complete without it.";
        self.report.add(Code::IC016, self.path, message, help);
        self.count += 1;
    }

    /// Returns the items of a list; a missing list is empty.
    fn items<'v>(&mut self, field: &str, list: Option<&'v Value>) -> &'v [Value] {
        match list {
            None | Some(Value::Null) => &[],
            Some(Value::Array(items)) => items,
            other => {
                self.add(field, other, "a list");
                &[]
            }
        }
    }
}

/// Returns `namespace/name` of an object, or its name alone.
fn full_name(object: &Value) -> String {
    let text = |field| object.get("metadata")?.get(field)?.as_str();
    let name = text("name").or_else(|| text("generateName"));
    let name = name.unwrap_or_default();
    match text("namespace") {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

impl PodImages {
    fn read(template: &Template<'_>, faults: &mut Faults<'_, '_>) -> Self {
        let mut init_containers = Vec::new();
        let mut containers = Vec::new();
        for container in template.images.iter().chain(&template.missing) {
            let list = container.list();
            match container.image.value {
                Value::String(image) if list == "initContainers" => {
                    init_containers.push(image.clone());
                }
                Value::String(image) => containers.push(image.clone()),
                other => {
                    let field = format!("{list}[{}].image", container.index());
                    faults.add(&field, Some(other), "a string");
                }
            }
        }
        for misfit in &template.misfits {
            let field = match misfit.found.steps.last() {
                Some(Step::Key(name)) => name,
                _ => "containers",
            };
            faults.add(field, Some(misfit.found.value), misfit.expected);
        }
        let mut image_volumes = Vec::new();
        for (index, volume) in faults
            .items("volumes", template.spec("volumes"))
            .iter()
            .enumerate()
        {
            match volume.get("image").map(|image| image.get("reference")) {
                None => {}
                Some(Some(Value::String(image))) => image_volumes.push(image.clone()),
                Some(other) => {
                    faults.add(
                        &format!("volumes[{index}].image.reference"),
                        other,
                        "a string",
                    );
                }
            }
        }
        PodImages {
            init_containers,
            containers,
            image_volumes,
            ..PodImages::default()
        }
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        self.init_containers
            .iter()
            .chain(&self.containers)
            .chain(&self.image_volumes)
    }
}

impl NodeImages {
    /// Reads a Node object: `metadata.name` and `status.images`. An image without `names` or `sizeBytes` has no names
    /// or no bytes: the API server leaves empty fields out.
    fn read_at(node: &Value, faults: &mut Faults<'_, '_>) -> Option<Self> {
        let name = node.get("metadata").and_then(|meta| meta.get("name"));
        let Some(Value::String(name)) = name else {
            faults.add("metadata.name", name, "a string");
            return None;
        };
        let listed = node.get("status").and_then(|status| status.get("images"));
        let mut images = Vec::new();
        for (index, image) in faults.items("status.images", listed).iter().enumerate() {
            let field = |name: &str| format!("status.images[{index}].{name}");
            let mut names = Vec::new();
            for name in faults.items(&field("names"), image.get("names")) {
                match name {
                    Value::String(name) => names.push(name.clone()),
                    other => faults.add(&field("names"), Some(other), "a string"),
                }
            }
            let bytes = match image.get("sizeBytes") {
                None | Some(Value::Null) => 0,
                Some(size) => size.as_u64().unwrap_or_else(|| {
                    faults.add(&field("sizeBytes"), Some(size), "a whole number of bytes");
                    0
                }),
            };
            images.push(NodeImage { names, bytes });
        }
        Some(NodeImages {
            name: name.clone(),
            images,
        })
    }
}

/// Returns the score of every node, 0 … [`MAX_NODE_SCORE`], in the order of the nodes.
///
/// When nodes report different sizes of an image, the scheduler uses the size that the first node reported. This
/// function uses the size that each node reports, so that the order of nodes does not matter.
///
/// ```
/// use imagecache::matching::{NodeImage, NodeImages, PodImages, image_locality};
/// let pod = PodImages { containers: vec!["gcr.io/300".to_owned()], ..PodImages::default() };
/// let image = NodeImage { names: vec!["gcr.io/300:latest".to_owned()], bytes: 300 << 20 };
/// let nodes = [
///     NodeImages { name: "a".to_owned(), images: vec![image] },
///     NodeImages { name: "b".to_owned(), images: vec![] },
/// ];
/// assert_eq!(image_locality(&pod, &nodes), [12, 0]);
/// ```
#[must_use]
pub fn image_locality(pod: &PodImages, nodes: &[NodeImages]) -> Vec<i64> {
    let wanted: Vec<String> = pod.all().map(|image| with_default_tag(image)).collect();
    let distinct: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    let sizes: Vec<BTreeMap<&str, u64>> =
        nodes.iter().map(|node| sizes_on(node, &distinct)).collect();
    let mut holders: BTreeMap<&str, u32> = BTreeMap::new();
    for image in sizes.iter().flat_map(BTreeMap::keys) {
        *holders.entry(image).or_default() += 1;
    }
    let containers = pod.init_containers.len() + pod.containers.len();
    sizes
        .iter()
        .map(|here| {
            let score = |image: &String| {
                let bytes = here.get(image.as_str())?;
                Some(scaled(*bytes, *holders.get(image.as_str())?, nodes.len()))
            };
            let sum = wanted.iter().filter_map(score).fold(0, u64::saturating_add);
            priority(sum, containers)
        })
        .collect()
}

/// Returns the wanted images that the node has, with their size: the largest one if a name is a duplicate.
fn sizes_on<'a>(node: &NodeImages, wanted: &BTreeSet<&'a str>) -> BTreeMap<&'a str, u64> {
    let mut sizes = BTreeMap::new();
    for image in &node.images {
        for name in &image.names {
            if let Some(wanted) = wanted.get(name.as_str()) {
                let size = sizes.entry(*wanted).or_insert(image.bytes);
                *size = image.bytes.max(*size);
            }
        }
    }
    sizes
}

/// Scales in floating point, as the scheduler does.
fn scaled(bytes: u64, holders: u32, nodes: usize) -> u64 {
    let spread = f64::from(holders) / nodes as f64;
    whole_part(bytes as f64 * spread)
}

fn priority(sum: u64, containers: usize) -> i64 {
    let wide = |number: u64| i128::from(number);
    let most =
        wide(MOST_PER_CONTAINER) * i128::try_from(containers).unwrap_or(i128::from(u32::MAX));
    let least = wide(LEAST);
    // Not `clamp`: without containers the upper bound lies below the lower one.
    let sum = if wide(sum) < least {
        least
    } else {
        wide(sum).min(most)
    };
    let score = i128::from(MAX_NODE_SCORE) * (sum - least);
    score
        .checked_div(most - least)
        .and_then(|score| i64::try_from(score).ok())
        .unwrap_or_default()
}

/// Returns the name by which the scheduler looks an image up: a name without tag or digest gets `:latest`. Registry and
/// namespace are not filled in: nodes report names as they were pulled.
///
/// ```
/// use imagecache::matching::with_default_tag;
/// assert_eq!(with_default_tag("gcr.io:5000/root"), "gcr.io:5000/root:latest");
/// assert_eq!(with_default_tag("root:tag"), "root:tag");
/// ```
#[must_use]
pub fn with_default_tag(name: &str) -> String {
    if name.rfind(':') <= name.rfind('/') {
        format!("{name}:latest")
    } else {
        name.to_owned()
    }
}

/// Returns the names of the images of containers and init containers, in order. The scheduler scores nodes once for two
/// pods with equal names.
#[must_use]
pub fn image_signature(pod: &PodImages) -> Vec<String> {
    let images = pod.init_containers.iter().chain(&pod.containers);
    let mut names: Vec<String> = images.map(|image| with_default_tag(image)).collect();
    names.sort_unstable();
    names
}
