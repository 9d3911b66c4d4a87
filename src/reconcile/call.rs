//! The decisions to ask something of ECI: only what may be sent, and was written down before.

use std::time::Duration;

use super::SETTLE;
use super::condition::reason;
use super::effect::{Effect, ReconcileDecision};
use super::inputs::{Held, Intake};
use super::listing::Listing;
use super::record::Fault;
use super::step::Turn;
use crate::eci::reply::ImageCacheEntry;
use crate::eci::request::DeleteImageCache;
use crate::resource::Phase;

impl<'a> Turn<'a> {
    /// A fault that bars a call for now.
    pub(super) fn fault(&self) -> Option<&'a Fault> {
        let fault = self.memory.fault.as_ref()?;
        let stands = fault.generation == self.subject.generation && self.seen.moment < fault.until;
        stands.then_some(fault)
    }

    pub(super) fn until(&self, fault: &Fault) -> Duration {
        fault.until.saturating_sub(self.seen.moment)
    }

    pub(super) fn update(&self, entry: &ImageCacheEntry) -> ReconcileDecision {
        let id = entry.image_cache_id.as_str();
        let generation = self.subject.generation;
        let rebuild = self.is_rebuild();
        let refused = |reason: &str, message: &str| {
            // the intent stays what it is
            let reason = if rebuild { reason::REBUILDING } else { reason };
            self.draft()
                .entry(entry)
                .phase(Phase::UpdateFailed)
                .ready(
                    false,
                    reason::STALE,
                    &format!("{id} is not what generation {generation} asks"),
                )
                .synced(false, generation, reason, message)
                .decide()
        };
        let intent = self
            .subject
            .intent()
            .filter(|(named, _)| *named == generation && !self.memory.spent);
        let attempt = intent.unwrap_or((generation, self.now));
        let call = self.sendable(refused, |intake| {
            intake.update(self.subject, id, self.settings, attempt)
        });
        let mut call = match call {
            Ok(call) => Box::new(call),
            Err(instead) => return *instead,
        };
        let rebuild = rebuild && intent.is_some();
        if rebuild {
            self.resize(&mut call, attempt.1);
        }
        let growth = self.seen.listing.and_then(|listing| {
            let sizes = (entry.image_cache_size, call.image_cache_size);
            let budget = &self.settings.budget;
            self.seen.spending.growth(budget, listing, sizes, self.now)
        });
        if let Some(message) = growth {
            return refused(reason::BUDGET_EXCEEDED, &message).within(SETTLE);
        }
        if intent.is_none() {
            let message = format!("{id} is brought to generation {generation}");
            return self
                .draft()
                .entry(entry)
                .phase(Phase::Updating)
                .ready(
                    false,
                    reason::STALE,
                    &format!("{id} is not what generation {generation} asks yet"),
                )
                .intent(&message)
                .decide();
        }
        if rebuild && let Some(instead) = self.before_rebuild(entry) {
            return instead;
        }
        if let Some(record) = self.record_update(entry, &call, attempt) {
            return record;
        }
        self.call(Effect::Update { call, generation })
    }

    /// A call that may be sent, or what is done instead: to wait after an error, to read Secrets, to report what is
    /// wrong with the object.
    fn sendable<C>(
        &self,
        refused: impl Fn(&str, &str) -> ReconcileDecision,
        call: impl FnOnce(Intake) -> Result<C, Held>,
    ) -> Result<C, Box<ReconcileDecision>> {
        if let Some(fault) = self.fault() {
            let told = if fault.told {
                refused(&fault.reason, &fault.message)
            } else {
                ReconcileDecision::rest()
            };
            return Err(Box::new(told.within(self.until(fault))));
        }
        let call = Intake::of(self.subject, self.seen, self.settings).and_then(call);
        call.map_err(|held| {
            Box::new(match held {
                Held::Unread(names) => ReconcileDecision::act(Effect::ReadSecrets(names)),
                Held::Blocked { reason, message } => refused(reason, &message).within(SETTLE),
            })
        })
    }

    pub(super) fn create(&self, listing: &Listing) -> ReconcileDecision {
        let generation = self.subject.generation;
        let arriving = self.may_arrive(listing);
        let named = self.named_generation(listing);
        let refused = |reason: &str, message: &str| {
            self.pending()
                .synced(false, named, reason, message)
                .decide()
        };
        let intent = self
            .subject
            .intent()
            .filter(|(named, _)| (*named == generation || arriving) && !self.memory.spent);
        let attempt = intent.unwrap_or((generation, self.now));
        let call = self.sendable(refused, |intake| {
            intake.create(self.subject, self.settings, attempt)
        });
        let call = match call {
            Ok(call) => Box::new(call),
            Err(instead) => return *instead,
        };
        if listing.is_doubtful() {
            let message = "ECI lists no cache at all, and did before; nothing is created until that is confirmed";
            return refused(reason::LISTING_DOUBTFUL, message)
                .within(SETTLE)
                .watching(true);
        }
        let (budget, uid) = (&self.settings.budget, self.subject.uid);
        let spending = self.seen.spending;
        if let Some(shortage) = spending.shortage(budget, listing, &call, uid, self.now) {
            return refused(reason::BUDGET_EXCEEDED, &shortage.message).within(shortage.wait);
        }
        match intent {
            Some((generation, _)) => match self.record(attempt) {
                Some(record) => record,
                None => self.call(Effect::Create { call, generation }),
            },
            // a new token: somebody may have removed what the status said of another cache
            None if !listing.is_whole(uid, self.memory.held) => {
                ReconcileDecision::listing().within(SETTLE)
            }
            None => self
                .pending()
                .intent(&format!(
                    "ECI is asked for a cache of generation {generation}"
                ))
                .opens()
                .decide(),
        }
    }

    /// A call, on an object that was read just now.
    fn call(&self, effect: Effect) -> ReconcileDecision {
        let act = if self.seen.live { effect } else { Effect::Read };
        ReconcileDecision::act(act).watching(true)
    }

    pub(super) fn delete(&self, id: &str) -> ReconcileDecision {
        if let Some(deleted) = self.memory.deleted {
            let wait = deleted
                .saturating_add(super::DELETE_AGAIN)
                .saturating_sub(self.seen.moment);
            if !wait.is_zero() {
                return ReconcileDecision::listing().within(wait);
            }
        }
        if let Some(fault) = self.fault() {
            return ReconcileDecision::rest().within(self.until(fault));
        }
        self.call(Effect::Delete {
            call: DeleteImageCache {
                region_id: self.settings.region_id.clone(),
                image_cache_id: id.to_owned(),
                client_token: None,
            },
        })
    }
}
