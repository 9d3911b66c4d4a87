//! What other engines say of the objects that are made for them: CEL type-checked as an API server does it, and the
//! schemas of Kubernetes and cert-manager. The schemas of workloads check the table of workloads.

use std::process::Command;

use anyhow::Result;
use imagecache::resource::workload::WORKLOADS;
use xshell::Shell;

use crate::setup;
use crate::test::Count;

/// Runs the tests of `tests/engines` with the built command.
pub(crate) fn test(sh: &Shell, count: &mut Count) -> Result<()> {
    let binary = setup::imagecache(sh)?;
    let python = setup::python(sh, "engines", "tests/engines/requirements.txt")?;
    count.run(
        Command::new(python)
            .arg("tests/engines/run.py")
            .env("IMAGECACHE", &binary)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )?;
    setup::npm_packages(sh, "tests/engines/node")?;
    count.run(
        Command::new("node")
            .args(["--test", "--test-reporter=tap"])
            .arg("tests/engines/node/cert-manager.test.mjs")
            .env("IMAGECACHE", &binary),
    )?;
    workloads(sh, count)
}

/// Follows every way of the table of workloads through the schemas that npm packages carry.
fn workloads(sh: &Shell, count: &mut Count) -> Result<()> {
    setup::npm_packages(sh, "tests/workloads")?;
    let table = setup::target(sh)?.join("workloads.json");
    std::fs::write(&table, serde_json::to_string(WORKLOADS)?)?;
    count.run(
        Command::new("node")
            .arg("tests/workloads/check_schemas.mjs")
            .arg(table),
    )
}
