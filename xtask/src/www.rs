//! `cargo xtask www`: the page, from TypeScript and the npm package to `www/dist`, and its tests.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use crate::test::Count;
use crate::{pkg, setup};

/// The oldest Node that the tools of the page run on.
const NODE: (u32, u32) = (20, 19);

/// Builds `www/dist`, and holds its sizes against `www/sizes.json`.
pub(crate) fn run(sh: &Shell) -> Result<()> {
    node(sh)?;
    if !package_is_current()? {
        pkg::run(sh)?;
    }
    let _www = sh.push_dir("www");
    let [lock, done] = ["package-lock.json", "node_modules/.package-lock.json"]
        .map(|file| fs::metadata(sh.current_dir().join(file)).and_then(|file| file.modified()));
    if done.ok() < lock.ok() {
        cmd!(sh, "npm ci --silent --ignore-scripts").run()?;
    }
    cmd!(sh, "npm run --silent build").run()?;
    cmd!(sh, "node tests/sizes.mjs").quiet().run()?;
    Ok(())
}

/// The tests of the page, in Chromium, against files and against the command `imagecache`.
pub(crate) fn test(sh: &Shell, count: &mut Count) -> Result<()> {
    run(sh)?;
    setup::chromium(sh)?;
    // With the page inside.
    cmd!(sh, "cargo build --quiet --package imagecache-cli").run()?;
    let program = setup::target(sh)?.join("debug/imagecache");
    let mut node = Command::new("node");
    node.env("IMAGECACHE", program);
    node.args(["--test", "--test-reporter=tap", "--test-concurrency=1"]);
    count.run(node.args(setup::node_tests("www/tests")?))
}

/// Node itself comes from outside: every other tool is installed by it.
fn node(sh: &Shell) -> Result<()> {
    let version = cmd!(sh, "node --version")
        .quiet()
        .read()
        .context("Node is needed to build the page: https://nodejs.org")?;
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        bail!("`node --version` says `{version}`");
    };
    if (major, minor) < NODE {
        bail!("Node {version} is too old, {}.{} is needed", NODE.0, NODE.1);
    }
    Ok(())
}

/// Is `pkg/dist` newer than everything that it is made of?
pub(crate) fn package_is_current() -> Result<bool> {
    let root = setup::root()?;
    let Ok(built) = fs::metadata(root.join("pkg/dist/full/imagecache.wasm")) else {
        return Ok(false);
    };
    let built = built.modified()?;
    for place in [
        "src",
        "docs/codes",
        "pkg/src",
        "pkg/js",
        "pkg/Cargo.toml",
        "xtask/src/pkg",
        "xtask/src/pkg.rs",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        if newest(&root.join(place))? > built {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(crate) fn newest(path: &std::path::Path) -> Result<SystemTime> {
    let mut newest = fs::metadata(path)?.modified()?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            newest = newest.max(self::newest(&entry?.path())?);
        }
    }
    Ok(newest)
}
