//! Shows that the soak can fail: each mutant breaks one rule, and some seed breaks the promise.

use imagecache::reconcile::{
    Allowed, Effect, Observed, ReconcileDecision, ReconcileRecord, ReconcileSettings, step,
};
use imagecache::resource::annotation::FINALIZER;
use imagecache::time::Timestamp;
use serde_json::{Value, json};

use crate::host::PASSWORD;
use crate::soak::{Rules, run};

/// Seeds within which a mutant must be found.
const SEEDS: u64 = 60;

/// Runs seeds until a promise is broken, and checks that it is this one.
fn finds(rules: &Rules, promise: &str) {
    let broken = (0..SEEDS).find_map(|seed| run(seed, rules.clone()).broken);
    let broken = broken.unwrap_or_else(|| panic!("{SEEDS} seeds hold"));
    assert!(broken.contains(promise), "{broken}");
}

fn with_step(step: crate::soak::StepFn) -> Rules {
    Rules {
        step,
        ..Rules::default()
    }
}

#[test]
fn soak_finds_creations_without_a_cap() {
    let rules = Rules {
        alter: |settings| settings.budget.creations_per_object_hour = u32::MAX,
        ..Rules::default()
    };
    finds(&rules, "creations within an hour");
}

#[test]
fn soak_finds_adoption_of_anything() {
    let rules = Rules {
        alter: |settings| settings.trust.adoption = Allowed::All,
        ..Rules::default()
    };
    finds(&rules, "is not its own");
}

#[test]
fn soak_finds_secrets_of_any_namespace() {
    let rules = Rules {
        alter: |settings| settings.trust.secret_namespaces = Allowed::All,
        ..Rules::default()
    };
    finds(&rules, "a Secret of kube-system is read");
}

#[test]
fn soak_finds_calls_without_tokens() {
    let forgets_tokens = with_step(|object, seen, settings, memory, now| {
        let mut decision = step(object, seen, settings, memory, now);
        if let Some(Effect::Create { call, .. }) = &mut decision.act {
            call.client_token = None;
        }
        decision
    });
    finds(&forgets_tokens, "caches were made for");
}

#[test]
fn soak_finds_an_object_let_go_before_its_cache() {
    let lets_go_at_once = with_step(|object, seen, settings, memory, now| {
        let metadata = &object["metadata"];
        let finalizers = metadata["finalizers"].as_array();
        let held = finalizers.is_some_and(|list| list.contains(&json!(FINALIZER)));
        let mut decision = step(object, seen, settings, memory, now);
        if held && metadata.get("deletionTimestamp").is_some() {
            decision.act = Some(Effect::Finalizers {
                patch: json!({"metadata": {
                    "resourceVersion": metadata["resourceVersion"], "uid": metadata["uid"], "finalizers": [],
                }}),
            });
        }
        decision
    });
    finds(&lets_go_at_once, "is left, which is gone");
}

#[test]
fn soak_finds_a_spec_written_from_an_old_copy() {
    fn writes_all_it_knows(
        object: &Value,
        seen: &Observed<'_>,
        settings: &ReconcileSettings,
        memory: &ReconcileRecord,
        now: Timestamp,
    ) -> ReconcileDecision {
        let mut decision = step(object, seen, settings, memory, now);
        if let Some(Effect::Finalizers { patch }) = &mut decision.act {
            patch["spec"] = object["spec"].clone();
            let metadata = patch["metadata"].as_object_mut().unwrap();
            metadata.remove("resourceVersion");
        }
        decision
    }
    finds(
        &with_step(writes_all_it_knows),
        "an acknowledged write is lost",
    );
}

#[test]
fn soak_finds_a_password_in_a_status() {
    let tells_passwords = with_step(|object, seen, settings, memory, now| {
        let mut decision = step(object, seen, settings, memory, now);
        if let (Some(Effect::Status { patch, .. }), Some(_)) = (&mut decision.act, seen.logins) {
            patch["status"]["progress"] = PASSWORD.into();
        }
        decision
    });
    finds(&tells_passwords, "a secret is in the trace");
}

#[test]
fn soak_finds_work_without_end() {
    let never_updates = with_step(|object, seen, settings, memory, now| {
        let mut decision = step(object, seen, settings, memory, now);
        if let Some(Effect::Update { .. }) = decision.act {
            decision.act = None;
        }
        decision
    });
    finds(&never_updates, "it does not come to rest");
}
