//! The plan, written out: each cache with its reasons and costs, each workload with its cache.

use std::collections::{BTreeMap, BTreeSet};

use super::assemble::{New, image_names};
use super::model::Group;
use super::money::Amount;
use super::names::Names;
use super::options::PlanOptions;
use super::prepare::{Counted, Part, Prepared, Present};
use super::prices::PriceTable;
use super::rates::Rates;
use super::reasons::{apart, size, together};
use super::report::{
    Action, Costs, CoveredPod, Plan, PlannedCache, PlannedImage, PriceSource, Totals, UncoveredPod,
};
use crate::matching::{Cache, Decision, Image, Index, MatchRules, SearchBuffers};
use crate::resource::{AUTO_NAME_PREFIX, MAX_SECRETS, Phase};
use crate::time::Timestamp;

/// The plan, while it is written.
pub(super) struct Draft<'a> {
    prepared: &'a Prepared,
    options: &'a PlanOptions,
    pub(super) rates: Vec<Rates>,
    names: Names,
    pub(super) plan: Plan,
    /// The caches after the plan, and the index of each in the list, by name.
    after: Vec<Cache>,
    listed: BTreeMap<(Option<String>, String), usize>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        prepared: &'a Prepared,
        table: &PriceTable,
        options: &'a PlanOptions,
    ) -> Self {
        let of = |part: &Part| table.of(part.scope.0.as_deref());
        let mut prices: Vec<PriceSource> = Vec::new();
        for row in prepared.parts.iter().filter_map(of) {
            let source = PriceSource {
                region: row.region.clone(),
                source: row.source.clone(),
                date: row.date.clone(),
            };
            if !prices.contains(&source) {
                prices.push(source);
            }
        }
        let mut names = Names::default();
        for present in &prepared.present {
            names.take(&present.cache.name);
        }
        Draft {
            rates: prepared
                .parts
                .iter()
                .map(|part| Rates::of(of(part), options))
                .collect(),
            prepared,
            options,
            names,
            plan: Plan {
                currency: table
                    .currency()
                    .filter(|_| !prices.is_empty())
                    .map(str::to_owned),
                prices,
                ..Plan::default()
            },
            after: Vec::new(),
            listed: BTreeMap::new(),
        }
    }

    fn planned(&self, name: &str) -> PlannedImage {
        let size = self.prepared.sizes.get(name);
        PlannedImage {
            image: name.to_owned(),
            bytes: size.map(|(bytes, _)| *bytes),
            source: size.map(|(_, source)| source.clone()),
        }
    }

    pub(super) fn list_new(&mut self, news: &[New]) {
        let others = Others::of(news, self.prepared);
        for (at, new) in news.iter().enumerate() {
            let (Some(part), Some(rates)) =
                (self.prepared.parts.get(new.part), self.rates.get(new.part))
            else {
                continue;
            };
            let before = new
                .before
                .and_then(|number| self.prepared.present.get(number));
            let images = self.written(part, new);
            let name = match before.filter(|_| new.action == Action::Grow) {
                Some(present) => present.cache.name.clone(),
                None => self.names.make(&images, &part.scope),
            };
            let made: Vec<_> = new
                .group
                .images
                .iter()
                .filter_map(|image| part.problem.images.get(*image as usize))
                .collect();
            let keep: u128 = made.iter().map(|image| image.keep).sum();
            let fixed: u128 = made
                .iter()
                .map(|image| image.fixed.saturating_sub(image.keep))
                .sum();
            let per_gib: u128 = made.iter().map(|image| image.per_gib).sum();
            let make = fixed.saturating_add(per_gib.saturating_mul(u128::from(new.group.size)));
            let mut reasons = vec![size(
                part,
                &new.group,
                &new.needs,
                &self.prepared.workloads,
                self.options,
            )];
            reasons.extend(together(
                part,
                &new.needs,
                &new.group,
                self.plan.currency.as_deref(),
            ));
            let others = others.beside(at, news);
            reasons.extend(apart(
                part,
                &new.group,
                &others,
                self.plan.currency.as_deref(),
            ));
            if let Some(present) = before {
                reasons.push(difference(new, part, present));
            }
            let cache = Cache {
                id: before
                    .filter(|_| new.action == Action::Grow)
                    .and_then(|present| present.cache.id.clone()),
                name: name.clone(),
                images: images
                    .iter()
                    .map(|image| Image::new(&image.image))
                    .collect(),
                size_gib: new.group.size,
                phase: Some(Phase::Ready),
                created: Some(Timestamp::MAX),
                region: part.scope.0.clone(),
                arch: Some(part.scope.1.clone()),
                os: Some(part.scope.2.clone()),
                ..Cache::default()
            };
            let is_object =
                before.is_none_or(|present| new.action != Action::Grow || present.is_object);
            let entry = PlannedCache {
                action: new.action,
                image_cache_id: cache.id.clone(),
                replaces: before
                    .filter(|_| new.action == Action::Replace)
                    .map(|present| present.cache.named()),
                images,
                size_gib: new.group.size,
                retention_days: self.options.retention_days,
                secrets: self.secrets(part, new),
                costs: Costs {
                    make: rates.has_build().then_some(Amount(make)),
                    keep: rates.has_store().then_some(Amount(keep)),
                    use_: None,
                },
                reasons,
                is_object,
                ..PlannedCache::of(&name, &part.scope)
            };
            self.add(entry, cache);
        }
    }

    /// Returns the images of a group as its workloads write them.
    fn written(&self, part: &Part, new: &New) -> Vec<PlannedImage> {
        let mut written: BTreeMap<&str, &str> = BTreeMap::new();
        for member in new.needs.iter().flat_map(|need| part.workloads(*need)) {
            let workload = self.prepared.workloads.get(member);
            for image in workload
                .into_iter()
                .flat_map(|workload| workload.demand.pod.images())
            {
                if let Some(name) = image.normalized() {
                    let text = written.entry(name).or_insert(image.text());
                    *text = image.text().min(text);
                }
            }
        }
        let names = part.names(&new.group).into_iter();
        names
            .map(|name| {
                let mut image = self.planned(name);
                image.image = written.get(name).copied().unwrap_or(name).to_owned();
                image
            })
            .collect()
    }

    /// Returns the secrets of the workloads of a group, as many as a cache can have.
    fn secrets(&self, part: &Part, new: &New) -> Vec<String> {
        let members = new.needs.iter().flat_map(|need| part.workloads(*need));
        let pods =
            members.filter_map(|member| Some(&self.prepared.workloads.get(member)?.demand.pod));
        let secrets: BTreeSet<String> = pods
            .flat_map(|pod| {
                let namespace = pod.namespace.as_deref().unwrap_or("default");
                pod.pull_secrets
                    .iter()
                    .map(move |name| format!("{namespace}:{name}"))
            })
            .collect();
        secrets.into_iter().take(MAX_SECRETS).collect()
    }

    fn add(&mut self, entry: PlannedCache, cache: Cache) {
        self.listed.insert(
            (cache.id.clone(), cache.name.clone()),
            self.plan.caches.len(),
        );
        self.plan.caches.push(entry);
        self.after.push(cache);
    }

    pub(super) fn list_present(&mut self, news: &[New], kept: &BTreeSet<usize>) {
        for (number, present) in self.prepared.present.iter().enumerate() {
            if news.iter().any(|new| new.before == Some(number)) {
                continue;
            }
            let cache = &present.cache;
            let keeps = kept.contains(&number);
            let scope = present.scope();
            let mut entry = PlannedCache {
                action: if keeps { Action::Keep } else { Action::Drop },
                image_cache_id: cache.id.clone(),
                images: image_names(cache)
                    .into_iter()
                    .map(|name| self.planned(name))
                    .collect(),
                size_gib: cache.size_gib,
                costs: self.costs_of(present),
                reasons: vec![reason(present, keeps)],
                is_object: present.is_object,
                ..PlannedCache::of(&cache.name, &scope)
            };
            if keeps {
                let cache = Cache {
                    phase: Some(Phase::Ready),
                    ..cache.clone()
                };
                self.add(entry, cache);
            } else {
                // What is saved is in the totals before.
                entry.costs = Costs::nothing();
                self.plan.caches.push(entry);
            }
        }
    }

    /// Returns what a cache that exists costs, without its use.
    fn costs_of(&self, present: &Present) -> Costs {
        let fits = |part: &&Part| part.same_kind(&present.cache);
        let at = self
            .prepared
            .parts
            .iter()
            .position(|part| fits(&part))
            .unwrap_or_default();
        let Some(rates) = self.rates.get(at) else {
            return Costs::default();
        };
        let (keep, _) = rates.keep_of(&present.cache, &self.prepared.sizes);
        Costs {
            make: Some(Amount::ZERO),
            keep: rates.has_store().then_some(Amount(keep)),
            use_: None,
        }
    }

    /// Lists the caches that workloads need and that cannot be made.
    pub(super) fn list_blocked(&mut self) {
        let mut blocked: BTreeMap<(Vec<String>, String), (usize, Vec<String>)> = BTreeMap::new();
        for (at, workload) in self.prepared.workloads.iter().enumerate() {
            if let Some(refusal) = workload.refusal.as_ref().filter(|refusal| refusal.blocks) {
                let pod = &workload.demand.pod;
                let images = pod
                    .images()
                    .iter()
                    .chain(pod.unreadable())
                    .map(|image| image.text().to_owned());
                let key = (images.collect(), refusal.reason.clone());
                blocked
                    .entry(key)
                    .or_insert_with(|| (at, Vec::new()))
                    .1
                    .push(workload.demand.name());
            }
        }
        for ((images, reason), (at, pods)) in blocked {
            let Some(workload) = self.prepared.workloads.get(at) else {
                continue;
            };
            let images: Vec<PlannedImage> = images
                .iter()
                .map(|text| PlannedImage {
                    image: text.clone(),
                    ..Image::new(text)
                        .normalized()
                        .map_or_else(PlannedImage::default, |name| self.planned(name))
                })
                .collect();
            let name = self.names.make(&images, &workload.scope);
            self.plan.caches.push(PlannedCache {
                action: Action::Blocked,
                images,
                pods,
                reasons: vec![reason],
                ..PlannedCache::of(&name, &workload.scope)
            });
        }
    }

    /// Asks ECI's rules which cache each pod uses after the plan, and counts.
    pub(super) fn use_caches(&mut self, left_out: &BTreeMap<usize, String>) {
        let index: Index = self.after.iter().cloned().collect();
        let rules = self.options.rules();
        let mut buffers = SearchBuffers::default();
        let mut totals = Totals {
            caches: self.after.len() as u64,
            ..Totals::default()
        };
        let mut uses = Costs::nothing();
        for entry in self.plan.caches.iter_mut().filter(|entry| entry.is_live()) {
            entry.costs.use_ = Some(Amount::ZERO);
        }
        for (at, workload) in self.prepared.workloads.iter().enumerate() {
            let pod = &workload.demand.pod;
            let selection = index.winner_with(pod, &rules, &mut buffers);
            let winner = selection.winner;
            let listed =
                winner.and_then(|cache| self.listed.get(&(cache.id.clone(), cache.name.clone())));
            let rates = self.rates_of(workload);
            let size = winner.map_or(0, |cache| cache.size_gib);
            let cost = rates
                .has_use
                .then(|| Amount(rates.weight(&workload.usage)).times(u128::from(size)));
            let saved = match (&selection.decision, winner) {
                (Decision::Hit, Some(_)) => {
                    rates.saved(&workload.usage, workload.bytes.unwrap_or_default())
                }
                (_, Some(cache)) => rates.saved(&workload.usage, common_bytes(workload, cache)),
                _ => 0,
            } / 1_000;
            totals.seconds_saved = totals.seconds_saved.saturating_add(saved);
            uses.use_ = sum(uses.use_, cost);
            if let Some(entry) = listed.and_then(|number| self.plan.caches.get_mut(*number)) {
                entry.costs.use_ = sum(entry.costs.use_, cost);
                entry.seconds_saved = entry.seconds_saved.saturating_add(saved);
                if selection.decision == Decision::Hit {
                    entry.pods.push(workload.demand.name());
                }
            }
            if let (Decision::Hit, Some(cache)) = (&selection.decision, winner) {
                totals.covered = totals.covered.saturating_add(1);
                self.plan.covered.push(CoveredPod {
                    pod: workload.demand.name(),
                    cache: cache.name.clone(),
                    milli_hours: workload.usage.pod_hours,
                    milli_starts: workload.usage.starts,
                    cost,
                    seconds_saved: saved,
                });
                continue;
            }
            let refused = workload
                .refusal
                .as_ref()
                .map(|refusal| refusal.reason.clone());
            let reason = match &selection.decision {
                Decision::Refused => selection.refusal.as_ref().map(ToString::to_string),
                Decision::Partial if pod.wish.explicit.is_some() => {
                    Some("the cache that it names does not have all its images".to_owned())
                }
                _ => None,
            };
            let reason = refused.or(reason).or_else(|| left_out.get(&at).cloned());
            self.plan.uncovered.push(UncoveredPod {
                pod: workload.demand.name(),
                reason: reason
                    .unwrap_or_else(|| "no cache of the plan can be used by it".to_owned()),
                uses: winner.map(|cache| cache.name.clone()),
                cost: winner.and(cost).or(Some(Amount::ZERO)),
            });
        }
        for entry in self.plan.caches.iter().filter(|entry| entry.is_live()) {
            uses.make = sum(uses.make, entry.costs.make);
            uses.keep = sum(uses.keep, entry.costs.keep);
        }
        totals.costs = uses;
        self.plan.after = totals;
        self.plan.caches.sort_by(|a, b| {
            let key = |cache: &PlannedCache| {
                (
                    cache.action,
                    cache.name.clone(),
                    cache.image_cache_id.clone(),
                )
            };
            key(a).cmp(&key(b))
        });
    }

    fn rates_of(&self, workload: &Counted) -> &Rates {
        let mut parts = self.prepared.parts.iter().zip(&self.rates);
        let found = parts
            .find(|(part, _)| part.scope == workload.scope)
            .map(|(_, rates)| rates);
        found.unwrap_or(&Rates::UNKNOWN)
    }

    /// Counts what the caches that exist cost and save.
    pub(super) fn before(&self) -> Totals {
        let caches = self
            .prepared
            .present
            .iter()
            .map(|present| present.cache.clone());
        let index: Index = caches.collect();
        let rules = self.options.rules();
        let mut buffers = SearchBuffers::default();
        let mut costs = Costs::nothing();
        let mut totals = Totals {
            caches: self.prepared.present.len() as u64,
            ..Totals::default()
        };
        for workload in &self.prepared.workloads {
            let selection = index.winner_with(&workload.demand.pod, &rules, &mut buffers);
            let Some(cache) = selection.winner else {
                continue;
            };
            let rates = self.rates_of(workload);
            let cost = rates
                .has_use
                .then(|| Amount(rates.weight(&workload.usage)).times(u128::from(cache.size_gib)));
            costs.use_ = sum(costs.use_, cost);
            totals.covered = totals
                .covered
                .saturating_add(u64::from(selection.decision == Decision::Hit));
            let bytes = match (&selection.decision, workload.bytes) {
                (Decision::Hit, Some(bytes)) => bytes,
                _ => common_bytes(workload, cache),
            };
            totals.seconds_saved = totals
                .seconds_saved
                .saturating_add(rates.saved(&workload.usage, bytes) / 1_000);
        }
        for present in &self.prepared.present {
            costs.keep = sum(costs.keep, self.costs_of(present).keep);
        }
        totals.costs = costs;
        totals
    }
}

/// The new caches of each image, and the first workload of each cache.
struct Others {
    holders: BTreeMap<(usize, u32), Vec<usize>>,
    names: Vec<String>,
}

impl Others {
    /// Most caches with one image that are compared with another cache.
    const MOST: usize = 16;

    fn of(news: &[New], prepared: &Prepared) -> Self {
        let mut holders: BTreeMap<(usize, u32), Vec<usize>> = BTreeMap::new();
        let mut names = Vec::with_capacity(news.len());
        for (at, new) in news.iter().enumerate() {
            for image in &new.group.images {
                holders.entry((new.part, *image)).or_default().push(at);
            }
            let part = prepared.parts.get(new.part);
            names.push(part.map_or_else(String::new, |part| {
                part.first_workload(&new.needs, &prepared.workloads)
            }));
        }
        Others { holders, names }
    }

    /// Returns caches with an image of this one, each with the name of a workload.
    fn beside<'n>(&'n self, at: usize, news: &'n [New]) -> Vec<(&'n Group, &'n str)> {
        let mut found: BTreeSet<usize> = BTreeSet::new();
        let new = news.get(at);
        for image in new.into_iter().flat_map(|new| &new.group.images) {
            let number = new.map_or(0, |new| new.part);
            let same = self.holders.get(&(number, *image)).into_iter().flatten();
            found.extend(same.filter(|other| **other != at).take(Self::MOST));
        }
        let found = found.into_iter();
        found
            .filter_map(|other| Some((&news.get(other)?.group, self.names.get(other)?.as_str())))
            .collect()
    }
}

/// Returns the bytes of a workload's images that a cache has, as far as they are known.
fn common_bytes(workload: &Counted, cache: &Cache) -> u64 {
    let held = image_names(cache);
    let images = workload.demand.pod.images().iter();
    let both = images.filter(|image| image.normalized().is_some_and(|name| held.contains(name)));
    both.filter_map(Image::bytes).fold(0, u64::saturating_add)
}

/// Adds two amounts; the sum is unknown if one of them is.
fn sum(a: Option<Amount>, b: Option<Amount>) -> Option<Amount> {
    Some(a?.plus(b?))
}

/// Returns why a cache that exists is kept or dropped.
fn reason(present: &Present, keeps: bool) -> String {
    let phase = present.cache.phase.as_ref();
    match (keeps, present.usable, phase) {
        (true, _, _) if present.named => "a pod names it".to_owned(),
        (true, _, Some(phase)) if *phase != Phase::Ready => {
            format!("is {phase}, and needed once it is Ready")
        }
        (true, ..) => "no other cache is cheaper for the workloads that use it".to_owned(),
        (false, false, Some(phase)) => format!("is {phase}"),
        (false, ..) if present.cache.name.starts_with(AUTO_NAME_PREFIX) => {
            "no workload needs it; ECI made it, and deletes it by itself when it is not used"
                .to_owned()
        }
        (false, ..) => "no workload needs it".to_owned(),
    }
}

/// Returns how a new cache differs from the one that it updates or replaces.
fn difference(new: &New, part: &Part, present: &Present) -> String {
    let held: BTreeSet<&str> = part.names(&new.group).into_iter().collect();
    let before = image_names(&present.cache);
    let shown = |names: Vec<&&str>| {
        names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let added: Vec<&&str> = held.difference(&before).collect();
    let gone: Vec<&&str> = before.difference(&held).collect();
    let mut parts = Vec::new();
    if !added.is_empty() {
        parts.push(format!("adds {}", shown(added)));
    }
    if !gone.is_empty() {
        parts.push(format!("leaves out {}", shown(gone)));
    }
    if present.cache.size_gib != new.group.size {
        parts.push(format!(
            "{} GiB instead of {}",
            new.group.size, present.cache.size_gib
        ));
    }
    let verb = if new.action == Action::Grow {
        "updates"
    } else {
        "replaces"
    };
    let name = present.cache.id.as_deref().unwrap_or(&present.cache.name);
    format!("{verb} `{name}`: {}", parts.join("; "))
}

impl PlanOptions {
    /// Returns the rules of a match after the plan.
    fn rules(&self) -> MatchRules {
        MatchRules {
            region: self.region.clone(),
            arch: self.arch.clone(),
            os: self.os.clone(),
            auto_match: self.auto_match,
            now: self.now,
            ..MatchRules::default()
        }
    }
}
