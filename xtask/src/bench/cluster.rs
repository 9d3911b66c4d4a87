//! The API server of one machine in figures, beside a real one.

use std::ffi::OsStr;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::server::{Server, figure, release};
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

/// The rows of the table.
pub(super) fn rows(sh: &Shell) -> Result<String> {
    let release = release(sh)?;
    let state = setup::target(sh)?.join("bench-cluster");
    sh.remove_path(&state)?;
    let mut serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--log-level",
        "warn",
        "--data",
    ]
    .map(OsStr::new)
    .to_vec();
    serve.push(state.as_os_str());
    let mut server = Server::start(&release, serve)?;
    let first = server.line()?;
    let address = first
        .split_once("http://")
        .and_then(|(_, rest)| rest.split(',').next())
        .context("no address")?;
    let bench = release.join("cluster");
    let id = server.id().to_string();
    let figures = cmd!(sh, "{bench} {address} {id}").quiet().read()?;
    sh.remove_path(&state)?;
    let figure = |name: &str| figure(&figures, name);
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
