//! `cargo xtask check`: the fast lane while you work on the core or the command line.

use std::time::Instant;

use anyhow::{Context, Result};
use xshell::{Cmd, Shell, cmd};

/// Runs fmt, clippy and the tests of the core, and prints what it ran.
pub(crate) fn run(sh: &Shell) -> Result<()> {
    let start = Instant::now();
    let fmt = cmd!(sh, "cargo fmt --all --check");
    step("format", fmt).context("run `cargo fmt --all`")?;
    step(
        "clippy: core and command line",
        cmd!(
            sh,
            "cargo clippy --quiet --package imagecache --package imagecache-cli --all-targets -- --deny warnings"
        ),
    )?;
    // Features are those of `cargo test`, so that both share what they build. The reconciler needs the feature `eci`:
    // its model check visits every state for four minutes, and runs in `cargo xtask test`.
    step(
        "tests: core",
        cmd!(sh, "cargo test --quiet --package imagecache"),
    )?;
    println!(
        "\ncheck passed in {} s: format, clippy of core and command line, tests of the core",
        start.elapsed().as_secs()
    );
    println!("not run: model check of the reconciler, other packages, lints of `cargo xtask ci`");
    Ok(())
}

fn step(name: &str, command: Cmd<'_>) -> Result<()> {
    let start = Instant::now();
    println!("{name}");
    command.run()?;
    println!("{name}: {} s", start.elapsed().as_secs());
    Ok(())
}
