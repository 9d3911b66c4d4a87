//! The cloud side in figures: what the simulator verifies, what a call costs with our client and with the Python SDKs.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::time;
use crate::{sdk, setup};

/// Measures and prints.
pub(crate) fn print(sh: &Shell) -> Result<()> {
    print!("{}", rows(sh)?);
    Ok(())
}

/// A simulator that ends with its owner.
struct Simulator(Child);

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The rows of the table.
pub(super) fn rows(sh: &Shell) -> Result<String> {
    cmd!(
        sh,
        "cargo build --release --package imagecache-cli --package imagecache-bench"
    )
    .run()?;
    let root = setup::root()?;
    let target = sh
        .var_os("CARGO_TARGET_DIR")
        .map_or(root.join("target"), PathBuf::from);
    let release = target.join("release");
    let bench = release.join("cloud");
    let mut child = Command::new(release.join("imagecache"))
        .args(["eci", "simulate", "--listen", "127.0.0.1:0", "--quiet"])
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the simulator")?;
    let stdout = child.stdout.take().context("no output")?;
    let _simulator = Simulator(child);
    let first = BufReader::new(stdout).lines().next().context("no word")??;
    let url = first.rsplit(' ').next().unwrap_or_default().to_owned();
    let port = url.rsplit(':').next().unwrap_or_default().to_owned();

    let verified = cmd!(sh, "{bench} verify").quiet().read()?;
    let called = cmd!(sh, "{bench} call {url}").quiet().read()?;
    let python = sdk::python(sh)?;
    let beside = cmd!(sh, "{python} tests/sdk/python/bench.py {port}")
        .quiet()
        .read()?;
    let figures = format!("{verified}\n{called}\n{beside}");
    let figure = |name: &str| -> Result<f64> {
        let mut lines = figures.lines().filter_map(|line| line.split_once(' '));
        let found = lines.find(|(known, _)| *known == name);
        let (_, text) = found.with_context(|| format!("no figure {name} in {figures}"))?;
        Ok(text.trim().parse()?)
    };
    let ours = figure("call")?;
    let against = |name: &str| -> Result<String> {
        let theirs = figure(name)?;
        Ok(format!("{} ({:.1}×)", time(theirs), theirs / ours))
    };
    Ok(format!(
        "| requests with signature V3 verified in a second | {:.0} |\n\
         | requests with signature V1 verified in a second | {:.0} |\n\
         | calls of 8 clients answered in a second | {:.0} |\n\
         | a call of our client | {} |\n\
         | a call of `alibabacloud-eci20180808` (Python) | {} |\n\
         | a call of `aliyun-python-sdk-eci` (Python) | {} |\n",
        figure("v3")?,
        figure("v1")?,
        figure("served")?,
        time(ours),
        against("python-new")?,
        against("python-legacy")?,
    ))
}
