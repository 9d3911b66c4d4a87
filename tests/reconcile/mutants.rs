//! Every promise would be broken by some wrong step, and the worlds see it: each mutant is wrong in one way.

use imagecache::annotation::FINALIZER;
use imagecache::eci::request::DeleteImageCache;
use imagecache::reconcile::{
    Effect, Listing, Observed, ReconcileDecision, ReconcileRecord, ReconcileSettings, patched, step,
};
use imagecache::time::Timestamp;
use serde_json::{Value, json};

use crate::exhaustive::{explore, late_wish};
use crate::world::{Budget, FOREIGN, PASSWORD, StepFn, World};

/// No call has a token: nothing tells a repeated call from a new one.
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
        return ReconcileDecision {
            act: Some(Effect::Finalizers {
                patch: json!({"metadata": {
                    "resourceVersion": metadata["resourceVersion"], "uid": metadata["uid"], "finalizers": [],
                }}),
            }),
            ..ReconcileDecision::default()
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

/// What was sent stands in the status.
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

/// A cache that nobody else is seen to want is taken without a word.
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

/// Once it has announced that it takes a cache, it looks at nobody else.
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

#[test]
fn a_wrong_adoption_is_seen_to_give_a_cache_to_two() {
    for mutant in [takes_at_once, looks_at_nobody] {
        let breach = explore(late_wish(mutant), 40_000).unwrap_err();
        assert!(breach.what.contains("two objects have one"), "{breach:?}");
    }
}

/// An act of a promise-breaker, the world in which it shows, and the words of the breach.
#[test]
fn every_wrong_step_is_seen_to_break_its_promise() {
    let none = Budget::default();
    let cases: [(&str, StepFn, Budget, &str); 8] = [
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
            "believes_old_listings",
            believes_old_listings,
            Budget {
                edits: 1,
                stale_listings: 1,
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
        match explore(World::new(mutant, 1, budget), 40_000) {
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
