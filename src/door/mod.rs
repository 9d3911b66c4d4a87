//! The one door for foreign hosts: a [`Call`] to an [`Answer`], in three spellings of one function.
//!
//! | spelling | function |
//! |---|---|
//! | Rust types | [`Door::call`] |
//! | JSON values | [`Door::call_value`] |
//! | JSON text | [`Door::call_text`] |
//!
//! A call is an object with one member, named after what is asked; its value holds the arguments:
//!
//! ```
//! use imagecache::door::Door;
//! let mut door = Door::default();
//! let answer = door.call_text(r#"{"reference": {"text": "nginx"}}"#);
//! assert!(answer.starts_with(r#"{"ok":{"input":"nginx","valid":true,"#));
//! let answer = door.call_text(r#"{"refrence": {"text": "nginx"}}"#);
//! assert_eq!(
//!     answer,
//!     r#"{"error":{"code":"unknown-call","message":"no call is named `refrence`, did you mean `reference`?","call":"refrence"}}"#
//! );
//! ```
//!
//! An answer is `{"ok": …}` or `{"error": {"code", "message", …}}`; nothing is thrown. A manifest that is wrong is no
//! error of the call: what is wrong with it is the answer.
//!
//! A door keeps caches, in indexes that hosts name, so that a later `match` or `admit` sends only the pod. Nothing
//! else is kept between calls.

mod answer;
mod call;

use std::collections::BTreeMap;

use serde_json::Value;

pub use answer::{About, Answer, Changed, Explained, Failure, FailureCode, Limits, Matched, Reply};
pub use call::{
    Admit, Call, Clear, Crd, CrdName, Expire, Explain, FormatName, Insert, Len, Match, Reference,
    Remove, Validate, Version,
};

use crate::admission::{self, AdmissionSettings, CacheSource};
use crate::diagnostic::{Code, Diagnostic, Levels, Report};
use crate::expiry;
use crate::matching::{Index, Inventory, Pod, SearchBuffers};
use crate::reference;
use crate::resource::{self, CrdVersion};
use crate::validate;

/// At most so many bytes of one call as text.
pub const MAX_BYTES: usize = 32 << 20;
/// At most so deep are the values of a call nested. It is the depth at which the JSON reader stops.
pub const MAX_DEPTH: usize = 127;
/// At most so many indexes are kept.
pub const MAX_INDEXES: usize = 64;
/// At most so many caches are kept in one index.
pub const MAX_CACHES: usize = 100_000;

/// What is kept between calls: caches, in indexes that the host names.
#[derive(Debug, Default)]
pub struct Door {
    indexes: BTreeMap<String, Index>,
    scratch: SearchBuffers,
}

impl Door {
    /// Answers a call.
    pub fn call(&mut self, call: Call) -> Answer {
        match self.reply(call) {
            Ok(reply) => Answer::Ok(reply),
            Err(failure) => Answer::Error(failure),
        }
    }

    /// Answers a call that is a JSON value.
    pub fn call_value(&mut self, call: &Value) -> Value {
        let answer = match Call::from_value(call) {
            Ok(call) => self.call(call),
            Err(failure) => Answer::Error(failure),
        };
        answer.into_value()
    }

    /// Answers a call that is JSON text.
    pub fn call_text(&mut self, call: &str) -> String {
        let answer = match Call::from_text(call) {
            Ok(call) => self.call(call),
            Err(failure) => Answer::Error(failure),
        };
        answer.into_text()
    }

    fn reply(&mut self, call: Call) -> Result<Reply, Failure> {
        Ok(match call {
            Call::Validate(call) => Reply::Validated(validate(call)?),
            Call::Match(call) => Reply::Matched(Box::new(self.matched(call)?)),
            Call::Expire(call) => {
                let caches = expiry::facts(&call.cache);
                Reply::Expiries(
                    caches
                        .iter()
                        .map(|cache| expiry::expiry(cache, call.now))
                        .collect(),
                )
            }
            Call::Admit(call) => Reply::Reviewed(self.admit(call)?),
            Call::Reference(call) => Reply::Described(reference::describe(&call.text)),
            Call::Explain(call) => Reply::Explained(explain(&call.code)?),
            Call::Crd(call) => Reply::Definition(resource::crd(match call.version {
                CrdName::V1 => CrdVersion::V1,
                CrdName::V1beta1 => CrdVersion::VendorV1beta1,
            })),
            Call::Version(_) => Reply::Version(About::this()),
            Call::Insert(call) => Reply::Changed(self.insert(&call)?),
            Call::Remove(call) => {
                let index = self.index_mut(&call.index)?;
                let id = &call.id;
                let removed = index
                    .remove(id)
                    .or_else(|| index.remove_unidentified(id))
                    .is_some();
                Reply::Changed(Changed {
                    changed: usize::from(removed),
                    len: index.len(),
                    diagnostics: Vec::new(),
                })
            }
            Call::Clear(call) => {
                let changed = self
                    .indexes
                    .remove(&call.index)
                    .map_or(0, |index| index.len());
                Reply::Changed(Changed {
                    changed,
                    len: 0,
                    diagnostics: Vec::new(),
                })
            }
            Call::Len(call) => {
                let len = self.indexes.get(&call.index).map_or(0, Index::len);
                Reply::Changed(Changed {
                    changed: 0,
                    len,
                    diagnostics: Vec::new(),
                })
            }
        })
    }

    fn index_mut(&mut self, name: &str) -> Result<&mut Index, Failure> {
        self.indexes.get_mut(name).ok_or_else(|| no_index(name))
    }

    fn insert(&mut self, call: &Insert) -> Result<Changed, Failure> {
        if !self.indexes.contains_key(&call.index) && self.indexes.len() >= MAX_INDEXES {
            let message = format!(
                "{} indexes, at most {MAX_INDEXES} allowed",
                self.indexes.len() + 1
            );
            return Err(Failure::new(FailureCode::Limit, message));
        }
        let (inventory, diagnostics) = inventory(&call.caches);
        let index = self.indexes.entry(call.index.clone()).or_default();
        let changed = inventory.caches.len();
        if index.len() + changed > MAX_CACHES {
            let message = format!(
                "{} caches, at most {MAX_CACHES} allowed",
                index.len() + changed
            );
            return Err(Failure::new(FailureCode::Limit, message));
        }
        if index.is_empty() {
            *index = inventory.caches.into_iter().collect();
        } else {
            index.extend(inventory.caches);
        }
        Ok(Changed {
            changed,
            len: index.len(),
            diagnostics,
        })
    }

    fn matched(&mut self, call: Match) -> Result<Matched, Failure> {
        let levels = Levels::default();
        let mut report = Report::new(&levels);
        let pod = Pod::read_named(&call.pod, &mut report);
        let mut diagnostics = report.finish();
        let given: Index;
        let index = match &call.caches {
            Some(caches) => {
                let (inventory, found) = inventory(caches);
                diagnostics.extend(found);
                given = inventory.caches.into_iter().collect();
                &given
            }
            None => self
                .indexes
                .get(&call.index)
                .ok_or_else(|| no_index(&call.index))?,
        };
        let answer = pod.map(|pod| index.explain(&pod, &call.rules, &mut self.scratch));
        Ok(Matched {
            answer,
            diagnostics,
        })
    }

    fn admit(&mut self, call: Admit) -> Result<Value, Failure> {
        let settings = AdmissionSettings::parse(&call.settings).map_err(|errors| {
            Failure::new(FailureCode::BadArgument, format!("settings: {errors}"))
        })?;
        let given: Option<Index> = call
            .caches
            .as_ref()
            .map(|caches| inventory(caches).0.caches.into_iter().collect());
        let index = given.as_ref().or_else(|| self.indexes.get(&call.index));
        let caches = || {
            index
                .map(CacheSource::Index)
                .ok_or_else(|| admission::NO_CACHES.to_owned())
        };
        admission::review(&call.review, &settings, caches, call.now)
            .map_err(|fault| Failure::new(FailureCode::BadArgument, format!("review.{fault}")))
    }
}

fn no_index(name: &str) -> Failure {
    let message = format!("no index is named `{name}`; `caches.insert` makes one");
    Failure::new(FailureCode::NoSuchIndex, message)
}

/// The caches of a document of any form, and what of them could not be read.
fn inventory(document: &Value) -> (Inventory, Vec<Diagnostic>) {
    let levels = Levels::default();
    let mut report = Report::new(&levels);
    let mut inventory = Inventory::default();
    inventory.add(document, &mut report);
    (inventory, report.finish())
}

fn validate(call: Validate) -> Result<validate::Validation, Failure> {
    match (call.text, call.object) {
        (Some(text), None) => Ok(validate::text(&text, call.format.into(), &call.options)),
        (None, Some(object)) => Ok(validate::Validation {
            diagnostics: validate::object(&object, &call.options),
            objects: Vec::new(),
        }),
        _ => {
            let message = "validate needs one of `text` and `object`".to_owned();
            Err(Failure::new(FailureCode::BadArgument, message))
        }
    }
}

fn explain(code: &str) -> Result<Explained, Failure> {
    let code: Code = code
        .parse()
        .map_err(|error: crate::diagnostic::UnknownCode| {
            Failure::new(FailureCode::BadArgument, error.to_string())
        })?;
    #[cfg(feature = "explain")]
    let page = Some(code.page());
    #[cfg(not(feature = "explain"))]
    let page = None;
    Ok(Explained {
        code,
        name: code.name(),
        severity: code.severity(),
        summary: code.summary(),
        page,
    })
}
