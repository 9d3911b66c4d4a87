//! The real binary, run in the crate's folder with an environment that holds no preference about colour.

#![allow(dead_code)] // not every test needs everything

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use snapbox::cmd::Command;

/// The command with these arguments.
pub(crate) fn imagecache(args: &[&str]) -> Command {
    Command::new(env!("CARGO_BIN_EXE_imagecache"))
        .args(args)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR")
        .env_remove("CLICOLOR_FORCE")
        .timeout(Duration::from_secs(60))
}

/// What the command with these arguments did.
pub(crate) fn run(args: &[&str]) -> Output {
    imagecache(args).output().unwrap()
}

/// Its standard output.
pub(crate) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// Its standard error.
pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// The real kubectl: the one on the PATH, or the one that the test command installs where there is none.
pub(crate) fn kubectl() -> PathBuf {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/kubectl/bin");
    std::env::split_paths(&on_path)
        .chain([installed])
        .map(|folder| folder.join("kubectl"))
        .find(|program| program.is_file())
        .expect("kubectl is needed: `cargo xtask test` installs it, or put one on the PATH")
}
