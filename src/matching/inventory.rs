//! Pods and caches out of whatever a user has: manifests, lists, replies of the API, in any mixture.

use serde::Serialize;
use serde_json::{Map, Value};

use super::cache::{Cache, is_entry};
use super::fields::{find, kind_of};
use super::image::ImageFacts;
use super::pod::{Pod, is_pod};
use crate::diagnostic::{Code, Report};
use crate::path::Path;
use crate::resource;

/// Lists within lists are followed so deep; real ones nest twice (an array of lists).
pub const MAX_NESTING: usize = 8;

/// The pods and caches of some documents, in the order they stand there.
///
/// Known are: `ImageCache`, Pod and workload objects; lists of them (`items`); a DescribeImageCaches reply, its
/// entries, or a printed SDK answer that holds the reply in `body`; and arrays of all of these. A broken entry is
/// reported by itself and hides no other. Everything else is counted and left alone.
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
/// assert_eq!(report.finish()[0].to_string(), "ImageCaches[1]: a number, an image cache expected");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Every cache that could be read.
    pub caches: Vec<Cache>,
    /// Every pod that could be read.
    pub pods: Vec<Pod>,
    /// Objects that are neither.
    pub others: usize,
}

impl Inventory {
    /// Adds what a document holds; what cannot be read goes to the report, with its path in the document.
    pub fn add(&mut self, value: &Value, report: &mut Report<'_>) {
        walk(value, report, &mut |met, report| self.take(met, report));
    }

    /// Adds one item of an array of documents that arrives item by item; paths begin with its index.
    pub fn add_item(&mut self, index: usize, value: &Value, report: &mut Report<'_>) {
        let path = Path::Root.index(index);
        walk_any(value, None, &path, 1, report, &mut |met, report| {
            self.take(met, report);
        });
    }

    fn take(&mut self, met: &Met<'_>, report: &mut Report<'_>) {
        if met.is_cache {
            self.caches
                .extend(Cache::read_at(met.value, met.path, report));
            return;
        }
        let before = self.pods.len();
        self.pods
            .extend(Pod::read_at(met.value, met.kind, met.path, report));
        self.others += usize::from(self.pods.len() == before);
    }

    /// Reads every image again, beside what registries tell.
    pub fn apply(&mut self, facts: &ImageFacts) {
        self.caches.iter_mut().for_each(|cache| cache.apply(facts));
        self.pods.iter_mut().for_each(|pod| pod.apply(facts));
    }
}

/// What an object is to a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectRole {
    /// An `ImageCache`, or an entry of a DescribeImageCaches reply.
    Cache,
    /// A Pod, or a workload with a pod template.
    Pod,
    /// Neither.
    Other,
}

/// An object of a document, for hosts that ask about each by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DocumentObject {
    /// What it is to a match.
    pub role: ObjectRole,
    /// Where in the document it stands: empty, or the item of a list, `items[3]`.
    pub path: String,
    /// The object as it stands there; an item of a typed list has the kind that its list gives it.
    pub value: Value,
}

/// Every object of a document, lists and replies opened up as [`Inventory`] does.
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
    walk(value, report, &mut |met, _| {
        let role = if met.is_cache {
            ObjectRole::Cache
        } else if is_pod(met.value, met.kind) {
            ObjectRole::Pod
        } else {
            ObjectRole::Other
        };
        let mut value = met.value.clone();
        if let (Value::Object(fields), Some(kind)) = (&mut value, met.kind) {
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

/// An object that a walk met.
pub(super) struct Met<'m> {
    pub(super) value: &'m Value,
    /// Its own kind, else what its list gives it.
    pub(super) kind: Option<&'m str>,
    pub(super) path: &'m Path<'m>,
    is_cache: bool,
}

/// What is done with each object.
pub(super) type Visit<'f> = dyn FnMut(&Met<'_>, &mut Report<'_>) + 'f;

/// Visits every object of a document, in order. Anything but objects and lists of them goes to the report.
pub(super) fn walk(value: &Value, report: &mut Report<'_>, visit: &mut Visit<'_>) {
    walk_any(value, None, &Path::Root, 0, report, visit);
}

fn walk_any(
    value: &Value,
    kind: Option<&str>,
    path: &Path<'_>,
    depth: usize,
    report: &mut Report<'_>,
    visit: &mut Visit<'_>,
) {
    if depth > MAX_NESTING {
        let message = format!("lists within lists, at most {MAX_NESTING} deep allowed");
        report.add(
            Code::IC003,
            path,
            message,
            "What lies deeper is passed over.",
        );
        return;
    }
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk_any(item, kind, &path.index(index), depth + 1, report, visit);
            }
        }
        Value::Object(object) => walk_object(value, object, kind, path, depth, report, visit),
        Value::Null => {}
        _ => {
            let message = format!("{}, an object expected", kind_of(value));
            report.add(Code::IC004, path, message, "The entry is passed over.");
        }
    }
}

fn walk_object(
    value: &Value,
    object: &Map<String, Value>,
    kind: Option<&str>,
    path: &Path<'_>,
    depth: usize,
    report: &mut Report<'_>,
    visit: &mut Visit<'_>,
) {
    let kind = object.get("kind").and_then(Value::as_str).or(kind);
    let mut meet = |value, kind, path: &Path<'_>, is_cache, report: &mut Report<'_>| {
        let met = Met {
            value,
            kind,
            path,
            is_cache,
        };
        visit(&met, report);
    };
    if let Some(items @ Value::Array(_)) = object.get("items")
        && !object.contains_key("spec")
    {
        // Items of a typed list need not repeat their kind.
        let kind = kind
            .and_then(|kind| kind.strip_suffix("List"))
            .filter(|kind| !kind.is_empty());
        walk_any(items, kind, &path.field("items"), depth + 1, report, visit);
    } else if let Some((key, Value::Array(entries))) = find(object, "ImageCaches") {
        let list = path.field(key);
        for (index, entry) in entries.iter().enumerate() {
            meet(entry, None, &list.index(index), true, report);
        }
    } else if let Some(body @ Value::Object(inner)) = object.get("body")
        && find(inner, "ImageCaches").is_some()
    {
        walk_any(body, None, &path.field("body"), depth + 1, report, visit);
    } else {
        meet(value, kind, path, is_cache(object, kind), report);
    }
}

/// `ImageCache` is a kind of other API groups too.
fn is_cache(object: &Map<String, Value>, kind: Option<&str>) -> bool {
    let version = object.get("apiVersion").and_then(Value::as_str);
    let ours = version.is_none_or(|version| version.split('/').next() == Some(resource::GROUP));
    (kind == Some(resource::KIND) && ours) || (kind.is_none() && is_entry(object))
}
