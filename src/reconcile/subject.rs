//! An object as far as the steps read it: nothing of it is copied, and what has the wrong form is absent.

use serde_json::Value;

use super::ReconcileRecord;
use super::condition::{Condition, SYNCED, reason};
use crate::expiry;
use crate::resource::Phase;
use crate::resource::annotation;
use crate::resource::view::{CacheForm, CacheView};
use crate::time::Timestamp;

/// What an object says about itself.
#[derive(Debug, Clone)]
pub(super) struct Subject<'a> {
    pub(super) object: &'a Value,
    pub(super) view: CacheView<'a>,
    pub(super) name: &'a str,
    pub(super) uid: &'a str,
    pub(super) version: &'a str,
    pub(super) generation: i64,
    pub(super) deleting: bool,
    pub(super) finalizers: Vec<&'a str>,
    /// `status.imageCacheId`.
    pub(super) id: Option<&'a str>,
    pub(super) phase: Option<&'a str>,
    /// The condition `Synced`: what was sent and whether ECI has accepted it.
    pub(super) synced: Option<Condition>,
}

/// What becomes of a cache when its object goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Delete,
    Retain,
}

impl<'a> Subject<'a> {
    /// `None` for what no API server has stored.
    pub(super) fn read(object: &'a Value) -> Option<Self> {
        let view = CacheView::of(object).filter(|view| view.form == CacheForm::Object)?;
        let status = object.get("status").unwrap_or(&Value::Null);
        Some(Subject {
            object,
            view,
            name: view.name()?,
            uid: view.uid()?,
            version: view.resource_version().unwrap_or_default(),
            generation: view.generation(),
            deleting: view.is_deleting(),
            finalizers: view.finalizers().collect(),
            id: view.id(),
            phase: view.phase(),
            synced: Condition::read(status, SYNCED),
        })
    }

    pub(super) fn status(&self) -> &'a Value {
        self.object.get("status").unwrap_or(&Value::Null)
    }

    pub(super) fn annotation(&self, name: &str) -> Option<&'a str> {
        self.view.annotation(name).map(str::trim)
    }

    /// Whether our finalizer is on it.
    pub(super) fn is_held(&self) -> bool {
        self.finalizers.contains(&annotation::FINALIZER)
    }

    pub(super) fn is_paused(&self) -> bool {
        self.switch(annotation::PAUSED) == Some(true)
    }

    /// Whether pods that name the cache keep it.
    pub(super) fn is_protected(&self) -> bool {
        self.switch(annotation::DELETION_PROTECTION) != Some(false)
    }

    fn switch(&self, name: &str) -> Option<bool> {
        annotation::parse_bool(self.annotation(name)?)
    }

    /// The cache that it is to take over.
    pub(super) fn wanted(&self) -> Option<&'a str> {
        self.annotation(annotation::ADOPT)
            .filter(|id| !id.is_empty())
    }

    /// Whether the cache of this id was not made for the object but taken over.
    pub(super) fn has_adopted(&self, id: &str) -> bool {
        self.wanted() == Some(id)
    }

    /// What the object says is to become of its caches, if it says anything.
    ///
    /// # Errors
    /// The words of a policy that is none.
    pub(super) fn policy(&self) -> Result<Option<Policy>, String> {
        match self.annotation(annotation::DELETION_POLICY) {
            Some("Delete") => Ok(Some(Policy::Delete)),
            Some("Retain") => Ok(Some(Policy::Retain)),
            None => Ok(None),
            Some(text) => Err(format!(
                "metadata.annotations[{}]: `{text}`, must be Delete or Retain",
                annotation::DELETION_POLICY
            )),
        }
    }

    /// Whether ECI has accepted what this generation asks.
    pub(super) fn is_accepted(&self) -> bool {
        self.synced.as_ref().is_some_and(|synced| {
            let accepted = synced.holds() || synced.reason == reason::RETENTION_STAYS;
            accepted && synced.generation == self.generation
        })
    }

    /// What was written down before it was sent, and ECI has not accepted: its generation and time.
    pub(super) fn intent(&self) -> Option<(i64, Timestamp)> {
        let synced = self.synced.as_ref()?;
        let settled = [reason::RETENTION_STAYS, reason::ADOPTING];
        let open = !synced.holds() && !settled.contains(&synced.reason.as_str());
        open.then_some((synced.generation, synced.since))
    }

    /// Whether it has announced in its status that it is about to take over the cache that it wants.
    pub(super) fn is_adopting(&self) -> bool {
        let reason = self.synced.as_ref().map(|synced| synced.reason.as_str());
        self.id.is_none() && reason == Some(reason::ADOPTING)
    }

    /// Whether the cache had to end by now, by its retention.
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        let end = || self.view.expires().or_else(|| expiry::end_of(&self.view));
        self.view.retention_days().is_some()
            && end().is_some_and(|end| end <= now.plus(expiry::TOLERANCE))
    }

    /// Returns true if the cache may be gone: its end has passed, or ECI may remove it at any time.
    pub(super) fn may_be_gone(&self, now: Timestamp) -> bool {
        let failed = self.phase == Some(Phase::Failed.as_str());
        let ended = self
            .view
            .expires()
            .is_some_and(|end| end <= now.plus(expiry::TOLERANCE));
        self.is_evictable() || self.has_expired(now) || (failed && ended)
    }

    /// Whether ECI may remove the cache when it needs the space.
    pub(super) fn is_evictable(&self) -> bool {
        self.annotation(annotation::ELIMINATION_STRATEGY) == Some("LRU")
    }
}

/// The cache that an object has, or wants to take over: what [`super::Observed::pods`] and [`super::Observed::rivals`] are
/// looked up by.
#[must_use]
pub fn claim(object: &Value) -> Option<&str> {
    let subject = Subject::read(object)?;
    subject.id.or_else(|| subject.wanted())
}

/// Returns why a request of the object was refused: the message of its condition `Synced`, or of the last call about it.
/// `None` also for what is under way.
///
/// ```
/// use imagecache::reconcile::{ReconcileRecord, refusal};
/// let synced = serde_json::json!({
///     "type": "Synced", "status": "False", "observedGeneration": 1, "lastTransitionTime": "2026-01-18T13:40:56Z",
///     "reason": "QuotaExceeded", "message": "QuotaExceeded: too many caches",
/// });
/// let object = serde_json::json!({
///     "metadata": {"name": "base", "uid": "e83a1c53"}, "status": {"conditions": [synced]},
/// });
/// assert_eq!(refusal(&object, &ReconcileRecord::default()).unwrap(), "QuotaExceeded: too many caches");
/// ```
#[must_use]
pub fn refusal(object: &Value, memory: &ReconcileRecord) -> Option<String> {
    let synced = Subject::read(object)?.synced;
    let under_way = [reason::SUBMITTING, reason::ADOPTING, reason::REBUILDING];
    let open = synced.filter(|one| !one.holds() && !under_way.contains(&one.reason.as_str()));
    match (open, &memory.fault) {
        (Some(synced), _) => Some(synced.message),
        (None, Some(fault)) => Some(fault.message.clone()),
        (None, None) => None,
    }
}

/// An object that claims a cache. Who has it comes before who wants it, then the older, then the first by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AdoptionClaim {
    /// Not in its status: it only wants to.
    wants: bool,
    created: Option<Timestamp>,
    name: String,
    uid: String,
    /// It has announced that it is about to take it.
    adopting: bool,
}

impl AdoptionClaim {
    /// The claim of this object, if it claims any cache.
    #[must_use]
    pub fn read(object: &Value) -> Option<Self> {
        let subject = Subject::read(object)?;
        claim(object)?;
        Some(AdoptionClaim {
            wants: subject.id.is_none(),
            created: subject.view.created(),
            uid: subject.uid.to_owned(),
            name: subject.name.to_owned(),
            adopting: subject.is_adopting(),
        })
    }

    pub(super) fn is_adopting(&self) -> bool {
        self.adopting
    }

    /// The name of the object.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}
