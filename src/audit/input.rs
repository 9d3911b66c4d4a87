//! Caches, pods and what happened to them, out of documents.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::report::AuditOutcome;
use crate::diagnostic::Report;
use crate::matching::{
    AUTO_CREATED, AUTO_FAILED, Cache, GroupView, HIT, Inventory, MISSED, NOT_COMPLETE, NOT_FOUND,
    Pod, each_group, each_object, groups, kind, named_cache,
};
use crate::pod::CacheRequest;
use crate::resource::annotation::{ECI_INSTANCE_ID, POD_MATCHED, POD_TAG};
use crate::resource::owner;
use crate::resource::workload::PodPaths;
use crate::time::Timestamp;

/// Most owners between a pod and its workload.
const MAX_OWNERS: usize = 8;

/// A pod or container group that started.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) name: String,
    pub(super) pod: Pod,
    pub(super) created: Option<Timestamp>,
    uid: Option<String>,
    owner: Option<String>,
    /// The group that runs the pod.
    group: Option<String>,
    /// What its own document says.
    own: Seen,
}

/// What events or annotations say.
#[derive(Debug, Clone, Default)]
struct Seen {
    hit: Option<String>,
    missed: bool,
    refused: bool,
    made: bool,
    /// From events, not from an annotation.
    by_event: bool,
}

impl Seen {
    fn add(&mut self, reason: &str, message: &str) {
        match reason {
            HIT => {
                if let Some(id) = named_cache(message) {
                    self.hit.get_or_insert_with(|| id.to_owned());
                }
            }
            MISSED => self.missed = true,
            AUTO_CREATED | AUTO_FAILED => self.made = true,
            NOT_FOUND | NOT_COMPLETE => self.refused = true,
            _ => return,
        }
        self.by_event = true;
    }

    fn merge(&mut self, other: &Seen) {
        if other.by_event || !self.by_event {
            self.hit = other.hit.clone().or_else(|| self.hit.take());
        }
        self.missed |= other.missed;
        self.refused |= other.refused;
        self.made |= other.made;
        self.by_event |= other.by_event;
    }

    /// Returns what happened; `None` if nothing says it.
    fn outcome(&self) -> Option<AuditOutcome> {
        let known = self.hit.is_some() || self.missed || self.refused;
        known.then(|| AuditOutcome {
            image_cache_id: self.hit.clone(),
            refused: self.refused && self.hit.is_none() && !self.missed,
            auto_create: self.by_event.then_some(self.made),
        })
    }
}

/// An object that may own others.
#[derive(Debug, Clone)]
struct Owner {
    name: String,
    owner: Option<String>,
}

/// The input of [`audit`](super::audit()).
///
/// Documents are the same as for [`Inventory`], with Events of pods and replies of DescribeContainerGroups. Workloads only
/// give their names to the pods that they made.
#[derive(Debug, Clone, Default)]
pub struct AuditInput {
    /// The caches that exist, each as often as it is described.
    pub caches: Vec<Cache>,
    /// The number of objects with a fact that could not be read. An audit is not complete unless it is 0.
    pub unread: usize,
    inventory: Inventory,
    starts: Vec<Start>,
    owners: BTreeMap<String, Owner>,
    /// What Events say, by the uid of the pod and by its namespace and name.
    events: BTreeMap<String, Seen>,
    asked: BTreeMap<Vec<String>, Vec<String>>,
}

/// The starts of an input, and the names of their workloads.
pub(super) struct Ready {
    pub(super) caches: Vec<Cache>,
    pub(super) starts: Vec<(Start, String, Option<AuditOutcome>)>,
    pub(super) asked: BTreeMap<Vec<String>, Vec<String>>,
}

impl AuditInput {
    /// Returns an input that also reads kinds with a pod path.
    #[must_use]
    pub fn with_pod_paths(paths: &PodPaths) -> Self {
        let mut input = AuditInput::default();
        input.inventory.pod_paths.clone_from(paths);
        input
    }

    /// Adds the objects of a document. Reports what cannot be read, with its path in the document.
    pub fn add(&mut self, document: &Value, report: &mut Report<'_>) {
        let mut inventory = std::mem::take(&mut self.inventory);
        let opened = each_object(document, report, |met, report| {
            if !met.is_cache() {
                if let Some(group) = GroupView::of(met.fields) {
                    return self.add_group(group);
                }
                if let Some(found) = groups(met.fields, &mut inventory.pages) {
                    let unread = each_group(found, met.path, report, |group| self.add_group(group));
                    self.unread += unread;
                    return;
                }
            }
            if kind(met) == Some("Event") {
                return self.add_event(met.value);
            }
            let mut part = Inventory::default();
            part.pod_paths.clone_from(&inventory.pod_paths);
            part.take(met, report);
            let pods = std::mem::take(&mut part.pods);
            self.caches.append(&mut part.caches);
            if kind(met) == Some("Pod") {
                pods.into_iter()
                    .for_each(|pod| self.add_pod(met.value, pod));
            } else {
                self.add_owner(met.value, kind(met).unwrap_or_default());
            }
            inventory.append(part);
        });
        self.unread += opened.unread;
        inventory.pages.append(opened.pages);
        self.inventory = inventory;
    }

    /// Adds the documents of another input, after those of this one.
    pub fn append(&mut self, other: AuditInput) {
        self.caches.extend(other.caches);
        self.unread += other.unread;
        self.inventory.append(other.inventory);
        self.starts.extend(other.starts);
        self.owners.extend(other.owners);
        for (pod, mut seen) in other.events {
            // Of two caches the first one stays, as within a document.
            if let Some(first) = self.events.remove(&pod) {
                seen.merge(&first);
            }
            self.events.insert(pod, seen);
        }
        self.asked.extend(other.asked);
    }

    /// Adds the answer of ECI's own matching for these images: the ids of caches, the best first.
    pub fn ask(&mut self, images: Vec<String>, answer: Vec<String>) {
        self.asked.insert(images, answer);
    }

    /// Returns the images of each pod that started, each list once: what ECI may be asked for.
    #[must_use]
    pub fn image_lists(&self) -> BTreeSet<Vec<String>> {
        let pods = self.starts.iter().map(|start| &start.pod);
        let lists = pods.map(|pod| pod.images().iter().map(|image| image.text().to_owned()));
        lists
            .map(Iterator::collect)
            .filter(|list: &Vec<String>| !list.is_empty())
            .collect()
    }

    /// Returns the number of objects that could not be read.
    #[must_use]
    pub fn unread(&self) -> usize {
        // Templates that are elsewhere do not matter: pods have their images.
        self.unread
            + self.inventory.unread
            + self.inventory.defaults.unreadable
            + self.missing().len()
    }

    /// Returns a sentence for each part that the input lacks: the last page of a list or reply, or a Namespace whose labels
    /// decide what its pods ask for.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let defaults = &self.inventory.defaults;
        let pods = self.starts.iter().map(|start| &start.pod);
        let pods = pods.filter(|pod| pod.kind == "Pod" && !defaults.is_empty());
        let left_out: BTreeSet<String> = pods
            .flat_map(|pod| defaults.apply(&mut pod.clone()))
            .collect();
        let pages = self.inventory.missing_pages().into_iter();
        pages.chain(left_out).collect()
    }

    fn add_owner(&mut self, object: &Value, kind: &str) {
        if let Some(uid) = owner::uid(object) {
            let owner = Owner {
                name: full_name(object, kind),
                owner: owner::controller(object).map(str::to_owned),
            };
            self.owners.insert(uid.to_owned(), owner);
        }
    }

    fn add_pod(&mut self, object: &Value, pod: Pod) {
        let text = |name: &str| object.get("metadata")?.get(name)?.as_str();
        let annotations = object.pointer("/metadata/annotations");
        let annotation = |name: &str| annotations?.get(name)?.as_str();
        let own = Seen {
            hit: annotation(POD_MATCHED)
                .filter(|id| !id.is_empty())
                .map(str::to_owned),
            ..Seen::default()
        };
        self.starts.push(Start {
            name: full_name(object, "Pod"),
            pod,
            created: text("creationTimestamp").and_then(|time| time.parse().ok()),
            uid: owner::uid(object).map(str::to_owned),
            owner: owner::controller(object).map(str::to_owned),
            group: annotation(ECI_INSTANCE_ID).map(str::to_owned),
            own,
        });
    }

    fn add_event(&mut self, event: &Value) {
        let about = event
            .get("involvedObject")
            .or_else(|| event.get("regarding"));
        let Some(about) = about.filter(|about| about.get("kind").is_some_and(|kind| kind == "Pod"))
        else {
            return;
        };
        let text = |value: &Value, name: &str| {
            let text = value.get(name)?.as_str()?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        let key = text(about, "uid").unwrap_or_else(|| {
            let namespace = text(about, "namespace").unwrap_or_default();
            format!("{namespace}/{}", text(about, "name").unwrap_or_default())
        });
        let reason = text(event, "reason").unwrap_or_default();
        let message = text(event, "message").or_else(|| text(event, "note"));
        let seen = self.events.entry(key).or_default();
        seen.add(&reason, &message.unwrap_or_default());
    }

    fn add_group(&mut self, group: GroupView<'_>) {
        let tags = group.tags();
        let mut pod = Pod::new(group.name(), group.images());
        pod.kind = "ContainerGroup".to_owned();
        pod.wish = CacheRequest::read(&tags, &mut pod.warnings);
        pod.storage_gib = group.storage_gib();
        pod.extra_storage_gib = pod.storage_gib;
        pod.region = group.region().map(str::to_owned);
        let mut own = Seen::default();
        for (reason, message) in group.events() {
            own.add(reason, message);
        }
        self.starts.push(Start {
            name: format!("ContainerGroup/{}", group.name()),
            created: group.created().and_then(|time| time.parse().ok()),
            uid: pod_uid(&tags),
            owner: None,
            group: Some(group.id().to_owned()),
            pod,
            own,
        });
    }

    /// Joins pods with their events and groups. A group that runs a pod of the input is not a start of its own.
    pub(super) fn ready(&self) -> Ready {
        let mut caches = self.caches.clone();
        caches.extend(self.inventory.caches.iter().cloned());
        let (groups, pods): (Vec<&Start>, Vec<&Start>) = self
            .starts
            .iter()
            .partition(|start| start.pod.kind == "ContainerGroup");
        let snapshots: BTreeMap<&str, &str> = caches
            .iter()
            .filter_map(|cache| Some((cache.snapshot.as_deref()?, cache.id.as_deref()?)))
            .collect();
        let mut used = BTreeSet::new();
        let mut starts = Vec::new();
        for pod in pods {
            let mut seen = pod.own.clone();
            let namespace = pod.pod.namespace.as_deref().unwrap_or_default();
            let by_name = format!("{namespace}/{}", pod.pod.name);
            let keys = [pod.uid.as_deref(), Some(by_name.as_str())];
            for key in keys.into_iter().flatten() {
                if let Some(events) = self.events.get(key) {
                    seen.merge(events);
                }
            }
            for (number, group) in groups.iter().enumerate() {
                let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
                if same(&group.uid, &pod.uid) || same(&group.group, &pod.group) {
                    used.insert(number);
                    seen.merge(&group.own);
                }
            }
            starts.push((pod, seen));
        }
        let alone = groups.iter().enumerate();
        let alone = alone.filter(|(number, _)| !used.contains(number));
        starts.extend(alone.map(|(_, group)| (*group, group.own.clone())));
        let starts = starts.into_iter().map(|(start, seen)| {
            let mut start = start.clone();
            self.inventory.defaults.apply(&mut start.pod);
            let mut outcome = seen.outcome();
            if let Some(id) = outcome
                .as_mut()
                .and_then(|seen| seen.image_cache_id.as_mut())
                && let Some(cache) = snapshots.get(id.as_str())
            {
                *id = (*cache).to_owned();
            }
            let workload = self.workload(&start);
            (start, workload, outcome)
        });
        Ready {
            starts: starts.collect(),
            caches,
            asked: self.asked.clone(),
        }
    }

    /// The name of the topmost owner that is known.
    fn workload(&self, start: &Start) -> String {
        let (mut name, mut owner) = (start.name.clone(), start.owner.clone());
        for _ in 0..MAX_OWNERS {
            let Some(above) = owner.as_ref().and_then(|uid| self.owners.get(uid)) else {
                break;
            };
            name.clone_from(&above.name);
            owner.clone_from(&above.owner);
        }
        name
    }
}

fn full_name(object: &Value, kind: &str) -> String {
    let text = |name: &str| object.get("metadata")?.get(name)?.as_str();
    let name = text("name").unwrap_or_default();
    match text("namespace") {
        Some(namespace) => format!("{kind}/{namespace}/{name}"),
        None => format!("{kind}/{name}"),
    }
}

/// Returns the uid of the pod that a group runs.
fn pod_uid(tags: &Map<String, Value>) -> Option<String> {
    tags.get(POD_TAG)?.as_str().map(str::to_owned)
}
