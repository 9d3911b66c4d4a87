//! The exit codes of `imagecache`.

use std::process::{ExitCode, Termination};

/// The exit code. It is a contract: scripts and pipelines depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done, without findings that `--fail-on` names.
    Ok = 0,
    /// Done, with findings that `--fail-on` names.
    Findings = 1,
    /// Usage error; nothing was done.
    Usage = 2,
    /// An input could not be read, or an output not written. The answer is not complete.
    Failure = 3,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
