//! Caches held ready inside the module, so that a question sends only the pod.

use imagecache::diagnostic::{Diagnostic, Levels, Report};
use imagecache::matching::{ImageFacts, Index, Inventory, MatchRules, Pod, SearchBuffers};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::{Answer, answered, chosen, json, written};

/// Caches that pods are matched against. Changed in place.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct CacheIndex {
    index: Index,
    /// What is known of images beyond their names.
    facts: ImageFacts,
    scratch: SearchBuffers,
}

/// Caches on their way into an index. They cross one by one, so a cluster's may together be larger than one argument.
#[wasm_bindgen]
#[derive(Debug)]
pub struct GivenCaches {
    inventory: Inventory,
    report: Report<'static>,
}

#[wasm_bindgen]
impl GivenCaches {
    /// None so far.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)] // JavaScript has no defaults
    pub fn new() -> Self {
        GivenCaches {
            inventory: Inventory::default(),
            report: Report::new(&Levels::DEFAULT),
        }
    }

    /// Adds a document: an object, a list, or a reply of the API; or the item at a place of an array of them.
    pub fn add(&mut self, caches: &str, at: Option<usize>) -> Result<(), String> {
        let Some(at) = at else {
            self.inventory
                .add(&json("caches", caches)?, &mut self.report);
            return Ok(());
        };
        let item = json(&format!("caches[{at}]"), caches)?;
        self.inventory.add_item(at, &item, &mut self.report);
        Ok(())
    }
}

#[wasm_bindgen]
impl CacheIndex {
    /// An empty index.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the sizes of images: bytes by reference. Before any cache.
    pub fn learn(&mut self, sizes: &str) -> Result<(), String> {
        let learned = self.facts.sizes(&json("sizes", sizes)?);
        learned.map_err(|fault| format!("sizes: {fault}"))
    }

    /// Adds caches, or puts them in the place of those with the same ids; says what could not be read.
    pub fn insert(&mut self, given: GivenCaches) -> Answer {
        let mut caches = given.inventory.caches;
        if !self.facts.is_empty() {
            caches.iter_mut().for_each(|cache| cache.apply(&self.facts));
        }
        self.index.extend(caches);
        written(&given.report.finish())
    }

    /// Removes the cache of this id, or the one of this name that has no id yet; was it there?
    pub fn remove(&mut self, id: &str) -> bool {
        let removed = self.index.remove(id);
        removed
            .or_else(|| self.index.remove_unidentified(id))
            .is_some()
    }

    /// The number of caches.
    #[wasm_bindgen(getter)]
    pub fn size(&self) -> usize {
        self.index.len()
    }

    /// What happens to a pod, in short.
    #[wasm_bindgen(js_name = match)]
    pub fn winner(&mut self, pod: &str, rules: Option<String>) -> Answer {
        self.ask(pod, rules, |held, pod, rules| {
            written(&held.index.winner(pod, rules, &mut held.scratch))
        })
    }

    /// What happens to a pod, and why.
    pub fn explain(&mut self, pod: &str, rules: Option<String>) -> Answer {
        self.ask(pod, rules, |held, pod, rules| {
            written(&held.index.explain(pod, rules, &mut held.scratch))
        })
    }

    /// Answers an AdmissionReview, with these caches as those of the cluster.
    pub fn review(&self, review: &str, settings: Option<String>, now: Option<String>) -> Answer {
        answered(review, settings, now, Some(&self.index))
    }

    fn ask(
        &mut self,
        pod: &str,
        rules: Option<String>,
        answer: impl FnOnce(&mut Self, &Pod, &MatchRules) -> Answer,
    ) -> Answer {
        #[derive(Serialize)]
        struct Unreadable {
            decision: &'static str,
            diagnostics: Vec<Diagnostic>,
        }
        let rules = chosen("rules", rules, MatchRules::parse)?;
        let mut report = Report::new(&Levels::DEFAULT);
        let Some(mut pod) = Pod::read_named(&json("pod", pod)?, &mut report) else {
            return written(&Unreadable {
                decision: "Unreadable",
                diagnostics: report.finish(),
            });
        };
        if !self.facts.is_empty() {
            pod.apply(&self.facts);
        }
        answer(self, &pod, &rules)
    }
}
