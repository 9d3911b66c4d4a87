//! `cargo xtask registry`: the command against Debian's registry, filled by skopeo.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::setup;
use crate::test::Count;

/// Builds the command, and tests it.
pub(crate) fn test(sh: &Shell, count: &mut Count) -> Result<()> {
    setup::debian(sh, &["skopeo", "docker-registry"])?;
    cmd!(sh, "cargo build --quiet --package imagecache-cli").run()?;
    let binary = setup::target(sh)?.join("debug/imagecache");
    check(sh, count, &binary)
}

/// Tests this binary.
pub(crate) fn check(sh: &Shell, count: &mut Count, binary: &Path) -> Result<()> {
    let python = setup::python(sh, "engines", "tests/engines/requirements.txt")?;
    count.run(
        Command::new(python)
            .args(["tests/engines/run.py", "tests/registry"])
            .env("IMAGECACHE", binary)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
}

/// Prints how long the client takes for 500 images with 20 ms of latency.
pub(crate) fn bench(sh: &Shell) -> Result<()> {
    cmd!(
        sh,
        "cargo run --quiet --release --package imagecache-bench --bin registry"
    )
    .run()?;
    Ok(())
}
