//! Larger models, by seed: long walks with many faults, then rest. A seed that fails is walked again with
//! `RECONCILE_SEED=17 cargo test --features eci --test reconcile random`.

use std::collections::HashSet;

use imagecache::reconcile::OnDrift;

use crate::model::{Budget, Model, Move, REAL};

/// Numbers without meaning (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}

fn walk(seed: u64) -> Result<(), String> {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let budget = Budget {
        faults: 12,
        refusals: 6,
        crashes: 6,
        edits: 6,
        deletions: 2,
        wishes: 1,
        removals: 3,
        forgeries: 0,
        robberies: 1,
        empty_listings: 2,
        failures: 4,
        stale_listings: 12,
        retags: 4,
        pods: 4,
        minutes: 10,
        hours: 4,
        days: 2,
    };
    let mut model = Model::new(REAL, 3, budget)
        .comparing(OnDrift::Rebuild)
        .adopting(2, "imc-untagged")
        .retaining(1, 30);
    let mut moves: Vec<Move> = Vec::new();
    for _ in 0..250 {
        let possible = model.moves();
        if possible.is_empty() {
            break;
        }
        let one = possible[chance.below(possible.len())];
        moves.push(one);
        model.make(one);
        if let Some(what) = &model.broken {
            return Err(format!("seed {seed}: {what}\n{moves:?}"));
        }
    }
    model.rest(&mut HashSet::new());
    match model.broken {
        Some(what) => Err(format!("seed {seed}, afterwards: {what}\n{moves:?}")),
        None => Ok(()),
    }
}

#[test]
fn random_walks_hold_the_invariants() {
    let seeds = match std::env::var("RECONCILE_SEED") {
        Ok(seed) => {
            let seed = seed.parse().unwrap();
            seed..seed + 1
        }
        Err(_) => 0..200,
    };
    for seed in seeds {
        if let Err(breach) = walk(seed) {
            panic!("{breach}");
        }
    }
}
