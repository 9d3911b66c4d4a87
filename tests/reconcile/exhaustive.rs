//! Every state of small models, breadth first: the first breach found is a shortest one.

use std::collections::{HashSet, VecDeque};

use imagecache::reconcile::OnDrift;

use crate::model::{Budget, Model, Move, REAL, StepFn};

/// A way to a breach.
#[derive(Debug)]
pub(crate) struct Breach {
    pub(crate) what: String,
    pub(crate) moves: Vec<Move>,
}

/// Visits every state that can be reached; from each, lets the model come to rest and sees that both sides agree. Returns
/// how many states there are.
pub(crate) fn explore(model: Model, most: usize) -> Result<usize, Box<Breach>> {
    let mut seen = HashSet::from([model.key()]);
    let mut rested = HashSet::new();
    // the way to a state: the place of the state before it, and the move
    let mut ways: Vec<Option<(usize, Move)>> = vec![None];
    let mut todo = VecDeque::from([(model, 0)]);
    while let Some((model, place)) = todo.pop_front() {
        let way = |last: Option<Move>| {
            let mut moves: Vec<Move> = last.into_iter().collect();
            let mut at = place;
            while let Some((before, one)) = ways[at] {
                moves.push(one);
                at = before;
            }
            moves.reverse();
            moves
        };
        let mut resting = model.clone();
        resting.rest(&mut rested);
        if let Some(what) = resting.broken {
            let (what, moves) = (format!("afterwards: {what}"), way(None));
            return Err(Box::new(Breach { what, moves }));
        }
        let mut next = Vec::new();
        for one in model.moves() {
            let mut after = model.clone();
            after.make(one);
            if let Some(what) = after.broken {
                return Err(Box::new(Breach {
                    what,
                    moves: way(Some(one)),
                }));
            }
            if seen.insert(after.key()) {
                next.push((after, one));
            }
        }
        for (after, one) in next {
            ways.push(Some((place, one)));
            todo.push_back((after, ways.len() - 1));
        }
        assert!(
            seen.len() <= most,
            "more than {most} states: the model is larger than it was"
        );
    }
    Ok(seen.len())
}

/// An object wants the cache without an owner; an older one, which is making a cache of its own, comes to want it, too.
pub(crate) fn late_wish(step: StepFn) -> Model {
    let budget = Budget {
        wishes: 1,
        ..Budget::default()
    };
    Model::new(step, 2, budget)
        .patient()
        .adopting(1, "imc-untagged")
        .asking_for_nobodys(1)
        .until_each_has_one()
}

/// No listing ever shows the cache.
pub(crate) fn hidden(step: StepFn, budget: Budget) -> Model {
    Model::new(step, 1, budget).patient().prompt().hiding()
}

/// The object is `Ready`, and a listing shows no cache at all.
pub(crate) fn emptied(step: StepFn) -> Model {
    let budget = Budget {
        empty_listings: 1,
        minutes: 8,
        ..Budget::default()
    };
    Model::new(step, 1, budget).patient().prompt().at_rest()
}

/// A listing shows no cache at all before one is made.
pub(crate) fn emptied_early(step: StepFn) -> Model {
    let budget = Budget {
        empty_listings: 1,
        minutes: 1,
        ..Budget::default()
    };
    Model::new(step, 1, budget).patient().prompt()
}

/// The controller of another cluster adopts the cache that the object wants.
pub(crate) fn robbed(step: StepFn) -> Model {
    let budget = Budget {
        robberies: 1,
        deletions: 1,
        ..Budget::default()
    };
    Model::new(step, 1, budget)
        .adopting(0, "imc-untagged")
        .asking_for_nobodys(0)
}

/// Somebody who may not adopt anything writes ids of others' caches into the status.
pub(crate) fn hostile(step: StepFn) -> Model {
    let budget = Budget {
        forgeries: 1,
        edits: 1,
        deletions: 1,
        ..Budget::default()
    };
    Model::new(step, 1, budget)
        .patient()
        .prompt()
        .without_adoption()
}

/// The object is `Ready`, its tags are compared with their registry, and move.
pub(crate) fn moving(step: StepFn, on_drift: OnDrift, budget: Budget) -> Model {
    let model = Model::new(step, 1, budget).patient().prompt();
    model.comparing(on_drift).at_rest()
}

/// Two objects whose tags move, and one rebuild an hour.
pub(crate) fn rationed(step: StepFn) -> Model {
    let budget = Budget {
        retags: 1,
        hours: 1,
        ..Budget::default()
    };
    let model = Model::new(step, 2, budget).patient().prompt();
    let model = model.comparing(OnDrift::Rebuild).rebuilding_at_most(1);
    model.at_rest()
}

/// What happens to tags in each model of them.
fn moves_of_tags() -> Vec<(&'static str, Budget)> {
    let moves = Budget {
        retags: 1,
        hours: 1,
        ..Budget::default()
    };
    vec![
        (
            "a move of a tag, a crash",
            Budget {
                hours: 2,
                crashes: 1,
                ..moves
            },
        ),
        (
            "a move of a tag, two lost answers",
            Budget { faults: 2, ..moves },
        ),
        (
            "a move of a tag, a lost answer, a crash",
            Budget {
                faults: 1,
                crashes: 1,
                ..moves
            },
        ),
        (
            "two moves of a tag, a pod that starts",
            Budget {
                retags: 2,
                hours: 2,
                pods: 2,
                ..moves
            },
        ),
        (
            "a move of a tag, a pod that starts, a lost answer",
            Budget {
                pods: 2,
                faults: 1,
                ..moves
            },
        ),
        ("a move of a tag, an edit", Budget { edits: 1, ..moves }),
        (
            "a move of a tag, a refusal, a failure",
            Budget {
                refusals: 1,
                failures: 1,
                ..moves
            },
        ),
    ]
}

/// The models: each one is small in its own way.
pub(crate) fn models(step: StepFn) -> Vec<(&'static str, Model)> {
    let one = |budget| Model::new(step, 1, budget);
    let two = |budget| Model::new(step, 2, budget).patient();
    let none = Budget::default();
    vec![
        (
            "a lost answer, an edit",
            one(Budget {
                faults: 1,
                edits: 1,
                ..none
            }),
        ),
        (
            "a lost answer, a crash",
            one(Budget {
                faults: 1,
                crashes: 1,
                ..none
            }),
        ),
        (
            "a lost answer, a deletion",
            one(Budget {
                faults: 1,
                deletions: 1,
                ..none
            }),
        ),
        (
            "a crash, an edit",
            one(Budget {
                crashes: 1,
                edits: 1,
                ..none
            }),
        ),
        (
            "a crash, a deletion",
            one(Budget {
                crashes: 1,
                deletions: 1,
                ..none
            }),
        ),
        (
            "a lost answer, a crash, an edit",
            one(Budget {
                faults: 1,
                crashes: 1,
                edits: 1,
                ..none
            }),
        ),
        (
            "a lost answer, a crash, a deletion",
            one(Budget {
                faults: 1,
                crashes: 1,
                deletions: 1,
                ..none
            }),
        ),
        ("two lost answers", one(Budget { faults: 2, ..none })),
        (
            "a refusal, a crash",
            one(Budget {
                refusals: 1,
                crashes: 1,
                ..none
            }),
        ),
        (
            "an old listing, an edit",
            one(Budget {
                stale_listings: 1,
                edits: 1,
                ..none
            }),
        ),
        (
            "an old listing, a deletion",
            one(Budget {
                stale_listings: 1,
                deletions: 1,
                ..none
            }),
        ),
        (
            "a failure, an edit",
            one(Budget {
                failures: 1,
                edits: 1,
                ..none
            }),
        ),
        (
            "a cache removed by somebody, a crash",
            one(Budget {
                removals: 1,
                crashes: 1,
                ..none
            }),
        ),
        ("two objects", two(none).prompt()),
        (
            "two objects, a crash",
            two(Budget { crashes: 1, ..none }).prompt(),
        ),
        (
            "two objects that want one cache, a crash",
            two(Budget { crashes: 1, ..none })
                .prompt()
                .adopting(0, "imc-untagged")
                .adopting(1, "imc-untagged"),
        ),
        (
            "two objects that want one cache, a deletion",
            two(Budget {
                deletions: 1,
                ..none
            })
            .prompt()
            .adopting(0, "imc-untagged")
            .adopting(1, "imc-untagged"),
        ),
        (
            "two objects of which one comes to want the cache that the other wants",
            late_wish(step).prompt(),
        ),
        (
            "an object that wants what is not to be had",
            one(Budget {
                deletions: 1,
                crashes: 1,
                ..none
            })
            .adopting(0, crate::model::FOREIGN),
        ),
        (
            "a listing that lags by two, a crash",
            one(Budget { crashes: 1, ..none })
                .patient()
                .prompt()
                .lagging(2),
        ),
        (
            "a listing that lags by two, an edit",
            one(Budget { edits: 1, ..none })
                .patient()
                .prompt()
                .lagging(2),
        ),
        (
            "a listing that lags by two, a deletion",
            one(Budget {
                deletions: 1,
                ..none
            })
            .patient()
            .prompt()
            .lagging(2),
        ),
        (
            "a listing that lacks the cache, an edit, a deletion",
            hidden(
                step,
                Budget {
                    edits: 1,
                    deletions: 1,
                    ..none
                },
            ),
        ),
        (
            "a listing that lacks the cache, crashes, minutes",
            hidden(
                step,
                Budget {
                    crashes: 1,
                    minutes: 2,
                    ..none
                },
            ),
        ),
        ("a listing that is empty once, minutes", emptied(step)),
        (
            "a listing that is empty before a cache is made",
            emptied_early(step),
        ),
        (
            "another cluster that adopts the wanted cache, a deletion",
            robbed(step),
        ),
        ("an author who forges the status, a deletion", hostile(step)),
        (
            "an author who forges the status and wants all caches",
            hostile(step).adopting(0, "imc-untagged"),
        ),
    ]
}

/// Visits the models of moving tags: what is recorded, reported and rebuilt.
#[test]
fn every_state_of_moving_tags_holds_the_invariants() {
    let mut models = vec![("two objects, one rebuild an hour", rationed(REAL))];
    for (name, budget) in moves_of_tags() {
        models.push((name, moving(REAL, OnDrift::Rebuild, budget)));
    }
    let reported = Budget {
        retags: 2,
        hours: 2,
        crashes: 1,
        ..Budget::default()
    };
    models.push((
        "moves that are reported",
        moving(REAL, OnDrift::Report, reported),
    ));
    let early = Budget {
        retags: 2,
        faults: 1,
        ..Budget::default()
    };
    let early = Model::new(REAL, 1, early).patient().prompt();
    let early = early.comparing(OnDrift::Rebuild);
    models.push(("a tag that moves while the cache is made", early));
    for (name, model) in models {
        let start = std::time::Instant::now();
        match explore(model, 60_000) {
            Ok(states) => println!("{name}: {states} states {:?}", start.elapsed()),
            Err(breach) => panic!("{name}: {}\n{:?}", breach.what, breach.moves),
        }
    }
}

#[test]
fn every_state_of_every_model_holds_the_invariants() {
    let mut told = Vec::new();
    // `RECONCILE_MODEL=lags` visits only the models with this in their names
    let only = std::env::var("RECONCILE_MODEL").unwrap_or_default();
    for (name, model) in models(REAL) {
        if !name.contains(&only) {
            continue;
        }
        let start = std::time::Instant::now();
        match explore(model, 60_000) {
            Ok(states) => told.push(format!("{name}: {states} states")),
            Err(breach) => panic!("{name}: {}\n{:?}", breach.what, breach.moves),
        }
        println!("{} {:?}", told.last().unwrap(), start.elapsed());
    }
}
