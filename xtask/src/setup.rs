//! What chores need and a bare machine lacks, installed from the ordinary registries on first use.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

/// The target of everything that runs inside another program: browsers, Node, policy engines.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// The workspace's root.
pub(crate) fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .map(Path::to_path_buf)
        .context("xtask has no parent folder")
}

/// Adds the wasm target to the toolchain, unless it is there.
pub(crate) fn wasm_target(sh: &Shell) -> Result<()> {
    let sysroot = cmd!(sh, "rustc --print sysroot").quiet().read()?;
    if !Path::new(&sysroot).join("lib/rustlib").join(WASM).is_dir() {
        cmd!(sh, "rustup target add {WASM}").run()?;
    }
    Ok(())
}

/// Installs a browser and its driver, unless they are there.
pub(crate) fn chromium(sh: &Shell) -> Result<()> {
    for program in ["/usr/bin/chromium", "/usr/bin/chromedriver"] {
        if !Path::new(program).exists() {
            cmd!(sh, "apt-get update -qq").run().context(
                "chromium is needed: install the packages `chromium` and `chromium-driver`",
            )?;
            cmd!(sh, "apt-get install -y -qq chromium chromium-driver").run()?;
        }
    }
    Ok(())
}

/// The files of a folder that Node's test runner runs, in order.
pub(crate) fn node_tests(folder: &str) -> Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.retain(|path| {
        path.to_str()
            .is_some_and(|path| path.ends_with(".test.mjs"))
    });
    files.sort();
    Ok(files)
}

/// A cargo subcommand of exactly this version, on the PATH or installed below `target/tools`; returns its program.
pub(crate) fn cargo_tool(sh: &Shell, name: &str, version: &str) -> Result<PathBuf> {
    let tools = root()?.join("target/tools");
    for program in [PathBuf::from(name), tools.join("bin").join(name)] {
        let found = cmd!(sh, "{program} --version")
            .quiet()
            .ignore_stderr()
            .read();
        if found.is_ok_and(|found| found.split_whitespace().any(|word| word == version)) {
            return Ok(program);
        }
    }
    cmd!(
        sh,
        "cargo install --quiet --locked --root {tools} {name}@{version}"
    )
    .run()
    .with_context(|| format!("cannot install {name} {version}"))?;
    Ok(tools.join("bin").join(name))
}
