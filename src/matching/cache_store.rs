//! The `ImageCache` objects of a cluster, followed by its changes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cache::Cache;
use super::index::Index;

/// The `ImageCache` objects of a cluster as an [`Index`], fed one change after the other.
///
/// An [`Index`] knows caches by their ids; a cluster knows objects by their names, gives them an id later, and may hold
/// two objects of one id (an adopted cache that was listed twice). Then the object whose name comes first stands for
/// the cache, in whatever order the changes came.
///
/// ```
/// use imagecache::matching::CacheStore;
/// let mut mirror = CacheStore::default();
/// let mut object = serde_json::json!({"kind": "ImageCache", "metadata": {"name": "base"}, "spec": {"images": ["a:1"]}});
/// mirror.apply(&object);
/// object["status"] = serde_json::json!({"imageCacheId": "imc-1", "phase": "Ready"});
/// mirror.apply(&object);
/// assert_eq!(mirror.index().len(), 1);
/// assert!(mirror.index().get("imc-1").is_some());
/// mirror.remove("base");
/// assert!(mirror.index().is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct CacheStore {
    index: Index,
    /// The id that each object has, by the object's name.
    ids: BTreeMap<String, Option<String>>,
    /// The caches of ids that several objects have, by id, then by the object's name.
    shared: BTreeMap<String, BTreeMap<String, Cache>>,
}

impl CacheStore {
    /// The objects as caches, to ask.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The number of objects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Is there no object at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// An object was made or changed. One that cannot be read as a cache counts as absent; it hides no other.
    pub fn apply(&mut self, object: &Value) {
        let cache = Cache::read_quietly(object);
        let name = object.get("metadata").and_then(|meta| meta.get("name"));
        let Some(name) = name.and_then(Value::as_str) else {
            return;
        };
        self.remove(name);
        if let Some(cache) = cache {
            self.add(name, cache);
        }
    }

    /// An object is gone.
    pub fn remove(&mut self, name: &str) {
        let Some(id) = self.ids.remove(name) else {
            return;
        };
        let Some(id) = id else {
            self.index.remove_unidentified(name);
            return;
        };
        self.index.remove(&id);
        let Some(claims) = self.shared.get_mut(&id) else {
            return;
        };
        claims.remove(name);
        if let Some((_, first)) = claims.first_key_value() {
            self.index.insert(first.clone());
        }
        if claims.len() < 2 {
            self.shared.remove(&id);
        }
    }

    fn add(&mut self, name: &str, cache: Cache) {
        self.ids.insert(name.to_owned(), cache.id.clone());
        let other = cache.id.as_deref().and_then(|id| self.index.get(id));
        let (Some(id), Some(other)) = (&cache.id, other) else {
            self.index.insert(cache);
            return;
        };
        let claims = self.shared.entry(id.clone()).or_default();
        claims.insert(other.name.clone(), other.clone());
        claims.insert(name.to_owned(), cache);
        if let Some((_, first)) = claims.first_key_value() {
            self.index.insert(first.clone());
        }
    }
}
