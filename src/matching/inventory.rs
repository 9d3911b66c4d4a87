//! Pods and caches out of whatever a user has: manifests, lists, replies of the API, in any mixture.

use serde_json::{Map, Value};

use super::cache::{Cache, is_entry};
use super::fields::{find, kind_of};
use super::image::Facts;
use super::pod::Pod;
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
        self.add_at(value, None, &Path::Root, report, 0);
    }

    /// Adds one item of an array of documents that arrives item by item; paths begin with its index.
    pub fn add_item(&mut self, index: usize, value: &Value, report: &mut Report<'_>) {
        self.add_at(value, None, &Path::Root.index(index), report, 1);
    }

    /// Reads every image again, beside what registries tell.
    pub fn apply(&mut self, facts: &Facts) {
        self.caches.iter_mut().for_each(|cache| cache.apply(facts));
        self.pods.iter_mut().for_each(|pod| pod.apply(facts));
    }

    fn add_at(
        &mut self,
        value: &Value,
        kind: Option<&str>,
        path: &Path<'_>,
        report: &mut Report<'_>,
        depth: usize,
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
                    self.add_at(item, kind, &path.index(index), report, depth + 1);
                }
            }
            Value::Object(object) => self.add_object(value, object, kind, path, report, depth),
            Value::Null => {}
            _ => {
                let message = format!("{}, an object expected", kind_of(value));
                report.add(Code::IC004, path, message, "The entry is passed over.");
            }
        }
    }

    fn add_object(
        &mut self,
        value: &Value,
        object: &Map<String, Value>,
        kind: Option<&str>,
        path: &Path<'_>,
        report: &mut Report<'_>,
        depth: usize,
    ) {
        let kind = object.get("kind").and_then(Value::as_str).or(kind);
        if let Some(items @ Value::Array(_)) = object.get("items")
            && !object.contains_key("spec")
        {
            // Items of a typed list need not repeat their kind.
            let kind = kind
                .and_then(|kind| kind.strip_suffix("List"))
                .filter(|kind| !kind.is_empty());
            self.add_at(items, kind, &path.field("items"), report, depth + 1);
        } else if let Some((key, Value::Array(entries))) = find(object, "ImageCaches") {
            let list = path.field(key);
            for (index, entry) in entries.iter().enumerate() {
                self.caches
                    .extend(Cache::read_at(entry, &list.index(index), report));
            }
        } else if let Some(body @ Value::Object(inner)) = object.get("body")
            && find(inner, "ImageCaches").is_some()
        {
            self.add_at(body, None, &path.field("body"), report, depth + 1);
        } else if is_cache(object, kind) {
            self.caches.extend(Cache::read_at(value, path, report));
        } else {
            let before = self.pods.len();
            self.pods.extend(Pod::read_at(value, kind, path, report));
            self.others += usize::from(self.pods.len() == before);
        }
    }
}

/// `ImageCache` is a kind of other API groups too.
fn is_cache(object: &Map<String, Value>, kind: Option<&str>) -> bool {
    let version = object.get("apiVersion").and_then(Value::as_str);
    let ours = version.is_none_or(|version| version.split('/').next() == Some(resource::GROUP));
    (kind == Some(resource::KIND) && ours) || (kind.is_none() && is_entry(object))
}
