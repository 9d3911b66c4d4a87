//! `cargo xtask fuzz`: libFuzzer on the core's entries, on the stable toolchain.

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::setup;

const CARGO_FUZZ: &str = "0.13.2";

pub(crate) fn run(sh: &Shell, seconds: u32, only: Option<&str>) -> Result<()> {
    let cargo_fuzz = setup::cargo_tool(sh, "cargo-fuzz", CARGO_FUZZ)?;
    let targets = cmd!(sh, "{cargo_fuzz} list").read()?;
    let targets: Vec<&str> = targets
        .lines()
        .filter(|name| only.is_none_or(|only| only == *name))
        .collect();
    ensure!(
        !targets.is_empty(),
        "no fuzz target `{}`",
        only.unwrap_or_default()
    );
    let seconds = format!("-max_total_time={seconds}");
    for target in targets {
        // No sanitizer: those need a nightly compiler, and the core has no unsafe code to sanitise. Coverage, debug
        // assertions and overflow checks are what we are after. An input that takes over 2 s counts as a hang.
        let seeds = format!("fuzz/seeds/{target}");
        let corpus = format!("fuzz/corpus/{target}");
        sh.create_dir(&corpus)?;
        cmd!(sh, "{cargo_fuzz} run --sanitizer none {target} {corpus} {seeds} -- {seconds} -timeout=2 -max_len=65536 -print_final_stats=1").run()?;
    }
    Ok(())
}
