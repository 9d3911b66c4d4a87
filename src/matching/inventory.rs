//! Pods and caches from manifests, lists and replies of the API, in any combination.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cache::{Cache, CacheOrigin};
use super::template_owners::TemplateOwners;
use crate::diagnostic::Report;
use crate::image::ImageFacts;
use crate::path::Path;
use crate::pod::{self, ClusterDefaults, Pod, Reading};
use crate::resource::walk::{Met, Opens, Pages, Visitor, WalkFault, walk, walk_item};
use crate::resource::workload::PodPaths;
use crate::resource::{Phase, another_product};
use crate::time::Timestamp;

/// The pods and caches of documents, in document order.
///
/// An inventory reads `ImageCache`, Pod and workload objects; the defaults of a cluster (`eci-profile`, `Selector`);
/// lists of them (`items`); a DescribeImageCaches reply, its
/// entries, or a printed SDK answer that holds the reply in `body`; and arrays of all of these. A broken entry is
/// reported and does not affect the others. Other objects are counted.
///
/// ```
/// use imagecache::matching::Inventory;
/// use imagecache::diagnostic::{Levels, Report};
/// let mut inventory = Inventory::default();
/// let levels = Levels::default();
/// let mut report = Report::new(&levels);
/// inventory.add(&serde_json::json!({"ImageCaches": [
///     {"ImageCacheId": "imc-1", "Images": ["nginx:1.27"], "Status": "Ready"}, 17,
/// ]}), &mut report);
/// assert_eq!(inventory.caches.len(), 1);
/// assert_eq!(report.finish()[0].to_string(), "ImageCaches[1]: expected an image cache, found the number `17`");
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Inventory {
    /// The caches that could be read.
    pub caches: Vec<Cache>,
    /// The pods that could be read.
    pub pods: Vec<Pod>,
    /// The number of other objects.
    pub others: usize,
    /// The number of lists and replies without items.
    pub empty_lists: usize,
    /// The number of objects, list items and lists of which a part could not be read. Every one of them is reported. An
    /// answer about the inventory is not complete if there is one.
    pub unread: usize,
    /// The defaults that the cluster gives its pods: see [`Inventory::apply_defaults`].
    pub defaults: ClusterDefaults,
    /// Places of pods in kinds that the table of workloads does not have. Set them before documents are added.
    pub pod_paths: PodPaths,
    pub(crate) owners: TemplateOwners,
    pub(crate) pages: Pages,
}

impl Inventory {
    /// Adds the pods and caches of a document. Reports what cannot be read, with its path in the document.
    pub fn add(&mut self, value: &Value, report: &mut Report<'_>) {
        let inventory = self;
        walk(value, Opens::Everything, &mut Take { inventory, report });
    }

    /// Adds one item of an array of documents that arrives item by item; paths begin with its index.
    pub fn add_item(&mut self, index: usize, value: &Value, report: &mut Report<'_>) {
        let inventory = self;
        walk_item(index, value, &mut Take { inventory, report });
    }

    /// Adds the pods and caches of another inventory, after those of this one.
    pub fn append(&mut self, other: Inventory) {
        self.caches.extend(other.caches);
        self.pods.extend(other.pods);
        self.others = self.others.saturating_add(other.others);
        self.empty_lists = self.empty_lists.saturating_add(other.empty_lists);
        self.unread = self.unread.saturating_add(other.unread);
        self.defaults.merge(other.defaults);
        self.owners.append(other.owners);
        self.pages.append(other.pages);
    }

    /// Reports whether everything was read: every object, every page of a list, the defaults of the cluster, and the objects
    /// that pods are made from.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unread == 0
            && self.defaults.unreadable == 0
            && self.missing_templates() == 0
            && self.pages.are_whole()
    }

    /// Returns how many times an object gets its pod template from another one that the inventory lacks, such as a Workflow
    /// from its WorkflowTemplate. Each is reported (IC069). An answer about the inventory is not complete if there is one.
    ///
    /// ```
    /// use imagecache::diagnostic::{Levels, Report};
    /// use imagecache::matching::Inventory;
    /// let levels = Levels::default();
    /// let mut inventory = Inventory::default();
    /// let run = serde_json::json!({"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": "b1"},
    ///     "spec": {"taskRef": {"name": "build"}}});
    /// inventory.add(&run, &mut Report::new(&levels));
    /// assert_eq!(inventory.missing_templates(), 1);
    /// let task = serde_json::json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": "build"},
    ///     "spec": {"steps": [{"name": "build", "image": "golang:1.25"}]}});
    /// inventory.add(&task, &mut Report::new(&levels));
    /// assert_eq!(inventory.missing_templates(), 0);
    /// ```
    #[must_use]
    pub fn missing_templates(&self) -> usize {
        self.owners.missing()
    }

    /// Returns a sentence for each list or reply whose last page is not in the inventory: it names a next page, and no
    /// other one of its kind is the last.
    ///
    /// ```
    /// use imagecache::diagnostic::{Levels, Report};
    /// use imagecache::matching::Inventory;
    /// let levels = Levels::default();
    /// let mut inventory = Inventory::default();
    /// inventory.add(&serde_json::json!({"ImageCaches": [], "NextToken": "AAA"}), &mut Report::new(&levels));
    /// assert_eq!(inventory.missing_pages(), ["the last page of `ImageCaches` is not in the input"]);
    /// inventory.add(&serde_json::json!({"ImageCaches": []}), &mut Report::new(&levels));
    /// assert!(inventory.missing_pages().is_empty());
    /// ```
    #[must_use]
    pub fn missing_pages(&self) -> Vec<String> {
        self.pages.sentences()
    }

    /// Adds one object.
    pub(crate) fn take(&mut self, met: &Met<'_>, report: &mut Report<'_>) {
        let before = report.count();
        if met.is_cache() {
            let sound = met.check_cache_type(report);
            let (cache, doubtful) = Cache::read_at(met.value, met.path, report).unzip();
            self.unread += usize::from(!sound || doubtful.unwrap_or(true));
            self.caches.extend(cache);
            return;
        }
        let group = met.meta.group();
        if let Some(kind) = kind(met)
            && (self.defaults).add(group, kind, met.value, met.path, report)
        {
            return;
        }
        if met.is_cache_of_another_product() {
            another_product(group, met.path, report);
            self.others += 1;
            return;
        }
        let reading = Reading {
            paths: &self.pod_paths,
            for_defaults: true,
            references: false,
        };
        let pods = reading.pods(met.value, kind(met), met.path, report);
        self.unread += usize::from(pods.iter().any(|pod| pod.doubtful));
        if pods.is_empty() {
            let unread = report.count() > before;
            self.unread += usize::from(unread);
            self.others += usize::from(!unread);
        }
        // A pod template in another object is not an error: it is named, and may be among the inputs.
        let elsewhere =
            reading.report_elsewhere(met.value, kind(met), pods.is_empty(), met.path, report);
        self.owners.name(elsewhere);
        if let Some(kind) = kind(met) {
            let metadata = |name| met.value.get("metadata")?.get(name)?.as_str();
            let namespace = metadata("namespace").unwrap_or_default();
            self.owners
                .read(kind, namespace, metadata("name").unwrap_or_default());
        }
        self.pods.extend(pods);
    }

    /// Adds to each pod what the cluster adds to it: annotations and labels of the ConfigMap `eci-profile` and of
    /// `Selector` objects. Call it once, after the last document was added.
    ///
    /// Returns a sentence for each selector that is left out because the inventory lacks the Namespace of a pod, whose labels
    /// decide. The pod has it as a warning, too.
    pub fn apply_defaults(&mut self) -> BTreeSet<String> {
        if self.defaults.is_empty() {
            return BTreeSet::new();
        }
        let pods = self.pods.iter_mut();
        pods.flat_map(|pod| self.defaults.apply(pod)).collect()
    }

    /// Counts the manifests of caches as caches that are `Ready` since `now`, and returns their number. A manifest has no
    /// status and no creation time: a cluster has not stored it yet.
    ///
    /// ```
    /// use imagecache::diagnostic::{Levels, Report};
    /// use imagecache::matching::Inventory;
    /// let levels = Levels::default();
    /// let mut inventory = Inventory::default();
    /// let cache = serde_json::json!({"kind": "ImageCache", "metadata": {"name": "web"}, "spec": {"images": ["web:1"]}});
    /// inventory.add(&cache, &mut Report::new(&levels));
    /// assert_eq!(inventory.assume_ready("2026-01-01T00:00:00Z".parse().unwrap()), 1);
    /// assert_eq!(inventory.caches[0].phase.as_ref().unwrap().as_str(), "Ready");
    /// assert!(inventory.caches[0].assumed_ready);
    /// ```
    pub fn assume_ready(&mut self, now: Timestamp) -> usize {
        let stored = |cache: &Cache| {
            cache.id.is_some() || cache.phase.is_some() || cache.created.or(cache.updated).is_some()
        };
        let manifests = self.caches.iter_mut();
        let manifests =
            manifests.filter(|cache| cache.origin == CacheOrigin::Object && !stored(cache));
        let ready = manifests.map(|cache| {
            cache.phase = Some(Phase::Ready);
            cache.created = Some(now);
            cache.assumed_ready = true;
        });
        ready.count()
    }

    /// Reads every image again with facts from registries.
    pub fn apply(&mut self, facts: &ImageFacts) {
        self.caches.iter_mut().for_each(|cache| cache.apply(facts));
        self.pods.iter_mut().for_each(|pod| pod.apply(facts));
    }
}

/// The role of an object in a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ObjectRole {
    /// An `ImageCache`, or an entry of a DescribeImageCaches reply.
    Cache,
    /// A Pod, or a workload with a pod template.
    Pod,
    /// Defaults of pods: the ConfigMap `eci-profile`, a `Selector`, or a Namespace, whose labels a selector may need.
    Defaults,
    /// Any other object.
    Other,
}

/// An object of a document, for hosts that handle each object separately.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DocumentObject {
    /// Role in a match.
    pub role: ObjectRole,
    /// Path in the document: empty, or the item of a list, `items[3]`.
    pub path: String,
    /// The object as written. An item of a typed list has the kind that its list gives it.
    pub value: Value,
}

/// Returns every object of a document. Lists and replies are opened as [`Inventory`] does.
///
/// ```
/// use imagecache::diagnostic::{Levels, Report};
/// use imagecache::matching::{ObjectRole, subjects};
/// let levels = Levels::default();
/// let list = serde_json::json!({"kind": "PodList", "items": [{"spec": {"containers": []}}]});
/// let found = subjects(&list, &mut Report::new(&levels));
/// assert_eq!((found[0].role, &*found[0].path), (ObjectRole::Pod, "items[0]"));
/// assert_eq!(found[0].value["kind"], "Pod");
/// ```
#[must_use]
pub fn subjects(value: &Value, report: &mut Report<'_>) -> Vec<DocumentObject> {
    let mut subjects = Vec::new();
    // what is not opened is in the report
    let _ = each_object(value, report, |met, _| {
        let role = if met.is_cache() {
            ObjectRole::Cache
        } else if pod::gives_defaults(met.meta.group(), met.meta.kind, met.value) {
            ObjectRole::Defaults
        } else if pod::describes_pods(met.value, kind(met)) {
            ObjectRole::Pod
        } else {
            ObjectRole::Other
        };
        let mut value = met.value.clone();
        if let (Value::Object(fields), Some(kind)) = (&mut value, kind(met)) {
            fields.entry("kind").or_insert_with(|| kind.into());
        }
        subjects.push(DocumentObject {
            role,
            path: met.path.to_string(),
            value,
        });
    });
    subjects
}

/// A visitor that calls `visit` with each object and reports what the walk cannot open.
struct Visit<'r, 'd, F> {
    report: &'r mut Report<'d>,
    visit: F,
    opened: Opened,
}

/// What a walk over a document found besides objects.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// The number of values that could not be opened. Each is reported.
    pub(crate) unread: usize,
    /// The number of lists and replies without items.
    pub(crate) empty_lists: usize,
    pub(crate) pages: Pages,
}

impl<F: FnMut(&Met<'_>, &mut Report<'_>)> Visitor for Visit<'_, '_, F> {
    fn object(&mut self, met: &Met<'_>) {
        (self.visit)(met, self.report);
    }

    fn page(&mut self, kind: &str, has_next: bool) {
        self.opened.pages.add(kind, has_next);
    }

    fn empty_list(&mut self) {
        self.opened.empty_lists += 1;
    }

    fn fault(&mut self, fault: WalkFault<'_>, path: &Path<'_>, _: bool) {
        self.opened.unread += usize::from(report_fault(fault, path, self.report));
    }
}

/// Reports what a walk cannot open. Returns false for an empty document, which is null.
fn report_fault(fault: WalkFault<'_>, path: &Path<'_>, report: &mut Report<'_>) -> bool {
    let null = matches!(fault, WalkFault::NotAnObject { found, .. } if found.is_null());
    let empty = null && matches!(path, Path::Root);
    if !empty {
        fault.report(path, report);
    }
    !empty
}

/// The visitor that takes pods and caches into an inventory.
struct Take<'i, 'r, 'd> {
    inventory: &'i mut Inventory,
    report: &'r mut Report<'d>,
}

impl Visitor for Take<'_, '_, '_> {
    fn object(&mut self, met: &Met<'_>) {
        self.inventory.take(met, self.report);
    }

    fn page(&mut self, kind: &str, has_next: bool) {
        self.inventory.pages.add(kind, has_next);
    }

    fn empty_list(&mut self) {
        self.inventory.empty_lists += 1;
    }

    fn fault(&mut self, fault: WalkFault<'_>, path: &Path<'_>, _: bool) {
        self.inventory.unread += usize::from(report_fault(fault, path, self.report));
    }
}

/// Visits every object of a document, in order. Reports what is not opened.
pub(crate) fn each_object(
    document: &Value,
    report: &mut Report<'_>,
    visit: impl FnMut(&Met<'_>, &mut Report<'_>),
) -> Opened {
    let mut visitor = Visit {
        report,
        visit,
        opened: Opened::default(),
    };
    walk(document, Opens::Everything, &mut visitor);
    visitor.opened
}

/// Returns the kind of an object, where it or its list has one.
pub(crate) fn kind<'m>(met: &Met<'m>) -> Option<&'m str> {
    Some(met.meta.kind).filter(|kind| !kind.is_empty())
}
