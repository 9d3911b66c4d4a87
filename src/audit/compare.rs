//! The comparison of predictions with what happened.

use std::collections::{BTreeMap, BTreeSet};

use super::input::{AuditInput, Ready, Start};
use super::report::{
    Audit, AuditCause, AuditDisagreement, AuditOptions, AuditOutcome, AuditRule, RuleEvidence,
    VendorCheck, WorkloadHits,
};
use crate::matching::{Cache, Decision, Image, Index, MatchRules, Pod};

/// Seconds within which a cache may not have been ready.
const BUILD: i64 = 3_600;

/// Compares what matching predicts with what happened.
#[must_use]
pub fn audit(input: &AuditInput, options: &AuditOptions) -> Audit {
    let Ready {
        caches,
        mut starts,
        asked,
    } = input.ready();
    let merged: Index = caches.into_iter().collect();
    let mut caches: Vec<Cache> = merged.iter().cloned().collect();
    caches
        .iter_mut()
        .for_each(|cache| cache.apply(&options.facts));
    starts
        .iter_mut()
        .for_each(|(start, ..)| start.pod.apply(&options.facts));
    // By time, so that one index grows with the caches that there were.
    caches.sort_by(|a, b| (a.created, &a.id, &a.name).cmp(&(b.created, &b.id, &b.name)));
    starts.sort_by(|(a, ..), (b, ..)| (a.created, &a.name).cmp(&(b.created, &b.name)));
    let base = predictions(&caches, &starts, &options.rules);
    let changed: Vec<(AuditRule, Vec<AuditOutcome>)> = AuditRule::ALL
        .iter()
        .map(|rule| {
            let rules = rule.changed(&options.rules);
            (*rule, predictions(&caches, &starts, &rules))
        })
        .collect();
    let mut rules: Vec<RuleEvidence> = AuditRule::ALL
        .iter()
        .map(|rule| RuleEvidence {
            rule: *rule,
            explains: 0,
            breaks: 0,
        })
        .collect();
    let known: BTreeMap<&str, &Cache> = caches
        .iter()
        .filter_map(|cache| Some((cache.id.as_deref()?, cache)))
        .collect();
    let (mut compared, mut disagreements) = (0_u64, Vec::new());
    for (number, (start, workload, observed)) in starts.iter().enumerate() {
        let (Some(observed), Some(predicted)) = (observed, base.get(number)) else {
            continue;
        };
        compared += 1;
        let agrees = predicted.agrees(observed);
        let mut causes = Vec::new();
        for ((rule, outcomes), evidence) in changed.iter().zip(&mut rules) {
            let explains = outcomes
                .get(number)
                .is_some_and(|outcome| outcome.agrees(observed));
            match (agrees, explains) {
                (true, false) => evidence.breaks += 1,
                (false, true) => {
                    evidence.explains += 1;
                    causes.push(AuditCause::Rule(*rule));
                }
                _ => {}
            }
        }
        if agrees {
            continue;
        }
        causes.extend(other_causes(start, predicted, observed, &known));
        disagreements.push(AuditDisagreement {
            pod: start.name.clone(),
            workload: workload.clone(),
            created: start.created,
            predicted: predicted.clone(),
            observed: observed.clone(),
            causes,
        });
    }
    disagreements
        .sort_by(|a, b| (&a.workload, &a.pod, a.created).cmp(&(&b.workload, &b.pod, b.created)));
    let sound = rules.iter().filter(|evidence| evidence.breaks == 0);
    let most = sound.clone().map(|evidence| evidence.explains).max();
    let most = most.filter(|most| *most > 0);
    Audit {
        workloads: workloads(&starts, &known, options),
        compared,
        agreed: compared.saturating_sub(u64::try_from(disagreements.len()).unwrap_or(u64::MAX)),
        disagreements,
        suspects: sound
            .filter(|evidence| Some(evidence.explains) == most)
            .map(|evidence| evidence.rule)
            .collect(),
        vendor: asked
            .into_iter()
            .map(|(images, answered)| vendor(images, answered, &caches, options))
            .collect(),
        rules,
    }
}

type Known<'c> = BTreeMap<&'c str, &'c Cache>;
type Starts = [(Start, String, Option<AuditOutcome>)];

/// What is predicted for each start, with the caches that were made before it. Both are sorted by time.
fn predictions(caches: &[Cache], starts: &Starts, rules: &MatchRules) -> Vec<AuditOutcome> {
    let mut index = Index::default();
    let mut rules = rules.clone();
    let mut left = caches.iter().peekable();
    let mut outcomes = Vec::with_capacity(starts.len());
    for (start, ..) in starts {
        // A cache of the same second was not ready yet. Without a time every cache counts.
        let before = |cache: &&Cache| match (cache.created, start.created) {
            (Some(made), Some(started)) => made < started,
            _ => true,
        };
        while let Some(cache) = left.next_if(before) {
            index.insert(cache.clone());
        }
        rules.now = start.created;
        let found = index.winner(&start.pod, &rules);
        outcomes.push(AuditOutcome {
            image_cache_id: found.winner.and_then(|cache| cache.id.clone()),
            refused: found.decision == Decision::Refused,
            auto_create: Some(found.auto_create),
        });
    }
    outcomes
}

fn other_causes(
    start: &Start,
    predicted: &AuditOutcome,
    observed: &AuditOutcome,
    known: &Known<'_>,
) -> Vec<AuditCause> {
    let mut causes = Vec::new();
    if let Some(id) = &observed.image_cache_id
        && !known.contains_key(id.as_str())
    {
        causes.push(AuditCause::Gone(id.clone()));
    }
    if let Some(id) = &predicted.image_cache_id
        && predicted.image_cache_id != observed.image_cache_id
        && let Some(made) = known.get(id.as_str()).and_then(|cache| cache.created)
        && start
            .created
            .is_some_and(|started| started.since(made) < BUILD)
    {
        causes.push(AuditCause::MaybeNotReady(id.clone()));
    }
    causes
}

/// The hits of each workload.
fn workloads(starts: &Starts, known: &Known<'_>, options: &AuditOptions) -> Vec<WorkloadHits> {
    // With the bytes that were pulled although a cache could have had them.
    let mut all: BTreeMap<&str, (WorkloadHits, Option<u64>)> = BTreeMap::new();
    for (start, workload, observed) in starts {
        let (hits, lost) = all.entry(workload).or_insert_with(|| {
            let hits = WorkloadHits {
                workload: workload.clone(),
                ..WorkloadHits::default()
            };
            (hits, Some(0))
        });
        hits.starts += 1;
        let Some(observed) = observed else {
            hits.unknown += 1;
            continue;
        };
        let cache = observed.image_cache_id.as_deref();
        let held = cache.and_then(|id| known.get(id));
        let missing = missing(&start.pod, held.copied());
        match cache {
            _ if observed.refused => hits.refused += 1,
            Some(_) => {
                hits.hits += 1;
                hits.full += u64::from(held.is_some() && missing == Some(0));
            }
            None => hits.missed += 1,
        }
        let pulled = match (cache, held) {
            // refused pods pull nothing; what a cache had that is gone is not known
            _ if observed.refused => Some(0),
            (Some(_), None) => None,
            _ => missing,
        };
        *lost = lost
            .zip(pulled)
            .map(|(lost, more)| lost.saturating_add(more));
    }
    let finished = all.into_values().map(|(mut hits, lost)| {
        let sure = hits.starts.saturating_sub(hits.unknown);
        hits.hit_per_mille = (sure > 0).then(|| hits.hits.saturating_mul(1000) / sure);
        let rate = options.rules.bytes_per_second.max(1);
        hits.seconds_lost = lost.map(|bytes| bytes / rate);
        hits
    });
    finished.collect()
}

/// The bytes of the images of a pod that a cache does not have; `None` if a size is unknown.
fn missing(pod: &Pod, cache: Option<&Cache>) -> Option<u64> {
    let held: BTreeSet<&str> = cache
        .iter()
        .flat_map(|cache| &cache.images)
        .filter_map(Image::normalized)
        .collect();
    let lacks = |image: &&Image| image.normalized().is_none_or(|name| !held.contains(name));
    let mut images = pod.images().iter().chain(pod.unreadable()).filter(lacks);
    images.try_fold(0_u64, |sum, image| Some(sum.saturating_add(image.bytes()?)))
}

fn vendor(
    images: Vec<String>,
    answered: Vec<String>,
    caches: &[Cache],
    options: &AuditOptions,
) -> VendorCheck {
    let mut pod = Pod::new("", images.iter().map(|image| Image::new(image)));
    pod.apply(&options.facts);
    let mut rules = options.rules.clone();
    rules.now = options.now;
    let index: Index = caches.iter().cloned().collect();
    let winner = index.winner(&pod, &rules).winner;
    let predicted = winner.and_then(|cache| cache.id.clone());
    VendorCheck {
        agrees: predicted.as_ref() == answered.first(),
        images,
        predicted,
        answered,
    }
}
