//! What installs this project elsewhere, by the tools that read it: Helm, kubectl, promtool, Lua.

use std::process::Command;

use anyhow::Result;
use xshell::Shell;

use crate::test::Count;
use crate::{kinds, setup};

/// Runs the tests of `tests/deploy` with the built command; `update` writes the files that have a source elsewhere.
pub(crate) fn test(sh: &Shell, count: &mut Count, update: bool) -> Result<()> {
    setup::debian(sh, &["prometheus", "lua5.1"])?;
    setup::kubectl(sh)?;
    let binary = setup::imagecache(sh)?;
    let python = setup::python(sh, "deploy", "tests/deploy/requirements.txt")?;
    // the same package has the schemas of these tests and those of the server
    kinds::run(sh, !update)?;
    setup::npm_packages(sh, "tests/deploy/node")?;
    let root = setup::root()?;
    let mut command = Command::new(python);
    command
        .args(["tests/engines/run.py", "tests/deploy"])
        .env("IMAGECACHE", &binary)
        .env(
            "HELM",
            root.join("tests/deploy/node/node_modules/.bin/helm"),
        )
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if update {
        command.env("UPDATE", "1");
    }
    count.run(&mut command)
}
