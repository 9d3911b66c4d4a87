//! The verdict about each cache.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::input::{Owner, TidyInput};
use super::quota::forecast;
use super::report::{Tidy, TidyBlock, TidyCache, TidyOptions, TidyTarget, TidyVerdict};
use crate::matching::{Cache, Image, Index, MatchRules};
use crate::resource::{AUTO_NAME_PREFIX, Phase};
use crate::time::{DAY, Timestamp};

/// Returns the verdict about each cache of an input, and forecasts of the quotas.
#[must_use]
pub fn tidy(input: &TidyInput, options: &TidyOptions) -> Tidy {
    let mut input = input.clone();
    input.finish();
    let index: Index = input.caches.iter().cloned().collect();
    let world = World {
        needed: needed(&input, &index, options),
        pinned: pinned(&input),
        index: &index,
        input: &input,
        options,
    };
    let mut caches: Vec<(&Cache, TidyCache)> = index
        .iter()
        .map(|cache| (cache, world.verdict(cache)))
        .collect();
    caches.sort_by(|(_, a), (_, b)| {
        let key = |cache: &TidyCache| {
            (
                cache.target.is_none(),
                cache.verdict == TidyVerdict::Keep,
                cache.name.clone(),
                cache.image_cache_id.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    let of = |automatic: bool, most| {
        let caches = caches.iter().map(|(cache, verdict)| (*cache, verdict));
        let caches = caches.filter(move |(_, verdict)| verdict.automatic == automatic);
        forecast(caches, most, options.now)
    };
    Tidy {
        manual: of(false, options.quotas.manual),
        automatic: of(true, options.quotas.automatic),
        caches: caches.into_iter().map(|(_, verdict)| verdict).collect(),
    }
}

/// The key of a cache in this module: its id, else its name.
fn key(cache: &Cache) -> (Option<&str>, &str) {
    (cache.id.as_deref(), &cache.name)
}

/// The caches that workloads and pods would start from now, with one of them for each.
fn needed<'i>(
    input: &'i TidyInput,
    index: &'i Index,
    options: &TidyOptions,
) -> BTreeMap<(Option<&'i str>, &'i str), String> {
    // Without a time no cache is expired: one that is listed can be used, whatever its end should be.
    let rules = MatchRules {
        serve_stale_while_updating: true,
        region: options.region.clone(),
        auto_match: options.auto_match,
        ..MatchRules::default()
    };
    let mut needed = BTreeMap::new();
    for pod in &input.pods {
        if let Some(cache) = index.winner(pod, &rules).winner {
            let name = format!("{}/{}", pod.kind, pod.full_name());
            let first = needed.entry(key(cache)).or_insert_with(|| name.clone());
            if name < *first {
                *first = name;
            }
        }
    }
    needed
}

/// The ids that workloads and pods name, with one of them for each.
fn pinned(input: &TidyInput) -> BTreeMap<&str, String> {
    let mut pinned = BTreeMap::new();
    for pod in &input.pods {
        if let Some(id) = pod.wish.explicit.as_deref() {
            let name = format!("{}/{}", pod.kind, pod.full_name());
            let first = pinned.entry(id).or_insert_with(|| name.clone());
            if name < *first {
                *first = name;
            }
        }
    }
    pinned
}

struct World<'i> {
    needed: BTreeMap<(Option<&'i str>, &'i str), String>,
    pinned: BTreeMap<&'i str, String>,
    index: &'i Index,
    input: &'i TidyInput,
    options: &'i TidyOptions,
}

/// A verdict with its reason, before it is known whether the cache may be deleted.
struct Reasoned<'i> {
    verdict: TidyVerdict,
    reason: String,
    by: Option<&'i Cache>,
    since: Option<Timestamp>,
}

impl Reasoned<'_> {
    fn new(verdict: TidyVerdict, reason: String) -> Self {
        Reasoned {
            verdict,
            reason,
            by: None,
            since: None,
        }
    }
}

impl<'i> World<'i> {
    fn verdict(&self, cache: &Cache) -> TidyCache {
        let base = self.reasoned(cache);
        let owners = self.owners(cache);
        let mut blocks = Vec::new();
        let mut target = None;
        if base.verdict != TidyVerdict::Keep {
            blocks = self.blocks(cache, owners, base.verdict);
            if blocks.is_empty() {
                target = target_of(cache, owners);
            }
            if target.is_none() && blocks.is_empty() {
                let why = "the cache has no id".to_owned();
                blocks.push(TidyBlock::UsageUnknown(why));
            }
        }
        let blocked = blocks.first().map(ToString::to_string);
        TidyCache {
            verdict: if blocked.is_some() {
                TidyVerdict::Blocked
            } else {
                base.verdict
            },
            image_cache_id: cache.id.clone(),
            name: owners
                .first()
                .map_or_else(|| cache.name.clone(), |owner| owner.name.clone()),
            otherwise: blocked.is_some().then_some(base.verdict),
            reason: blocked.unwrap_or(base.reason),
            by: base.by.map(Cache::named),
            since: base.since,
            blocks,
            automatic: is_automatic(cache),
            size_gib: cache.size_gib,
            created: cache.created,
            last_matched: cache.last_matched,
            target,
        }
    }

    fn owners(&self, cache: &Cache) -> &'i [Owner] {
        let owners = cache.id.as_ref().and_then(|id| self.input.owners.get(id));
        owners.map_or(&[], Vec::as_slice)
    }

    /// The uid of the ImageCache that the cache was made for, by its tag.
    fn tag(&self, cache: &Cache) -> Option<&'i str> {
        let tag = cache.id.as_ref().and_then(|id| self.input.tags.get(id));
        tag.map(String::as_str)
    }

    /// Why tag and ImageCaches do not agree about the owner of the cache.
    fn disputed(&self, cache: &Cache, owners: &[Owner]) -> Option<String> {
        let uid = self.tag(cache)?;
        if let Some(other) = owners
            .iter()
            .find(|owner| !owner.adopts && owner.uid.as_deref().is_some_and(|own| own != uid))
        {
            return Some(format!(
                "ImageCache `{}` names it, and its tag has the uid of another one, `{uid}`",
                other.name
            ));
        }
        let name = self.input.uids.get(uid).filter(|_| owners.is_empty())?;
        Some(format!(
            "its tag has the uid of ImageCache `{name}`, whose status does not name it"
        ))
    }

    /// The verdict by what is known, as if all were known.
    fn reasoned(&self, cache: &Cache) -> Reasoned<'i> {
        if let Some(pod) = self.needed.get(&key(cache)) {
            let reason = format!("{pod} would start from it");
            return Reasoned::new(TidyVerdict::Keep, reason);
        }
        let uid = self.tag(cache);
        if self.owners(cache).is_empty()
            && let Some(uid) = uid.filter(|uid| !self.input.uids.contains_key(*uid))
        {
            let reason = format!("no ImageCache has the uid `{uid}` of its tag");
            return Reasoned::new(TidyVerdict::Leftover, reason);
        }
        if let Some(by) = self.successor(cache) {
            let name = by.id.as_deref().unwrap_or(&by.name);
            let reason = format!("`{name}` has a later version of each image");
            return Reasoned {
                by: Some(by),
                ..Reasoned::new(TidyVerdict::SupersededBy, reason)
            };
        }
        let listed = cache.id.as_ref();
        let listed = listed.is_some_and(|id| self.input.entries.contains(id));
        match (cache.last_matched, cache.created) {
            _ if !listed => {}
            (None, Some(created)) if !self.is_within(created, self.options.keep_days) => {
                let reason = format!("no pod has started from it since {created}");
                return Reasoned {
                    since: Some(created),
                    ..Reasoned::new(TidyVerdict::NeverMatched, reason)
                };
            }
            (Some(used), _) if !self.is_within(used, self.options.unused_days) => {
                let reason = format!("no pod has started from it since {used}");
                return Reasoned {
                    since: Some(used),
                    ..Reasoned::new(TidyVerdict::Unused, reason)
                };
            }
            _ => {}
        }
        let reason = match (cache.last_matched, cache.created) {
            (Some(used), _) => format!("used at {used}"),
            (None, Some(created)) if listed => format!("made at {created}"),
            _ => "nothing is known against it".to_owned(),
        };
        Reasoned::new(TidyVerdict::Keep, reason)
    }

    /// Whether a time is less than this many days ago, or in the future.
    fn is_within(&self, time: Timestamp, days: u32) -> bool {
        self.options.now.since(time) < i64::from(days).saturating_mul(DAY)
    }

    /// The latest cache that pods can start from, made after this one, with every repository of it.
    fn successor(&self, cache: &Cache) -> Option<&'i Cache> {
        let repositories = |cache: &'_ Cache| -> Option<BTreeSet<String>> {
            let images = cache.images.iter();
            images
                .map(|image| Image::repository(image).map(str::to_owned))
                .collect()
        };
        let mine = repositories(cache).filter(|mine| !mine.is_empty())?;
        let created = cache.created?;
        let later = self.index.iter().filter(|other| {
            let place =
                |cache: &Cache| (cache.region.clone(), cache.arch.clone(), cache.os.clone());
            key(other) != key(cache)
                && !is_automatic(other)
                && other.phase.as_ref().is_some_and(Phase::is_usable)
                && other.created.is_some_and(|time| time > created)
                && other.expires.is_none_or(|end| end > self.options.now)
                && place(other) == place(cache)
                && repositories(other).is_some_and(|others| mine.is_subset(&others))
        });
        later.max_by_key(|other| (other.created, Reverse(key(other))))
    }

    /// Every reason why the cache must not be deleted.
    fn blocks(&self, cache: &Cache, owners: &[Owner], verdict: TidyVerdict) -> Vec<TidyBlock> {
        let (input, options) = (self.input, self.options);
        let mut blocks = Vec::new();
        match &cache.phase {
            Some(Phase::Ready | Phase::UpdateFailed) => {}
            Some(Phase::Failed) => blocks.push(TidyBlock::Failed),
            phase => {
                let phase = phase.as_ref().map_or("no phase yet", Phase::as_str);
                blocks.push(TidyBlock::BeingMade(phase.to_owned()));
            }
        }
        let ids = [&cache.id, &cache.snapshot, &cache.flash_snapshot];
        let ids: Vec<&str> = ids.into_iter().filter_map(Option::as_deref).collect();
        let users = ids.iter().filter_map(|id| input.users.get(*id)).flatten();
        if let Some(user) = users.min() {
            blocks.push(TidyBlock::InUse(user.clone()));
        }
        if let Some(by) = ids.iter().find_map(|id| self.pinned.get(id)) {
            blocks.push(TidyBlock::Pinned(by.clone()));
        }
        blocks.extend(self.unknown(cache, owners).map(TidyBlock::UsageUnknown));
        if let Some(used) = cache.last_matched
            && self.is_within(used, options.keep_days)
        {
            blocks.push(TidyBlock::RecentlyUsed(used));
        }
        if cache
            .created
            .is_none_or(|made| self.is_within(made, options.keep_days))
        {
            blocks.push(TidyBlock::Young(cache.created));
        }
        blocks.extend(
            owners
                .iter()
                .find_map(|owner| owner.retained)
                .map(TidyBlock::Retained),
        );
        if verdict == TidyVerdict::Leftover && !options.sole_cluster {
            blocks.push(TidyBlock::OtherCluster);
        }
        if owners.is_empty() && self.tag(cache).is_none() && !options.others {
            blocks.push(if is_automatic(cache) {
                TidyBlock::Automatic
            } else {
                TidyBlock::NotOurs
            });
        }
        blocks
    }

    /// The first fact about the use of the cache that is not known.
    fn unknown(&self, cache: &Cache, owners: &[Owner]) -> Option<String> {
        let (input, options) = (self.input, self.options);
        let images: BTreeSet<&str> = cache.images.iter().filter_map(Image::normalized).collect();
        let quiet = input.quiet.iter().find(|group| {
            group.images.is_empty() || group.images.iter().any(|image| images.contains(&**image))
        });
        let listed = cache.id.as_ref();
        let listed = listed.is_some_and(|id| input.entries.contains(id));
        if input.unread > 0 {
            Some("an object could not be read".to_owned())
        } else if !options.cluster {
            Some("the workloads and pods of the cluster are not known".to_owned())
        } else if !options.cloud {
            Some("the container groups of the region are not known".to_owned())
        } else if !listed {
            Some("ECI does not list it".to_owned())
        } else if owners.len() > 1 {
            Some("several ImageCaches have its id".to_owned())
        } else if cache.conflict.is_some() {
            Some("its ImageCache and ECI do not agree about its images".to_owned())
        } else if owners.iter().any(|owner| owner.deleting) {
            Some("its ImageCache is being deleted".to_owned())
        } else if let Some(why) = self.disputed(cache, owners) {
            Some(why)
        } else {
            quiet.map(|group| format!("{} does not say which cache it uses", group.name))
        }
    }
}

fn is_automatic(cache: &Cache) -> bool {
    cache.name.starts_with(AUTO_NAME_PREFIX)
}

/// What to delete. `None` if it cannot be named exactly.
fn target_of(cache: &Cache, owners: &[Owner]) -> Option<TidyTarget> {
    match owners {
        [] => Some(TidyTarget::Cache {
            image_cache_id: cache.id.clone()?,
        }),
        [owner] => Some(TidyTarget::ImageCache {
            name: owner.name.clone(),
            uid: owner.uid.clone()?,
            resource_version: owner.resource_version.clone()?,
        }),
        _ => None,
    }
}
