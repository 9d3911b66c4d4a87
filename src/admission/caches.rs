//! The caches of a cluster, in the form that a host has them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::list_scanner::Items;
use super::pod::Found;
use crate::matching::{Cache, Index, MatchRules, Pod};
use crate::reference::Named;
use crate::resource::view::CacheView;

/// The reason why a host cannot list the caches of its cluster: a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CachesUnavailable(
    /// The sentence.
    pub String,
);

impl From<&str> for CachesUnavailable {
    fn from(sentence: &str) -> Self {
        CachesUnavailable(sentence.to_owned())
    }
}

/// The caches of a cluster, in the form that a host has them. The verdict is the same for each.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CacheSource<'a> {
    /// Held ready by the host.
    Index(&'a Index),
    /// `ImageCache` objects.
    Objects(&'a [Value]),
    /// The text of a Kubernetes list of `ImageCache` objects. Items that cannot concern the pod are passed over
    /// without being read; ids are taken to be unique, as ECI's are.
    Text(Vec<u8>),
}

impl CacheSource<'_> {
    /// Returns the cache that a pod gets. A cache that cannot be read does not hide the others.
    ///
    /// # Errors
    /// Returns [`CachesUnavailable`] if the text is not a list of objects.
    pub(super) fn winner(&self, pod: &Pod, rules: &MatchRules) -> Result<Found, CachesUnavailable> {
        let index = match self {
            CacheSource::Index(index) => return Ok(index.winner(pod, rules).into()),
            CacheSource::Objects(objects) => objects
                .iter()
                .filter_map(Cache::read_quietly)
                .collect::<Index>(),
            CacheSource::Text(text) => {
                let text = str::from_utf8(text).map_err(|_| "the list is not UTF-8")?;
                let paths = paths(pod);
                // What a cache must name to concern the pod.
                let words: Vec<String> = paths.iter().chain(&pod.wish.explicit).cloned().collect();
                let items = Items::of(text, &words).ok_or("the answer is not a list of objects")?;
                let mut objects: Vec<Value> = Vec::new();
                for item in items {
                    let item = item.ok_or("the list is cut off")?;
                    if item.concerns {
                        objects.extend(item.text.parse().ok());
                    }
                }
                let repeated = repeated_ids(&objects);
                for object in &mut objects {
                    if !id(object).is_some_and(|id| repeated.contains(id)) {
                        leave_out_others(object, &paths);
                    }
                }
                objects.iter().filter_map(Cache::read_quietly).collect()
            }
        };
        Ok(index.winner(pod, rules).into())
    }
}

fn id(object: &Value) -> Option<&str> {
    CacheView::of(object)?.id()
}

/// Returns the ids that several objects have: their images are compared.
fn repeated_ids(objects: &[Value]) -> BTreeSet<String> {
    let (mut seen, mut repeated) = (BTreeSet::new(), BTreeSet::new());
    for id in objects.iter().filter_map(id) {
        if !seen.insert(id) {
            repeated.insert(id.to_owned());
        }
    }
    repeated
}

/// Leaves out the images that no image of the pod can be compared with: reading one costs more than looking for words.
fn leave_out_others(cache: &mut Value, paths: &[String]) {
    let images = cache
        .get_mut("spec")
        .and_then(|spec| spec.get_mut("images"));
    if let Some(Value::Array(images)) = images {
        images.retain(|image| {
            let image = image.as_str().unwrap_or_default();
            paths.iter().any(|path| image.contains(path.as_str()))
        });
    }
}

/// The paths of the pod's images: the same repository has its path in every spelling of a reference.
fn paths(pod: &Pod) -> Vec<String> {
    let path = |text: &str| {
        let path = Named::parse(text).ok()?.path().into_owned();
        Some(
            path.strip_prefix("library/")
                .map_or(path.clone(), str::to_owned),
        )
    };
    let images = pod.images().iter();
    images.filter_map(|image| path(image.text())).collect()
}
