//! The real binary, run in the crate's folder with an environment that holds no preference about colour.

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
