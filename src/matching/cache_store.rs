//! The `ImageCache` objects of a cluster, updated by its changes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cache::Cache;
use super::index::Index;

/// The `ImageCache` objects of a cluster as an [`Index`], updated one change at a time.
///
/// An [`Index`] identifies caches by id, a cluster identifies objects by name. An object gets its id later, and two
/// objects may have one id (an adopted cache). Then the object whose name sorts first represents the cache, whatever the
/// order of the changes.
///
/// ```
/// use imagecache::matching::CacheStore;
/// let mut store = CacheStore::default();
/// let mut object = serde_json::json!({"kind": "ImageCache", "metadata": {"name": "base"}, "spec": {"images": ["a:1"]}});
/// store.apply(&object);
/// object["status"] = serde_json::json!({"imageCacheId": "imc-1", "phase": "Ready"});
/// store.apply(&object);
/// assert_eq!(store.index().len(), 1);
/// assert!(store.index().get("imc-1").is_some());
/// store.remove("base");
/// assert!(store.index().is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct CacheStore {
    index: Index,
    /// Id of each object, by the name of the object.
    ids: BTreeMap<String, Option<String>>,
    /// Caches whose id several objects have, by id, then by the name of the object.
    shared: BTreeMap<String, BTreeMap<String, Cache>>,
}

impl CacheStore {
    /// Returns the index of the objects.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Returns the number of objects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns true when there is no object.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Adds or replaces an object. An object that cannot be read as a cache counts as absent.
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

    /// Removes an object.
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
        self.index.extend(representative(claims));
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
        self.index.extend(representative(claims));
    }
}

/// Returns the cache that represents all objects with one id, as an index of all of them has it.
fn representative(claims: &BTreeMap<String, Cache>) -> Option<Cache> {
    Cache::merged(claims.values().cloned().collect())
}
