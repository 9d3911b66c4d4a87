//! The decisions about an object that is to stay.

use std::time::Duration;

use serde_json::json;

use super::condition::{reason, sentence};
use super::effect::{Effect, ReconcileDecision};
use super::inputs::difference;
use super::listing::{Listing, owner};
use super::record::{Accepted, ReconcileRecord, Sighting};
use super::status::Draft;
use super::subject::Subject;
use super::{AdoptionClaim, Observed, ReconcileSettings, SETTLE, UPDATE_AGAIN};
use crate::eci::reply::ImageCacheEntry;
use crate::eci::request::DescribeImageCaches;
use crate::resource::Phase;
use crate::resource::annotation::{ADOPT, FINALIZER};
use crate::time::{DAY, Timestamp};

/// What to do about an object now.
///
/// ```
/// use imagecache::reconcile::{Effect, Listing, ReconcileRecord, Observed, ReconcileSettings, Spending, step};
/// let object = serde_json::json!({
///     "metadata": {"name": "base", "uid": "e83a1c53", "resourceVersion": "7", "generation": 1},
///     "spec": {"images": ["nginx:1.27"]},
/// });
/// let listing = Listing::default();
/// let seen = Observed {
///     listing: Some(&listing), live: false, logins: None, pods: None, starting: None, rivals: &[], spending: &Spending::default(),
///     moment: Default::default(),
/// };
/// let now = "2026-01-18T13:40:56Z".parse().unwrap();
/// let decision = step(&object, &seen, &ReconcileSettings::default(), &ReconcileRecord::default(), now);
/// let Some(Effect::Finalizers { patch }) = decision.act else { panic!("{decision:?}") };
/// assert_eq!(patch["metadata"]["finalizers"][0], "imagecache.eci.alibabacloud.com/cache");
/// ```
#[must_use]
pub fn step(
    object: &serde_json::Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let stored = object;
    let object = memory.as_sent(stored);
    let Some(subject) = Subject::read(&object) else {
        return ReconcileDecision::rest();
    };
    if settings.paused || subject.is_paused() {
        return ReconcileDecision::rest();
    }
    let turn = Turn {
        subject: &subject,
        stored,
        seen,
        settings,
        memory,
        now,
    };
    let mut decision = match (subject.deleting, subject.is_held()) {
        // it has other owners or none: nothing of this object is left
        (true, false) => ReconcileDecision::rest(),
        (true, true) => turn.remove(),
        (false, held) => turn.keep(held),
    };
    if decision.act.is_none() {
        let altered = || memory.altered.note(stored);
        decision.problem = decision.problem.or_else(altered);
    }
    decision
}

/// One step.
pub(super) struct Turn<'a> {
    pub(super) subject: &'a Subject<'a>,
    /// The object as the API server has it.
    stored: &'a serde_json::Value,
    pub(super) seen: &'a Observed<'a>,
    pub(super) settings: &'a ReconcileSettings,
    pub(super) memory: &'a ReconcileRecord,
    pub(super) now: Timestamp,
}

/// The cache of an object.
enum Found<'a> {
    Own(&'a ImageCacheEntry),
    Nothing,
    /// There is a cache, but not for this object, for the given reason.
    Barred(&'static str, String),
}

impl<'a> Turn<'a> {
    fn keep(&self, held: bool) -> ReconcileDecision {
        let Some(listing) = self.seen.listing else {
            return ReconcileDecision::listing();
        };
        if let Some(bar) = self.memory.altered.bar(self.stored) {
            return ReconcileDecision {
                problem: Some(bar),
                ..ReconcileDecision::rest()
            };
        }
        if !held {
            let mut finalizers = self.subject.finalizers.clone();
            finalizers.push(FINALIZER);
            return self.finalizers(&finalizers);
        }
        if let Some(accepted) = &self.memory.accepted {
            let decision = self.accepted(accepted);
            if decision.act.is_some() {
                return decision;
            }
        }
        if !self.is_fresh(listing) {
            return ReconcileDecision::listing();
        }
        match self.find(listing) {
            Found::Own(entry) if self.subject.id == Some(entry.image_cache_id.as_str()) => {
                let decision = self.own(entry);
                match self.unlisted(listing, &entry.image_cache_id) {
                    Some(sighting) => decision.within(sighting.wait(self.seen.moment)),
                    None => decision,
                }
            }
            Found::Own(entry) => self.take(entry),
            Found::Barred(reason, message) => self
                .pending()
                .synced(false, self.named_generation(listing), reason, &message)
                .decide()
                .watching(true),
            Found::Nothing => {
                let made = self.seen.spending.last_made(self.subject.uid);
                match (self.subject.id, made) {
                    (Some(id), _) => self.missing(listing, id),
                    (None, Some(id)) if !self.is_gone(listing, id) => self.ask(listing, id),
                    _ => self.create(listing),
                }
            }
        }
    }

    pub(super) fn finalizers(&self, finalizers: &[&str]) -> ReconcileDecision {
        ReconcileDecision::act(Effect::Finalizers {
            patch: json!({"metadata": {
                "resourceVersion": self.subject.version,
                "uid": self.subject.uid,
                "finalizers": finalizers,
            }}),
        })
    }

    /// Reports whether the listing shows the result of the last call about the object.
    pub(super) fn is_fresh(&self, listing: &Listing) -> bool {
        self.memory
            .changed
            .is_none_or(|changed| listing.begun() > changed)
    }

    /// Whether a call that makes a cache may still arrive, though the listing does not show it.
    pub(super) fn may_arrive(&self, listing: &Listing) -> bool {
        let lost = self.memory.lost.unwrap_or_default();
        self.subject.id.is_none()
            && self.subject.intent().is_some()
            && self.memory.under_way != Some(false)
            && listing.begun() < lost.saturating_add(SETTLE)
    }

    /// The generation that a condition `Synced` of `False` must name: that of a call which may still arrive.
    pub(super) fn named_generation(&self, listing: &Listing) -> i64 {
        match self.subject.intent() {
            Some((generation, _)) if self.may_arrive(listing) => generation,
            _ => self.subject.generation,
        }
    }

    pub(super) fn draft(&self) -> Draft<'a> {
        Draft::new(self.subject, self.now)
    }

    pub(super) fn pending(&self) -> Draft<'a> {
        self.draft().phase(Phase::Pending).ready(
            false,
            Phase::Pending.as_str(),
            "ECI has made no cache for it yet",
        )
    }

    /// The answers to questions by id about a cache that this listing lacks, since the last call about the object.
    pub(super) fn unlisted(&self, listing: &Listing, id: &str) -> Option<&'a Sighting> {
        let sighting = self.memory.sighting.as_ref()?;
        let news = self
            .memory
            .changed
            .is_none_or(|changed| sighting.asked() > changed);
        (news && sighting.is_of(id) && listing.get(id).is_none()).then_some(sighting)
    }

    /// Asks for a cache by its id, no sooner than it is due.
    pub(super) fn ask(&self, listing: &Listing, id: &str) -> ReconcileDecision {
        let wait = self
            .unlisted(listing, id)
            .map_or(Duration::ZERO, |sighting| sighting.wait(self.seen.moment));
        if !wait.is_zero() {
            return ReconcileDecision::listing().within(wait);
        }
        ReconcileDecision::act(Effect::Describe {
            call: Box::new(DescribeImageCaches {
                region_id: self.settings.region_id.clone(),
                image_cache_id: Some(id.to_owned()),
                ..DescribeImageCaches::default()
            }),
        })
    }

    /// The cache of this id, as the listing shows it or as ECI described it just now.
    pub(super) fn entry(&self, listing: &'a Listing, id: &str) -> Option<&'a ImageCacheEntry> {
        listing.get(id).or_else(|| {
            let sighting = self.unlisted(listing, id)?;
            let now = !sighting.wait(self.seen.moment).is_zero();
            sighting.entry().filter(|_| now)
        })
    }

    /// Whether a cache has the object's tag, or may be adopted by it. What the status says gives no right.
    pub(super) fn is_ours(&self, entry: &ImageCacheEntry) -> bool {
        match owner(entry) {
            Some(owner) => owner == self.subject.uid,
            None => {
                self.subject.has_adopted(&entry.image_cache_id)
                    && self.settings.trust.may_adopt(entry)
            }
        }
    }

    fn find(&self, listing: &'a Listing) -> Found<'a> {
        let uid = self.subject.uid;
        let foreign = |entry: &ImageCacheEntry| owner(entry).is_some_and(|owner| owner != uid);
        let not_ours = |entry: &ImageCacheEntry| {
            let id = &entry.image_cache_id;
            let message = match owner(entry) {
                Some(owner) => {
                    format!("{id} was made for another ImageCache, of uid {owner}; its tag says so")
                }
                None => format!(
                    "{id} was not made for this ImageCache: it has no tag of it, and adopting it is not allowed"
                ),
            };
            Found::Barred(reason::NOT_OURS, message)
        };
        let named = self.subject.id.and_then(|id| self.entry(listing, id));
        if let Some(entry) = named {
            if self.is_ours(entry) {
                return Found::Own(entry);
            }
            return match listing.of_owner(uid).next() {
                Some(own) => Found::Own(own),
                None => not_ours(entry),
            };
        }
        if let Some(entry) = listing.of_owner(uid).next() {
            return Found::Own(entry);
        }
        let Some(wanted) = self.subject.wanted() else {
            return Found::Nothing;
        };
        if self.may_arrive(listing) {
            let message = format!(
                "before {wanted} is adopted, a call that may have made a cache must have settled"
            );
            return Found::Barred(reason::SUBMITTING, message);
        }
        let adoption = &self.settings.trust.adoption;
        let known = listing.get(wanted);
        let named = |entry: &ImageCacheEntry| adoption.includes(&entry.image_cache_name);
        if !adoption.includes(wanted) && !known.is_some_and(named) {
            // the words are the same whether there is such a cache or not
            return Found::Barred(
                reason::NOT_ALLOWED,
                format!(
                    "metadata.annotations[{ADOPT}]: adopting {wanted} is not allowed, --allow-adoption does not list it"
                ),
            );
        }
        match known {
            None => Found::Barred(
                reason::CACHE_NOT_FOUND,
                format!(
                    "metadata.annotations[{ADOPT}]: no cache {wanted} in {}",
                    self.settings.region_id
                ),
            ),
            Some(entry) => match self.rival() {
                Some(rival) => Found::Barred(
                    reason::ADOPTION_CONFLICT,
                    format!("{wanted} is taken by the ImageCache {}", rival.name()),
                ),
                None if foreign(entry) => not_ours(entry),
                None if self.may_take() => Found::Own(entry),
                None => Found::Barred(
                    reason::ADOPTING,
                    format!("{wanted} is taken over unless another ImageCache claims it, too"),
                ),
            },
        }
    }

    /// The object that comes first among those that claim the same cache, unless it is this one.
    fn rival(&self) -> Option<&AdoptionClaim> {
        let own = AdoptionClaim::read(self.subject.object);
        let first = self.seen.rivals.iter().min()?;
        own.is_none_or(|own| *first < own).then_some(first)
    }

    /// Returns true if no other object can have the wanted cache: see [the module](super#adoption).
    fn may_take(&self) -> bool {
        let rivals = self.seen.rivals;
        self.subject.is_adopting()
            && !self.seen.live
            && !rivals.iter().any(AdoptionClaim::is_adopting)
    }

    /// ECI has accepted a call, and the status may not say so yet.
    fn accepted(&self, accepted: &Accepted) -> ReconcileDecision {
        let generation = accepted.generation;
        let draft = match &accepted.made {
            Some(id) => self
                .draft()
                .without_cache()
                .set("imageCacheId", id.as_str())
                .phase(Phase::Preparing)
                .ready(
                    false,
                    Phase::Preparing.as_str(),
                    &format!("ECI prepares {id}"),
                ),
            None => self.draft().phase(Phase::Updating).ready(
                false,
                Phase::Updating.as_str(),
                &format!("ECI brings it to generation {generation}"),
            ),
        };
        let stays = accepted.made.is_none() && self.retention_stays();
        let draft = if stays {
            draft.synced(
                false,
                generation,
                reason::RETENTION_STAYS,
                "spec.retentionDays: ECI takes no retention back; the cache still ends, and everything else is as \
                 asked; delete the object and create it again to be rid of it",
            )
        } else {
            draft.synced(
                true,
                generation,
                reason::SUBMITTED,
                &format!("ECI accepted generation {generation}"),
            )
        };
        draft.decide().watching(true)
    }

    /// Whether the cache has a retention that the object no longer asks for. The first day is what ECI grants a creation
    /// that might fail.
    fn retention_stays(&self) -> bool {
        let status = self.subject.status();
        let time = |key: &str| -> Option<Timestamp> { status.get(key)?.as_str()?.parse().ok() };
        let spec = self.subject.object.get("spec");
        let asked = spec
            .and_then(|spec| spec.get("retentionDays"))
            .is_some_and(|days| !days.is_null());
        let (Some(start), Some(end)) = (time("startTime"), time("expireDateTime")) else {
            return false;
        };
        !asked && end.since(start) > DAY + crate::expiry::TOLERANCE
    }

    /// A cache that the status does not name: created by a call whose response was not recorded, or to be adopted.
    fn take(&self, entry: &ImageCacheEntry) -> ReconcileDecision {
        let id = &entry.image_cache_id;
        let made = owner(entry) == Some(self.subject.uid);
        let draft = self.draft().entry(entry).opens();
        let draft = match (self.subject.intent(), difference(self.subject, entry)) {
            (Some((generation, _)), _) if made => {
                let message = format!("ECI accepted generation {generation}");
                draft.synced(true, generation, reason::SUBMITTED, &message)
            }
            (_, None) if made => {
                let message = format!("{id} is what is asked, and was taken over");
                draft.synced(true, self.subject.generation, reason::ADOPTED, &message)
            }
            (_, None) => draft.intent(&format!("{id} was taken over and gets this object's tag")),
            (_, Some(difference)) => {
                draft.intent(&format!("{id} was taken over and is updated: {difference}"))
            }
        };
        let shown = match entry.status {
            Phase::Ready => Phase::Updating,
            ref status => status.clone(),
        };
        let word = String::from(shown.clone());
        draft
            .phase(shown)
            .ready(false, &word, &format!("{id} was taken over"))
            .decide()
            .watching(true)
    }

    /// The object's own cache in ECI.
    fn own(&self, entry: &ImageCacheEntry) -> ReconcileDecision {
        let id = &entry.image_cache_id;
        let accepted = self.subject.is_accepted();
        let draft = || self.draft().entry(entry);
        let since = self.subject.synced.as_ref().map(|synced| synced.since);
        let wait = since.map_or(0, |since| {
            UPDATE_AGAIN.saturating_sub(self.now.since(since))
        });
        let again = Duration::from_secs(u64::try_from(wait).unwrap_or(0));
        match &entry.status {
            Phase::Ready | Phase::UpdateFailed if !accepted => self.update(entry),
            Phase::Ready => match difference(self.subject, entry) {
                None => self.until_the_end(self.settled(entry)),
                Some(_) if again.is_zero() => self.update(entry),
                Some(difference) => draft()
                    .phase(Phase::Updating)
                    .ready(
                        false,
                        reason::DRIFTED,
                        &format!("{id} is not what is asked: {difference}"),
                    )
                    .decide()
                    .within(again),
            },
            Phase::UpdateFailed if again.is_zero() => self.update(entry),
            Phase::UpdateFailed => draft()
                .ready(false, Phase::UpdateFailed.as_str(), &why(entry))
                .decide()
                .within(again),
            Phase::Failed if !accepted && !self.subject.has_adopted(id) => {
                // ECI updates no failed cache: another takes its place
                self.delete(id)
            }
            Phase::Failed if !accepted => draft()
                .synced(
                    false,
                    self.subject.generation,
                    reason::REFUSED,
                    &format!("{id} was adopted and has failed; ECI updates no failed cache"),
                )
                .ready(false, Phase::Failed.as_str(), &why(entry))
                .decide(),
            Phase::Failed => draft()
                .ready(false, Phase::Failed.as_str(), &why(entry))
                .decide(),
            busy => draft()
                .ready(
                    false,
                    super::condition::word(busy.as_str()).as_str(),
                    &format!("ECI is at work on {id}"),
                )
                .decide()
                .watching(true),
        }
    }

    /// Looks again when the cache ends.
    fn until_the_end(&self, decision: ReconcileDecision) -> ReconcileDecision {
        let facts = crate::expiry::ExpiryFacts::read(self.subject.object);
        let left = facts.recorded.map(|end| end.since(self.now));
        match left.and_then(|left| u64::try_from(left).ok()) {
            Some(left) if left <= 3600 => decision.within(Duration::from_secs(left + 1)),
            // the end has passed: ECI is about to remove it
            None if left.is_some() => decision.watching(true),
            _ => decision,
        }
    }

    /// The listing lacks the cache that the status names: that alone proves nothing.
    fn missing(&self, listing: &Listing, id: &str) -> ReconcileDecision {
        if self.is_gone(listing, id) {
            self.gone(id)
        } else {
            self.ask(listing, id)
        }
    }

    /// Whether ECI, asked by the id, has said often enough that there is no such cache.
    fn is_gone(&self, listing: &Listing, id: &str) -> bool {
        let expected = self.subject.may_be_gone(self.now) || self.seen.spending.has_deleted(id);
        self.unlisted(listing, id).is_some_and(|sighting| {
            let surprise = sighting.is_proof() && !listing.is_doubtful();
            surprise || (expected && sighting.is_absent())
        })
    }

    /// The cache that the status names is not there.
    fn gone(&self, id: &str) -> ReconcileDecision {
        let failed = self.subject.phase == Some(Phase::Failed.as_str());
        if self.subject.is_accepted() && !failed {
            let ended = if self.subject.has_expired(self.now) {
                Some((
                    reason::EXPIRED,
                    format!("ECI removed {id} at the end of its retention"),
                ))
            } else if self.subject.is_evictable() {
                Some((
                    reason::ELIMINATED,
                    format!("ECI removed {id}, which was marked LRU"),
                ))
            } else {
                None
            };
            if let Some((reason, message)) = ended {
                return self
                    .draft()
                    .without("phase")
                    .without("progress")
                    .ready(false, reason, &message)
                    .decide();
            }
        }
        let message = if failed {
            format!("the failed cache {id} is gone; another is made")
        } else {
            format!("{id} is not in ECI any longer; another is created")
        };
        let generation = self.subject.generation;
        self.draft()
            .without_cache()
            .phase(Phase::Pending)
            .ready(false, reason::GONE, &message)
            .intent(&format!(
                "ECI is asked for a cache of generation {generation}"
            ))
            .opens()
            .decide()
    }
}

/// Why a cache failed: its warnings, each once.
fn why(entry: &ImageCacheEntry) -> String {
    let mut said: Vec<&str> = Vec::new();
    for event in &entry.events {
        let message = event.message.as_deref().or(event.reason.as_deref());
        if let Some(message) = message
            && event.r#type.as_deref() == Some("Warning")
            && !said.contains(&message)
        {
            said.push(message);
        }
    }
    if said.is_empty() {
        let id = &entry.image_cache_id;
        return format!("ECI gives no reason; its console may, for {id}");
    }
    sentence(&said.join("; "))
}
