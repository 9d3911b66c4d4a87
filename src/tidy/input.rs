//! Caches, workloads, pods and container groups out of documents.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::diagnostic::Report;
use crate::matching::{
    Cache, GroupView, Image, Inventory, Pod, each_group, each_object, groups, kind,
};
use crate::path::Path;
use crate::resource::annotation::{
    ADOPT, DELETION_POLICY, OWNER_TAG, PAUSED, POD_MATCHED, parse_bool,
};
use crate::resource::view::{CacheForm, CacheView};
use crate::resource::walk::Pages;
use crate::resource::workload::PodPaths;

/// Pods in these phases have ended.
const ENDED_PODS: [&str; 2] = ["Succeeded", "Failed"];

/// An `ImageCache` object of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) name: String,
    pub(super) uid: Option<String>,
    pub(super) resource_version: Option<String>,
    /// The annotation that keeps the cache when the object is deleted, or stops the controller.
    pub(super) retained: Option<&'static str>,
    /// The object takes over the cache that it names, which was made for another one.
    pub(super) adopts: bool,
    pub(super) deleting: bool,
}

/// A running container group whose cache is not known: its events are gone, or it never had one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QuietGroup {
    pub(super) name: String,
    /// The full names of its images. Empty if they are not known.
    pub(super) images: BTreeSet<String>,
}

/// The input of [`tidy`](super::tidy()).
///
/// Documents are the same as for [`Inventory`](crate::matching::Inventory), and replies of DescribeContainerGroups. A pod
/// or container group that runs uses the cache that its annotation or its events name.
#[derive(Debug, Clone, Default)]
pub struct TidyInput {
    /// The caches that exist, each as often as it is described.
    pub caches: Vec<Cache>,
    /// The pods and workloads.
    pub pods: Vec<Pod>,
    /// The number of container groups.
    pub groups: usize,
    /// The number of other objects.
    pub others: usize,
    /// The number of objects with a fact that could not be read. Nothing may be deleted unless it is 0.
    pub unread: usize,
    /// The number of lists and replies without items.
    pub empty_lists: usize,
    inventory: Inventory,
    /// A sentence for each part that the input lacks, once the last document was added: the last page of a list or reply, or
    /// a Namespace whose labels decide what its pods ask for.
    pub missing: Vec<String>,
    /// ImageCache objects by the id in their status.
    pub(super) owners: BTreeMap<String, Vec<Owner>>,
    /// The names of all ImageCache objects by uid.
    pub(super) uids: BTreeMap<String, String>,
    /// The uid in the tag of a cache, by id.
    pub(super) tags: BTreeMap<String, String>,
    /// The ids that ECI reports.
    pub(super) entries: BTreeSet<String>,
    /// What uses a cache now, by its id or the id of its snapshot.
    pub(super) users: BTreeMap<String, BTreeSet<String>>,
    pub(super) quiet: Vec<QuietGroup>,
}

impl TidyInput {
    /// Returns an input that also reads kinds with a pod path.
    #[must_use]
    pub fn with_pod_paths(paths: &PodPaths) -> Self {
        let mut input = TidyInput::default();
        input.inventory.pod_paths.clone_from(paths);
        input
    }

    /// Adds the objects of a document. Reports what cannot be read, with its path in the document.
    pub fn add(&mut self, document: &Value, report: &mut Report<'_>) {
        let mut inventory = std::mem::take(&mut self.inventory);
        let opened = each_object(document, report, |met, report| {
            if !met.is_cache()
                && self.add_groups(met.fields, &mut inventory.pages, met.path, report)
            {
                return;
            }
            inventory.take(met, report);
            if met.is_cache() {
                self.add_owner(met.value);
            } else if kind(met) == Some("Pod") {
                self.add_user(met.value);
            }
        });
        self.unread += opened.unread;
        self.empty_lists += opened.empty_lists;
        inventory.pages.append(opened.pages);
        self.inventory = inventory;
    }

    /// Adds the documents of another input, after those of this one.
    pub fn append(&mut self, other: TidyInput) {
        self.caches.extend(other.caches);
        self.pods.extend(other.pods);
        self.groups += other.groups;
        self.others += other.others;
        self.unread += other.unread;
        self.empty_lists += other.empty_lists;
        self.inventory.append(other.inventory);
        self.missing.extend(other.missing);
        for (id, owners) in other.owners {
            self.owners.entry(id).or_default().extend(owners);
        }
        self.uids.extend(other.uids);
        self.tags.extend(other.tags);
        self.entries.extend(other.entries);
        for (id, users) in other.users {
            self.users.entry(id).or_default().extend(users);
        }
        self.quiet.extend(other.quiet);
    }

    /// Completes the input, so that [`TidyInput::unread`] is final. Call it after the last document was added;
    /// [`tidy()`](super::tidy()) does it where it was not done.
    pub fn finish(&mut self) {
        let left_out = self.inventory.apply_defaults();
        let rest = std::mem::take(&mut self.inventory);
        self.unread += rest.unread + rest.defaults.unreadable + rest.missing_templates();
        let missing = rest.missing_pages().into_iter().chain(left_out);
        let before = self.missing.len();
        self.missing.extend(missing);
        self.unread += self.missing.len() - before;
        self.others += rest.others;
        self.caches.extend(rest.caches);
        self.pods.extend(rest.pods);
    }

    fn add_owner(&mut self, value: &Value) {
        let Some(view) = CacheView::of(value) else {
            return;
        };
        let id = view.id().map(str::to_owned);
        if view.form == CacheForm::Entry {
            if let Some(id) = id {
                let tag = view.tag(OWNER_TAG).map(|uid| (id.clone(), uid.to_owned()));
                self.tags.extend(tag);
                self.entries.insert(id);
            }
            return;
        }
        let name = view.name().unwrap_or_default().to_owned();
        let uid = view.uid().map(str::to_owned);
        self.uids.extend(uid.clone().map(|uid| (uid, name.clone())));
        let annotation = |name| view.annotation(name).map(str::trim);
        // A policy that the controller does not know keeps the cache, too.
        let is_retained = annotation(DELETION_POLICY).is_some_and(|policy| policy != "Delete");
        let is_paused = annotation(PAUSED).and_then(parse_bool) == Some(true);
        let retained = [(DELETION_POLICY, is_retained), (PAUSED, is_paused)];
        let retained = retained.into_iter().find(|(_, holds)| *holds);
        let owner = Owner {
            name,
            adopts: id.is_some() && annotation(ADOPT) == id.as_deref(),
            uid,
            resource_version: view.resource_version().map(str::to_owned),
            retained: retained.map(|(name, _)| name),
            deleting: view.is_deleting(),
        };
        if let Some(id) = id {
            self.owners.entry(id).or_default().push(owner);
        }
    }

    /// A running pod uses the cache that ECI has written into its annotation.
    fn add_user(&mut self, pod: &Value) {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str);
        if text("/status/phase").is_some_and(|phase| ENDED_PODS.contains(&phase)) {
            return;
        }
        let matched = pod.pointer("/metadata/annotations");
        let matched = matched.and_then(|all| all.get(POD_MATCHED)?.as_str());
        let name = text("/metadata/name").unwrap_or_default();
        if let Some(id) = matched.filter(|id| !id.is_empty()) {
            let namespace = text("/metadata/namespace");
            let name = namespace.map_or_else(
                || format!("Pod/{name}"),
                |namespace| format!("Pod/{namespace}/{name}"),
            );
            self.users.entry(id.to_owned()).or_default().insert(name);
        }
    }

    /// Reads container groups: a reply of DescribeContainerGroups, or one of its entries. Returns whether it was one.
    fn add_groups(
        &mut self,
        fields: &Map<String, Value>,
        pages: &mut Pages,
        path: &Path<'_>,
        report: &mut Report<'_>,
    ) -> bool {
        if let Some(group) = GroupView::of(fields) {
            self.add_group(group);
            return true;
        }
        let Some(found) = groups(fields, pages) else {
            return false;
        };
        self.unread += each_group(found, path, report, |group| self.add_group(group));
        true
    }

    fn add_group(&mut self, group: GroupView<'_>) {
        self.groups += 1;
        if group.has_ended() {
            return;
        }
        let name = format!("container group {}", group.name());
        match group.cache() {
            Some(cache) => {
                self.users.entry(cache.to_owned()).or_default().insert(name);
            }
            None if group.has_missed() => {}
            None => {
                let images = group.images();
                let images = images.iter().filter_map(Image::normalized);
                self.quiet.push(QuietGroup {
                    images: images.map(str::to_owned).collect(),
                    name,
                });
            }
        }
    }
}
