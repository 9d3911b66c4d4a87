//! Large plans in figures: without wasm, in Node, with OR-Tools and as people plan by hand.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{pkg, setup};

/// Measures and prints.
pub(crate) fn print(sh: &Shell) -> Result<()> {
    print!("{}", section(sh)?);
    Ok(())
}

/// The section on plans.
pub(super) fn section(sh: &Shell) -> Result<String> {
    cmd!(
        sh,
        "cargo build --release --package imagecache-bench --bin plan"
    )
    .run()?;
    let plan = setup::target(sh)?.join("release/plan");
    pkg::run(sh)?;
    pkg::install(sh)?;
    let python = setup::python(sh, "plan", "tests/plan/requirements.txt")?;
    let rows = cmd!(sh, "{python} tests/plan/bench.py")
        .env("PLAN", plan)
        .env("NODE", "pkg/bench-plan.mjs")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .read()?;
    Ok(format!(
        "\n## Plans\n\nRandom workloads, some of whose images are in many of them; reading the objects is included.\n{rows}\n"
    ))
}
