//! Caches that the module holds, so that a question sends only the pod.

use std::cell::RefCell;

use imagecache::ffi::{self, CacheBatch};
use js_sys::Array;
use wasm_bindgen::prelude::*;

use crate::{Answer, read, write};

/// Caches that pods are matched against.
///
/// Reading an argument can run JavaScript (a getter, `toJSON`), which may call this index again. So every method reads
/// its arguments before it borrows the caches.
#[wasm_bindgen]
#[derive(Debug)]
pub struct CacheIndex {
    caches: RefCell<ffi::CacheIndex>,
}

#[wasm_bindgen]
impl CacheIndex {
    /// Creates an index of caches, with the sizes of images.
    #[wasm_bindgen(constructor)]
    pub fn new(caches: &JsValue, sizes: &JsValue) -> Result<CacheIndex, JsValue> {
        let index = match read::optional("sizes", sizes)? {
            Some(sizes) => ffi::CacheIndex::with_sizes(&sizes).map_err(read::error)?,
            None => ffi::CacheIndex::default(),
        };
        let index = CacheIndex {
            caches: RefCell::new(index),
        };
        if !caches.is_undefined() {
            index.insert(caches)?;
        }
        Ok(index)
    }

    /// Adds caches; returns the parts that could not be read.
    pub fn insert(&self, caches: &JsValue) -> Answer {
        let mut batch = CacheBatch::default();
        if read::is_array("caches", caches)? {
            // A copy: reading an item may change the array.
            for (at, document) in Array::from(caches).iter().enumerate() {
                batch.add_item(at, &read::json(&format!("caches[{at}]"), &document)?);
            }
        } else {
            batch.add(&read::json("caches", caches)?);
        }
        write::json(&self.caches.borrow_mut().insert(batch))
    }

    /// Removes a cache; returns whether it was present.
    pub fn remove(&self, id: &JsValue) -> Result<bool, JsValue> {
        let id = read::string("id", id)?;
        Ok(self.caches.borrow_mut().remove(&id))
    }

    /// The number of caches.
    #[wasm_bindgen(getter)]
    pub fn size(&self) -> usize {
        self.caches.borrow().len()
    }

    /// Returns which cache a pod uses.
    #[wasm_bindgen(js_name = match)]
    pub fn select(&self, pod: &JsValue, rules: &JsValue) -> Answer {
        let rules = read::optional("rules", rules)?;
        let pod = read::pod("pod", pod)?;
        let mut caches = self.caches.borrow_mut();
        let selection = caches.select(&pod, rules.as_ref()).map_err(read::error)?;
        write::members(&selection)
    }

    /// Returns which cache a pod uses, and why.
    pub fn explain(&self, pod: &JsValue, rules: &JsValue) -> Answer {
        let rules = read::optional("rules", rules)?;
        let pod = read::pod("pod", pod)?;
        let mut caches = self.caches.borrow_mut();
        write::json(&caches.explain(&pod, rules.as_ref()).map_err(read::error)?)
    }

    /// Answers an AdmissionReview with these caches.
    pub fn review(&self, review: &JsValue, settings: &JsValue, now: &JsValue) -> Answer {
        let (review, settings, now) = read::review(review, settings, now)?;
        let caches = self.caches.borrow();
        let answer = caches.review(&review, settings.as_ref(), now.as_deref());
        write::json(&answer.map_err(read::error)?)
    }
}
