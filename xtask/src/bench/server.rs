//! A server of the release build that is measured.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::setup;

/// Builds the command and the benchmarks, and returns the folder that has them.
pub(super) fn release(sh: &Shell) -> Result<PathBuf> {
    cmd!(
        sh,
        "cargo build --release --package imagecache-cli --package imagecache-bench"
    )
    .run()?;
    Ok(setup::target(sh)?.join("release"))
}

/// A server that is killed with its owner.
pub(super) struct Server {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Server {
    /// Starts `imagecache` of this folder with these arguments.
    pub(super) fn start(
        release: &Path,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
    ) -> Result<Server> {
        let mut child = Command::new(release.join("imagecache"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start imagecache")?;
        let output = child.stdout.take().context("no output")?;
        Ok(Server {
            child,
            output: BufReader::new(output).lines(),
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the next line that it prints.
    pub(super) fn line(&mut self) -> Result<String> {
        Ok(self.output.next().context("the server printed no line")??)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a figure of `name value` lines.
pub(super) fn figure(figures: &str, name: &str) -> Result<f64> {
    let mut lines = figures.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find(|(known, _)| *known == name);
    let (_, text) = found.with_context(|| format!("no figure {name} in {figures}"))?;
    Ok(text.trim().parse()?)
}
