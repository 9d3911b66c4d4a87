//! API servers that store a status otherwise than it was sent.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::exhaustive::explore;
use crate::model::{Budget, Model, Move, REAL, image};

fn drop_field(status: &mut Value, name: &str) {
    if let Some(status) = status.as_object_mut() {
        status.remove(name);
    }
}

fn conditions(status: &mut Value) -> &mut Vec<Value> {
    status["conditions"].as_array_mut().unwrap()
}

/// What a server may do to a status, and whether a cache can be made safely in spite of it.
type Server = (&'static str, fn(&mut Value), bool);

const SERVERS: [Server; 9] = [
    (
        "drops the progress",
        |status| drop_field(status, "progress"),
        true,
    ),
    (
        "drops the phase",
        |status| drop_field(status, "phase"),
        true,
    ),
    (
        "writes the phase small",
        |status| {
            let phase = status["phase"].as_str().unwrap_or_default().to_lowercase();
            status["phase"] = phase.into();
        },
        true,
    ),
    (
        "drops the id",
        |status| drop_field(status, "imageCacheId"),
        true,
    ),
    (
        "adds what nobody asked for",
        |status| status["seen"] = json!(true),
        true,
    ),
    (
        "drops the condition Ready",
        |status| {
            conditions(status).retain(|condition| condition["type"] != "Ready");
        },
        true,
    ),
    (
        "cuts the messages",
        |status| {
            for condition in conditions(status) {
                condition["message"] = "cut".into();
            }
        },
        true,
    ),
    (
        "drops the conditions",
        |status| drop_field(status, "conditions"),
        false,
    ),
    (
        "has its own times",
        |status| {
            for condition in conditions(status) {
                condition["lastTransitionTime"] = "2020-01-01T00:00:00Z".into();
            }
        },
        false,
    ),
];

fn made(model: &Model) -> usize {
    let caches = model.cloud.caches.iter();
    caches
        .filter(|cache| cache.owner.as_deref() == Some("uid-0"))
        .count()
}

#[test]
fn altered_status_leads_to_one_cache_and_rest() {
    for (name, alters, safe) in SERVERS {
        let budget = Budget {
            crashes: 1,
            faults: 1,
            edits: 1,
            ..Budget::default()
        };
        let mut model = Model::new(REAL, 1, budget).altering(alters);
        // coming to rest takes three looks in a row, half an hour apart, at which nothing is written
        model.rest(&mut HashSet::new());
        assert_eq!(model.broken, None, "it {name}");
        assert_eq!(made(&model), usize::from(safe), "it {name}");
        let before = model.writes;
        assert!(before < 12, "it {name}: {before} writes");
        model.budget.crashes = 1;
        model.make(Move::Crash);
        model.rest(&mut HashSet::new());
        assert_eq!(model.broken, None, "it {name}");
        // what is constant and wrong is as good as what was sent to one that never saw this
        assert!(
            made(&model) <= 1 && made(&model) >= usize::from(safe),
            "it {name}"
        );
        assert!(
            model.writes <= before + 2,
            "it {name}: {} writes after a start",
            model.writes - before
        );
        model.budget.edits = 1;
        model.make(Move::Edit(0));
        model.rest(&mut HashSet::new());
        assert_eq!(model.broken, None, "it {name}");
        let mut caches = model.cloud.caches.iter();
        let own = caches.find(|cache| cache.owner.as_deref() == Some("uid-0"));
        let asked = own.is_some_and(|cache| cache.images == [image(0, 2)]);
        assert!(asked || !safe, "it {name}: {own:?}");
    }
}

#[test]
fn altered_status_with_failures_makes_one_cache() {
    for (name, alters, _) in SERVERS {
        let budget = Budget {
            crashes: 1,
            faults: 1,
            ..Budget::default()
        };
        if let Err(breach) = explore(Model::new(REAL, 1, budget).altering(alters), 40_000) {
            panic!("it {name}: {breach:?}");
        }
    }
}
