//! `cargo xtask soak`: the whole system on simulated time with faults by chance, from many seeds.

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

const TEST: &str = "soak_seeds_hold_the_invariants";

/// Runs seeds from 0 on, or one with its trace.
pub(crate) fn run(sh: &Shell, seeds: u64, seed: Option<u64>) -> Result<()> {
    let (name, value) = match seed {
        Some(seed) => ("SOAK_SEED", seed),
        None => ("SOAK_SEEDS", seeds),
    };
    let _seeds = sh.push_env(name, value.to_string());
    // optimised, but with the checks for overflow of the release
    cmd!(
        sh,
        "cargo test --quiet --release --package imagecache-simulator --test soak -- --exact {TEST} --nocapture"
    )
    .run()
    .context("a promise is broken")
}
