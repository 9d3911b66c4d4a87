//! The cloud side in figures: what the simulator verifies, what a call costs with our client and with the Python SDKs.

use anyhow::Result;
use xshell::{Shell, cmd};

use super::server::{Server, figure, release};
use super::time;
use crate::sdk;

/// Measures and prints.
pub(crate) fn print(sh: &Shell) -> Result<()> {
    print!("{}", rows(sh)?);
    Ok(())
}

/// The rows of the table.
pub(super) fn rows(sh: &Shell) -> Result<String> {
    let release = release(sh)?;
    let bench = release.join("cloud");
    let simulate = ["eci", "simulate", "--listen", "127.0.0.1:0", "--quiet"];
    let mut simulator = Server::start(&release, simulate)?;
    let first = simulator.line()?;
    let url = first.rsplit(' ').next().unwrap_or_default().to_owned();
    let port = url.rsplit(':').next().unwrap_or_default().to_owned();

    let verified = cmd!(sh, "{bench} verify").quiet().read()?;
    let called = cmd!(sh, "{bench} call {url}").quiet().read()?;
    let python = sdk::python(sh)?;
    let beside = cmd!(sh, "{python} tests/sdk/python/bench.py {port}")
        .quiet()
        .read()?;
    let figures = format!("{verified}\n{called}\n{beside}");
    let figure = |name: &str| figure(&figures, name);
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
