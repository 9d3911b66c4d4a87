//! The API server of one machine in figures, beside a real one.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::time;
use crate::setup;

/// What a real Kubernetes 1.36 API server with etcd takes on this class of machine.
const REAL: [(&str, &str, &str); 4] = [
    ("create", "processor time of a create", "2.35 ms"),
    ("status", "processor time of a status patch", "3.0 ms"),
    ("get", "processor time of a get", "1.0 ms"),
    ("delete", "processor time of a delete", "2.6 ms"),
];

/// Measures and prints.
pub(crate) fn print(sh: &Shell) -> Result<()> {
    print!("{}", rows(sh)?);
    Ok(())
}

/// A server that ends with its owner.
struct Server(Child);

impl Drop for Server {
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
    let state = target.join("bench-cluster");
    sh.remove_path(&state)?;
    let mut child = Command::new(release.join("imagecache"))
        .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"])
        .arg("--data")
        .arg(&state)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the server")?;
    let (stdout, id) = (child.stdout.take().context("no output")?, child.id());
    let _server = Server(child);
    let mut lines = BufReader::new(stdout).lines();
    let first = lines.next().context("no word")??;
    let address = first
        .split_once("http://")
        .and_then(|(_, rest)| rest.split(',').next())
        .context("no address")?;
    let bench = release.join("cluster");
    let id = id.to_string();
    let figures = cmd!(sh, "{bench} {address} {id}").quiet().read()?;
    sh.remove_path(&state)?;
    let figure = |name: &str| -> Result<f64> {
        let mut lines = figures.lines().filter_map(|line| line.split_once(' '));
        let found = lines.find(|(known, _)| *known == name);
        let (_, text) = found.with_context(|| format!("no figure {name} in {figures}"))?;
        Ok(text.trim().parse()?)
    };
    let mut rows = String::new();
    for (name, what, real) in REAL {
        rows += &format!("| {what} | {} | {real} |\n", time(figure(name)?));
    }
    rows += &format!(
        "| list of 10,000, {:.1} MB | {} | 338 ms |\n\
         | status writes a second, on the disk, one client | {:.0} | 241 |\n\
         | status writes a second, on the disk, ten clients | {:.0} | |\n",
        figure("list-bytes")? / 1e6,
        time(figure("list")?),
        figure("writes")?,
        figure("writes-at-once")?,
    );
    Ok(rows)
}
