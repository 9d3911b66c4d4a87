//! An index of caches that a foreign host holds.

use serde::Serialize;
use serde_json::Value;

use super::{FfiError, ReviewAnswer, answer, chosen};
use crate::diagnostic::{Diagnostic, Levels, Report};
use crate::matching::{
    Explanation, ImageFacts, Index, Inventory, MatchRules, Pod, SearchBuffers, Selection,
};
use crate::pod::{ClusterDefaults, Reading};

/// Documents with caches, read one by one: the caches of a cluster may together be larger than
/// [`MAX_BYTES`](super::MAX_BYTES).
#[derive(Debug)]
#[non_exhaustive]
pub struct CacheBatch {
    inventory: Inventory,
    report: Report<'static>,
}

impl Default for CacheBatch {
    fn default() -> Self {
        CacheBatch {
            inventory: Inventory::default(),
            report: Report::new(&Levels::DEFAULT),
        }
    }
}

impl CacheBatch {
    /// Reads a document: an object, a list, a reply of the ECI API, or an array of these.
    pub fn add(&mut self, document: &Value) {
        self.inventory.add(document, &mut self.report);
    }

    /// Reads one item of an array of documents.
    pub fn add_item(&mut self, index: usize, document: &Value) {
        self.inventory.add_item(index, document, &mut self.report);
    }
}

/// The answer for a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum PodAnswer<T> {
    /// The object is a pod or has a pod template.
    Pod(T),
    /// It is neither.
    Unreadable {
        /// Always `Unreadable`.
        decision: &'static str,
        /// The reasons.
        diagnostics: Vec<Diagnostic>,
    },
}

/// Caches that pods are matched against.
#[derive(Debug, Default)]
pub struct CacheIndex {
    index: Index,
    facts: ImageFacts,
    defaults: ClusterDefaults,
    buffers: SearchBuffers,
}

impl CacheIndex {
    /// Creates an empty index that knows the sizes of images: an object of bytes by reference.
    ///
    /// # Errors
    /// Returns an error if a reference or a size is invalid.
    pub fn with_sizes(sizes: &Value) -> Result<Self, FfiError> {
        let mut index = Self::default();
        let sizes = index.facts.sizes(sizes);
        sizes.map_err(|error| FfiError::invalid("sizes", error))?;
        Ok(index)
    }

    /// Adds caches; a cache with the id or name of an older one replaces it. Returns the parts that could not be read, and
    /// ids that several caches with different images have.
    pub fn insert(&mut self, batch: CacheBatch) -> Vec<Diagnostic> {
        let mut caches = batch.inventory.caches;
        if !self.facts.is_empty() {
            caches.iter_mut().for_each(|cache| cache.apply(&self.facts));
        }
        let mut found = batch.report.finish();
        found.extend(self.index.insert_all(caches));
        self.defaults.merge(batch.inventory.defaults);
        found
    }

    /// Whether the documents had defaults for pods: the ConfigMap `eci-profile` or `Selector` objects. With them a pod is
    /// read whole, not only its [`POD`](super::POD) part: its labels decide.
    #[must_use]
    pub fn has_defaults(&self) -> bool {
        !self.defaults.is_empty()
    }

    fn read(&self, pod: &Value, rules: &MatchRules) -> Result<Pod, Vec<Diagnostic>> {
        let reading = Reading {
            paths: &rules.pod_paths,
            for_defaults: self.has_defaults(),
            references: true,
        };
        let mut pod = reading.parse(pod).map_err(|error| error.diagnostics)?;
        self.defaults.apply(&mut pod);
        if !self.facts.is_empty() {
            pod.apply(&self.facts);
        }
        Ok(pod)
    }

    /// Adds the caches of one document, as [`CacheBatch::add`] reads it.
    pub fn insert_document(&mut self, document: &Value) -> Vec<Diagnostic> {
        let mut batch = CacheBatch::default();
        batch.add(document);
        self.insert(batch)
    }

    /// Removes the cache with this id, or the one with this name that has no id yet. Returns whether it was present.
    pub fn remove(&mut self, id: &str) -> bool {
        let removed = self.index.remove(id);
        removed
            .or_else(|| self.index.remove_unidentified(id))
            .is_some()
    }

    /// The number of caches.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no cache.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Returns which cache a pod uses. The pod may be a workload with a pod template.
    ///
    /// # Errors
    /// Returns an error if the rules are invalid.
    pub fn select(
        &mut self,
        pod: &Value,
        rules: Option<&Value>,
    ) -> Result<PodAnswer<Selection<'_>>, FfiError> {
        let rules = chosen("rules", rules, MatchRules::parse)?;
        Ok(match self.read(pod, &rules) {
            Ok(pod) => PodAnswer::Pod(self.index.winner_with(&pod, &rules, &mut self.buffers)),
            Err(diagnostics) => unreadable(diagnostics),
        })
    }

    /// Returns which cache a pod uses, the reason for each other cache, and the next steps of ECI.
    ///
    /// # Errors
    /// Returns an error if the rules are invalid.
    pub fn explain(
        &mut self,
        pod: &Value,
        rules: Option<&Value>,
    ) -> Result<PodAnswer<Explanation>, FfiError> {
        let rules = chosen("rules", rules, MatchRules::parse)?;
        Ok(match self.read(pod, &rules) {
            Ok(pod) => PodAnswer::Pod(self.index.explain_with(&pod, &rules, &mut self.buffers)),
            Err(diagnostics) => unreadable(diagnostics),
        })
    }

    /// Answers an AdmissionReview; these caches are the caches of the cluster.
    ///
    /// # Errors
    /// Returns an error if the settings or `now` are invalid. The error lists every invalid setting.
    pub fn review(
        &self,
        review: &Value,
        settings: Option<&Value>,
        now: Option<&str>,
    ) -> Result<ReviewAnswer, FfiError> {
        answer(review, settings, Some(&self.index), now)
    }
}

fn unreadable<T>(diagnostics: Vec<Diagnostic>) -> PodAnswer<T> {
    PodAnswer::Unreadable {
        decision: "Unreadable",
        diagnostics,
    }
}
