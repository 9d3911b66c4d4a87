//! Random sequences: caches come, change and go, pods ask in between; the index and the slow matcher must always agree.

use std::collections::BTreeMap;

use imagecache::matching::{Index, MatchRules, SearchBuffers, SizeTie};
use imagecache::time::Timestamp;
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::explain;
use super::naive::{SmallCache, SmallPod, WRITTEN, decide, facts};

#[derive(Debug, Clone)]
enum Step {
    Insert(SmallCache),
    Remove(u8),
    RemoveNameless(u8),
    Ask(SmallPod, MatchRules),
}

fn cache() -> impl Strategy<Value = SmallCache> {
    (
        (weighted(0.9, 0_u8..6), 0_u8..3, vec(0..WRITTEN.len(), 0..5)),
        (
            0_u8..3,
            weighted(0.9, 0_u8..3),
            weighted(0.2, 0_u8..4),
            0_u8..6,
        ),
        (
            weighted(0.5, 0_u8..2),
            weighted(0.2, 0_u8..2),
            weighted(0.2, 0_u8..2),
        ),
    )
        .prop_map(
            |((id, name, images), (size, created, expires, phase), (region, arch, os))| {
                SmallCache {
                    id,
                    name,
                    images,
                    size,
                    created,
                    expires,
                    phase,
                    region,
                    arch,
                    os,
                }
            },
        )
}

fn pod() -> impl Strategy<Value = SmallPod> {
    (
        vec(0..WRITTEN.len(), 1..5),
        (weighted(0.2, 0_u8..7), weighted(0.2, any::<bool>())),
        (proptest::bool::weighted(0.1), weighted(0.2, 1_usize..4)),
        (weighted(0.3, 0_u8..3), weighted(0.3, 0_u8..2)),
        (weighted(0.1, 0_u8..2), weighted(0.1, 0_u8..2)),
    )
        .prop_map(
            |(images, (explicit, auto), (perfect, count), (storage, region), (arch, os))| {
                SmallPod {
                    images,
                    explicit,
                    auto,
                    perfect,
                    count,
                    storage,
                    region,
                    arch,
                    os,
                }
            },
        )
}

fn rules() -> impl Strategy<Value = MatchRules> {
    let matched_bytes = any::<bool>();
    (
        (
            of(0_i64..5),
            proptest::bool::weighted(0.2),
            any::<bool>(),
            any::<bool>(),
        ),
        (
            matched_bytes,
            weighted(0.2, any::<bool>()),
            prop_oneof![3 => Just(0), 1 => 20_u64..23],
        ),
        any::<bool>(),
    )
        .prop_map(
            |((now, strict, stale, create), (bytes, auto_match, storage), all)| {
                let mut rules = MatchRules::default();
                rules.now = now.map(|now| Timestamp::from_seconds(1_000 + now));
                rules.strict = strict;
                rules.serve_stale_while_updating = stale;
                rules.auto_create = create;
                rules.size_tie = if bytes {
                    SizeTie::MatchedBytes
                } else {
                    SizeTie::Closest
                };
                rules.auto_match = auto_match;
                rules.require_storage = storage;
                rules.explain_all = all;
                rules.max_candidates = usize::MAX;
                rules
            },
        )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => cache().prop_map(Step::Insert),
        1 => (0_u8..6).prop_map(Step::Remove),
        1 => (0_u8..3).prop_map(Step::RemoveNameless),
        4 => (pod(), rules()).prop_map(|(pod, rules)| Step::Ask(pod, rules)),
    ]
}

type World = BTreeMap<(Option<u8>, Option<u8>), SmallCache>;

/// Asks the index and the slow matcher.
fn ask(index: &Index, world: &World, pod: &SmallPod, rules: &MatchRules, with_facts: bool) {
    let caches: Vec<SmallCache> = world.values().cloned().collect();
    let expected = decide(&caches, pod, rules, with_facts);
    let facts = facts();
    let real = pod.real(with_facts.then_some(&facts));
    let answer = explain(index, &real, rules);
    let named = |cache: &imagecache::matching::CacheName| {
        (cache.image_cache_id.clone(), cache.name.clone())
    };
    assert_eq!(answer.decision.as_str(), expected.decision);
    assert_eq!(answer.winner.as_ref().map(named), expected.winner);
    assert_eq!(answer.auto_create, expected.auto_create);
    assert_eq!(answer.unrelated + answer.candidates.len(), world.len());

    // Every cache that shares a repository is there with its degree, others only when all were asked for.
    let shares = |candidate: &&imagecache::matching::Candidate| {
        candidate.exact + candidate.repository_only > 0
            || (pod.explicit.is_some() && candidate.cache.image_cache_id == real.wish.explicit)
    };
    let mut sharing: Vec<_> = answer
        .candidates
        .iter()
        .filter(shares)
        .map(|candidate| {
            (
                named(&candidate.cache),
                candidate.exact,
                candidate.repository_only,
            )
        })
        .collect();
    sharing.sort();
    assert_eq!(sharing, expected.sharing);
    if rules.explain_all {
        assert_eq!(answer.unrelated, 0);
    } else {
        assert_eq!(answer.candidates.len(), expected.sharing.len());
    }

    // Those that could have been taken come first, in rank order; only the winner has no reason.
    let first = answer.candidates.iter().take(expected.ranked.len());
    assert_eq!(
        first.map(|first| named(&first.cache)).collect::<Vec<_>>(),
        expected.ranked
    );
    let without_reason = answer
        .candidates
        .iter()
        .filter(|candidate| candidate.reason.is_none());
    assert_eq!(without_reason.count(), usize::from(answer.winner.is_some()));

    // The images give the same degree as the counts.
    let winner = answer
        .candidates
        .first()
        .filter(|first| first.reason.is_none());
    let have = |have| {
        answer
            .images
            .iter()
            .filter(|image| image.found == have)
            .count()
    };
    assert_eq!(
        have(imagecache::matching::ImageMatch::Exact),
        winner.map_or(0, |winner| winner.exact)
    );
    assert_eq!(
        have(imagecache::matching::ImageMatch::RepositoryOnly),
        winner.map_or(0, |winner| winner.repository_only)
    );
}

#[test]
fn index_and_slow_matcher_agree_in_random_sequences() {
    let config = Config {
        cases: 1_500,
        failure_persistence: None,
        ..Config::default()
    };
    let mut asked = BTreeMap::new();
    let mut runner = TestRunner::new_with_rng(
        config.clone(),
        proptest::test_runner::TestRng::deterministic_rng(config.rng_algorithm),
    );
    let outcomes = std::cell::RefCell::new(&mut asked);
    runner
        .run(
            &(
                vec(step(), 1..40),
                vec((pod(), rules()), 1..4),
                any::<bool>(),
            ),
            |(steps, last, with)| {
                let facts = facts();
                let known = with.then_some(&facts);
                let (mut world, mut index) = (World::new(), Index::default());
                for step in &steps {
                    match step {
                        Step::Insert(cache) => {
                            let before = world.insert(cache.key(), cache.clone());
                            let replaced = index.insert(cache.real(known));
                            assert_eq!(
                                replaced.map(|cache| cache.name),
                                before.map(|cache| cache.name_text())
                            );
                        }
                        Step::Remove(id) => {
                            let before = world.remove(&(Some(*id), None));
                            assert_eq!(
                                index.remove(&format!("imc-{id}")).is_some(),
                                before.is_some()
                            );
                        }
                        Step::RemoveNameless(name) => {
                            let before = world.remove(&(None, Some(*name)));
                            let removed = index.remove_unidentified(&format!("name-{name}"));
                            assert_eq!(removed.is_some(), before.is_some());
                        }
                        Step::Ask(pod, rules) => ask(&index, &world, pod, rules, with),
                    }
                    assert_eq!(index.len(), world.len());
                }
                // An index built at once, in another order, says the same, word for word.
                let shuffled: Index = world
                    .values()
                    .rev()
                    .map(|cache| cache.real(known))
                    .collect();
                let mut scratch = SearchBuffers::default();
                for (pod, rules) in &last {
                    ask(&index, &world, pod, rules, with);
                    let real = pod.real(known);
                    let answer = index.explain_with(&real, rules, &mut scratch);
                    assert_eq!(answer, shuffled.explain_with(&real, rules, &mut scratch));
                    *outcomes
                        .borrow_mut()
                        .entry(answer.decision.as_str())
                        .or_insert(0) += 1;
                }
                Ok(())
            },
        )
        .unwrap();
    // The sequences must have reached every interesting case.
    for decision in ["Hit", "Partial", "Miss", "Refused"] {
        assert!(
            asked.get(decision).is_some_and(|count| *count > 100),
            "{asked:?}"
        );
    }
}
