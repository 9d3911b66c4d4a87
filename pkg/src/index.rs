//! Caches held ready inside the module, so that a question sends only the pod.

use std::cell::RefCell;

use imagecache::admission::Caches;
use imagecache::diagnostic::{Code, Diagnostic, Levels, Report};
use imagecache::matching::{
    Cache, CacheName, Decision, Facts, Index, Inventory, Pod, Rules, Scratch, Verdict,
};
use imagecache::path::Path;
use js_sys::Array;
use serde::Serialize;
use serde_json::{Map, Value, json};
use wasm_bindgen::prelude::*;

use crate::{Asked, argument};

/// Caches that pods are matched against. Changed in place.
///
/// Arguments are read before the caches are borrowed: reading may run JavaScript (a getter, `toJSON`), and that may
/// come back to this very index.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct CacheIndex {
    held: RefCell<Held>,
}

#[derive(Debug, Default)]
struct Held {
    index: Index,
    /// What is known of images beyond their names.
    facts: Facts,
    scratch: Scratch,
}

#[wasm_bindgen]
impl CacheIndex {
    /// Takes what [`CacheIndex::insert`] takes, nothing for an empty index; and the sizes of images.
    #[wasm_bindgen(constructor)]
    pub fn new(caches: &JsValue, sizes: &JsValue) -> Result<CacheIndex, JsValue> {
        let index = CacheIndex::default();
        index.held.borrow_mut().facts = facts(sizes)?;
        if !caches.is_undefined() {
            index.insert(caches)?;
        }
        Ok(index)
    }

    /// Adds caches, or puts them in the place of those with the same ids; says what could not be read.
    pub fn insert(&self, caches: &JsValue) -> Result<JsValue, JsValue> {
        let (mut caches, found) = read(caches)?;
        let held = &mut *self.held.borrow_mut();
        if !held.facts.is_empty() {
            caches.iter_mut().for_each(|cache| cache.apply(&held.facts));
        }
        held.index.extend(caches);
        argument::answer(&found)
    }

    /// Removes the cache of this id, or the one of this name that has no id yet; was it there?
    pub fn remove(&self, id: &JsValue) -> Result<bool, JsValue> {
        let id = argument::string("id", id)?;
        let index = &mut self.held.borrow_mut().index;
        Ok(index
            .remove(&id)
            .or_else(|| index.remove_unidentified(&id))
            .is_some())
    }

    /// The number of caches.
    #[wasm_bindgen(getter)]
    pub fn size(&self) -> usize {
        self.held.borrow().index.len()
    }

    /// What happens to a pod, in short.
    #[wasm_bindgen(js_name = match)]
    pub fn winner(&self, pod: &JsValue, rules: &JsValue) -> Result<JsValue, JsValue> {
        self.ask(pod, rules, |held, pod, rules| {
            argument::answer(&Brief::of(&held.index.winner(
                pod,
                rules,
                &mut held.scratch,
            )))
        })
    }

    /// What happens to a pod, and why.
    pub fn explain(&self, pod: &JsValue, rules: &JsValue) -> Result<JsValue, JsValue> {
        self.ask(pod, rules, |held, pod, rules| {
            argument::answer(&held.index.explain(pod, rules, &mut held.scratch))
        })
    }

    /// Answers an AdmissionReview, with these caches as those of the cluster.
    pub fn review(
        &self,
        review: &JsValue,
        settings: &JsValue,
        now: &JsValue,
    ) -> Result<JsValue, JsValue> {
        let asked = Asked::read(review, settings, now)?;
        let held = self.held.borrow();
        asked.answer(|| Ok(Caches::Index(&held.index)))
    }

    fn ask(
        &self,
        pod: &JsValue,
        rules: &JsValue,
        answer: impl FnOnce(&mut Held, &Pod, &Rules) -> Result<JsValue, JsValue>,
    ) -> Result<JsValue, JsValue> {
        let rules = argument::options("rules", rules, Rules::parse)?;
        let object = argument::json("pod", pod)?;
        let levels = Levels::default();
        let mut report = Report::new(&levels);
        match Pod::read(&object, &mut report) {
            Some(mut pod) => {
                let held = &mut *self.held.borrow_mut();
                if !held.facts.is_empty() {
                    pod.apply(&held.facts);
                }
                answer(held, &pod, &rules)
            }
            None => {
                let message = "neither a Pod nor a workload with a pod template";
                report.add(Code::IC011, &Path::Root, message, "");
                argument::answer(&json!({"decision": "Unreadable", "diagnostics": report.finish()}))
            }
        }
    }
}

/// Reads the sizes of images: bytes by reference.
fn facts(sizes: &JsValue) -> Result<Facts, JsValue> {
    let mut facts = Facts::default();
    let known: Map<String, Value> = argument::options("sizes", sizes, |sizes| {
        let sizes = sizes.as_object().cloned();
        sizes.ok_or_else(|| "an object expected, bytes by image".to_owned())
    })?;
    for (image, bytes) in &known {
        let set = match bytes.as_u64() {
            Some(bytes) => facts.size(image, bytes),
            None => {
                let found = serde_json::to_string(bytes).unwrap_or_default();
                Err(format!(
                    "`{image}`: a whole number of bytes expected, not {found}"
                ))
            }
        };
        set.map_err(|fault| argument::fault("sizes", &fault))?;
    }
    Ok(facts)
}

/// Reads caches: an object, a list, a reply of the API, or an array of those. An array crosses item by item, so a
/// cluster's caches may together be larger than one argument.
fn read(caches: &JsValue) -> Result<(Vec<Cache>, Vec<Diagnostic>), JsValue> {
    let mut inventory = Inventory::default();
    let levels = Levels::default();
    let mut report = Report::new(&levels);
    if argument::is_array(caches) {
        for (at, item) in Array::from(caches).iter().enumerate() {
            let item = argument::json(&format!("caches[{at}]"), &item)?;
            inventory.add_item(at, &item, &mut report);
        }
    } else {
        inventory.add(&argument::json("caches", caches)?, &mut report);
    }
    Ok((inventory.caches, report.finish()))
}

/// What `match` answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Brief<'v> {
    auto_create: bool,
    decision: &'v Decision,
    exact: usize,
    images: usize,
    repository_only: usize,
    winner: Option<CacheName>,
}

impl<'v> Brief<'v> {
    fn of(verdict: &'v Verdict<'_>) -> Self {
        Brief {
            auto_create: verdict.auto_create,
            decision: &verdict.decision,
            exact: verdict.exact,
            images: verdict.images,
            repository_only: verdict.repository_only,
            winner: verdict.winner.map(Cache::named),
        }
    }
}
