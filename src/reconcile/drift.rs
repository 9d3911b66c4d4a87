//! An API server that stores a status otherwise than it was sent: a definition that drops fields, a webhook that rewrites
//! them. What was sent is believed, and not sent again, as long as the server's version of it is unchanged: otherwise
//! every step would find the same difference and write forever.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::condition::{Condition, SYNCED};
use super::effect::{EventNote, patched};
use crate::resource::annotation::FINALIZER;

/// Written with every change, and the reason of none.
const STAMP: &str = "lastUpdatedTime";

/// What was sent for one generation of an object, and stored otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Altered {
    generation: i64,
    /// By field of the status.
    fields: BTreeMap<String, Alteration>,
    /// The finalizer was not stored.
    unheld: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Alteration {
    sent: Option<Value>,
    stored: Option<Value>,
}

fn generation(object: &Value) -> i64 {
    let generation = object.pointer("/metadata/generation");
    generation.and_then(Value::as_i64).unwrap_or(1)
}

/// Whether an object, or a patch of it, has the finalizer.
pub(super) fn is_held(object: &Value) -> bool {
    let list = object.pointer("/metadata/finalizers");
    list.and_then(Value::as_array)
        .is_some_and(|list| list.contains(&json!(FINALIZER)))
}

fn field<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get("status")?.get(name)
}

impl Altered {
    fn renew(&mut self, object: &Value) {
        if self.generation != generation(object) {
            *self = Altered {
                generation: generation(object),
                ..Altered::default()
            };
        }
    }

    /// Compares a status that was sent with what the server answered.
    pub(super) fn learn_status(&mut self, patch: &Value, stored: &Value) {
        self.renew(stored);
        let sent = patch.get("status").and_then(Value::as_object);
        for (name, value) in sent
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != STAMP)
        {
            let sent = (!value.is_null()).then(|| patched(&Value::Null, value));
            let stored = field(stored, name).cloned();
            if sent == stored {
                self.fields.remove(name);
            } else {
                let alteration = Alteration { sent, stored };
                self.fields.insert(name.clone(), alteration);
            }
        }
    }

    /// The same for the finalizers.
    pub(super) fn learn_finalizers(&mut self, patch: &Value, stored: &Value) {
        self.renew(stored);
        self.unheld = is_held(patch) && !is_held(stored);
    }

    /// The alterations in an object.
    fn in_force<'a>(
        &'a self,
        object: &'a Value,
    ) -> impl Iterator<Item = (&'a str, &'a Alteration)> {
        let same = self.generation == generation(object);
        self.fields
            .iter()
            .filter(move |(name, one)| same && field(object, name) == one.stored.as_ref())
            .map(|(name, one)| (name.as_str(), one))
    }

    /// The object with its status as it was sent.
    pub(super) fn as_sent<'a>(&self, object: &'a Value) -> Cow<'a, Value> {
        let mut object = Cow::Borrowed(object);
        let changes: Vec<_> = self
            .in_force(&object)
            .map(|(name, one)| (name.to_owned(), one.sent.clone()))
            .collect();
        for (name, sent) in changes {
            let patch = json!({"status": {name: sent}});
            object = Cow::Owned(patched(&object, &patch));
        }
        object
    }

    /// Why nothing may be asked of ECI: what must be written down first does not stay.
    pub(super) fn bar(&self, object: &Value) -> Option<EventNote> {
        if self.unheld && self.generation == generation(object) {
            return Some(note(
                "the cluster does not keep the finalizer, without which a cache could be left over; something there \
                 changes what is stored",
            ));
        }
        let (_, one) = self
            .in_force(object)
            .find(|(name, _)| *name == "conditions")?;
        let intent = |conditions: &Option<Value>| {
            let read = Condition::read(&json!({"conditions": conditions}), SYNCED)?;
            Some((read.holds(), read.generation, read.since, read.reason))
        };
        (intent(&one.sent) != intent(&one.stored)).then(|| {
            note(
                "the cluster does not keep status.conditions, without which a cache could be made twice; install this \
                 project's definition: imagecache crd | kubectl apply -f -, and start this again",
            )
        })
    }

    /// Returns the message about an object that the API server stored differently.
    pub(super) fn note(&self, object: &Value) -> Option<EventNote> {
        let names: Vec<String> = self
            .in_force(object)
            .map(|(name, _)| format!("status.{name}"))
            .collect();
        (!names.is_empty()).then(|| {
            note(&format!(
                "the cluster stores {} otherwise than sent; it is not sent again until it changes",
                names.join(", ")
            ))
        })
    }
}

fn note(message: &str) -> EventNote {
    EventNote {
        warning: true,
        reason: "StatusAltered".to_owned(),
        message: message.to_owned(),
    }
}
