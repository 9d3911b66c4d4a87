//! Every state of small worlds, breadth first: the first breach found is a shortest one.

use std::collections::{HashSet, VecDeque};

use crate::world::{Budget, Move, REAL, StepFn, World};

/// A way to a breach.
#[derive(Debug)]
pub(crate) struct Breach {
    pub(crate) what: String,
    pub(crate) moves: Vec<Move>,
}

/// Visits every state that can be reached; from each, lets the world come to rest and sees that both sides agree. Returns
/// how many states there are.
pub(crate) fn explore(world: World, most: usize) -> Result<usize, Box<Breach>> {
    let mut seen = HashSet::from([world.key()]);
    let mut rested = HashSet::new();
    // the way to a state: the place of the state before it, and the move
    let mut ways: Vec<Option<(usize, Move)>> = vec![None];
    let mut todo = VecDeque::from([(world, 0)]);
    while let Some((world, place)) = todo.pop_front() {
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
        let mut resting = world.clone();
        resting.rest(&mut rested);
        if let Some(what) = resting.broken {
            let (what, moves) = (format!("afterwards: {what}"), way(None));
            return Err(Box::new(Breach { what, moves }));
        }
        let mut next = Vec::new();
        for one in world.moves() {
            let mut after = world.clone();
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
            "more than {most} states: the world is larger than it was"
        );
    }
    Ok(seen.len())
}

/// An object wants the cache of nobody; an older one, which is making a cache of its own, comes to want it, too.
pub(crate) fn late_wish(step: StepFn) -> World {
    let budget = Budget {
        wishes: 1,
        ..Budget::default()
    };
    World::new(step, 2, budget)
        .patient()
        .adopting(1, "imc-nobody")
        .asking_for_nobodys(1)
        .until_each_has_one()
}

/// The worlds: each one is small in its own way.
pub(crate) fn worlds(step: StepFn) -> Vec<(&'static str, World)> {
    let one = |budget| World::new(step, 1, budget);
    let two = |budget| World::new(step, 2, budget).patient();
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
            "two objects that want one cache",
            two(Budget {
                crashes: 1,
                deletions: 1,
                ..none
            })
            .adopting(0, "imc-nobody")
            .adopting(1, "imc-nobody"),
        ),
        (
            "two objects of which one comes to want the cache that the other wants",
            late_wish(step),
        ),
        (
            "an object that wants what is not to be had",
            one(Budget {
                deletions: 1,
                crashes: 1,
                ..none
            })
            .adopting(0, crate::world::FOREIGN),
        ),
    ]
}

#[test]
fn every_state_of_every_small_world_keeps_the_promises_and_comes_to_rest() {
    let mut told = Vec::new();
    for (name, world) in worlds(REAL) {
        let start = std::time::Instant::now();
        match explore(world, 40_000) {
            Ok(states) => told.push(format!("{name}: {states} states")),
            Err(breach) => panic!("{name}: {}\n{:?}", breach.what, breach.moves),
        }
        println!("{} {:?}", told.last().unwrap(), start.elapsed());
    }
}
