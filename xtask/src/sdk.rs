//! The official SDKs of the cloud, installed from their registries in pinned versions, against the simulator.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::setup;
use crate::test::Count;

/// Runs the tests of `tests/sdk` with the built command.
pub(crate) fn test(sh: &Shell, count: &mut Count) -> Result<()> {
    let root = setup::root()?;
    cmd!(sh, "cargo build --quiet --package imagecache-cli").run()?;
    let target = sh
        .var_os("CARGO_TARGET_DIR")
        .map_or(root.join("target"), std::path::PathBuf::from);
    let binary = target.join("debug/imagecache");
    let python = python(sh, &root, &target)?;
    count.run(
        Command::new(python)
            .arg("tests/sdk/python/run.py")
            .env("IMAGECACHE", &binary)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )?;
    node(sh, &root)?;
    count.run(
        Command::new("node")
            .args(["--test", "--test-reporter=tap", "--test-concurrency=1"])
            .arg("tests/sdk/node/eci.test.mjs")
            .env("IMAGECACHE", &binary),
    )
}

/// An interpreter that has the packages of `requirements.txt`, and no others.
pub(crate) fn python(sh: &Shell, root: &Path, target: &Path) -> Result<std::path::PathBuf> {
    let venv = target.join("sdk-python");
    let python = venv.join("bin/python");
    let wanted = root.join("tests/sdk/python/requirements.txt");
    let done = venv.join("installed.txt");
    let text = fs::read_to_string(&wanted)?;
    if fs::read_to_string(&done).is_ok_and(|installed| installed == text) {
        return Ok(python);
    }
    setup::python_venv(sh, &venv)?;
    cmd!(
        sh,
        "{python} -m pip install --quiet --no-deps --requirement {wanted}"
    )
    .run()?;
    fs::write(done, text)?;
    Ok(python)
}

/// The packages of the lock file.
fn node(sh: &Shell, root: &Path) -> Result<()> {
    let folder = root.join("tests/sdk/node");
    let [lock, done] = ["package-lock.json", "node_modules/.package-lock.json"]
        .map(|file| fs::metadata(folder.join(file)).and_then(|file| file.modified()));
    if done.ok() < lock.ok() {
        let _folder = sh.push_dir(&folder);
        cmd!(sh, "npm ci --silent --ignore-scripts").run()?;
    }
    Ok(())
}
