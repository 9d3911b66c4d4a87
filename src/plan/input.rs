//! Workloads, caches and image sizes out of documents.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::hours::{Runs, runs};
use super::report::Finding;
use crate::diagnostic::Report;
use crate::matching::{
    Cache, Image, ImageFacts, Inventory, LocalityInventory, Pod, TemplateOwners, each_object, kind,
    storage_bytes,
};
use crate::pod::ClusterDefaults;
use crate::resource::owner;
use crate::resource::walk::Pages;
use crate::resource::workload::PodPaths;

/// A workload: pods that are alike.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Demand {
    /// The pod, with its images and what it asks for.
    pub pod: Pod,
    /// How often and how long the pods run.
    pub runs: Runs,
    /// The uid of the object that made this one and controls it.
    controller: Option<String>,
}

impl Demand {
    /// Returns `Kind/namespace/name`, or `Kind/name`; with the name of the pod template in parentheses.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.pod.kind, self.pod.full_name())
    }
}

/// The bounds of a HorizontalPodAutoscaler, or of another object that scales a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Autoscaler {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) target: (String, String),
    pub(super) min: u64,
    pub(super) max: u64,
}

/// The input of a plan: workloads, caches, sizes of images.
///
/// Documents are the same as for [`Inventory`](crate::matching::Inventory): Pods, workloads, ImageCaches, lists, and
/// replies of DescribeImageCaches. HorizontalPodAutoscalers give numbers of pods, and the `status.images` of Nodes give
/// sizes of images.
///
/// ```
/// use imagecache::diagnostic::{Levels, Report};
/// use imagecache::plan::PlanInput;
/// let levels = Levels::default();
/// let mut input = PlanInput::default();
/// input.add(&serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
///     "spec": {"replicas": 3, "template": {"spec": {"containers": [{"image": "nginx:1.27"}]}}},
/// }), &mut Report::new(&levels));
/// input.size("--image-size", "nginx:1.27", 70_000_000);
/// assert_eq!(input.demands[0].name(), "Deployment/web");
/// assert_eq!(input.demands[0].runs.pods, 3);
/// ```
#[derive(Debug, Clone, Default)]
pub struct PlanInput {
    /// The workloads.
    pub demands: Vec<Demand>,
    /// The caches that exist.
    pub caches: Vec<Cache>,
    /// The number of other objects.
    pub others: usize,
    /// The number of objects with a fact that could not be read. A plan is not complete unless it is 0.
    pub unread: usize,
    /// Places of pods in kinds that the table of workloads does not have. Set them before documents are added.
    pub pod_paths: PodPaths,
    pub(super) defaults: ClusterDefaults,
    owners: TemplateOwners,
    pages: Pages,
    /// The uids of the objects whose pods are in `demands`.
    uids: BTreeSet<String>,
    /// The ids of caches that pods name which another object in `demands` made.
    pub(super) named: BTreeSet<String>,
    pub(super) autoscalers: Vec<Autoscaler>,
    pub(super) facts: ImageFacts,
    /// The size of each image, by its full name, and where it is from.
    pub(super) sizes: BTreeMap<String, (u64, String)>,
    /// Sizes on nodes, used for images without another size.
    pub(super) node_sizes: BTreeMap<String, (u64, String)>,
    pub(super) findings: Vec<Finding>,
}

impl PlanInput {
    /// Adds the objects of a document. Reports what cannot be read, with its path in the document.
    pub fn add(&mut self, document: &Value, report: &mut Report<'_>) {
        let opened = each_object(document, report, |met, report| match kind(met) {
            Some("HorizontalPodAutoscaler" | "ScaledObject") => {
                self.autoscalers.extend(autoscaler(met.value));
            }
            Some("Node") => self.add_node(met.value, report),
            _ => {
                let mut part = Inventory::default();
                part.pod_paths.clone_from(&self.pod_paths);
                part.take(met, report);
                self.caches.extend(part.caches);
                self.others += part.others;
                self.unread += part.unread;
                self.defaults.merge(part.defaults);
                self.owners.append(part.owners);
                if !part.pods.is_empty() {
                    self.uids.extend(owner::uid(met.value).map(str::to_owned));
                }
                self.demands.extend(part.pods.into_iter().map(|pod| Demand {
                    runs: runs(&pod, met.value),
                    controller: owner::controller(met.value).map(str::to_owned),
                    pod,
                }));
            }
        });
        self.unread += opened.unread;
        self.pages.append(opened.pages);
    }

    /// Returns a sentence for each list or reply whose last page is not in the input: see
    /// [`Inventory::missing_pages`](crate::matching::Inventory::missing_pages). A plan is not complete if there is one.
    #[must_use]
    pub fn missing_pages(&self) -> Vec<String> {
        self.pages.sentences()
    }

    /// Adds to each pod what the cluster adds to it: see [`Inventory::apply_defaults`]. Leaves out what another workload of
    /// the input made and controls, such as the pods of a Deployment, so that no pod is counted twice. Call it once, after
    /// the last document was added. Returns a sentence for each selector that is left out, as an inventory does; each counts
    /// as unread.
    ///
    /// ```
    /// use imagecache::diagnostic::{Levels, Report};
    /// use imagecache::plan::PlanInput;
    /// let spec = serde_json::json!({"containers": [{"image": "nginx:1.27"}]});
    /// let list = serde_json::json!([
    ///     {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "uid": "b", "ownerReferences": [
    ///         {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "a", "controller": true}]}, "spec": spec},
    ///     {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "uid": "a"},
    ///         "spec": {"replicas": 1, "template": {"spec": spec}}},
    /// ]);
    /// let mut input = PlanInput::default();
    /// input.add(&list, &mut Report::new(&Levels::DEFAULT));
    /// input.apply_defaults();
    /// assert_eq!(input.demands.len(), 1);
    /// assert_eq!(input.demands[0].name(), "StatefulSet/web");
    /// ```
    pub fn apply_defaults(&mut self) -> BTreeSet<String> {
        let demands = self.demands.iter_mut();
        let left_out: BTreeSet<String> = demands
            .flat_map(|demand| self.defaults.apply(&mut demand.pod))
            .collect();
        self.unread += self.defaults.unreadable
            + self.owners.missing()
            + self.missing_pages().len()
            + left_out.len();
        let (uids, named) = (&self.uids, &mut self.named);
        self.demands.retain(|demand| {
            let made = demand.controller.as_ref();
            let counted = made.is_some_and(|uid| uids.contains(uid));
            if counted {
                named.extend(demand.pod.wish.explicit.clone());
            }
            !counted
        });
        left_out
    }

    /// Adds the objects of another input.
    pub fn append(&mut self, other: PlanInput) {
        self.demands.extend(other.demands);
        self.caches.extend(other.caches);
        self.others += other.others;
        self.unread += other.unread;
        self.defaults.merge(other.defaults);
        self.owners.append(other.owners);
        self.pages.append(other.pages);
        self.uids.extend(other.uids);
        self.named.extend(other.named);
        self.autoscalers.extend(other.autoscalers);
        for (image, (bytes, place)) in other.sizes {
            self.size(&place, &image, bytes);
        }
        for (image, (bytes, place)) in other.node_sizes {
            self.node_size(image, bytes, place);
        }
        self.findings.extend(other.findings);
    }

    fn add_node(&mut self, node: &Value, report: &mut Report<'_>) {
        let mut nodes = LocalityInventory::default();
        nodes.add(node, report);
        for node in nodes.nodes {
            for image in node.images {
                for name in &image.names {
                    if let Some(full) = Image::new(name).normalized() {
                        let place = format!("node {}", node.name);
                        self.node_size(full.to_owned(), image.bytes, place);
                    }
                }
            }
        }
    }

    /// Nodes may report different sizes of one image; the largest counts.
    fn node_size(&mut self, image: String, bytes: u64, place: String) {
        let known = self
            .node_sizes
            .entry(image)
            .or_insert((bytes, place.clone()));
        if (bytes, &place) > (known.0, &known.1) && bytes > known.0 {
            *known = (bytes, place);
        }
    }

    /// Declares two registry hosts as addresses of one registry. Call it before [`PlanInput::size`].
    pub fn alias(&mut self, host: &str, other: &str) {
        self.facts.alias(host, other);
    }

    /// Sets the compressed size of an image. `place` says where the size is from, in findings and reports: an argument, a
    /// file, a registry. Of two sizes of one image the larger is used, and the contradiction is a finding.
    pub fn size(&mut self, place: &str, image: &str, bytes: u64) {
        let read = Image::read(image, &self.facts);
        let Some(full) = read.normalized() else {
            let fault = read.fault().unwrap_or_default();
            let message = format!("`{image}` is not an image reference: {fault}");
            return self.findings.push(Finding::new(place.to_owned(), &message));
        };
        if bytes == 0 {
            let message = format!("`{image}`: 0 bytes, must be at least 1");
            return self.findings.push(Finding::new(place.to_owned(), &message));
        }
        let new = (bytes, place.to_owned());
        let Some((before, at)) = self.sizes.get(full).cloned() else {
            self.sizes.insert(full.to_owned(), new);
            return;
        };
        if before != bytes {
            let message =
                format!("`{image}`: {bytes} bytes, but {before} in {at}; the larger is used");
            self.findings.push(Finding::new(place.to_owned(), &message));
        }
        if bytes > before {
            self.sizes.insert(full.to_owned(), new);
        }
    }

    /// Sets the sizes that registries report, for images without another given size.
    #[cfg(feature = "registry")]
    pub fn registry_sizes(&mut self, facts: &crate::registry::RegistryFacts) {
        for (image, (bytes, platform)) in facts.sizes() {
            let read = Image::read(image, &self.facts);
            let known = read
                .normalized()
                .is_none_or(|full| self.sizes.contains_key(full));
            if !known {
                self.size(&format!("the registry ({platform})"), image, bytes);
            }
        }
    }

    /// Sets sizes from an object of sizes by image, each in bytes or as a quantity (`1.5Gi`).
    pub fn sizes(&mut self, place: &str, sizes: &Value) {
        let Some(members) = sizes.as_object() else {
            let message = "must be an object of sizes by image";
            return self.findings.push(Finding::new(place.to_owned(), message));
        };
        for (image, written) in members {
            let bytes = match written {
                Value::String(text) => storage_bytes(text),
                Value::Number(number) => storage_bytes(&number.to_string()),
                _ => None,
            };
            let place = format!("{place}[{image}]");
            match bytes.and_then(|bytes| u64::try_from(bytes).ok()) {
                Some(bytes) => self.size(&place, image, bytes),
                None => {
                    let message = format!("`{written}` is not a size, such as 405022965 or 1.5Gi");
                    self.findings.push(Finding::new(place, &message));
                }
            }
        }
    }
}

/// Reads the bounds of an autoscaler. Without a maximum there is nothing to read.
fn autoscaler(object: &Value) -> Option<Autoscaler> {
    let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
    let (metadata, spec) = (object.get("metadata")?, object.get("spec")?);
    let target = spec.get("scaleTargetRef")?;
    let number = |names: [&str; 2]| names.iter().find_map(|name| spec.get(name)?.as_u64());
    let max = number(["maxReplicas", "maxReplicaCount"])?;
    Some(Autoscaler {
        name: text(metadata, "name").unwrap_or_default(),
        namespace: text(metadata, "namespace"),
        target: (
            text(target, "kind").unwrap_or_else(|| "Deployment".to_owned()),
            text(target, "name")?,
        ),
        min: number(["minReplicas", "minReplicaCount"])
            .unwrap_or(1)
            .min(max),
        max,
    })
}
