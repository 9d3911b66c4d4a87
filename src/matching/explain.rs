//! The slow way: who wins, why every other cache does not, and what follows.

use super::cache::Cache;
use super::event::PodEvent;
use super::explanation::{
    Candidate, Creation, Explanation, FoundImage, ImageMatch, NextSteps, Pin, RefusedPin,
};
use super::index::{Index, Record};
use super::reason::Loss;
use super::rules::{DEFAULT_ARCH, DEFAULT_OS, MatchRules, NameComparison, SizeTie};
use super::select::{Filter, Requirements, Score, SearchBuffers, Strategy};
use super::verdict::{ACS_ASKS, Decision, PinRefusal, RUNS_ON_ACS, Selection};
use crate::diagnostic::Quoted;
use crate::image::{Key, Name};
use crate::pod::Pod;
use crate::resource::{self, annotation};

impl Index {
    /// Explains the decision for a pod: the winner of [`Index::winner`], the reason of each other cache that shares a
    /// repository, and the next steps.
    ///
    /// Takes time linear in the number of the pod's images and of the caches that share a repository with one, and
    /// sorts the latter.
    #[must_use]
    pub fn explain(&self, pod: &Pod, rules: &MatchRules) -> Explanation {
        self.explain_with(pod, rules, &mut SearchBuffers::default())
    }

    /// Returns the same as [`Index::explain`], and reuses the buffers. Use it to explain many pods.
    pub fn explain_with(
        &self,
        pod: &Pod,
        rules: &MatchRules,
        scratch: &mut SearchBuffers,
    ) -> Explanation {
        let mut answer = match rules.names {
            NameComparison::Normalised => self.explained(pod, rules, scratch),
            NameComparison::Textual => {
                let pod = pod.with_images_as_text();
                self.as_text().explained(&pod, rules, scratch)
            }
        };
        if answer.decision == Decision::NotEci {
            answer.notes.push(ACS_ASKS.to_owned());
            return answer;
        }
        let spelt = self.spelt_otherwise(pod, rules, &answer, scratch);
        answer.notes.extend(spelt);
        answer
    }

    /// Describes the images for which the comparison of normalised names and that of texts differ.
    fn spelt_otherwise(
        &self,
        pod: &Pod,
        rules: &MatchRules,
        answer: &Explanation,
        scratch: &mut SearchBuffers,
    ) -> Vec<String> {
        if rules.names == NameComparison::Normalised {
            return spellings(&answer.images, "the cache");
        }
        let normalised = self.select(pod, rules, scratch);
        let Some(winner) = normalised.winner else {
            return Vec::new();
        };
        let cache = label(winner);
        let mut notes = spellings(&found(pod, Some(winner)), &Quoted(&cache).to_string());
        let same = answer.winner.as_ref() == Some(&winner.named());
        let differs = !same || answer.decision != normalised.decision;
        if differs && !notes.is_empty() {
            let decision = normalised.decision.as_str();
            notes.push(format!(
                "as normalised names they give {decision} with {}",
                Quoted(&cache)
            ));
        }
        notes
    }

    /// Explains the decision by the keys of the images, whatever comparison the rules want.
    fn explained(&self, pod: &Pod, rules: &MatchRules, scratch: &mut SearchBuffers) -> Explanation {
        let course = self.course(pod, rules);
        let standings = match course {
            Strategy::NotEci => Vec::new(),
            _ => self.considered(pod, rules, scratch),
        };
        let contest = Contest::new(self, pod, rules, course, standings);
        let verdict = contest.verdict();
        let images = found(pod, verdict.winner);
        let next = next(pod, &verdict, &images);
        let bytes_saved = saved(pod, &images);
        let rate = rules.bytes_per_second;
        Explanation {
            pod: pod.full_name(),
            kind: pod.kind.clone(),
            winner: verdict.winner.map(Cache::named),
            candidates: contest.candidates(),
            omitted: contest.standings.len().saturating_sub(rules.max_candidates),
            unrelated: self.len() - contest.standings.len(),
            auto_create: verdict.auto_create,
            pin: contest.pin(&verdict),
            events: contest.events(&verdict),
            seconds_saved: bytes_saved.and_then(|bytes| {
                let half = rate.checked_div(2)?;
                bytes.saturating_add(half).checked_div(rate)
            }),
            bytes_saved,
            error: verdict.refusal.as_ref().map(|refusal| RefusedPin {
                http: refusal.http(),
                code: refusal.code().to_owned(),
                message: refusal.to_string(),
            }),
            warnings: contest.warnings(),
            notes: pod
                .notes
                .iter()
                .cloned()
                .chain(verdict.winner.and_then(not_made_yet))
                .collect(),
            decision: verdict.decision,
            next,
            images,
        }
    }

    /// Scores each cache that shares a repository with the pod, the named cache, and on demand all others.
    fn considered(&self, pod: &Pod, rules: &MatchRules, scratch: &mut SearchBuffers) -> Vec<Score> {
        scratch.begin(self);
        self.find_images(pod, scratch);
        self.meet_exact(pod, scratch);
        self.meet_by_repository(scratch);
        let named = pod.wish.explicit.as_deref().and_then(|id| self.by_id(id));
        named.into_iter().for_each(|number| scratch.meet(number));
        if rules.explain_all {
            self.caches
                .iter()
                .for_each(|(number, _)| scratch.meet(number));
        }
        scratch
            .met
            .iter()
            .map(|number| self.standing(*number, scratch))
            .collect()
    }
}

/// The caches that were considered, in their final order.
struct Contest<'a> {
    index: &'a Index,
    pod: &'a Pod,
    rules: &'a MatchRules,
    needs: Requirements,
    course: Strategy,
    standings: Vec<Score>,
    winner: Option<Score>,
}

impl<'a> Contest<'a> {
    fn new(
        index: &'a Index,
        pod: &'a Pod,
        rules: &'a MatchRules,
        course: Strategy,
        standings: Vec<Score>,
    ) -> Self {
        let needs = index.needs(pod, rules);
        let mut contest = Contest {
            index,
            pod,
            rules,
            needs,
            course,
            standings,
            winner: None,
        };
        let mut ordered: Vec<(bool, Score)> = std::mem::take(&mut contest.standings)
            .into_iter()
            .map(|standing| (!contest.comes_first(&standing), standing))
            .collect();
        ordered.sort_unstable_by(|(last_a, a), (last_b, b)| {
            last_a
                .cmp(last_b)
                .then_with(|| index.compare(a, b, rules))
                .then(a.number.cmp(&b.number))
        });
        contest.winner = match (&contest.course, ordered.first()) {
            (Strategy::Named(Ok(_)) | Strategy::Search, Some((false, first))) => Some(*first),
            _ => None,
        };
        contest.standings = ordered.into_iter().map(|(_, standing)| standing).collect();
        contest
    }

    /// Returns true for the named cache and, in a search, for the caches that can be selected.
    fn comes_first(&self, standing: &Score) -> bool {
        match &self.course {
            Strategy::Search => self.bar(standing).is_none(),
            Strategy::Off | Strategy::NotEci => false,
            Strategy::Named(_) => self.is_named(standing),
        }
    }

    fn is_named(&self, standing: &Score) -> bool {
        let id = self.cache(standing).and_then(|cache| cache.id.as_deref());
        id.is_some() && id == self.pod.wish.explicit.as_deref()
    }

    fn cache(&self, standing: &Score) -> Option<&'a Cache> {
        Some(&self.index.caches.get(standing.number)?.cache)
    }

    fn record(&self, standing: &Score) -> Record {
        self.index
            .records
            .get(standing.number)
            .copied()
            .unwrap_or_default()
    }

    fn verdict(&self) -> Selection<'a> {
        match &self.course {
            Strategy::Named(Err(refusal)) => Selection::refused(self.pod, refusal.clone()),
            Strategy::NotEci => Selection::not_eci(self.pod),
            Strategy::Named(Ok(_)) | Strategy::Off => {
                Selection::of(self.index, self.pod, self.winner, false)
            }
            Strategy::Search => {
                Selection::of(self.index, self.pod, self.winner, self.rules.auto_create)
            }
        }
    }

    fn candidates(&self) -> Vec<Candidate> {
        let candidate = |standing: &Score| {
            let cache = self.cache(standing)?;
            let loss = self.loss(standing);
            Some(Candidate {
                cache: cache.named(),
                exact: standing.exact,
                repository_only: standing.repository_only,
                why: loss
                    .as_ref()
                    .map_or_else(|| self.praise(standing), Loss::to_string),
                reason: loss.as_ref().map(Loss::reason),
                phase: cache.phase.clone(),
                size_gib: cache.size_gib,
                created: cache.created,
            })
        };
        let best = self.standings.iter().take(self.rules.max_candidates);
        best.filter_map(candidate).collect()
    }

    /// Describes the matches of the winner.
    fn praise(&self, standing: &Score) -> String {
        let named = matches!(self.course, Strategy::Named(_));
        let start = if named {
            "named by the pod; has"
        } else {
            "has"
        };
        let (exact, images) = (standing.exact, self.pod.distinct());
        let mut text = format!("{start} {exact} of {images} images exactly");
        if standing.repository_only > 0 {
            text.push_str(&format!(
                ", {} in another version",
                standing.repository_only
            ));
        }
        text
    }

    /// Returns the reason for which a cache is not selected; `None` for the winner.
    fn loss(&self, standing: &Score) -> Option<Loss> {
        if self
            .winner
            .is_some_and(|winner| winner.number == standing.number)
        {
            return None;
        }
        let named = match (&self.course, &self.pod.wish.explicit) {
            (Strategy::Named(_), Some(id)) if !self.is_named(standing) => Some(id.clone()),
            _ => None,
        };
        if standing.exact + standing.repository_only == 0 && !self.is_named(standing) {
            Some(Loss::NothingShared)
        } else if let Some(id) = named {
            Some(Loss::NotNamed { id })
        } else if matches!(self.course, Strategy::Off) {
            Some(Loss::MatchingOff)
        } else {
            self.bar(standing)
                .or_else(|| Some(self.lost(standing, &self.winner?)))
        }
    }

    /// Returns the reason for which a cache is not a candidate.
    fn bar(&self, standing: &Score) -> Option<Loss> {
        let cache = self.cache(standing)?;
        if let Some(filter) = self.needs.filter(&self.record(standing)) {
            return Some(self.filtered(filter, cache));
        }
        let (exact, images) = (standing.exact, self.pod.distinct());
        if exact < self.needs.exact {
            Some(if self.pod.wish.perfect {
                Loss::NotPerfect { exact, images }
            } else {
                Loss::BelowCount {
                    exact,
                    count: self.needs.exact,
                }
            })
        } else if exact + standing.repository_only == 0 {
            Some(Loss::NothingShared)
        } else if exact == 0 && self.rules.strict {
            Some(Loss::OtherVersionsOnly)
        } else {
            None
        }
    }

    fn filtered(&self, filter: Filter, cache: &Cache) -> Loss {
        let of = |pod: &Option<String>, rules: &Option<String>, default: &str| {
            pod.as_deref()
                .or(rules.as_deref())
                .unwrap_or(default)
                .to_owned()
        };
        let value =
            |word: &Option<String>, default: &str| word.as_deref().unwrap_or(default).to_owned();
        let (pod, rules) = (self.pod, self.rules);
        match filter {
            Filter::Region => Loss::OtherRegion {
                cache: value(&cache.region, ""),
                pod: of(&pod.region, &rules.region, ""),
            },
            Filter::Phase => Loss::NotReady {
                phase: cache.phase.clone(),
            },
            Filter::Expired => Loss::Ended {
                at: cache.expires.unwrap_or_default(),
            },
            Filter::Arch => Loss::OtherArchitecture {
                cache: value(&cache.arch, DEFAULT_ARCH),
                pod: of(&pod.arch, &rules.arch, DEFAULT_ARCH),
            },
            Filter::Os => Loss::OtherSystem {
                cache: value(&cache.os, DEFAULT_OS),
                pod: of(&pod.os, &rules.os, DEFAULT_OS),
            },
            Filter::Size => Loss::TooSmall {
                size: cache.size_gib,
                need: self.needs.storage_gib,
            },
        }
    }

    /// Returns the first property in which the winner is better than a candidate, in the order of [`Index::compare`].
    fn lost(&self, standing: &Score, winner: &Score) -> Loss {
        let (record, best) = (self.record(standing), self.record(winner));
        let repositories = !self.rules.strict && standing.repository_only != winner.repository_only;
        if standing.exact != winner.exact {
            Loss::FewerExact {
                exact: standing.exact,
                winner: winner.exact,
            }
        } else if repositories {
            let (count, winner) = (standing.repository_only, winner.repository_only);
            Loss::FewerByRepository { count, winner }
        } else if self.rules.size_tie == SizeTie::Closest && record.size_gib != best.size_gib {
            Loss::LargerSurplus {
                size: record.size_gib,
                winner: best.size_gib,
            }
        } else if self.rules.size_tie == SizeTie::MatchedBytes && standing.bytes != winner.bytes {
            Loss::FewerBytes {
                bytes: standing.bytes,
                winner: winner.bytes,
            }
        } else if record.created != best.created {
            let created = |standing| self.cache(standing).and_then(|cache| cache.created);
            Loss::Older {
                created: created(standing),
                winner: created(winner),
            }
        } else {
            Loss::LaterInOrder {
                winner: self.cache(winner).map(label).unwrap_or_default(),
            }
        }
    }

    /// A pod that names its cache is held to it already.
    fn pin(&self, verdict: &Selection<'_>) -> Option<Pin> {
        let searched = matches!(self.course, Strategy::Search);
        let value = verdict.winner.filter(|_| searched)?.id.clone()?;
        Some(Pin {
            annotation: annotation::POD_CACHE_ID.to_owned(),
            value,
        })
    }

    fn events(&self, verdict: &Selection<'_>) -> Vec<PodEvent> {
        let event = match (&verdict.refusal, verdict.winner, &self.course) {
            (Some(PinRefusal::NotFound { id } | PinRefusal::Ended { id, .. }), ..) => {
                Some(PodEvent::not_found(id))
            }
            (Some(PinRefusal::NotReady { id, .. }), ..) => Some(PodEvent::not_complete(id)),
            (_, Some(cache), _) => Some(PodEvent::hit(&label(cache))),
            (_, None, Strategy::Search) => Some(PodEvent::missed()),
            (_, None, _) => None,
        };
        // ECI assigns the id.
        let auto = verdict.auto_create.then(|| PodEvent::auto_created("imc-…"));
        event.into_iter().chain(auto).collect()
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.pod.warnings.clone();
        if matches!(self.course, Strategy::NotEci) {
            warnings.push(RUNS_ON_ACS.to_owned());
        }
        for image in self.pod.unreadable() {
            let fault = image.fault().unwrap_or_default();
            warnings.push(format!(
                "image `{image}` is invalid and matches nothing: {fault}"
            ));
        }
        let winner = self.winner.as_ref().and_then(|score| self.cache(score));
        warnings.extend(winner.and_then(Cache::conflict_message));
        // A named cache is used even if it does not fit.
        if let (Strategy::Named(Ok(_)), Some(winner)) = (&self.course, &self.winner)
            && let Some(cache) = self.cache(winner)
            && let Some(filter) = self.needs.filter(&self.record(winner))
        {
            let reason = self.filtered(filter, cache);
            warnings.push(format!(
                "the named cache `{}` does not fit: {reason}",
                label(cache)
            ));
        }
        warnings
    }
}

/// Describes the images that a cache has with another text.
fn spellings(images: &[FoundImage], cache: &str) -> Vec<String> {
    let exact = images
        .iter()
        .filter(|found| found.found == ImageMatch::Exact);
    let spelt = exact.filter_map(|found| {
        let cached = found
            .cached
            .as_deref()
            .filter(|cached| *cached != found.image)?;
        let (image, cached) = (Quoted(&found.image), Quoted(cached));
        Some(format!(
            "{image} is {cached} in {cache}: as text the names differ"
        ))
    });
    spelt.collect()
}

fn label(cache: &Cache) -> String {
    cache.id.clone().unwrap_or_else(|| cache.name.clone())
}

/// Returns the match of the winner for each image of the pod.
fn found(pod: &Pod, winner: Option<&Cache>) -> Vec<FoundImage> {
    // Of several texts for one image, take the first in sorted order: the result must not depend on the input order.
    let (mut names, mut repositories) = (Vec::new(), Vec::new());
    for image in winner.into_iter().flat_map(|cache| &cache.images) {
        if let Some(key) = image.key() {
            repositories.push((key.repository(), image.text()));
            names.extend(key.names().map(|name| (&*name.text, image.text())));
        }
    }
    names.sort_unstable();
    repositories.sort_unstable();
    let have = |key: &Key, text: &str| {
        let same = |name: &Name| first(&names, &name.text, text);
        match key.names().find_map(same) {
            Some(cached) => (ImageMatch::Exact, Some(cached)),
            None => match first(&repositories, key.repository(), text) {
                Some(cached) => (ImageMatch::RepositoryOnly, Some(cached)),
                None => (ImageMatch::Nothing, None),
            },
        }
    };
    let images = pod.images().iter().chain(pod.unreadable());
    images
        .map(|image| {
            let have = |key| have(key, image.text());
            let (found, cached) = image.key().map_or((ImageMatch::Invalid, None), have);
            FoundImage {
                image: image.text().to_owned(),
                found,
                cached: cached.map(str::to_owned),
            }
        })
        .collect()
}

/// Returns the text for a name in a sorted list: the wanted one if it is there, else the first.
fn first<'a>(sorted: &[(&str, &'a str)], name: &str, wanted: &str) -> Option<&'a str> {
    let at = sorted
        .binary_search(&(name, wanted))
        .unwrap_or_else(|_| sorted.partition_point(|(other, _)| *other < name));
    let (_, text) = sorted.get(at).filter(|(other, _)| *other == name)?;
    Some(text)
}

/// Returns the note on a cache that only counts as `Ready`.
fn not_made_yet(cache: &Cache) -> Option<String> {
    let name = Quoted(&cache.name);
    cache
        .assumed_ready
        .then(|| format!("{name} is a manifest without a status, matched as if Ready"))
}

fn next(pod: &Pod, verdict: &Selection<'_>, images: &[FoundImage]) -> NextSteps {
    if matches!(verdict.decision, Decision::Refused | Decision::NotEci) {
        return NextSteps {
            pull: Vec::new(),
            create: None,
        };
    }
    let pulled = |found: &&FoundImage| {
        matches!(
            found.found,
            ImageMatch::RepositoryOnly | ImageMatch::Nothing
        )
    };
    let auto_size = u64::try_from(resource::AUTO_SIZE_GIB).unwrap_or_default();
    NextSteps {
        pull: images
            .iter()
            .filter(pulled)
            .map(|found| found.image.clone())
            .collect(),
        create: verdict.auto_create.then(|| Creation {
            name: format!("{}<instance id>", resource::AUTO_NAME_PREFIX),
            size_gib: auto_size.saturating_add(pod.extra_storage_gib),
            images: pod
                .images()
                .iter()
                .map(|image| image.text().to_owned())
                .collect(),
        }),
    }
}

/// Returns the bytes of the images that match exactly, or `None` if no size is known.
fn saved(pod: &Pod, images: &[FoundImage]) -> Option<u64> {
    let exact = pod
        .images()
        .iter()
        .zip(images)
        .filter(|(_, found)| found.found == ImageMatch::Exact);
    let sizes = exact.filter_map(|(image, _)| image.key()?.bytes);
    sizes.reduce(u64::saturating_add)
}
