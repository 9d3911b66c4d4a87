//! `cargo xtask dev`: builds what `imagecache dev` serves, then starts it.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use xshell::Shell;

use crate::{setup, www};

/// What the page is built from, besides the npm package.
const PAGE: [&str; 5] = [
    "www/index.html",
    "www/package-lock.json",
    "www/public",
    "www/src",
    "www/vite.config.ts",
];

/// Builds the npm package and the page unless they are current, and runs `imagecache dev` with these arguments.
pub(crate) fn run(sh: &Shell, arguments: &[String]) -> Result<()> {
    if page_is_current()? {
        println!("www/dist is current");
    } else {
        www::run(sh)?;
    }
    let mut dev = Command::new("cargo");
    dev.args(["run", "--quiet", "--package", "imagecache-cli", "--", "dev"]);
    dev.args(arguments).current_dir(setup::root()?);
    start(&mut dev)
}

/// Returns whether the page is newer than its sources.
fn page_is_current() -> Result<bool> {
    let root = setup::root()?;
    let Ok(built) = fs::metadata(root.join("www/dist/index.html")) else {
        return Ok(false);
    };
    let built = built.modified()?;
    for place in PAGE {
        let place = root.join(place);
        if place.exists() && www::newest(&place)? > built {
            return Ok(false);
        }
    }
    Ok(www::package_is_current()? && www::newest(&root.join("pkg/dist"))? <= built)
}

/// Replaces this process, so that Ctrl-C reaches the command alone.
#[cfg(unix)]
fn start(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec()).context("cannot start cargo")
}

#[cfg(not(unix))]
fn start(command: &mut Command) -> Result<()> {
    let status = command.status().context("cannot start cargo")?;
    anyhow::ensure!(status.success(), "`imagecache dev` ended with {status}");
    Ok(())
}
