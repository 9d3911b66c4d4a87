//! The decisions about an object that is to go: first the cache, then the finalizer.

use super::condition::reason;
use super::effect::ReconcileDecision;
use super::listing::{Listing, owner};
use super::step::Turn;
use super::subject::Policy;
use super::{DELETE_AGAIN, SETTLE};
use crate::annotation::{DELETION_PROTECTION, FINALIZER};

/// So many pods are named in a message.
const NAMED_PODS: usize = 3;

impl Turn<'_> {
    pub(super) fn remove(&self) -> ReconcileDecision {
        let Some(listing) = self.seen.listing else {
            return ReconcileDecision::listing();
        };
        let subject = self.subject;
        let adopted = subject.id.is_some_and(|id| subject.has_adopted(id));
        let policy = match subject.policy(adopted) {
            Ok(policy) => policy,
            Err(message) => return self.stays(reason::INVALID, &message),
        };
        if policy == Policy::Retain {
            return self.release();
        }
        if !self.is_fresh(listing) {
            return ReconcileDecision::listing();
        }
        match self.left(listing) {
            Some(id) => self.take_down(&id),
            // a cache that still arrives would have no owner
            None if self.may_arrive(listing) => ReconcileDecision::listing().within(SETTLE),
            None => self.release(),
        }
    }

    /// The next cache that must go before the object does.
    fn left(&self, listing: &Listing) -> Option<String> {
        let uid = self.subject.uid;
        let named = self
            .subject
            .id
            .or_else(|| self.memory.accepted.as_ref()?.made.as_deref());
        let named = named.and_then(|id| listing.get(id));
        let named = named.filter(|entry| owner(entry).is_none_or(|owner| owner == uid));
        let made = listing.of_owner(uid);
        let mut own = named.into_iter().chain(made);
        own.next().map(|entry| entry.image_cache_id.clone())
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
