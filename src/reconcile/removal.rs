//! The decisions about an object that is to go: first the cache, then the finalizer.

use super::condition::reason;
use super::effect::ReconcileDecision;
use super::listing::Listing;
use super::step::Turn;
use super::subject::Policy;
use super::{DELETE_AGAIN, SETTLE};
use crate::resource::annotation::{DELETION_PROTECTION, FINALIZER};

/// The number of pods that a message names.
const NAMED_PODS: usize = 3;

/// What is left of an object's caches.
enum Left<'a> {
    Cache(String),
    /// The listing lacks the cache of this id; ECI has not been asked for it yet.
    Unlisted(&'a str),
    Nothing,
}

impl<'a> Turn<'a> {
    pub(super) fn remove(&self) -> ReconcileDecision {
        let Some(listing) = self.seen.listing else {
            return ReconcileDecision::listing();
        };
        let subject = self.subject;
        let stays = match subject.policy() {
            Ok(Some(Policy::Retain)) => return self.release(),
            Ok(Some(Policy::Delete)) => None,
            // an adopted cache stays unless the object says otherwise, but none that was made for the object
            Ok(None) => subject.wanted(),
            Err(message) => return self.stays(reason::INVALID, &message),
        };
        if !self.is_fresh(listing) {
            return ReconcileDecision::listing();
        }
        match self.left(listing, stays) {
            Left::Cache(id) => self.take_down(&id),
            Left::Unlisted(id) => self.ask(listing, id),
            // a cache that still arrives would have no owner
            Left::Nothing if self.may_arrive(listing) => {
                ReconcileDecision::listing().within(SETTLE)
            }
            Left::Nothing if !self.is_clear(listing) => ReconcileDecision::listing().within(SETTLE),
            Left::Nothing => self.release(),
        }
    }

    /// The next cache that must go before the object does; the one that `stays` never does.
    fn left(&self, listing: &'a Listing, stays: Option<&str>) -> Left<'a> {
        let uid = self.subject.uid;
        let named = self
            .subject
            .id
            .or_else(|| self.memory.accepted.as_ref()?.made.as_deref())
            .or_else(|| self.seen.spending.last_made(uid))
            .filter(|id| stays != Some(*id));
        let mut made = listing.of_owner(uid);
        let entry = named.and_then(|id| self.entry(listing, id));
        let entry = entry.filter(|entry| self.is_ours(entry));
        if let Some(entry) =
            entry.or_else(|| made.find(|entry| stays != Some(entry.image_cache_id.as_str())))
        {
            return Left::Cache(entry.image_cache_id.clone());
        }
        match named.filter(|id| listing.get(id).is_none()) {
            // a listing that lacks the cache does not prove that it is gone, unless ECI was asked to delete it
            Some(id) if !self.seen.spending.has_deleted(id) && !self.is_absent(listing, id) => {
                Left::Unlisted(id)
            }
            _ => Left::Nothing,
        }
    }

    /// Whether ECI, asked by the id, has said that there is no such cache, or that it is not the object's.
    fn is_absent(&self, listing: &Listing, id: &str) -> bool {
        self.unlisted(listing, id).is_some_and(|sighting| {
            let foreign = sighting.entry().is_some_and(|entry| !self.is_ours(entry));
            foreign || sighting.is_absent()
        })
    }

    /// Whether no cache of the object can be left, though this listing shows none: somebody may have taken the id out of the
    /// status, or written another one into it.
    fn is_clear(&self, listing: &Listing) -> bool {
        let memory = self.memory;
        let nothing_asked = memory.held && memory.changed.is_none();
        let deleted = |id: &str| self.seen.spending.has_deleted(id);
        let absent = |id: &str| self.is_absent(listing, id);
        let id = self.subject.id;
        nothing_asked
            || id.is_some_and(deleted)
            || (listing.is_agreed(self.subject.uid, memory.changed)
                && (id.is_some_and(absent) || !listing.is_newly_empty()))
    }

    fn take_down(&self, id: &str) -> ReconcileDecision {
        if self.subject.is_protected() && self.memory.deleted.is_none() {
            match self.seen.pods {
                None => {
                    let message = format!("whether pods name {id} is not known yet");
                    return self
                        .stays(reason::USERS_UNKNOWN, &message)
                        .within(DELETE_AGAIN);
                }
                Some([]) => {}
                Some(pods) => {
                    let named: Vec<&str> =
                        pods.iter().take(NAMED_PODS).map(String::as_str).collect();
                    let more = pods.len().saturating_sub(named.len());
                    let more = if more > 0 {
                        format!(" and {more} more")
                    } else {
                        String::new()
                    };
                    let message = format!(
                        "{id} is named by {}{more}; it goes with the last of them, or at once with the annotation \
                         {DELETION_PROTECTION}: \"false\"",
                        named.join(", ")
                    );
                    return self.stays(reason::IN_USE, &message);
                }
            }
        }
        match self.fault() {
            Some(fault) if fault.told => {
                let (reason, message) = (&fault.reason, &fault.message);
                self.stays(reason, message).within(self.until(fault))
            }
            _ => self.delete(id),
        }
    }

    /// The object stays, and its status says why.
    fn stays(&self, reason: &str, message: &str) -> ReconcileDecision {
        let named = self.subject.intent().filter(|_| self.subject.id.is_none());
        let generation = named.map_or(self.subject.generation, |(generation, _)| generation);
        self.draft()
            .synced(false, generation, reason, message)
            .decide()
    }

    fn release(&self) -> ReconcileDecision {
        let finalizers: Vec<&str> = self
            .subject
            .finalizers
            .iter()
            .copied()
            .filter(|finalizer| *finalizer != FINALIZER)
            .collect();
        self.finalizers(&finalizers)
    }
}
