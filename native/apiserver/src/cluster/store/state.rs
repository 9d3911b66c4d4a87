//! What the store knows in memory: every object, the changes that led here, and who owns whom.
//!
//! The recent past can be listed too: a list as of version V is the present with the changes after V undone, so a reader
//! of pages sees one moment however much is written meanwhile. Both that and a watcher that starts at V end where the log
//! of changes begins.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::object::{Change, Object};

/// How much of the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// Changes, at most.
    pub changes: usize,
    /// Memory for what only the past still needs, in bytes, at most.
    pub bytes: usize,
}

impl Default for History {
    fn default() -> Self {
        History {
            changes: 20_000,
            bytes: 128 << 20,
        }
    }
}

/// The version asked for is older than the log of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// The oldest version that can still be asked for.
    pub oldest: u64,
}

/// What to list.
pub struct List<'a> {
    /// The beginning of the keys, from [`super::prefix`].
    pub prefix: &'a str,
    /// As of which version; the present if `None`.
    pub at: Option<u64>,
    /// The first key, if not the first of the prefix.
    pub from: Option<&'a str>,
    /// How many objects, at most.
    pub limit: Option<usize>,
    /// Which objects.
    pub keep: &'a dyn Fn(&Object) -> bool,
}

/// A list, or a part of one.
#[derive(Debug, Default)]
pub struct Page {
    /// The objects in the order of their keys.
    pub items: Vec<Arc<Object>>,
    /// The moment that the list shows.
    pub version: u64,
    /// The key of the last object, if there are more that match.
    pub more_after: Option<Arc<str>>,
    /// How many objects follow, whether they match or not.
    pub following: usize,
}

#[derive(Debug, Default)]
pub(super) struct State {
    objects: BTreeMap<Arc<str>, Arc<Object>>,
    /// The newest change.
    version: u64,
    /// The newest change that is forgotten; `log` holds those from the next one on, without a gap.
    compacted: u64,
    log: VecDeque<Arc<Change>>,
    log_weight: usize,
    /// All texts of the present, in bytes.
    size: usize,
    keys_by_uid: HashMap<Box<str>, Arc<str>>,
    dependents: HashMap<Box<str>, HashSet<Arc<str>>>,
}

impl State {
    /// A state read from disk: the objects, and the newest change that is not in the log.
    pub(super) fn restore(
        objects: BTreeMap<Arc<str>, Arc<Object>>,
        compacted: u64,
        log: VecDeque<Arc<Change>>,
        version: u64,
    ) -> Self {
        let mut state = State {
            version,
            compacted,
            ..State::default()
        };
        for (key, object) in objects {
            state.index(&key, &object);
            state.objects.insert(key, object);
        }
        state.log_weight = log.iter().map(|change| change.weight()).sum();
        state.log = log;
        state
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn compacted(&self) -> u64 {
        self.compacted
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn get(&self, key: &str) -> Option<&Arc<Object>> {
        self.objects.get(key)
    }

    pub(super) fn range(&self, prefix: &str) -> impl Iterator<Item = (&Arc<str>, &Arc<Object>)> {
        self.objects
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    pub(super) fn key_of_uid(&self, uid: &str) -> Option<&Arc<str>> {
        self.keys_by_uid.get(uid)
    }

    pub(super) fn dependents(&self, uid: &str) -> impl Iterator<Item = &Arc<str>> {
        self.dependents.get(uid).into_iter().flatten()
    }

    /// Every uid that some object names as its owner.
    pub(super) fn owners(&self) -> impl Iterator<Item = &str> {
        self.dependents.keys().map(|uid| &**uid)
    }

    /// The newest change to forget once these have come: the oldest ones go that are beyond the history.
    pub(super) fn beyond(&self, changes: &[Arc<Change>], history: History) -> u64 {
        let mut count = self.log.len() + changes.len();
        let new: usize = changes.iter().map(|change| change.weight()).sum();
        let mut weight = self.log_weight + new;
        let mut compacted = self.compacted;
        for change in self.log.iter().chain(changes) {
            if count <= history.changes && weight <= history.bytes {
                break;
            }
            count -= 1;
            weight -= change.weight();
            compacted = change.version;
        }
        compacted
    }

    /// Takes the changes in, and forgets those up to `compacted`.
    pub(super) fn apply(&mut self, changes: Vec<Arc<Change>>, compacted: u64) {
        for change in changes {
            if let Some(old) = &change.old {
                self.unindex(&change.key, old);
            }
            match change.new_object() {
                Some(object) => {
                    self.index(&change.key, object);
                    self.objects.insert(change.key.clone(), object.clone());
                }
                None => {
                    self.objects.remove(&change.key);
                }
            }
            self.version = change.version;
            self.log_weight += change.weight();
            self.log.push_back(change);
        }
        while let Some(change) = self.log.pop_front_if(|change| change.version <= compacted) {
            self.log_weight -= change.weight();
        }
        self.compacted = compacted;
    }

    fn index(&mut self, key: &Arc<str>, object: &Object) {
        self.size += object.text.len();
        let uid = object.meta("uid");
        if !uid.is_empty() {
            self.keys_by_uid.insert(uid.into(), key.clone());
        }
        for owner in object.owners() {
            let dependents = self.dependents.entry(owner.into()).or_default();
            dependents.insert(key.clone());
        }
    }

    fn unindex(&mut self, key: &Arc<str>, object: &Object) {
        self.size = self.size.saturating_sub(object.text.len());
        self.keys_by_uid.remove(object.meta("uid"));
        for owner in object.owners() {
            if let Some(dependents) = self.dependents.get_mut(owner) {
                dependents.remove(key);
                if dependents.is_empty() {
                    self.dependents.remove(owner);
                }
            }
        }
    }

    /// The changes after a version, oldest first; none if it is in the future.
    pub(super) fn changes_after(
        &self,
        version: u64,
    ) -> Result<impl DoubleEndedIterator<Item = &Arc<Change>>, Compacted> {
        let Some(seen) = version.checked_sub(self.compacted) else {
            return Err(Compacted {
                oldest: self.compacted,
            });
        };
        let first = usize::try_from(seen)
            .unwrap_or(usize::MAX)
            .min(self.log.len());
        Ok(self.log.range(first..))
    }

    pub(super) fn list(&self, list: &List<'_>) -> Result<Page, Compacted> {
        let version = list.at.unwrap_or(self.version);
        let mut undone: BTreeMap<&str, Option<&Arc<Object>>> = BTreeMap::new();
        for change in self.changes_after(version)?.rev() {
            if change.key.starts_with(list.prefix) {
                undone.insert(&change.key, change.old.as_ref());
            }
        }
        let from = list.from.unwrap_or(list.prefix);
        let present = self
            .objects
            .range::<str, _>((Bound::Included(from), Bound::Unbounded))
            .map(|(key, object)| (&**key, object))
            .take_while(|(key, _)| key.starts_with(list.prefix))
            .filter(|(key, _)| !undone.contains_key(key));
        let past = undone
            .range::<str, _>((Bound::Included(from), Bound::Unbounded))
            .filter_map(|(key, object)| Some((*key, (*object)?)));
        let mut page = Page {
            version,
            ..Page::default()
        };
        let mut last = "";
        let mut objects = merge(present, past);
        let limit = list.limit.unwrap_or(usize::MAX);
        for (key, object) in objects.by_ref() {
            if !(list.keep)(object) {
                continue;
            }
            if page.items.len() == limit {
                page.more_after = Some(last.into());
                page.following = 1 + objects.count();
                break;
            }
            page.items.push(object.clone());
            last = key;
        }
        Ok(page)
    }
}

/// Two sorted runs without a common key as one.
fn merge<'a, T>(
    left: impl Iterator<Item = (&'a str, T)>,
    right: impl Iterator<Item = (&'a str, T)>,
) -> impl Iterator<Item = (&'a str, T)> {
    let (mut left, mut right) = (left.peekable(), right.peekable());
    std::iter::from_fn(move || match (left.peek(), right.peek()) {
        (Some((left_key, _)), Some((right_key, _))) if right_key < left_key => right.next(),
        (Some(_), _) => left.next(),
        (None, _) => right.next(),
    })
}
