//! Shows that the models detect a wrong step: each mutant is wrong in one way and must break its invariant.

use imagecache::eci::reply::TagEntry;
use imagecache::eci::request::{DeleteImageCache, DescribeImageCaches};
use imagecache::reconcile::{
    Allowed, Effect, GONE_AFTER, Listing, Observed, OnDrift, Outcome, ReconcileDecision,
    ReconcileRecord, ReconcileSettings, Spending, patched, step,
};
use imagecache::resource::annotation::{DIGESTS, FINALIZER, OWNER_TAG};
use imagecache::time::Timestamp;
use serde_json::{Value, json};

use crate::exhaustive::{
    emptied, emptied_early, explore, hidden, hostile, late_wish, moving, rationed, robbed,
};
use crate::model::{Budget, FOREIGN, Fate, Model, Move, PASSWORD, REAL, StepFn};

/// No call has a token: a repeated call cannot be recognised.
fn forgets_tokens(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let mut decision = step(object, seen, settings, memory, now);
    if let Some(Effect::Create { call, .. }) = &mut decision.act {
        call.client_token = None;
    }
    decision
}

/// The token names the generation of the moment, not the one that was written down.
fn names_another_generation(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let mut decision = step(object, seen, settings, memory, now);
    if let Some(Effect::Create { call, .. }) = &mut decision.act {
        call.client_token = Some(format!("create.{}", object["metadata"]["generation"]));
    }
    decision
}

/// Old listings are news.
fn believes_old_listings(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let listing = seen.listing.map(|listing| {
        Listing::new(
            listing.entries().to_vec(),
            seen.moment * 2 + std::time::Duration::from_secs(1),
        )
    });
    let seen = Observed {
        listing: listing.as_ref(),
        ..*seen
    };
    step(object, &seen, settings, memory, now)
}

/// The finalizer goes as soon as the object is to go.
fn lets_go_at_once(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let held = object["metadata"]["finalizers"]
        .as_array()
        .is_some_and(|list| list.contains(&json!(FINALIZER)));
    if held && object["metadata"].get("deletionTimestamp").is_some() {
        let metadata = &object["metadata"];
        return {
            let mut made = ReconcileDecision::default();
            made.act = Some(Effect::Finalizers {
                patch: json!({"metadata": {
                    "resourceVersion": metadata["resourceVersion"], "uid": metadata["uid"], "finalizers": [],
                }}),
            });
            made
        };
    }
    step(object, seen, settings, memory, now)
}

/// Whatever has the same name is ours.
fn deletes_by_name(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let mut decision = step(object, seen, settings, memory, now);
    let deleting = object["metadata"].get("deletionTimestamp").is_some();
    if deleting
        && seen
            .listing
            .is_some_and(|listing| listing.get(FOREIGN).is_some())
        && seen.live
    {
        decision.act = Some(Effect::Delete {
            call: DeleteImageCache {
                region_id: settings.region_id.clone(),
                image_cache_id: FOREIGN.to_owned(),
                client_token: None,
            },
        });
    } else if deleting && decision.act.is_some() {
        decision.act = Some(Effect::Read);
    }
    decision
}

/// What is there is what was asked.
fn claims_ready(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let mut decision = step(object, seen, settings, memory, now);
    if let Some(Effect::Status { patch, .. }) = &mut decision.act
        && patch["status"]["phase"] == "Updating"
    {
        patch["status"]["phase"] = "Ready".into();
    }
    decision
}

/// A status is written whether it has changed or not.
fn writes_always(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let mut decision = step(object, seen, settings, memory, now);
    let metadata = &object["metadata"];
    if decision.act.is_none() && !seen.live && metadata.get("deletionTimestamp").is_none() {
        decision.act = Some(Effect::Status {
            patch: json!({
                "metadata": {"resourceVersion": metadata["resourceVersion"], "uid": metadata["uid"]},
                "status": {"lastUpdatedTime": now},
            }),
            opens: false,
        });
    }
    decision
}

/// What was sent is in the status.
fn tells_passwords(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let mut decision = step(object, seen, settings, memory, now);
    if let (Some(Effect::Status { patch, .. }), Some(logins)) = (&mut decision.act, seen.logins) {
        let login = &logins[0].found.as_ref().unwrap()[0];
        patch["status"]["message"] = login.password.expose().into();
    }
    decision
}

/// A cache that no other object is seen to want is adopted without an announcement.
fn takes_at_once(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let decision = step(object, seen, settings, memory, now);
    let Some(Effect::Status { patch, .. }) = &decision.act else {
        return decision;
    };
    if !patch.to_string().contains(r#""reason":"Adopting""#) {
        return decision;
    }
    let seen = Observed {
        live: false,
        ..*seen
    };
    step(&patched(object, patch), &seen, settings, memory, now)
}

/// Once it has announced that it adopts a cache, it looks at no other claim.
fn looks_at_nobody(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let announced = object["status"].to_string().contains("Adopting");
    let rivals = if announced { &[] } else { seen.rivals };
    step(object, &Observed { rivals, ..*seen }, settings, memory, now)
}

/// A cache that one listing lacks is gone.
fn believes_one_listing(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let decision = step(object, seen, settings, memory, now);
    let Some(ask @ Effect::Describe { .. }) = &decision.act else {
        return decision;
    };
    let mut memory = memory.clone();
    for moment in [seen.moment, seen.moment + GONE_AFTER] {
        memory.record(ask, &Outcome::Described(None), 1, moment);
    }
    step(object, seen, settings, &memory, now)
}

/// A listing that is empty is taken for the truth.
fn believes_empty_listings(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let listing = seen
        .listing
        .map(|listing| Listing::new(listing.entries().to_vec(), listing.begun()));
    let listing = listing.as_ref();
    let seen = Observed { listing, ..*seen };
    believes_one_listing(object, &seen, settings, memory, now)
}

/// The first answer that there is no such cache is a proof.
fn asks_only_once(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let decision = step(object, seen, settings, memory, now);
    let waits = decision.act.is_none() && decision.listing;
    let Some(id) = object["status"]["imageCacheId"].as_str().filter(|_| waits) else {
        return decision;
    };
    let ask = Effect::Describe {
        call: Box::new(DescribeImageCaches {
            image_cache_id: Some(id.to_owned()),
            ..DescribeImageCaches::default()
        }),
    };
    let mut memory = memory.clone();
    let absent = Outcome::Described(None);
    memory.record(&ask, &absent, 1, seen.moment + GONE_AFTER);
    step(object, seen, settings, &memory, now)
}

/// Every budget is without limit.
fn spends_without_limit(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let mut settings = settings.clone();
    settings.budget.creations_per_object_hour = u32::MAX;
    step(object, seen, &settings, memory, now)
}

/// What was created before the process started is not counted, and neither is what it created itself.
fn keeps_no_account(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let spending = &Spending::default();
    step(
        object,
        &Observed { spending, ..*seen },
        settings,
        memory,
        now,
    )
}

/// Everybody may adopt everything.
fn adopts_without_leave(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let mut settings = settings.clone();
    settings.trust.adoption = Allowed::All;
    step(object, seen, &settings, memory, now)
}

/// Whatever the status names is the object's own.
fn believes_the_status(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let named = object["status"]["imageCacheId"].as_str();
    let entries = seen.listing.map(|listing| {
        let entries = listing.entries().iter().cloned();
        entries.map(|mut entry| {
            if Some(entry.image_cache_id.as_str()) == named {
                entry.tags = vec![TagEntry {
                    key: OWNER_TAG.to_owned(),
                    value: object["metadata"]["uid"].as_str().unwrap().to_owned(),
                    ..TagEntry::default()
                }];
            }
            entry
        })
    });
    let listing =
        entries.map(|entries| Listing::new(entries.collect(), seen.listing.unwrap().begun()));
    let listing = listing.as_ref();
    step(
        object,
        &Observed { listing, ..*seen },
        settings,
        memory,
        now,
    )
}

/// An adopted cache gets no tag.
fn adopts_without_a_tag(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let mut decision = step(object, seen, settings, memory, now);
    if let Some(Effect::Update { call, .. }) = &mut decision.act {
        call.tag.clear();
    }
    decision
}

/// An object is deleted while the answer about its creation is lost and an older listing is about to come.
fn old_listing_at_deletion(step: StepFn) -> Option<String> {
    let budget = Budget {
        faults: 1,
        deletions: 1,
        stale_listings: 1,
        minutes: 1,
        ..Budget::default()
    };
    let mut model = Model::new(step, 1, budget).patient().prompt();
    let done = Move::Step(0, Fate::Done);
    let lost = Move::Step(0, Fate::AnswerLost);
    let moves = [
        Move::List,
        done,
        done,
        Move::Begin,
        lost,
        Move::Delete(0),
        Move::Minute,
    ];
    for one in moves.into_iter().chain([Move::Tell, done]) {
        model.make(one);
    }
    model.broken
}

/// Somebody removes each cache that is made, for most of an hour.
fn drained(step: StepFn) -> Option<String> {
    let budget = Budget {
        removals: 10,
        minutes: 50,
        ..Budget::default()
    };
    let mut model = Model::new(step, 1, budget).creating_at_most(2);
    for _ in 0..50 {
        model.round();
        model.round();
        let caches = model.cloud.caches.iter();
        let ready = caches
            .clone()
            .position(|cache| cache.owner.as_deref() == Some("uid-0") && cache.status == "Ready");
        if let Some(place) = ready {
            model.make(Move::Remove(place));
        }
        model.make(Move::Minute);
    }
    assert!(model.cloud.creations.len() >= 2 || model.broken.is_some());
    model.broken
}

#[test]
fn caches_removed_again_and_again_creations_are_capped() {
    assert_eq!(drained(REAL), None);
    let mutants: [(StepFn, &str); 4] = [
        (spends_without_limit, "creations within an hour"),
        (keeps_no_account, "creations within an hour"),
        (asks_only_once, "without proof"),
        (believes_one_listing, "without proof"),
    ];
    for (mutant, words) in mutants {
        let breach = drained(mutant).unwrap();
        assert!(breach.contains(words), "{breach}");
    }
}

#[test]
fn listing_older_than_call_believed_lets_go_too_early() {
    let breach = old_listing_at_deletion(believes_old_listings).unwrap();
    assert!(breach.contains("the finalizer went before"), "{breach}");
    assert_eq!(old_listing_at_deletion(REAL), None);
}

#[test]
fn mutants_of_trust_and_proof_are_caught() {
    let none = Budget::default();
    let unproved = "without proof";
    let cases: [(&str, Model, &str); 7] = [
        (
            "believes_one_listing",
            hidden(believes_one_listing, none),
            unproved,
        ),
        (
            "believes_one_listing, lagging",
            Model::new(believes_one_listing, 1, none).lagging(2),
            unproved,
        ),
        (
            "believes_empty_listings",
            emptied(believes_empty_listings),
            unproved,
        ),
        (
            "believes_empty_listings, early",
            emptied_early(believes_empty_listings),
            "while nothing is listed",
        ),
        (
            "adopts_without_leave",
            hostile(adopts_without_leave).adopting(0, "imc-untagged"),
            "touches what is not ours",
        ),
        (
            "believes_the_status",
            hostile(believes_the_status),
            "touches what is not ours",
        ),
        (
            "adopts_without_a_tag",
            robbed(adopts_without_a_tag),
            "has no tag",
        ),
    ];
    for (name, model, words) in cases {
        match explore(model, 40_000) {
            Ok(states) => panic!("{name} passes, in {states} states"),
            Err(breach) => assert!(
                breach.what.contains(words),
                "{name} breaks another promise: {breach:?}"
            ),
        }
    }
}

/// Pods that start are not in the way of a rebuild.
fn rebuilds_under_pods(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let starting = Some(Ok(&[][..]));
    let seen = Observed { starting, ..*seen };
    step(object, &seen, settings, memory, now)
}

/// What a rebuild was made for is not recorded.
fn records_the_first_digest(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let mut decision = step(object, seen, settings, memory, now);
    if let Some(Effect::Annotations { patch }) = &mut decision.act
        && let Some(digests) = patch["metadata"]["annotations"].get_mut(DIGESTS)
    {
        *digests = digests
            .as_str()
            .map(|text| text.replace(":1\"}", ":0\"}"))
            .into();
    }
    decision
}

/// A cache whose tags have moved gets a new record instead of a new snapshot.
fn records_what_moved(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let mut decision = step(object, seen, settings, memory, now);
    let Some(Effect::Status { patch, .. }) = &decision.act else {
        return decision;
    };
    if patch.to_string().contains(r#""reason":"Moved""#) {
        let digests = object["metadata"]["annotations"][DIGESTS].as_str();
        let digests = digests.map(|text| text.replace(":0\"}", ":1\"}"));
        let meant = &object["metadata"];
        decision.act = Some(Effect::Annotations {
            patch: json!({"metadata": {
                "resourceVersion": meant["resourceVersion"], "uid": meant["uid"], "annotations": {DIGESTS: digests},
            }}),
        });
    }
    decision
}

/// What was rebuilt within the hour is not counted.
fn counts_no_rebuilds(
    object: &Value,
    seen: &Observed<'_>,
    settings: &ReconcileSettings,
    memory: &ReconcileRecord,
    now: Timestamp,
) -> ReconcileDecision {
    let spending = &Spending::default();
    step(
        object,
        &Observed { spending, ..*seen },
        settings,
        memory,
        now,
    )
}

#[test]
fn mutants_of_freshness_are_caught() {
    let budget = Budget {
        retags: 1,
        hours: 2,
        pods: 1,
        ..Budget::default()
    };
    let rebuilding = |step| moving(step, OnDrift::Rebuild, budget);
    let cases = [
        (rebuilding(rebuilds_under_pods), "while a pod starts"),
        (rebuilding(records_the_first_digest), "times for 1 changes"),
        (rebuilding(records_what_moved), "is called fresh and is not"),
        (rationed(counts_no_rebuilds), "rebuilds within an hour"),
    ];
    for (model, words) in cases {
        let breach = explore(model, 40_000).unwrap_err();
        assert!(breach.what.contains(words), "{words}: {breach:?}");
    }
}

#[test]
fn mutant_adoption_gives_one_cache_to_two_objects() {
    for mutant in [takes_at_once, looks_at_nobody] {
        let breach = explore(late_wish(mutant), 40_000).unwrap_err();
        assert!(breach.what.contains("two objects have one"), "{breach:?}");
    }
}

/// A mutant, the model that detects it, and the text of the breach.
#[test]
fn mutants_each_break_their_invariant() {
    let none = Budget::default();
    let cases: [(&str, StepFn, Budget, &str); 7] = [
        (
            "forgets_tokens",
            forgets_tokens,
            Budget {
                faults: 1,
                crashes: 1,
                ..none
            },
            "caches were made for",
        ),
        (
            "names_another_generation",
            names_another_generation,
            Budget {
                faults: 1,
                edits: 1,
                crashes: 1,
                ..none
            },
            "caches were made for",
        ),
        (
            "lets_go_at_once",
            lets_go_at_once,
            Budget {
                deletions: 1,
                ..none
            },
            "the finalizer went before",
        ),
        (
            "deletes_by_name",
            deletes_by_name,
            Budget {
                deletions: 1,
                ..none
            },
            "touches what is not ours",
        ),
        (
            "claims_ready",
            claims_ready,
            Budget { edits: 1, ..none },
            "Ready is claimed",
        ),
        ("writes_always", writes_always, none, "no end"),
        ("tells_passwords", tells_passwords, none, "a secret"),
    ];
    for (name, mutant, budget, words) in cases {
        match explore(Model::new(mutant, 1, budget), 40_000) {
            Ok(states) => panic!("{name} passes, in {states} states"),
            Err(breach) => {
                assert!(
                    breach.what.contains(words),
                    "{name} breaks another promise: {breach:?}"
                );
                assert!(
                    !breach.what.contains(PASSWORD) || words == "a secret",
                    "{breach:?}"
                );
            }
        }
    }
}
