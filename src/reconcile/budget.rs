//! What caches may cost: limits of how many are created, and the account of what was created.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::SETTLE;
use super::condition::{Condition, SYNCED, reason};
use super::effect::{Effect, Outcome};
use super::listing::{Listing, owner};
use crate::eci::request::CreateImageCache;
use crate::resource::DEFAULT_SIZE_GIB;
use crate::resource::annotation::OWNER_TAG;
use crate::time::Timestamp;

/// The time over which creations are counted, in seconds.
const WINDOW: i64 = 3600;

/// Limits of what a controller creates. They count every cache that carries an owner tag, also those of other clusters of
/// the region.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budget {
    /// Creations for one object within an hour.
    pub creations_per_object_hour: u32,
    /// Creations for all objects within an hour.
    pub creations_per_hour: u32,
    /// Caches.
    pub caches: u32,
    /// GiB of all caches.
    pub gib: u64,
    /// Rebuilds of caches whose tags have moved, for all objects within an hour.
    pub rebuilds_per_hour: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            creations_per_object_hour: 3,
            creations_per_hour: 60,
            caches: 200,
            gib: 10_240,
            rebuilds_per_hour: 6,
        }
    }
}

/// What was created and deleted within the last hour. A host keeps one value for all objects: it takes a decision and
/// calls [`Spending::reserve`] under one lock, so that two decisions never spend the same part of a budget, and calls
/// [`Spending::settle`] with the outcome.
///
/// A host that starts begins with an empty value: the caches that the listing shows as created within the hour count, too.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Spending {
    /// By `ClientToken`: a call that is sent again creates nothing new.
    creations: BTreeMap<String, Creation>,
    /// When ECI accepted the deletion of a cache, by id.
    deleted: BTreeMap<String, Timestamp>,
    /// Caches whose deletion was sent and not answered: a listing may lack them before the answer arrives.
    deleting: BTreeMap<String, Timestamp>,
    /// When the last rebuild of an object's cache began, by uid.
    rebuilds: BTreeMap<String, Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Creation {
    uid: String,
    gib: u64,
    at: Timestamp,
    /// The cache, once ECI has answered.
    id: Option<String>,
    /// An answer was lost, so a later refusal does not say that nothing was created.
    lost: bool,
}

/// A budget that is used up.
#[derive(Debug)]
pub(super) struct Shortage {
    pub(super) message: String,
    /// How long until it is worth another look.
    pub(super) wait: Duration,
}

fn token(call: &CreateImageCache) -> &str {
    call.client_token.as_deref().unwrap_or_default()
}

fn size(gib: Option<i64>) -> u64 {
    u64::try_from(gib.unwrap_or(DEFAULT_SIZE_GIB)).unwrap_or(0)
}

impl Spending {
    /// Counts the creation, or notes the deletion, that this effect is about to send.
    pub fn reserve(&mut self, effect: &Effect, now: Timestamp) {
        let recent = |at: Timestamp| now.since(at) < WINDOW;
        self.creations.retain(|_, creation| recent(creation.at));
        self.deleted.retain(|_, at| recent(*at));
        self.deleting.retain(|_, at| recent(*at));
        self.rebuilds.retain(|_, at| recent(*at));
        if let Some(uid) = rebuilt(effect) {
            self.rebuilds.entry(uid.to_owned()).or_insert(now);
        }
        if let Effect::Delete { call } = effect {
            self.deleting.insert(call.image_cache_id.clone(), now);
        }
        let Effect::Create { call, .. } = effect else {
            return;
        };
        let uid = call.tag.iter().find(|tag| tag.key == OWNER_TAG);
        let uid = uid.and_then(|tag| tag.value.clone()).unwrap_or_default();
        let creation = Creation {
            uid,
            gib: size(call.image_cache_size.map(i64::from)),
            at: now,
            id: None,
            lost: false,
        };
        let reserved = self.creations.entry(token(call).to_owned());
        // a call that is repeated may be the one that creates
        reserved
            .and_modify(|before| before.at = now)
            .or_insert(creation);
    }

    /// Notes how an effect ended: what was not created is not counted any longer.
    pub fn settle(&mut self, effect: &Effect, outcome: &Outcome, now: Timestamp) {
        match (effect, outcome) {
            (Effect::Delete { call }, outcome) => {
                let id = &call.image_cache_id;
                if !matches!(outcome, Outcome::Lost(_)) {
                    self.deleting.remove(id);
                }
                if matches!(outcome, Outcome::Accepted) {
                    self.deleted.insert(id.clone(), now);
                }
            }
            (Effect::Create { call, .. }, outcome) => {
                let Some(creation) = self.creations.get_mut(token(call)) else {
                    return;
                };
                match outcome {
                    Outcome::Created(id) => creation.id = Some(id.clone()),
                    Outcome::Lost(_) => creation.lost = true,
                    _ if creation.lost => {}
                    _ => drop(self.creations.remove(token(call))),
                }
            }
            _ => {}
        }
    }

    /// Reports whether the deletion of a cache was sent and not answered yet.
    pub(super) fn is_deleting(&self, id: &str) -> bool {
        self.deleting.contains_key(id)
    }

    /// The last cache that was made for this owner within the hour, unless it was deleted on request.
    pub(super) fn last_made(&self, uid: &str) -> Option<&str> {
        let made = self.creations.values().filter(|one| one.uid == uid);
        let ids = made.filter_map(|one| Some((one.at, one.id.as_deref()?)));
        let left = ids.filter(|(_, id)| !self.has_deleted(id));
        left.max().map(|(_, id)| id)
    }

    /// The caches that were deleted on request.
    pub(super) fn has_deleted(&self, id: &str) -> bool {
        self.deleted.contains_key(id)
    }

    /// The budget that this creation would exceed, if any.
    pub(super) fn shortage(
        &self,
        budget: &Budget,
        listing: &Listing,
        call: &CreateImageCache,
        uid: &str,
        now: Timestamp,
    ) -> Option<Shortage> {
        if self.creations.contains_key(token(call)) {
            return None;
        }
        let account = Account::of(self, listing, now);
        let used_up = |recent: Vec<Timestamp>, limit: u32, what: &str, flag: &str| {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let over = recent.len().checked_sub(limit)?;
            let frees = recent.get(over).map(|at| at.plus(WINDOW));
            let then = frees.map(|frees| format!("; the next is possible at {frees}"));
            let wait = frees.map_or(0, |frees| frees.since(now).max(1));
            Some(Shortage {
                message: format!(
                    "the {limit} creations of {what} within an hour ({flag}) are used{}",
                    then.unwrap_or_default()
                ),
                wait: Duration::from_secs(u64::try_from(wait).unwrap_or(0)).max(SETTLE),
            })
        };
        let later = |message: String| Shortage {
            message,
            wait: SETTLE,
        };
        used_up(
            account.recent(Some(uid)),
            budget.creations_per_object_hour,
            "one object",
            "--max-creations-per-object-hour",
        )
        .or_else(|| {
            used_up(
                account.recent(None),
                budget.creations_per_hour,
                "all objects",
                "--max-creations-per-hour",
            )
        })
        .or_else(|| {
            (account.caches >= u64::from(budget.caches)).then(|| {
                later(format!(
                    "all {} caches (--max-caches) are used; the next is possible when one is deleted",
                    budget.caches
                ))
            })
        })
        .or_else(|| {
            let gib = size(call.image_cache_size.map(i64::from));
            (account.gib.saturating_add(gib) > budget.gib).then(|| {
                later(format!(
                    "{gib} GiB more would exceed the {} GiB (--max-gib) of all caches; possible when others are deleted",
                    budget.gib
                ))
            })
        })
    }

    /// Returns the time of the next rebuild, if all rebuilds of the hour are used.
    pub(super) fn next_rebuild(
        &self,
        budget: &Budget,
        uid: &str,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let others = self.rebuilds.iter().filter(|(other, _)| *other != uid);
        let mut recent: Vec<Timestamp> = others
            .map(|(_, at)| *at)
            .filter(|at| now.since(*at) < WINDOW)
            .collect();
        recent.sort_unstable();
        let limit = usize::try_from(budget.rebuilds_per_hour).unwrap_or(usize::MAX);
        let over = recent.len().checked_sub(limit)?;
        let frees = recent.get(over).map_or(now, |at| *at);
        Some(frees.plus(WINDOW))
    }

    /// The message when an update to this size would exceed the budget of GiB.
    pub(super) fn growth(
        &self,
        budget: &Budget,
        listing: &Listing,
        (held, wanted): (Option<i64>, Option<i32>),
        now: Timestamp,
    ) -> Option<String> {
        let more = size(wanted.map(i64::from)).saturating_sub(size(held));
        let account = Account::of(self, listing, now);
        (more > 0 && account.gib.saturating_add(more) > budget.gib).then(|| {
            format!(
                "{more} GiB more would exceed the {} GiB (--max-gib) of all caches; possible when others are deleted",
                budget.gib
            )
        })
    }
}

/// Returns the uid of the object, if the effect writes down that its cache is rebuilt.
fn rebuilt(effect: &Effect) -> Option<&str> {
    let Effect::Status { patch, .. } = effect else {
        return None;
    };
    let synced = Condition::read(patch.get("status")?, SYNCED)?;
    let begins = synced.reason == reason::REBUILDING;
    patch.pointer("/metadata/uid")?.as_str().filter(|_| begins)
}

/// What the listing and the spending say together. Each cache counts once.
struct Account<'a> {
    /// The owner and the time of each creation within the hour, by time.
    creations: Vec<(Timestamp, &'a str)>,
    caches: u64,
    gib: u64,
}

impl<'a> Account<'a> {
    fn of(spending: &'a Spending, listing: &'a Listing, now: Timestamp) -> Self {
        let recent = |at: Timestamp| now.since(at) < WINDOW;
        let made = spending.creations.values();
        let made: Vec<&Creation> = made.filter(|one| recent(one.at)).collect();
        let known: BTreeSet<&str> = made.iter().filter_map(|one| one.id.as_deref()).collect();
        // a creation whose answer was lost is the cache of the same owner that no other creation accounts for
        let mut nameless: Vec<&Creation> = made
            .iter()
            .copied()
            .filter(|one| one.id.is_none())
            .collect();
        let mut account = Account {
            creations: made.iter().map(|one| (one.at, one.uid.as_str())).collect(),
            caches: 0,
            gib: 0,
        };
        for entry in listing.entries() {
            let Some(uid) = owner(entry) else { continue };
            account.caches += 1;
            account.gib = account.gib.saturating_add(size(entry.image_cache_size));
            let created = entry.creation_time.as_deref();
            let created = created.and_then(|text| text.parse::<Timestamp>().ok());
            let Some(created) = created.filter(|at| recent(*at)) else {
                continue;
            };
            if known.contains(entry.image_cache_id.as_str()) {
                continue;
            }
            match nameless.iter().position(|one| one.uid == uid) {
                Some(place) => drop(nameless.swap_remove(place)),
                None => account.creations.push((created, uid)),
            }
        }
        let unlisted = made.iter().copied().filter(|one| match &one.id {
            Some(id) => listing.get(id).is_none() && !spending.has_deleted(id),
            None => nameless.iter().any(|other| std::ptr::eq(*other, *one)),
        });
        for creation in unlisted {
            account.caches += 1;
            account.gib = account.gib.saturating_add(creation.gib);
        }
        account.creations.sort_unstable();
        account
    }

    /// The times of the creations for this object, or for all.
    fn recent(&self, uid: Option<&str>) -> Vec<Timestamp> {
        let creations = self.creations.iter();
        let of_uid = creations.filter(|(_, owner)| uid.is_none_or(|uid| uid == *owner));
        of_uid.map(|(at, _)| *at).collect()
    }
}
