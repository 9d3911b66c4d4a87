//! Decisions on the way to the disk.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::Unwritten;
use super::object::{Change, Object};
use super::state::State;
use crate::limits::STORE_BYTES;

/// The newest state, with the changes decided so far on top.
pub struct Transaction<'s> {
    state: &'s State,
    changes: Vec<Arc<Change>>,
    staged: HashMap<Arc<str>, Option<Arc<Object>>>,
    size: usize,
    forget: bool,
    probe: bool,
}

/// What is to be written.
pub(super) struct Decided {
    pub(super) changes: Vec<Arc<Change>>,
    /// The past is to be forgotten.
    pub(super) forget: bool,
    /// A write is wanted even if nothing has changed.
    pub(super) probe: bool,
}

/// A moment to come back to.
pub(super) struct Mark {
    changes: usize,
    size: usize,
}

impl<'s> Transaction<'s> {
    pub(super) fn new(state: &'s State) -> Self {
        Transaction {
            state,
            changes: Vec::new(),
            staged: HashMap::new(),
            size: state.size(),
            forget: false,
            probe: false,
        }
    }

    /// The newest version; the next change gets the next one.
    pub fn version(&self) -> u64 {
        self.changes
            .last()
            .map_or(self.state.version(), |change| change.version)
    }

    /// An object as it is now.
    pub fn get(&self, key: &str) -> Option<Arc<Object>> {
        match self.staged.get(key) {
            Some(staged) => staged.clone(),
            None => self.state.get(key).cloned(),
        }
    }

    /// The keys that begin so, in order.
    pub fn keys(&self, prefix: &str) -> Vec<Arc<str>> {
        let staged = |key: &Arc<str>| self.staged.contains_key(key);
        let stored = self.state.range(prefix).map(|(key, _)| key);
        let mut keys: Vec<_> = stored.filter(|key| !staged(key)).cloned().collect();
        let created = self
            .staged
            .iter()
            .filter(|(key, object)| key.starts_with(prefix) && object.is_some());
        keys.extend(created.map(|(key, _)| key.clone()));
        keys.sort_unstable();
        keys
    }

    /// Where the object of this uid is stored; blind for what this very transaction has created.
    pub fn key_of_uid(&self, uid: &str) -> Option<Arc<str>> {
        let key = self.state.key_of_uid(uid)?;
        let object = self.get(key)?;
        (object.meta("uid") == uid).then(|| key.clone())
    }

    /// The keys of the objects that name this uid as an owner; blind for what this very transaction has created.
    pub fn dependents(&self, uid: &str) -> Vec<Arc<str>> {
        let mut keys: Vec<_> = self
            .state
            .dependents(uid)
            .filter(|key| {
                self.get(key)
                    .is_some_and(|object| object.owners().any(|owner| owner == uid))
            })
            .cloned()
            .collect();
        keys.sort_unstable();
        keys
    }

    /// Every uid that an object names as its owner.
    pub fn owners(&self) -> impl Iterator<Item = &str> {
        self.state.owners()
    }

    /// Stores an object, new or instead of the one there.
    pub fn put(&mut self, key: &str, value: Value) -> Result<Arc<Object>, Unwritten> {
        let old = self.get(key);
        let version = self.version() + 1;
        let object = Arc::new(Object::checked(value, version)?);
        let new_size = object.text.len();
        let old_size = old.as_ref().map_or(0, |old| old.text.len());
        let size = self.size.saturating_sub(old_size) + new_size;
        if size > STORE_BYTES && new_size > old_size {
            return Err(Unwritten::Full);
        }
        self.size = size;
        self.push(Change {
            version,
            key: key.into(),
            old,
            object: Arc::clone(&object),
            deleted: false,
        });
        Ok(object)
    }

    /// Removes an object; returns the last of it, at the version of its end. `None` if there is none.
    pub fn delete(&mut self, key: &str) -> Option<Arc<Object>> {
        let old = self.get(key)?;
        let version = self.version() + 1;
        let object = Arc::new(old.at(version));
        self.size = self.size.saturating_sub(old.text.len());
        self.push(Change {
            version,
            key: key.into(),
            old: Some(old),
            object: Arc::clone(&object),
            deleted: true,
        });
        Some(object)
    }

    fn push(&mut self, change: Change) {
        let object = change.new_object().cloned();
        self.staged.insert(change.key.clone(), object);
        self.changes.push(Arc::new(change));
    }

    /// Runs a decision; takes back what it did if it errs.
    pub(super) fn attempt<T, E>(
        &mut self,
        decide: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let mark = self.mark();
        let decided = decide(self);
        if decided.is_err() {
            self.undo(mark);
        }
        decided
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            changes: self.changes.len(),
            size: self.size,
        }
    }

    pub(super) fn undo(&mut self, mark: Mark) {
        while self.changes.len() > mark.changes {
            if let Some(change) = self.changes.pop() {
                self.staged.insert(change.key.clone(), change.old.clone());
            }
        }
        self.size = mark.size;
    }

    pub(super) fn forget(&mut self) {
        self.forget = true;
    }

    pub(super) fn probe(&mut self) {
        self.probe = true;
    }

    pub(super) fn finish(self) -> Decided {
        Decided {
            changes: self.changes,
            forget: self.forget,
            probe: self.probe,
        }
    }
}
