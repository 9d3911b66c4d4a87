//! What the exit code of `imagecache` means.

use std::process::{ExitCode, Termination};

/// The exit code, a contract: scripts and pipelines decide on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything asked for was done, and nothing was found that `--fail-on` names.
    Ok = 0,
    /// Everything asked for was done, and something was found that `--fail-on` names.
    Findings = 1,
    /// The command line was wrong; nothing was done.
    Usage = 2,
    /// Something asked for could not be done: an input could not be read, or an output not written. The answer, where
    /// there is one, is not complete.
    Failure = 3,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
