//! Clients of Kubernetes, installed from their registries in pinned versions, against `imagecache serve`.

use std::process::Command;

use anyhow::Result;
use xshell::Shell;

use crate::setup;
use crate::test::Count;

/// Runs the tests with the built command; `update` writes the table in `docs/serve.md`.
pub(crate) fn test(sh: &Shell, count: &mut Count, update: bool) -> Result<()> {
    setup::kubectl(sh)?;
    let binary = setup::imagecache(sh)?;
    let python = setup::python(sh, "clients", "tests/clients/requirements.txt")?;
    setup::npm_packages(sh, "tests/clients/node")?;
    let mut command = Command::new(python);
    command
        .args(["tests/engines/run.py", "tests/clients"])
        .env("IMAGECACHE", &binary)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if update {
        command.env("UPDATE", "1");
    }
    count.run(&mut command)
}
