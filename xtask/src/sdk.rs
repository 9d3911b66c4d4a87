//! The official SDKs of the cloud, installed from their registries in pinned versions, against the simulator.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use xshell::Shell;

use crate::setup;
use crate::test::Count;

/// Runs the tests of `tests/sdk` with the built command.
pub(crate) fn test(sh: &Shell, count: &mut Count) -> Result<()> {
    let binary = setup::imagecache(sh)?;
    count.run(
        Command::new(python(sh)?)
            .arg("tests/sdk/python/run.py")
            .env("IMAGECACHE", &binary)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )?;
    setup::npm_packages(sh, "tests/sdk/node")?;
    count.run(
        Command::new("node")
            .args(["--test", "--test-reporter=tap", "--test-concurrency=1"])
            .arg("tests/sdk/node/eci.test.mjs")
            .env("IMAGECACHE", &binary),
    )
}

/// Returns an interpreter that has the SDKs.
pub(crate) fn python(sh: &Shell) -> Result<PathBuf> {
    setup::python(sh, "sdk", "tests/sdk/python/requirements.txt")
}
