//! The score of Kubernetes' scheduler for the images that a node already has (plugin `ImageLocality`, as of
//! Kubernetes 1.36).
//!
//! The sum over a pod's images that a node has, each scaled by the share of nodes that have it, is clamped to 23 MiB
//! at least and 1000 MiB per container at most, and mapped to 0 … 100.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::resource::whole_part;

const MIB: u64 = 1 << 20;
/// Sums below this score 0.
const LEAST: u64 = 23 * MIB;
/// Sums above this, times the number of containers, score the maximum.
const MOST_PER_CONTAINER: u64 = 1000 * MIB;
/// The highest score.
pub const MAX_NODE_SCORE: i64 = 100;

/// The images of a pod as the scheduler counts them: one per container, duplicates included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodImages {
    /// Images of init containers.
    pub init_containers: Vec<String>,
    /// Images of containers.
    pub containers: Vec<String>,
    /// References of image volumes: they add to the sum, not to its upper bound.
    pub image_volumes: Vec<String>,
}

/// The images of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeImages {
    /// Name of the node.
    pub name: String,
    /// Images, each with all its names.
    pub images: Vec<NodeImage>,
}

/// An image on a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeImage {
    /// Names, as the node reports them.
    pub names: Vec<String>,
    /// Size on the node, in bytes.
    pub bytes: u64,
}

impl PodImages {
    /// Reads the `spec` of a pod. Containers without a readable image are left out.
    #[must_use]
    pub fn read(spec: &Value) -> Self {
        let texts = |list: &str, path: &[&str]| {
            let items = spec
                .get(list)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let text = |item| {
                path.iter()
                    .try_fold(item, |value: &Value, name| value.get(name))
            };
            items
                .filter_map(|item| text(item)?.as_str().map(str::to_owned))
                .collect()
        };
        PodImages {
            init_containers: texts("initContainers", &["image"]),
            containers: texts("containers", &["image"]),
            image_volumes: texts("volumes", &["image", "reference"]),
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
    /// Reads a Node object: `metadata.name` and `status.images`.
    #[must_use]
    pub fn read(node: &Value) -> Option<Self> {
        let name = node.get("metadata")?.get("name")?.as_str()?.to_owned();
        let images = node.get("status").and_then(|status| status.get("images"));
        let image = |image: &Value| {
            let names = image.get("names")?.as_array()?.iter();
            let names = names
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect();
            Some(NodeImage {
                names,
                bytes: image.get("sizeBytes")?.as_u64()?,
            })
        };
        let images = images.and_then(Value::as_array).into_iter().flatten();
        Some(NodeImages {
            name,
            images: images.filter_map(image).collect(),
        })
    }
}

/// Returns the score of every node, 0 … [`MAX_NODE_SCORE`], in the order of the nodes.
///
/// Where nodes report different sizes of an image, the scheduler uses the size of the node that it saw first. This
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

/// Returns those of the wanted images that are on the node, with their size: the largest one for a duplicate name.
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

/// Scales a size in floating point, as the scheduler does.
fn scaled(bytes: u64, holders: u32, nodes: usize) -> u64 {
    let spread = f64::from(holders) / nodes as f64;
    whole_part(bytes as f64 * spread)
}

fn priority(sum: u64, containers: usize) -> i64 {
    let wide = |number: u64| i128::from(number);
    let most =
        wide(MOST_PER_CONTAINER) * i128::try_from(containers).unwrap_or(i128::from(u32::MAX));
    let least = wide(LEAST);
    // Not `clamp`: without containers the upper bound is less than the lower one.
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

/// Returns the name by which the scheduler looks up an image: a name without tag or digest gets `:latest`. Registry and
/// namespace are not filled in, because nodes report names as they were pulled.
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

/// Returns the names of the images of containers and init containers, in order. The scheduler scores nodes once for pods
/// with equal names.
#[must_use]
pub fn image_signature(pod: &PodImages) -> Vec<String> {
    let images = pod.init_containers.iter().chain(&pod.containers);
    let mut names: Vec<String> = images.map(|image| with_default_tag(image)).collect();
    names.sort_unstable();
    names
}
