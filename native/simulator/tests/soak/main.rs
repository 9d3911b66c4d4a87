//! The whole system on simulated time, with faults by chance: the store and the writes of the API server, the core's
//! reconcile step, and the state of the simulated cloud. No thread, clock or chance but that of the seed decides anything,
//! so a seed always gives the same run.
//!
//! What goes wrong: answers of the cloud and of the API server that are lost, calls that come twice or late, throttling,
//! quotas, credentials that end, listings that lag, lack a cache or are empty, a clock that steps, a controller and an API
//! server that are killed, watches that lag and expire, people who edit, pause, delete and create again, remove caches at
//! the console, adopt what is not theirs, name others' Secrets and forge statuses.
//!
//! What must hold is in `soak`: [`soak::Soak`]. `mutants` shows that each promise would be broken by a wrong controller.
//!
//! `cargo xtask soak --seeds N` runs more seeds, `cargo xtask soak --seed S` one, with its trace.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

mod chance;
mod cloud;
mod host;
mod mutants;
mod people;
mod server;
mod soak;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use soak::{Rules, run};

/// Seeds of a normal run.
const SEEDS: u64 = 200;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}: `{text}` is not a number")),
    )
}

#[test]
fn soak_seeds_hold_the_invariants() {
    if let Some(seed) = number("SOAK_SEED") {
        let ended = run(seed, Rules::default());
        println!("{}", ended.trace.join("\n"));
        assert_eq!(ended.broken, None, "seed {seed}");
        println!("seed {seed} holds");
        return;
    }
    let seeds = number("SOAK_SEEDS").unwrap_or(SEEDS);
    let (next, creations) = (AtomicU64::new(0), AtomicUsize::new(0));
    let broken = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return;
            }
            let ended = run(seed, Rules::default());
            creations.fetch_add(ended.creations, Ordering::Relaxed);
            if let Some(what) = ended.broken {
                let what = format!("seed {seed}: {what}");
                println!("{what}\n  replay it: cargo xtask soak --seed {seed}");
                broken.lock().unwrap().push(what);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let creations = creations.into_inner();
    let broken = broken.into_inner().unwrap();
    println!(
        "{seeds} seeds, {creations} caches made, {} broken",
        broken.len()
    );
    assert_eq!(broken, Vec::<String>::new());
    assert!(
        creations >= usize::try_from(seeds).unwrap(),
        "too little happens"
    );
}

#[test]
fn soak_same_seed_gives_the_same_trace() {
    for seed in [3, 4] {
        assert_eq!(
            run(seed, Rules::default()).trace,
            run(seed, Rules::default()).trace
        );
    }
}
