//! What other engines say of the objects that are made for them: CEL type-checked as an API server does it, and the
//! schemas of Kubernetes and cert-manager.

use std::process::Command;

use anyhow::Result;
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
    )
}
