//! Plans beside a solver of integer programs: OR-Tools, from the Python registry in a pinned version.

use std::process::Command;

use anyhow::Result;
use xshell::Shell;

use crate::setup;
use crate::test::Count;

/// Plans this many random cases with the built command and with OR-Tools, and compares the costs.
pub(crate) fn test(sh: &Shell, count: &mut Count, cases: u32) -> Result<()> {
    let binary = setup::imagecache(sh)?;
    let python = setup::python(sh, "plan", "tests/plan/requirements.txt")?;
    count.run(
        Command::new(python)
            .args(["tests/plan/solver.py", &cases.to_string()])
            .env("IMAGECACHE", &binary)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
}
